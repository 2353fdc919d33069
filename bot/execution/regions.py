"""How many steps may be busy with one region at once, so that none is left out for another.

Where a region hangs, every step about it takes as long as its calls may. Without a bound those
steps would take all the places that there are, and the other regions would wait for them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

ROOM_AFTER = 0.5
"""Seconds after which a step looks again whether there is room; it holds no place meanwhile."""


class Regions:
    """Counts the steps that are busy with each region, in this process."""

    def __init__(self, most: int) -> None:
        """At most so many of each."""
        self._most = most
        self._busy: Counter[str] = Counter()

    def full(self, region: str) -> bool:
        """Whether there is no room for one more."""
        return self._busy[region] >= self._most

    @contextmanager
    def busy(self, region: str) -> Iterator[None]:
        """Count one while it lasts."""
        self._busy[region] += 1
        try:
            yield
        finally:
            self._busy[region] -= 1
