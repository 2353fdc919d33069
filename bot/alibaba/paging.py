"""A whole list from its pages, or an error: a part of a list must never pass for the whole.

A route that a page left out would look deleted. What the pages say of themselves has to fit:

- After a full page comes another look; a short page ends the list.
- TotalCount is a hint, for editions of the vendor's reference disagree: it counts the whole list,
  or the rows of this page. Pages that contradict both readings are refused. Where it counts the
  whole list and more is to come, reading goes on after a short page too.
- No row comes on two pages.

A route that moves from one page to another while the pages are read can be missed all the same,
where TotalCount counts pages only. So whoever wants to prove by a list of several pages that
something is gone reads it once more: see `bot.lifecycle.proof`.

A page that could not be had is asked for again, and the pages before it are kept meanwhile: of a
long list on a bad day some call always fails. How long the whole may take is the caller's to say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from bot.alibaba.errors import Call, no_reliable_answer
from bot.errors import NotSent, OutcomeUnknown, Throttled

PAGE_SIZE = 50
"""The most that the vendor gives at once."""

MAX_PAGES = 100
"""The longest list that is read: 5000 rows; no connection has so many routes."""

READINGS = 2
"""A list that changes while it is read is read once more."""

TRIES = 3
"""How often a page after the first is asked for."""

TRY_AGAIN_AFTER = 0.5
"""Seconds."""

Row = TypeVar("Row", bound=Hashable)


class Page(NamedTuple, Generic[Row]):
    """The rows of one page; the count that it names, and how many rows it says it can have."""

    rows: Sequence[Row]
    total: int | None = None
    size: int | None = None


FetchPage = Callable[[int], Awaitable[Page[Row]]]


class Listed(NamedTuple, Generic[Row]):
    """All rows, without duplicates, in the vendor's order, and of how many pages with rows."""

    rows: tuple[Row, ...]
    pages: int


class _Inconsistent(Exception):
    """The pages of one reading do not fit together."""


async def read_all(fetch: FetchPage[Row], call: Call) -> Listed[Row]:
    """The whole list.

    Args:
        fetch: gives a page, numbered from 1.
        call: what is read, for the error.

    Raises:
        OutcomeUnknown: the pages contradict each other also when read again.
    """
    why = ""
    for _ in range(READINGS):
        try:
            return await _read_once(fetch)
        except _Inconsistent as error:
            why = str(error)
    what = f"The pages of the list do not fit together ({why})."
    raise no_reliable_answer("Answer.Unreliable", call, what)


async def _read_once(fetch: FetchPage[Row]) -> Listed[Row]:
    seen: dict[Row, None] = {}
    counts = _Counts()
    for number in range(1, MAX_PAGES + 1):
        page = await _fetched(fetch, number)
        counts.add(page)
        if any(row in seen for row in page.rows):
            raise _Inconsistent("a row came on two pages")
        seen.update(dict.fromkeys(page.rows))
        if counts.over(page):
            return Listed(tuple(seen), counts.pages)
    raise _Inconsistent(f"it does not end after {MAX_PAGES} pages")


async def _fetched(fetch: FetchPage[Row], number: int) -> Page[Row]:
    for _ in range(TRIES - 1 if number > 1 else 0):
        try:
            return await fetch(number)
        except (NotSent, OutcomeUnknown, Throttled):
            await asyncio.sleep(TRY_AGAIN_AFTER)
    return await fetch(number)


class _Counts:
    """What the pages so far say of how many rows there are, in both readings of TotalCount."""

    def __init__(self) -> None:
        self.rows = self.pages = 0
        self._totals: set[int] = set()
        self._each_its_own = True

    def add(self, page: Page[Row]) -> None:
        self.rows += len(page.rows)
        self.pages += bool(page.rows)
        if page.total is None:
            return
        self._totals.add(page.total)
        self._each_its_own &= page.total == len(page.rows)
        if not self._each_its_own and not self._of_the_whole():
            said = " and ".join(map(str, sorted(self._totals)))
            raise _Inconsistent(f"TotalCount is {said}, but at least {self.rows} came")
        if page.total > MAX_PAGES * PAGE_SIZE:
            raise _Inconsistent(f"TotalCount is {page.total}, more than can be")

    def over(self, page: Page[Row]) -> bool:
        """Whether this page ends the list."""
        full = min(page.size or PAGE_SIZE, PAGE_SIZE)
        if len(page.rows) >= full:
            return False
        if self._each_its_own or not self._totals or self._totals == {self.rows}:
            return True
        if not page.rows:
            raise _Inconsistent(f"TotalCount is {max(self._totals)}, but {self.rows} came")
        return False

    def _of_the_whole(self) -> bool:
        return len(self._totals) == 1 and max(self._totals) >= self.rows
