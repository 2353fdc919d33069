"""Calls stay inside the vendor's quotas: by region, by call, over all replicas."""

from collections.abc import AsyncIterator
from itertools import count
from random import Random

import pytest
import pytest_asyncio
from builders import REGION, approved
from databases import database, set_clock
from msgspec.structs import replace

from bot.alibaba.errors import Call
from bot.errors import Throttled
from bot.execution.rate_limit import MARGIN, Quotas
from bot.models import Operation, Request
from bot.store import Database, Store

READ = Call(action="DescribeVcoRouteEntries", region=REGION)
WINDOW = 60 + MARGIN


@pytest_asyncio.fixture
async def db(valkey_url: str) -> AsyncIterator[Database]:
    async with database(valkey_url) as opened:
        set_clock(opened, 1000.0)
        yield opened


def quotas(db: Database, **changes: float) -> Quotas:
    return Quotas(Store(db).rate_limits, max_wait=0.0, **changes)  # type: ignore[arg-type] # numbers all


def request(number: int, **changes: object) -> Request:
    """One that was approved as the so-manieth."""
    made = replace(approved(), id=f"r-{number}", **changes)
    (decision,) = made.decisions
    return replace(made, decisions=(replace(decision, at=500.0 + number),))


async def placed(db: Database, *requests: Request, share: int = 90) -> list[float]:
    """How long each has to wait."""
    return [await quotas(db, share=share).reserve(one) for one in requests]


async def reads(quotas: Quotas, call: Call = READ) -> tuple[int, float]:
    """How many calls may be made at once, and how long the next one waits."""
    for number in count():
        try:
            await quotas.take(call)
        except Throttled as told:
            return number, told.retry_after or 0.0
    raise AssertionError


async def test_deletions_and_creations_have_a_quota_each_in_each_region(db: Database) -> None:
    assert await placed(db, *map(request, range(54))) == [0.0] * 54
    assert await placed(db, request(54)) == [WINDOW]
    assert await placed(db, request(55, operation=Operation.RESTORE)) == [0.0]
    assert await placed(db, request(56, region="eu-central-1")) == [0.0]


async def test_who_has_no_place_is_told_its_time_and_is_not_overtaken(db: Database) -> None:
    await placed(db, *map(request, range(6)), share=10)
    first, second = request(6), request(7)
    assert await placed(db, second, first, share=10) == [WINDOW, WINDOW]
    set_clock(db, 1000.0 + WINDOW - 1)
    assert await placed(db, *map(request, range(8, 12)), share=10) == [1.0] * 4
    # Six places become free; the seventh and later ones wait for the round after.
    assert await placed(db, request(12), share=10) == [1.0 + WINDOW]
    set_clock(db, 1000.0 + WINDOW)
    assert await placed(db, request(12), share=10) == [WINDOW]
    assert await placed(db, second, first, share=10) == [0.0, 0.0]


async def test_the_order_of_approval_is_kept_whoever_asks_first(db: Database) -> None:
    await placed(db, *map(request, range(6)), share=10)
    late = [request(n) for n in range(20, 26)]
    assert await placed(db, *late, share=10) == [WINDOW] * 6
    early = request(10)
    assert await placed(db, early, share=10) == [WINDOW]
    # The last of the others goes one round later for it.
    assert await placed(db, late[-1], share=10) == [2 * WINDOW]


async def test_who_never_comes_back_gives_their_place_up(db: Database) -> None:
    await placed(db, *map(request, range(6)), share=10)
    await placed(db, *map(request, range(6, 12)), share=10)
    set_clock(db, 1000.0 + WINDOW)
    assert await placed(db, request(12), share=10) == [WINDOW]
    set_clock(db, 1000.0 + WINDOW + 121)
    assert await placed(db, request(12), share=10) == [0.0]


async def test_a_place_that_was_taken_is_not_taken_twice_for_one_send(db: Database) -> None:
    await placed(db, *[request(1)] * 10, share=10)
    assert await placed(db, *map(request, range(2, 7)), share=10) == [0.0] * 5
    assert await placed(db, request(7), share=10) == [WINDOW]


@pytest.mark.parametrize("longest", [3, 15, 90])
async def test_no_window_has_more_changes_than_the_quota_however_hard_it_is_tried(
    db: Database, longest: int
) -> None:
    draw = Random(longest)  # noqa: S311 - the same draws each time
    now, times, numbers = 1000.0, [], count()
    waiting = [request(next(numbers)) for _ in range(8)]
    while now < 1000 + 6 * WINDOW:
        set_clock(db, now)
        for one in draw.sample(waiting, draw.randint(0, len(waiting))):
            if await quotas(db, share=10).reserve(one) == 0:
                times.append(now)
                waiting[waiting.index(one)] = request(next(numbers))
        now += draw.uniform(0, longest)
    most = max(sum(1 for t in times if start <= t < start + 60) for start in times)
    assert most <= 6
    assert len(times) > 12  # and it goes on


async def test_each_page_of_a_list_is_counted_as_it_is_read(db: Database) -> None:
    at_once, wait = await reads(quotas(db))
    assert at_once == 180
    assert 0 < wait < 1
    assert (await reads(quotas(db), replace(READ, action="DescribeVpnConnection")))[0] == 180
    assert (await reads(quotas(db), replace(READ, region="eu-central-1")))[0] == 180


async def test_no_minute_has_more_reads_than_the_quota(db: Database) -> None:
    times: list[float] = []
    for tick in range(0, 180, 3):
        set_clock(db, 1000.0 + tick)
        times += [1000.0 + tick] * (await reads(quotas(db)))[0]
    most = max(sum(1 for t in times if start <= t < start + 60) for start in set(times))
    assert most <= 540
    assert len(times) > 1000


async def test_background_work_leaves_half_to_people(db: Database) -> None:
    background = Quotas(Store(db).rate_limits, max_wait=0.0, background=True)
    assert (await reads(background))[0] == 90
    assert (await reads(quotas(db)))[0] == 90


async def test_a_read_waits_a_little_for_its_share(db: Database) -> None:
    await reads(quotas(db))
    db.fixed_now = ""  # the clock goes on
    await Quotas(Store(db).rate_limits, max_wait=5.0).take(READ)


async def test_what_the_vendor_refuses_pauses_that_action_there_for_all_replicas(
    db: Database,
) -> None:
    change = Call(action="DeleteVcoRouteEntry", region=REGION)
    await quotas(db).throttled(READ, 12.5)
    assert await reads(quotas(db)) == (0, 12.5)
    assert (await reads(quotas(db), replace(READ, action="DescribeVpnConnection")))[0] == 180
    assert (await reads(quotas(db), replace(READ, region="eu-central-1")))[0] == 180
    assert await placed(db, request(1)) == [0.0]
    await quotas(db).throttled(change, 30.0)
    assert await placed(db, request(2), request(3, operation=Operation.RESTORE)) == [30.0, 0.0]
    set_clock(db, 1012.6)
    assert (await reads(quotas(db)))[0] == 180
    set_clock(db, 1030.0)
    assert await placed(db, request(2)) == [0.0]
