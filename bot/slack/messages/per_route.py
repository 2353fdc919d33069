"""What a card says of each of its routes: how far it is, and what its traffic does. Pure.

Up to three are named in the first line, and their paragraphs are read at a glance, on a phone too,
where a table is wider than the screen: those stay. Of more than that one looks for the row that
differs, so it is one table. The progress stands in it: Slack's `plan` would name all of them again.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

from bot.models import (
    Impact,
    LiveRoute,
    Operation,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    VcoRoute,
)
from bot.slack.messages.impacts import BGP_LINE, impact_lines, now_line
from bot.slack.messages.labels import NO_ROUTE_LEFT, ROUTE_SYMBOLS, ROUTE_WORDS, Symbol, words
from bot.slack.messages.mrkdwn import Block, code, literal, names_all, route_words, section
from bot.slack.messages.style import SLACK, TERMINAL, Style
from bot.slack.messages.table import Column, raw, table

_MOST_NAMED = 5
"""How many routes an enumeration names before it counts the rest, on a card about one route."""

_NAMED_IN_ALL = 10
"""What cards about many routes share: Slack takes some 13,000 characters in all blocks."""

IF_DONE = "If it was done: "


def impact(request: Request, *, progress: bool = True) -> Iterator[Block]:
    """What traffic does next; without the `progress` it is the same as long as there is one."""
    if names_all(request):
        yield from _paragraphs(request)
        return
    open_ = request.state.open or not progress
    if open_ and (bare := uncovered(request)):
        said = NO_ROUTE_LEFT.format(some=len(bare), all=len(request.routes))
        yield section(f"{Symbol.NO_ROUTE} *{said}*")
    traffic = {
        one.route: " ".join(_lines(request, one, TERMINAL)) for one in request.snapshot.impacts
    }
    before = states(request) if progress else ()
    instead = [*before, *_paragraphs(request)]
    yield from _table(request, traffic, instead, progress=progress)
    if request.snapshot.bgp_unknown and request.operation is Operation.DELETE:
        yield section(BGP_LINE)


def states(request: Request) -> Iterator[Block]:
    """How far each route is, where there are several and something is under way."""
    if len(request.routes) > 1 and request.state is not RequestState.PENDING:
        lines = (f"{code(r.route.route_dest)} · {_state_word(request, r)}" for r in request.routes)
        yield section("\n".join(lines))


def now_lines(request: Request) -> list[str]:
    """Where traffic goes now, of each route that was changed."""
    now = _now(request, SLACK)
    if len(request.routes) == 1:
        return list(now.values())
    return [f"{code(route.route_dest)}: {line}" for route, line in now.items()]


def if_done(request: Request) -> Iterator[Block]:
    """What traffic does if that was done of which it is not known."""
    unsure = {r.route for r in request.routes if r.state is RouteState.UNCONFIRMED}
    yield from _paragraphs(request, IF_DONE, unsure)


def ended(request: Request, *, undone: bool = False) -> Iterator[Block]:
    """How each of many routes ended and where its traffic goes, unless it was `undone` since."""
    traffic = {} if undone else _now(request, TERMINAL)
    now = [] if undone else now_lines(request)
    instead = [section("\n".join(now))] if now else []
    instead += [*if_done(request), *states(request)]
    for change, one in zip(request.routes, request.snapshot.impacts, strict=True):
        if change.state is RouteState.UNCONFIRMED:
            traffic[change.route] = IF_DONE + " ".join(_lines(request, one, TERMINAL))
    yield from _table(request, traffic, instead)


def uncovered(request: Request) -> list[str]:
    """The routes whose traffic nothing takes over."""
    if request.operation is Operation.RESTORE:
        return []
    impacts = request.snapshot.impacts
    return [i.route.route_dest for i in impacts if i.carries and not i.takers]


def _paragraphs(
    request: Request, lead: str = "", only: Container[VcoRoute] | None = None
) -> Iterator[Block]:
    """One for each route, or for those `only`; of several each begins with its own."""
    snapshot = request.snapshot
    for target, one in zip(snapshot.targets, snapshot.impacts, strict=True):
        if only is not None and target.route not in only:
            continue
        first, *more = _lines(request, one, SLACK)
        lines = [f"{lead}{first}", *more]
        if len(snapshot.targets) > 1:
            lines.insert(0, _target_line(target))
        yield section("\n".join(lines))


def _target_line(target: LiveRoute) -> str:
    return f"*{literal(target.route.route_dest)}* · {route_words(target.route)}"


def _lines(request: Request, one: Impact, style: Style) -> list[str]:
    """What traffic of one route does; what is true of all stands below them where they are many."""
    lines = impact_lines(request, one, _named(len(request.routes)), style)
    few = names_all(request)
    return [line for line in lines if few or line != BGP_LINE]


def _now(request: Request, style: Style) -> dict[VcoRoute, str]:
    changed = {r.route for r in request.routes if r.state.done}
    impacts = [i for i in request.snapshot.impacts if i.route in changed]
    named = _named(len(impacts))
    return {one.route: now_line(request, one, named, style) for one in impacts}


def _named(routes: int) -> int:
    return max(1, min(_MOST_NAMED, _NAMED_IN_ALL // max(1, routes)))


# --- the table -------------------------------------------------------------------------------


def _table(
    request: Request,
    traffic: Mapping[VcoRoute, str],
    instead: Iterable[Block],
    *,
    progress: bool = True,
) -> Iterator[Block]:
    """A row for each route; what one decides by is first, and on a phone not out of sight."""
    under_way = progress and request.state is not RequestState.PENDING
    other = any(next_hop(r.route) for r in request.routes)
    columns = [
        ROUTE,
        *([STATE] if under_way else []),
        *([Column("Traffic", wraps=True)] if traffic else []),
        WEIGHT,
        *([NEXT_HOP] if other else []),
    ]
    rows = [
        [
            raw(r.route.route_dest),
            *([raw(f"{_symbol(r)} {_state_word(request, r)}")] if under_way else []),
            *([raw(traffic.get(r.route, ""))] if traffic else []),
            raw(r.route.shown_weight),
            *([raw(next_hop(r.route))] if other else []),
        ]
        for r in request.routes
    ]
    yield from table(columns, rows, instead)


ROUTE = Column("Route", wraps=True)  # what does not wrap may be cut, and routes differ at the end
WEIGHT = Column("Weight", align="right")
NEXT_HOP = Column("Next hop", wraps=True)
STATE = Column("State")


def next_hop(route: VcoRoute) -> str:
    """Where it leads; empty where that is the connection itself, which goes without saying."""
    return "" if route.next_hop == route.vpn_connection_id else route.next_hop


def _state_word(request: Request, change: RouteChange) -> str:
    return ROUTE_WORDS[_state(change)].format(done=words(request).done)


def _symbol(change: RouteChange) -> str:
    return ROUTE_SYMBOLS.get(_state(change), "")


def _state(change: RouteChange) -> RouteState:
    """A route that is in hand and has not begun waits as the others do."""
    return change.state if change.state.ended or change.begun else RouteState.QUEUED
