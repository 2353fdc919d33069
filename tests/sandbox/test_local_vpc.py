"""The local VPC API from outside: requests signed by the vendor's own code, over HTTP."""

import asyncio
import hashlib
import json
from calendar import timegm
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from time import gmtime, strftime, strptime
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest
from waiting import Clock, until

from bot.models import RouteKind, VcoRoute
from bot.sandbox.vpc import CHANGES, SECRET_MARKERS, Call, Change, Fault, FaultKind, LocalVpc, Pace
from bot.sandbox.vpc import seed as world

KEY, SECRET = "LTAI5tTestKey", "secret-of-the-test"
STS_KEY, STS_SECRET, STS_TOKEN = "STS.TestKey", "secret-of-the-role", "token+of/the=role"
VCO = "vco-p0w5112fgnl2ihlmftests"
DELETE, CREATE, LIST = "DeleteVcoRouteEntry", "CreateVcoRouteEntry", "DescribeVcoRouteEntries"
READ, READ_ALL = "DescribeVpnConnection", "DescribeVpnConnections"
VECTORS = json.loads((Path(__file__).parents[1] / "vectors/signing-vectors.json").read_text())
TRANSPORT_FAULTS = (httpx.RemoteProtocolError, httpx.ReadError)


class Caller:
    """Signs with the vendor's code and sends with httpx."""

    def __init__(self, vpc: LocalVpc, clock: Clock) -> None:
        self.vpc, self.clock = vpc, clock
        self.http = httpx.AsyncClient(trust_env=False, timeout=5)

    async def __call__(self, action: str, /, **parameters: object) -> httpx.Response:
        parameters.setdefault("RegionId", "cn-hangzhou")
        return await self.send(action, parameters)

    async def delete(self, route: VcoRoute, token: str = "", **more: object) -> httpx.Response:
        return await self(DELETE, **_parameters(route), ClientToken=token, **more)

    async def create(self, route: VcoRoute, **more: object) -> httpx.Response:
        return await self(CREATE, **_parameters(route), **more)

    async def send(  # noqa: PLR0913 - each part of a request can be made wrong
        self,
        action: str,
        query: Mapping[str, object],
        *,
        key: str = KEY,
        secret: str = "",
        headers: dict[str, str] | None = None,
        unsigned: dict[str, str] | None = None,
        method: str = "POST",
        body: bytes = b"",
        path: str = "/",
    ) -> httpx.Response:
        request = DaraRequest()
        request.method, request.pathname = method, path
        request.query = {name: str(value) for name, value in query.items()}
        request.headers = {
            "host": urlsplit(self.vpc.url).netloc,
            "x-acs-action": action,
            "x-acs-version": "2016-04-28",
            "x-acs-date": _date(self.clock.now),
            "x-acs-signature-nonce": uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
            **(headers or {}),
        }
        payload = request.headers["x-acs-content-sha256"]
        secret = secret or {KEY: SECRET, STS_KEY: STS_SECRET}.get(key, "unknown")
        signed = Utils.get_authorization(request, "ACS3-HMAC-SHA256", payload, key, secret)
        sent = {"authorization": signed, **request.headers, **(unsigned or {})}
        return await self.http.request(
            method, self.vpc.url + path, params=request.query, headers=sent, content=body
        )


def _parameters(route: VcoRoute) -> dict[str, Any]:
    return {
        "VpnConnectionId": route.vpn_connection_id,
        "RouteDest": route.route_dest,
        "NextHop": route.next_hop,
        "Weight": route.weight,
    }


def _date(at: float) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(at))


def code_of(answer: httpx.Response) -> str:
    """The error code of a refusal in the vendor's shape; OK for a success."""
    if answer.status_code == 200:
        return "OK" if answer.json()["RequestId"] else "no RequestId"
    body = answer.json()
    assert {"Code", "Message", "RequestId", "HostId", "Recommend"} <= body.keys()
    return str(body["Code"])


@pytest.fixture
def clock() -> Clock:
    return Clock(1_760_000_000.0)


@pytest.fixture
async def vpc(clock: Clock) -> AsyncIterator[LocalVpc]:
    keys = {KEY: SECRET, STS_KEY: STS_SECRET}
    vpc = LocalVpc(keys, security_tokens={STS_KEY: STS_TOKEN}, clock=clock, token_lifetime=600)
    vpc.add_connection(VCO, name="office", tags={"team": "netops"})
    await vpc.start()
    yield vpc
    await vpc.close()


@pytest.fixture
async def call(vpc: LocalVpc, clock: Clock) -> AsyncIterator[Caller]:
    caller = Caller(vpc, clock)
    yield caller
    await caller.http.aclose()


@pytest.fixture
def route(vpc: LocalVpc) -> VcoRoute:
    return vpc.add_route(VCO, "192.168.10.0/24", 100)


