"""2 preview, the impact: where traffic goes when routes go.

The longest prefix decides, and nothing else is claimed: a weight has no actual effect at present,
says the vendor's page. Routes with the same prefix stand side by side. Blocks are compared as
numbers and never spelled out address by address, so that 500 routes, or a /0 of IPv6, cost
milliseconds.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from bot.models import Impact, LiveRoute, Network, VcoRoute

DEFAULT_ROUTE = IPv4Network("0.0.0.0/0")
"""CreateVcoRouteEntry refuses it as RouteDest (vendor's page)."""

RESERVED = IPv4Network("100.64.0.0/10")
"""CreateVcoRouteEntry refuses it, its subnets and what contains it as RouteDest (vendor's page)."""


def impacts(targets: Sequence[LiveRoute], routes: Iterable[LiveRoute]) -> tuple[Impact, ...]:
    """What happens when all `targets` go at once, one impact for each target, in order.

    `routes` are all live routes, custom and BGP, the targets among them.
    """
    everything = tuple(routes)
    now, after = _Table(everything), _Table(remaining(everything, targets))
    return tuple(_impact(target, now, after) for target in targets)


def remaining(routes: Iterable[LiveRoute], targets: Iterable[LiveRoute]) -> tuple[LiveRoute, ...]:
    """The routes that stay when `targets` go; one listed twice stays once."""
    going = {identity(target) for target in targets}
    staying = {identity(live): live for live in routes}
    return tuple(live for key, live in staying.items() if key not in going)


def identity(live: LiveRoute) -> tuple[VcoRoute, str]:
    """What makes a live route the same one in two reads: all but its passing `state`."""
    return live.route, live.kind


def within(inner: Network, outer: Network) -> bool:
    """Whether `outer` covers all of `inner`; a block is within itself. IP versions never mix."""
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and inner.supernet(new_prefix=outer.prefixlen) == outer
    )


def addresses(blocks: Iterable[str]) -> int:
    """How many addresses the blocks hold; where blocks overlap, each address counts once."""
    networks = [ip_network(block, strict=False) for block in blocks]
    four = collapse_addresses(n for n in networks if isinstance(n, IPv4Network))
    six = collapse_addresses(n for n in networks if isinstance(n, IPv6Network))
    return sum(n.num_addresses for n in four) + sum(n.num_addresses for n in six)


def _impact(target: LiveRoute, now: "_Table", after: "_Table") -> Impact:
    """The impact of one target.

    One class of takers serves all that a route carries: whatever it carries lies in no smaller
    block, so only blocks at least as large as the destination can take over, and each of those
    covers the whole destination.
    """
    block = target.route.network
    carries = _uncovered(block, now.inside(block))
    return Impact(
        route=target.route,
        carries=carries,
        takers=after.longest_covering(block) if carries else (),
        inside=tuple(live for smaller in after.inside(block) for live in after.to(smaller)),
        not_restorable=not_restorable(block),
    )


class _Table:
    """Live routes by block, ordered so that all blocks within a block stand side by side."""

    def __init__(self, routes: Iterable[LiveRoute]) -> None:
        self._routes: dict[Network, list[LiveRoute]] = {}
        for live in sorted({identity(r): r for r in routes}.values(), key=_by_name):
            self._routes.setdefault(live.route.network, []).append(live)
        self._blocks = sorted(self._routes, key=_position)
        self._positions = [_position(block) for block in self._blocks]
        self._lengths = {block.prefixlen for block in self._blocks}

    def to(self, block: Network) -> Sequence[LiveRoute]:
        """The routes to exactly this block."""
        return self._routes.get(block, ())

    def inside(self, block: Network) -> Sequence[Network]:
        """The smaller blocks within `block` that have routes, in order of their addresses."""
        start = bisect_right(self._positions, _position(block))
        last = (block.version, int(block.broadcast_address), block.max_prefixlen)
        return self._blocks[start : bisect_right(self._positions, last)]

    def longest_covering(self, block: Network) -> tuple[LiveRoute, ...]:
        """The routes with the longest prefix among those that cover all of `block`."""
        for length in range(block.prefixlen, -1, -1):
            if length not in self._lengths:
                continue
            if found := self.to(block.supernet(new_prefix=length)):
                return tuple(found)
        return ()


def _position(block: Network) -> tuple[int, int, int]:
    return block.version, int(block.network_address), block.prefixlen


def _by_name(live: LiveRoute) -> tuple[int, str, str]:
    """An order that does not depend on how the cloud lists them: by weight, next hop, kind."""
    return -live.route.weight, live.route.next_hop, live.kind


def _uncovered(block: Network, inside: Sequence[Network]) -> tuple[str, ...]:
    """The fewest CIDR blocks that are `block` without `inside`, which lies in it, in order.

    Gaps never touch each other (something covered lies between), so the fewest for each gap are
    the fewest in all.
    """
    blocks: list[str] = []
    free = int(block.network_address)
    for smaller in inside:
        blocks += _fewest(block, free, int(smaller.network_address))
        free = max(free, int(smaller.broadcast_address) + 1)
    blocks += _fewest(block, free, int(block.broadcast_address) + 1)
    return tuple(blocks)


def _fewest(kin: Network, start: int, stop: int) -> Iterator[str]:
    """The fewest CIDR blocks, of the IP version of `kin`, from `start` up to before `stop`."""
    while start < stop:
        fits = (stop - start).bit_length() - 1
        aligned = (start & -start).bit_length() - 1 if start else kin.max_prefixlen
        bits = min(fits, aligned)
        yield str(type(kin)((start, kin.max_prefixlen - bits)))
        start += 1 << bits


def not_restorable(block: Network) -> str:
    """Why the route could not be created again, in plain words; empty where it could."""
    if block == DEFAULT_ROUTE:
        return "Alibaba Cloud lets nobody create a route to 0.0.0.0/0: it can't be restored."
    if within(block, RESERVED) or within(RESERVED, block):
        return (
            "Alibaba Cloud lets nobody create a route that overlaps "
            f"{RESERVED}: {block} can't be restored."
        )
    return ""
