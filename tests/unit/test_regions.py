"""The concurrency limit of each region: a step waits a moment for room, and then comes again."""

import asyncio
from contextlib import AsyncExitStack

from bot.execution.regions import Regions

MOST = 2


async def test_a_step_waits_until_another_one_makes_room() -> None:
    regions = Regions(MOST, wait=60.0)
    async with AsyncExitStack() as busy:
        for _ in range(MOST):
            assert await busy.enter_async_context(regions.room("cn-hangzhou"))
        third = regions.room("cn-hangzhou")
        waiting = asyncio.create_task(third.__aenter__())
        await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting
    await third.__aexit__(None, None, None)


async def test_a_region_that_stays_full_lets_its_steps_go_and_others_have_room() -> None:
    regions = Regions(MOST, wait=0.0)
    async with AsyncExitStack() as busy:
        for _ in range(MOST):
            assert await busy.enter_async_context(regions.room("cn-hangzhou"))
        async with regions.room("cn-hangzhou") as room:
            assert not room
        async with regions.room("ap-southeast-1") as elsewhere:
            assert elsewhere
    async with regions.room("cn-hangzhou") as room:
        assert room


async def test_where_one_has_waited_in_vain_nobody_waits_until_a_step_makes_room() -> None:
    """What waits keeps a place of the worker's from the other regions."""
    regions, clock = Regions(1, wait=0.2), asyncio.get_running_loop().time
    async with AsyncExitStack() as busy:
        assert await busy.enter_async_context(regions.room("cn-hangzhou"))
        async with regions.room("cn-hangzhou") as first:
            assert not first
        began = clock()
        for _ in range(20):
            async with regions.room("cn-hangzhou") as room:
                assert not room
        assert clock() - began < 20 * 0.2 / 2
    async with AsyncExitStack() as busy:
        assert await busy.enter_async_context(regions.room("cn-hangzhou"))
        began = clock()
        async with regions.room("cn-hangzhou") as waiting:
            assert not waiting
        assert clock() - began >= 0.2


async def test_a_step_that_is_given_up_takes_no_room() -> None:
    regions = Regions(1, wait=60.0)
    async with regions.room("cn-hangzhou"):
        waiting = asyncio.create_task(regions.room("cn-hangzhou").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
    async with regions.room("cn-hangzhou") as room:
        assert room
