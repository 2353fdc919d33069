"""A database that loses something under a bot at work: it is said, and what can be is mended."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
import structlog
from builders import a_request, a_route
from databases import claimed, database
from program import run
from redis.asyncio import Redis
from stage import DELETE, Stage, delete_command
from waiting import until

from bot.errors import RecordLost
from bot.metrics import ALARMS
from bot.models import EventKind, RequestState
from bot.sandbox.slack.workspace import BOB
from bot.sandbox.vpc.world import Pace
from bot.slack import payloads
from bot.slack.app_home import HomeOpened
from bot.slack.messages.buttons import APPROVE
from bot.store import Store, Work
from bot.store.audit import AUDIT, AUDIT_CUT, AUDIT_HEAD, STORE
from bot.store.client import DUE, FENCE, key
from bot.store.turn import STORED

SLOW = Pace(delay=0.05, seconds=600.0)


def alarms(what: str) -> float:
    return float(ALARMS.labels(what)._value.get())  # noqa: SLF001 - the client has no public way


@pytest.fixture
def quick(brisk: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Losses are looked for ten times a second."""
    monkeypatch.setattr("bot.execution.worker.UPKEEP_SECONDS", 0.1)
    return brisk


async def another_one_is_deleted(stage: Stage, name: str) -> None:
    [route] = stage.new_routes(name)
    assert (await stage.until_ended(await stage.approved(route))).state is RequestState.DELETED


async def test_a_database_that_is_emptied_under_a_deletion_is_an_alarm(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.execution.worker.UPKEEP_SECONDS", 0.1)
    url = await hurried.start_bot()
    [route] = hurried.new_routes("emptied", pace=SLOW)
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.SENT)
    before = alarms("went_back")
    with structlog.testing.capture_logs() as logs:
        await hurried.store.database.command("FLUSHALL")
        await until(lambda: any(e["event"] == "store_went_back" for e in logs))
    assert alarms("went_back") > before
    async with aiohttp.ClientSession() as session:

        async def readiness() -> str:
            async with session.get(f"{url}/readyz") as answer:
                assert answer.status == 200, "what comes next can be done"
                return await answer.text()

        # It is kept for a moment.
        async with asyncio.timeout(60):
            while "the database went back" not in await readiness():
                await asyncio.sleep(0.1)

    await hurried.slack.click(BOB, card.channel, card.ts, APPROVE, stale=True)
    assert "look at the route in the console" in await hurried.until_told(BOB, "not known any more")
    assert len(hurried.vpc.calls_of(DELETE)) == 1

    await another_one_is_deleted(hurried, "afterwards")
    assert STORE in [request for request, _ in await hurried.audit()]
    status, out, _ = await run("audit", "--verify", REDIS_URL=hurried.redis_url)
    assert status == 1
    assert "Not all of it is here: the database went back" in out


WRITTEN_OVER = {
    "lost": "",
    "a text": "redis.call('SET', KEYS[1], 'somebody')",
    "a hash": "redis.call('HSET', KEYS[1], 'somebody', 1)",
}


@pytest.mark.parametrize("how", WRITTEN_OVER)
async def test_what_is_due_is_built_anew_where_it_is_lost_or_written_over(
    quick: Stage, how: str
) -> None:
    [waiting, undecided] = [quick.new_routes(name)[0] for name in ("waiting", "undecided")]
    quick.vpc.set_state(waiting.vpn_connection_id, "updating")
    card = await quick.approved(waiting)
    await quick.until_event(card, EventKind.WAITING)
    pending = await quick.ask(delete_command(undecided))
    db = quick.store.database
    with structlog.testing.capture_logs() as logs:
        # At once: a step that ends in between would begin a new one.
        await db.command("EVAL", f"redis.call('DEL', KEYS[1]) {WRITTEN_OVER[how]}", 1, DUE)
        await until(lambda: any(e["event"] == "due_lost" for e in logs))
    quick.vpc.set_state(waiting.vpn_connection_id, "attached")
    assert (await quick.until_ended(card)).state is RequestState.DELETED
    await quick.until_deleted(card)
    await quick.approve(pending)
    assert (await quick.until_ended(pending)).state is RequestState.DELETED


async def test_what_is_due_and_was_lost_while_no_bot_ran_is_built_anew_at_the_start(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("restarted")
    hurried.vpc.set_state(route.vpn_connection_id, "updating")
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.WAITING)
    await hurried.stop_bots()
    await hurried.store.database.command("DEL", DUE)
    hurried.vpc.set_state(route.vpn_connection_id, "attached")
    await hurried.start_bot()
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    await hurried.until_deleted(card)


async def test_a_step_whose_record_is_gone_is_an_alarm(brisk: Stage) -> None:
    with structlog.testing.capture_logs() as logs:
        await brisk.store.work.wake("run:r-nobody")
        await until(lambda: any(e["event"] == "record_lost" for e in logs))
    assert RecordLost.__name__ in {e.get("error") for e in logs if e["event"] == "step_failed"}


