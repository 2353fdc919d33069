"""`vco-route-bot record`: what a cloud answered, given away without saying whose it was."""

import stat
from collections import Counter
from collections.abc import AsyncIterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from program import run
from recorded import Replay, files

from bot.alibaba.recording import (
    MOST_CONNECTIONS,
    Exchange,
    Recording,
    encoded,
    listed,
    redacted,
)
from bot.alibaba.redaction import Json, Redactor
from bot.errors import AlibabaError, PermissionDenied, Throttled
from bot.models import Connection, LiveRoute, RouteKind
from bot.sandbox.vpc import SECRET_MARKERS, Fault, FaultKind, LocalVpc

KEY, SECRET = "LTAI5tTestKey", "secret-of-the-test"
VCO, OTHER = "vco-p0w5112fgnl2ihlmftests", "vco-p0w99zzother"
REGION = "ap-southeast-1"
OURS = (KEY, SECRET, VCO, OTHER, "berlin-office", "netops-team", "192.168.", "10.20.", "cgw-p0w")


@pytest.fixture
async def vpc() -> AsyncIterator[LocalVpc]:
    vpc = LocalVpc({KEY: SECRET})
    vpc.add_connection(VCO, region=REGION, name="berlin-office", tags={"t": "netops-team"})
    vpc.add_connection(OTHER, region=REGION, tunnels=0)
    for number in range(60):
        vpc.add_route(VCO, f"192.168.{number}.0/24", 100 * (number % 2))
    vpc.add_route(VCO, "10.20.0.0/16", kind=RouteKind.BGP)
    vpc.add_route(OTHER, "10.20.30.0/24")
    await vpc.start()
    yield vpc
    await vpc.close()


def settings(vpc: LocalVpc, **changes: str) -> dict[str, str]:
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
        "ALIBABA_CLOUD_REGION_ID": REGION,
        "ALIBABA_CLOUD_VPC_ENDPOINT": vpc.url,
    } | changes


def read(file: Path) -> Recording:
    return msgspec.json.decode(file.read_bytes(), type=Recording)


Shape = tuple[tuple[str, str, int], Counter[tuple[str, str, int, int]]]


def shape(connection: Connection, routes: tuple[LiveRoute, ...]) -> Shape:
    """What is left of a connection and its routes when names and addresses are taken away."""
    rows = (
        (row.kind.value, row.state, row.route.weight, ip_network(row.route.route_dest).prefixlen)
        for row in routes
    )
    said = (connection.state, connection.attach_type, len(connection.tunnels))
    return said, Counter(rows)


# --- the command -------------------------------------------------------------------------


async def test_what_was_recorded_is_replayed_with_the_same_shapes(
    vpc: LocalVpc, tmp_path: Path
) -> None:
    file = tmp_path / "recorded.json"
    status, out, err = await run("record", str(file), **settings(vpc))
    assert (status, err) == (0, "")
    assert "of 2 connections in ap-southeast-1" in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [ours for ours in (*OURS, *SECRET_MARKERS) if ours in file.read_text()]

    http, client = Replay(read(file)).client()
    async with http:
        assert REGION in await client.regions()
        found = {}
        for connection in await client.connections(REGION):
            id_ = connection.vpn_connection_id
            assert (await client.connection(REGION, id_)).state == connection.state
            routes = await client.routes(REGION, id_)
            assert routes.bgp_known
            assert all(r.route.next_hop == id_ for r in routes.routes if r.kind != "bgp")
            found[id_] = shape(connection, routes.routes)
    custom = RouteKind.CUSTOM.value
    many = {(custom, "published", weight, 24): 30 for weight in (0, 100)}
    assert found == {
        "vco-0001": (("attached", "CEN", 1), Counter(many | {("bgp", "Active", 100, 16): 1})),
        "vco-0002": (("attached", "CEN", 1), Counter({(custom, "published", 100, 24): 1})),
    }


async def test_a_call_that_fails_is_recorded_and_the_rest_goes_on(
    vpc: LocalVpc, tmp_path: Path
) -> None:
    file = tmp_path / "recorded.json"
    for action, code in (("DescribeRegions", "Forbidden.RAM"), ("DescribeVpnConnection", "Oops")):
        fault = Fault(kind=FaultKind.ERROR, action=action, code=code, times=None)
        vpc.faults.add(fault)
    status, out, _ = await run("record", str(file), **settings(vpc))
    assert status == 0
    assert "failed: DescribeRegions: Forbidden.RAM\n" in out
    assert "failed: DescribeVpnConnection, connection 2: Oops\n" in out
    assert VCO not in out
    http, client = Replay(read(file)).client()
    async with http:
        with pytest.raises(PermissionDenied):
            await client.regions()
        with pytest.raises(AlibabaError, match="Oops"):
            await client.connection(REGION, "vco-0001")
        assert len((await client.routes(REGION, "vco-0001")).routes) == 61


async def test_a_file_that_is_there_is_not_overwritten(vpc: LocalVpc, tmp_path: Path) -> None:
    file = tmp_path / "recorded.json"
    file.write_text("mine")
    status, out, err = await run("record", str(file), **settings(vpc))
    assert (status, out) == (2, "")
    assert err == f"{file}: is there already, and is not overwritten\n"
    assert (file.read_text(), vpc.calls) == ("mine", [])


async def test_where_nothing_answers_no_file_is_left(vpc: LocalVpc, tmp_path: Path) -> None:
    file = tmp_path / "recorded.json"
    await vpc.close()
    status, out, err = await run("record", str(file), **settings(vpc))
    assert (status, err) == (1, "")
    assert out.endswith("Nothing answered, so nothing was recorded.\n")
    assert not file.exists()