# --- who is calling ---------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["name"])
async def test_a_request_signed_by_the_official_code_is_admitted_and_a_forged_one_is_not(
    vector: dict[str, Any], clock: Clock
) -> None:
    clock.now = timegm(strptime(vector["date"], "%Y-%m-%dT%H:%M:%SZ"))
    headers = {**vector["headers"], "authorization": vector["authorization"]}
    last = headers["authorization"][-1]
    forged = {**headers, "authorization": headers["authorization"][:-1] + "10"[last == "1"]}
    key, token = vector["access_key_id"], headers.get("x-acs-security-token")
    vpc = LocalVpc(
        {key: vector["access_key_secret"]},
        security_tokens={key: token} if token else None,
        clock=clock,
    )
    await vpc.start()
    url = vpc.url + "/?" + urlsplit(vector["wire_url"]).query
    async with httpx.AsyncClient(trust_env=False) as http:
        refused = await http.request(vector["method"], url, headers=forged)
        admitted = await http.request(vector["method"], url, headers=headers)
    await vpc.close()

    beyond_the_signature = {
        "describe_regions_no_params": "OK",
        "minimal_delete_chars": "InvalidParameter",
        "docs_RunInstances": "InvalidVersion",
    }
    expected = beyond_the_signature.get(vector["name"], "InvalidVpnConnectionInstanceId.NotFound")
    assert code_of(refused) == "SignatureDoesNotMatch"
    assert code_of(admitted) == expected


async def test_an_unknown_key_and_a_wrong_secret_are_refused(call: Caller) -> None:
    assert code_of(await call.send("DescribeRegions", {}, key="LTAI5tNobody")) == (
        "InvalidAccessKeyId.NotFound"
    )
    assert code_of(await call.send("DescribeRegions", {}, secret="guess")) == (
        "SignatureDoesNotMatch"
    )


@pytest.mark.parametrize(
    ("seconds", "code"), [(-901, "InvalidTimeStamp.Expired"), (901, "InvalidTimeStamp.Expired"),
                          (-899, "OK"), (899, "OK")]
)  # fmt: skip
async def test_a_clock_may_be_off_by_15_minutes(
    call: Caller, clock: Clock, seconds: int, code: str
) -> None:
    headers = {"x-acs-date": _date(clock.now + seconds)}
    assert code_of(await call.send("DescribeRegions", {}, headers=headers)) == code


async def test_a_nonce_is_used_up_by_its_first_request(call: Caller, clock: Clock) -> None:
    headers = {"x-acs-signature-nonce": "once"}
    assert code_of(await call.send("DescribeRegions", {}, headers=headers, secret="forged")) == (
        "SignatureDoesNotMatch"
    )
    assert code_of(await call.send("DescribeRegions", {}, headers=headers)) == "OK"
    clock.now += 890
    assert code_of(await call.send("DescribeRegions", {}, headers=headers)) == "SignatureNonceUsed"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"headers": {"x-acs-date": "now"}}, "InvalidTimeStamp.Format"),
        ({"headers": {"x-acs-date": "2026-02-30T00:00:00Z"}}, "InvalidTimeStamp.Format"),
        ({"headers": {"x-acs-content-sha256": "0" * 64}}, "SignatureDoesNotMatch"),
        ({"headers": {"x-acs-signature-nonce": ""}}, "IncompleteSignature"),
        ({"unsigned": {"x-acs-trace": "1"}}, "IncompleteSignature"),
        ({"unsigned": {"authorization": "Bearer x"}}, "IncompleteSignature"),
        ({"headers": {"x-acs-accesskey-id": "another"}}, "IncompleteSignature"),
        ({"headers": {"x-acs-security-token": "x"}}, "InvalidSecurityToken.Malformed"),
        ({"headers": {"x-acs-version": "2014-05-26"}}, "InvalidVersion"),
        ({"method": "PUT"}, "UnsupportedHTTPMethod"),
        ({"method": "GET"}, "OK"),
    ],
)
async def test_what_is_not_sent_and_signed_as_it_must_be_is_refused(
    call: Caller, sent: dict[str, Any], code: str
) -> None:
    assert code_of(await call.send("DescribeRegions", {}, **sent)) == code


async def test_the_names_of_signed_headers_must_be_sorted(call: Caller) -> None:
    admitted = await call("DescribeRegions")
    parts = admitted.request.headers["authorization"].split(",")
    names = parts[1].removeprefix("SignedHeaders=").split(";")
    parts[1] = "SignedHeaders=" + ";".join(reversed(names))
    answer = await call.send("DescribeRegions", {}, unsigned={"authorization": ",".join(parts)})
    assert code_of(answer) == "IncompleteSignature"


async def test_a_temporary_key_needs_its_security_token(vpc: LocalVpc, call: Caller) -> None:
    async def code(token: str | None) -> str:
        headers = {"x-acs-security-token": token} if token else {}
        return code_of(await call.send("DescribeRegions", {}, key=STS_KEY, headers=headers))

    assert await code(None) == "MissingSecurityToken"
    assert await code("stolen") == "InvalidSecurityToken.MismatchWithAccessKey"
    assert await code(STS_TOKEN) == "OK"
    vpc.service.gatekeeper.expired_tokens.add(STS_TOKEN)
    assert await code(STS_TOKEN) == "InvalidSecurityToken.Expired"


