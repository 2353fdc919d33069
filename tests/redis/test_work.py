"""What is due, who has claimed it, and for how long: the heart of the worker.

The clock stands still unless a test moves it. Everything holds as well when every script
arrives twice, because its first reply was lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from databases import Twice, claimed, database, number, set_clock

from bot.config.redis_url import parse
from bot.errors import StaleFence, StoreUnavailable
from bot.store import Claim, Database, Work
from bot.store.client import CLAIMS, Script
from bot.store.connect import connect
from bot.store.turn import Allowed, End
from bot.store.work import Idle


async def test_nothing_planned_is_idle_without_a_time(work: Work) -> None:
    assert await work.claim(30) == Idle(None)


async def test_what_is_due_longest_is_claimed_first(db: Database, work: Work) -> None:
    for item, at in (("run:b", 998.0), ("run:a", 999.0), ("tell:c", 997.0)):
        set_clock(db, at)
        await work.wake(item)
    set_clock(db, 1000.0)
    assert [(await claimed(work)).item for _ in range(3)] == ["tell:c", "run:b", "run:a"]


async def test_a_claim_says_what_it_is_about_and_until_when(work: Work) -> None:
    await work.wake("run:r-1")
    claim = await claimed(work, lease=30)
    assert (claim.kind, claim.id, claim.tries) == ("run", "r-1", 1)
    assert (claim.now, claim.until) == (1000.0, 1030.0)


async def test_what_is_claimed_is_left_alone_until_its_lease_ends(db: Database, work: Work) -> None:
    await work.wake("run:r-1")
    first = await claimed(work, lease=30)
    assert await work.claim(30) == Idle(30.0)
    set_clock(db, 1029.9)
    assert isinstance(await work.claim(30), Idle)
    set_clock(db, 1030.0)
    second = await claimed(work)
    assert second.item == first.item
    assert number(second) > number(first)


async def test_ending_with_an_old_fence_is_refused(db: Database, work: Work) -> None:
    await work.wake("run:r-1")
    late = await claimed(work, lease=30)
    set_clock(db, 1030.0)
    current = await claimed(work, lease=30)
    with pytest.raises(StaleFence):
        await work.done(late, None)
    # The one who holds it is not disturbed.
    assert isinstance(await work.claim(30), Idle)
    await work.done(current, None)
    assert await work.claim(30) == Idle(None)


async def test_a_claim_that_nobody_took_over_can_still_be_ended_after_its_lease(
    db: Database, work: Work
) -> None:
    await work.wake("run:r-1")
    late = await claimed(work, lease=30)
    set_clock(db, 1040.0)
    await work.done(late, None)
    assert await work.claim(30) == Idle(None)


async def test_a_late_end_changes_nothing_of_what_others_have_ended(
    db: Database, work: Work
) -> None:
    await work.wake("run:r-1")
    late = await claimed(work, lease=30)
    set_clock(db, 1030.0)
    await work.done(await claimed(work), 1090.0)
    with pytest.raises(StaleFence):
        await work.done(late, None)
    assert await work.claim(30) == Idle(60.0)


async def test_an_item_looks_again_when_its_step_said_so(db: Database, work: Work) -> None:
    await work.wake("run:r-1")
    await work.done(await claimed(work), 1012.5)
    assert await work.claim(30) == Idle(12.5)
    set_clock(db, 1012.5)
    assert (await claimed(work)).item == "run:r-1"


async def test_an_idle_item_is_due_as_soon_as_it_is_woken(work: Work) -> None:
    await work.wake("run:r-1")
    await work.done(await claimed(work), 5000.0)
    await work.wake("run:r-1")
    assert (await claimed(work)).item == "run:r-1"


@pytest.mark.parametrize("again_at", [None, 5000.0])
async def test_what_is_woken_during_a_step_runs_again_right_after_it(
    work: Work, again_at: float | None
) -> None:
    await work.wake("run:r-1")
    step = await claimed(work, lease=30)
    await work.wake("run:r-1")
    assert isinstance(await work.claim(30), Idle), "nobody works on it twice at once"
    await work.done(step, again_at)
    await work.done(await claimed(work), again_at)
    # And only once.
    assert isinstance(await work.claim(30), Idle)


async def test_tries_count_claims_that_were_never_ended(db: Database, work: Work) -> None:
    await work.wake("run:r-1")
    for crashes in range(3):
        set_clock(db, 1000.0 + 30 * crashes)
        assert (await claimed(work, lease=30)).tries == crashes + 1


async def test_tries_count_failed_steps_and_a_finished_one_starts_anew(work: Work) -> None:
    await work.wake("run:r-1")
    await work.done(await claimed(work), 1000.0, failed=True)
    second = await claimed(work)
    assert second.tries == 2
    await work.done(second, 1000.0)
    assert (await claimed(work)).tries == 1


async def test_of_many_claimers_no_two_hold_an_item_at_once(valkey_url: str) -> None:
    """By the server's own clock, with steps that outlive nothing."""
    async with database(valkey_url, now=0.0) as opened:
        work, items = Work(opened), {f"run:{n}" for n in range(5)}
        for item in items:
            await work.wake(item)
        holding: set[str] = set()
        done: list[str] = []

        async def worker() -> None:
            while len(done) < 200:
                claim = await work.claim(30)
                if isinstance(claim, Claim):
                    assert claim.item not in holding
                    holding.add(claim.item)
                    await work.wake(claim.item)  # somebody wakes it in the middle
                    done.append(claim.item)
                    holding.remove(claim.item)
                    await work.done(claim, None)

        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(worker())
        assert set(done) == items