async def test_without_a_region_it_says_so_in_a_line(vpc: LocalVpc, tmp_path: Path) -> None:
    env = settings(vpc, ALIBABA_CLOUD_REGION_ID="")
    status, _, err = await run("record", str(tmp_path / "recorded.json"), **env)
    assert status == 2
    assert err.startswith("ALIBABA_CLOUD_REGION_ID: is missing")
    assert not (tmp_path / "recorded.json").exists()


# --- what was recorded once --------------------------------------------------------------


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
async def test_every_recorded_file_is_understood(file: Path) -> None:
    recording = read(file)
    region = next(e.params["RegionId"] for e in recording.exchanges if "RegionId" in e.params)
    http, client = Replay(recording).client()
    async with http:
        assert region in await client.regions()
        found = [one.vpn_connection_id for one in await client.connections(region)]
        assert found == listed(recording.exchanges)
        for id_ in found[:MOST_CONNECTIONS]:
            assert (await client.connection(region, id_)).state
            assert (await client.routes(region, id_)).bgp_known


def test_there_is_a_recorded_file() -> None:
    assert files()


async def test_how_long_to_wait_is_recorded_with_a_refusal() -> None:
    refusal = Exchange("DescribeRegions", {}, 400, "1500", {"Code": "Throttling.User"})
    http, client = Replay(redacted([refusal], b"key")).client()
    async with http:
        with pytest.raises(Throttled) as told:
            await client.regions()
    assert told.value.retry_after == 1.5


# --- what may be given away --------------------------------------------------------------

SECRETS = st.text(st.sampled_from("ghjkmnpqrsuwxyz0123456789~"), min_size=6).map("Q7!".__add__)
# The first bit is 0, and that of a substitute 1: so none can be a substitute of another.
V4 = st.integers(8, 32).flatmap(
    lambda size: st.integers(1, 2 ** (size - 1) - 1).map(
        lambda bits: str(IPv4Network((bits << (32 - size), size)))
    )
)
V6 = st.integers(16, 128).flatmap(
    lambda size: st.integers(2 ** (size - 4), 2 ** (size - 1) - 1).map(
        lambda bits: str(IPv6Network((bits << (128 - size), size)))
    )
)
IDS = st.from_regex(r"(vco|cgw|tr|zz)-q7[a-z0-9]{6,12}", fullmatch=True)
FIELDS = st.sampled_from(
    ("Psk", "AuthKey", "Name", "VpnConnectionId", "NextHop", "RouteDest", "RequestId", "State")
) | st.sampled_from(
    ("Message", "Unheard", "Code", "Weight", "LocalId", "RegionId", "TotalCount", "q7-secret")
)
WORTH = SECRETS | V4 | V6 | IDS | st.integers(10_000_000_000)
BODIES = st.recursive(
    WORTH | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=5),
)


def leaves(value: Json) -> list[str]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one)]
    return [] if value is None or isinstance(value, bool | float) else [str(value)]


@given(body=BODIES, key=st.binary(min_size=8))
def test_no_value_survives_outside_the_fields_that_are_kept(body: Json, key: bytes) -> None:
    asked = {"VpnConnectionId": "vco-q7mineown", "Unheard": "Q7!hidden"}
    file = encoded(redacted([Exchange("Describe", asked, 200, "Q7!", body)], key)).decode()
    for leaf in (*leaves(body), *asked.values(), "Q7!", "q7-secret"):
        assert f'"{leaf}"' not in file
        # A short address can be the end of another: that one is looked for as a whole alone.
        assert leaf not in file or "/" in leaf


@given(value=WORTH, field=FIELDS, key=st.binary(min_size=8))
def test_the_same_value_has_the_same_substitute(value: Json, field: str, key: bytes) -> None:
    redactor = Redactor(key)
    first = redactor.value({field: [value, "between"]})
    assert redactor.value({field: [value, "between"]}) == first


@given(one=V4, other=V4, key=st.binary(min_size=8))
def test_lengths_and_what_contains_what_stay(one: str, other: str, key: bytes) -> None:
    redactor = Redactor(key)
    pairs = [(IPv4Network(text), IPv4Network(redactor.address(text))) for text in (one, other)]
    (wide, wide_now), (narrow, narrow_now) = sorted(pairs, key=lambda pair: pair[0].prefixlen)
    assert (wide_now.prefixlen, narrow_now.prefixlen) == (wide.prefixlen, narrow.prefixlen)
    assert narrow_now.subnet_of(wide_now) == narrow.subnet_of(wide)
    host = str(wide.broadcast_address)
    assert IPv4Network(redactor.address(host)).subnet_of(wide_now)


@given(block=V6, key=st.binary(min_size=8))
def test_a_block_of_the_newer_protocol_stays_one(block: str, key: bytes) -> None:
    redactor = Redactor(key)
    now = IPv6Network(redactor.address(block))
    assert now.prefixlen == IPv6Network(block).prefixlen
    inside = next(iter(IPv6Network(block).subnets(new_prefix=128)))
    assert IPv6Network(redactor.address(str(inside))).subnet_of(now)


def test_what_is_kept_is_kept_only_in_its_form() -> None:
    body = {
        "State": "attached",
        "Status": "10.1.2.3",
        "Code": "Forbidden.RAM",
        "Weight": "100",
        "RegionId": "cn-hangzhou",
        "LocalSubnet": "0.0.0.0/0",
        "Source": "vco-p0w5112f",
        "EnableBgp": "true",
        "Description": "to Berlin",
        "CreateTime": 1760000000,
    }
    assert Redactor(b"key").value(body) == body | {
        "Status": Redactor(b"key").address("10.1.2.3"),
        "Source": "vco-0001",
        "Description": "text",
        "CreateTime": 0,
    }
