"""The worker: claims what is due and has its step done, whatever the steps do.

The clock of the database stands still and is moved by the tests; the worker, the store and
the server are real. A handler here is a few lines that record what they were asked to do.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from chaos.proxy import Loss, RedisProxy
from databases import claimed, database, set_clock
from prometheus_client import generate_latest
from waiting import until

from bot.errors import StoreUnavailable, Unreadable
from bot.execution.worker import MAX_TRIES, Handler, Worker
from bot.metrics import REGISTRY
from bot.sandbox.valkey import EmbeddedValkey
from bot.store import Claim, Database, Work
from bot.store.client import CLAIMS, DUE, Script
from bot.store.work import Idle

PROBE = "~probe"
"""A kind of item that, of those due at one moment, is claimed last."""

_DUE_AND_CLAIMS = Script(
    "return {redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1]), redis.call('HKEYS', KEYS[2])}"
)

Step = Callable[[Claim], Awaitable[float | None]]


class Recorded:
    """A handler made of one function; remembers its claims and whether it gave up."""

    def __init__(self, step: Step | None = None) -> None:
        self._step = step
        self.claims: list[Claim] = []
        self.given_up: list[Claim] = []
        self.lost_claims: list[str] = []

    async def step(self, claim: Claim) -> float | None:
        self.claims.append(claim)
        return await self._step(claim) if self._step else None

    async def lost(self, claim: Claim) -> None:
        self.lost_claims.append(claim.item)

    async def give_up(self, claim: Claim) -> float | None:
        self.given_up.append(claim)
        return None


class Playing:
    """A worker that runs, and the clock that its items are due by."""

    def __init__(self, opened: Database, worker: Worker, probe: Recorded) -> None:
        self.db = opened
        self.work = Work(opened)
        self.worker = worker
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(worker.run(self.stop))
        self._probe = probe

    async def wake(self, item: str) -> None:
        await self.work.wake(item)
        self.worker.wake()

    async def at(self, now: float, *, unended: int = 0) -> None:
        """Let the steps in hand end, move the clock, and have all done that is due by then.

        `unended`: how many steps are left that will not end.
        """
        await self._settle(unended)
        set_clock(self.db, now)
        await self._settle(unended)

    async def _settle(self, unended: int) -> None:
        seen = len(self._probe.claims)
        await self.wake(f"{PROBE}:")
        async with asyncio.timeout(60):
            while len(self._probe.claims) == seen or await self._busy(unended):
                await asyncio.sleep(0)

    async def _busy(self, unended: int) -> bool:
        due, claims = await self.db.run(_DUE_AND_CLAIMS, (DUE, CLAIMS), self.db.fixed_now)
        in_hand = sum(field.startswith("fence:") for field in claims)
        # Behind steps that do not end, more of their kind can be due.
        return in_hand != unended or (not unended and bool(due))


@pytest_asyncio.fixture
async def db(valkey_url: str) -> AsyncIterator[Database]:
    async with database(valkey_url) as opened:
        yield opened


@asynccontextmanager
async def playing(
    db: Database,
    *,
    lease: float = 30.0,
    workers: int = 16,
    concurrency: Mapping[str, int] | None = None,
    **handlers: Handler,
) -> AsyncIterator[Playing]:
    probe = Recorded()
    worker = Worker(
        Work(db),
        {**handlers, PROBE: probe},
        lease=lease,
        default_concurrency=workers,
        concurrency=concurrency or {},
    )
    play = Playing(db, worker, probe)
    try:
        yield play
    finally:
        play.stop.set()
        await asyncio.wait_for(play.task, 10)


async def fails(_: Claim) -> float | None:
    raise RuntimeError("a fault of ours")


async def test_what_is_due_is_done_once_by_the_handler_of_its_kind(db: Database) -> None:
    run, tell = Recorded(), Recorded()
    async with playing(db, run=run, tell=tell) as play:
        await play.wake("run:r-1")
        await play.wake("tell:r-1")
        await play.at(1100.0)
    assert [c.item for c in run.claims] == ["run:r-1"]
    assert [c.item for c in tell.claims] == ["tell:r-1"]
    assert await play.work.claim(30) == Idle(None)


async def test_a_step_says_when_to_look_again(db: Database) -> None:
    async def every_ten_seconds(claim: Claim) -> float | None:
        return claim.now + 10

    run = Recorded(every_ten_seconds)
    async with playing(db, run=run) as play:
        await play.wake("run:r-1")
        for now in (1005.0, 1010.0, 1015.0, 1020.0):
            await play.at(now)
    assert [c.now for c in run.claims] == [1000.0, 1010.0, 1020.0]


async def test_a_step_that_keeps_failing_is_tried_ever_later_and_then_given_up(
    db: Database,
) -> None:
    run = Recorded(fails)
    async with playing(db, run=run) as play:
        await play.wake("run:r-1")
        for second in range(1, 16 * MAX_TRIES):
            await play.at(1000.0 + second)
    times = [c.now for c in [*run.claims, *run.given_up]]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [1, 2, 4, 8, *[15] * (MAX_TRIES - 4)]
    assert len(run.claims) == MAX_TRIES
    assert await play.work.claim(30) == Idle(None), "given up is over"


async def test_giving_up_may_fail_as_well_and_is_tried_again_later(db: Database) -> None:
    class Hopeless(Recorded):
        async def give_up(self, claim: Claim) -> float | None:
            await super().give_up(claim)
            if len(self.given_up) == 1:
                raise RuntimeError("not even that")
            return None

    run = Hopeless(fails)
    async with playing(db, run=run) as play:
        await play.wake("run:r-1")
        for minute in range(1, MAX_TRIES + 3):
            await play.at(1000.0 + 61 * minute)
    assert len(run.claims) == MAX_TRIES
    assert len(run.given_up) == 2


async def test_a_success_in_between_starts_the_count_anew(db: Database) -> None:
    async def every_other_time(claim: Claim) -> float | None:
        if claim.tries == 1:
            raise RuntimeError("once")
        return claim.now

    run = Recorded(every_other_time)
    async with playing(db, run=run) as play:
        await play.wake("run:r-1")
        for second in range(3 * MAX_TRIES):
            await play.at(1001.0 + second)
    assert len(run.claims) > 2 * MAX_TRIES
    assert not run.given_up


async def test_one_failing_item_does_not_stop_the_others(db: Database) -> None:
    bad, good = Recorded(fails), Recorded()
    async with playing(db, workers=1, bad=bad, good=good) as play:
        for n in range(5):
            await play.wake(f"bad:{n}")
            await play.wake(f"good:{n}")
        await play.at(1000.5)
    assert len(bad.claims) == len(good.claims) == 5


async def test_a_step_that_would_outlive_its_lease_is_cut_off_before_it_ends(
    db: Database,
) -> None:
    cut_off: list[float] = []

    async def hangs(_: Claim) -> float | None:
        begun = time.monotonic()
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.append(time.monotonic() - begun)
        return None

    run = Recorded(hangs)
    async with playing(db, lease=0.5, run=run) as play:
        await play.wake("run:r-1")
        await until(lambda: bool(cut_off))
        assert cut_off[0] >= 0.39
        await play.at(1010.0)
        await until(lambda: len(run.claims) == 2)
    assert run.claims[1].tries == 2


async def test_a_kind_that_this_version_does_not_know_is_left_to_a_newer_one(
    db: Database,
) -> None:
    async with playing(db) as play:
        await play.wake("restore:r-1")
        await play.at(1030.0)
    set_clock(db, 1059.0)
    assert await play.work.claim(30) == Idle(1.0), "kept, and looked at once a minute"


async def test_a_claim_whose_step_met_an_outage_is_given_back_and_nothing_wears_out(
    db: Database,
) -> None:
    outage = True

    async def step(_: Claim) -> float | None:
        if outage:
            raise StoreUnavailable("ConnectionError")
        return None

    run = Recorded(step)
    async with playing(db, lease=30, run=run) as play:
        await play.wake("run:r-1")
        for number in range(1, 4):
            await play.at(1000.0 + number)
        outage = False
        await play.at(1004.0)
    assert [c.now for c in run.claims] == [1000.0, 1001.0, 1002.0, 1003.0, 1004.0]
    assert {c.tries for c in run.claims} == {1}


@pytest.mark.parametrize("lost", ["the end of a step", "a claim"])
async def test_a_hiccup_of_the_store_costs_a_second_and_no_lease(
    valkey_url: str, lost: str
) -> None:
    """The network to the store is cut for a second while a lease of half a minute runs."""
    proxy = RedisProxy(lambda: urlsplit(valkey_url).port or 0)
    await proxy.start()
    begun, go = asyncio.Event(), asyncio.Event()

    async def step(_: Claim) -> float | None:
        begun.set()
        await go.wait()
        return None

    run = Recorded(step)
    try:
        async with database(proxy.url, now=0.0) as db, playing(db, lease=30, run=run) as play:
            if lost == "a claim":
                go.set()
                proxy.lose(Loss(b"run:r-1", times=99))
                proxy.lose(Loss(b"receipt", times=99))
            async with database(valkey_url, now=0.0) as beside:
                await Work(beside).wake("run:r-1")
                play.worker.wake()
                if lost == "the end of a step":
                    await begun.wait()
                    proxy.lose(Loss(b"", times=999))
                    go.set()
                await asyncio.sleep(1.0)  # the outage
                proxy.calm()
                back = time.monotonic()
                async with asyncio.timeout(60):
                    while await beside.run(_DUE_AND_CLAIMS, (DUE, CLAIMS), "+inf") != [
                        0,
                        ["clock"],
                    ]:
                        await asyncio.sleep(0.02)
                assert time.monotonic() - back < 5.0
            assert run.claims
    finally:
        await proxy.close()


async def test_what_this_version_can_not_read_is_put_off_and_never_given_up(db: Database) -> None:
    """In a rolling upgrade, a replica of the other version can: it must not find it worn out."""
    readable = False

    async def step(_: Claim) -> float | None:
        if not readable:
            raise Unreadable("request r-1 can't be read by this version")
        return None

    run = Recorded(step)
    async with playing(db, lease=30, run=run) as play:
        await play.wake("run:r-1")
        for number in range(1, 2 * MAX_TRIES):
            await play.at(1000.0 + 15.0 * number)
        readable = True
        await play.at(1000.0 + 15.0 * 2 * MAX_TRIES)
    assert len(run.claims) == 2 * MAX_TRIES + 1
    assert run.given_up == []
    assert {claim.tries for claim in run.claims} == {1}


async def test_whoever_lost_the_claim_leaves_the_item_to_its_new_holder(db: Database) -> None:
    release = asyncio.Event()

    async def slow(_: Claim) -> float | None:
        await release.wait()
        return None

    run = Recorded(slow)
    # One worker: while it is busy, only another replica can take over.
    async with playing(db, lease=30, workers=1, run=run) as play:
        await play.wake("run:r-1")
        await until(lambda: len(run.claims) == 1)
        set_clock(db, 1030.0)
        taken = await claimed(play.work, lease=30)
        release.set()
    assert await play.work.claim(30) == Idle(30.0), "not disturbed by the late end"
    await play.work.done(taken, None)
    assert await play.work.claim(30) == Idle(None)


@pytest.mark.parametrize("workers", [1, 16], ids=["all busy", "most idle"])
async def test_stopping_finishes_the_steps_in_hand_and_takes_no_more(
    db: Database, workers: int
) -> None:
    release = asyncio.Event()

    async def slow(_: Claim) -> float | None:
        await release.wait()
        return None

    run = Recorded(slow)
    async with playing(db, workers=workers, run=run) as play:
        await play.wake("run:r-1")
        await until(lambda: len(run.claims) == 1)
        play.stop.set()
        done, _ = await asyncio.wait({play.task}, timeout=0.1)
        assert not done, "it waits for the step"
        await play.wake("run:r-2")
        release.set()
        await play.task
    assert [c.item for c in run.claims] == ["run:r-1"]
    assert (await claimed(play.work)).item == "run:r-2"


async def test_a_nudge_makes_new_work_immediate(valkey_url: str) -> None:
    """An idle worker looks once a second; ten woken items take far less than ten seconds."""
    run = Recorded()
    async with database(valkey_url, now=0.0) as db, playing(db, run=run) as play:
        begun = time.monotonic()
        for n in range(10):
            await play.wake(f"run:{n}")
            await until(lambda: len(run.claims) == n + 1)  # noqa: B023 - awaited right here
        assert time.monotonic() - begun < 5


async def test_what_is_planned_begins_on_time(valkey_url: str) -> None:
    """Twenty steps a twentieth of a second apart take about one second, not twenty."""

    async def soon_again(claim: Claim) -> float | None:
        return claim.now + 0.05 if len(run.claims) < 20 else None

    run = Recorded(soon_again)
    async with database(valkey_url, now=0.0) as db, playing(db, run=run) as play:
        begun = time.monotonic()
        await play.wake("run:r-1")
        await until(lambda: len(run.claims) == 20)
        assert 0.9 < time.monotonic() - begun < 8


async def test_other_replicas_work_is_found_without_a_nudge(valkey_url: str) -> None:
    run = Recorded()
    async with database(valkey_url, now=0.0) as db, playing(db, run=run) as play:
        await until(lambda: not play.task.done())
        await play.work.wake("run:r-1")
        await until(lambda: len(run.claims) == 1)


async def test_steps_that_hang_keep_no_other_kind_waiting(db: Database) -> None:
    """Forty pages hang and were due before it: the deletion is done all the same."""
    release = asyncio.Event()

    async def hangs(_: Claim) -> float | None:
        await release.wait()
        return None

    run, home = Recorded(), Recorded(hangs)
    async with playing(db, concurrency={"home": 8}, run=run, home=home) as play:
        for n in range(40):
            await play.wake(f"home:{n:02}")
        await play.at(1001.0, unended=8)
        await play.wake("run:r-1")
        await play.at(1002.0, unended=8)
        assert [c.item for c in run.claims] == ["run:r-1"]
        assert len(home.claims) == 8
        release.set()
        await play.at(1003.0)
    assert [c.id for c in home.claims] == [f"{n:02}" for n in range(40)], "in their order"
    assert {c.tries for c in home.claims} == {1}, "none was claimed in vain"


async def test_what_finds_no_place_here_is_done_by_a_replica_that_has_one(db: Database) -> None:
    release = asyncio.Event()

    async def hangs(_: Claim) -> float | None:
        await release.wait()
        return None

    home, elsewhere = Recorded(hangs), Recorded()
    async with playing(db, concurrency={"home": 1}, home=home) as play:
        await play.wake("home:a")
        await play.wake("home:b")
        await play.at(1001.0, unended=1)
        async with playing(db, home=elsewhere):
            await until(lambda: bool(elsewhere.claims))
        release.set()
    assert [c.id for c in home.claims] == ["a"]
    assert [c.id for c in elsewhere.claims] == ["b"]


async def test_no_more_steps_of_a_kind_run_at_once_than_there_are_workers(db: Database) -> None:
    running, most = 0, 0
    release = asyncio.Event()

    async def counted(_: Claim) -> float | None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return None

    run = Recorded(counted)
    async with playing(db, workers=3, run=run) as play:
        for n in range(9):
            await play.wake(f"run:{n}")
        await until(lambda: running == 3)
        release.set()
        await until(lambda: len(run.claims) == 9)
    assert most == 3


async def test_an_engine_outlives_its_database() -> None:
    run = Recorded()
    async with (
        EmbeddedValkey() as server,
        database(server.url, now=0.0) as db,
        playing(db, run=run) as play,
    ):
        await play.wake("run:before")
        await until(lambda: len(run.claims) == 1)
        await server.kill()
        play.worker.wake()
        for _ in range(2):  # as long as it takes the worker to notice
            with pytest.raises(StoreUnavailable):
                await play.wake("run:lost")
        await server.start()
        await play.wake("run:after")
        await until(lambda: len(run.claims) == 2)
    assert run.claims[1].item == "run:after"


@pytest.mark.parametrize("away", [False, True], ids=["it ended", "the store was away"])
async def test_whoever_wakes_up_after_its_claim_was_taken_over_is_told_so(
    db: Database, *, away: bool
) -> None:
    """A stopped process that comes back may just have done something late, outside the store."""
    stopped = asyncio.Event()

    async def stops_once(_: Claim) -> float | None:
        if len(run.claims) == 1:
            await stopped.wait()
            if away:
                raise StoreUnavailable("ConnectionError")
        return None

    run = Recorded(stops_once)
    async with playing(db, run=run) as play:
        await play.wake("run:r-1")
        await until(lambda: len(run.claims) == 1)
        set_clock(db, 1031.0)
        play.worker.wake()
        await until(lambda: len(run.claims) == 2)
        stopped.set()
        await until(lambda: run.lost_claims == ["run:r-1"])
    assert len(run.claims) == 2


@pytest.mark.parametrize("item", ["\udcff\udcfe:x", "run:\udcff"])
async def test_an_item_that_is_no_utf8_stops_nobody(db: Database, item: str) -> None:
    run = Recorded()
    async with playing(db, run=run) as play:
        await db.command("ZADD", DUE, 900.0, item)
        await play.wake("run:r-1")
        await until(lambda: play.task.done() or "run:r-1" in [c.item for c in run.claims])
        await play.wake("run:r-2")
        await until(lambda: play.task.done() or "run:r-2" in [c.item for c in run.claims])
        assert not play.task.done()
    assert generate_latest(REGISTRY), "and the metrics can be read"


async def test_a_worker_that_was_woken_waits_all_the_same_for_its_last_steps(db: Database) -> None:
    release = asyncio.Event()

    async def slow(_: Claim) -> float | None:
        await release.wait()
        return None

    run, begun = Recorded(slow), 0

    def counted(loop: asyncio.AbstractEventLoop, do: Any, **more: Any) -> asyncio.Task[Any]:  # noqa: ANN401 - asyncio's own signature
        nonlocal begun
        begun += 1
        return asyncio.Task(do, loop=loop, **more)

    async with playing(db, run=run) as play:
        await play.wake("run:r-1")
        await until(lambda: len(run.claims) == 1)
        play.stop.set()
        await asyncio.sleep(0)
        play.worker.wake()
        loop = asyncio.get_running_loop()
        loop.set_task_factory(counted)
        for _ in range(1000):
            await asyncio.sleep(0)
        loop.set_task_factory(None)
        release.set()
    assert begun < 100
