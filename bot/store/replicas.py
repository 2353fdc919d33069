"""Is what was written on replicas too? A failover forgets what only the dead master had.

How many replicas have to have it is what the server asks for itself, `min-replicas-to-write`; or
what the settings say, where the server does not tell. With none, nothing is waited for.
"""

import asyncio
import time
from collections.abc import Mapping

from bot.errors import StoreRefused, StoreUnavailable
from bot.store.client import Database, key

_ASKED_FOR = 30.0
"""For how many seconds the server's own setting is remembered."""

_IN_TIME = 1000
"""Milliseconds in which the replicas have to have it. They answer at once unless they are away."""

_MARK = key("replicated")


class Replicas:
    """Waits until all that was written is where a failover finds it."""

    def __init__(self, database: Database, wanted: int | None = None) -> None:
        """Wait for `wanted` replicas of `database`; None: for as many as the server asks for."""
        self._db = database
        self._set = wanted
        self._asked = (-_ASKED_FOR, 0)
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def wanted(self) -> int:
        """How many replicas have to have what was written; 0 where the server does not tell."""
        if self._set is not None:
            return self._set
        at, count = self._asked
        if time.monotonic() - at > _ASKED_FOR:
            count = await self._min_replicas()
            self._asked = (time.monotonic(), count)
        return count

    async def reached(self) -> None:
        """Wait until all that was written so far is on enough replicas.

        Raises:
            StoreUnavailable: it did not come to be in time.
        """
        if not await self.wanted():
            return
        # Who asks while somebody waits shares the next wait: it begins after all their writes,
        # and steps that wait for replicas that are away don't keep the connections from others.
        if self._next is None:
            self._next = asyncio.create_task(self._wait_after(self._running))
            self._next.add_done_callback(_seen)
        await asyncio.shield(self._next)

    async def _wait_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        await self._wait(await self.wanted())

    async def _wait(self, count: int) -> None:
        # WAIT counts from the last write of its own connection: so it gets one, which comes
        # after all others.
        mark = ("SET", _MARK, "1", "EX", 60)
        _, have = await self._db.together(_MARK, mark, ("WAIT", count, _IN_TIME))
        if int(have) < count:
            # It may be another server by now, which asks for something else.
            self._asked = (-_ASKED_FOR, 0)
            raise StoreUnavailable(f"{have} of {count} replicas have what was written")

    async def _min_replicas(self) -> int:
        try:
            [reply] = await self._db.together(_MARK, ("CONFIG", "GET", "min-replicas-to-write"))
        except StoreRefused:
            return 0
        # A map or a flat list, by the version of the protocol.
        values = list(reply.values()) if isinstance(reply, Mapping) else list(reply)
        return int(values[-1]) if values else 0


def _seen(task: asyncio.Task[None]) -> None:
    """Whoever waited has its error; if nobody does any more, nobody has to hear of it."""
    if not task.cancelled():
        task.exception()
