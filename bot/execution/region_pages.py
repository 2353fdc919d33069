"""Reads of connections that many wait for: a region's pages, where they cost fewer calls.

Of a region where many connections are watched one reading of its pages (50 connections a call)
serves all whose turn comes while it is young. It serves each connection once, so that readings in
a row are readings of their own. Who will come again says when, so that the first of many who come
at the same moment reads pages at once.

What nothing may be older than, the reading before a send for example, is not read here.
"""

import asyncio
import time
from collections.abc import Callable
from math import inf
from typing import NamedTuple

import structlog

from bot.errors import AlibabaError
from bot.execution.cloud import ConnectionReads
from bot.lifecycle.proof import together
from bot.models import Connection

log = structlog.get_logger(__name__)

PAGE_ROWS = 50

UNKNOWN_COST = 1
"""How many calls the pages of a region are taken to cost before they were read: few have more."""

DEMAND_SECONDS = 1.0
"""Connections of a region that are wanted within so many seconds are wanted at once."""

SOON = 0.5
"""Seconds until somebody who said when they come again is as good as here."""

_BACKOFF_SECONDS = 30.0
"""For how long a region whose pages could not be read is read one by one."""


class Page(NamedTuple):
    """All connections of a region, by their ids, and when their reading began.

    `served`: those that were found in it once. Nobody reads the same twice.
    """

    began: float
    rows: dict[str, Connection]
    served: set[str]


class RegionPages:
    """Reads single connections through `cloud`, or finds them in the pages of their region."""

    def __init__(self, cloud: ConnectionReads, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is read yet."""
        self._cloud = cloud
        self._clock = clock
        self._pages: dict[str, Page] = {}
        self._reading: dict[str, tuple[float, asyncio.Task[Page | None]]] = {}
        self._tasks: set[asyncio.Task[Page | None]] = set()
        self._wanted: dict[str, dict[str, float]] = {}
        self._not_before: dict[str, float] = {}

    async def connection(self, region: str, vpn_connection_id: str, *, age: float) -> Connection:
        """A connection as it was at most `age` seconds ago, or is now.

        Raises:
            AlibabaError: as the cloud does.
        """
        since = self._clock() - age
        page = self._pages.get(region)
        if page is None or page.began < since or vpn_connection_id in page.served:
            page = await self._read(region, vpn_connection_id, since)
        if page is not None and vpn_connection_id not in page.served:
            page.served.add(vpn_connection_id)
            if found := page.rows.get(vpn_connection_id):
                return found
        # One that is on no page may be new, or gone: the single read says which.
        return await self._cloud.connection(region, vpn_connection_id)

    async def close(self) -> None:
        """Stop all that is under way."""
        tasks = list(self._tasks)
        self._reading.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, region: str, vpn_connection_id: str, since: float) -> Page | None:
        """The pages of a region, read now or by whoever began since; None: not worth it."""
        worth_it = self._worth_it(region, vpn_connection_id)
        began, task = self._reading.get(region, (0.0, None))
        if task is None or began < since:
            if not worth_it:
                return None
            task = asyncio.create_task(self._read_all(region))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._reading[region] = self._clock(), task
        # Shielded: others wait for it too.
        return await asyncio.shield(task)

    def again(self, region: str, vpn_connection_id: str, at: float, delay: float) -> float:
        """When to want a connection again, about `delay` after `at`; returns the delay.

        Where so many of its region are wanted that pages are worth it, that is when others come.
        """
        if len(self._wanted_by(region, inf)) > self._cost(region):
            delay = together(at, delay) - at
        self._wanted[region][vpn_connection_id] = self._clock() + delay
        return delay

    def _worth_it(self, region: str, vpn_connection_id: str) -> bool:
        now = self._clock()
        self._wanted.setdefault(region, {})[vpn_connection_id] = now
        many = len(self._wanted_by(region, now + SOON)) > self._cost(region)
        return many and now >= self._not_before.get(region, 0.0)

    def _wanted_by(self, region: str, until: float) -> list[str]:
        """The connections that were wanted just now or will be by then."""
        wanted = self._wanted.setdefault(region, {})
        since = self._clock() - DEMAND_SECONDS
        for one in [one for one, at in wanted.items() if at < since]:
            del wanted[one]
        return [one for one, at in wanted.items() if at <= until]

    def _cost(self, region: str) -> int:
        page = self._pages.get(region)
        # A full page may be followed by an empty one.
        return UNKNOWN_COST if page is None else len(page.rows) // PAGE_ROWS + 1

    async def _read_all(self, region: str) -> Page | None:
        began = self._clock()
        try:
            connections = await self._cloud.connections(region)
        except AlibabaError as error:
            log.info("pages_unreadable", region=region, code=error.code)
            self._not_before[region] = self._clock() + _BACKOFF_SECONDS
            return None
        page = Page(began, {one.vpn_connection_id: one for one in connections}, set())
        self._pages[region] = page
        return page
