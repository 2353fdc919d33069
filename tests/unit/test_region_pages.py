"""Connections that many wait for are read by pages, where that costs fewer calls."""

import asyncio

import pytest
from builders import REGION

from bot.errors import AlibabaError, OutcomeUnknown
from bot.execution.region_pages import DEMAND_SECONDS, UNKNOWN_COST, RegionPages
from bot.models import Connection, RouteList

AGE = 0.5
NAMES = [f"vco-{n}" for n in range(10)]


class Region:
    """A region that counts what it is asked, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.state = "updating"
        self.calls: list[str] = []
        self.missing: set[str] = set()
        self.error: AlibabaError | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        assert region == REGION
        self.calls.append(vpn_connection_id)
        return Connection(region=REGION, vpn_connection_id=vpn_connection_id, state=self.state)

    async def connections(self, region: str) -> tuple[Connection, ...]:
        assert region == REGION
        self.calls.append("pages")
        if self.error:
            raise self.error
        state = self.state
        await self.gate.wait()
        there = [name for name in NAMES if name not in self.missing]
        return tuple(
            Connection(region=REGION, vpn_connection_id=name, state=state) for name in there
        )

    async def routes(self, region: str, vpn_connection_id: str, *, bgp: bool = True) -> RouteList:
        raise AssertionError((region, vpn_connection_id, bgp))


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.fixture
def pages(region: Region) -> RegionPages:
    return RegionPages(region, lambda: region.now)


async def read(pages: RegionPages, *names: str, age: float = AGE) -> list[str]:
    found = await asyncio.gather(*(pages.connection(REGION, name, age=age) for name in names))
    assert [one.vpn_connection_id for one in found] == list(names)
    return [one.state for one in found]


async def test_a_few_are_read_one_by_one(region: Region, pages: RegionPages) -> None:
    few = NAMES[:UNKNOWN_COST]
    await read(pages, *few)
    assert region.calls == few


async def test_many_are_read_together(region: Region, pages: RegionPages) -> None:
    await read(pages, *NAMES)
    region.now += DEMAND_SECONDS
    region.calls.clear()
    await read(pages, *NAMES)
    # One before it is known that there are more: the pages of ten connections are one call.
    assert region.calls.count("pages") == 1
    assert len(region.calls) <= 2


async def test_nobody_finds_the_same_reading_twice(region: Region, pages: RegionPages) -> None:
    await read(pages, *NAMES)
    await read(pages, *NAMES)
    region.calls.clear()
    region.state = "attached"
    assert await read(pages, NAMES[0]) == ["attached"]
    assert region.calls


async def test_what_is_older_than_allowed_is_read_anew(region: Region, pages: RegionPages) -> None:
    await read(pages, *NAMES[:5])
    region.now += AGE + 0.1
    region.state = "attached"
    assert set(await read(pages, *NAMES[5:])) == {"attached"}


async def test_a_reading_under_way_that_is_too_old_is_not_waited_for(
    region: Region, pages: RegionPages
) -> None:
    region.gate.clear()
    slow = asyncio.create_task(read(pages, *NAMES[:5]))
    while "pages" not in region.calls:
        await asyncio.sleep(0)
    region.now += AGE + 0.1
    region.state = "attached"
    late = asyncio.create_task(read(pages, *NAMES[5:]))
    await asyncio.sleep(0)
    region.gate.set()
    assert set(await late) == {"attached"}
    await slow


async def test_one_that_is_on_no_page_is_read_by_itself(region: Region, pages: RegionPages) -> None:
    region.missing.add(NAMES[9])
    await read(pages, *NAMES)
    assert region.calls.count(NAMES[9]) == 1


async def test_where_pages_can_not_be_read_each_is_read_by_itself(
    region: Region, pages: RegionPages
) -> None:
    region.error = OutcomeUnknown("Answer.Unreliable", meaning="They do not fit together.")
    await read(pages, *NAMES)
    region.calls.clear()
    await read(pages, *NAMES)
    assert region.calls == NAMES
