"""The form for a deletion, played: opened, filled in, sent; and whatever can come in between."""

import os
import signal
from copy import deepcopy
from typing import Any

import pytest
import pytest_asyncio
from leftovers import no_traceback, nothing_is_left
from msgspec.structs import replace
from reading import HOSTILE
from stage import Stage, request_id
from waiting import until

from bot.models import RequestState, VcoRoute
from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import (
    ALICE,
    DM_ALICE_BOB,
    GINA,
    NETWORK_OPS,
    RANDOM,
    T_HOME,
)
from bot.sandbox.valkey import EmbeddedValkey
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.slack.forms import fields
from bot.slack.forms.fields import PICK_CONNECTION, PICK_REGION, PICK_ROUTES, route_value
from bot.slack.forms.lookup import TOO_SLOW
from bot.slack.listeners import NO_FORM, NOT_STORED
from bot.slack.messages.buttons import NEW

__all__ = ["no_traceback"]

OFFICE = seed.ORDINARY
PRODUCTION = "leaking prod prefix, INC-4211"


class Form:
    """A form that somebody has open; what they do in it, in their words."""

    def __init__(self, stage: Stage, view: View, user: str) -> None:
        self.stage, self.slack = stage, stage.slack
        self.view, self.user = view, user

    @property
    def text(self) -> str:
        """All that it says."""
        return self.slack.modal_text(self.user)

    @property
    def names(self) -> list[str]:
        """The names of its fields."""
        ids = [b["block_id"].split("|")[0] for b in self.view.blocks if b["type"] == "input"]
        return [str(one) for one in ids]

    def holds(self, name: str) -> object:
        """What a field holds."""
        for block_id, actions in self.view.state.items():
            if block_id.split("|")[0] == name:
                (held,) = actions.values()
                return next(value for key, value in held.items() if key != "type")
        raise LookupError(name)

    async def search(self, action_id: str, typed: str) -> list[str]:
        """Type into a search: the texts that it offers."""
        found = await self.slack.suggest(self.user, self.view.id, action_id, typed=typed)
        return [option["text"]["text"] for option in found]

    async def choose(self, action_id: str, value: object, typed: str | None = None) -> None:
        """Choose in a field; the app is told."""
        ack = await self.slack.choose(self.user, self.view.id, action_id, value, typed=typed)
        assert ack is not None
        assert not ack.error

    async def choose_connection(self, connection: str, typed: str = "") -> None:
        """Search and choose a connection, and wait for its routes."""
        await self.choose(PICK_CONNECTION, connection, typed)
        await self.until_says("Routes to delete")

    async def choose_routes(self, *routes: VcoRoute, typed: str | None = None) -> None:
        """Choose routes, and wait for their impact."""
        await self.choose(PICK_ROUTES, list(map(route_value, routes)), typed)
        await self.until_says("🟠 Delete ")

    async def click(self, action_id: str) -> None:
        """Click a button in it."""
        before = self.view.hash
        await self.slack.click_in_view(self.user, self.view.id, action_id)
        await self.slack.until(lambda: self.view.hash != before)

    async def send(self, **values: object) -> Ack:
        """Fill the rest in, by the names of the fields, and send it."""
        return await self.slack.submit(self.user, self.view.id, values)

    async def ask(self, where: str = NETWORK_OPS, **values: object) -> Message:
        """Send it; returns the new card."""
        before = {m.ts for m in self.stage.cards(where)}
        ack = await self.send(**values)
        assert ack.error == ""
        assert self.slack.modal(self.user) is None
        cards = self.stage.cards
        return await self.slack.until(
            lambda: next((m for m in cards(where) if m.ts not in before), None)
        )

    async def until_says(self, words: str) -> str:
        """Wait until the form says something."""
        await self.slack.until(lambda: words in self.text)
        return self.text


async def opened(stage: Stage, user: str = ALICE) -> Form:
    """The form that has just been opened."""
    return Form(stage, await stage.slack.until(lambda: stage.slack.modal(user)), user)


