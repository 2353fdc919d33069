"""The vendor's JSON, decoded into our models, by name and no further.

The structs below list only the fields that are used, so what else an answer holds (the
pre-shared keys of connections among it) is skipped by the decoder and never becomes an object.
Field names are the vendor's, in its own case: `route_dest` is `RouteDest`.
"""

import re
from ipaddress import ip_network
from typing import NamedTuple, TypeVar

import msgspec

from bot.alibaba.errors import Call, no_reliable_answer
from bot.alibaba.paging import Page
from bot.alibaba.tunnels import WireTunnels, bgp_off, tunnels
from bot.errors import OutcomeUnknown
from bot.models import UNKNOWN_WEIGHT, Connection, LiveRoute, RouteKind, VcoRoute

Item = TypeVar("Item")

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


class _Wire(msgspec.Struct, rename="pascal", frozen=True):
    """Base of what is decoded; unknown fields are skipped."""


class _Envelope(_Wire, frozen=True):
    """What every answer can have; any type, so that a broken one can't hide the other.

    Some of the vendor's gateways spell the fields in lower case; its SDK reads both.
    """

    code: object = None
    request_id: object = None
    code_: object = msgspec.field(default=None, name="code")
    request_id_: object = msgspec.field(default=None, name="requestId")


class Envelope(NamedTuple):
    """The code and the request id of any answer, as they came."""

    code: object = None
    request_id: object = None


class Done(_Wire, frozen=True):
    """DeleteVcoRouteEntry and CreateVcoRouteEntry; what else a creation answers is no proof."""

    request_id: str


class WireConnection(WireTunnels, frozen=True, kw_only=True):
    """DescribeVpnConnection, and one of DescribeVpnConnections."""

    vpn_connection_id: str
    state: str
    name: str | None = None
    attach_type: str | None = None


class _ConnectionList(_Wire, frozen=True):
    vpn_connection: list[WireConnection]


class _Paged(_Wire, frozen=True):
    """What a page of a list says of itself, of any type: hints, that spoil nothing."""

    total_count: object = None
    page_size: object = None


class ConnectionPage(_Paged, frozen=True, kw_only=True):
    """DescribeVpnConnections."""

    vpn_connections: _ConnectionList


class _Route(_Wire, frozen=True):
    route_dest: str
    next_hop: str | None = None
    weight: object = None
    state: str | None = None
    route_entry_type: str | None = None
    vpn_connection_id: str | None = None


class RoutePage(_Paged, frozen=True, kw_only=True):
    """DescribeVcoRouteEntries. The list may be missing where the count says zero.

    No route in it has a description (sdk 7.2.2), though one can be given when it is created: so
    `LiveRoute.description` stays empty, and a route that is put back comes without one.
    """

    vco_route_entries: list[_Route] | None = None


class _Region(_Wire, frozen=True):
    region_id: str


class _RegionList(_Wire, frozen=True):
    region: list[_Region]


class Regions(_Wire, frozen=True):
    """DescribeRegions."""

    regions: _RegionList


def envelope(body: bytes) -> Envelope | None:
    """The parts that all answers share; None for what is no JSON object."""
    try:
        found = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return Envelope(found.code or found.code_, found.request_id or found.request_id_)


def decode(body: bytes, type_: type[Item], call: Call) -> Item:
    """A success decoded; raises `OutcomeUnknown` that names the field at fault."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        # Its text has names and types of fields, never a value.
        raise unusable(call, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise no_reliable_answer("Answer.NotJson", call, "The answer was no JSON.") from None


def unusable(call: Call, why: str) -> OutcomeUnknown:
    """The error for a success whose fields are missing, wrong or not understood."""
    return no_reliable_answer("Answer.Unusable", call, f"The answer can't be used ({why}).")


def connection(wire: WireConnection, call: Call) -> Connection:
    """A connection of the domain; its state in lower case."""
    if not wire.state or not wire.vpn_connection_id:
        raise unusable(call, "State or VpnConnectionId is empty")
    return Connection(
        vpn_connection_id=wire.vpn_connection_id,
        region=call.region,
        state=wire.state.lower(),
        name=wire.name or "",
        attach_type=wire.attach_type or "",
        tunnels=tunnels(wire, wire.vpn_connection_id),
        bgp_off=bgp_off(wire),
    )


def connections(page: ConnectionPage, call: Call) -> Page[Connection]:
    """The connections of a page."""
    rows = [connection(wire, call) for wire in page.vpn_connections.vpn_connection]
    return Page(rows, _number(page.total_count), _number(page.page_size))


def routes(page: RoutePage, asked: RouteKind, call: Call) -> Page[LiveRoute]:
    """The routes of a page; one that is not understood spoils it, but for its weight."""
    total = _number(page.total_count)
    if page.vco_route_entries is None and total != 0:
        raise unusable(call, "VcoRouteEntries is missing")
    rows = [_live_route(wire, asked, call) for wire in page.vco_route_entries or ()]
    return Page(rows, total, _number(page.page_size))


def _number(value: object) -> int | None:
    """A whole number, which the vendor may write as text; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    return None


def _live_route(wire: _Route, asked: RouteKind, call: Call) -> LiveRoute:
    """One route. Only a bgp route may lack its next hop (empty).

    A weight that is not understood is unknown: such a route is shown and can't be chosen.
    """
    kind = _kind(wire.route_entry_type, asked, call)
    if kind is RouteKind.CUSTOM and not wire.next_hop:
        raise unusable(call, "NextHop of a custom route is missing")
    weight = _number(wire.weight)
    if (wire.vpn_connection_id or call.vpn_connection_id) != call.vpn_connection_id:
        raise unusable(call, "VpnConnectionId of a route is that of another connection")
    try:
        route_dest = str(ip_network(wire.route_dest))
    except ValueError:
        raise unusable(call, "RouteDest of a route is no CIDR block") from None
    route = VcoRoute(
        vpn_connection_id=call.vpn_connection_id,
        route_dest=route_dest,
        next_hop=wire.next_hop or "",
        weight=UNKNOWN_WEIGHT if weight is None or weight < 0 else weight,
    )
    return LiveRoute(route=route, kind=kind, state=wire.state or "")


def _kind(text: str | None, asked: RouteKind, call: Call) -> RouteKind:
    """The route's own word for its kind; where it has none, the kind that was asked for."""
    try:
        return RouteKind(text.lower()) if text else asked
    except ValueError:
        raise unusable(call, "RouteEntryType of a route is neither custom nor bgp") from None
