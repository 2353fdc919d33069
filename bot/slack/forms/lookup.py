"""Connections and routes, live, in the time that a form can wait.

Who types in a search asks at every letter, so an answer serves for some seconds, and several who
wait for one share it. One that comes too late for a form goes on: the next look finds it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, NamedTuple, Self, TypeVar

import structlog

from bot.errors import (
    AlibabaError,
    BotError,
    NoSuchConnection,
    NotSent,
    OutcomeUnknown,
    StoreError,
    UserError,
)
from bot.execution import ConnectionReads
from bot.models import Connection, LiveRoute, RouteList
from bot.preview.resolve import obstacle

log = structlog.get_logger(__name__)

SECONDS = 2.0
"""How long a look may take; Slack waits 3 seconds for the options of a search."""

KEEP_SECONDS = 5.0
"""For how long an answer serves: long enough to type a word."""

REGIONS_SECONDS = 3600.0
"""The same of the list of regions, which hardly ever changes."""

TOO_SLOW = "Alibaba Cloud does not answer in time."
NO_ANSWER = "Alibaba Cloud gave no usable answer."
NO_STORE = "The bot's store does not answer."


class ConnectionRoutes(NamedTuple):
    """A connection and its routes, as they are now."""

    connection: Connection
    listed: RouteList = RouteList()

    @property
    def routes(self) -> tuple[LiveRoute, ...]:
        """The routes that are listed."""
        return self.listed.routes


class Unavailable(NamedTuple):
    """Nothing could be seen: why, in words for people; `missing`: there is no such connection."""

    why: str
    missing: bool = False

    @classmethod
    def of(cls, error: BotError) -> Self:
        """What an error of a read comes to, for a form."""
        if isinstance(error, StoreError):
            return cls(NO_STORE)
        if isinstance(error, UserError):
            return cls(error.problem)
        unanswered = isinstance(error, NotSent | OutcomeUnknown)
        meaning = error.meaning if isinstance(error, AlibabaError) else ""
        why = NO_ANSWER if unanswered else meaning or NO_ANSWER
        return cls(why, missing=isinstance(error, NoSuchConnection))


T = TypeVar("T")
_Key = tuple[str, ...]


class Lookup:
    """Reads for forms; never raises what the cloud or the store may raise."""

    def __init__(
        self,
        cloud: ConnectionReads,
        regions: Callable[[], Awaitable[tuple[str, ...]]],
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look into `cloud`, waiting for `seconds` each time; `regions` lists them."""
        self._cloud = cloud
        self._regions = regions
        self._seconds = seconds
        self._clock = clock
        self._reads: dict[_Key, _SharedRead] = {}

    async def regions(self) -> tuple[str, ...] | Unavailable:
        """The ids of all regions."""
        return await self._shared(("regions",), self._regions, REGIONS_SECONDS)

    async def connections(self, region: str) -> tuple[Connection, ...] | Unavailable:
        """All connections of a region."""
        return await self._shared((region,), lambda: self._cloud.connections(region), KEEP_SECONDS)

    async def routes(
        self, region: str, vpn_connection_id: str, *, fresh: bool = False
    ) -> ConnectionRoutes | Unavailable:
        """A connection and its routes; `fresh`: as they are now, not some seconds ago."""
        if fresh:
            self._forget((region, vpn_connection_id))

        async def read() -> ConnectionRoutes:
            connection = await self._cloud.connection(region, vpn_connection_id)
            if obstacle(connection):
                # Its routes can't be read, and the form says why from what is known already.
                return ConnectionRoutes(connection)
            return ConnectionRoutes(connection, await self._cloud.routes(region, vpn_connection_id))

        return await self._shared((region, vpn_connection_id), read, KEEP_SECONDS)

    def _forget(self, key: _Key) -> None:
        if key in self._reads and self._reads[key].task.done():
            del self._reads[key]

    async def close(self) -> None:
        """Give up what nobody waits for any more."""
        tasks = [shared.task for shared in self._reads.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _shared(
        self, key: _Key, read: Callable[[], Awaitable[T]], keep: float
    ) -> T | Unavailable:
        now = self._clock()
        self._reads = {k: shared for k, shared in self._reads.items() if shared.until > now}
        if key not in self._reads:
            self._reads[key] = _SharedRead(asyncio.create_task(self._read(key, read, keep)))
        try:
            # Shielded: others may wait for it too, or come later.
            task: asyncio.Task[T | Unavailable] = self._reads[key].task
            return await asyncio.wait_for(asyncio.shield(task), self._seconds)
        except TimeoutError:
            log.info("form_read_timed_out")
            return Unavailable(TOO_SLOW)

    async def _read(
        self, key: _Key, read: Callable[[], Awaitable[T]], keep: float
    ) -> T | Unavailable:
        until = 0.0
        try:
            found = await read()
            until = self._clock() + keep
        except (AlibabaError, StoreError) as error:
            log.info("form_read_failed", error=getattr(error, "code", "store"))
            return Unavailable.of(error)
        else:
            return found
        finally:
            self._reads[key].until = until


class _SharedRead:
    """One look, and until when its answer serves; it does so at least as long as it lasts."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.task = task
        self.until = inf