async def by_shortcut(stage: Stage, user: str = ALICE, channel: str = NETWORK_OPS) -> Form:
    """The form as the shortcut opens it, for somebody who looks at a channel."""
    ack = await stage.slack.shortcut(user, fields.SHORTCUT, channel)
    assert (ack.status, ack.error) == (200, "")
    return await opened(stage, user)


async def by_command(
    stage: Stage, user: str = ALICE, channel: str = NETWORK_OPS, text: str = "delete"
) -> Form:
    """The form as `/vco-route delete` opens it."""
    ack = await stage.command(text, user, channel)
    assert ack.body == ""
    return await opened(stage, user)


@pytest_asyncio.fixture
async def brisk(hurried: Stage) -> Stage:
    """One bot, and a cloud without pauses."""
    await hurried.start_bot()
    return hurried


def slow(stage: Stage, action: str, kind: FaultKind = FaultKind.HANG, **more: Any) -> None:  # noqa: ANN401 - fields of Fault
    """Let reads go wrong."""
    stage.vpc.faults.add(Fault(kind=kind, action=action, times=None, **more))


# --- the story -----------------------------------------------------------------------------


async def test_alice_chooses_sees_the_impact_and_asks_for_just_these_routes(
    brisk: Stage,
) -> None:
    form = await by_shortcut(brisk)
    assert await form.search(PICK_CONNECTION, "office") == [
        f"office-shanghai · {OFFICE} · attached"
    ]
    await form.choose_connection(OFFICE, "office")
    assert "*attached* · 4 routes, and 1 learned over BGP" in form.text

    lone = replace(brisk.route, route_dest=seed.LONE_DEST)
    await form.choose_routes(brisk.route)
    impact = await form.until_says("covers them")
    await form.choose_routes(brisk.route, lone)
    await form.until_says(
        f"*🟠 Delete {seed.SHADOWED_DEST} and {seed.LONE_DEST} · office-shanghai*"
    )

    card = await form.ask(reason=PRODUCTION)
    request = await brisk.request(card)
    assert [r.route for r in request.routes] == [brisk.route, lone]
    assert (request.requester, request.reason) == (ALICE, PRODUCTION)
    assert "Needs 1 approval from <!subteam^S0NETOPS1>, not from you." in impact
    line = next(line for line in impact.splitlines() if "covers them" in line)
    assert line in text_of(card)

    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    assert not brisk.vpc.route_present(brisk.route)
    assert not brisk.vpc.route_present(lone)
    assert brisk.vpc.route_present(replace(brisk.route, route_dest=seed.WIDE_DEST))


async def test_the_card_is_that_of_a_command(brisk: Stage) -> None:
    form = await by_command(brisk)
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    card = await form.ask(reason=PRODUCTION)
    by_form = await brisk.request(card)
    await brisk.cancel(card)
    await brisk.until_shown(card, RequestState.CANCELLED)

    by_hand = await brisk.request(await brisk.ask())
    for one in ("operation", "region", "vpn_connection_id", "overlay_mode", "reason", "channel"):
        assert getattr(by_form, one) == getattr(by_hand, one)
    assert by_form.snapshot.targets == by_hand.snapshot.targets
    assert by_form.snapshot.impacts == by_hand.snapshot.impacts
    assert by_form.terms == by_hand.terms


async def test_the_button_of_the_home_opens_the_form_too(playing: Stage) -> None:
    playing.slack.open_home(ALICE)
    await playing.slack.until(lambda: playing.slack.home(ALICE))
    ack = await playing.slack.click_in_home(ALICE, NEW)
    assert (ack.status, ack.body) == (200, "")
    assert (await opened(playing)).names == ["region", "connection", "reason", "channel"]


