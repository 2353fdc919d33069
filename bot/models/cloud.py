"""What the cloud has: connections and their routes."""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from bot.models.value import Value

Network = IPv4Network | IPv6Network


UNKNOWN_WEIGHT = -1
"""The weight of a route whose weight was not said, or not understood."""


class VcoRoute(Value, frozen=True):
    """A destination-based route of an IPsec-VPN connection; all four fields identify it."""

    vpn_connection_id: str
    route_dest: str
    next_hop: str
    weight: int

    @property
    def weight_known(self) -> bool:
        """Whether the listing said a weight; without one a route can't be named in a change."""
        return self.weight != UNKNOWN_WEIGHT

    @property
    def shown_weight(self) -> str:
        """The weight for people."""
        return str(self.weight) if self.weight_known else "unknown"

    @property
    def network(self) -> Network:
        """The block that the route covers; host bits, should the cloud list any, are ignored."""
        return ip_network(self.route_dest, strict=False)


class RouteKind(StrEnum):
    """Where a route comes from. Only custom routes can be deleted through the API."""

    CUSTOM = "custom"
    BGP = "bgp"


class LiveRoute(Value, frozen=True):
    """A route as DescribeVcoRouteEntries shows it now."""

    route: VcoRoute
    kind: RouteKind = RouteKind.CUSTOM
    state: str = ""
    description: str = ""


class RouteList(Value, frozen=True):
    """The routes of a connection, all of its custom ones among them.

    `bgp_known`: whether those learned over BGP are listed too, which is a reading of its own that
    may fail alone. `paged`: whether it took more than one page, read one after the other.
    """

    routes: tuple[LiveRoute, ...] = ()
    bgp_known: bool = True
    paged: bool = False


class Tunnel(Value, frozen=True):
    """A tunnel of a connection: its IPsec negotiation and its BGP session, in the vendor's words.

    `up` and `bgp_up` say what those words mean; None where nothing is said, or no BGP is used.
    """

    id: str
    status: str = ""
    up: bool | None = None
    bgp_status: str = ""
    bgp_up: bool | None = None


class Connection(Value, frozen=True):
    """An IPsec-VPN connection as DescribeVpnConnection shows it; `state` is lower-case.

    `bgp_off`: it says that it uses no BGP, so it has no routes learned over BGP.
    """

    vpn_connection_id: str
    region: str
    state: str
    name: str = ""
    attach_type: str = ""
    tunnels: tuple[Tunnel, ...] = ()
    bgp_off: bool = False

    @property
    def attached(self) -> bool:
        """Whether the connection is idle and serving, the only state that accepts changes."""
        return self.state == "attached"
