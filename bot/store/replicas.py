"""Is what was written on replicas too? A failover forgets what only the dead master had.

How many replicas have to have it is what the server asks for itself, `min-replicas-to-write`; or
what the settings say, where the server does not tell. With none, nothing is waited for.

Meanwhile another server may have taken the master's place, and its replicas say nothing of what
was written before. So whoever waits reads its record as well, over the same connection.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

from bot.errors import StoreRefused, StoreUnavailable
from bot.store.client import Database, Reply, key

_ASKED_FOR = 30.0
"""For how many seconds the server's own setting is remembered."""

_IN_TIME = 1000
"""Milliseconds in which the replicas have to have it. They answer at once unless they are away."""

_MARK = key("replicated")

_SETTING = ("CONFIG", "GET", "min-replicas-to-write")

Command = Sequence[str | float]


class Replicas:
    """Waits until all that was written is where a failover finds it."""

    def __init__(self, database: Database, wanted: int | None = None) -> None:
        """Wait for `wanted` replicas of `database`; None: for as many as the server asks for."""
        self._db = database
        self._wanted = wanted or 0
        self._tells = wanted is None
        self._asked_at = -_ASKED_FOR
        self._running: asyncio.Task[list[Reply]] | None = None
        self._next: asyncio.Task[list[Reply]] | None = None
        self._readings: list[Command] = []

    async def wanted(self) -> int:
        """How many replicas have to have what was written; 0 where the server does not tell."""
        if self._stale():
            try:
                [reply] = await self._db.together(_MARK, _SETTING)
            except StoreRefused:
                reply = ()
            self._learn(reply)
        return self._wanted

    async def reached(self, *reading: str | float) -> Reply:
        """Wait until all that was written so far is on enough replicas.

        Returns what the server replies to the command `reading` then; None where there is none.

        Raises:
            StoreUnavailable: it did not come to be in time.
        """
        if not await self.wanted():
            return (await self._db.together(_MARK, reading))[0] if reading else None
        # Who asks while somebody waits shares the next wait: it begins after all their writes,
        # and steps that wait for replicas that are away don't keep the connections from others.
        if self._next is None:
            self._next = asyncio.create_task(self._wait_after(self._running))
            self._next.add_done_callback(_seen)
        waiting, mine = self._next, len(self._readings)
        self._readings += [reading] if reading else []
        replies = await asyncio.shield(waiting)
        return replies[mine] if reading else None

    async def _wait_after(self, before: asyncio.Task[list[Reply]] | None) -> list[Reply]:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        readings, self._readings = self._readings, []
        return await self._wait(readings)

    async def _wait(self, readings: Sequence[Command]) -> list[Reply]:
        # WAIT counts from the last write of its own connection: so it gets one, which comes
        # after all others.
        count = self._wanted
        wait = (("SET", _MARK, "1", "EX", 60), ("WAIT", count, _IN_TIME))
        _, have, *replies = await self._db.together(_MARK, *wait, *readings)
        if int(have) < count:
            # It may be another server by now, which asks for something else.
            self._asked_at = -_ASKED_FOR
            raise StoreUnavailable(f"{have} of {count} replicas have what was written")
        return replies

    def _stale(self) -> bool:
        return self._tells and time.monotonic() - self._asked_at > _ASKED_FOR

    def _learn(self, reply: Reply) -> None:
        # A map or a flat list, by the version of the protocol.
        values = list(reply.values()) if isinstance(reply, Mapping) else list(reply)
        self._wanted = int(values[-1]) if values else 0
        self._asked_at = time.monotonic()


def _seen(task: asyncio.Task[list[Reply]]) -> None:
    """Whoever waited has its error; if nobody does any more, nobody has to hear of it."""
    if not task.cancelled():
        task.exception()