async def test_one_of_two_twins_is_chosen_and_the_other_stays(brisk: Stage) -> None:
    form = await by_command(brisk)
    await form.choose_connection(seed.TWINS)
    _, standby, _ = brisk.vpc.routes(seed.TWINS)
    assert standby.weight == 0
    await form.choose_routes(standby)
    card = await form.ask()
    await brisk.approve(card)
    await brisk.until_ended(card)
    assert standby not in brisk.vpc.routes(seed.TWINS)
    assert len(brisk.vpc.routes(seed.TWINS)) == 2


# --- where the card is to be ---------------------------------------------------------------


async def test_a_shortcut_asks_for_the_channel_and_suggests_the_one_in_sight(brisk: Stage) -> None:
    form = await by_shortcut(brisk)
    assert form.holds("channel") == NETWORK_OPS
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    assert (await form.ask()).channel == NETWORK_OPS


async def test_without_a_channel_the_form_asks_for_one(brisk: Stage) -> None:
    form = await by_shortcut(brisk, channel="")
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    assert (await form.send()).error == "not_sent"
    assert (await form.ask(channel=NETWORK_OPS)).channel == NETWORK_OPS


async def test_a_command_in_a_direct_message_is_asked_for_a_channel(playing: Stage) -> None:
    assert "channel" in (await by_command(playing, channel=DM_ALICE_BOB)).names
    assert "channel" not in (await by_command(playing)).names


async def test_where_the_bot_can_not_post_it_says_so_and_nothing_is_recorded(brisk: Stage) -> None:
    form = await by_shortcut(brisk, channel=RANDOM)
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    await form.send()
    said = await brisk.slack.until(lambda: brisk.slack.dms(ALICE))
    assert "I can't post here" in text_of(said[0])
    await nothing_is_left(brisk)


async def test_a_set_channel_is_not_asked_for(hurried: Stage) -> None:
    await hurried.start_bot(VCO_APPROVAL_CHANNEL=NETWORK_OPS)
    form = await by_shortcut(hurried, channel=RANDOM)
    assert "channel" not in form.names
    await form.choose_connection(OFFICE)
    await form.choose_routes(hurried.route)
    assert (await form.ask()).channel == NETWORK_OPS
    said = await hurried.slack.until(lambda: hurried.slack.dms(ALICE))
    assert "Asked for approval" in text_of(said[0])


# --- choosing ------------------------------------------------------------------------------


async def test_another_region_has_other_connections_and_forgets_the_one_chosen(
    playing: Stage,
) -> None:
    form = await by_command(playing)
    await form.choose_connection(OFFICE)
    assert await form.search(PICK_REGION, "SOUTHEAST-1") == [seed.SINGAPORE]
    await form.choose(PICK_REGION, seed.SINGAPORE)
    await playing.slack.until(lambda: "routes" not in form.names)
    assert form.holds("connection") is None
    offered = await form.search(PICK_CONNECTION, "")
    assert [text.split(" · ")[0] for text in offered] == [
        "dc-jakarta",
        "kiosk-penang",
        "partner-manila",
    ]
    await form.choose_connection(seed.SLOW, "jakarta")
    await form.choose_routes(*playing.vpc.routes(seed.SLOW)[:1])
    request = await playing.request(await form.ask())
    assert (request.region, request.vpn_connection_id) == (seed.SINGAPORE, seed.SLOW)


async def test_a_command_can_name_the_region_to_look_in(playing: Stage) -> None:
    form = await by_command(playing, text=f"delete --region {seed.SINGAPORE}")
    await form.choose_connection(seed.SLOW, "jakarta")


async def test_without_a_default_region_the_form_asks_for_one_first(stage: Stage) -> None:
    await stage.start_bot(ALIBABA_CLOUD_REGION_ID="")
    form = await by_command(stage)
    assert form.names == ["region", "reason"]
    await form.choose(PICK_REGION, seed.HANGZHOU, "hang")
    await stage.slack.until(lambda: "connection" in form.names)
    await form.choose_connection(OFFICE)


