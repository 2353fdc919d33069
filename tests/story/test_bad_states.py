"""A database in a bad state: one request in trouble never stops the others, nothing is sent
that was not recorded first, and the log says what is wrong."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
import structlog
from databases import claimed, database, set_clock
from stage import DELETE, Stage, delete_command, request_id
from waiting import until

from bot.execution.worker import Worker
from bot.models import EventKind, RequestState
from bot.sandbox.slack.workspace import ALICE, BOB, NETWORK_OPS
from bot.sandbox.valkey import EmbeddedValkey
from bot.slack import inbox as answers
from bot.slack.messages.buttons import APPROVE
from bot.store import Database, Work
from bot.store.client import key
from bot.store.work import Idle


async def another_one_is_deleted(stage: Stage, name: str) -> None:
    [route] = stage.new_routes(name)
    ended = await stage.until_ended(await stage.approved(route))
    assert ended.state is RequestState.DELETED
    assert stage.vpc.effects(route) == 1


# --- records that can't be read ------------------------------------------------------


@pytest.mark.parametrize("damage", ["garbage", "a state of a newer version"])
async def test_a_record_that_can_not_be_read_stops_no_other(brisk: Stage, damage: str) -> None:
    [route] = brisk.new_routes("damaged")
    card = await brisk.ask(delete_command(route))
    record, db = key("request", request_id(card)), brisk.store.database
    data = str(await db.command("HGET", record, "data"))
    newer = '{"state":"paused",' + data.removeprefix("{")
    await db.command("HSET", record, "data", "\x00{" if damage == "garbage" else newer)
    with structlog.testing.capture_logs() as logs:
        await brisk.approve(card)
        await another_one_is_deleted(brisk, "healthy")
        await brisk.until_told(BOB, "can't be read by this version of the bot")
        await brisk.command("status")
        await brisk.until_told(ALICE, f"`{request_id(card)}` can't be read")
    assert any(e["event"] == "record_unreadable" for e in logs)
    assert brisk.vpc.effects(route) == 0


NEWER = f'{{"type":"postpone","user":"{ALICE}","channel":"{NETWORK_OPS}","until":5}}'


async def test_a_delivery_of_another_version_waits_for_it_and_stops_no_other(
    brisk: Stage,
) -> None:
    with structlog.testing.capture_logs() as logs:
        await brisk.store.inbox.put("newer", NEWER)
        await another_one_is_deleted(brisk, "healthy")
        await until(lambda: any(e["event"] == "inbox_item_unreadable" for e in logs))
    assert await brisk.store.inbox.get("newer") == NEWER
    assert sum(e["event"] == "inbox_item_unreadable" for e in logs) < 10, "no hot loop"


@pytest.mark.parametrize("content", [NEWER, "{", '["?"]'], ids=["of somebody", "cut off", "a list"])
async def test_a_delivery_that_no_version_reads_is_forgotten_once_its_sender_is_told(
    brisk: Stage, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(answers, "UNREADABLE_SECONDS", 0.0)
    with structlog.testing.capture_logs() as logs:
        await brisk.store.inbox.put("newer", content)
        await brisk.store.work.wake("inbox:newer")
        if content == NEWER:
            await brisk.until_told(ALICE, "This was not done")
        await until(lambda: any(e["event"] == "inbox_item_dropped" for e in logs))
        async with asyncio.timeout(60):
            while await brisk.store.inbox.get("newer") is not None:
                await asyncio.sleep(0.02)


async def test_a_telling_that_can_not_be_read_stops_neither_its_request_nor_others(
    brisk: Stage,
) -> None:
    [route] = brisk.new_routes("untold")
    card = await brisk.ask(delete_command(route))
    # Else the step in hand writes what it knows over it.
    await brisk.until_quiet(card)
    with structlog.testing.capture_logs() as logs:
        await brisk.store.database.command("SET", key("told", request_id(card)), "{")
        await brisk.approve(card)
        assert (await brisk.until_ended(card)).state is RequestState.DELETED
        await another_one_is_deleted(brisk, "healthy")
    assert any(e["event"] == "record_unreadable" and "what was told" in e["error"] for e in logs)


# --- a database that has forgotten everything ----------------------------------------


async def test_a_click_on_a_card_that_nobody_remembers_is_answered_and_nothing_runs(
    brisk: Stage,
) -> None:
    [route] = brisk.new_routes("forgotten")
    card = await brisk.ask(delete_command(route))
    await brisk.store.database.command("FLUSHALL")
    await brisk.approve(card)
    await until(lambda: "not known any more" in brisk.told(BOB))
    assert "ask again" in brisk.told(BOB)
    assert not brisk.vpc.calls_of(DELETE)
    await another_one_is_deleted(brisk, "afterwards")


# --- a clock that jumps --------------------------------------------------------------


@pytest_asyncio.fixture
async def stopped(valkey_url: str) -> AsyncIterator[Database]:
    async with database(valkey_url, now=10_000.0) as opened:
        yield opened


async def test_what_was_planned_goes_back_with_the_clock(stopped: Database) -> None:
    work = Work(stopped)
    await work.wake("run:r-1")
    await work.done(await claimed(work), 10_060.0)
    assert await work.claim(30) == Idle(60.0)
    set_clock(stopped, 6_400.0)
    assert await work.claim(30) == Idle(60.0)
    set_clock(stopped, 6_460.0)
    assert (await claimed(work)).item == "run:r-1"


async def test_the_engine_says_that_the_clock_went_back(stopped: Database) -> None:
    work, stop = Work(stopped), asyncio.Event()
    running = Worker(work, {})
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(running.run(stop))
        await work.wake("nobody:1")
        await until(lambda: any(e["event"] == "unknown_item" for e in logs))
        set_clock(stopped, 6_400.0)
        await work.wake("nobody:2")
        running.wake()
        await until(lambda: any(e["event"] == "clock_went_back" for e in logs))
        stop.set()
        await task
    assert {"event": "clock_went_back", "seconds": 3600.0, "log_level": "warning"} in logs


# --- writes refused ------------------------------------------------------------------


async def until_redis_is(url: str, words: str) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            async with session.get(f"{url}/readyz") as answer:
                if words in str((await answer.json())["redis"]):
                    return
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("short_pauses")
async def test_where_nothing_can_be_recorded_nothing_is_sent() -> None:
    """A full disk, a full memory, a master without its replicas: all answer writes with a no."""
    async with EmbeddedValkey(appendonly=True) as server, Stage(server.url) as stage:
        url = await stage.start_bot(VCO_LEASE="1")
        [route] = stage.new_routes("lonely")
        stage.vpc.set_state(route.vpn_connection_id, "updating")
        card = await stage.approved(route)
        await stage.until_event(card, EventKind.WAITING)

        command = stage.store.database.command
        await command("CONFIG", "SET", "min-replicas-to-write", "1")
        stage.vpc.set_state(route.vpn_connection_id, "attached")
        await until_redis_is(url, "refuses writes")
        seen = len(stage.vpc.calls)
        await stage.slack.click(ALICE, card.channel, card.ts, APPROVE, stale=True)
        await stage.until_told(ALICE, "could not be recorded")
        assert stage.sends() == 0

        await command("CONFIG", "SET", "min-replicas-to-write", "0")
        assert (await stage.until_ended(card)).state is RequestState.DELETED
        assert stage.vpc.effects(route) == 1
        assert len(stage.vpc.calls) > seen
