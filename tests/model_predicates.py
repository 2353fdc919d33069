"""What must hold of every state of the small world, and of every step from one to the next.

`explore` goes through all of them, breadth first, and says of the first violation how it came.
"""

from collections.abc import Iterator
from typing import NamedTuple

from builders import ALICE
from model_world import OTHER, Deed, Known, World, eligible, moment, what_next

from bot.models import RequestState, RouteState, Verdict

_UNSENT = (RequestState.PENDING, RequestState.REJECTED, RequestState.EXPIRED)
_UNACCEPTED = (RequestState.CANCELLED, RequestState.VOID)
"""Where something may have been sent, and was refused."""
_UNDONE = (RouteState.QUEUED, RouteState.FAILED, RouteState.ALREADY_GONE)


def violations(before: World, deed: Deed, after: World) -> Iterator[str]:
    """What is wrong with a step, in words."""
    yield from _approved(before, deed, after)
    yield from _one_effect(after)
    yield from _one_at_a_time(before, deed)
    yield from _ends(before, after)
    yield from _told(before, deed, after)
    yield from _as_approved(deed)


def _approved(before: World, deed: Deed, after: World) -> Iterator[str]:
    """G1: nothing is sent, and nothing counts as approved, without enough people who may."""
    record = after.record
    if record.decisions[: len(before.record.decisions)] != before.record.decisions:
        yield "G1: a decision was taken back"
    for new in record.decisions[len(before.record.decisions) :]:
        if new.verdict is Verdict.APPROVED and not eligible(new.by):
            yield f"G1: approved by {new.by}, who may not"
        if new.verdict is Verdict.STOPPED and new.by != ALICE and not eligible(new.by):
            yield f"G1: stopped by {new.by}, who may not"
        timely = (Verdict.EXPIRED, Verdict.STOPPED)
        if new.verdict not in timely and moment(deed.began) >= record.expires_at:
            yield "G1: decided after it had expired"
    final = [d for d in record.decisions if d.verdict is not Verdict.APPROVED]
    if len(final) > 1 or (final and record.decisions[-1] is not final[0]):
        yield "G1: decided twice"
    if deed.send and (final or len(set(record.approvers)) < record.terms.approvals):
        yield "G1: sent without enough approvals"


def _one_effect(after: World) -> Iterator[str]:
    """G2: one token for each route, stored before it is used, and at most one effect."""
    for route in after.record.routes:
        tokens = {send.token for send in after.sends if send.route == route.route}
        if len(tokens) > 1:
            yield "G2: two tokens for one route"
        if not tokens <= {route.client_token}:
            yield "G2: a token that is not on record"
        if after.cloud.effects.count(route.route) > 1:
            yield "G2: two effects for one route"


def _one_at_a_time(before: World, deed: Deed) -> Iterator[str]:
    """G3: nothing is sent for a route before those ahead of it are proven gone."""
    routes = before.record.routes
    if deed.send:
        ahead = routes[: [r.route for r in routes].index(deed.send.route)]
        if not all(route.state.done for route in ahead):
            yield "G3: sent before the route ahead was done"


def _ends(before: World, after: World) -> Iterator[str]:
    """G4: an outcome is true and final; only what is unconfirmed may still be proven."""
    was, now = before.record.state, after.record.state
    if not was.open and now is not was:
        late_proof = was is RequestState.UNCONFIRMED
        if not late_proof or now not in (RequestState.DELETED, RequestState.FAILED):
            yield f"G4: {was} became {now}"
    if now.open and not after.scheduled and not after.workers:
        yield f"G4: {now}, and nobody will look at it again"
    if after.sends and now in _UNSENT:
        yield f"G4: sent, and {now}"
    working = (after.cloud.effects, after.cloud.air, after.cloud.task)
    if now in _UNACCEPTED and any(working):
        yield f"G4: accepted, and {now}"
    for old, route in zip(before.record.routes, after.record.routes, strict=True):
        if route.state in _UNDONE and route.route in after.cloud.effects:
            yield f"G4: done by us, and told as {route.state}"
        proven = old.state is not route.state and route.state.done
        if proven and route.route in after.cloud.there:
            yield "G4: told as deleted, and it is there"


def _told(before: World, deed: Deed, after: World) -> Iterator[str]:
    """G5: whatever changes for people is an event, and so a line of the thread and the audit."""
    was = [before.record.state, *(r.state.ended for r in before.record.routes)]
    now = [after.record.state, *(r.state.ended for r in after.record.routes)]
    if was != now and not deed.told:
        yield "G5: an outcome that nothing tells of"


def _as_approved(deed: Deed) -> Iterator[str]:
    """G6: what is sent was looked at in this very step, and was what the approver saw."""
    if deed.send and deed.record:
        wanted = {r.route for r in deed.record.routes if not r.state.done}
        if deed.looked != wanted | {OTHER}:
            yield "G6: sent what was not as approved"


class Found(NamedTuple):
    """What the search saw: how many states and steps, and the first violation with its way."""

    states: int
    steps: int
    violation: str = ""
    way: tuple[str, ...] = ()


async def explore(start: World) -> Found:
    """Try everything in every order."""
    came: dict[World, tuple[World, Deed] | None] = {start: None}
    back: dict[World, list[World]] = {}
    known: Known = {}
    steps = 0
    frontier = [start]
    while frontier:
        reached: list[World] = []
        for before in frontier:
            for deed, after in await what_next(before, known):
                steps += 1
                wrong = next(violations(before, deed, after), "")
                if after not in came:
                    came[after] = (before, deed)
                    reached.append(after)
                if wrong:
                    return Found(len(came), steps, wrong, (*_way(came, before), deed.words))
                back.setdefault(after, []).append(before)
        frontier = reached
    if stuck := _never_ends(came, back):
        return Found(len(came), steps, "G4: it can never end", _way(came, stuck))
    return Found(len(came), steps)


Came = dict[World, tuple[World, Deed] | None]


def _way(came: Came, last: World) -> tuple[str, ...]:
    words: list[str] = []
    link = came[last]
    while link is not None:
        words.append(link[1].words)
        link = came[link[0]]
    return tuple(reversed(words))


def _never_ends(came: Came, back: dict[World, list[World]]) -> World | None:
    """A state from which no end can be reached any more."""
    ended = [state for state in came if not state.record.state.open]
    ends = set(ended)
    while ended:
        for before in back.get(ended.pop(), ()):
            if before not in ends:
                ends.add(before)
                ended.append(before)
    # Close to the end of time a deadline may not come any more.
    early = (state for state in came if state.left.ticks >= 2)
    return next((state for state in early if state not in ends), None)
