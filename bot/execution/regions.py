"""The concurrency limit of each region.

Where a region hangs, every step about it takes as long as its calls may. Without a limit those
steps would use up the worker's own, and the other regions would wait for them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

ROOM_AFTER = 0.5
"""Seconds after which a step that found its region full tries again; it ends meanwhile."""


class Regions:
    """Counts the steps that are busy with each region, in this process."""

    def __init__(self, most: int) -> None:
        """At most so many of each."""
        self._most = most
        self._busy: Counter[str] = Counter()

    def full(self, region: str) -> bool:
        """Whether the limit is reached."""
        return self._busy[region] >= self._most

    @contextmanager
    def busy(self, region: str) -> Iterator[None]:
        """Count one while it lasts."""
        self._busy[region] += 1
        try:
            yield
        finally:
            self._busy[region] -= 1
