"""Each state of a card, list and direct message with everyday words, for people to look at.

`golden_messages` has the same with the worst that there can be in them.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from builders import (
    ABSENT,
    ALICE,
    BOB,
    CAROL,
    UPDATING,
    a_request,
    a_route,
    a_snapshot,
    accepted,
    approved,
    decided,
    in_state,
    listed,
    live,
    sent,
)
from msgspec.structs import replace

from bot import lifecycle
from bot.follow_up import monitoring
from bot.history import Found
from bot.lifecycle import route_change
from bot.models import (
    Impact,
    Operation,
    Request,
    RequestState,
    RouteKind,
    RouteState,
    Snapshot,
    Terms,
    Tunnel,
    VcoRoute,
    Verdict,
    WaitCause,
)
from bot.sandbox.slack import workspace
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.direct import direct_message
from bot.slack.messages.history import HistoryFound, history
from bot.slack.messages.listing import routes
from bot.slack.messages.related import Related
from bot.store import CardState

Json = dict[str, Any]

LINK = "https://acme-networks.slack.com/archives/C0NETOPS1/p1"
REASON = "leaking prod prefix, INC-4211"
ONE = (a_route("192.168.10.0/24"),)
FIVE = tuple(a_route(f"192.168.{10 + n}.0/24") for n in range(5))
GLASS = replace(Terms(approvers=a_request().terms.approvers), countersign=7200.0)

_SINCE = 20_717 * 24 * 3600
"""When it was, whatever the builders say: their clock begins with the epoch. Whole days, for what
is written in UTC is not moved."""


class State(NamedTuple):
    """A state and the blocks that show it."""

    name: str
    blocks: list[Json]


def states() -> Iterator[State]:
    """All of them, in the order in which people meet them."""
    for name, request, view in _cards():
        yield State(name, _here(card(request, view)[1]))
    pending = _asked(RequestState.PENDING)
    yield State("direct message", _here(direct_message(pending, CAROL, LINK)[1]))
    connection = _snapshot(*FIVE).connection
    some = [live(one) for one in FIVE]
    some[1] = replace(some[1], kind=RouteKind.BGP)
    yield State("list", _here(routes(connection, listed(some))[1]))
    found = [
        (Found(replace(_asked(state), id=f"r-{n}")), CardState(link=LINK))
        for n, state in enumerate((RequestState.DELETED, RequestState.REJECTED))
    ]
    yield State("history", _here(history(HistoryFound(found), None)[1]))


def _cards() -> Iterator[tuple[str, Request, View]]:
    now = View(now=1124.0, usual=40.0, until=1703.0)
    yield "needs a decision", _asked(RequestState.PENDING), now
    yield "several routes", _asked(RequestState.PENDING, *FIVE), now
    yield "waits for its turn", _asked(RequestState.APPROVED), replace(now, ahead=1)
    yield "held up", _busy(), now
    under_way = route_change.observe(
        accepted(approved(_asked(RequestState.PENDING))), 1110.0, UPDATING
    )
    yield "under way", under_way, now
    yield "several under way", _some_done(), now
    done = _asked(RequestState.DELETED)
    yield "done", done, now
    yield "worse since", _worse(done), now
    back = replace(_asked(RequestState.RESTORED, operation=Operation.RESTORE), id="r-back")
    yield "taken back", done, replace(now, rollback=Related(back, LINK))
    yield "refused by the cloud", _asked(RequestState.FAILED), now
    yield "not confirmed", _asked(RequestState.UNCONFIRMED), now
    yield "rejected", _asked(RequestState.REJECTED), now
    yield "expired", _asked(RequestState.EXPIRED), now
    yield "void", _asked(RequestState.VOID), now
    stop = decided(Verdict.STOPPED, by=BOB, at=1105.0)
    yield "stopped", lifecycle.stop(_busy(), stop), now
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason=REASON)
    glass = lifecycle.record_decision(_asked(RequestState.PENDING, terms=GLASS), alone)
    yield "break-glass", accepted(glass), now


def _snapshot(*some: VcoRoute) -> Snapshot:
    """The first route leads nowhere else afterwards, the others are covered."""
    seen = a_snapshot(*some)
    tunnel = Tunnel(id="tun-1", status="ipsec_sa_established", up=True)
    over = live(a_route("192.168.0.0/16"))
    return replace(
        seen,
        connection=replace(seen.connection, name="office-shanghai", tunnels=(tunnel,)),
        impacts=tuple(
            Impact(route=r, carries=(r.route_dest,), takers=() if n == 1 else (over,))
            for n, r in enumerate(some)
        ),
    )


def _asked(state: RequestState, *some: VcoRoute, **more: Any) -> Request:  # noqa: ANN401 - arguments of in_state
    some = some or ONE
    return in_state(state, *some, snapshot=_snapshot(*some), reason=REASON, **more)


def _busy() -> Request:
    request = sent(approved(_asked(RequestState.PENDING)))
    return route_change.wait(request, 1104.0, "TaskConflict", "", WaitCause.BUSY)


def _some_done() -> Request:
    request = approved(_asked(RequestState.PENDING, *FIVE))
    for at in (1143.0, 1184.0):
        seen = route_change.observe(accepted(request, at - 40), at - 30, UPDATING)
        seen = route_change.observe(seen, at, ABSENT)
        request = route_change.end(seen, at, RouteState.DELETED)
    return accepted(request, 1190.0)


def _worse(request: Request) -> Request:
    down = replace(
        request.snapshot.connection.tunnels[0], status="ike_sa_not_established", up=False
    )
    seen = replace(request.snapshot.connection, tunnels=(down,))
    return monitoring.observe(request, 1200.0, seen)


def _here(blocks: list[Json]) -> list[Json]:
    """The same, of people whom the sandbox knows, at a time that one may believe."""
    text = json.dumps(blocks, ensure_ascii=False)
    for ours, theirs in (
        (f"{ALICE}", workspace.ALICE),
        (f"{BOB}", workspace.BOB),
        (f"{CAROL}", workspace.CAROL),
        ("S0NETOPS", workspace.NETOPS),
    ):
        text = text.replace(ours, theirs)
    text = re.sub(r"<!date\^(\d+)", lambda m: f"<!date^{int(m[1]) + _SINCE}", text)
    text = re.sub(r'"timestamp": (\d+)', lambda m: f'"timestamp": {int(m[1]) + _SINCE}', text)
    shown: list[Json] = json.loads(text)
    return shown
