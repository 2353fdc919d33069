"""2 preview, resolve: a draft and the live routes → the exact routes meant.

Nothing is guessed: a block that fits several routes, or none, is answered with commands that
fit one route each.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

import msgspec

from bot.command import render
from bot.errors import PreviewError
from bot.models import Connection, Draft, LiveRoute, Network, Operation, RouteKind, VcoRoute
from bot.preview.impact import not_restorable, within

NEAREST = 5
"""How many routes are offered where none fits."""

TRANSIT_ROUTER = "CEN"
"""The AttachType of connections that have destination-based routes of this kind (vendor's page)."""

_ATTACH_TYPES = {
    "VPNGW": "is attached to a VPN gateway",
    "NO_ASSOCIATED": "is attached to nothing",
}
_DEAD_STATES = {
    "deleted": "has been deleted",
    "detached": "is detached from its transit router",
    "detaching": "is being detached from its transit router",
    "financiallocked": "is locked until its bills are paid",
}
"""States that no waiting turns into `attached`; the others are shown on the card."""


def resolve(
    draft: Draft, connection: Connection, routes: Sequence[LiveRoute]
) -> tuple[LiveRoute, ...]:
    """The live custom routes meant, one for each CIDR block of the draft, in its order.

    Weight and next hop come from the live route. Where a custom and a BGP route have the same
    destination, the custom one is meant: the other can't be deleted.

    Raises:
        PreviewError: The connection can't have routes deleted, or a block fits no route or
            several; `choices` are commands that fit one route each.
    """
    if problem := obstacle(connection):
        raise no_routes(connection, problem)
    own = [r for r in routes if r.route.vpn_connection_id == draft.vpn_connection_id]
    if draft.operation is Operation.RESTORE:
        return absent(draft, own)
    if draft.exact:
        return tuple(_exactly(draft, route, own) for route in draft.exact)
    return tuple(_the_one(draft, dest, own) for dest in draft.route_dests)


def no_routes(connection: Connection, problem: str) -> PreviewError:
    """The error for a connection whose routes can't be changed, whatever one waits for."""
    return PreviewError(
        f"{connection.vpn_connection_id} {problem}.",
        "Routes can be deleted where a connection is attached to a transit router and in use.",
    )


def absent(draft: Draft, routes: Sequence[LiveRoute]) -> tuple[LiveRoute, ...]:
    """The routes of a restoration that are not there (any more).

    Raises:
        PreviewError: They are all there, or one of them can't be created.
    """
    there = {r.route for r in routes if r.kind is RouteKind.CUSTOM}
    targets = tuple(LiveRoute(route=route) for route in draft.exact if route not in there)
    for target in targets:
        if why := not_restorable(target.route.network):
            raise PreviewError(why, "Nothing was recorded.")
    if not targets:
        names = ", ".join(f"{r.route_dest} (weight {r.shown_weight})" for r in draft.exact)
        raise PreviewError(
            f"{names} is on {draft.vpn_connection_id} already.", "There is nothing to put back."
        )
    return targets


def _exactly(draft: Draft, route: VcoRoute, routes: Sequence[LiveRoute]) -> LiveRoute:
    """The one live custom route that is just this one."""
    for live in routes:
        if live.kind is RouteKind.CUSTOM and live.route == route and route.weight_known:
            return live
    custom = [r for r in routes if r.kind is RouteKind.CUSTOM]
    pinned = msgspec.structs.replace(draft, weight=route.weight, next_hop=route.next_hop, exact=())
    raise _no_such_route(pinned, route.route_dest, route.network, custom)


def obstacle(connection: Connection) -> str:
    """Why no route of the connection can be deleted whatever one waits for; else empty."""
    if connection.state.lower() in _DEAD_STATES:
        return _DEAD_STATES[connection.state.lower()]
    attached_to = connection.attach_type.upper()
    if attached_to in ("", TRANSIT_ROUTER):
        return ""
    return _ATTACH_TYPES.get(attached_to, f"has the attach type {connection.attach_type}")


def _the_one(draft: Draft, dest: str, routes: Iterable[LiveRoute]) -> LiveRoute:
    block = ip_network(dest)
    custom = list({r.route: r for r in routes if r.kind is RouteKind.CUSTOM}.values())
    fits = [r for r in custom if r.route.network == block and _fits(draft, r.route)]
    if any(not r.route.weight_known for r in fits):
        raise PreviewError(
            f"The weight of a route to {dest} on {draft.vpn_connection_id} could not be read, "
            "and without it the route can't be named to Alibaba Cloud.",
            "Delete it in the console, or name another one with `--weight`.",
        )
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise PreviewError(
            f"{len(fits)} routes of {draft.vpn_connection_id} lead to {dest}.",
            _mend("Say which one", draft),
            _commands(draft, fits, custom),
        )
    learned = any(r.kind is RouteKind.BGP and r.route.network == block for r in routes)
    if learned and not any(r.route.network == block for r in custom):
        raise PreviewError(
            f"{dest} on {draft.vpn_connection_id} is learned from the peer over BGP "
            "and can't be deleted here.",
            "Withdraw it on the peer.",
        )
    raise _no_such_route(draft, dest, block, custom)


def _fits(draft: Draft, route: VcoRoute) -> bool:
    return draft.weight in (None, route.weight) and draft.next_hop in (None, route.next_hop)


def _no_such_route(
    draft: Draft, dest: str, block: Network, custom: Sequence[LiveRoute]
) -> PreviewError:
    weight = f" with weight {draft.weight}" if draft.weight is not None else ""
    hop = f" with next hop {draft.next_hop}" if draft.next_hop is not None else ""
    both = f"{weight} and{hop.removeprefix(' with')}" if weight and hop else weight + hop
    problem = f"{draft.vpn_connection_id} has no route to {dest}{both}."
    known = [r for r in custom if r.route.weight_known]
    kin = [r for r in known if r.route.network.version == block.version]
    if not kin:
        return PreviewError(
            problem, f"It has no IPv{block.version} routes that could be deleted here."
        )
    nearest = sorted(kin, key=lambda r: _distance(block, r.route.network))[:NEAREST]
    return PreviewError(
        problem, _mend("The nearest are these", draft), _commands(draft, nearest, custom)
    )


def _distance(wanted: Network, block: Network) -> tuple[int, int]:
    """The same destination, then what contains it, what lies in it, and what is close by."""
    if block == wanted:
        return 0, 0
    if within(wanted, block):
        return 1, wanted.prefixlen - block.prefixlen
    if within(block, wanted):
        return 2, block.prefixlen - wanted.prefixlen
    return 3, abs(int(block.network_address) - int(wanted.network_address))


def _mend(words: str, draft: Draft) -> str:
    if len(draft.route_dests) == 1:
        return f"{words}:"
    return f"{words} (each command is for that one route; the other blocks need their own):"


def _commands(
    draft: Draft, candidates: Iterable[LiveRoute], custom: Sequence[LiveRoute]
) -> tuple[str, ...]:
    return tuple(render(_exact(draft, live.route, custom)) for live in candidates)


def _exact(draft: Draft, route: VcoRoute, custom: Sequence[LiveRoute]) -> Draft:
    """The draft for just this route, with no more said than it takes to tell it from others."""
    block = route.network
    twins = [live.route for live in custom if live.route.network == block]
    weighed = draft.weight is not None or len({twin.weight for twin in twins}) > 1
    alike = [twin for twin in twins if twin.weight == route.weight]
    hopped = draft.next_hop is not None or len(alike) > 1
    return msgspec.structs.replace(
        draft,
        route_dests=(str(block),),
        weight=route.weight if weighed else None,
        next_hop=route.next_hop if hopped else None,
    )
