"""The direct message that calls an approver, and what becomes of it. Pure.

It asks as the card does, with the buttons that decide; of a broken glass for the countersignature.
When that is made, or its reader has given theirs, it says so and has none of these; what is held up
can be stopped from here.
"""

from collections.abc import Iterator, Sequence

from bot import lifecycle
from bot.models import Decision, Request, RequestState, Verdict
from bot.slack.messages.buttons import countersign_button, stop_button
from bot.slack.messages.card import facts, ids
from bot.slack.messages.card_body import deciding_buttons
from bot.slack.messages.first_line import first_line
from bot.slack.messages.labels import (
    ALONE,
    DECIDED,
    GIVEN,
    SIGNED,
    Symbol,
    nothing,
    verdict_word,
    words,
)
from bot.slack.messages.mrkdwn import (
    Block,
    Message,
    clock,
    context,
    header,
    leads_somewhere,
    literal,
    mention,
    place,
    prose,
    quote,
    quoted,
    section,
    some_are,
    what,
)
from bot.slack.messages.per_route import impact
from bot.slack.messages.related import Related

_NOTHING_DONE = (
    RequestState.REJECTED,
    RequestState.EXPIRED,
    RequestState.CANCELLED,
    RequestState.VOID,
)


def direct_message(
    request: Request, user: str, link: str, others: Sequence[Related] = ()
) -> Message:
    """What `user` is shown of a request; `link` leads to its card.

    `others`: the other open requests on the connection.
    """
    if not asks(request, user):
        return _answer(request, link)
    return _seen(request, link) if request.unsigned else _question(request, link, others)


def asks(request: Request, user: str) -> bool:
    """Whether a decision of `user` is waited for, as far as the request says."""
    if request.state is RequestState.PENDING:
        return user not in request.approvers
    return request.unsigned


def _question(request: Request, link: str, others: Sequence[Related]) -> Message:
    line, until = literal(first_line(request)), clock(request.expires_at)
    said = f"{line} · {mention(request.requester)} asks for your approval, until {until}"
    blocks = [
        header(first_line(request)),
        *facts(request, others),
        {"type": "actions", "elements": deciding_buttons(request)},
        ids(request),
        *_way(link, "Card and thread"),
    ]
    return said, blocks


def _seen(request: Request, link: str) -> Message:
    """What somebody does alone; how it goes is told by the card."""
    line = f"{Symbol.LOOK} {ALONE}: {_about(request)}"
    until = clock(request.created_at + request.terms.countersign, day=True)
    alone = f"{mention(request.requester)} goes ahead without approval"
    elements = [countersign_button(request)]
    if request.held_up:
        elements.append(stop_button(request))
    blocks = [
        header(line),
        section(f"*{alone}.* Was it right? Say so by {until}."),
        *([quote(request.reason)] if request.reason else []),
        *impact(request, progress=False),
        {"type": "actions", "elements": elements},
        ids(request),
        *_way(link, "How it goes: card and thread"),
    ]
    return f"{literal(line)} · {alone}; countersign by {until}", blocks


def _answer(request: Request, link: str) -> Message:
    line = _line(request)
    blocks = [header(line), section(_how(request))]
    if reason := _reason(request):
        blocks.append(context(quoted(reason)))
    if request.held_up:
        blocks.append({"type": "actions", "elements": [stop_button(request)]})
    return literal(line), [*blocks, *_way(link, "How it goes: card and thread")]


def _line(request: Request) -> str:
    """That nobody waits for the reader any more, and for what it was."""
    if request.countersigned:
        return f"{Symbol.CLOSED} {SIGNED}: {_about(request)}"
    if request.state is RequestState.PENDING:
        return f"{Symbol.CLOSED} {GIVEN}: {_about(request)}"
    if request.state in _NOTHING_DONE:
        return first_line(request)
    return f"{Symbol.CLOSED} {DECIDED}: {_about(request)}"


def _about(request: Request) -> str:
    return f"{words(request).do} {what(request)} · {place(request)}"


def _how(request: Request) -> str:
    match request.state:
        case RequestState.PENDING:
            more = some_are(lifecycle.missing(request), "more approval")
            return f"{more} needed until {clock(request.expires_at)}."
        case RequestState.EXPIRED:
            return f"The time was over {clock(request.expires_at)}. Nothing was sent."
        case RequestState.VOID:
            return f"{nothing(request)}: {prose(request.why)}"
    made = _last(request)
    if made is None or not made.by:
        return f"Nothing was sent: {prose(request.why)}" if request.why else "Nothing was sent."
    said = f"{verdict_word(made).capitalize()} by {mention(made.by)} {clock(made.at)}."
    return f"{said} {nothing(request)}." if request.state in _NOTHING_DONE else said


def _reason(request: Request) -> str:
    made = _last(request)
    told = request.state in _NOTHING_DONE or request.countersigned
    return made.reason if made and made.by and told else ""


def _last(request: Request) -> Decision | None:
    """The decision that made this state: of several approvals the last one."""
    signed = [d for d in request.decisions if d.verdict is Verdict.COUNTERSIGNED]
    return next(reversed(signed or request.decisions), None)


def _way(link: str, text: str) -> Iterator[Block]:
    if leads_somewhere(link):
        yield context(f"<{link}|{text}>")
