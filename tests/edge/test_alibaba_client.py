"""The client over HTTP, against a server on loopback that answers what the test tells it.

Here stand the answers that a well-behaved service never gives: pages that lie, HTML, half an
answer, none at all. What must come out is always the same: the truth, or an error that does
not pretend to know.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple

import httpx
import pytest
import structlog
from aiohttp import web
from waiting import until

from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import Credentials
from bot.alibaba.endpoints import endpoints
from bot.alibaba.transport import BODY_LIMIT, new_http_client
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    Busy,
    CredentialsRejected,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    Rejected,
    Throttled,
)
from bot.models import (
    UNKNOWN_WEIGHT,
    Connection,
    LiveRoute,
    RouteKind,
    RouteList,
    Tunnel,
    VcoRoute,
)

REGION = "cn-hangzhou"
VCO = "vco-p0w5112fgnl2ihlmf0000"
ROUTE = VcoRoute(vpn_connection_id=VCO, route_dest="192.168.10.0/24", next_hop=VCO, weight=100)
KEY = Credentials(access_key_id="LTAI5tExample", access_key_secret="invented-secret")
REQUEST_ID = "9208DDD8-0930-3CE6-AF7F-732B4E67B3DD"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


# --- the scripted server --------------------------------------------------------------


class Seen(NamedTuple):
    """A request as it came over the wire."""

    target: str
    headers: dict[str, str]

    @property
    def query(self) -> dict[str, str]:
        return dict(httpx.QueryParams(self.target.partition("?")[2]))


class Script:
    """Answers in the order they were given; the last one goes on being given."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.seen: list[Seen] = []
        self.url = ""
        self.over = asyncio.Event()

    def then(self, *answers: Answer) -> None:
        self.answers.extend(answers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.raw_path, headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def gives(
    content: object = b"", status: int = 200, headers: dict[str, str] | None = None
) -> Answer:
    """An answer: bytes as they are, anything else as JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers=headers)

    return answer


def fails(code: str, status: int = 400, headers: dict[str, str] | None = None) -> Answer:
    """An error as the vendor writes it."""
    body = {"Code": code, "Message": "hidden words", "RequestId": REQUEST_ID, "HostId": "x"}
    return gives(body, status, headers)


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """The request arrived, and its answer is lost."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.fixture
async def vpc() -> AsyncIterator[Script]:
    script = Script()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield script
    script.over.set()
    await runner.cleanup()


class Fixed:
    async def credentials(self) -> Credentials:
        return KEY


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with new_http_client(httpx.Timeout(2.0, read=0.3)) as client:
        yield client


@pytest.fixture
def client(vpc: Script, http: httpx.AsyncClient) -> VpcClient:
    return VpcClient(http, endpoints(vpc.url), Acs3Auth(Fixed()), attempt_seconds=1.0)


async def delete(client: VpcClient) -> str:
    return await client.delete_route(REGION, ROUTE, client_token="vco-7f3a")


async def create(client: VpcClient) -> str:
    return await client.create_route(REGION, ROUTE, client_token="vco-7f3a")


# --- deleting -------------------------------------------------------------------------


async def test_a_deletion_sends_every_parameter_in_the_query_and_answers_the_request_id(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives({"RequestId": REQUEST_ID}))
    assert (
        await client.delete_route(REGION, ROUTE, client_token="vco-7f3a", overlay_mode="Ipsec")
        == REQUEST_ID
    )
    (seen,) = vpc.seen
    assert seen.target == (
        f"/?ClientToken=vco-7f3a&NextHop={VCO}&OverlayMode=Ipsec&RegionId=cn-hangzhou"
        f"&RouteDest=192.168.10.0%2F24&VpnConnectionId={VCO}&Weight=100"
    )
    assert seen.headers["x-acs-action"] == "DeleteVcoRouteEntry"
    assert seen.headers["x-acs-version"] == "2016-04-28"
    assert seen.headers["content-length"] == "0"
    assert "vco-route-bot" in seen.headers["user-agent"]


async def test_a_creation_sends_the_same_parameters(vpc: Script, client: VpcClient) -> None:
    vpc.then(gives({"RequestId": REQUEST_ID}))
    assert await create(client) == REQUEST_ID
    (seen,) = vpc.seen
    assert seen.headers["x-acs-action"] == "CreateVcoRouteEntry"
    assert seen.target == (
        f"/?ClientToken=vco-7f3a&NextHop={VCO}&RegionId=cn-hangzhou"
        f"&RouteDest=192.168.10.0%2F24&VpnConnectionId={VCO}&Weight=100"
    )


async def test_of_a_creation_only_the_request_id_is_read(vpc: Script, client: VpcClient) -> None:
    # What else it answers would be no proof: that is found by reading.
    vpc.then(gives({"RequestId": REQUEST_ID, "State": "published", "Weight": "odd"}))
    assert await create(client) == REQUEST_ID
    vpc.then(gives({"State": "published"}))
    await create(client)
    with pytest.raises(OutcomeUnknown, match="CreateVcoRouteEntry may have taken effect"):
        await create(client)


@pytest.mark.parametrize(
    ("code", "class_"),
    [
        ("VpnRouteEntry.AlreadyExists", AlreadyThere),
        ("InvalidRouteEntry.NotFound", Rejected),
        ("VpnRouteEntry.Conflict", Rejected),
        ("TaskConflict", Busy),
        ("Forbidden", PermissionDenied),
        ("InternalError", OutcomeUnknown),
    ],
)
async def test_a_refused_creation_is_told_by_its_code(
    vpc: Script, client: VpcClient, code: str, class_: type[AlibabaError]
) -> None:
    vpc.then(fails(code))
    with pytest.raises(class_) as caught:
        await create(client)
    assert type(caught.value) is class_
    assert caught.value.alibaba_request_id == REQUEST_ID
    assert "hidden words" not in str(caught.value)


async def test_a_creation_whose_answer_is_lost_is_not_repeated(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(hangs_up)
    with pytest.raises(OutcomeUnknown):
        await create(client)
    assert len(vpc.seen) == 1


async def test_weight_zero_is_sent_and_an_overlay_mode_that_nobody_gave_is_not(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives({"RequestId": REQUEST_ID}))
    standby = VcoRoute(vpn_connection_id=VCO, route_dest="10.0.0.0/8", next_hop=VCO, weight=0)
    await client.delete_route(REGION, standby, client_token="t")
    assert vpc.seen[0].query["Weight"] == "0"
    assert "OverlayMode" not in vpc.seen[0].query


@pytest.mark.parametrize(
    ("code", "class_"),
    [
        ("VpnConnection.Configuring", Busy),
        ("InvalidRouteEntry.NotFound", AlreadyGone),
        ("VpnRouteEntry.Conflict", Rejected),
    ],
)
async def test_an_error_code_becomes_an_error_with_the_vendors_request_id_and_not_its_message(
    code: str, class_: type[AlibabaError], vpc: Script, client: VpcClient
) -> None:
    vpc.then(fails(code))
    with pytest.raises(class_) as caught:
        await delete(client)
    assert caught.value.code == code
    assert caught.value.alibaba_request_id == REQUEST_ID
    assert "hidden words" not in repr(vars(caught.value)) + str(caught.value)


async def test_an_error_spelled_in_lower_case_is_told_by_its_code_too(
    vpc: Script, client: VpcClient
) -> None:
    body = {"code": "TaskConflict", "message": "hidden words", "requestId": REQUEST_ID}
    vpc.then(gives(body, 400))
    with pytest.raises(Busy) as caught:
        await delete(client)
    assert caught.value.code == "TaskConflict"
    assert caught.value.alibaba_request_id == REQUEST_ID


async def test_a_throttled_answer_says_in_seconds_how_long_to_wait(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(fails("Throttling.User", 503, {"x-acs-retry-after": "2500"}))
    with pytest.raises(Throttled) as caught:
        await delete(client)
    assert caught.value.retry_after == 2.5


# --- signing again --------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", ["SignatureNonceUsed", "InvalidTimeStamp.Expired", "InvalidTimeStamp.Format"]
)
async def test_a_refused_signature_is_made_anew_once_with_the_same_client_token(
    code: str, vpc: Script, client: VpcClient
) -> None:
    vpc.then(fails(code), gives({"RequestId": REQUEST_ID}))
    assert await delete(client) == REQUEST_ID
    first, second = vpc.seen
    assert first.target == second.target
    assert first.headers["x-acs-signature-nonce"] != second.headers["x-acs-signature-nonce"]


async def test_a_clock_that_stays_wrong_is_the_operators_problem_and_told_with_by_how_much(
    vpc: Script, http: httpx.AsyncClient
) -> None:
    date = "Thu, 02 Jan 2025 03:04:05 GMT"
    vpc.then(fails("InvalidTimeStamp.Expired", headers={"Date": date}))
    client = VpcClient(http, endpoints(vpc.url), Acs3Auth(Fixed()), now=lambda: 1735787045 + 1200.0)
    with pytest.raises(CredentialsRejected, match="1200 s ahead of"):
        await delete(client)
    assert len(vpc.seen) == 2


async def test_a_wrong_clock_is_told_also_where_the_answer_bears_no_readable_date(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(fails("InvalidTimeStamp.Expired", headers={"Date": "yesterday"}))
    with pytest.raises(CredentialsRejected, match="clock is off"):
        await delete(client)


async def test_a_nonce_that_is_used_twice_means_that_a_copy_may_have_worked(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(fails("SignatureNonceUsed"))
    with pytest.raises(OutcomeUnknown):
        await delete(client)
    assert len(vpc.seen) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [(delete, "InvalidRouteEntry.NotFound"), (create, "VpnRouteEntry.AlreadyExists")],
)
async def test_what_is_done_already_after_a_used_nonce_may_have_been_done_by_the_copy(
    vpc: Script, client: VpcClient, change: Callable[[VpcClient], Awaitable[str]], code: str
) -> None:
    vpc.then(fails("SignatureNonceUsed"), fails(code))
    with pytest.raises(OutcomeUnknown):
        await change(client)


@pytest.mark.parametrize(
    "answers",
    [
        ["SignatureNonceUsed", "TaskConflict"],
        ["OperationFailed.IdempotentTokenProcessing"],
        ["LastTokenProcessing"],
    ],
)
async def test_what_is_busy_with_a_copy_of_the_same_call_may_have_been_changed(
    vpc: Script, client: VpcClient, answers: list[str]
) -> None:
    vpc.then(*map(fails, answers))
    with pytest.raises(Busy) as caught:
        await delete(client)
    assert caught.value.perhaps_done


async def test_what_is_busy_with_something_else_was_not_changed(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(fails("InvalidTimeStamp.Expired"), fails("TaskConflict"))
    with pytest.raises(Busy) as caught:
        await delete(client)
    assert not caught.value.perhaps_done


# --- answers that are none ------------------------------------------------------------

HTML = b"<html><body>502 Bad Gateway</body></html>"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(gives(HTML, 502), id="HTML with 502"),
        pytest.param(gives(HTML, 200), id="HTML with 200"),
        pytest.param(gives(HTML, 403), id="HTML with 403"),
        pytest.param(gives(b"", 200), id="empty with 200"),
        pytest.param(gives(b"", 500), id="empty with 500"),
        pytest.param(gives(b"\xff\xfe", 200), id="not UTF-8"),
        pytest.param(gives(b'{"RequestId": "9208', 200), id="cut off"),
        pytest.param(gives({}, 200), id="no fields"),
        pytest.param(gives([], 200), id="a list"),
        pytest.param(gives(None, 200), id="null"),
        pytest.param(gives({"RequestId": 7}, 200), id="a field of the wrong type"),
        pytest.param(gives({"Message": "no"}, 400), id="an error without a code"),
        pytest.param(gives({"Code": ["a"]}, 400), id="a code of the wrong type"),
        pytest.param(fails("InternalError", 500), id="an internal error"),
        pytest.param(gives(b"", 302, {"Location": "http://127.0.0.1:9/"}), id="a redirect"),
        pytest.param(gives({"RequestId": "a" * BODY_LIMIT}), id="too large"),
        pytest.param(hangs_up, id="hung up"),
    ],
)
async def test_without_a_usable_answer_the_outcome_is_unknown_and_nothing_is_repeated(
    answer: Answer, vpc: Script, client: VpcClient
) -> None:
    vpc.then(answer)
    with pytest.raises(OutcomeUnknown) as caught:
        await delete(client)
    assert "may have taken effect" in caught.value.meaning
    assert len(vpc.seen) == 1


async def test_an_answer_that_does_not_come_in_time_leaves_the_outcome_unknown(
    vpc: Script, client: VpcClient
) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        await vpc.over.wait()
        return web.Response()

    vpc.then(never)
    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        await delete(client)


async def test_an_answer_that_trickles_is_cut_off_as_a_whole(
    vpc: Script, http: httpx.AsyncClient
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            if request.transport is None:
                break
            await response.write(b" ")
            await asyncio.sleep(0.02)
        return response

    vpc.then(trickle)
    client = VpcClient(http, endpoints(vpc.url), Acs3Auth(Fixed()), attempt_seconds=0.2)
    with pytest.raises(OutcomeUnknown) as caught:
        await delete(client)
    assert caught.value.code == "Network.TooSlow"


async def test_a_missing_field_is_named_and_no_value_of_the_answer_is_shown(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives({"VpnConnectionId": VCO, "State": 7, "IkeConfig": {"Psk": "pre-shared"}}))
    with pytest.raises(OutcomeUnknown, match=r"\$\.State") as caught:
        await client.connection(REGION, VCO)
    assert "pre-shared" not in str(caught.value)
    assert caught.value.__cause__ is None


# --- nothing was sent -----------------------------------------------------------------


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback at which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_where_no_connection_can_be_opened_nothing_was_sent(
    http: httpx.AsyncClient, closed_port: int
) -> None:
    client = VpcClient(http, endpoints(f"http://127.0.0.1:{closed_port}"), Acs3Auth(Fixed()))
    with pytest.raises(NotSent) as caught:
        await delete(client)
    assert caught.value.next_step.startswith("Nothing was sent.")
    assert "127.0.0.1" in caught.value.meaning


async def test_loopback_is_reached_directly_though_a_proxy_is_set(
    vpc: Script, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port}")
    vpc.then(gives({"RequestId": REQUEST_ID}))
    async with new_http_client() as http:
        client = VpcClient(http, endpoints(vpc.url), Acs3Auth(Fixed()))
        assert await delete(client) == REQUEST_ID


async def test_a_proxy_that_refuses_the_tunnel_means_that_nothing_was_sent(
    vpc: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", vpc.url)
    vpc.then(gives(b"", 403))
    async with new_http_client() as http:
        client = VpcClient(http, endpoints("vpc.invalid"), Acs3Auth(Fixed()))
        with pytest.raises(NotSent):
            await delete(client)


async def test_a_region_that_is_none_is_refused_before_anything_is_sent(
    vpc: Script, client: VpcClient
) -> None:
    with pytest.raises(Rejected, match="InvalidRegionId"):
        await client.connection("evil.com/", VCO)
    assert vpc.seen == []


# --- one connection -------------------------------------------------------------------


async def test_a_connection_is_read_by_name_with_its_state_in_lower_case(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(
        gives(
            {
                "VpnConnectionId": VCO,
                "State": "Attached",
                "Status": "ipsec_sa_established",
                "Name": "to-berlin",
                "AttachType": "CEN",
                "IkeConfig": {"Psk": "pre-shared"},
            }
        )
    )
    assert await client.connection(REGION, VCO) == Connection(
        vpn_connection_id=VCO,
        region=REGION,
        state="attached",
        name="to-berlin",
        attach_type="CEN",
        tunnels=(Tunnel(id=VCO, status="ipsec_sa_established", up=True),),
    )


@pytest.mark.parametrize(
    "body",
    [
        {"VpnConnectionId": "vco-other", "State": "attached"},
        {"VpnConnectionId": VCO, "State": ""},
        {"VpnConnectionId": VCO},
        {"State": "attached"},
    ],
)
async def test_an_answer_about_another_connection_or_without_a_state_is_no_reliable_answer(
    body: dict[str, str], vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives(body))
    with pytest.raises(OutcomeUnknown) as caught:
        await client.connection(REGION, VCO)
    assert caught.value.next_step.startswith("Nothing was changed.")


# --- routes and their pages -----------------------------------------------------------


def entry(number: int, **fields: object) -> dict[str, object]:
    """A custom route as the vendor lists it."""
    return {
        "RouteDest": f"10.{number // 256}.{number % 256}.0/24",
        "NextHop": VCO,
        "Weight": 100,
        "State": "published",
        "RouteEntryType": "custom",
        **fields,
    }


def page(entries: list[dict[str, object]], total: int) -> dict[str, object]:
    return {"VcoRouteEntries": entries, "TotalCount": total, "RequestId": REQUEST_ID}


def lists(
    custom: Callable[[int], dict[str, object]],
    bgp: Callable[[int], dict[str, object]] = lambda _: page([], 0),
) -> Answer:
    """Answers of DescribeVcoRouteEntries as functions of the page's number."""

    async def answer(request: web.Request) -> web.StreamResponse:
        give = custom if request.query["RouteEntryType"] == "custom" else bgp
        return web.json_response(give(int(request.query["PageNumber"])))

    return answer


def paged(entries: list[dict[str, object]]) -> Callable[[int], dict[str, object]]:
    """Honest pages of 50."""
    return lambda number: page(entries[(number - 1) * 50 : number * 50], len(entries))


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 120])
async def test_all_routes_of_all_pages_are_read(count: int, vpc: Script, client: VpcClient) -> None:
    vpc.then(lists(paged([entry(number) for number in range(count)])))
    found = (await client.routes(REGION, VCO)).routes
    assert [live.route.route_dest for live in found] == [
        entry(number)["RouteDest"] for number in range(count)
    ]
    assert {seen.query["PageSize"] for seen in vpc.seen} == {"50"}


async def test_custom_and_bgp_routes_are_told_apart_and_blocks_are_canonical(
    vpc: Script, client: VpcClient
) -> None:
    bgp: dict[str, object] = {
        "RouteDest": "2408:4001:0010::/48",
        "State": "Active",
        "RouteEntryType": "BGP",
        "Source": "VPN_BGP",
    }
    vpc.then(lists(paged([entry(7, VpnConnectionId=VCO)]), paged([bgp])))
    assert (await client.routes(REGION, VCO)).routes == (
        LiveRoute(
            route=VcoRoute(
                vpn_connection_id=VCO, route_dest="10.0.7.0/24", next_hop=VCO, weight=100
            ),
            state="published",
        ),
        LiveRoute(
            route=VcoRoute(
                vpn_connection_id=VCO,
                route_dest="2408:4001:10::/48",
                next_hop="",
                weight=UNKNOWN_WEIGHT,
            ),
            kind=RouteKind.BGP,
            state="Active",
        ),
    )


async def test_a_service_that_ignores_the_type_asked_for_does_not_make_bgp_routes_custom(
    vpc: Script, client: VpcClient
) -> None:
    both = paged([entry(1), entry(2, RouteEntryType="bgp")])
    vpc.then(lists(both, both))
    kinds = [live.kind for live in (await client.routes(REGION, VCO)).routes]
    assert kinds == [RouteKind.CUSTOM, RouteKind.BGP]


async def test_a_page_that_lists_a_route_twice_counts_it_once(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(lists(paged([entry(1), entry(1), entry(2)])))
    assert len((await client.routes(REGION, VCO)).routes) == 2


async def test_a_service_that_gives_smaller_pages_than_asked_for_is_still_read_to_the_end(
    vpc: Script, client: VpcClient
) -> None:
    entries = [entry(number) for number in range(25)]
    vpc.then(lists(lambda number: page(entries[(number - 1) * 10 : number * 10], 25)))
    assert len((await client.routes(REGION, VCO)).routes) == 25


async def test_a_list_without_entries_may_leave_the_list_out(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives({"TotalCount": 0}))
    assert await client.routes(REGION, VCO) == RouteList()


FULL = [entry(number) for number in range(50)]
LIES: dict[str, Callable[[int], dict[str, object]]] = {
    "a total too high, then empty pages": lambda n: page(FULL if n == 1 else [], 60),
    "a total too high on the only page": lambda n: page([entry(1)] if n == 1 else [], 2),
    "a total too low": lambda _: page([entry(1), entry(2)], 1),
    "a total that is zero": lambda _: page([entry(1)], 0),
    "a total below zero": lambda _: page([], -1),
    "a total that stops at the full page": lambda n: page(FULL if n == 1 else [entry(60)], 50),
    "a total that changes": lambda n: page(FULL if n == 1 else [entry(60)], 50 + n),
    "the same page for ever": lambda _: page(FULL, 100),
    "a row on two pages": lambda n: page(FULL if n == 1 else [entry(49)], 51),
    "one new row a page": lambda n: page([entry(n)], 5000),
    "full pages for ever": lambda n: page([entry(n * 50 + i) for i in range(50)], 10**9),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_pages_that_do_not_add_up_never_pass_for_the_whole_list(
    lie: Callable[[int], dict[str, object]], vpc: Script, client: VpcClient
) -> None:
    vpc.then(lists(lie))
    with pytest.raises(OutcomeUnknown) as caught:
        await client.routes(REGION, VCO)
    assert caught.value.code == "Answer.Unreliable"
    assert len(vpc.seen) <= 201


async def test_pages_that_go_on_past_the_total_are_not_read_on_for_ever(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(lists(lambda n: page([entry(n * 50 + i) for i in range(50)], 60)))
    with pytest.raises(OutcomeUnknown, match="at least 100 came"):
        await client.routes(REGION, VCO, bgp=False)
    assert len(vpc.seen) == 4


async def test_bgp_pages_that_lie_cost_the_bgp_routes_and_nothing_else(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(lists(paged([entry(1)]), lambda _: page([], 3)))
    found = await client.routes(REGION, VCO)
    assert [live.kind for live in found.routes] == [RouteKind.CUSTOM]
    assert not found.bgp_known
    vpc.then(lists(paged([entry(1)]), paged([entry(2, RouteEntryType="bgp")])))
    await client.routes(REGION, VCO)
    assert (await client.routes(REGION, VCO)).bgp_known


async def test_both_listings_of_a_connection_are_under_way_at_once(
    vpc: Script, client: VpcClient
) -> None:
    """What a send rests on is young, and the send is sooner."""
    both = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if len(vpc.seen) == 2:
            both.set()
        await both.wait()
        return await lists(paged([entry(1)]))(request)

    vpc.then(answer)
    assert (await client.routes(REGION, VCO)).bgp_known
    assert {seen.query["RouteEntryType"] for seen in vpc.seen} == {"custom", "bgp"}


async def test_a_listing_without_which_the_other_is_of_no_use_takes_it_along(
    vpc: Script, client: VpcClient
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query["RouteEntryType"] == "bgp":
            await vpc.over.wait()
        return await fails("Forbidden.RAM", 403)(request)

    vpc.then(answer)
    with pytest.raises(PermissionDenied):
        await client.routes(REGION, VCO)
    await until(lambda: not any("_learned" in repr(task) for task in asyncio.all_tasks()), 0.2)


async def test_a_module_that_is_not_installed_is_not_looked_for_in_every_call(
    vpc: Script, client: VpcClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """httpcore imports it several times in each, which costs a third of the call."""
    vpc.then(gives({"RequestId": REQUEST_ID}))
    await delete(client)
    looked_for: list[str] = []

    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            looked_for.append(name)

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    await delete(client)
    assert not looked_for


async def test_a_listing_for_a_proof_asks_for_custom_routes_alone(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(lists(paged([entry(n) for n in range(60)])))
    found = await client.routes(REGION, VCO, bgp=False)
    assert (len(found.routes), found.bgp_known, found.paged) == (60, False, True)
    assert {seen.query["RouteEntryType"] for seen in vpc.seen} == {"custom"}


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 120])
@pytest.mark.parametrize("said", ["its own rows", "nothing"])
async def test_a_total_that_counts_its_page_or_is_missing_ends_with_a_short_page(
    vpc: Script, client: VpcClient, count: int, said: str
) -> None:
    entries = [entry(number) for number in range(count)]

    def give(number: int) -> dict[str, object]:
        rows = entries[(number - 1) * 50 : number * 50]
        told = page(rows, len(rows))
        return told if said == "its own rows" else {"VcoRouteEntries": rows}

    vpc.then(lists(give))
    found = await client.routes(REGION, VCO, bgp=False)
    assert [live.route.route_dest for live in found.routes] == [e["RouteDest"] for e in entries]
    assert len(vpc.seen) == count // 50 + 1


async def test_a_page_that_fails_is_asked_for_again_and_the_pages_before_it_are_kept(
    vpc: Script, client: VpcClient
) -> None:
    entries = [entry(number) for number in range(120)]
    honest, failed = paged(entries), False

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal failed
        number = int(request.query["PageNumber"])
        if number == 3 and not failed:
            failed = True
            return web.Response(status=502)
        return web.json_response(honest(number))

    vpc.then(answer)
    assert len((await client.routes(REGION, VCO, bgp=False)).routes) == 120
    assert [seen.query["PageNumber"] for seen in vpc.seen] == ["1", "2", "3", "3"]


@pytest.mark.parametrize(
    ("written", "weight"),
    [
        (100, 100),
        ("100", 100),
        ("0", 0),
        (None, UNKNOWN_WEIGHT),
        ("high", UNKNOWN_WEIGHT),
        (True, UNKNOWN_WEIGHT),
        (-1, UNKNOWN_WEIGHT),
        ([], UNKNOWN_WEIGHT),
    ],
)
async def test_a_weight_that_is_odd_makes_no_route_unreadable(
    vpc: Script, client: VpcClient, written: object, weight: int
) -> None:
    vpc.then(lists(paged([entry(1, Weight=written), entry(2)])))
    found = (await client.routes(REGION, VCO)).routes
    assert [live.route.weight for live in found] == [weight, 100]


async def test_a_list_that_changed_while_it_was_read_is_read_once_more(
    vpc: Script, client: VpcClient
) -> None:
    changed = [*FULL, entry(60)]
    vpc.then(
        gives(page(FULL, 52)),
        gives(page([entry(60)], 51)),
        gives(page(FULL, 51)),
        gives(page([entry(60)], 51)),
    )
    found = (await client.routes(REGION, VCO, bgp=False)).routes
    assert [live.route.route_dest for live in found] == [row["RouteDest"] for row in changed]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "VcoRouteEntries"),
        ({"TotalCount": 3}, "VcoRouteEntries"),
        ({"TotalCount": "1", "VcoRouteEntries": []}, "TotalCount"),
        ({"TotalCount": 1, "VcoRouteEntries": {}}, "VcoRouteEntries"),
        (page([{"NextHop": VCO, "Weight": 100}], 1), "RouteDest"),
        (page([entry(1, RouteDest="10.0.0.1/24")], 1), "RouteDest"),
        (page([entry(1, RouteDest="ten")], 1), "RouteDest"),
        (page([entry(1, NextHop=None)], 1), "NextHop"),
        (page([entry(1, RouteEntryType="static")], 1), "RouteEntryType"),
        (page([entry(1, VpnConnectionId="vco-other")], 1), "VpnConnectionId"),
        (page([entry(1), {}], 2), "RouteDest"),
    ],
)
async def test_an_entry_that_is_not_understood_spoils_the_list_and_its_field_is_named(
    body: dict[str, object], named: str, vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives(body))
    with pytest.raises(OutcomeUnknown, match=rf"\b{named}\b"):
        await client.routes(REGION, VCO)


# --- lists of connections and regions -------------------------------------------------


async def test_all_connections_of_a_region_are_read(vpc: Script, client: VpcClient) -> None:
    items = [
        {"VpnConnectionId": f"vco-{number}", "State": "attached", "IkeConfig": {"Psk": "x"}}
        for number in range(60)
    ]

    async def answer(request: web.Request) -> web.StreamResponse:
        start = (int(request.query["PageNumber"]) - 1) * 50
        rows = {"VpnConnection": items[start : start + 50]}
        return web.json_response({"VpnConnections": rows, "TotalCount": 60})

    vpc.then(answer)
    found = await client.connections(REGION)
    assert [connection.vpn_connection_id for connection in found] == [
        item["VpnConnectionId"] for item in items
    ]


async def test_the_regions_are_asked_for_without_parameters(vpc: Script, client: VpcClient) -> None:
    vpc.then(gives({"Regions": {"Region": [{"RegionId": "cn-hangzhou"}, {"RegionId": "x"}]}}))
    assert await client.regions() == ("cn-hangzhou", "x")
    assert vpc.seen[0].query == {}


# --- what is logged -------------------------------------------------------------------


async def test_a_call_is_logged_as_an_event_without_secrets_or_answers(
    vpc: Script, client: VpcClient
) -> None:
    vpc.then(gives({"VpnConnectionId": VCO, "State": "attached", "IkeConfig": {"Psk": "hush"}}))
    with structlog.testing.capture_logs() as events:
        await client.connection(REGION, VCO)
    (event,) = events
    assert event.pop("seconds") >= 0
    assert event == {
        "event": "vpc_call",
        "log_level": "debug",
        "action": "DescribeVpnConnection",
        "status": 200,
        "code": "",
    }
