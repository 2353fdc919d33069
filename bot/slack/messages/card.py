"""The card of a request: what goes, what traffic does next, who decides, how it went. Pure.

One message, edited in place. The first line says the state, the routes and the connection by its
name; ids come last. What stands between depends on the state: `preview` asks, `progress` shows the
work, `ending` says how it went.
"""

from collections.abc import Iterator, Sequence

from bot import lifecycle
from bot.models import Request, RequestState, Verdict
from bot.preview.rollback import can_ask_again, can_roll_back
from bot.slack.messages.buttons import (
    again_button,
    check_button,
    countersign_button,
    restore_button,
    stop_button,
)
from bot.slack.messages.card_body import (
    View,
    buttons,
    ending,
    preview,
    progress,
    undone,
)
from bot.slack.messages.first_line import first_line
from bot.slack.messages.labels import Symbol, verdict_word
from bot.slack.messages.monitored import worse
from bot.slack.messages.mrkdwn import (
    Block,
    Message,
    clock,
    code,
    context,
    header,
    literal,
    mention,
    named,
    quote,
    quoted,
    route_words,
    section,
)
from bot.slack.messages.per_route import impact
from bot.slack.messages.related import Related, beside, stands, taken_back


def card(request: Request, view: View) -> Message:
    """The card as it should look at `view.now`."""
    rollback = view.rollback.request if view.rollback else None
    line = first_line(request, rollback)
    return _notification(request, line), [header(line), *_body(request, view)]


def _notification(request: Request, line: str) -> str:
    """What a lock screen shows: the first line, and of what only waits that it does."""
    line = literal(line)
    if request.state is not RequestState.PENDING:
        return line
    return f"{line} · approval wanted, asked by {mention(request.requester)}"


def _body(request: Request, view: View) -> Iterator[Block]:
    """Below the first line stands the reason where it is decided by, else how it goes or went."""
    if request.state is RequestState.PENDING:
        yield from facts(request, view.beside)
        yield buttons(request)
        yield ids(request)
        return
    if view.rollback:
        yield taken_back(request, view.rollback)
    urgent = bool(request.degraded) and not undone(view)
    if urgent:
        yield section(worse(request))
        yield from _actions(request, view)
    yield from _glass(request)
    if request.state.open:
        yield from progress(request, view)
        yield from impact(request)
        yield from beside(request, view.beside)
    else:
        yield from ending(request, view)
    yield from _reason(request)
    yield context(f"Asked by {mention(request.requester)}")
    yield from _decisions(request)
    if not urgent:
        yield from _actions(request, view)
    yield ids(request)


def facts(request: Request, others: Sequence[Related] = ()) -> Iterator[Block]:
    """What somebody decides by: the reason, what traffic does, what was decided, what is needed.

    `others`: the other open requests on the connection, where they are known.
    """
    yield from _reason(request)
    yield from preview(request)
    yield from beside(request, others)
    yield from _decisions(request)
    yield _needed(request)


# --- people --------------------------------------------------------------------------


def _reason(request: Request) -> Iterator[Block]:
    if request.reason:
        yield quote(request.reason)


def _needed(request: Request) -> Block:
    """Who asked, who may decide, mentioned so that it is pinged, how many, and until when."""
    terms = request.terms
    who, given = named(terms.approvers.ids), terms.approvals - lifecycle.missing(request)
    some = f"{given} of {terms.approvals} approvals" if terms.approvals > 1 else "Needs 1 approval"
    parts = [f"Asked by {mention(request.requester)}", f"{some} from {who}"]
    if terms.typed:
        parts.append(f"each types {literal(terms.typed)}")
    return context(" · ".join([*parts, f"until {clock(request.expires_at)}"]))


def ids(request: Request) -> Block:
    """What one copies, last: the connection, its region, what identifies the route, the request."""
    parts = [code(request.vpn_connection_id), literal(request.region)]
    if len(request.routes) == 1:
        parts.append(route_words(request.routes[0].route))
    if request.origin:
        parts.append(f"undoes {code(request.origin)}")
    return context(" · ".join([*parts, code(request.id)]))


def _glass(request: Request) -> Iterator[Block]:
    """That somebody goes ahead alone, and who is to look at it."""
    if not request.glass_broken:
        return
    said = f"{Symbol.LOOK} *Break-glass: {mention(request.requester)} goes ahead without approval.*"
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
        said = verdict_word(decision).capitalize()
        line = f"{said} by {mention(decision.by)} {clock(decision.at)}"
        yield context(line, quoted(decision.reason)) if decision.reason else context(line)


# --- what can be done now --------------------------------------------------------------


def _actions(request: Request, view: View) -> Iterator[Block]:
    """What undoes the change comes first where something is worse since."""
    elements = []
    if request.state is RequestState.UNCONFIRMED:
        elements.append(check_button(request))
    if can_roll_back(request) and not (view.rollback and stands(view.rollback.request)):
        elements.append(restore_button(request))
    if request.unsigned:
        elements.insert(1 if request.degraded else 0, countersign_button(request))
    if request.waiting:
        elements.insert(0, stop_button(request))
    if can_ask_again(request):
        elements.append(again_button(request))
    if elements:
        yield {"type": "actions", "elements": elements}
