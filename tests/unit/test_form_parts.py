"""The form for a deletion, in parts: what it shows, what it offers, what it takes, how it looks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_network
from typing import Any

import pytest
from builders import CONNECTION, REGION, a_route, listed, live
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reading import HOSTILE, mrkdwn, objects

from bot.errors import NotSent, Rejected, StoreUnavailable
from bot.models import Connection, LiveRoute, RouteKind, RouteList, VcoRoute
from bot.sandbox.slack.blocks import OPTIONS, problems_in_view
from bot.sandbox.slack.messages import text_of
from bot.slack.forms import fields
from bot.slack.forms.checks import NO_ROUTES, STALE, Faults, draft_of
from bot.slack.forms.fields import DeleteFormSubmitted, Form, read, route_value
from bot.slack.forms.lookup import (
    NO_ANSWER,
    NO_STORE,
    TOO_SLOW,
    ConnectionRoutes,
    Lookup,
    Unavailable,
)
from bot.slack.forms.view import (
    connection_options,
    delete_form,
    region_options,
    route_options,
)

OTHER = "vco-t4n9kq27hsd03vmpxe1yzr"
GONE = Unavailable("Alibaba Cloud does not answer in time.")


def a_connection(id: str = CONNECTION, **changes: Any) -> Connection:  # noqa: A002, ANN401 - fields
    known = Connection(vpn_connection_id=id, region=REGION, state="attached", name="office")
    return replace(known, **changes)


def seen(*routes: LiveRoute, **changes: Any) -> ConnectionRoutes:  # noqa: ANN401 - fields of Connection
    return ConnectionRoutes(a_connection(**changes), listed(routes))


def a_form(*routes: VcoRoute, **changes: Any) -> Form:  # noqa: ANN401 - fields of Form
    values = tuple(map(route_value, routes))
    return replace(Form(region=REGION, connection=CONNECTION, routes=values), **changes)


def values(options: list[dict[str, Any]]) -> list[str]:
    return [option["value"] for option in options]


def blocks_of(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The blocks of a view by the names of their fields."""
    named = [b for b in view["blocks"] if "block_id" in b]
    return {block["block_id"].split("|")[0]: block for block in named}


# --- what it shows -------------------------------------------------------------------------


def test_a_new_form_asks_where_and_why_and_nothing_that_would_have_to_be_looked_up() -> None:
    shown = delete_form(Form(region=REGION))
    assert list(blocks_of(shown)) == ["region", "connection", "reason", "ways"]


def test_without_a_region_there_is_no_connection_to_search_yet() -> None:
    assert list(blocks_of(delete_form(Form()))) == ["region", "reason", "ways"]


def test_the_channel_is_asked_for_where_nothing_says_it() -> None:
    assert "channel" in blocks_of(delete_form(Form(region=REGION, asking=True)))


def test_a_connection_shows_its_state_and_which_routes_can_go() -> None:
    routes = [live(a_route("10.0.0.0/24")), live(a_route("10.1.0.0/24"), kind=RouteKind.BGP)]
    shown = delete_form(a_form(), seen(*routes, state="updating"))
    assert "*updating* · 1 route, and 1 learned over BGP" in text_of(shown)
    select = blocks_of(shown)["routes"]["element"]
    assert values(select["options"]) == ["10.0.0.0/24|100"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attach_type": "NO_ASSOCIATED"}, "is attached to nothing"),
        ({"state": "detached"}, "is detached from its transit router"),
    ],
)
def test_a_connection_that_takes_no_deletion_says_why_at_once(
    changes: dict[str, str], words: str
) -> None:
    assert words in text_of(delete_form(a_form(), seen(live(a_route()), **changes)))


def test_chosen_routes_show_what_the_card_would_say() -> None:
    wide, narrow = a_route("10.0.0.0/16"), a_route("10.0.0.0/24")
    said = text_of(delete_form(a_form(narrow), seen(live(wide), live(narrow))))
    assert "*🟠 Delete 10.0.0.0/24 · office*" in said
    assert "256 addresses" in said
    assert "`10.0.0.0/16` covers them." in said


def test_a_chosen_route_that_has_gone_is_told_in_the_form() -> None:
    shown = delete_form(a_form(a_route("10.9.0.0/24")), seen(live(a_route("10.0.0.0/24"))))
    assert f"⚠️ {CONNECTION} has no route to 10.9.0.0/24" in text_of(shown)


