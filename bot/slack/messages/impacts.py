"""What happens to traffic when a route goes, or comes back, in words. Pure."""

from collections.abc import Iterator, Sequence

from bot.models import Impact, LiveRoute, Operation, Request, RouteKind
from bot.preview.impact import addresses
from bot.slack.messages.mrkdwn import code, literal, prose

_COUNTABLE = 2**32
"""Above this (only IPv6 gets there) a number of addresses is told as a power of two."""


BGP_UNKNOWN = "Routes learned over BGP could not be read, so they are not counted here."


def impact_lines(request: Request, impact: Impact, named: int) -> Iterator[str]:
    """What happens to traffic, naming at most `named` routes of each kind."""
    if request.operation is Operation.RESTORE:
        yield _gain(impact, named)
        return
    last = request.snapshot.last_routes
    if not impact.carries:
        yield "If it goes: no traffic moves. Smaller routes inside carry all of its addresses."
    else:
        lost = "" if impact.takers else _lost(impact)
        yield f"If it goes: {_moved(impact)}{lost}. {_next(impact, named, last=last)}"
    if impact.inside:
        names = _few([r.route.route_dest for r in impact.inside], named)
        yield f"Goes on as before inside it: {names}."
    if request.snapshot.bgp_unknown:
        yield f":warning: {BGP_UNKNOWN}"
    if impact.not_restorable:
        yield f":warning: {prose(impact.not_restorable)}"


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
    return f"{_number(addresses(impact.carries))} of its {_count(whole)}"


def _them(impact: Impact) -> str:
    return "it" if addresses(impact.carries) == 1 else "them"


def _lost(impact: Impact) -> str:
    alone = addresses(impact.carries) == 1
    return " loses its route" if alone else " lose their route"


def _next(impact: Impact, named: int, *, last: bool) -> str:
    them = _them(impact)
    if not impact.takers:
        left = ": no route is left on it" if last else ""
        return f":warning: *Nothing on this connection covers {them} any more{left}.*"
    if _same(impact):
        return f"The same prefix stays: {_routes(impact, named)}."
    takes = "takes it over" if them == "it" else "takes over all of them"
    return f"{_takers(impact, named)} {takes}."


def _same(impact: Impact) -> bool:
    """Whether what covers the addresses afterwards is the same prefix, by another route."""
    return impact.takers[0].route.route_dest == impact.route.route_dest


def _takers(impact: Impact, named: int) -> str:
    """The prefix that covers the addresses afterwards, with its routes; there is only one."""
    return f"{code(impact.takers[0].route.route_dest)} ({_routes(impact, named)})"


def _routes(impact: Impact, named: int) -> str:
    """What tells the routes to one prefix apart; nothing is claimed from their weights."""
    return _listed(
        [f"weight {t.route.shown_weight}, {_via(t)}" for t in impact.takers], named, "; "
    )


def _via(taker: LiveRoute) -> str:
    return "BGP" if taker.kind is RouteKind.BGP else "this connection"


def _few(names: Sequence[str], named: int) -> str:
    return _listed([literal(name) for name in names], named)


def _listed(words: Sequence[str], named: int, between: str = ", ") -> str:
    rest = len(words) - named
    return between.join(words[:named]) + (f" and {rest} more" if rest > 0 else "")


def _gain(impact: Impact, named: int) -> str:
    """A restoration, seen from what the route would carry and what carries that now."""
    if not impact.carries:
        return "If it comes back: no traffic moves. Smaller routes inside carry all of it."
    if not impact.takers:
        return f"If it comes back: {_moved(impact)}, which nothing on this connection covers now."
    if _same(impact):
        there = _routes(impact, named)
        return f"If it comes back: {_moved(impact)}. The same prefix is there already: {there}."
    return f"If it comes back: it takes over {_moved(impact)} from {_takers(impact, named)}."


def restated(request: Request, impact: Impact) -> str:
    """The same in one short sentence of plain text, for a confirm."""
    if request.operation is Operation.RESTORE:
        return f" Weight {impact.route.weight}. {_gain(impact, 1)}".replace("`", "")
    if not impact.carries:
        return f" Weight {impact.route.weight}; no traffic moves."
    count, them = _count(impact.carries), _them(impact)
    if not impact.takers:
        return f" {count}, weight {impact.route.weight}: nothing here covers {them} any more."
    if _same(impact):
        return f" {count}, weight {impact.route.weight}: the same prefix stays."
    move = "moves" if them == "it" else "move"
    return f" {count} {move} to {impact.takers[0].route.route_dest}."
