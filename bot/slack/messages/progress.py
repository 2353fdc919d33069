"""The part of a card that shows work being done: queue, bar, the state of each route. Pure."""

from collections.abc import Iterator

import msgspec

from bot.models import Request, RouteChange, RouteState
from bot.slack.messages.texts import Block, code, duration, literal, section
from bot.slack.messages.words import words

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