# --- what is asked ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "absent", ["RegionId", "VpnConnectionId", "RouteDest", "NextHop", "Weight"]
)
async def test_a_deletion_needs_every_mandatory_parameter(
    call: Caller, route: VcoRoute, absent: str
) -> None:
    parameters = {"RegionId": "cn-hangzhou", **_parameters(route)}
    del parameters[absent]
    answer = await call.send(DELETE, parameters)
    assert code_of(answer) == "MissingParameter"
    assert absent in answer.json()["Message"]


@pytest.mark.parametrize(
    ("action", "wrong"),
    [
        (DELETE, {"Weight": "50"}),
        (DELETE, {"RouteDest": "192.168.10.7/24"}),
        (DELETE, {"RouteDest": "192.168.10.0"}),
        (DELETE, {"RouteDest": "anything"}),
        (DELETE, {"ClientToken": "x" * 65}),
        (DELETE, {"ClientToken": "ключ"}),
        (DELETE, {"OverlayMode": "Gre"}),
        ("CreateVcoRouteEntry", {"RouteDest": "0.0.0.0/0"}),
        ("CreateVcoRouteEntry", {"RouteDest": "100.64.0.0/16"}),
        ("CreateVcoRouteEntry", {"NextHop": "vco-another"}),
        (LIST, {"PageSize": "51"}),
        (LIST, {"PageSize": "0"}),
        (LIST, {"PageNumber": "-1"}),
        (LIST, {"RouteEntryType": "static"}),
        (READ_ALL, {"PageSize": "100"}),
    ],
)
async def test_a_value_that_can_not_be_is_refused_by_name(
    vpc: LocalVpc, call: Caller, route: VcoRoute, action: str, wrong: dict[str, Any]
) -> None:
    answer = await call(action, **{**_parameters(route), **wrong})
    assert code_of(answer) == "InvalidParameter"
    assert next(iter(wrong)) in answer.json()["Message"]
    assert vpc.effects(route) == 0


async def test_unknown_regions_actions_paths_and_connections_are_told_apart(
    call: Caller, route: VcoRoute
) -> None:
    assert code_of(await call(READ, RegionId="mars", VpnConnectionId=VCO)) == (
        "InvalidRegionId.NotFound"
    )
    assert code_of(await call("DropEverything")) == "InvalidAction.NotFound"
    assert code_of(await call.send("DescribeRegions", {}, path="/v2")) == "InvalidAction.NotFound"
    elsewhere = {**_parameters(route), "RegionId": "ap-southeast-1"}
    for action in (DELETE, LIST, READ):
        answer = await call(action, **elsewhere)
        assert answer.status_code == 404
        assert code_of(answer) == "InvalidVpnConnectionInstanceId.NotFound"


