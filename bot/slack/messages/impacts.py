"""What happens to traffic when a route goes, or comes back: a sentence with a verb. Pure."""

from collections.abc import Iterator, Sequence

from bot.models import Impact, LiveRoute, Operation, Request, RouteKind
from bot.preview.impact import addresses
from bot.slack.messages.labels import Symbol
from bot.slack.messages.style import SLACK, TERMINAL, Style

_COUNTABLE = 2**32
"""Above this (only IPv6 gets there) a number of addresses is told as a power of two."""


BGP_UNKNOWN = "Routes learned over BGP could not be read, so they are not counted here."
BGP_LINE = f"{Symbol.LOOK} {BGP_UNKNOWN}"


def impact_lines(
    request: Request, impact: Impact, named: int, style: Style = SLACK
) -> Iterator[str]:
    """What happens to traffic, naming at most `named` routes of each kind."""
    if request.operation is Operation.RESTORE:
        yield _gain(impact, named, style)
        return
    yield _loss(impact, named, style, last=request.snapshot.last_routes)
    if impact.inside:
        names = _few([r.route.route_dest for r in impact.inside], named, style)
        yield f"Unaffected, more specific: {names}."
    if request.snapshot.bgp_unknown:
        yield BGP_LINE
    if impact.not_restorable:
        yield f"{Symbol.LOOK} {style.prose(impact.not_restorable)}"


def now_line(request: Request, impact: Impact, named: int, style: Style = SLACK) -> str:
    """Where traffic goes since the route has changed, by what was read before."""
    if not impact.carries:
        return "No traffic has moved: more specific routes carry all of its addresses."
    one = addresses(impact.carries) == 1
    if request.operation is Operation.RESTORE:
        return f"{_moved(impact)} {'follows' if one else 'follow'} this route again."
    if not impact.takers:
        has = "has" if one else "have"
        left = ": no route was left on it" if request.snapshot.last_routes else ""
        said = f"{_moved(impact)} {has} no route on this connection now{left}."
        return f"{Symbol.NO_ROUTE} {style.strong(said)}"
    if _same(impact):
        stays = "stays" if one else "stay"
        return f"{_moved(impact)} {stays} on the same prefix ({_routes(impact, named)})."
    return f"{_moved(impact)} now {'follows' if one else 'follow'} {_takers(impact, style)}."


def _loss(impact: Impact, named: int, style: Style, *, last: bool) -> str:
    if not impact.carries:
        return "No traffic moves: more specific routes carry all of its addresses."
    one = addresses(impact.carries) == 1
    if not impact.takers:
        lose = "loses its" if one else "lose their"
        left = ": no route is left on this connection" if last else ""
        said = style.strong(f"{_moved(impact)} {lose} route{left}.")
        return f"{Symbol.NO_ROUTE} {said}"
    stays = f"{_moved(impact)} {'stays' if one else 'stay'} on this connection"
    if _same(impact):
        return f"{stays}: the same prefix stays ({_routes(impact, named)})."
    return f"{stays}: {_takers(impact, style)} covers {'it' if one else 'them'}."


def _gain(impact: Impact, named: int, style: Style) -> str:
    """A restoration, seen from what the route would carry and what carries that now."""
    if not impact.carries:
        return "No traffic moves: more specific routes carry all of its addresses."
    one = addresses(impact.carries) == 1
    if not impact.takers:
        nothing = f"nothing on this connection covers {'it' if one else 'them'} now"
        return f"{_moved(impact)} {'gets' if one else 'get'} a route again: {nothing}."
    if _same(impact):
        there = f"which is there already ({_routes(impact, named)})"
        return f"{_moved(impact)} {'stays' if one else 'stay'} on the same prefix, {there}."
    moves = "moves" if one else "move"
    return f"{_moved(impact)} {moves} to this route, away from {_takers(impact, style)}."


def restated(request: Request, impact: Impact) -> str:
    """The same in one short sentence of plain text, for a confirm."""
    if request.operation is Operation.RESTORE:
        return _gain(impact, 1, TERMINAL)
    return _loss(impact, 1, TERMINAL, last=request.snapshot.last_routes)


def _count(blocks: Sequence[str]) -> str:
    count = addresses(blocks)
    return f"{_number(count)} address{'es' if count != 1 else ''}"


def _number(count: int) -> str:
    if count <= _COUNTABLE:
        return f"{count:,}"
    power = count.bit_length() - 1
    return f"{'' if count == 1 << power else 'more than '}2^{power}"


def _moved(impact: Impact) -> str:
    whole = (impact.route.route_dest,)
    if impact.carries == whole:
        return _count(impact.carries)
    return f"{_number(addresses(impact.carries))} of {_count(whole)}"


def _same(impact: Impact) -> bool:
    """Whether what covers the addresses afterwards is the same prefix, by another route."""
    return impact.takers[0].route.route_dest == impact.route.route_dest


def _takers(impact: Impact, style: Style) -> str:
    """The prefix that covers the addresses afterwards, and whether that hangs on the peer.

    There is only one such prefix. Which of its routes have which weight says nothing here.
    """
    dest = style.code(impact.takers[0].route.route_dest)
    learned = sum(taker.kind is RouteKind.BGP for taker in impact.takers)
    if not learned:
        return dest
    return f"{dest} (learned over BGP{', and a custom route' * (learned < len(impact.takers))})"


def _routes(impact: Impact, named: int) -> str:
    """What tells the routes to one prefix apart; nothing is claimed from their weights."""
    return _listed([_weight(taker) for taker in impact.takers], named, "; ")


def _weight(taker: LiveRoute) -> str:
    bgp = ", BGP" if taker.kind is RouteKind.BGP else ""
    return f"weight {taker.route.shown_weight}{bgp}"


def _few(names: Sequence[str], named: int, style: Style) -> str:
    return _listed(list(map(style.literal, names)), named)


def _listed(words: Sequence[str], named: int, between: str = ", ") -> str:
    rest = len(words) - named
    return between.join(words[:named]) + (f" and {rest} more" if rest > 0 else "")
