"""A card below its first line: what would go, how the work goes, how it went. Pure."""

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from bot import lifecycle
from bot.lifecycle.route_change import NOT_SENT, perhaps_accepted_at
from bot.models import (
    EventKind,
    Failure,
    Operation,
    Request,
    RequestState,
    RouteChange,
    RouteState,
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
from bot.slack.messages.first_line import done
from bot.slack.messages.impacts import restated
from bot.slack.messages.labels import (
    APPROVE_AND,
    APPROVE_ONE_OF,
    REJECT_WORD,
    WITHDRAW,
    Symbol,
    nothing,
    words,
)
from bot.slack.messages.monitored import quiet
from bot.slack.messages.mrkdwn import (
    Block,
    code,
    cut,
    duration,
    literal,
    names_all,
    prose,
    section,
    sentence,
    some_are,
)
from bot.slack.messages.per_route import ended, if_done, impact, now_lines, states, uncovered
from bot.slack.messages.related import Related, voided_by
from bot.slack.messages.stays import stays_words
from bot.slack.messages.stops import Wait, waiting_line
from bot.slack.messages.unconfirmed import unconfirmed_line

_CONFIRM_LIMIT = 300
"""Characters of a confirm dialog's text (Slack, Block Kit reference)."""

_REASON_LEFT = 40
"""Less than this is not worth quoting of a reason."""


def preview(request: Request) -> Iterator[Block]:
    """What would go and what traffic would do next, a paragraph for each route."""
    yield from impact(request)
    if notes := list(_notes(request)):
        yield section("\n".join(f"{Symbol.LOOK} {note}" for note in notes))


def buttons(request: Request) -> Block:
    """What decides, and *Withdraw* for who asked."""
    withdraw = deciding_button(WITHDRAW, CANCEL, request)
    return {"type": "actions", "elements": [*deciding_buttons(request), withdraw]}


def deciding_buttons(request: Request) -> list[Block]:
    """Approve, with a confirm that restates the sentence; Reject.

    Where something has to be typed, a form asks for that instead of the confirm. Only what takes
    something away is red.
    """
    style = "danger" if request.operation is Operation.DELETE else "primary"
    approve = approve_words(request)
    sure = confirm(f"{approve}?", _restated(request), approve)
    more = {} if request.terms.typed else {"confirm": sure | {"style": style}}
    return [
        deciding_button(approve, APPROVE, request, style=style, **more),
        deciding_button(REJECT_WORD, REJECT, request),
    ]


def approve_words(request: Request) -> str:
    """What a press of the button does: the last approval that is needed starts the change."""
    left, some = lifecycle.missing(request), request.terms.approvals
    if left > 1:
        return APPROVE_ONE_OF.format(given=some - left + 1, all=some)
    return APPROVE_AND.format(do=words(request).do)


def _notes(request: Request) -> Iterator[str]:
    if not request.snapshot.connection.attached:
        state = literal(request.snapshot.connection.state)
        noun = words(request).noun
        yield f"The connection is *{state}* now; the {noun} waits until it is attached."


def _restated(request: Request) -> str:
    """The sentence of the card once more, that it runs at once, its news, and why; plain text."""
    text = f"{sentence(words(request).do.capitalize(), request)}. {_starts(request)}"
    if len(request.routes) == 1:
        text += f" {restated(request, request.snapshot.impacts[0])}"
    else:
        text += _several(request, _CONFIRM_LIMIT - len(text))
    left = _CONFIRM_LIMIT - len(text) - len(" Why: “”")
    if request.reason and left > _REASON_LEFT:
        text += f" Why: “{cut(request.reason, left)}”"
    return text[:_CONFIRM_LIMIT]


def _starts(request: Request) -> str:
    """When it runs, once this approval is given."""
    more = lifecycle.missing(request) - 1
    if more > 0:
        return f"{some_are(more, 'more approval')} needed after yours."
    if request.snapshot.connection.attached:
        return "It runs at once."
    return "It runs as soon as the connection is attached."


def _several(request: Request, room: int) -> str:
    """The worst of the news about several routes, and as many of their names as fit."""
    bare = uncovered(request)
    them = bare[0] if len(bare) == 1 else f"{len(bare)} of them"
    said = f" Nothing on this connection covers {them} any more." if bare else ""
    if names_all(request):
        return said
    names = " They are " + ", ".join(r.route.route_dest for r in request.routes)
    return said + cut(names, room - len(said))


_BAR = 10
"""Characters of the progress bar."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What a card shows besides its request: the moment, and what others know.

    `now` is in seconds since the epoch; `ahead` counts the requests that come first in the
    connection's queue; `usual` is how many seconds a change takes there; `until` is when the route
    in hand is given up, 0 where that is not known yet. `beside` are other open requests on the
    connection, `rollback` is the one that takes this one back, `voided_by` the one that changed
    what was approved.
    """

    now: float
    ahead: int = 0
    usual: float = 40.0
    until: float = 0.0
    beside: tuple[Related, ...] = ()
    rollback: Related | None = None
    voided_by: Related | None = None

    @property
    def related(self) -> tuple[Related, ...]:
        """All other requests that it shows."""
        return (*self.beside, *filter(None, (self.rollback, self.voided_by)))


def undone(view: View) -> bool:
    """Whether the request has been taken back."""
    return view.rollback is not None and done(view.rollback.request)


def progress(request: Request, view: View) -> Iterator[Block]:
    """How far it is: what it waits for, or the bar and what is being done right now."""
    yield section(_progress(request, view))
    if names_all(request):
        yield from states(request)


def _progress(request: Request, view: View) -> str:
    route = _in_hand(request)
    if view.ahead or not route.begun:
        # Waiting is no progress: there is no bar until something may have been accepted.
        return waiting_line(request, route, Wait(view.ahead, view.until))
    began = perhaps_accepted_at(request, route) or route.first_sent_at or view.now
    elapsed = max(0.0, view.now - began)
    # The bar is never full before the proof is there.
    filled = min(_BAR - 1, int(_BAR * elapsed / max(view.usual, 1.0)))
    bar = "▰" * filled + "▱" * (_BAR - filled)
    return f"{bar}  {duration(elapsed)}, usually {duration(view.usual)} · {_doing(request, route)}"


def _doing(request: Request, route: RouteChange) -> str:
    seen = f"connection is {literal(route.watch.state)}" if route.watch.state else ""
    if route.outcome_unknown and not route.state.watched:
        return ", ".join(filter(None, [UNANSWERED, seen]))
    if route.watch.state == "attached":
        return words(request).checking
    return seen or ("sent" if route.state.watched else "sending")


def _in_hand(request: Request) -> RouteChange:
    return request.routes[-1 if request.current is None else request.current]


UNANSWERED = "no answer from Alibaba Cloud, checking before anything is repeated"

UNSURE = "It may or may not have been done. Look in the console; the bot goes on checking."
"""Neither success nor failure: what to make of *unconfirmed*."""

_SENT = frozenset(
    {
        RequestState.DELETED,
        RequestState.RESTORED,
        RequestState.FAILED,
        RequestState.UNCONFIRMED,
    }
)


_ALONE = View(now=0.0)


def ending(request: Request, view: View = _ALONE) -> Iterator[Block]:
    """How a request ended, and what a person may want to do now."""
    if request.state not in _SENT:
        yield section(_nothing_sent(request, view))
        yield from _names(request)
        return
    after = [] if request.degraded else list(quiet(request))
    # Once it was taken back, its traffic goes where the other card says.
    few, gone = names_all(request), undone(view)
    now = [] if gone else [*(now_lines(request) if few else ()), *after]
    if request.state in (RequestState.DELETED, RequestState.RESTORED):
        yield section("\n".join([proof(request), *now]))
    elif request.state is RequestState.UNCONFIRMED:
        yield section(_unconfirmed(request))
        yield from if_done(request) if few else ()
    elif now:
        yield section("\n".join(now))
    yield from states(request) if few else ended(request, undone=gone)
    yield from _failures(request)
    if view.voided_by:
        yield section(voided_by(view.voided_by))


def _nothing_sent(request: Request, view: View) -> str:
    match request.state:
        case RequestState.VOID:
            again = "Ask again to see it as it is now."
            cause = f" {voided_by(view.voided_by)}" if view.voided_by else ""
            said = f"{nothing(request)}: {prose(request.why)}{cause}{_untouched(request)}"
            return f"{said}\n{again}"
        case RequestState.EXPIRED:
            who = "Too few" if request.approvers else "Nobody"
            return f"{who} approved in time. Nothing was sent.{stays_words(request)}"
        case RequestState.REJECTED:
            return f"Nothing was sent.{stays_words(request)}"
        case RequestState.CANCELLED if request.stopped:
            said = "Stopped before Alibaba Cloud accepted anything."
            return f"{said} {nothing(request)}.{stays_words(request)}"
        # Of a person the reason stands beside their name.
        case RequestState.CANCELLED if request.why and not request.decisions[-1].by:
            return f"Nothing was sent: {prose(request.why)}"
        case _:
            return "Nothing was sent."


def _untouched(request: Request) -> str:
    """That the routes are as they were, where that was seen when it was stopped."""
    drifted = (e for e in reversed(request.timeline) if e.kind is EventKind.DRIFTED)
    event = next(drifted, None)
    return stays_words(request) if event is not None and "untouched" in event.details else ""


def _unconfirmed(request: Request) -> str:
    rollback = (
        f"\n*{words(request).rollback}* {verifies_first(request)}" if can_roll_back(request) else ""
    )
    return f"{unconfirmed_line(request)}{rollback}"


def proof(request: Request) -> str:
    """That it is so, and what was seen that proves it."""
    gone = words(request).confirmed
    if all(r.watch.updating_seen and not r.watch.contradicted for r in request.routes):
        return f"Confirmed: {gone} and the connection is attached again."
    return f"Confirmed: {gone} and the connection is attached, three reads in a row."


def _names(request: Request) -> Iterator[Block]:
    """Which routes it was about, where the first line only counts them."""
    if len(request.routes) > 1:
        names = (f"{code(r.route.route_dest)}" for r in request.routes)
        yield section(", ".join(names))


def _failures(request: Request) -> Iterator[Block]:
    for route in request.routes:
        if route.failure is not None and route.failure.code != NOT_SENT.code:
            stays = stays_words(replace(request, routes=(route,)))
            yield section(_failure(route.failure, stays if route.state is _FAILED else ""))


_FAILED = RouteState.FAILED


def _failure(failure: Failure, stays: str) -> str:
    lines = [f"*{prose(failure.meaning)}*", f"{prose(failure.next_step)}{stays}".strip()]
    ids = [f"code {code(failure.code)}"]
    if failure.alibaba_request_id:
        ids.append(f"Alibaba request {code(failure.alibaba_request_id)}")
    return "\n".join([*filter(None, lines), " · ".join(ids)])