async def test_of_a_hundred_and_fifty_routes_one_is_found_by_an_address(brisk: Stage) -> None:
    routes = brisk.new_routes("wide", count=150)
    form = await by_command(brisk)
    await form.choose_connection(routes[0].vpn_connection_id, "wide")
    assert len(await form.search(PICK_ROUTES, "")) == 100
    assert await form.search(PICK_ROUTES, "10.142.8.9") == ["10.142.0.0/16 · weight 100"]
    await form.choose_routes(routes[142])
    await form.search(PICK_ROUTES, "10.7.")
    await form.choose(PICK_ROUTES, [route_value(routes[142]), route_value(routes[7])])
    await form.until_says("🟠 Delete 10.")
    request = await brisk.request(await form.ask())
    assert [r.route for r in request.routes] == [routes[142], routes[7]]


async def test_a_hostile_name_is_shown_and_does_nothing(playing: Stage) -> None:
    playing.vpc.add_connection("vco-hostile", name=HOSTILE)
    playing.vpc.add_route("vco-hostile", "10.0.0.0/24")
    form = await by_command(playing)
    (offered,) = await form.search(PICK_CONNECTION, "hostile")
    assert offered.startswith("<!channel> *b* <http://x|y>")
    await form.choose_connection("vco-hostile")
    assert "<!channel>" in str(form.holds("connection"))


async def test_a_connection_that_takes_no_deletions_says_so_and_can_not_be_sent(
    playing: Stage,
) -> None:
    form = await by_command(playing)
    await form.choose(PICK_CONNECTION, seed.UNATTACHED, "spare")
    await form.until_says("is detached from its transit router")
    await form.send()
    assert "None of its routes can be chosen" in form.text
    await nothing_is_left(playing)


# --- slow, failing, late -------------------------------------------------------------------


async def test_while_the_cloud_is_down_the_search_leads_to_typing(brisk: Stage) -> None:
    slow(brisk, "DescribeVpnConnections", FaultKind.HTML_BEFORE)
    form = await by_command(brisk)
    (instead,) = await form.search(PICK_CONNECTION, "office")
    assert instead.startswith("Enter the id by hand · ")
    await form.choose(PICK_CONNECTION, "type:office")
    await brisk.slack.until(lambda: "typed_connection" in form.names)
    assert form.holds("typed_region") == seed.HANGZHOU
    assert form.holds("typed_connection") == "office"

    card = await form.ask(typed_connection=OFFICE, typed_routes=seed.SHADOWED_DEST, reason="INC-1")
    request = await brisk.request(card)
    assert [r.route for r in request.routes] == [brisk.route]


async def test_a_connection_typed_in_full_can_be_chosen_without_a_list(playing: Stage) -> None:
    """The bot may not be allowed to list connections, and yet be allowed to read one."""
    slow(playing, "DescribeVpnConnections", FaultKind.ERROR, code="Forbidden")
    form = await by_command(playing)
    await form.choose_connection(OFFICE, OFFICE)


async def test_a_region_can_be_typed_where_no_list_can_be_had(playing: Stage) -> None:
    slow(playing, "DescribeRegions", FaultKind.HTML_BEFORE)
    form = await by_command(playing)
    offered = await form.search(PICK_REGION, seed.SINGAPORE)
    assert offered[0] == seed.SINGAPORE
    await form.choose(PICK_REGION, f"type:{seed.SINGAPORE}")
    await playing.slack.until(lambda: form.holds("typed_region") == seed.SINGAPORE)


async def test_a_search_is_answered_in_time_while_the_cloud_hangs(playing: Stage) -> None:
    slow(playing, "DescribeVpnConnections", seconds=None)
    form = await by_command(playing)
    assert await form.search(PICK_CONNECTION, "") == [f"Enter the id by hand · {TOO_SLOW}"]
    assert playing.slack.courier.deliveries[-1].ack is not None
    assert playing.slack.courier.deliveries[-1].ack.seconds < 2.7