def test_more_than_a_hundred_routes_are_searched_and_no_more_than_twenty_are_taken() -> None:
    routes = [live(a_route(f"10.{n}.0.0/16")) for n in range(150)]
    few, many = (
        blocks_of(delete_form(a_form(), seen(*some)))["routes"]["element"]
        for some in (routes[:100], routes)
    )
    assert (few["type"], many["type"]) == ("multi_static_select", "multi_external_select")
    assert few["max_selected_items"] == many["max_selected_items"] == 20
    assert "options" not in many


def test_typing_keeps_what_was_chosen() -> None:
    form = fields.typing(a_form(a_route("10.0.0.0/24"), a_route("10.1.0.0/24")))
    shown = blocks_of(delete_form(form, why="Alibaba Cloud does not answer in time."))
    initial = {n: shown[n]["element"]["initial_value"] for n in shown if n.startswith("typed")}
    assert initial == {
        "typed_region": REGION,
        "typed_connection": CONNECTION,
        "typed_routes": "10.0.0.0/24 10.1.0.0/24",
    }


names = st.text(max_size=200) | st.just(HOSTILE)
networks = st.ip_addresses().flatmap(
    lambda a: st.integers(0, a.max_prefixlen).map(lambda n: str(ip_network((a, n), strict=False)))
)
some_routes = st.lists(
    st.builds(
        lambda dest, weight, hop, kind: LiveRoute(
            route=VcoRoute(
                vpn_connection_id=CONNECTION, route_dest=dest, next_hop=hop, weight=weight
            ),
            kind=kind,
        ),
        networks,
        st.sampled_from([0, 100]),
        st.sampled_from([CONNECTION, "vco-" + "x" * 64, HOSTILE[:90].replace("|", "")]),
        st.sampled_from(RouteKind),
    ),
    max_size=130,
)
some_connections = st.builds(
    a_connection,
    name=names,
    state=st.sampled_from(["attached", "updating", "detached", "<!here>", ""]),
    attach_type=st.sampled_from(["CEN", "VPNGW", ""]),
)


@given(connection=some_connections, routes=some_routes, data=st.data())
def test_slack_takes_the_form_whatever_is_in_the_cloud(
    connection: Connection, routes: list[LiveRoute], data: st.DataObject
) -> None:
    custom = [r.route for r in routes if r.kind is RouteKind.CUSTOM]
    picked = data.draw(st.lists(st.sampled_from(custom), max_size=20)) if custom else []
    form = a_form(*picked, asking=data.draw(st.booleans()))
    for shown in (
        delete_form(form, ConnectionRoutes(connection, listed(routes))),
        delete_form(fields.typing(form), why=data.draw(names)),
    ):
        assert problems_in_view(shown) == []


@given(text=names)
def test_what_is_typed_by_others_is_shown_and_never_interpreted(text: str) -> None:
    odd = VcoRoute(vpn_connection_id=CONNECTION, route_dest="10.0.0.0/24", next_hop="h", weight=0)
    look = ConnectionRoutes(
        a_connection(name=HOSTILE, state=HOSTILE), listed([live(odd, state=HOSTILE)])
    )
    for shown in (
        delete_form(a_form(odd), look),
        delete_form(a_form(typing=True, connection=text[:90]), why=HOSTILE),
    ):
        for said in mrkdwn(("", shown["blocks"])):
            assert "<!" not in said
            assert "<@" not in said
        for plain in objects([*shown["blocks"], *connection_options([look.connection], "")]):
            assert plain.get("emoji", False) is False


# --- what it offers ------------------------------------------------------------------------


def test_connections_are_found_by_name_and_by_id_in_any_case() -> None:
    known = [a_connection(name="Office Shanghai"), a_connection(OTHER, name="dc-jakarta")]
    assert values(connection_options(known, "SHANG")) == [CONNECTION]
    assert values(connection_options(known, " VCO-T4N9 ")) == [OTHER]
    assert values(connection_options(known, "")) == [OTHER, CONNECTION]
    assert connection_options(known, "tokyo") == []


def test_connections_without_routes_of_ours_come_last() -> None:
    spare = a_connection(OTHER, name="a-spare", attach_type="NO_ASSOCIATED")
    assert values(connection_options([spare, a_connection()], "")) == [CONNECTION, OTHER]


def test_a_connection_is_offered_by_name_id_and_state() -> None:
    (offered,) = connection_options([a_connection(name="office \n shanghai")], "")
    assert offered["text"]["text"] == f"office shanghai · {CONNECTION} · attached"
    (long,) = connection_options([a_connection(name="x" * 200)], "")
    assert long["text"]["text"].endswith(f"x… · {CONNECTION} · attached")
    assert len(long["text"]["text"]) == 75


