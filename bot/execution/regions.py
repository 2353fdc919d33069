"""The concurrency limit of each region.

Where a region hangs, every step about it takes as long as its calls may. Without a limit those
steps would use up the worker's own, and the other regions would wait for them. Where it does not,
a step soon makes room for the next: so each waits a moment before it gives up its claim. Where
somebody has waited in vain, nobody else does until a step has made room: waiting takes a place too.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

ROOM_WITHIN = 1.0
"""Seconds for which a step waits for room."""

ROOM_AFTER = 0.5
"""Seconds after which a step that found its region full tries again; it ends meanwhile."""


class Regions:
    """The steps that are busy with each region, in this process."""

    def __init__(self, most: int, *, wait: float = ROOM_WITHIN) -> None:
        """At most so many of each at once; `wait`: seconds for which one more waits for room."""
        self._most = most
        self._wait = wait
        self._rooms: dict[str, asyncio.Semaphore] = {}
        self._stuck: set[str] = set()

    @asynccontextmanager
    async def room(self, region: str) -> AsyncIterator[bool]:
        """Be busy with a region while it lasts; False: as many are, and go on being."""
        rooms = self._rooms.setdefault(region, asyncio.Semaphore(self._most))
        try:
            async with asyncio.timeout(0 if region in self._stuck else self._wait):
                await rooms.acquire()
        except TimeoutError:
            self._stuck.add(region)
            yield False
            return
        try:
            yield True
        finally:
            self._stuck.discard(region)
            rooms.release()
