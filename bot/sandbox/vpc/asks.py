"""Reads the parameters of a call into what is asked, or refuses them as the vendor does.

Parameters that a call does not know are ignored, as the vendor ignores them: DryRun on a
deletion does delete. What the vendor knows, and the bot never sends, is refused.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Final

from bot.models import RouteKind, Value, VcoRoute
from bot.sandbox.vpc.refusals import Refusal, invalid, missing
from bot.sandbox.vpc.world import REGIONS, Change

VERSION: Final = "2016-04-28"
MAX_PAGE_SIZE: Final = 50
MAX_TOKEN_LENGTH: Final = 64
_FILTERS: Final = (
    *("VpnConnectionId", "VpnGatewayId", "CustomerGatewayId", "ResourceGroupId", "Tag.1.Key"),
)
_NOT_CREATABLE: Final = IPv4Network("100.64.0.0/10")


class Page(Value, frozen=True):
    """Which part of a list is wanted; pages are counted from 1."""

    number: int = 1
    size: int = 10


class ChangeRoute(Value, frozen=True):
    """DeleteVcoRouteEntry or CreateVcoRouteEntry."""

    change: Change
    region: str
    route: VcoRoute
    client_token: str = ""
    overlay_mode: str = ""
    description: str = ""


class ListRoutes(Value, frozen=True):
    """DescribeVcoRouteEntries."""

    region: str
    vpn_connection_id: str
    kind: RouteKind
    page: Page


class ReadConnection(Value, frozen=True):
    """DescribeVpnConnection."""

    region: str
    vpn_connection_id: str


class ListConnections(Value, frozen=True):
    """DescribeVpnConnections."""

    region: str
    page: Page


class ListRegions(Value, frozen=True):
    """DescribeRegions."""


Ask = ChangeRoute | ListRoutes | ReadConnection | ListConnections | ListRegions


def read(action: str, version: str, parameters: Mapping[str, str]) -> Ask:
    """What the call asks for."""
    if version != VERSION:
        raise Refusal("InvalidVersion")
    reader = _READERS.get(action)
    if reader is None:
        raise Refusal("InvalidAction.NotFound")
    return reader(parameters)


def _deletion(parameters: Mapping[str, str]) -> ChangeRoute:
    return ChangeRoute(
        change=Change.DELETE,
        region=_region(parameters),
        route=_route(parameters),
        client_token=_client_token(parameters),
        overlay_mode=_choice(parameters, "OverlayMode", ("Ipsec",), ""),
    )


def _creation(parameters: Mapping[str, str]) -> ChangeRoute:
    _refuse(parameters, "DryRun")
    region, route = _region(parameters), _route(parameters)
    if route.network.prefixlen == 0:
        raise invalid("RouteDest", "a default route can't be created")
    if isinstance(route.network, IPv4Network) and route.network.overlaps(_NOT_CREATABLE):
        raise invalid("RouteDest", f"it overlaps {_NOT_CREATABLE}")
    if route.next_hop != route.vpn_connection_id:
        raise invalid("NextHop", "it is not the connection")
    return ChangeRoute(
        change=Change.CREATE,
        region=region,
        route=route,
        client_token=_client_token(parameters),
        overlay_mode=_choice(parameters, "OverlayMode", ("Ipsec",), ""),
        description=parameters.get("Description", ""),
    )


def _routes(parameters: Mapping[str, str]) -> ListRoutes:
    return ListRoutes(
        region=_region(parameters),
        vpn_connection_id=_needed(parameters, "VpnConnectionId"),
        kind=RouteKind(
            _choice(parameters, "RouteEntryType", tuple(RouteKind), RouteKind.CUSTOM.value)
        ),
        page=_page(parameters),
    )


def _connection(parameters: Mapping[str, str]) -> ReadConnection:
    return ReadConnection(
        region=_region(parameters), vpn_connection_id=_needed(parameters, "VpnConnectionId")
    )


def _connections(parameters: Mapping[str, str]) -> ListConnections:
    asked = ListConnections(region=_region(parameters), page=_page(parameters))
    _refuse(parameters, *_FILTERS)
    return asked


_READERS: Final[dict[str, Callable[[Mapping[str, str]], Ask]]] = {
    "DeleteVcoRouteEntry": _deletion,
    "CreateVcoRouteEntry": _creation,
    "DescribeVcoRouteEntries": _routes,
    "DescribeVpnConnection": _connection,
    "DescribeVpnConnections": _connections,
    "DescribeRegions": lambda _: ListRegions(),
}


def _refuse(parameters: Mapping[str, str], *names: str) -> None:
    """What the vendor's API would do with these, and this one can't: nothing ignores a filter."""
    for name in names:
        if name in parameters:
            raise invalid(name, "the local VPC API does not know it")


def _needed(parameters: Mapping[str, str], name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        raise missing(name)
    return value


def _choice(
    parameters: Mapping[str, str], name: str, choices: tuple[str, ...], default: str
) -> str:
    value = parameters.get(name) or default
    if value and value not in choices:
        raise invalid(name, f"it must be one of {', '.join(choices)}")
    return value


def _region(parameters: Mapping[str, str]) -> str:
    region = _needed(parameters, "RegionId")
    if region not in REGIONS:
        raise Refusal("InvalidRegionId.NotFound")
    return region


def _route(parameters: Mapping[str, str]) -> VcoRoute:
    vpn_connection_id = _needed(parameters, "VpnConnectionId")
    route_dest = _needed(parameters, "RouteDest")
    next_hop = _needed(parameters, "NextHop")
    weight = _needed(parameters, "Weight")
    try:
        canonical = str(ip_network(route_dest))
    except ValueError:
        canonical = ""
    if route_dest != canonical:
        raise invalid("RouteDest", "it is no CIDR block")
    if weight not in ("0", "100"):
        raise invalid("Weight", "it must be 0 or 100")
    return VcoRoute(
        vpn_connection_id=vpn_connection_id,
        route_dest=route_dest,
        next_hop=next_hop,
        weight=int(weight),
    )


def _client_token(parameters: Mapping[str, str]) -> str:
    token = parameters.get("ClientToken", "")
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
        raise invalid("ClientToken", f"at most {MAX_TOKEN_LENGTH} ASCII characters")
    return token


def _page(parameters: Mapping[str, str]) -> Page:
    size = _number(parameters, "PageSize", 10)
    if size > MAX_PAGE_SIZE:
        raise invalid("PageSize", f"it must be 1 to {MAX_PAGE_SIZE}")
    return Page(number=_number(parameters, "PageNumber", 1), size=size)


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name) or str(default)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise invalid(name, "it must be a whole number, 1 or more")
    return int(text)
