"""What happens to traffic when a route goes, or comes back, in words. Pure."""

from collections.abc import Iterator, Sequence

from bot.impact import addresses
from bot.models import Impact, LiveRoute, Operation, Request, RouteKind
from bot.slack.messages.texts import escape

_COUNTABLE = 2**32
"""Above this (only IPv6 gets there) a number of addresses is told as a power of two."""


def impact_lines(request: Request, impact: Impact, named: int) -> Iterator[str]:
    """What happens to traffic, naming at most `named` routes of each kind."""
    if request.operation is Operation.RESTORE:
        yield _gain(impact, named)
        return
    last = request.snapshot.last_routes
    if not impact.carries:
        yield "If it goes: no traffic moves. Better routes carry all of its addresses now."
    else:
        lost = "" if impact.takers else _lost(impact)
        yield f"If it goes: {_moved(impact)}{lost}. {_next(impact, named, last=last)}"
    if impact.inside:
        names = _few([r.route.route_dest for r in impact.inside], named)
        yield f"Goes on as before inside it: {names}."
    if impact.not_restorable:
        yield f":warning: {escape(impact.not_restorable)}"


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
    takes = "takes it over" if them == "it" else "takes over all of them"
    verb = takes if len(impact.takers) == 1 else f"share {them}"
    return f"{_listed([_taker(t) for t in impact.takers], named)} {verb}."


def _taker(taker: LiveRoute) -> str:
    via = "BGP" if taker.kind is RouteKind.BGP else "this connection"
    return f"`{escape(taker.route.route_dest)}` (weight {taker.route.weight}, {via})"


def _few(names: Sequence[str], named: int) -> str:
    return _listed([escape(name) for name in names], named)


def _listed(words: Sequence[str], named: int) -> str:
    rest = len(words) - named
    return ", ".join(words[:named]) + (f" and {rest} more" if rest > 0 else "")


def _gain(impact: Impact, named: int) -> str:
    """A restoration, seen from what the route would carry and what carries that now."""
    if not impact.carries:
        return "If it comes back: no traffic moves. Better routes carry all of its addresses."
    if not impact.takers:
        return f"If it comes back: {_moved(impact)}, which nothing on this connection covers now."
    now = _listed([_taker(t) for t in impact.takers], named)
    return f"If it comes back: it takes over {_moved(impact)} from {now}."


def restated(request: Request, impact: Impact) -> str:
    """The same in one short sentence of plain text, for a confirm."""
    if request.operation is Operation.RESTORE:
        return f" Weight {impact.route.weight}. {_gain(impact, 1)}".replace("`", "")
    if not impact.carries:
        return f" Weight {impact.route.weight}; no traffic moves."
    count, them = _count(impact.carries), _them(impact)
    if not impact.takers:
        return f" {count}, weight {impact.route.weight}: nothing here covers {them} any more."
    taker = impact.takers[0].route
    more = f" and {len(impact.takers) - 1} more" if len(impact.takers) > 1 else ""
    move = "moves" if them == "it" else "move"
    return f" {count} {move} to {taker.route_dest} (weight {taker.weight}){more}."
