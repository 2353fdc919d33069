"""A database that went back in time: a card never takes back an outcome that it shows."""

from collections.abc import Mapping

import pytest
import structlog
from redis.asyncio import Redis
from stage import Stage, delete_command, request_id
from waiting import until

from bot import lifecycle
from bot.config.settings import Settings
from bot.errors import StaleFence
from bot.metrics import ALARMS
from bot.models import Decision, RequestState, Verdict
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, BOB
from bot.service import app
from bot.slack.cards import CardPublisher
from bot.slack.messages.buttons import APPROVE, CANCEL
from bot.slack.posted import PostedMessages
from bot.store import Claim

FORGOTTEN = "The bot's database went back in time"

Backup = Mapping[bytes | str, bytes]


async def backup(stage: Stage) -> Backup:
    """All that is stored."""
    async with Redis.from_url(stage.redis_url) as redis:
        dumped = {name: await redis.dump(name) for name in await redis.keys("*")}
        # What has expired in between is none.
        return {name: content for name, content in dumped.items() if content is not None}


async def put_back(stage: Stage, kept: Backup) -> None:
    """What a failover without replicas does, or somebody with yesterday's backup."""
    async with Redis.from_url(stage.redis_url) as redis, redis.pipeline() as all_at_once:
        all_at_once.flushall()
        for name, content in kept.items():
            all_at_once.restore(name, 0, content)
        await all_at_once.execute()


async def deleted_and_forgotten(stage: Stage, *, quiet: bool = False) -> Message:
    """A card that shows *Deleted*, and a database that has it pending; no bot runs.

    `quiet`: what the database has is from when the card had been shown.
    """
    await stage.start_bot(VCO_LEASE="2")
    [route] = stage.new_routes("forgotten")
    card = await stage.ask(delete_command(route))
    if quiet:
        await stage.until_quiet(card)
    kept = await backup(stage)  # with the lease of whatever step was in hand
    await stage.approve(card)
    await stage.until_deleted(card)
    await stage.stop_bots()
    await put_back(stage, kept)
    return card


@pytest.mark.parametrize(
    ("button", "who", "state"),
    [(APPROVE, BOB, RequestState.VOID), (CANCEL, ALICE, RequestState.CANCELLED)],
)
async def test_a_late_click_does_not_take_back_what_the_card_shows(
    hurried: Stage, button: str, who: str, state: RequestState
) -> None:
    card = await deleted_and_forgotten(hurried)
    edits = len(card.past)
    before = ALARMS.labels("outcome_forgotten")._value.get()  # noqa: SLF001 - the client has no public way
    with structlog.testing.capture_logs() as logs:
        await hurried.start_bot()
        await hurried.slack.click(who, card.channel, card.ts, button, stale=True)
        assert (await hurried.until_ended(card)).state is state
        thread = await hurried.until_thread_says(card, FORGOTTEN)
        await until(lambda: any(e["event"] == "outcome_forgotten" for e in logs))
        said = next(line for line in thread if FORGOTTEN in line)
        assert "Look at the route in the console" in said
        # Whatever is still to be posted has been when another request is through.
        [route] = hurried.new_routes("afterwards")
        other = await hurried.approved(route)
        await hurried.until_deleted(other)
    assert len(card.past) == edits, "it was not edited once"
    assert text_of(card).startswith("✅ Deleted")
    thread = hurried.thread(card)
    assert sum(FORGOTTEN in line for line in thread) == 1
    assert ALARMS.labels("outcome_forgotten")._value.get() == before + 1  # noqa: SLF001 - as above


async def test_whoever_was_taken_over_meanwhile_raises_no_alarm_over_what_the_other_one_shows(
    hurried: Stage,
) -> None:
    """Frozen in its step, and thawed when another has shown the outcome: its record is old."""
    card = await deleted_and_forgotten(hurried, quiet=True)
    request = request_id(card)
    no = Decision(verdict=Verdict.CANCELLED, by=ALICE, at=await hurried.store.database.now())
    await hurried.store.requests.update(request, lambda r: lifecycle.record_decision(r, no))
    bot = app.App(Settings.from_env(hurried.environment()))
    await bot.directory.identify()
    posted = PostedMessages(bot.slack, bot.directory.own_user)
    publisher = CardPublisher(bot.slack, posted, bot.store, 30.0)
    at, thread = await bot.store.database.now(), hurried.thread(card)
    try:
        with structlog.testing.capture_logs() as logs, pytest.raises(StaleFence):
            await publisher.step(Claim(f"tell:{request}", "1-taken-over", 1, at, at + 30))
    finally:
        await bot.close()
    assert not [e for e in logs if e["event"] == "outcome_forgotten"]
    assert hurried.thread(card) == thread


async def test_a_database_that_goes_back_under_a_bot_does_not_make_the_card_pending_again(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.execution.worker.UPKEEP_SECONDS", 0.1)
    await hurried.start_bot(VCO_LEASE="2")
    [route] = hurried.new_routes("under")
    card = await hurried.ask(delete_command(route))
    kept = await backup(hurried)
    await hurried.approve(card)
    await hurried.until_deleted(card)
    edits = len(card.past)
    await put_back(hurried, kept)
    await hurried.until_thread_says(card, FORGOTTEN)
    assert len(card.past) == edits
    assert text_of(card).startswith("✅ Deleted")


async def test_a_card_in_a_direct_message_does_not_take_back_what_it_shows_either(
    hurried: Stage,
) -> None:
    """It stands there because the one in the channel is gone."""
    await hurried.start_bot(VCO_LEASE="2")
    [route] = hurried.new_routes("direct")
    first = await hurried.ask(delete_command(route))
    first.deleted = True
    await hurried.store.card_states.doubt(request_id(first))
    await hurried.store.work.wake(f"tell:{request_id(first)}")
    card = await hurried.slack.until(
        lambda: next((m for m in hurried.slack.dms(ALICE) if route.route_dest in text_of(m)), None)
    )
    await hurried.until_quiet(card)
    kept = await backup(hurried)
    first.deleted = False  # Bob's client has not heard of it
    await hurried.slack.click(BOB, first.channel, first.ts, APPROVE, stale=True)
    await hurried.until_deleted(card)
    await hurried.stop_bots()
    await put_back(hurried, kept)
    edits = len(card.past)
    await hurried.start_bot()
    await hurried.slack.click(ALICE, card.channel, card.ts, CANCEL, stale=True)
    await hurried.until_thread_says(card, FORGOTTEN)
    assert len(card.past) == edits
    assert text_of(card).startswith("✅ Deleted")


async def test_without_the_right_to_read_there_the_card_goes_on_and_the_log_says_so(
    hurried: Stage,
) -> None:
    card = await deleted_and_forgotten(hurried)
    hurried.slack.faults.add("conversations.history", "error", error="missing_scope", times=None)
    with structlog.testing.capture_logs() as logs:
        await hurried.start_bot()
        await hurried.slack.click(ALICE, card.channel, card.ts, CANCEL, stale=True)
        await hurried.until_shown(card, RequestState.CANCELLED)
        await until(lambda: any(e["event"] == "card_not_readable" for e in logs))


async def test_an_answer_that_never_comes_delays_the_card_and_no_more(hurried: Stage) -> None:
    card = await deleted_and_forgotten(hurried)
    hurried.slack.faults.add("conversations.history", "http", times=2)
    await hurried.start_bot()
    await hurried.slack.click(ALICE, card.channel, card.ts, CANCEL, stale=True)
    await hurried.until_thread_says(card, FORGOTTEN)
    assert text_of(card).startswith("✅ Deleted")