async def test_numbers_of_claims_only_grow_or_the_database_went_back(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        work = Work(db)
        for _ in range(3):
            await work.wake("run:a")
            await work.done(await claimed(work), None)
        assert not work.forgot
        await db.command("FLUSHALL")
        await work.wake("run:a")
        await claimed(work)
        assert work.forgot


async def test_a_database_in_which_nothing_was_ever_recorded_is_no_loss(valkey_url: str) -> None:
    status, out, _ = await run("audit", "--verify", REDIS_URL=valkey_url)
    assert status == 0
    assert out.startswith("Nothing has been recorded here yet")


@pytest.mark.parametrize("left", ["a claim", "a request", "the cut of an audit"])
async def test_an_empty_audit_beside_anything_else_is_not_called_whole(
    valkey_url: str, left: str
) -> None:
    async with database(valkey_url, now=0) as db:
        if left == "a claim":
            await Work(db).wake("run:a")
            await claimed(Work(db))
        elif left == "a request":
            await Store(db).requests.create(a_request(a_route("10.9.0.0/24")))
            await db.command("DEL", AUDIT, AUDIT_HEAD)
        else:
            await db.command("SET", AUDIT_CUT, "3 abc 1-1")
    status, out, _ = await run("audit", "--verify", REDIS_URL=valkey_url)
    assert status == 1
    assert "there is no entry; if there ever was one, all of it is lost" in out


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something that has to be asked for."""
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.05)


async def lose_all_that_is_due(stage: Stage) -> None:
    """Lose `due`, and wait until that is seen."""
    with structlog.testing.capture_logs() as logs:
        await stage.store.database.command("DEL", DUE)
        await until(lambda: any(e["event"] == "due_lost" for e in logs))


async def test_what_is_to_be_told_is_found_again_where_nothing_is_open(quick: Stage) -> None:
    [route] = quick.new_routes("untold")
    quick.slack.faults.add("chat.update", "error", error="internal_error", times=None)
    card = await quick.approved(route)
    assert (await quick.until_ended(card)).state is RequestState.DELETED
    assert await quick.store.requests.open_ids() == []
    await lose_all_that_is_due(quick)
    quick.slack.faults.clear()
    await quick.until_card_says(card, "Confirmed:")
    await quick.until_thread_says(card, "deleted in")


async def test_monitoring_after_a_change_goes_on_where_what_is_due_was_lost(quick: Stage) -> None:
    [route] = quick.new_routes("monitored")
    card = await quick.approved(route)
    request = await quick.until_ended(card)
    await eventually(lambda: is_due(quick, f"follow:{request.id}"))
    await lose_all_that_is_due(quick)
    await eventually(lambda: is_due(quick, f"follow:{request.id}"))


async def test_what_is_monitored_is_found_again_behind_many_newer_requests(
    quick: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.repair._LATEST", 1)
    [route] = quick.new_routes("older")
    old = await quick.until_ended(await quick.approved(route))
    await eventually(lambda: is_due(quick, f"follow:{old.id}"))
    await another_one_is_deleted(quick, "newer")
    await another_one_is_deleted(quick, "newest")
    await lose_all_that_is_due(quick)
    await eventually(lambda: is_due(quick, f"follow:{old.id}"))


async def test_one_place_in_the_queue_that_is_lost_is_found_again(quick: Stage) -> None:
    [route] = quick.new_routes("one")
    card = await quick.approved(route)
    request = await quick.until_ended(card)
    await eventually(lambda: is_due(quick, f"follow:{request.id}"))
    await quick.store.database.command("ZREM", DUE, f"follow:{request.id}")
    await eventually(lambda: is_due(quick, f"follow:{request.id}"))


@pytest.mark.parametrize("how", ["all", "one"])
async def test_a_stored_delivery_that_lost_its_place_in_the_queue_is_handled_all_the_same(
    hurried: Stage, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.execution.worker.UPKEEP_SECONDS", 0.1)
    await hurried.start_bot()
    await eventually(lambda: is_due(hurried, "complete"))
    asked = payloads.encode(HomeOpened(user=BOB))
    async with Redis.from_url(hurried.redis_url) as redis, redis.pipeline() as at_once:
        at_once.set(key("inbox", "e-lost"), asked)
        at_once.zadd(STORED, {"inbox:e-lost": 1.0})
        if how == "all":
            at_once.delete(DUE)
        await at_once.execute()
    await eventually(lambda: handled(hurried, "e-lost"))
    assert await hurried.store.inbox.stored(10) == []


async def test_a_stored_name_without_its_delivery_is_forgotten(quick: Stage) -> None:
    await quick.store.database.command("ZADD", STORED, 1, "inbox:e-gone")
    await eventually(lambda: is_nowhere(quick))


async def is_nowhere(stage: Stage) -> bool:
    return await stage.store.inbox.stored(10) == []


async def handled(stage: Stage, delivery: str) -> bool:
    return await stage.store.inbox.get(delivery) is None


async def is_due(stage: Stage, item: str) -> bool:
    return await stage.store.database.command("ZSCORE", DUE, item) is not None


@pytest.mark.parametrize("junk", ["junk", "12.5", "99999999999999999999", "-3", "a hash"])
async def test_junk_in_place_of_the_number_of_claims_is_named_and_work_goes_on(
    quick: Stage, junk: str
) -> None:
    url = quick.bots[-1][2]
    before = alarms("fence_broken")
    with structlog.testing.capture_logs() as logs:
        if junk == "a hash":
            await quick.store.database.command("DEL", FENCE)
            await quick.store.database.command("HSET", FENCE, "a", "b")
        else:
            await quick.store.database.command("SET", FENCE, junk)
        await until(lambda: any(e["event"] == "fence_broken" for e in logs))
    assert alarms("fence_broken") > before
    await another_one_is_deleted(quick, "junk")
    async with aiohttp.ClientSession() as session:

        async def named() -> bool:
            async with session.get(f"{url}/readyz") as answer:
                return f"{FENCE} was written over" in await answer.text()

        await eventually(named)
    # A number that is smaller is also what a database that went back looks like.
    wrong = {"store_unavailable", *(() if junk == "-3" else ("store_went_back",))}
    assert not [e for e in logs if e["event"] in wrong]
