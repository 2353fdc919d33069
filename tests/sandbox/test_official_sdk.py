"""The vendor's official SDK as a client: the local VPC API is no mirror of our own client."""

import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from alibabacloud_tea_openapi.exceptions import (
    ClientException,
    ServerException,
    ThrottlingException,
)
from alibabacloud_tea_openapi.utils_models import Config
from alibabacloud_vpc20160428 import models
from alibabacloud_vpc20160428.client import Client

from bot.models import RouteKind, VcoRoute
from bot.sandbox.vpc import BGP_KEY_MARKER, PSK_MARKER, Change, Fault, FaultKind, LocalVpc

# The SDK still asks for the time in a way that Python 3.12 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")

KEY, SECRET, TOKEN = "STS.TestKey", "secret-of-the-test", "token+of/the=role"
VCO, REGION = "vco-p0w5112fgnl2ihlmftests", "ap-southeast-1"


class Clock:
    """Real time, which the SDK signs with, and a way to skip some."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return time.time() + self.skipped


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def vpc(clock: Clock) -> AsyncIterator[LocalVpc]:
    vpc = LocalVpc({KEY: SECRET}, security_tokens={KEY: TOKEN}, clock=clock)
    vpc.add_connection(VCO, region=REGION, name="office", tags={"team": "netops"})
    await vpc.start()
    yield vpc
    await vpc.close()


@pytest.fixture
def route(vpc: LocalVpc) -> VcoRoute:
    return vpc.add_route(VCO, "192.168.10.0/24", 0)


@pytest.fixture
def sdk(vpc: LocalVpc, monkeypatch: pytest.MonkeyPatch) -> Client:
    # The SDK knows no NO_PROXY for plain HTTP.
    monkeypatch.delenv("HTTP_PROXY", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    return client(vpc)


def client(vpc: LocalVpc, secret: str = SECRET) -> Client:
    return Client(
        Config(
            access_key_id=KEY,
            access_key_secret=secret,
            security_token=TOKEN,
            protocol="http",
            endpoint=urlsplit(vpc.url).netloc,
            region_id=REGION,
        )
    )


def deletion(route: VcoRoute, token: str | None = None) -> models.DeleteVcoRouteEntryRequest:
    return models.DeleteVcoRouteEntryRequest(
        region_id=REGION,
        vpn_connection_id=route.vpn_connection_id,
        route_dest=route.route_dest,
        next_hop=route.next_hop,
        weight=route.weight,
        overlay_mode="Ipsec",
        client_token=token,
    )


async def test_it_deletes_a_route_once_and_sees_it_go(
    vpc: LocalVpc, sdk: Client, clock: Clock, route: VcoRoute
) -> None:
    reading = models.DescribeVpnConnectionRequest(region_id=REGION, vpn_connection_id=VCO)
    listing = models.DescribeVcoRouteEntriesRequest(region_id=REGION, vpn_connection_id=VCO)

    first = await sdk.delete_vco_route_entry_async(deletion(route, "a token, with + and ~"))
    clock.skipped += 1
    assert (await sdk.describe_vpn_connection_async(reading)).body.state == "updating"
    clock.skipped += 3
    assert (await sdk.describe_vpn_connection_async(reading)).body.state == "attached"
    assert (await sdk.describe_vco_route_entries_async(listing)).body.vco_route_entries == []
    again = await sdk.delete_vco_route_entry_async(deletion(route, "a token, with + and ~"))

    assert first.body.request_id == again.body.request_id
    assert vpc.effects(route) == 1


async def test_it_creates_a_route(
    vpc: LocalVpc, sdk: Client, clock: Clock, route: VcoRoute
) -> None:
    vpc.remove_route(route)
    request = models.CreateVcoRouteEntryRequest(**deletion(route).__dict__, description="back")
    body = (await sdk.create_vco_route_entry_async(request)).body
    clock.skipped += 4
    assert (body.route_dest, body.next_hop, body.weight) == (route.route_dest, VCO, 0)
    assert (body.state, body.description) == ("published", "back")
    assert vpc.effects(route, Change.CREATE) == 1
    assert vpc.route_present(route)


async def test_it_lists_routes_of_both_kinds(vpc: LocalVpc, sdk: Client, route: VcoRoute) -> None:
    vpc.add_route(VCO, "172.16.0.0/12", kind=RouteKind.BGP)

    async def listed(kind: str) -> models.DescribeVcoRouteEntriesResponseBodyVcoRouteEntries:
        request = models.DescribeVcoRouteEntriesRequest(
            region_id=REGION, vpn_connection_id=VCO, route_entry_type=kind, page_size=50
        )
        body = (await sdk.describe_vco_route_entries_async(request)).body
        assert (body.total_count, body.page_number, body.page_size) == (1, 1, 50)
        return body.vco_route_entries[0]

    custom, bgp = await listed("custom"), await listed("bgp")
    assert (custom.route_dest, custom.next_hop, custom.weight) == (route.route_dest, VCO, 0)
    assert (custom.state, custom.route_entry_type) == ("published", "custom")
    assert (bgp.state, bgp.source, bgp.route_entry_type) == ("Active", "VPN_BGP", "bgp")


async def test_it_understands_whole_connections(vpc: LocalVpc, sdk: Client) -> None:
    vpc.add_connection("vco-abroad", region="cn-hangzhou")
    one = models.DescribeVpnConnectionRequest(region_id=REGION, vpn_connection_id=VCO)
    some = models.DescribeVpnConnectionsRequest(region_id=REGION, page_size=50)

    single = (await sdk.describe_vpn_connection_async(one)).body
    page = (await sdk.describe_vpn_connections_async(some)).body
    [listed] = page.vpn_connections.vpn_connection

    assert page.total_count == 1
    for seen in (single, listed):
        assert (seen.vpn_connection_id, seen.name) == (VCO, "office")
        assert (seen.state, seen.attach_type) == ("attached", "CEN")
        assert seen.ike_config.psk == PSK_MARKER
    assert single.vpn_bgp_config.auth_key == BGP_KEY_MARKER
    assert [(t.key, t.value) for t in single.tags.tag] == [("team", "netops")]
    assert [(t.key, t.value) for t in listed.tag.tag] == [("team", "netops")]


async def test_it_understands_tunnels(vpc: LocalVpc, sdk: Client) -> None:
    vpc.add_connection("vco-dual", region=REGION, name="dual", tunnels=2)
    vpc.add_connection("vco-older", region=REGION, name="older", tunnels=0)
    first, second = (tunnel.id for tunnel in vpc.tunnels("vco-dual"))
    vpc.break_tunnel("vco-dual", second)
    vpc.break_tunnel("vco-older", only_bgp=True)

    one = models.DescribeVpnConnectionRequest(region_id=REGION, vpn_connection_id="vco-dual")
    some = models.DescribeVpnConnectionsRequest(region_id=REGION, page_size=50)
    single = (await sdk.describe_vpn_connection_async(one)).body
    page = (await sdk.describe_vpn_connections_async(some)).body
    by_name = {seen.name: seen for seen in page.vpn_connections.vpn_connection}

    for seen in (single, by_name["dual"]):
        tunnels = seen.tunnel_options_specification.tunnel_options
        assert [(t.tunnel_id, t.state) for t in tunnels] == [(first, "active"), (second, "active")]
        assert [(t.status, t.tunnel_bgp_config.bgp_status) for t in tunnels] == [
            ("ipsec_sa_established", "success"),
            ("ike_sa_not_established", "false"),
        ]
        assert all(t.tunnel_ike_config.psk == PSK_MARKER for t in tunnels)
    older = by_name["older"]
    assert older.tunnel_options_specification is None
    assert (older.status, older.vpn_bgp_config.status) == ("ipsec_sa_established", "false")


async def test_it_understands_the_regions(sdk: Client) -> None:
    body = (await sdk.describe_regions_async(models.DescribeRegionsRequest())).body
    endpoints = {r.region_id: r.region_endpoint for r in body.regions.region}
    assert endpoints["cn-hangzhou"] == "vpc.aliyuncs.com"
    assert endpoints[REGION] == f"vpc.{REGION}.aliyuncs.com"


async def test_it_raises_refusals_with_their_codes(
    vpc: LocalVpc, sdk: Client, route: VcoRoute
) -> None:
    absent = models.DescribeVpnConnectionRequest(region_id=REGION, vpn_connection_id="vco-none")
    with pytest.raises(ClientException) as unknown:
        await sdk.describe_vpn_connection_async(absent)
    assert unknown.value.code == "InvalidVpnConnectionInstanceId.NotFound"
    assert unknown.value.status_code == 404
    assert unknown.value.request_id == vpc.calls[-1].alibaba_request_id

    with pytest.raises(ClientException) as forged:
        await client(vpc, secret="wrong").delete_vco_route_entry_async(deletion(route))
    assert forged.value.code == "SignatureDoesNotMatch"

    await sdk.delete_vco_route_entry_async(deletion(route))
    with pytest.raises(ClientException) as conflict:
        await sdk.delete_vco_route_entry_async(deletion(route))
    assert conflict.value.code == "TaskConflict"


async def test_it_raises_throttling_and_server_errors_as_such(
    vpc: LocalVpc, sdk: Client, route: VcoRoute
) -> None:
    vpc.faults.add(Fault(kind=FaultKind.THROTTLED, retry_after_ms=1500))
    vpc.faults.add(Fault(kind=FaultKind.ERROR, code="ServiceUnavailable"))
    with pytest.raises(ThrottlingException) as throttled:
        await sdk.delete_vco_route_entry_async(deletion(route))
    assert (throttled.value.code, throttled.value.retry_after) == ("Throttling.User", 1500)
    with pytest.raises(ServerException) as unavailable:
        await sdk.delete_vco_route_entry_async(deletion(route))
    assert unavailable.value.code == "ServiceUnavailable"
    assert vpc.effects(route) == 0
