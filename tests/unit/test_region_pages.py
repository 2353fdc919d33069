"""Connections that many wait for are read by pages, where that costs fewer calls."""

import asyncio
from statistics import mean

import pytest
from builders import REGION

from bot.errors import AlibabaError, OutcomeUnknown
from bot.execution.region_pages import DEMAND_SECONDS, UNKNOWN_COST, RegionPages
from bot.lifecycle.proof import FIRST_POLL, expected, next_poll
from bot.models import Connection, RouteList

AGE = 0.75
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


async def test_of_many_who_said_when_they_come_the_first_reads_pages(
    region: Region, pages: RegionPages
) -> None:
    delays = [pages.again(REGION, name, region.now, 6.0) for name in NAMES]
    region.now += delays[-1] - 0.2
    await read(pages, *NAMES)
    assert region.calls == ["pages"]


async def test_a_few_come_again_exactly_when_they_want_and_many_at_the_same_moments(
    pages: RegionPages,
) -> None:
    moments = [n / 10 + pages.again(REGION, name, n / 10, 5.0) for n, name in enumerate(NAMES)]
    alone = UNKNOWN_COST + 1
    assert moments[:alone] == pytest.approx([5.0 + n / 10 for n in range(alone)])
    assert set(moments[alone:]) == {4.5, 6.0}


async def test_who_said_that_they_come_and_did_not_make_no_pages_worth_reading(
    region: Region, pages: RegionPages
) -> None:
    for name in NAMES[1:]:
        pages.again(REGION, name, region.now, 5.0)
    await read(pages, NAMES[0])
    region.now += 6.0 + DEMAND_SECONDS + 0.1
    assert pages.again(REGION, NAMES[0], 0.1, 5.0) == 5.0
    await read(pages, NAMES[0])
    assert region.calls == [NAMES[0]] * 2


async def test_ten_that_are_watched_at_once_cost_a_call_each_and_their_ends_are_seen_soon(
    region: Region, pages: RegionPages
) -> None:
    """Sent within two seconds, for tasks of twelve to twenty, as such tasks took before."""
    earlier = expected([12.0 + 8 * (n + 0.5) / 20 for n in range(20)])
    due = {name: region.now + 0.2 * n for n, name in enumerate(NAMES)}
    sent, late = dict[str, float](), []
    while due:
        name = min(due, key=lambda one: due[one])
        region.now = max(region.now, due.pop(name)) + 0.02
        if name not in sent:
            sent[name] = region.now
            due[name] = region.now + pages.again(REGION, name, region.now, FIRST_POLL)
            continue
        await pages.connection(REGION, name, age=AGE)
        passed = region.now - sent[name]
        took = 12.4 + 8 * (NAMES.index(name) * 7 % 10) / 10
        if passed > took:
            late.append(passed - took)
            continue
        delay = next_poll(passed, 600.0, earlier)
        due[name] = region.now + pages.again(REGION, name, region.now, delay)
    assert len(region.calls) <= len(NAMES)
    assert mean(late) < 0.75


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
