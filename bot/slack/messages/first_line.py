"""The first line of a card, by which a request is called everywhere else too. Pure."""

from bot.models import Request, RequestState
from bot.slack.messages.labels import (
    FIRST_WORDS,
    GLASS_APPROVED,
    PARTLY,
    ROLLED_BACK,
    STOPPED,
    SYMBOLS,
    WITHDRAWN_BY_BOT,
    Symbol,
    words,
)
from bot.slack.messages.monitored import down
from bot.slack.messages.mrkdwn import duration, place, what


def first_line(request: Request, rollback: Request | None = None) -> str:
    """The state as a symbol and a word, the routes, the connection's name; in plain text.

    Where something is down since the change, that is a part of it. `rollback` is the request that
    took this one back, or is to.
    """
    symbol, verb = _state(request)
    line = f"{verb} {what(request)} · {place(request)}"
    if rollback is not None and done(rollback):
        verb = _begin(ROLLED_BACK[request.operation], request)
        symbol, line = Symbol.CLOSED, f"{verb} {what(request)} · {place(request)}"
    elif worse := down(request):
        symbol, line = Symbol.LOOK, f"{line} · {worse}"
    elif done(request):
        line += f" · {duration(_took(request))}"
    return f"{symbol} Break-glass: {line}" if request.glass_broken else f"{symbol} {line}"


def short_line(request: Request) -> str:
    """The same for a card about the same connection: the state and the routes alone."""
    symbol, verb = _state(request)
    return f"{symbol} {verb} {what(request)}"


def done(request: Request) -> bool:
    """Whether all that was asked for is proven."""
    return request.state in (RequestState.DELETED, RequestState.RESTORED)


def _state(request: Request) -> tuple[Symbol, str]:
    said = FIRST_WORDS[request.state]
    symbol = SYMBOLS[request.state]
    if request.waiting:
        # For nobody has approved a broken glass.
        said = GLASS_APPROVED if request.glass_broken else FIRST_WORDS[RequestState.APPROVED]
    elif request.stopped:
        said = STOPPED
    elif request.state is RequestState.CANCELLED and not request.decisions[-1].by:
        said = WITHDRAWN_BY_BOT
    elif request.state is RequestState.FAILED and any(r.state.done for r in request.routes):
        said, symbol = PARTLY, Symbol.LOOK
    return symbol, _begin(said, request)


def _begin(said: str, request: Request) -> str:
    verb = said.format_map(words(request)._asdict())
    return f"{verb[0].upper()}{verb[1:]}"


def _took(request: Request) -> float:
    sent = [r.first_sent_at for r in request.routes if r.first_sent_at]
    return request.ended_at - min(sent, default=request.ended_at)
