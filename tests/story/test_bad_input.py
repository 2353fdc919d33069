"""A command that can't be carried out is answered where it was typed, and nothing is pending."""

import pytest
from leftovers import no_traceback, nothing_is_left
from stage import Stage

from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import (
    ALICE,
    BOB,
    DM_ALICE_BOB,
    NETWORK_OPS,
    OLD_OPS,
    PARTNERS,
    RANDOM,
    WAR_ROOM,
)
from bot.sandbox.vpc import seed

__all__ = ["no_traceback"]

DELETE = f"delete {seed.ORDINARY} {seed.SHADOWED_DEST}"


# --- places ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "problem", "mend"),
    [
        pytest.param(DM_ALICE_BOB, "I can't post here", "invite me", id="between people"),
        pytest.param(RANDOM, "I can't post here", "/invite @vco-route", id="not invited"),
        pytest.param(WAR_ROOM, "I can't post here", "/invite @vco-route", id="private"),
        pytest.param(PARTNERS, "shared with another organi", "", id="shared"),
    ],
)
async def test_a_command_from_where_no_card_can_be_is_refused_with_the_mend(
    playing: Stage, place: str, problem: str, mend: str
) -> None:
    await playing.command(DELETE, channel=place)
    told = await playing.until_told(ALICE, problem)
    assert mend in told
    assert {m.channel for m in playing.slack.ephemerals(ALICE)} == {place}
    await nothing_is_left(playing)


@pytest.mark.parametrize(
    ("channel", "problem"),
    [
        (RANDOM, "C0RANDOM1 (VCO_APPROVAL_CHANNEL), where I can't post"),
        (OLD_OPS, "C0ARCHIVE (VCO_APPROVAL_CHANNEL), which is archived"),
        (PARTNERS, "shared with another organi"),
        ("C0NOWHERE", "C0NOWHERE (VCO_APPROVAL_CHANNEL), where I can't post"),
    ],
)
async def test_an_approval_channel_that_takes_no_card_is_named(
    stage: Stage, channel: str, problem: str
) -> None:
    await stage.start_bot(VCO_APPROVAL_CHANNEL=channel)
    await stage.command(DELETE)
    await stage.until_told(ALICE, problem)
    await nothing_is_left(stage)


async def test_the_approval_channel_gets_the_card_of_a_command_from_anywhere(
    stage: Stage,
) -> None:
    await stage.start_bot(VCO_APPROVAL_CHANNEL=NETWORK_OPS)
    await stage.command(DELETE, channel=WAR_ROOM)
    card = await stage.slack.until(lambda: next(iter(stage.cards()), None))
    assert card.ts.replace(".", "") in await stage.until_told(ALICE, "Asked for approval")


# --- commands ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(f"delete {seed.TWINS} {seed.TWIN_DEST}", "2 routes", id="ambiguous"),
        pytest.param(f"delete {seed.ORDINARY} 192.168.10.0/25", "no route to", id="no match"),
    ],
)
async def test_each_command_that_an_answer_offers_can_be_pasted(
    playing: Stage, command: str, words: str
) -> None:
    await playing.command(command)
    told = await playing.until_told(ALICE, words)
    offered = [line.strip("`") for line in told.splitlines() if line.startswith("`/vco-route ")]
    assert len(offered) > 1
    await nothing_is_left(playing)
    for line in offered:
        card = await playing.ask(line.removeprefix("/vco-route "))
        assert text_of(card).startswith("🟠 Delete ")
        await playing.cancel(card)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (f"delete {seed.ORDINARY} {seed.BGP_DEST}", "learned from the peer over BGP"),
        (f"delete {seed.UNATTACHED} 10.99.0.0/16", "detached"),
        ("delete vco-p0w0000000000000000000 10.0.0.0/8", "No connection has this id"),
        ("list vco-p0w0000000000000000000", "No connection has this id"),
        ("status r-aaaaaaaaaa", "Request r-aaaaaaaaaa is not known"),
        ("cancel r-aaaaaaaaaa", "Request r-aaaaaaaaaa is not known"),
    ],
)
async def test_what_can_not_be_done_is_explained_to_the_sender_alone(
    playing: Stage, command: str, words: str
) -> None:
    await playing.command(command)
    await playing.until_told(ALICE, words)
    await nothing_is_left(playing)


async def test_why_routes_can_not_be_read_does_not_hide_that_the_connection_has_none(
    playing: Stage,
) -> None:
    connection = seed.UNATTACHED
    playing.vpc.set_state(connection, "attached")  # to no transit router
    await playing.command(f"delete {connection} 10.99.0.0/16")
    await playing.until_told(ALICE, f"{connection} is attached to nothing.")
    await playing.command(f"list {connection}", user=BOB)
    await playing.until_told(BOB, "It is attached to nothing, so it has no routes that can be")
    assert playing.vpc.calls_of("DescribeVcoRouteEntries") == []


async def test_the_last_route_of_a_connection_is_told_on_the_card(playing: Stage) -> None:
    card = await playing.ask(f"delete {seed.LAST_ROUTE} 192.168.77.0/24 --region {seed.SINGAPORE}")
    assert "no route is left on this connection" in text_of(card)


async def test_only_the_requester_cancels(playing: Stage) -> None:
    card = await playing.ask()
    request = await playing.request(card)
    await playing.command(f"cancel {request.id}", user=BOB)
    await playing.until_told(BOB, "Only the person who asked")
    assert (await playing.request(card)).state == "pending"
    await playing.command(f"status {request.id}", user=BOB)
    await playing.until_told(BOB, f"`{request.id}` · *pending*")
    await playing.command(f"cancel {request.id}")
    await playing.until_told(ALICE, f"Withdrawn: nothing was sent for `{request.id}`")


async def test_what_is_delivered_twice_is_handled_once(playing: Stage) -> None:
    playing.slack.redeliver = True
    card = await playing.ask()
    await playing.approve(card)
    await playing.until_deleted(card)
    assert len(playing.cards()) == 1
    assert playing.told(ALICE) == ""
    assert playing.told(BOB) == ""
    assert playing.vpc.effects(playing.route) == 1
