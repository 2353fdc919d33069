"""A card below its first line: what would go, how the work goes, how it went. Pure."""

from collections.abc import Iterator

import msgspec

from bot.lifecycle.route_change import NOT_SENT
from bot.models import (
    Failure,
    LiveRoute,
    Operation,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    Snapshot,
)
from bot.preview.rollback import can_roll_back
from bot.slack.messages.buttons import (
    APPROVE,
    CANCEL,
    REJECT,
    confirm,
    deciding_button,
    verifies_first,
)
from bot.slack.messages.impacts import impact_lines, restated
from bot.slack.messages.labels import words
from bot.slack.messages.mrkdwn import (
    Block,
    code,
    cut,
    duration,
    literal,
    prose,
    route_words,
    section,
    sentence,
)

_MOST_NAMED = 5
"""How many routes an enumeration names before it counts the rest, on a card about one route."""

_NAMED_IN_ALL = 10
"""What cards about many routes share: Slack takes some 13,000 characters in all blocks."""

_CONFIRM_LIMIT = 300
"""Characters of a confirm dialog's text (Slack, Block Kit reference)."""

_REASON_LEFT = 40
"""Less than this is not worth quoting of a reason."""


def preview(request: Request) -> Iterator[Block]:
    """What would go and what traffic would do next, a paragraph for each route."""
    snapshot = request.snapshot
    named = max(1, min(_MOST_NAMED, _NAMED_IN_ALL // max(1, len(snapshot.targets))))
    for target, impact in zip(snapshot.targets, snapshot.impacts, strict=True):
        lines = impact_lines(request, impact, named)
        yield section("\n".join([_target_line(snapshot, target), *lines]))
    if notes := list(_notes(request)):
        yield section("\n".join(f":warning: {note}" for note in notes))


def buttons(request: Request) -> Block:
    """Approve, with a confirm that restates the sentence; Reject; Cancel.

    Where something has to be typed, a form asks for that instead of the confirm.
    """
    noun = words(request).noun
    sure = confirm(f"Approve this {noun}?", _restated(request), f"Approve {noun}")
    more = {} if request.terms.typed else {"confirm": sure | {"style": "danger"}}
    return {
        "type": "actions",
        "elements": [
            deciding_button(f"Approve {noun}", APPROVE, request, style="danger", **more),
            deciding_button("Reject", REJECT, request),
            deciding_button("Cancel", CANCEL, request),
        ],
    }


def _notes(request: Request) -> Iterator[str]:
    if not request.snapshot.connection.attached:
        state = literal(request.snapshot.connection.state)
        noun = words(request).noun
        yield f"The connection is *{state}* now; the {noun} waits until it is attached."


def _target_line(snapshot: Snapshot, target: LiveRoute) -> str:
    kind = f"{target.kind} route" + (f", {literal(target.state)}" if target.state else "")
    parts = [route_words(target.route), kind]
    if len(snapshot.targets) > 1:
        parts.insert(0, f"*{literal(target.route.route_dest)}*")
    return " · ".join(parts)


def _restated(request: Request) -> str:
    """The sentence of the card once more, the worst of its news, and why; plain text."""
    text = sentence(words(request).do.capitalize(), request) + "."
    if len(request.routes) == 1:
        text += restated(request, request.snapshot.impacts[0])
    elif bare := uncovered(request):
        them = bare[0] if len(bare) == 1 else f"{len(bare)} of them"
        text += f" Nothing on this connection covers {them} any more."
    left = _CONFIRM_LIMIT - len(text) - len(" Why: “”")
    if request.reason and left > _REASON_LEFT:
        text += f" Why: “{cut(request.reason, left)}”"
    return text[:_CONFIRM_LIMIT]


def uncovered(request: Request) -> list[str]:
    """The routes whose traffic nothing takes over."""
    if request.operation is Operation.RESTORE:
        return []
    impacts = request.snapshot.impacts
    return [i.route.route_dest for i in impacts if i.carries and not i.takers]


_BAR = 10
"""Characters of the progress bar."""

_MARKS = {
    RouteState.QUEUED: "waiting",
    RouteState.SENDING: "sending",
    RouteState.DELETING: "deleting",
    RouteState.RESTORING: "restoring",
    RouteState.DELETED: "deleted",
    RouteState.RESTORED: "restored",
    RouteState.ALREADY_GONE: "was already gone",
    RouteState.ALREADY_THERE: "was there already",
    RouteState.UNCONFIRMED: "unconfirmed",
}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a card shows besides its request: the moment, and what others know.

    `now` is in seconds since the epoch; `ahead` counts the requests that come first in the
    connection's queue; `usual` is how many seconds a change takes there.
    """

    now: float
    ahead: int = 0
    usual: float = 40.0


def progress(request: Request, view: View) -> Iterator[Block]:
    """How far it is: the place in the queue, or the bar and what is being done right now."""
    yield section(_progress(request, view))
    yield from route_lines(request)


def route_lines(request: Request) -> Iterator[Block]:
    """The state of each route, where there are several."""
    if len(request.routes) > 1:
        marks = _MARKS | {RouteState.FAILED: f"not {words(request).done}"}
        lines = (f"{code(r.route.route_dest)} · {marks[r.state]}" for r in request.routes)
        yield section("\n".join(lines))


def _progress(request: Request, view: View) -> str:
    if view.ahead:
        before = "1 request is" if view.ahead == 1 else f"{view.ahead} requests are"
        return f"Waiting its turn: {before} ahead on this connection."
    route = _in_hand(request)
    elapsed = max(0.0, view.now - (route.started_at or view.now))
    # The bar is never full before the proof is there.
    filled = min(_BAR - 1, int(_BAR * elapsed / max(view.usual, 1.0)))
    bar = "▰" * filled + "▱" * (_BAR - filled)
    return f"{bar}  {duration(elapsed)}, usually {duration(view.usual)} · {_doing(request, route)}"


def _doing(request: Request, route: RouteChange) -> str:
    if route.state.watched:
        if route.watch.state == "attached":
            return words(request).checking
        return f"connection is {literal(route.watch.state)}" if route.watch.state else "sent"
    if route.outcome_unknown:
        return "no answer yet, looking before anything is repeated"
    return "waiting for the connection" if route.waits else "about to send"


def _in_hand(request: Request) -> RouteChange:
    return request.routes[-1 if request.current is None else request.current]


UNSURE = "It may or may not have been done. Look in the console; we go on looking."
"""Neither success nor failure: what to make of *unconfirmed*."""

_SENT = frozenset(
    {
        RequestState.DELETED,
        RequestState.RESTORED,
        RequestState.FAILED,
        RequestState.UNCONFIRMED,
    }
)


def ending(request: Request) -> Iterator[Block]:
    """How a request ended, and what a person may want to do now."""
    if request.state not in _SENT:
        yield section(_nothing_sent(request))
        yield from _names(request)
        return
    if request.state in (RequestState.DELETED, RequestState.RESTORED):
        yield section(f"Proven: {proof(request)}")
    elif request.state is RequestState.UNCONFIRMED:
        yield section(_unconfirmed(request))
    yield from route_lines(request)
    yield from _failures(request)


def _nothing_sent(request: Request) -> str:
    match request.state:
        case RequestState.VOID:
            stopped = "It was stopped before sending. Ask again to see it as it is now."
            return f"Nothing was sent: {prose(request.why)}\n{stopped}"
        case RequestState.EXPIRED:
            who = "Too few" if request.approvers else "Nobody"
            return f"{who} approved in time. Nothing was sent; ask again if it still matters."
        # Of a person the reason stands beside their name.
        case RequestState.CANCELLED if request.why and not request.decisions[-1].by:
            return f"Nothing was sent: {prose(request.why)}"
        case _:
            return "Nothing was sent."


def _unconfirmed(request: Request) -> str:
    said = f"We asked Alibaba Cloud to {words(request).do} it and can't prove that it is so."
    rollback = (
        f"\n*{words(request).rollback}* {verifies_first(request)}" if can_roll_back(request) else ""
    )
    return f"{said} {UNSURE}{rollback}"


def proof(request: Request) -> str:
    """What was seen that proves it."""
    there = "present" if request.operation is Operation.RESTORE else "absent"
    if all(r.watch.updating_seen and not r.watch.contradicted for r in request.routes):
        return f"updating seen, then attached and the route {there}"
    return f"attached and the route {there}, three reads in a row"


def _names(request: Request) -> Iterator[Block]:
    """Which routes it was about, where the first line only counts them."""
    if len(request.routes) > 1:
        names = (f"{code(r.route.route_dest)}" for r in request.routes)
        yield section(", ".join(names))


def _failures(request: Request) -> Iterator[Block]:
    for route in request.routes:
        if route.failure is not None and route.failure.code != NOT_SENT.code:
            yield section(_failure(route.failure))


def _failure(failure: Failure) -> str:
    lines = [f"*{prose(failure.meaning)}*", prose(failure.next_step)]
    ids = [f"code {code(failure.code)}"]
    if failure.alibaba_request_id:
        ids.append(f"Alibaba request {code(failure.alibaba_request_id)}")
    return "\n".join([*filter(None, lines), " · ".join(ids)])
