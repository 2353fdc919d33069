"""G8: what was said more than a minute ago is not done now, and whoever said it hears so."""

import asyncio
import json

import pytest
from msgspec.structs import replace
from stage import DELETE_ONE, Stage, request_id
from waiting import until

from bot.models import RequestState
from bot.sandbox.slack.deliver import Kind
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.workspace import ALICE, BOB, NETWORK_OPS
from bot.slack import notes, payloads
from bot.slack.commands import CommandGiven
from bot.slack.payloads import InboxItem
from bot.slack.routes import ROUTER


async def kept(stage: Stage) -> list[InboxItem]:
    """What waits in the inbox."""
    keys = await stage.store.database.command("KEYS", "{vco}:inbox:*")
    found = [await stage.store.inbox.get(str(one).rpartition(":")[2]) for one in keys]
    return [ROUTER.decode(content) for content in found if content is not None]


async def grow_old(stage: Stage, seconds: float) -> None:
    """Let what waits in the inbox have been said so much earlier."""
    for one in await stage.store.database.command("KEYS", "{vco}:inbox:*"):
        name = str(one).rpartition(":")[2]
        content = await stage.store.inbox.get(name)
        assert content is not None
        delivery = ROUTER.decode(content)
        old = replace(delivery, said_at=delivery.said_at - seconds)
        await stage.store.database.command("SET", str(one), payloads.encode(old))


def failed(stage: Stage) -> set[str]:
    """The methods that Slack has failed."""
    return {call.method for call in stage.slack.requests if call.status == 500}


async def still_pending(stage: Stage, card: Message) -> bool:
    return (await stage.request(card)).state is RequestState.PENDING


async def test_a_command_that_was_taken_before_a_kill_is_not_done_two_minutes_later(
    brisk: Stage,
) -> None:
    """The bot dies just after its acknowledgement and is started again long after."""
    given = CommandGiven(
        user=ALICE,
        channel=NETWORK_OPS,
        text=DELETE_ONE,
        said_at=await brisk.store.database.now() - 125,
    )
    await brisk.stop_bots()
    await brisk.store.inbox.put("before-the-kill", payloads.encode(given))
    await brisk.start_bot()
    said = await brisk.until_told(ALICE, "Not done: that was 2 min ago.")
    assert "Please ask again" in said
    assert brisk.cards() == []
    assert await kept(brisk) == []


async def test_a_click_that_slack_could_not_be_asked_about_for_a_minute_is_not_done(
    brisk: Stage,
) -> None:
    card = await brisk.ask()
    brisk.slack.faults.add("users.info", "http", times=None)
    await brisk.approve(card)
    await until(lambda: "users.info" in failed(brisk))
    await grow_old(brisk, 61.0)
    # A try that is under way has read it as it was: Slack stays away until the next one.
    await brisk.until_told(BOB, "Not done: that was 6")
    brisk.slack.faults.clear()
    assert await still_pending(brisk, card)
    assert brisk.sends() == 0


async def test_what_an_earlier_version_took_without_a_time_is_read_and_answered(
    brisk: Stage,
) -> None:
    card = await brisk.ask()
    old = {"type": "click", "user": BOB, "channel": card.channel, "request_id": request_id(card)}
    await brisk.store.inbox.put("undated", json.dumps(old))
    await brisk.until_told(BOB, "Not done: it is not known how long ago that was.")
    assert await still_pending(brisk, card)


async def test_slacks_own_time_counts_not_that_of_the_receipt(brisk: Stage) -> None:
    """A signed request that was held back for four minutes passes Slack's own verifier."""
    card = await brisk.ask()
    now = await brisk.store.database.now()
    payload = brisk.payload_of_click(card)
    ack = await brisk.slack.deliver(Kind.INTERACTIVE, payload, timestamp=str(int(now - 240)))
    assert ack.status == 200
    await brisk.until_told(BOB, "Not done: that was 4 min ago.")
    assert await still_pending(brisk, card)


async def test_in_socket_mode_a_click_bears_the_time_of_the_click(hurried: Stage) -> None:
    await hurried.start_bot(socket_mode=True)
    card = await hurried.ask()
    payload = hurried.payload_of_click(card)
    payload["actions"][0]["action_ts"] = f"{await hurried.store.database.now() - 90:.6f}"
    await hurried.slack.courier.send(Kind.INTERACTIVE, payload)
    await hurried.until_told(BOB, "Not done: that was 90 s ago.")
    assert await still_pending(hurried, card)


async def test_what_was_decided_in_time_is_told_late(brisk: Stage) -> None:
    card = await brisk.ask()
    await brisk.until_quiet(card)
    brisk.slack.faults.add("response_url", "http", times=None)
    brisk.slack.faults.add("chat.postEphemeral", "http", times=None)
    await brisk.cancel(card)
    await until(lambda: "chat.postEphemeral" in failed(brisk))
    await grow_old(brisk, 120.0)
    brisk.slack.faults.clear()
    said = await brisk.until_told(ALICE, "You have withdrawn this already")
    assert "Not done" not in said


async def test_whoever_is_not_answered_at_once_hears_that_it_waits(
    brisk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "AFTER_SECONDS", 0.3)
    card = await brisk.ask()
    hanging = brisk.slack.faults.add("users.info", "hang", seconds=1.5, times=None)
    acks = await asyncio.gather(brisk.approve(card), brisk.command("status"))
    assert [ack.body for ack in acks] == ["", ""]
    await brisk.until_told(BOB, "Noted, and waiting for its turn.")
    assert hanging.times is None
    brisk.slack.faults.clear()
    await brisk.until_ended(card)
    assert brisk.told(BOB).count("Noted") == 1


async def test_a_command_is_answered_once_where_it_is_answered_at_once(brisk: Stage) -> None:
    ack = await brisk.command("status")
    assert ack.body == ""
    await brisk.until_told(ALICE, "Nothing is pending or in flight.")
    await brisk.until_told(ALICE, "Nothing is pending or in flight.")
    assert len(brisk.slack.ephemerals(ALICE)) == 1