@pytest.mark.parametrize("kind", [FaultKind.HTML_BEFORE, FaultKind.THROTTLED])
async def test_routes_that_can_not_be_read_are_typed(playing: Stage, kind: FaultKind) -> None:
    slow(playing, "DescribeVcoRouteEntries", kind)
    form = await by_command(playing)
    await playing.slack.choose(ALICE, form.view.id, "text", PRODUCTION, block_id="reason")
    await form.choose(PICK_CONNECTION, OFFICE, "")
    await form.until_says("Please enter it by hand.")
    assert form.holds("typed_connection") == OFFICE
    assert form.holds("reason") == PRODUCTION

    playing.vpc.faults.clear()
    await form.click(fields.LOOK_INSTEAD)
    await form.until_says("office-shanghai")
    await form.choose_routes(playing.route)
    request = await playing.request(await form.ask())
    assert request.reason == PRODUCTION


async def test_routes_that_take_too_long_are_typed(playing: Stage) -> None:
    slow(playing, "DescribeVcoRouteEntries", seconds=None)
    form = await by_command(playing)
    await form.choose(PICK_CONNECTION, OFFICE, "")
    await form.until_says(f"{TOO_SLOW} Please enter it by hand.")
    assert form.holds("typed_connection") == OFFICE


async def test_who_knows_it_by_heart_types(brisk: Stage) -> None:
    form = await by_command(brisk)
    await form.click(fields.TYPE_INSTEAD)
    assert form.names == ["typed_region", "typed_connection", "typed_routes", "reason"]
    await form.send(typed_connection="vpn-123", typed_routes="10.0.0.1/24")
    assert "vpn-123 is a VPN gateway; an IPsec-VPN connection is a vco-…." in form.text
    assert "10.0.0.1/24 is an address within a block: the block is 10.0.0.0/24." in form.text
    await nothing_is_left(brisk)
    card = await form.ask(typed_connection=OFFICE, typed_routes=f"{seed.LONE_DEST}")
    assert (await brisk.request(card)).routes[0].route.route_dest == seed.LONE_DEST


async def test_typing_keeps_what_was_chosen_and_back_again(playing: Stage) -> None:
    form = await by_command(playing)
    await form.choose_connection(OFFICE)
    await form.choose_routes(playing.route)
    await form.click(fields.TYPE_INSTEAD)
    assert form.holds("typed_routes") == seed.SHADOWED_DEST
    await form.click(fields.LOOK_INSTEAD)
    assert await form.until_says("office-shanghai")


async def test_a_route_that_has_gone_meanwhile_is_told_and_nothing_is_recorded(
    brisk: Stage,
) -> None:
    form = await by_command(brisk)
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    brisk.vpc.remove_route(brisk.route)
    await form.send()
    told = await brisk.until_told(ALICE, "has no route to 192.168.10.0/24")
    assert "The nearest are these:" in told
    await nothing_is_left(brisk)


