"""Tunnels as the VPC API shows them: what is read of them, and what is made of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alibaba import responses as answers
from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import Credentials
from bot.alibaba.endpoints import endpoints
from bot.alibaba.errors import Call
from bot.alibaba.transport import new_http_client
from bot.models import Connection, Tunnel
from bot.sandbox.vpc import SECRET_MARKERS, LocalVpc

VCO, REGION = "vco-p0w5112fgnl2ihlmftests", "cn-hangzhou"
READ = Call(action="DescribeVpnConnection", region=REGION, vpn_connection_id=VCO)
KEY, SECRET = "LTAI5tTestKey", "secret-of-the-test"

UP, DOWN = "ipsec_sa_established", "ike_sa_not_established"


def seen(**parts: object) -> Connection:
    """The connection that an answer with these parts shows."""
    body = json.dumps({"VpnConnectionId": VCO, "State": "attached", **parts}).encode()
    return answers.connection(answers.decode(body, answers.WireConnection, READ), READ)


def listed(*tunnels: Any, **parts: object) -> tuple[Tunnel, ...]:  # noqa: ANN401 - any JSON
    return seen(TunnelOptionsSpecification={"TunnelOptions": list(tunnels)}, **parts).tunnels


def one(status: object = UP, bgp: object = "success", state: object = "active") -> dict[str, Any]:
    """A tunnel as the vendor writes it, with the keys that it bears."""
    return {
        "TunnelId": "tun-1",
        "State": state,
        "Status": status,
        "TunnelBgpConfig": {"BgpStatus": bgp, "AuthKey": "a secret"},
        "TunnelIkeConfig": {"Psk": "a secret"},
    }


@pytest.mark.parametrize(
    ("status", "up"),
    [
        ("ipsec_sa_established", True),
        ("IPSEC_SA_ESTABLISHED", True),
        ("ipsec_sa_not_established", False),
        ("ike_sa_established", False),
        ("ike_sa_not_established", False),
        ("a_word_of_next_year", None),
        ("", None),
        (None, None),
        (1, None),
    ],
)
def test_a_tunnel_is_up_where_its_second_phase_is_and_odd_words_say_nothing(
    *, status: object, up: bool | None
) -> None:
    (tunnel,) = listed(one(status))
    assert tunnel.up is up


@pytest.mark.parametrize(
    ("word", "up"),
    [("success", True), ("Success", True), ("false", False), ("idle", None), (None, None)],
)
def test_bgp_is_up_where_it_says_success(*, word: object, up: bool | None) -> None:
    (tunnel,) = listed(one(bgp=word))
    assert tunnel.bgp_up is up


@pytest.mark.parametrize("off", [False, "false", "False"])
def test_where_no_bgp_is_used_nothing_is_said_of_it(off: object) -> None:
    (tunnel,) = listed(one(bgp="false"), EnableTunnelsBgp=off)
    assert (tunnel.bgp_status, tunnel.bgp_up) == ("", None)
    bgp = {"EnableBgp": off, "Status": "false"}
    (alone,) = seen(Status=UP, VpnBgpConfig=bgp).tunnels
    assert (alone.bgp_status, alone.bgp_up) == ("", None)


@pytest.mark.parametrize("off", [False, "false", "False"])
def test_a_connection_uses_no_bgp_where_all_that_it_says_says_so(off: object) -> None:
    tunnels = {"TunnelOptionsSpecification": {"TunnelOptions": [one(bgp="false")]}}
    assert seen(EnableTunnelsBgp=off, **tunnels).bgp_off
    assert seen(EnableTunnelsBgp=off, VpnBgpConfig={"EnableBgp": off}, **tunnels).bgp_off
    assert seen(VpnBgpConfig={"EnableBgp": off, "Status": "failed"}).bgp_off


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"EnableTunnelsBgp": False},
        {"VpnBgpConfig": {"EnableBgp": "false"}, "EnableTunnelsBgp": True},
        {"VpnBgpConfig": {"EnableBgp": "false", "Status": "success"}},
        {"VpnBgpConfig": {"EnableBgp": "no"}},
        {"VpnBgpConfig": {"EnableBgp": None, "Status": "false"}},
        {"VpnBgpConfig": "none"},
        {"VpnBgpConfig": {"EnableBgp": "false"}, "TunnelOptionsSpecification": "none"},
        {"TunnelOptionsSpecification": {"TunnelOptions": [one()]}, "EnableTunnelsBgp": False},
        {
            "TunnelOptionsSpecification": {"TunnelOptions": [one(bgp="false")]},
            "VpnBgpConfig": {"EnableBgp": "false"},
        },
        {
            "TunnelOptionsSpecification": {"TunnelOptions": [one(bgp="false")]},
            "EnableTunnelsBgp": False,
            "VpnBgpConfig": {"EnableBgp": "true"},
        },
    ],
)
def test_a_connection_may_use_bgp_where_it_says_nothing_of_it_or_not_all_of_one_mind(
    parts: dict[str, object],
) -> None:
    assert not seen(**parts).bgp_off


def test_a_tunnel_that_is_being_changed_is_not_called_down() -> None:
    (tunnel,) = listed(one(DOWN, "false", state="updating"))
    assert (tunnel.status, tunnel.up, tunnel.bgp_up) == (DOWN, None, None)
    (working,) = listed(one(state="updating"))
    assert (working.up, working.bgp_up) == (True, True)


def test_each_tunnel_of_the_list_is_shown_and_one_without_an_id_is_not() -> None:
    other = one(DOWN, "false") | {"TunnelId": "tun-2"}
    assert listed(one(), None, one() | {"TunnelId": None}, other) == (
        Tunnel(id="tun-1", status=UP, up=True, bgp_status="success", bgp_up=True),
        Tunnel(id="tun-2", status=DOWN, up=False, bgp_status="false", bgp_up=False),
    )


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"TunnelOptionsSpecification": None},
        {"TunnelOptionsSpecification": {}},
        {"TunnelOptionsSpecification": {"TunnelOptions": None}},
        {"TunnelOptionsSpecification": {"TunnelOptions": []}},
    ],
)
def test_a_connection_without_a_list_is_its_own_only_tunnel(parts: dict[str, object]) -> None:
    bgp = {"EnableBgp": "true", "Status": "false", "AuthKey": "a secret"}
    assert seen(Status=UP, VpnBgpConfig=bgp, **parts).tunnels == (
        Tunnel(id=VCO, status=UP, up=True, bgp_status="false", bgp_up=False),
    )
    assert seen(**parts).tunnels == ()


def test_a_list_that_is_not_understood_is_not_taken_for_no_list() -> None:
    assert seen(Status=UP, TunnelOptionsSpecification=[one()]).tunnels == ()
    assert seen(Status=UP, TunnelOptionsSpecification={"TunnelOptions": ["tun-1"]}).tunnels == ()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(tunnel=ANY_JSON, whole=ANY_JSON, word=ANY_JSON)
def test_however_odd_tunnels_are_the_connection_can_be_read(
    tunnel: object, whole: object, word: object
) -> None:
    # Its state is what a change is proven by.
    oddities = [
        seen(TunnelOptionsSpecification=whole, VpnBgpConfig=whole, Status=word),
        seen(TunnelOptionsSpecification={"TunnelOptions": [tunnel]}, EnableTunnelsBgp=word),
        seen(TunnelOptionsSpecification={"TunnelOptions": tunnel}),
        seen(TunnelOptionsSpecification={"TunnelOptions": [one(word, word, word)]}),
        seen(Status=UP, VpnBgpConfig={"EnableBgp": word, "Status": word}),
    ]
    for connection in oddities:
        assert connection.attached
        for shown in connection.tunnels:
            for text in (shown.id, shown.status, shown.bgp_status):
                assert text.isascii()
                assert not set(text) & set("<>&`*_ \n") - {"_"}


def test_no_key_is_read() -> None:
    bgp = {"Status": "success", "AuthKey": "a secret"}
    wire = answers.decode(
        json.dumps(
            {
                "VpnConnectionId": VCO,
                "State": "attached",
                "VpnBgpConfig": bgp,
                "TunnelOptionsSpecification": {"TunnelOptions": [one()]},
            }
        ).encode(),
        answers.WireConnection,
        READ,
    )
    assert "secret" not in repr(wire)
    assert "secret" not in repr(answers.connection(wire, READ))


# --- the same from a service ------------------------------------------------------------


class Fixed:
    async def credentials(self) -> Credentials:
        return Credentials(access_key_id=KEY, access_key_secret=SECRET)


@pytest.fixture
async def vpc() -> AsyncIterator[LocalVpc]:
    vpc = LocalVpc({KEY: SECRET})
    await vpc.start()
    yield vpc
    await vpc.close()


@pytest.fixture
async def client(vpc: LocalVpc) -> AsyncIterator[VpcClient]:
    async with new_http_client() as http:
        yield VpcClient(http, endpoints(vpc.url), Acs3Auth(Fixed()))


async def both_ways(client: VpcClient) -> list[tuple[str, bool | None, bool | None]]:
    """The tunnels of the connection, which one call shows as the other does."""
    alone = await client.connection(REGION, VCO)
    (listed,) = await client.connections(REGION)
    assert _seen(listed) == _seen(alone)
    assert not any(marker in repr(alone) for marker in SECRET_MARKERS)
    return _seen(alone)


def _seen(connection: Connection) -> list[tuple[str, bool | None, bool | None]]:
    """Without the vendor's words: for a BGP session that is down each call has its own."""
    return [(tunnel.id, tunnel.up, tunnel.bgp_up) for tunnel in connection.tunnels]