@given(found=st.lists(some_connections, max_size=120), typed=names)
def test_slack_takes_what_is_offered(found: list[Connection], typed: str) -> None:
    regions = [f"cn-region-{n}" for n in range(120)]
    offers = [
        *(connection_options(f, typed) for f in (found, GONE, Unavailable(HOSTILE))),
        *(region_options(f, typed) for f in (regions, GONE)),
        *(route_options(f, typed) for f in (seen(), GONE)),
    ]
    for options in filter(None, offers):
        assert list(OPTIONS(options, "/options")) == []


def test_routes_are_found_by_their_text_and_by_an_address_that_they_cover() -> None:
    routes = [a_route("10.0.0.0/8"), a_route("10.8.4.0/22"), a_route("192.168.0.0/16")]
    look = seen(*map(live, routes), live(a_route("10.8.0.0/16"), kind=RouteKind.BGP))
    assert values(route_options(look, "10.8.5.1")) == ["10.0.0.0/8|100", "10.8.4.0/22|100"]
    assert values(route_options(look, "192.")) == ["192.168.0.0/16|100"]
    assert len(route_options(look, "weight 100")) == 3


def test_where_nothing_can_be_looked_up_an_option_leads_to_typing_with_what_was_typed() -> None:
    assert values(connection_options(GONE, "offi")) == ["type:offi"]
    assert values(connection_options(GONE, CONNECTION.upper())) == [
        CONNECTION,
        f"type:{CONNECTION.upper()}",
    ]
    assert values(region_options(GONE, "eu-central-1")) == ["eu-central-1", "type:eu-central-1"]
    assert values(route_options(GONE, "")) == ["type:"]


# --- what it takes -------------------------------------------------------------------------


