"""A whole list from its pages, or an error: a part of a list must never pass for the whole.

A route that a page left out would look deleted. So a list counts as read only where every
page names the same total, the rows add up to it, and no row came on two pages.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar

from bot.alibaba.errors import Call, no_reliable_answer

PAGE_SIZE = 50
"""The most that the vendor gives at once."""

MAX_PAGES = 100
"""The longest list that is read: 5000 rows; no connection has so many routes."""

READINGS = 2
"""A list that changes while it is read is read once more."""

Row = TypeVar("Row", bound=Hashable)
FetchPage = Callable[[int], Awaitable[tuple[Sequence[Row], int]]]


class _Inconsistent(Exception):
    """The pages of one reading do not fit together."""


async def read_all(fetch: FetchPage[Row], call: Call) -> tuple[Row, ...]:
    """All rows, without duplicates, in the vendor's order.

    Args:
        fetch: gives the rows of a page, numbered from 1, and the total that it names.
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


async def _read_once(fetch: FetchPage[Row]) -> tuple[Row, ...]:
    seen: dict[Row, None] = {}
    expected: int | None = None
    count = 0
    for number in range(1, MAX_PAGES + 1):
        rows, total = await fetch(number)
        expected = total if expected is None else expected
        count += len(rows)
        _compare(expected, total, count)
        if any(row in seen for row in rows):
            raise _Inconsistent("a row came on two pages")
        seen.update(dict.fromkeys(rows))
        # A full page is followed by another look, even where the total says it was the last.
        if not rows or (count == expected and len(rows) < PAGE_SIZE):
            break
    if count != expected:
        raise _Inconsistent(f"TotalCount is {expected}, but {count} came")
    return tuple(seen)


def _compare(expected: int, total: int, count: int) -> None:
    if expected > MAX_PAGES * PAGE_SIZE:
        raise _Inconsistent(f"TotalCount is {expected}, more than can be")
    if total != expected:
        raise _Inconsistent(f"TotalCount changed from {expected} to {total}")
    if count > expected:
        raise _Inconsistent(f"TotalCount is {expected}, but at least {count} came")
