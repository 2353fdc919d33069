"""A connection is found by the name that people know, in its region or another; never guessed."""

import pytest
from stage import Stage

from bot.models import EventKind
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, GINA
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.slack.messages.buttons import CHOOSE

OFFICE, BLOCK = seed.ORDINARY, seed.SHADOWED_DEST
LISTING = "DescribeVpnConnections"


async def told(stage: Stage, words: str, user: str = ALICE) -> Message:
    """The private answer that has these words."""
    return await stage.slack.until(
        lambda: next((m for m in stage.slack.ephemerals(user) if words in text_of(m)), None)
    )


async def choose(stage: Stage, answer: Message, number: int = 0, user: str = ALICE) -> None:
    await stage.slack.click(user, answer.channel, answer.ts, f"{CHOOSE}_{number}")


async def new_card(stage: Stage) -> Message:
    return await stage.slack.until(lambda: next(iter(stage.cards()), None))


async def test_a_name_asks_for_the_very_same_as_its_id(brisk: Stage) -> None:
    card = await brisk.ask(f'delete office-shanghai {BLOCK} --reason "leaking, INC-4211"')
    request = await brisk.request(card)
    assert (request.vpn_connection_id, request.region) == (OFFICE, seed.HANGZHOU)
    assert [change.route for change in request.routes] == [brisk.route]
    await brisk.approve(card)
    await brisk.until_deleted(card)
    assert brisk.sends() == 1


async def test_a_name_with_blanks_in_quotes_is_one_name(brisk: Stage) -> None:
    brisk.vpc.add_connection("vco-koeln", name="Büro Köln 2")
    route = brisk.vpc.add_route("vco-koeln", "10.77.0.0/16")
    card = await brisk.ask(f"delete “Büro Köln 2” {route.route_dest}")
    assert (await brisk.request(card)).vpn_connection_id == "vco-koeln"


async def test_a_name_of_another_region_is_found_there(brisk: Stage) -> None:
    card = await brisk.ask("delete dc-jakarta 10.30.8.0/24")
    request = await brisk.request(card)
    assert (request.vpn_connection_id, request.region) == (seed.SLOW, seed.SINGAPORE)
    await brisk.command("list kiosk-penang")
    assert seed.LAST_ROUTE in text_of(await told(brisk, "192.168.77.0/24"))


async def test_whoever_names_a_region_is_offered_what_is_in_another(brisk: Stage) -> None:
    await brisk.command(f"delete dc-jakarta 10.30.8.0/24 --region {seed.HANGZHOU}")
    answer = await told(brisk, f"is not in {seed.HANGZHOU}")
    assert not brisk.cards()
    await choose(brisk, answer)
    request = await brisk.request(await new_card(brisk))
    assert (request.vpn_connection_id, request.region) == (seed.SLOW, seed.SINGAPORE)


async def test_while_a_region_can_not_be_read_nothing_in_another_one_is_taken(
    brisk: Stage,
) -> None:
    await brisk.stop_bots()
    await brisk.start_bot(VCO_REGIONS=f"cn-shanghai,{seed.SINGAPORE}")
    fault = Fault(kind=FaultKind.ERROR, action=LISTING, code="ServiceUnavailable", skip=1)
    brisk.vpc.faults.add(fault)  # the default region is read first, and well
    await brisk.command("delete dc-jakarta 10.30.8.0/24")
    await told(brisk, "Could not be read:")
    assert not brisk.cards()


async def test_two_of_one_name_are_shown_and_one_is_chosen(brisk: Stage) -> None:
    brisk.vpc.add_connection("vco-twin", name="office-shanghai")
    brisk.vpc.add_route("vco-twin", BLOCK)
    await brisk.command(f"delete office-shanghai {BLOCK}")
    answer = await told(brisk, "2 connections in cn-hangzhou are called")
    assert OFFICE in text_of(answer)
    assert "vco-twin" in text_of(answer)
    assert not brisk.cards()
    await choose(brisk, answer, 1)
    assert (await brisk.request(await new_card(brisk))).vpn_connection_id == "vco-twin"


@pytest.mark.parametrize("typed", ["office-shangai", "shanghai", "Office-Shanghai"])
async def test_what_is_nearly_the_name_is_offered_and_never_taken(brisk: Stage, typed: str) -> None:
    await brisk.command(f"delete {typed} {BLOCK}")
    answer = await told(brisk, "No connection is called that")
    assert seed.HANGZHOU in text_of(answer)
    assert not brisk.cards()
    await choose(brisk, answer)
    assert (await brisk.request(await new_card(brisk))).vpn_connection_id == OFFICE