async def test_parameters_may_come_in_a_form_and_only_once(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = str(httpx.QueryParams(_parameters(route))).encode()
    region = {"RegionId": "cn-hangzhou"}
    twice = await call.send(DELETE, {**region, "Weight": 0}, body=body, unsigned=form)
    assert code_of(twice) == "InvalidParameter"
    assert code_of(await call.send(DELETE, region, body=body, unsigned=form)) == "OK"
    assert vpc.effects(route) == 1


# --- reading ----------------------------------------------------------------------------


async def test_routes_are_listed_by_kind_and_page(vpc: LocalVpc, call: Caller) -> None:
    for number in range(12):
        vpc.add_route(VCO, f"10.{number}.0.0/16", 100)
    vpc.add_route(VCO, "172.16.0.0/12", 100, kind=RouteKind.BGP)

    first = (await call(LIST, VpnConnectionId=VCO)).json()
    second = (await call(LIST, VpnConnectionId=VCO, PageNumber=2)).json()
    third = (await call(LIST, VpnConnectionId=VCO, PageNumber=3)).json()
    bgp = (await call(LIST, VpnConnectionId=VCO, RouteEntryType="bgp")).json()

    assert [len(p["VcoRouteEntries"]) for p in (first, second, third)] == [10, 2, 0]
    assert {p["TotalCount"] for p in (first, second, third)} == {12}
    entry = first["VcoRouteEntries"][0]
    assert (entry["RouteDest"], entry["NextHop"], entry["Weight"]) == ("10.0.0.0/16", VCO, 100)
    assert (entry["State"], entry["RouteEntryType"]) == ("published", "custom")
    [learned] = bgp["VcoRouteEntries"]
    assert (learned["State"], learned["Source"]) == ("Active", "VPN_BGP")


@pytest.mark.parametrize(
    ("state", "attach_type"), [("detached", "CEN"), ("attached", "NO_ASSOCIATED")]
)
async def test_routes_of_a_connection_in_an_unfit_state_are_not_listed(
    vpc: LocalVpc, call: Caller, state: str, attach_type: str
) -> None:
    vpc.add_connection("vco-unfit", state=state, attach_type=attach_type)
    assert code_of(await call(LIST, VpnConnectionId="vco-unfit")) == "Vco.StatusNotSupport"
    assert code_of(await call(READ, VpnConnectionId="vco-unfit")) == "OK"


async def test_connections_are_listed_by_region(vpc: LocalVpc, call: Caller) -> None:
    vpc.add_connection("vco-other", region="cn-hangzhou")
    vpc.add_connection("vco-abroad", region="ap-southeast-1")

    async def ids(**where: object) -> set[str]:
        body = (await call(READ_ALL, **where)).json()
        assert body["TotalCount"] == len(body["VpnConnections"]["VpnConnection"])
        return {c["VpnConnectionId"] for c in body["VpnConnections"]["VpnConnection"]}

    assert await ids() == {VCO, "vco-other"}
    assert await ids(RegionId="ap-southeast-1") == {"vco-abroad"}


async def test_what_the_bot_never_asks_for_is_refused(call: Caller, route: VcoRoute) -> None:
    assert code_of(await call(READ_ALL, VpnConnectionId=VCO)) == "InvalidParameter"
    assert code_of(await call.create(route, DryRun="true")) == "InvalidParameter"


async def test_connection_answers_carry_marked_secrets_and_nothing_else_does(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    one = await call(READ, VpnConnectionId=VCO)
    several = await call(READ_ALL)
    others = [await call(LIST, VpnConnectionId=VCO), await call.delete(route)]
    assert all(marker in a.text for a in (one, several) for marker in SECRET_MARKERS)
    kept = json.dumps(vpc.snapshot()) + repr(vpc.calls) + "".join(a.text for a in others)
    assert not [s for s in (*SECRET_MARKERS, SECRET, STS_SECRET, STS_TOKEN) if s in kept]


# --- the task of a change ---------------------------------------------------------------


async def test_a_deletion_shows_late_and_the_route_goes_at_its_end(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    async def seen() -> tuple[str, bool]:
        state = (await call(READ, VpnConnectionId=VCO)).json()["State"]
        return state, bool((await call(LIST, VpnConnectionId=VCO)).json()["VcoRouteEntries"])

    assert code_of(await call.delete(route)) == "OK"
    assert await seen() == ("attached", True)
    clock.now += 0.4
    assert await seen() == ("updating", True)
    clock.now += 2.8
    assert await seen() == ("updating", True)
    clock.now += 0.2
    assert await seen() == ("attached", False)
    assert vpc.effects(route) == 1


@pytest.mark.parametrize(("lag", "gone_at"), [(-2.0, 2.0), (0.0, 4.0), (5.0, 9.0)])
async def test_the_listing_may_run_ahead_of_the_state_or_lag_behind_it(
    vpc: LocalVpc, call: Caller, clock: Clock, lag: float, gone_at: float
) -> None:
    vpc.add_connection("vco-lagging", pace=Pace(delay=1, seconds=3, listing_lag=lag))
    route = vpc.add_route("vco-lagging", "10.0.0.0/8")
    start = clock.now
    await call.delete(route)
    clock.now = start + gone_at - 0.1
    assert vpc.route_present(route)
    clock.now = start + gone_at
    assert not vpc.route_present(route)
    assert vpc.state("vco-lagging") == ("updating" if gone_at < 4 else "attached")


async def test_a_connection_takes_one_change_at_a_time(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    other = vpc.add_route(VCO, "10.0.0.0/8")
    assert code_of(await call.delete(route)) == "OK"
    assert code_of(await call.delete(other)) == "TaskConflict"
    clock.now += 1
    assert code_of(await call.delete(other)) == "VpnConnection.Configuring"
    assert code_of(await call.create(other)) == "VpnConnection.Configuring"
    assert len(vpc.overlaps()) == 3
    assert vpc.effects(other) == 0
    clock.now += 5
    assert code_of(await call.delete(other)) == "OK"
    assert vpc.effects(other) == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("financialLocked", "VpnConnection.FinancialLocked"),
        ("detached", "IncorrectStatus.VpnConnection"),
        ("active", "IncorrectStatus.VpnConnection"),
        ("upgrading", "VpnConnection.Configuring"),
    ],
)
async def test_a_connection_that_is_not_attached_takes_no_change(
    vpc: LocalVpc, call: Caller, route: VcoRoute, state: str, code: str
) -> None:
    vpc.set_state(VCO, state)
    assert code_of(await call.delete(route)) == code
    assert (await call(READ, VpnConnectionId=VCO)).json()["State"] == state
    assert vpc.effects(route) == 0


async def test_only_the_very_route_can_be_deleted_and_no_bgp_route(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    learned = vpc.add_route(VCO, "172.16.0.0/12", kind=RouteKind.BGP)
    near_misses: list[dict[str, Any]] = [
        {"Weight": 0},
        {"NextHop": "vco-another"},
        {"RouteDest": "192.168.10.0/25"},
        _parameters(learned),
    ]
    for miss in near_misses:
        answer = await call(DELETE, **{**_parameters(route), **miss})
        assert code_of(answer) == "InvalidRouteEntry.NotFound"
    assert vpc.route_present(route)
    assert vpc.route_present(learned)


async def test_a_route_is_created_once(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.remove_route(route)
    body = (await call.create(route)).json()
    assert (body["RouteDest"], body["Weight"], body["State"]) == (
        route.route_dest,
        route.weight,
        "published",
    )
    assert not vpc.route_present(route)
    clock.now += 4
    assert vpc.route_present(route)
    assert code_of(await call.create(route)) == "VpnRouteEntry.AlreadyExists"
    assert vpc.effects(route, Change.CREATE) == 1


async def test_creations_are_counted_apart_from_deletions(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    for change in (call.delete, call.create, call.delete):
        assert code_of(await change(route)) == "OK"
        clock.now += 4
    assert (vpc.effects(route), vpc.creations(route)) == (2, 1)


@pytest.mark.parametrize("dest", ["0.0.0.0/0", "100.64.0.0/10", "100.80.0.0/16", "100.0.0.0/8"])
async def test_what_the_vendor_lets_nobody_create_can_be_deleted_and_not_be_put_back(
    vpc: LocalVpc, call: Caller, clock: Clock, dest: str
) -> None:
    route = vpc.add_route(VCO, dest)
    assert code_of(await call.delete(route)) == "OK"
    clock.now += 4
    answer = await call.create(route)
    assert code_of(answer) == "InvalidParameter"
    assert "RouteDest" in answer.json()["Message"]
    assert vpc.creations(route) == 0


async def test_a_creation_comes_late_too_and_nothing_else_runs_meanwhile(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.remove_route(route)
    other = vpc.add_route(VCO, "10.0.0.0/8")
    assert code_of(await call.create(route, ClientToken="back")) == "OK"
    assert code_of(await call.create(route, ClientToken="other")) == "TaskConflict"
    clock.now += 1
    assert (vpc.state(VCO), vpc.route_present(route)) == ("updating", False)
    assert code_of(await call.delete(other)) == "VpnConnection.Configuring"
    clock.now += 3
    assert (vpc.state(VCO), vpc.route_present(route)) == ("attached", True)


async def test_a_client_token_creates_once_and_belongs_to_its_call(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.remove_route(route)
    first = await call.create(route, ClientToken="token")
    clock.now += 4
    again = await call.create(route, ClientToken="token")
    assert first.json() == again.json()
    assert code_of(await call.delete(route, "token")) == "IdempotentParameterMismatch"
    assert (vpc.creations(route), vpc.effects(route)) == (1, 0)


# --- idempotence and quotas -------------------------------------------------------------


async def test_a_client_token_answers_again_without_a_second_effect(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    first = await call.delete(route, "token")
    during = await call.delete(route, "token")
    clock.now += 10
    vpc.add_route(VCO, route.route_dest, route.weight)
    after = await call.delete(route, "token")
    assert first.json() == during.json() == after.json()
    assert vpc.effects(route) == 1
    assert [c.effect for c in vpc.calls] == [True, False, False]
    clock.now += 601
    assert code_of(await call.delete(route, "token")) == "OK"
    assert vpc.effects(route) == 2


async def test_a_client_token_belongs_to_its_parameters(call: Caller, route: VcoRoute) -> None:
    await call.delete(route, "token")
    answer = await call(DELETE, **{**_parameters(route), "Weight": 0}, ClientToken="token")
    assert code_of(answer) == "IdempotentParameterMismatch"
    assert code_of(await call.delete(route, "Token")) == "TaskConflict"


async def test_a_client_token_in_use_is_refused_until_its_call_is_answered(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    slow = vpc.faults.add(Fault(kind=FaultKind.SLOW_BEFORE, action=DELETE))
    first = asyncio.create_task(call.delete(route, "token"))
    await until(lambda: slow.hits == 1)
    assert code_of(await call.delete(route, "token")) == "LastTokenProcessing"
    vpc.faults.remove(slow)
    assert code_of(await first) == "OK"
    assert (await call.delete(route, "token")).json() == (await first).json()
    assert vpc.effects(route) == 1


async def test_a_refused_call_leaves_its_client_token_unused(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    other = vpc.add_route(VCO, "10.0.0.0/8")
    await call.delete(other)
    assert code_of(await call.delete(route, "token")) == "TaskConflict"
    clock.now += 10
    assert code_of(await call.delete(route, "token")) == "OK"


async def test_a_client_token_may_be_answered_its_refusal_for_ever(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.faults.add(Fault(kind=FaultKind.KEEPS_REFUSAL, action=DELETE))
    other = vpc.add_route(VCO, "10.0.0.0/8")
    await call.delete(other)
    assert code_of(await call.delete(route, "token")) == "TaskConflict"
    clock.now += 10
    assert code_of(await call.delete(route, "token")) == "TaskConflict"
    assert code_of(await call.delete(other, "token")) == "IdempotentParameterMismatch"
    assert vpc.effects(route) == 0
    assert code_of(await call.delete(route, "another")) == "OK"


@pytest.mark.parametrize("truly", [True, False], ids=["gone", "there"])
async def test_a_listing_may_flap_after_a_change_whatever_is_true(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute, *, truly: bool
) -> None:
    vpc.faults.add(Fault(kind=FaultKind.FLAPS, times=4))
    if not truly:
        vpc.faults.add(Fault(kind=FaultKind.FAILS_SILENTLY))

    async def shown() -> bool:
        listed = (await call(LIST, VpnConnectionId=VCO)).json()["VcoRouteEntries"]
        return route.route_dest in [entry["RouteDest"] for entry in listed]

    assert [await shown(), await shown()] == [True, True]
    await call.delete(route)
    clock.now += 10
    assert [await shown() for _ in range(4)] == [True, False, True, False]
    assert [await shown(), await shown()] == [not truly] * 2


async def test_a_quota_counts_each_action_and_region_for_a_minute(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.service.quotas.limits[DELETE] = 2
    await call.delete(route)
    clock.now += 20
    await call.delete(route)
    answer = await call.delete(route)
    assert code_of(answer) == "Throttling.User"
    assert answer.headers["x-acs-retry-after"] == "40000"
    assert code_of(await call(LIST, VpnConnectionId=VCO)) == "OK"
    abroad = await call(DELETE, **{**_parameters(route), "RegionId": "ap-southeast-1"})
    assert code_of(abroad) == "InvalidVpnConnectionInstanceId.NotFound"
    clock.now += 40
    assert code_of(await call.delete(route)) != "Throttling.User"


# --- faults -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "effects"),
    [(FaultKind.LOST_BEFORE, 0), (FaultKind.RESET, 0), (FaultKind.LOST_AFTER, 1)],
)
async def test_an_answer_is_lost_before_or_after_the_effect(
    vpc: LocalVpc, call: Caller, route: VcoRoute, kind: FaultKind, effects: int
) -> None:
    armed = vpc.faults.add(Fault(kind=kind, action=DELETE))
    with pytest.raises(TRANSPORT_FAULTS):
        await call.delete(route, "token")
    assert vpc.effects(route) == effects
    assert (armed.hits, vpc.calls[-1].fault) == (1, kind.value)
    assert code_of(await call.delete(route, "token")) == "OK"
    assert vpc.effects(route) == 1


@pytest.mark.parametrize(
    ("kind", "status", "text", "effects"),
    [
        (FaultKind.HTML_BEFORE, 502, "502 Bad Gateway", 0),
        (FaultKind.HTML_AFTER, 502, "502 Bad Gateway", 1),
        (FaultKind.REDIRECT, 302, "", 0),
        (FaultKind.EMPTY, 200, "", 1),
        (FaultKind.MISSING_FIELDS, 200, "{}", 1),
        (FaultKind.TRUNCATED, 200, '{"RequestId":', 1),
    ],
)
async def test_an_answer_may_be_anything(  # noqa: PLR0913 - three fixtures, four columns
    vpc: LocalVpc,
    call: Caller,
    route: VcoRoute,
    *,
    kind: FaultKind,
    status: int,
    text: str,
    effects: int,
) -> None:
    vpc.faults.add(Fault(kind=kind, action=DELETE))
    answer = await call.delete(route)
    assert (answer.status_code, text in answer.text) == (status, True)
    assert not answer.text.endswith('"}')
    assert vpc.effects(route) == effects


async def test_a_hanging_call_ends_with_its_caller_and_does_nothing(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    vpc.switch_fault("api_hangs", on=True)
    call.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        await call.delete(route, "token")
    await until(lambda: vpc.calls[-1].ended)
    vpc.switch_fault("api_hangs", on=False)
    assert vpc.effects(route) == 0
    assert code_of(await call.delete(route, "token")) == "OK"


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.SLOW_BEFORE])
async def test_closing_drops_at_once_what_waits(
    vpc: LocalVpc, call: Caller, route: VcoRoute, kind: FaultKind
) -> None:
    waiting = vpc.faults.add(Fault(kind=kind))
    call_in_hand = asyncio.create_task(call.delete(route))
    await until(lambda: waiting.hits == 1)
    async with asyncio.timeout(2):
        await vpc.close()
    with pytest.raises(TRANSPORT_FAULTS):
        await call_in_hand
    assert vpc.effects(route) == 0


async def test_a_slow_call_is_carried_out_even_if_its_caller_has_gone(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    slow = vpc.faults.add(Fault(kind=FaultKind.SLOW_BEFORE))
    call.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        await call.delete(route)
    assert vpc.effects(route) == 0
    vpc.faults.remove(slow)
    await until(lambda: vpc.effects(route) == 1)


async def test_refusals_on_demand_have_any_code_and_strike_as_often_as_told(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.faults.add(Fault(kind=FaultKind.ERROR, code="Forbidden", action=DELETE, skip=1))
    vpc.faults.add(Fault(kind=FaultKind.ERROR, code="Odd", status=418, message="?", connection=VCO))
    vpc.faults.add(Fault(kind=FaultKind.THROTTLED, action=DELETE, retry_after_ms=700))
    vpc.faults.add(Fault(kind=FaultKind.BUSY, action=DELETE, times=None, seconds=20))
    odd, forbidden, throttled = [await call.delete(route) for _ in range(3)]
    assert (code_of(odd), odd.status_code, odd.json()["Message"]) == ("Odd", 418, "?")
    assert (code_of(forbidden), forbidden.status_code) == ("Forbidden", 403)
    assert forbidden.json()["AccessDeniedDetail"]["AuthAction"] == f"vpc:{DELETE}"
    assert (code_of(throttled), throttled.headers["x-acs-retry-after"]) == (
        "Throttling.User",
        "700",
    )
    assert code_of(await call.delete(route)) == "TaskConflict"
    clock.now += 19
    assert code_of(await call.delete(route)) == "TaskConflict"
    clock.now += 1
    assert code_of(await call.delete(route)) == "OK"


@pytest.mark.parametrize("action", [CREATE, CHANGES])
async def test_an_answer_to_a_creation_is_lost_after_its_effect(
    vpc: LocalVpc, call: Caller, route: VcoRoute, action: str
) -> None:
    vpc.remove_route(route)
    vpc.faults.add(Fault(kind=FaultKind.LOST_AFTER, action=action))
    with pytest.raises(TRANSPORT_FAULTS):
        await call.create(route, ClientToken="token")
    assert vpc.creations(route) == 1
    assert code_of(await call.create(route, ClientToken="token")) == "OK"
    assert vpc.creations(route) == 1


async def test_a_creation_may_be_busy_or_change_nothing(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.remove_route(route)
    vpc.faults.add(Fault(kind=FaultKind.BUSY, action=CREATE, connection=VCO))
    vpc.faults.add(Fault(kind=FaultKind.FAILS_SILENTLY, action=CREATE))
    assert code_of(await call.create(route)) == "TaskConflict"
    assert code_of(await call.create(route)) == "OK"
    clock.now += 60
    assert (vpc.state(VCO), vpc.route_present(route)) == ("attached", False)


@pytest.mark.parametrize("name", ["busy", "forbidden"])
async def test_a_switch_for_changes_strikes_both_and_no_read(
    vpc: LocalVpc, call: Caller, route: VcoRoute, name: str
) -> None:
    vpc.switch_fault(name, on=True)
    codes = {code_of(await call.delete(route)), code_of(await call.create(route))}
    assert codes == {vpc.calls[0].code}
    assert codes != {"OK"}
    assert code_of(await call(LIST, VpnConnectionId=VCO)) == "OK"


async def test_a_page_may_lie_about_its_total_and_lack_single_fields(
    vpc: LocalVpc, call: Caller, route: VcoRoute
) -> None:
    vpc.faults.add(Fault(kind=FaultKind.WRONG_TOTAL, off_by=7))
    vpc.faults.add(Fault(kind=FaultKind.WRONG_TOTAL, off_by=-7))
    vpc.faults.add(Fault(kind=FaultKind.MISSING_FIELDS, fields=("Weight",)))
    high, low, lacking = [(await call(LIST, VpnConnectionId=VCO)).json() for _ in range(3)]
    assert (high["TotalCount"], low["TotalCount"]) == (8, 0)
    assert lacking["VcoRouteEntries"][0]["RouteDest"] == route.route_dest
    assert "Weight" not in lacking["VcoRouteEntries"][0]


@pytest.mark.parametrize(
    ("kind", "states", "present"),
    [
        (FaultKind.STUCK, ["updating", "updating"], True),
        (FaultKind.FAILS_SILENTLY, ["updating", "attached"], True),
        (FaultKind.NEVER_UPDATING, ["attached", "attached"], False),
    ],
)
async def test_a_task_may_go_wrong(  # noqa: PLR0913 - four fixtures, three columns
    vpc: LocalVpc,
    call: Caller,
    clock: Clock,
    route: VcoRoute,
    *,
    kind: FaultKind,
    states: list[str],
    present: bool,
) -> None:
    vpc.faults.add(Fault(kind=kind, action=DELETE))
    await call.delete(route)
    clock.now += 1
    during = vpc.state(VCO)
    clock.now += 3600
    assert [during, vpc.state(VCO)] == states
    assert vpc.route_present(route) is present


# --- tunnels ----------------------------------------------------------------------------


async def test_a_tunnel_goes_down_with_its_bgp_session_or_the_session_alone(
    vpc: LocalVpc, call: Caller
) -> None:
    vpc.add_connection("vco-dual", tunnels=2)
    first, second = (tunnel.id for tunnel in vpc.tunnels("vco-dual"))

    async def seen() -> list[tuple[str, str]]:
        body = (await call(READ, VpnConnectionId="vco-dual")).json()
        tunnels = body["TunnelOptionsSpecification"]["TunnelOptions"]
        assert [t["TunnelId"] for t in tunnels] == [first, second]
        return [(t["Status"], t["TunnelBgpConfig"]["BgpStatus"]) for t in tunnels]

    up = ("ipsec_sa_established", "success")
    assert await seen() == [up, up]
    vpc.break_tunnel("vco-dual", first)
    vpc.break_tunnel("vco-dual", second, only_bgp=True)
    assert await seen() == [
        ("ike_sa_not_established", "false"),
        ("ipsec_sa_established", "false"),
    ]
    vpc.break_tunnel("vco-dual", first, only_bgp=True)  # it is down already
    assert (await seen())[0] == ("ike_sa_not_established", "false")
    vpc.mend_tunnel("vco-dual", second)
    assert (await seen())[1] == up
    vpc.mend_tunnel("vco-dual")
    assert await seen() == [up, up]
    with pytest.raises(KeyError):
        vpc.break_tunnel("vco-dual", "tun-none")


async def test_a_connection_of_the_older_kind_lists_no_tunnel(vpc: LocalVpc, call: Caller) -> None:
    vpc.add_connection("vco-older", tunnels=0)
    vpc.break_tunnel("vco-older")
    body = (await call(READ, VpnConnectionId="vco-older")).json()
    assert "TunnelOptionsSpecification" not in body
    assert (body["Status"], body["VpnBgpConfig"]["Status"]) == ("ike_sa_not_established", "failed")
    listed = (await call(READ_ALL)).json()["VpnConnections"]["VpnConnection"]
    [older] = [one for one in listed if one["VpnConnectionId"] == "vco-older"]
    assert older["VpnBgpConfig"]["Status"] == "false"


async def test_a_tunnel_may_hang_on_a_route_and_come_back_with_it(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.hang_tunnels(VCO, route, seconds=5)
    start = clock.now

    def up(at: float) -> bool:
        clock.now = start + at
        return vpc.tunnels(VCO)[0].up

    await call.delete(route)
    gone, back = 3.3, 23.3
    assert up(gone + 4.9)
    assert not up(gone + 5.1)
    clock.now = start + 20
    await call.create(route)
    # Nobody looks for a while: it comes back in the meantime all the same.
    assert up(back + 5.1)
    vpc.remove_route(route)
    assert up(back + 10)
    assert not up(back + 10.2)


async def test_the_page_hears_of_a_tunnel_that_follows_its_route() -> None:
    vpc = LocalVpc({KEY: SECRET})
    vpc.add_connection(VCO)
    route = vpc.add_route(VCO, "10.0.0.0/8")
    vpc.hang_tunnels(VCO, route, seconds=0.1)
    seen: list[bool] = []
    vpc.on_change = lambda: seen.append(vpc.tunnels(VCO)[0].up)
    await vpc.start()
    vpc.remove_route(route)
    await until(lambda: seen == [True, False])
    await vpc.close()


# --- the page's view, and the sandbox's world -------------------------------------------


async def test_the_snapshot_shows_routes_tasks_calls_and_switches(
    vpc: LocalVpc, call: Caller, clock: Clock, route: VcoRoute
) -> None:
    vpc.switch_fault("answer_lost", on=True)
    with pytest.raises(TRANSPORT_FAULTS):
        await call.delete(route)
    clock.now += 2
    snapshot: Any = json.loads(json.dumps(vpc.snapshot()))
    [connection] = snapshot["connections"]
    assert (connection["id"], connection["state"]) == (VCO, "updating")
    assert connection["task"] == "deleting 192.168.10.0/24 (weight 100), 2 s"
    [row] = connection["routes"]
    assert (row["dest"], row["weight"], row["state"]) == ("192.168.10.0/24", 100, "deleting")
    [tunnel] = connection["tunnels"]
    assert (tunnel["up"], tunnel["bgp_up"]) == (True, True)
    assert snapshot["calls"][0]["code"] == "no answer (lost after)"
    assert not next(f for f in snapshot["faults"] if f["name"] == "answer_lost")["active"]


async def test_every_change_is_announced_also_when_a_task_ends_by_itself() -> None:
    vpc = LocalVpc({KEY: SECRET}, task_seconds=0.1, task_delay=0.05)
    vpc.add_connection(VCO)
    route = vpc.add_route(VCO, "10.0.0.0/8")
    seen: list[tuple[str, bool]] = []
    vpc.on_change = lambda: seen.append((vpc.state(VCO), vpc.route_present(route)))
    await vpc.start()
    caller = Caller(vpc, Clock(1_760_000_000.0))
    caller.clock.now = vpc.service.clock()
    await caller.delete(route)
    await until(lambda: ("attached", False) in seen)
    await caller.http.aclose()
    await vpc.close()
    assert list(dict.fromkeys(seen)) == [
        ("attached", True),
        ("updating", True),
        ("attached", False),
    ]


async def test_the_seeded_world_has_its_stories(clock: Clock) -> None:
    vpc = LocalVpc({KEY: SECRET}, clock=clock)
    world.seed(vpc)
    await vpc.start()
    caller = Caller(vpc, clock)

    async def delete_first(vpn_connection_id: str) -> str:
        region = vpc.connection(vpn_connection_id).region
        return code_of(await caller.delete(vpc.routes(vpn_connection_id)[0], RegionId=region))

    assert await delete_first(world.ORDINARY) == "OK"
    assert await delete_first(world.LOCKED) == "VpnConnection.FinancialLocked"
    assert await delete_first(world.UNATTACHED) == "IncorrectStatus.VpnConnection"
    assert await delete_first(world.BUSY) == "TaskConflict"
    assert await delete_first(world.SLOW) == "OK"
    assert await delete_first(world.FRAGILE) == "OK"
    clock.now += world.BUSY_SECONDS
    assert not vpc.tunnels(world.FRAGILE)[0].up
    assert vpc.state(world.SLOW) == "updating"
    assert await delete_first(world.BUSY) == "OK"
    await caller.http.aclose()
    await vpc.close()


async def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        await LocalVpc({}).start(host="0.0.0.0")  # noqa: S104 - refused is what is tested


def test_a_record_of_a_call_sums_it_up() -> None:
    call = Call(at=0, alibaba_request_id="", params={"RegionId": "cn-hangzhou"})
    assert call.summary == "cn-hangzhou"
