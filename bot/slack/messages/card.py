"""The card of a request: what goes, what traffic does next, who decides, how it went. Pure.

One message, edited in place. The first line says what happens to what; ids come after. What
stands below it depends on the state: `pending` asks, `progress` shows the work, `ending` says
how it went.
"""

from collections.abc import Iterator

from bot import lifecycle
from bot.models import Request, RequestState, Verdict
from bot.preview.rollback import can_roll_back
from bot.slack.messages.buttons import (
    AGAIN,
    APPROVE,
    CANCEL,
    COUNTERSIGN,
    REJECT,
    RESTORE,
    again_button,
    countersign_button,
    restore_button,
)
from bot.slack.messages.card_body import View, buttons, ending, preview, progress
from bot.slack.messages.labels import words
from bot.slack.messages.mrkdwn import (
    Block,
    Message,
    clock,
    code,
    context,
    duration,
    header,
    literal,
    mention,
    named,
    plain,
    quoted,
    route_words,
    section,
    sentence,
)

__all__ = [
    "AGAIN",
    "APPROVE",
    "CANCEL",
    "COUNTERSIGN",
    "REJECT",
    "RESTORE",
    "Message",
    "View",
    "card",
    "first_line",
]

_FIRST = {
    RequestState.PENDING: "{do}",
    RequestState.APPROVED: "Approved: {do}",
    RequestState.EXECUTING: "{doing}",
    RequestState.DELETED: "{done}",
    RequestState.RESTORED: "{done}",
    RequestState.FAILED: "Not {done}:",
    RequestState.UNCONFIRMED: "Unconfirmed: {noun} of",
    RequestState.REJECTED: "Rejected: {do}",
    RequestState.EXPIRED: "Expired: {do}",
    RequestState.CANCELLED: "Cancelled: {do}",
    RequestState.VOID: "Void: {do}",
}


def first_line(request: Request) -> str:
    """What happens to what, in one line of plain text."""
    line = _FIRST[request.state]
    if request.state is RequestState.APPROVED and request.glass_broken:
        line = "about to {do}"  # for nobody has approved it
    some = any(r.state.done for r in request.routes)
    if request.state is RequestState.FAILED and some:
        line = "Only partly {done}:"
    verb = line.format_map(words(request)._asdict())
    said = sentence(verb[0].upper() + verb[1:], request)
    if request.state in (RequestState.DELETED, RequestState.RESTORED):
        said += f" in {duration(_took(request))}"
    return f"Break-glass: {said}" if request.glass_broken else said


def card(request: Request, view: View) -> Message:
    """The card as it should look at `view.now`."""
    blocks = [header(first_line(request)), *_about(request), *_body(request, view)]
    return _notification(request), blocks


def _notification(request: Request) -> str:
    """What a lock screen shows: the first line, and of what only waits that it does."""
    if request.state is not RequestState.PENDING:
        return literal(first_line(request))
    wanted = literal(sentence(words(request).do, request))
    return f"Approval wanted: {wanted}, asked by {mention(request.requester)}"


def _about(request: Request) -> Iterator[Block]:
    """The connection by the name that people know it by, and the route in full."""
    connection = request.snapshot.connection
    parts: list[str | Block] = [plain(connection.name)] if connection.name else []
    if request.state is RequestState.PENDING:
        parts.append(f"connection {literal(connection.state)}")
    elif len(request.routes) == 1:
        parts.append(route_words(request.routes[0].route))
    if parts:
        yield context(*parts)


def _body(request: Request, view: View) -> Iterator[Block]:
    if request.state is RequestState.PENDING:
        yield from preview(request)
        yield _asked(request)
        yield from _decisions(request)
        yield _needed(request)
        yield buttons(request)
        return
    yield from _glass(request)
    yield from progress(request, view) if request.state.open else ending(request)
    yield _asked(request)
    yield from _decisions(request)
    yield from _actions(request)


def _took(request: Request) -> float:
    sent = [r.first_sent_at for r in request.routes if r.first_sent_at]
    return request.ended_at - min(sent, default=request.ended_at)


# --- people --------------------------------------------------------------------------


def _asked(request: Request) -> Block:
    """Who asked, and why; with the id, which a pending card has beside its expiry."""
    asked = f"Asked by {mention(request.requester)}"
    if request.state is not RequestState.PENDING:
        asked += f" · {code(request.id)}"
    if request.origin:
        asked += f" · undoes {code(request.origin)}"
    return context(asked, quoted(request.reason)) if request.reason else context(asked)


def _needed(request: Request) -> Block:
    """Who may decide, mentioned so that it is pinged, how many of them, and until when."""
    some = request.terms.approvals
    left = lifecycle.missing(request)
    needs = "one" if some == 1 else f"{left} more" if left < some else str(some)
    typing = f", each types {literal(request.terms.typed)}" if request.terms.typed else ""
    parts = [
        f"Needs {needs} of {named(request.terms.approvers.ids)}{typing}",
        f"expires {clock(request.expires_at)}",
        f"{code(request.id)}",
    ]
    return context(" · ".join(parts))


def _glass(request: Request) -> Iterator[Block]:
    """That somebody went ahead alone, and who is to look at it."""
    if not request.glass_broken:
        return
    said = f":rotating_light: *Break-glass: {mention(request.requester)} went ahead alone.*"
    if request.countersigned:
        yield section(said)
        return
    until = clock(request.created_at + request.terms.countersign, day=True)
    who = named(request.terms.approvers.ids)
    yield section(f"{said} One of {who} has to countersign by {until}.")


def _decisions(request: Request) -> Iterator[Block]:
    for decision in request.decisions:
        if decision.verdict in (Verdict.EXPIRED, Verdict.BROKE_GLASS) or not decision.by:
            continue
        line = f"{decision.verdict.capitalize()} by {mention(decision.by)} {clock(decision.at)}"
        yield context(line, quoted(decision.reason)) if decision.reason else context(line)


# --- what can be done now --------------------------------------------------------------


def _actions(request: Request) -> Iterator[Block]:
    elements = []
    if request.glass_broken and not request.countersigned:
        elements.append(countersign_button(request))
    if can_roll_back(request):
        elements.append(restore_button(request))
    if request.state in (RequestState.EXPIRED, RequestState.VOID):
        elements.append(again_button(request))
    if elements:
        yield {"type": "actions", "elements": elements}