async def test_an_id_of_another_region_is_looked_for_and_offered(brisk: Stage) -> None:
    await brisk.command(f"delete {seed.SLOW} 10.30.8.0/24")
    answer = await told(brisk, f"is not in {seed.HANGZHOU}")
    assert seed.SINGAPORE in text_of(answer)
    await choose(brisk, answer)
    assert (await brisk.request(await new_card(brisk))).region == seed.SINGAPORE
    await brisk.command(f"list {seed.LAST_ROUTE}")
    await choose(brisk, await told(brisk, seed.LAST_ROUTE))
    await told(brisk, "192.168.77.0/24")


async def test_an_id_that_is_nowhere_names_the_regions_that_were_tried(brisk: Stage) -> None:
    await brisk.stop_bots()
    await brisk.start_bot(VCO_REGIONS=f"{seed.HANGZHOU},{seed.SINGAPORE}")
    await brisk.command(f"delete vco-nowhere {BLOCK}")
    said = text_of(await told(brisk, "vco-nowhere"))
    assert f"Looked in {seed.HANGZHOU}, {seed.SINGAPORE}." in said
    assert not brisk.cards()


async def test_a_guest_learns_no_names_and_their_asking_is_audited(brisk: Stage) -> None:
    await brisk.command(f"delete office {BLOCK}", user=GINA)
    said = text_of(await told(brisk, "uest", GINA))
    assert "office-shanghai" not in said
    assert not brisk.vpc.calls_of(LISTING)
    kinds = [(event.kind, event.by) for _, event in await brisk.audit()]
    assert (EventKind.REFUSED, GINA) in kinds


async def test_a_button_that_is_pressed_by_somebody_else_is_read_as_if_they_had_typed_it(
    brisk: Stage,
) -> None:
    """What a button's value says is checked in full: nothing rests on who was shown it."""
    await brisk.command(f"delete office-shangai {BLOCK}")
    answer = await told(brisk, "No connection is called that")
    payload = brisk.payload_of_click(answer, GINA, f"{CHOOSE}_0")
    await brisk.slack.deliver("interactive", payload)
    await told(brisk, "uest", GINA)
    assert not brisk.cards()


async def test_a_mistyped_verb_is_offered_with_a_button_that_does_it(brisk: Stage) -> None:
    await brisk.command(f"delte office-shanghai {BLOCK}")
    answer = await told(brisk, "Did you mean `delete`?")
    await choose(brisk, answer)
    assert (await brisk.request(await new_card(brisk))).vpn_connection_id == OFFICE
    await brisk.command("hlep")
    await choose(brisk, await told(brisk, "Did you mean `help`?"))
    await told(brisk, "/vco-route history")


async def test_the_examples_of_help_and_of_the_home_work_as_they_stand(playing: Stage) -> None:
    await playing.command("help")
    shown = text_of(await told(playing, "For example: "))
    example = shown.rpartition("For example: `")[2].partition("`")[0]
    playing.slack.open_home(ALICE)
    await playing.slack.until(lambda: example in playing.slack.home_text(ALICE))
    await playing.ask(example.removeprefix("/vco-route "))


# --- the form ----------------------------------------------------------------------------


@pytest.mark.parametrize("connection", [OFFICE, "office-shanghai"])
async def test_a_connection_without_a_block_opens_the_form_filled_in(
    playing: Stage, connection: str
) -> None:
    await playing.command(f'delete {connection} --reason "leaking, INC-4211"')
    view = await playing.slack.until(lambda: playing.slack.modal(ALICE))
    await playing.slack.until(lambda: "Routes to delete" in playing.slack.modal_text(ALICE))
    assert "office-shanghai" in playing.slack.modal_text(ALICE)
    value = f"{BLOCK}|100"
    await playing.slack.choose(ALICE, view.id, "vco_route_form_routes", [value])
    await playing.slack.until(lambda: "covers them" in playing.slack.modal_text(ALICE))
    await playing.slack.submit(ALICE, view.id)
    request = await playing.request(await new_card(playing))
    assert request.reason == "leaking, INC-4211"
    assert request.vpn_connection_id == OFFICE


@pytest.mark.parametrize("typed", ["office-shangai", seed.SLOW])
async def test_where_it_is_not_clear_the_form_offers_connections(
    playing: Stage, typed: str
) -> None:
    await playing.command(f"delete {typed}")
    view = await playing.slack.until(lambda: playing.slack.modal(ALICE))
    await playing.slack.until(lambda: "Choose" in playing.slack.modal_text(ALICE))
    await playing.slack.click_in_view(ALICE, view.id, "vco_route_form_take")
    await playing.slack.until(lambda: "Routes to delete" in playing.slack.modal_text(ALICE))
    assert not playing.cards()


async def test_a_guest_who_gives_a_connection_gets_no_form(playing: Stage) -> None:
    await playing.command("delete office-shanghai", user=GINA)
    await told(playing, "uest", GINA)
    assert playing.slack.modal(GINA) is None
    assert not playing.vpc.calls_of(LISTING)