def sent(**changes: Any) -> DeleteFormSubmitted:  # noqa: ANN401 - fields of DeleteFormSubmitted
    whole = DeleteFormSubmitted(
        user="U0ALICE", region=REGION, connection=CONNECTION, blocks="10.0.0.0/24"
    )
    return replace(whole, **changes)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"region": ""}, "region", "Which region? Such as cn-hangzhou."),
        ({"region": "cn-hangzhou-h"}, "region", "cn-hangzhou-h is a zone; its region is"),
        ({"connection": ""}, "connection", "Which connection?"),
        ({"connection": "vpn-abc"}, "connection", "vpn-abc is a VPN gateway"),
        ({"blocks": "  "}, "routes", NO_ROUTES),
        ({"blocks": "10.0.0.1/24"}, "routes", "the block is 10.0.0.0/24"),
        ({"blocks": "10.0.0.0/24 --weight 0"}, "routes", "Only CIDR blocks stand here"),
        ({"blocks": " ".join(f"10.{n}.0.0/16" for n in range(21))}, "routes", "21 routes"),
        ({"routes": ("what|ever",)}, "routes", STALE),
        ({"routes": ("10.0.0.0/24|100|a|b",)}, "routes", STALE),
        ({"routes": ("nonsense|100",)}, "routes", STALE),
    ],
)
def test_what_is_wrong_stands_below_its_field_in_the_words_of_a_command(
    changes: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(Faults) as caught:
        draft_of(sent(**changes))
    assert words in caught.value.fields[field]
    assert "`" not in caught.value.problem


def test_typed_blocks_are_read_as_those_of_a_command() -> None:
    draft = draft_of(sent(connection=" VCO-P0W5112F ".strip(), blocks="`10.0.0.0/24`, 10.0.0.0/24"))
    assert draft.vpn_connection_id == CONNECTION
    assert draft.route_dests == ("10.0.0.0/24",)
    assert draft.exact == ()


def test_both_of_two_twins_can_be_chosen() -> None:
    twins = (a_route(), replace(a_route(), weight=0))
    draft = draft_of(sent(routes=tuple(map(route_value, twins))))
    assert draft.exact == twins
    assert draft.route_dests == ("10.0.0.0/24",)


@given(dest=networks, weight=st.integers(0, 999), hop=st.sampled_from([CONNECTION, "vco-other"]))
def test_the_route_that_was_chosen_is_the_route_that_is_asked_for(
    dest: str, weight: int, hop: str
) -> None:
    route = VcoRoute(vpn_connection_id=CONNECTION, route_dest=dest, next_hop=hop, weight=weight)
    assert draft_of(sent(routes=(route_value(route),))).exact == (route,)


@given(
    st.builds(
        DeleteFormSubmitted, user=names, region=names, connection=names, blocks=names, reason=names
    )
)
def test_nothing_that_can_be_sent_in_is_worse_than_a_fault(given: DeleteFormSubmitted) -> None:
    with suppress(Faults):
        draft_of(replace(given, routes=(given.blocks,) if given.reason else ()))


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["view", "state", "values", "value", "selected_option", "selected_options"]
            )
            | st.sampled_from(["region", f"connection|{REGION}", "reason", "private_metadata"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(view=json)
def test_a_form_can_be_read_from_anything(view: object) -> None:
    form = read({"view": view})
    assert problems_in_view(delete_form(fields.typing(form))) == []


# --- how it looks things up ----------------------------------------------------------------


class SlowCloud:
    """A cloud that answers when it is let."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.calls: list[str] = []
        self.error: Exception | None = None
        self.attach_type = ""

    async def _answer(self, what: str) -> None:
        self.calls.append(what)
        await self.gate.wait()
        if self.error:
            raise self.error

    async def regions(self) -> tuple[str, ...]:
        await self._answer("regions")
        return (REGION,)

    async def connections(self, region: str) -> tuple[Connection, ...]:
        await self._answer(region)
        return (a_connection(),)

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        await self._answer("connection")
        return a_connection(vpn_connection_id, region=region, attach_type=self.attach_type)

    async def routes(self, region: str, vpn_connection_id: str, *, bgp: bool = True) -> RouteList:
        assert bgp, "a form shows them all"
        await self._answer(f"routes in {region}")
        return listed([live(a_route(connection=vpn_connection_id))])


Looking = Callable[[Lookup], Awaitable[object]]


@pytest.fixture
def cloud() -> SlowCloud:
    return SlowCloud()


async def test_who_types_fast_asks_the_cloud_once(cloud: SlowCloud) -> None:
    now = [0.0]
    lookup = Lookup(cloud, cloud.regions, clock=lambda: now[0])
    asked = await asyncio.gather(*(lookup.connections(REGION) for _ in range(5)))
    now[0] = 4.9
    assert {*asked, await lookup.connections(REGION)} == {(a_connection(),)}
    assert cloud.calls == [REGION]
    now[0] = 5.1
    await lookup.connections(REGION)
    await lookup.connections("cn-beijing")
    assert cloud.calls == [REGION, REGION, "cn-beijing"]


@pytest.mark.parametrize(
    "look",
    [
        lambda lookup: lookup.regions(),
        lambda lookup: lookup.connections(REGION),
        lambda lookup: lookup.routes(REGION, CONNECTION),
    ],
)
async def test_a_look_that_takes_too_long_serves_the_next_one(
    cloud: SlowCloud, look: Looking
) -> None:
    cloud.gate.clear()
    lookup = Lookup(cloud, cloud.regions, seconds=0.01)
    assert await look(lookup) == Unavailable(TOO_SLOW)
    cloud.gate.set()
    assert not isinstance(await look(lookup), Unavailable)
    assert len(cloud.calls) == len(set(cloud.calls))


async def test_a_failure_is_told_and_not_kept(cloud: SlowCloud) -> None:
    lookup = Lookup(cloud, cloud.regions)
    cloud.error = NotSent("Network", meaning="The name could not be resolved.")
    assert await lookup.routes(REGION, CONNECTION) == Unavailable(NO_ANSWER)
    cloud.error = Rejected("Forbidden", meaning="RAM refused it.")
    assert await lookup.routes(REGION, CONNECTION) == Unavailable("RAM refused it.")
    cloud.error = StoreUnavailable("gone")
    assert await lookup.connections(REGION) == Unavailable(NO_STORE)
    cloud.error = None
    look = await lookup.routes(REGION, CONNECTION)
    assert look == ConnectionRoutes(a_connection(), listed([live(a_route())]))


async def test_routes_are_not_looked_for_where_a_connection_can_have_none(
    cloud: SlowCloud,
) -> None:
    cloud.attach_type = "NO_ASSOCIATED"
    found = await Lookup(cloud, cloud.regions).routes(REGION, CONNECTION)
    assert found == ConnectionRoutes(a_connection(attach_type="NO_ASSOCIATED"))
    assert cloud.calls == ["connection"]


async def test_nothing_is_left_behind_when_the_bot_stops(cloud: SlowCloud) -> None:
    cloud.gate.clear()
    lookup = Lookup(cloud, cloud.regions, seconds=0.01)
    await lookup.connections(REGION)
    await lookup.close()
    assert {task.get_coro() for task in asyncio.all_tasks()} == {
        task.get_coro() for task in [asyncio.current_task()] if task
    }
