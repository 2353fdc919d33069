"""The board that all Homes are made from: read once for many, the less often the longer it takes.

The clock is moved by reading itself, and by the tests.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping

import pytest
import pytest_asyncio
from builders import a_request
from databases import database

from bot.models import Person, Place
from bot.slack.app_home_rows import AppHomeReader
from bot.slack.messages.home_data import AppHomeData
from bot.slack.messages.replies import Row
from bot.store import CardState, Store

PARTS = 8
"""In how many parts a board is read."""


class Reading:
    """What a board is read from: each of its parts takes a while, and so does Slack."""

    def __init__(self, seconds: float, *, slack: float = 0.0) -> None:
        self.now = 100.0
        self.times: list[float] = []
        self._seconds = seconds
        self._slack = slack
        self._parts = 0

    def __call__(self) -> float:
        return self.now

    async def rows(self, _: Iterable[str]) -> tuple[list[Row], list[str]]:
        if self._parts % PARTS == 0:
            self.times.append(self.now - 100.0)
        self._parts += 1
        self.now += self._seconds / PARTS
        return ([(a_request(), CardState())], []) if self._parts % PARTS == 1 else ([], [])

    async def members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        self.now += self._slack
        return dict.fromkeys(group_ids, ())

    async def confirmed_members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        return await self.members(group_ids)

    async def home_team(self) -> str:
        return ""

    async def person(self, _: str) -> Person | None:
        return None

    async def place(self, _: str) -> Place | None:
        return None


@pytest_asyncio.fixture
async def store(valkey_url: str) -> AsyncIterator[Store]:
    async with database(valkey_url) as opened:
        yield Store(opened)


def home_reader(store: Store, reading: Reading) -> AppHomeReader:
    return AppHomeReader(store, reading, reading.rows, reading)


async def read(of: AppHomeReader, changes: int) -> tuple[AppHomeData, float]:
    board, outdated = await of.read(changes, 1000.0)
    assert board.rows, "there is always something to show"
    return board, outdated


async def test_it_is_shared_for_a_moment_by_all_who_know_of_the_same_changes(store: Store) -> None:
    reading = Reading(0.0)
    of = home_reader(store, reading)
    first, _ = await read(of, 1)
    reading.now += 1.9
    assert await read(of, 1) == (first, 0.0)
    reading.now += 0.1
    await read(of, 1)
    assert reading.times == [0.0, 2.0]


async def test_it_is_read_anew_at_once_when_something_has_changed(store: Store) -> None:
    reading = Reading(0.0)
    of = home_reader(store, reading)
    for changes in (1, 2, 3):
        assert (await read(of, changes))[1] == 0.0
    assert reading.times == [0.0, 0.0, 0.0]


async def test_one_that_takes_long_is_read_so_much_the_less_often_while_all_changes(
    store: Store,
) -> None:
    """Five hundred requests, of which one changes every second for five minutes."""
    reading = Reading(2.4)
    of = home_reader(store, reading)
    changes, end = 0, reading.now + 300
    while reading.now < end:
        changes += 1
        await read(of, changes)
        reading.now += 1.0
    assert len(reading.times) * 2.4 < 0.2 * 300 + 2.4


async def test_whoever_is_shown_an_older_one_learns_when_to_ask_again(store: Store) -> None:
    reading = Reading(2.4)
    of = home_reader(store, reading)
    first, _ = await read(of, 1)
    reading.now += 1.6
    board, outdated = await read(of, 2)
    assert board is first
    assert outdated == pytest.approx(4 * 2.4 - 1.6)
    assert await read(of, 1) == (first, 0.0), "it is up to date for who knows of no change"
    reading.now += outdated
    board, outdated = await read(of, 2)
    assert board is not first
    assert outdated == 0.0
    assert len(reading.times) == 2


async def test_what_slack_takes_to_name_the_members_of_groups_delays_nothing(store: Store) -> None:
    of = home_reader(store, Reading(0.0, slack=5.0))
    await read(of, 1)
    assert (await read(of, 2))[1] == 0.0