async def test_a_route_that_goes_while_the_form_is_open_is_told_in_it(
    playing: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.forms.lookup.KEEP_SECONDS", 0.0)
    form = await by_command(playing)
    await form.choose_connection(OFFICE)
    playing.vpc.remove_route(playing.route)
    await form.choose(PICK_ROUTES, [route_value(playing.route)])
    await form.until_says("has no route to 192.168.10.0/24")


async def test_sent_before_its_routes_are_there_the_form_stays(playing: Stage) -> None:
    slow(playing, "DescribeVcoRouteEntries", FaultKind.SLOW_BEFORE, seconds=1.0)
    form = await by_command(playing)
    await form.choose(PICK_CONNECTION, OFFICE, "")
    await form.send()
    assert "None of its routes can be chosen yet" in form.text
    await form.until_says("Routes to delete")


async def test_whoever_chooses_twice_sees_what_they_chose_last(playing: Stage) -> None:
    """The first connection is slow to answer; its answer comes too late and is dropped."""
    playing.vpc.faults.add(
        Fault(
            kind=FaultKind.SLOW_BEFORE,
            action="DescribeVpnConnection",
            connection=OFFICE,
            seconds=0.5,
        )
    )
    form = await by_command(playing)
    await form.search(PICK_CONNECTION, "")
    await form.choose(PICK_CONNECTION, OFFICE)
    await form.choose(PICK_CONNECTION, seed.TWINS)
    await form.until_says("*attached* · 3 routes")
    await until(lambda: playing.vpc.calls_of("DescribeVpnConnection")[0].ended)
    await form.choose_routes(playing.vpc.routes(seed.TWINS)[2])
    assert _edits(playing) == ["ok", "ok"]


async def test_the_last_click_holds_although_an_earlier_ones_edit_came_in_between(
    playing: Stage,
) -> None:
    form = await by_command(playing)
    await form.search(PICK_CONNECTION, "")
    await form.choose_connection(OFFICE)
    # Clicked before that edit arrived: with the form, and its hash, as they were.
    click = deepcopy(playing.slack.courier.deliveries[-1].payload)
    other = form.view.offers[PICK_CONNECTION][seed.TWINS]
    click |= {"trigger_id": "another"}
    click["actions"][0]["selected_option"] = other
    click["actions"][0]["action_ts"] = later(click)
    block = click["actions"][0]["block_id"]
    click["view"]["state"]["values"][block][PICK_CONNECTION]["selected_option"] = other
    await playing.slack.deliver("interactive", click)
    await form.until_says("*attached* · 3 routes")
    assert _edits(playing) == ["ok", "hash_conflict", "ok"]


async def test_an_earlier_click_does_not_undo_what_a_later_one_showed_by_another_replica(
    playing: Stage,
) -> None:
    form = await by_command(playing)
    await form.search(PICK_CONNECTION, "")
    await form.choose_connection(OFFICE)
    click = deepcopy(playing.slack.courier.deliveries[-1].payload)
    await form.choose_connection(seed.TWINS)
    await form.until_says("*attached* · 3 routes")
    # A replica that was slow to look comes to its edit after another one has made its own.
    await playing.slack.deliver("interactive", click | {"trigger_id": "came late"})
    looked = len(playing.vpc.calls_of("DescribeVpnConnection"))
    await form.choose_connection(seed.FRAGILE)
    await until(lambda: len(playing.vpc.calls_of("DescribeVpnConnection")) > looked)
    await form.until_says("*attached* · 2 routes")
    assert _edits(playing) == ["ok", "ok", "ok"]


def later(click: dict[str, Any]) -> str:
    """A moment after a click."""
    return f"{float(click['actions'][0]['action_ts']) + 0.001:.6f}"


async def test_a_form_that_was_closed_meanwhile_is_left_alone(playing: Stage) -> None:
    slow(playing, "DescribeVpnConnection", FaultKind.SLOW_BEFORE, seconds=0.3)
    form = await by_command(playing)
    await form.choose(PICK_CONNECTION, OFFICE, "")
    playing.slack.close_modal(ALICE, form.view.id)
    await until(lambda: _edits(playing) == ["not_found"])
    await nothing_is_left(playing)


@pytest.mark.parametrize("view", [None, {}, "V1", {"id": 7, "state": [], "hash": {}}])
@pytest.mark.parametrize("action", [PICK_CONNECTION, fields.TYPE_INSTEAD, fields.LOOK_INSTEAD])
async def test_a_click_in_a_form_that_makes_no_sense_does_nothing(
    playing: Stage, action: str, view: object
) -> None:
    payload = {
        "type": "block_actions",
        "team": {"id": T_HOME},
        "user": {"id": ALICE, "team_id": T_HOME},
        "view": view,
        "actions": [{"type": "external_select", "action_id": action, "block_id": "b"}],
    }
    ack = await playing.slack.deliver("interactive", payload)
    assert (ack.status, ack.body) == (200, "")
    await until(lambda: _edits(playing) == ["invalid_arguments"])
    await nothing_is_left(playing)


@pytest.mark.parametrize("block", [None, 7, "connection", "connection|../../nowhere", "a|b|c|d"])
@pytest.mark.parametrize("action", [PICK_REGION, PICK_CONNECTION, PICK_ROUTES])
async def test_a_search_that_makes_no_sense_offers_typing(
    playing: Stage, action: str, block: object
) -> None:
    payload = {
        "type": "block_suggestion",
        "team": {"id": T_HOME},
        "user": {"id": ALICE, "team_id": T_HOME},
        "action_id": action,
        "block_id": block,
        "value": "x",
    }
    ack = await playing.slack.deliver("interactive", payload)
    assert ack.status == 200
    values = [option["value"] for option in (ack.json or {})["options"]]
    assert values in ([], ["type:x"])


# --- sent twice, not opened, not stored, not allowed ---------------------------------------


async def test_a_form_that_is_delivered_twice_makes_one_request(brisk: Stage) -> None:
    form = await by_command(brisk)
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    brisk.slack.courier.redeliver = True
    card = await form.ask()
    await brisk.until_quiet(card)
    brisk.slack.courier.redeliver = False
    assert await brisk.store.requests.open_ids() == [request_id(card)]
    assert len(brisk.cards()) == 1
    assert "already an open request" not in brisk.told(ALICE)


async def test_a_guest_gets_no_form_to_look_things_up_in(brisk: Stage) -> None:
    before = len(brisk.vpc.calls)
    said = await brisk.command("delete", user=GINA)
    assert "Guests can't use vco-route." in said.body
    await brisk.slack.shortcut(GINA, fields.SHORTCUT, NETWORK_OPS)
    told = await brisk.slack.until(lambda: brisk.slack.dms(GINA))
    assert "Guests can't use vco-route." in text_of(told[0])
    assert brisk.slack.modal(GINA) is None
    assert len(brisk.vpc.calls) == before


async def test_who_became_a_guest_while_the_form_was_open_is_refused_as_with_a_command(
    brisk: Stage,
) -> None:
    form = await by_command(brisk)
    await form.choose_connection(OFFICE)
    await form.choose_routes(brisk.route)
    brisk.slack.workspace.people[ALICE].guest = True
    await form.send()
    await brisk.until_told(ALICE, "Guests can't use vco-route.")
    await nothing_is_left(brisk)


async def test_where_slack_does_not_say_who_it_is_no_form_opens(playing: Stage) -> None:
    playing.slack.faults.add("users.info", "hang", times=1)
    said = await playing.command("delete")
    assert "/vco-route delete CONNECTION CIDR" in said.body
    assert playing.slack.modal(ALICE) is None


@pytest.mark.parametrize("kind", ["http", "hang"])
async def test_a_form_that_can_not_be_opened_is_told(playing: Stage, kind: str) -> None:
    playing.slack.faults.add("views.open", kind, times=2)
    command = await playing.command("delete")
    assert "/vco-route delete CONNECTION CIDR" in command.body
    shortcut = await playing.slack.shortcut(ALICE, fields.SHORTCUT, NETWORK_OPS)
    assert (command.error, shortcut.error) == ("", "")
    said = await playing.slack.until(lambda: playing.slack.dms(ALICE))
    assert text_of(said[0]) == NO_FORM


async def test_a_form_that_can_not_be_stored_stays_open_and_says_so() -> None:
    async with EmbeddedValkey(appendonly=True) as valkey, Stage(valkey.url) as stage:
        await stage.start_bot()
        form = await by_command(stage)
        await form.choose_connection(OFFICE)
        await form.choose_routes(stage.route)
        assert valkey.pid is not None
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            ack = await form.send(reason=PRODUCTION)
            assert ack.seconds < 2.7
            assert NOT_STORED in form.text
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
        card = await form.ask()
        assert (await stage.request(card)).reason == PRODUCTION


def _edits(stage: Stage) -> list[str]:
    return [call.error or "ok" for call in stage.slack.requests if call.method == "views.update"]
