"""The JSON of successful answers, spelled as in the vendor's SDK 7.2.2.

Connections bear secrets, as the vendor's do. Here they are markers: whoever finds one in a
log, in Redis or in a message has found a leak.
"""

from typing import Final, TypeVar

from bot.models import RouteKind
from bot.sandbox.vpc.asks import Page
from bot.sandbox.vpc.service import JsonObject
from bot.sandbox.vpc.world import (
    BGP,
    BGP_ALONE,
    IPSEC,
    REGIONS,
    ConnectionRecord,
    RouteRecord,
    TunnelRecord,
)

PSK_MARKER: Final = "PSK-MARKER-must-never-leave-the-client"
BGP_KEY_MARKER: Final = "BGP-KEY-MARKER-must-never-leave-the-client"
SECRET_MARKERS: Final = (PSK_MARKER, BGP_KEY_MARKER)
_CUSTOMER_GATEWAY: Final = "cgw-p0wy363lucf1uyae8local"
T = TypeVar("T")


def milliseconds(at: float) -> int:
    """The vendor's time stamps: milliseconds since the epoch."""
    return round(at * 1000)


def one_connection(connection: ConnectionRecord, now: float) -> JsonObject:
    """The body of DescribeVpnConnection."""
    body = _connection(connection, now)
    body["VpnBgpConfig"] = _bgp(connection, BGP_ALONE[connection.bgp_up])
    return {**body, "Tags": _tags(connection), "ZoneNo": f"{connection.region}-b"}


def connections(found: list[ConnectionRecord], page: Page, now: float) -> JsonObject:
    """The body of DescribeVpnConnections."""
    listed = [
        {**_connection(c, now), "Tag": _tags(c), "CrossAccountAuthorized": False}
        for c in _cut(found, page)
    ]
    return {**_paging(len(found), page), "VpnConnections": {"VpnConnection": listed}}


def routes(found: list[RouteRecord], page: Page) -> JsonObject:
    """The body of DescribeVcoRouteEntries."""
    listed = [_route(record) for record in _cut(found, page)]
    return {**_paging(len(found), page), "VcoRouteEntries": listed, "VpnRouteCounts": []}


def regions() -> JsonObject:
    """The body of DescribeRegions."""
    listed = [
        {"RegionId": region, "RegionEndpoint": endpoint, "LocalName": name}
        for region, (endpoint, name) in REGIONS.items()
    ]
    return {"Regions": {"Region": listed}}


def created(record: RouteRecord, description: str) -> JsonObject:
    """The body of CreateVcoRouteEntry."""
    return {
        "VpnConnectionId": record.route.vpn_connection_id,
        "RouteDest": record.route.route_dest,
        "NextHop": record.route.next_hop,
        "Weight": record.route.weight,
        "State": "published",
        "OverlayMode": "Ipsec",
        "Description": description,
        "CreateTime": milliseconds(record.created_at),
    }


def _cut(found: list[T], page: Page) -> list[T]:
    return found[(page.number - 1) * page.size : page.number * page.size]


def _paging(total: int, page: Page) -> JsonObject:
    return {"TotalCount": total, "PageNumber": page.number, "PageSize": page.size}


def _route(record: RouteRecord) -> JsonObject:
    entry: JsonObject = {
        "VpnConnectionId": record.route.vpn_connection_id,
        "RouteDest": record.route.route_dest,
        "NextHop": record.route.next_hop,
        "RouteEntryType": record.kind.value,
        "CreateTime": milliseconds(record.created_at),
        "Weight": record.route.weight,
        "State": "published",
    }
    if record.kind is RouteKind.BGP:
        entry |= {
            "State": "Active",
            "Source": record.source,
            "AsPath": "65010",
            "Community": "65010:100",
        }
    return entry


def _tags(connection: ConnectionRecord) -> JsonObject:
    return {"Tag": [{"Key": key, "Value": value} for key, value in connection.tags.items()]}


def _connection(connection: ConnectionRecord, now: float) -> JsonObject:
    on_transit_router = connection.attach_type == "CEN"
    body: JsonObject = {
        "VpnConnectionId": connection.vpn_connection_id,
        "Name": connection.name,
        "State": connection.state_at(now),
        "Status": IPSEC[any(t.up for t in connection.tunnels)],
        "AttachType": connection.attach_type,
        "AttachInstanceId": "cen-ckg2h6m9q8localcen" if on_transit_router else "",
        "TransitRouterId": "tr-p0we2edef9qr4localtr" if on_transit_router else "",
        "TransitRouterName": "tr-core" if on_transit_router else "",
        "VpnGatewayId": "",
        "CustomerGatewayId": _CUSTOMER_GATEWAY,
        "ResourceGroupId": "rg-acfmzs372ylocal",
        "CreateTime": milliseconds(connection.created_at),
        "InternetIp": "203.0.113.10",
        "LocalSubnet": "0.0.0.0/0",
        "RemoteSubnet": "0.0.0.0/0",
        "NetworkType": "public",
        "Spec": "1000M",
        "EffectImmediately": False,
        "EnableDpd": True,
        "EnableNatTraversal": True,
        "EnableTunnelsBgp": connection.bgp,
        "IkeConfig": _ike(),
        "IpsecConfig": {
            "IpsecAuthAlg": "sha256",
            "IpsecEncAlg": "aes256",
            "IpsecLifetime": 86400,
            "IpsecPfs": "group14",
        },
        "VpnBgpConfig": _bgp(connection, BGP[connection.bgp_up]),
        "VcoHealthCheck": {"Enable": "false", "Status": "failed"},
    }
    if connection.lists_tunnels:
        listed = [_tunnel(connection, n, t) for n, t in enumerate(connection.tunnels, start=1)]
        body["TunnelOptionsSpecification"] = {"TunnelOptions": listed}
    return body


def _ike() -> JsonObject:
    return {
        "Psk": PSK_MARKER,
        "IkeVersion": "ikev2",
        "IkeMode": "main",
        "IkeAuthAlg": "sha256",
        "IkeEncAlg": "aes256",
        "IkeLifetime": 86400,
        "IkePfs": "group14",
        "LocalId": "203.0.113.10",
        "RemoteId": "198.51.100.20",
    }


def _bgp(connection: ConnectionRecord, status: str) -> JsonObject:
    return {
        "EnableBgp": str(connection.bgp).lower(),
        "AuthKey": BGP_KEY_MARKER,
        "LocalAsn": 45104,
        "LocalBgpIp": "169.254.10.1",
        "PeerAsn": 65010,
        "PeerBgpIp": "169.254.10.2",
        "TunnelCidr": "169.254.10.0/30",
        "Status": status,
    }


def _tunnel(connection: ConnectionRecord, number: int, tunnel: TunnelRecord) -> JsonObject:
    return {
        "TunnelId": tunnel.id,
        "TunnelIndex": number,
        "Role": "master" if number == 1 else "slave",
        "State": "active",
        "Status": IPSEC[tunnel.up],
        "CustomerGatewayId": _CUSTOMER_GATEWAY,
        "ZoneNo": f"{connection.region}-{'abc'[number % 3]}",
        "TunnelBgpConfig": {
            "LocalAsn": "45104",
            "LocalBgpIp": f"169.254.{10 * number}.1",
            "PeerAsn": "65010",
            "PeerBgpIp": f"169.254.{10 * number}.2",
            "TunnelCidr": f"169.254.{10 * number}.0/30",
            "BgpStatus": BGP[connection.bgp and tunnel.bgp_up],
        },
        "TunnelIkeConfig": _ike(),
    }