async def test_replicas_agree_on_the_time_because_it_is_the_servers(valkey_url: str) -> None:
    async with database(valkey_url, now=0.0) as one, database(valkey_url, now=0.0) as other:
        first, second, third = await one.now(), await other.now(), await one.now()
        assert first <= second <= third


async def test_a_server_that_does_not_answer_is_a_store_error_without_its_text() -> None:
    async with database("redis://:hunter2@127.0.0.1:1/0") as opened:
        with pytest.raises(StoreUnavailable) as caught:
            await Work(opened).claim(30)
    assert str(caught.value) == "ConnectionError"


class Unheard(Twice):
    """A client that hears no reply, though the server does what it is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(connect(parse(url)))
        self.deaf = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own signature
        reply = await self._redis.execute_command(*args, **options)
        if self.deaf:
            raise ConnectionError
        return reply


async def test_after_a_turn_that_was_not_heard_of_what_it_claimed_is_given_back(
    valkey_url: str,
) -> None:
    redis = Unheard(valkey_url)
    db = Database(redis, now="1000.0")
    work = Work(db)
    await work.wake("inbox:a")
    await work.wake("run:a")
    ended = await claimed(work)
    redis.deaf = True
    with pytest.raises(StoreUnavailable):
        await work.turn(30, ended=[End(ended, None)])
    redis.deaf = False
    again = await claimed(work)
    assert (again.item, again.tries) == ("run:a", 1)
    assert await work.claim(30) == Idle(30.0)
    await db.close()


async def test_one_turn_ends_steps_and_begins_with_others(work: Work) -> None:
    await work.wake("run:r-1")
    await work.wake("tell:r-1")
    first = await work.turn(30)
    assert [c.item for c in first.claims] == ["run:r-1", "tell:r-1"]
    await work.wake("follow:r-1")
    ended = [End(first.claims[0], 1010.0), End(first.claims[1], None)]
    second = await work.turn(30, ended=ended)
    assert list(second.ended) == [1, 1]
    assert [c.item for c in second.claims] == ["follow:r-1"]
    await work.done(second.claims[0], None)
    assert await work.claim(30) == Idle(10.0)


async def test_of_steps_that_end_together_only_the_stale_one_is_told_so(
    db: Database, work: Work
) -> None:
    await work.wake("run:a")
    late = await claimed(work)
    set_clock(db, 1030.0)
    await work.wake("run:b")
    both = [await claimed(work), await claimed(work)]
    turn = await work.turn(30, ended=[End(late, None), *(End(c, None) for c in both)])
    assert list(turn.ended) == [0, 1, 1]
    assert await work.claim(30) == Idle(None)


async def test_a_turn_begins_no_more_than_there_is_room_for(work: Work) -> None:
    for n in range(12):
        await work.wake(f"home:{n:02}")
        await work.wake(f"run:{n:02}")
    turn = await work.turn(30, allowed=Allowed({"home": 2}))
    kinds = [c.kind for c in turn.claims]
    assert (kinds.count("home"), kinds.count("run"), turn.wait) == (2, 6, 0.0)
    assert [
        c.kind for c in (await work.turn(30, allowed=Allowed({"home": 0}, most=16))).claims
    ] == ["run"] * 6


async def test_of_a_kind_that_a_turn_begins_one_of_the_next_turn_is_wanted_for_others_alone(
    work: Work,
) -> None:
    for item in ("tell:a", "tell:b", "run:a"):
        await work.wake(item)
    first = await work.turn(30, allowed=Allowed(each={"tell": 1}))
    assert ([c.item for c in first.claims], first.wait) == (["run:a", "tell:a"], 0.0)
    second = await work.turn(30, allowed=Allowed(each={"tell": 1}))
    assert ([c.item for c in second.claims], second.wait) == (["tell:b"], 30.0)
    await work.wake("tell:c")
    full = await work.turn(30, allowed=Allowed({"tell": 0}, each={"tell": 1}))
    assert (full.claims, full.wait) == ([], 30.0)


async def test_an_item_that_ends_may_begin_again_in_the_same_turn(work: Work) -> None:
    await work.wake("run:r-1")
    step = await claimed(work)
    turn = await work.turn(30, ended=[End(step, 1000.0)])
    assert [c.item for c in turn.claims] == ["run:r-1"]
    assert number(turn.claims[0]) > number(step)


@pytest.mark.parametrize("again_at", [None, 5000.0])
async def test_what_is_woken_after_a_lease_runs_again_though_the_late_step_ends(
    db: Database, work: Work, again_at: float | None
) -> None:
    await work.wake("run:r-1")
    late = await claimed(work, lease=30)
    set_clock(db, 1040.0)
    await work.wake("run:r-1")
    await work.done(late, again_at)
    assert (await claimed(work)).item == "run:r-1"


async def test_what_a_step_plans_goes_back_with_the_clock_that_it_was_planned_by(
    db: Database, work: Work
) -> None:
    await work.wake("run:r-1")
    step = await claimed(work, lease=30)
    set_clock(db, 500.0)
    assert isinstance(await work.claim(30), Idle)
    await work.done(step, step.now + 10)
    assert await work.claim(30) == Idle(10.0)


class Failing(Database):
    """Loses the answer to a turn, or the turn itself; and what else a test says."""

    def __init__(self, opened: Database) -> None:
        super().__init__(opened._redis, now=opened.fixed_now)  # noqa: SLF001 - the same connection
        self.answers_lost = self.sends_lost = 0
        self.held: list[Callable[[], Awaitable[object]]] = []

    async def run(self, script: Script, keys: Sequence[str], *args: str | float) -> object:
        run = partial(super().run, script, keys, *args)
        if self.sends_lost:
            self.sends_lost -= 1
            self.held.append(run)
            raise StoreUnavailable("TimeoutError")
        reply = await run()
        if self.answers_lost:
            self.answers_lost -= 1
            raise StoreUnavailable("TimeoutError")
        return reply


async def test_what_a_turn_claimed_whose_answer_was_lost_is_given_back_though_that_fails_at_first(
    db: Database,
) -> None:
    failing = Failing(db)
    work = Work(failing)
    for n in range(3):
        await work.wake(f"run:{n}")
    failing.answers_lost = 1
    with pytest.raises(StoreUnavailable):
        await work.turn(30)

    async def fails_at_the_second(claim: Claim, again_at: float) -> bool:
        if claim.item == "run:1":
            del work.give_back  # once
            raise StoreUnavailable("TimeoutError")
        return await Work.give_back(work, claim, again_at)

    work.give_back = fails_at_the_second  # type: ignore[method-assign] # fails in between
    with pytest.raises(StoreUnavailable):
        await work.turn(30)
    assert [c.item for c in (await work.turn(30)).claims] == ["run:0", "run:1", "run:2"]


async def test_a_turn_that_comes_late_claims_nothing_for_nobody(db: Database) -> None:
    """It was held up on its way, and its worker has asked meanwhile what it had done."""
    failing = Failing(db)
    work = Work(failing)
    await work.wake("run:r-1")
    failing.sends_lost = 1
    with pytest.raises(StoreUnavailable):
        await work.turn(30)
    assert not (await work.turn(30, allowed=Allowed(most=0))).claims
    await failing.held[0]()
    assert (await claimed(work)).item == "run:r-1"


@pytest.mark.parametrize("field", ["clock", "lease:run:r-1", "tries:run:r-1"])
async def test_what_somebody_wrote_over_a_number_of_a_claim_stops_nobody(
    db: Database, work: Work, field: str
) -> None:
    await db.command("HSET", CLAIMS, field, "somebody's")
    await work.wake("run:r-1")
    await work.wake("run:r-2")
    turn = await work.turn(30)
    assert [(c.item, c.tries) for c in turn.claims] == [("run:r-1", 1), ("run:r-2", 1)]
    await db.command("HSET", CLAIMS, field, "somebody's")
    await work.wake("run:r-1")
    for claim in turn.claims:
        assert await work.give_back(claim, 1001.0)
