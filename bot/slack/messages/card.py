"""The card of a request: what goes, what traffic does next, who decides, how it went. Pure.

One message, edited in place. The first line says what happens to what; ids come after. What
stands below it depends on the state: `pending` asks, `progress` shows the work, `ending` says
how it went.
"""

from collections.abc import Iterator

from bot.models import Request, RequestState, RouteState, Verdict
from bot.slack.messages.ending import ending
from bot.slack.messages.pending import APPROVE, CANCEL, REJECT, buttons, preview
from bot.slack.messages.progress import View, progress
from bot.slack.messages.texts import (
    Block,
    Message,
    clock,
    context,
    duration,
    escape,
    header,
    mention,
    plain,
    quoted,
    route_words,
    sentence,
)

__all__ = ["APPROVE", "CANCEL", "REJECT", "Message", "View", "card", "first_line"]

_MOST_MENTIONED = 20
"""How many approvers a card pings: more than that is a setting to be looked at."""

_VERBS = {
    RequestState.PENDING: "Delete",
    RequestState.APPROVED: "Approved: delete",
    RequestState.EXECUTING: "Deleting",
    RequestState.DELETED: "Deleted",
    RequestState.FAILED: "Not deleted:",
    RequestState.UNCONFIRMED: "Unconfirmed: deletion of",
    RequestState.REJECTED: "Rejected: delete",
    RequestState.EXPIRED: "Expired: delete",
    RequestState.CANCELLED: "Cancelled: delete",
    RequestState.VOID: "Void: delete",
}


def first_line(request: Request) -> str:
    """What happens to what, in one line of plain text."""
    if request.state is RequestState.DELETED:
        return f"{sentence('Deleted', request)} in {duration(_took(request))}"
    gone = any(r.state is RouteState.DELETED for r in request.routes)
    if request.state is RequestState.FAILED and gone:
        return sentence("Only partly deleted:", request)
    return sentence(_VERBS[request.state], request)


def card(request: Request, view: View) -> Message:
    """The card as it should look at `view.now`."""
    line = first_line(request)
    return escape(line), [header(line), *_about(request), *_body(request, view)]


def _about(request: Request) -> Iterator[Block]:
    """The connection by the name that people know it by, and the route in full."""
    connection = request.snapshot.connection
    parts: list[str | Block] = [plain(connection.name)] if connection.name else []
    if request.state is RequestState.PENDING:
        parts.append(f"connection {escape(connection.state)}")
    elif len(request.routes) == 1:
        parts.append(route_words(request.routes[0].route))
    if parts:
        yield context(*parts)


def _body(request: Request, view: View) -> Iterator[Block]:
    if request.state is RequestState.PENDING:
        yield from preview(request)
        yield _asked(request)
        yield _needed(request, view)
        yield buttons(request)
        return
    yield from progress(request, view) if request.state.open else ending(request)
    yield _asked(request)
    yield from _decisions(request)


def _took(request: Request) -> float:
    sent = [r.first_sent_at for r in request.routes if r.first_sent_at]
    return request.ended_at - min(sent, default=request.ended_at)


# --- people --------------------------------------------------------------------------


def _asked(request: Request) -> Block:
    asked = f"Asked by {mention(request.requester)}"
    return context(asked, quoted(request.reason)) if request.reason else context(asked)


def _needed(request: Request, view: View) -> Block:
    """Who may decide, mentioned so that it is pinged, and until when."""
    named = " ".join(mention(a) for a in view.approvers[:_MOST_MENTIONED])
    more = len(view.approvers) - _MOST_MENTIONED
    needed = f"{named} and {more} more" if more > 0 else named or "the approvers"
    return context(f"Needs one of {needed} · expires {clock(request.expires_at)} · `{request.id}`")


def _decisions(request: Request) -> Iterator[Block]:
    for decision in request.decisions:
        if decision.verdict is Verdict.EXPIRED or not decision.by:
            continue
        line = f"{decision.verdict.capitalize()} by {mention(decision.by)} {clock(decision.at)}"
        yield context(line, quoted(decision.reason)) if decision.reason else context(line)
