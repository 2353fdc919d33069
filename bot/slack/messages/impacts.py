"""What happens to traffic when a route goes, or comes back: a sentence with a verb. Pure."""

from collections.abc import Iterator, Sequence

from bot.models import Impact, LiveRoute, Operation, Request, RouteKind
from bot.preview.impact import addresses
from bot.slack.messages.labels import Symbol
from bot.slack.messages.mrkdwn import code, literal, prose

_COUNTABLE = 2**32
"""Above this (only IPv6 gets there) a number of addresses is told as a power of two."""


BGP_UNKNOWN = "Routes learned over BGP could not be read, so they are not counted here."


def impact_lines(request: Request, impact: Impact, named: int) -> Iterator[str]:
    """What happens to traffic, naming at most `named` routes of each kind."""
    if request.operation is Operation.RESTORE:
        yield _gain(impact, named)
        return
    yield _loss(impact, named, last=request.snapshot.last_routes)
    if impact.inside:
        names = _few([r.route.route_dest for r in impact.inside], named)
        yield f"Unaffected, more specific: {names}."
    if request.snapshot.bgp_unknown:
        yield f"{Symbol.LOOK} {BGP_UNKNOWN}"
    if impact.not_restorable:
        yield f"{Symbol.LOOK} {prose(impact.not_restorable)}"


def now_line(request: Request, impact: Impact, named: int) -> str:
    """Where traffic goes since the route has changed, by what was read before."""
    if not impact.carries:
        return "No traffic has moved: more specific routes carry all of its addresses."
    one = addresses(impact.carries) == 1
    if request.operation is Operation.RESTORE:
        return f"{_moved(impact)} {'follows' if one else 'follow'} this route again."
    if not impact.takers:
        has = "has" if one else "have"
        left = ": no route was left on it" if request.snapshot.last_routes else ""
        return f"{Symbol.NO_ROUTE} *{_moved(impact)} {has} no route on this connection now{left}.*"
    if _same(impact):
        stays = "stays" if one else "stay"
        return f"{_moved(impact)} {stays} on the same prefix ({_routes(impact, named)})."
    return f"{_moved(impact)} now {'follows' if one else 'follow'} {_takers(impact, named)}."


def _loss(impact: Impact, named: int, *, last: bool) -> str:
    if not impact.carries:
        return "No traffic moves: more specific routes carry all of its addresses."
    one = addresses(impact.carries) == 1
    if not impact.takers:
        lose = "loses its" if one else "lose their"
        left = ": no route is left on this connection" if last else ""
        return f"{Symbol.NO_ROUTE} *{_moved(impact)} {lose} route{left}.*"
    stays = f"{_moved(impact)} {'stays' if one else 'stay'} on this connection"
    if _same(impact):
        return f"{stays}: the same prefix stays ({_routes(impact, named)})."
    return f"{stays}: {_takers(impact, named)} covers {'it' if one else 'them'}."


def _gain(impact: Impact, named: int) -> str:
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
    return f"{_moved(impact)} {moves} to this route, away from {_takers(impact, named)}."


def restated(request: Request, impact: Impact) -> str:
    """The same in one short sentence of plain text, for a confirm."""
    if request.operation is Operation.RESTORE:
        line = _gain(impact, 1)
    else:
        line = _loss(impact, 1, last=request.snapshot.last_routes)
    return line.replace("`", "").replace("*", "")


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


def _takers(impact: Impact, named: int) -> str:
    """The prefix that covers the addresses afterwards, with its routes unless it has one of ours.

    There is only one such prefix.
    """
    dest = code(impact.takers[0].route.route_dest)
    plain = len(impact.takers) == 1 and impact.takers[0].kind is not RouteKind.BGP
    return dest if plain else f"{dest} ({_routes(impact, named)})"


def _routes(impact: Impact, named: int) -> str:
    """What tells the routes to one prefix apart; nothing is claimed from their weights."""
    return _listed([_weight(taker) for taker in impact.takers], named, "; ")


def _weight(taker: LiveRoute) -> str:
    bgp = ", BGP" if taker.kind is RouteKind.BGP else ""
    return f"weight {taker.route.shown_weight}{bgp}"


def _few(names: Sequence[str], named: int) -> str:
    return _listed([literal(name) for name in names], named)


def _listed(words: Sequence[str], named: int, between: str = ", ") -> str:
    rest = len(words) - named
    return between.join(words[:named]) + (f" and {rest} more" if rest > 0 else "")