async def test_a_tunnel_is_seen_to_go_down_and_come_back(vpc: LocalVpc, client: VpcClient) -> None:
    vpc.add_connection(VCO, tunnels=2)
    first, second = (tunnel.id for tunnel in vpc.tunnels(VCO))
    assert await both_ways(client) == [(first, True, True), (second, True, True)]
    vpc.break_tunnel(VCO, first)
    assert await both_ways(client) == [(first, False, False), (second, True, True)]
    vpc.break_tunnel(VCO, second, only_bgp=True)
    assert await both_ways(client) == [(first, False, False), (second, True, False)]
    vpc.mend_tunnel(VCO)
    assert await both_ways(client) == [(first, True, True), (second, True, True)]


async def test_so_is_that_of_a_connection_that_lists_none(vpc: LocalVpc, client: VpcClient) -> None:
    vpc.add_connection(VCO, tunnels=0)
    assert await both_ways(client) == [(VCO, True, True)]
    vpc.break_tunnel(VCO, only_bgp=True)
    assert await both_ways(client) == [(VCO, True, False)]
    vpc.break_tunnel(VCO)
    assert await both_ways(client) == [(VCO, False, False)]


async def test_no_route_has_a_description(vpc: LocalVpc, client: VpcClient) -> None:
    vpc.add_connection(VCO)
    vpc.add_route(VCO, "10.0.0.0/8")
    (route,) = (await client.routes(REGION, VCO)).routes
    assert route.description == ""
