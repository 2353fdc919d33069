"""Reading a connection and its routes, over several steps where that takes long.

A step is short, and a long list of routes where the API is slow is not: 500 routes are twelve
calls. So a reading goes on by itself, and a step that finds it unfinished ends and comes again.
The pages that were read so far are kept meanwhile, in this process only; whoever takes over reads
anew.

What a reading may be used for: it belongs to one poll of one route, and begins and ends within it.
Once anything else was recorded of the route (by whichever replica) it is void, so that three
readings in a row are three readings. The routes are read while the connection is `attached`; where
they came on several pages, it has to be attached still when the last one has come, or they don't
count. Routes learned over BGP are not asked for where the connection, as it was just read, says
that it uses none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import NamedTuple

from msgspec.structs import replace

from bot.errors import BotError, OutcomeUnknown
from bot.execution.cloud import Cloud
from bot.models import Connection, RouteList
from bot.preview.resolve import obstacle

STEP_SECONDS = 4.0
"""How long a step waits for a reading."""

KEPT_SECONDS = 10.0
"""For how long a reading that nobody has come for is kept; whoever waits comes every second."""

LONGEST_SECONDS = 180.0
"""How long a whole reading may take; then it is begun anew."""


ReadConnection = Callable[[str, str], Awaitable[Connection]]
"""Reads a connection, by its region and id."""


class StillReading(BotError):
    """The reading is not finished: come again in a moment."""


class Reading(NamedTuple):
    """A connection, and its routes where it is `steady`; else none were read."""

    connection: Connection
    listed: RouteList


def steady(connection: Connection) -> bool:
    """Whether its list of routes says anything of ours.

    The routes change while it is not attached. One that is attached to something else has no such
    routes: the API answers a reading of them as it answers for a passing state, for ever.
    """
    return connection.attached and not obstacle(connection)


class Readings:
    """The readings that are under way."""

    def __init__(self, *, step: float = STEP_SECONDS) -> None:
        """`step`: how long to wait for one, in seconds."""
        self._step = step
        self._readings: dict[Hashable, _Reading] = {}

    async def read(  # noqa: PLR0913 - what to read, from where, and for whom
        self,
        key: Hashable,
        cloud: Cloud,
        region: str,
        vpn_connection_id: str,
        *,
        bgp: bool,
        readable: Callable[[Connection], bool] = steady,
        first: ReadConnection | None = None,
    ) -> Reading:
        """What was read for `key`, once; the routes where the connection is `readable`.

        `first` reads the connection before its routes, in the place of the cloud itself.

        Raises:
            AlibabaError: as the cloud does.
            StillReading: it takes longer than a step.
        """
        self._forget()
        if key not in self._readings:
            first = first or cloud.connection
            work = _read(cloud, first, region, vpn_connection_id, bgp=bgp, readable=readable)
            self._readings[key] = _Reading(asyncio.create_task(work))
        reading = self._readings[key]
        reading.wanted()
        await asyncio.wait({reading.task}, timeout=self._step)
        reading.wanted()
        if not reading.task.done():
            raise StillReading(f"{vpn_connection_id} is still being read")
        self._readings.pop(key, None)
        return reading.task.result()

    async def close(self) -> None:
        """Stop all that is under way."""
        tasks = [reading.task for reading in self._readings.values()]
        self._readings.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self) -> None:
        for key, reading in list(self._readings.items()):
            if reading.stale():
                reading.task.cancel()
                del self._readings[key]


class _Reading:
    """One reading, and when somebody last wanted it."""

    def __init__(self, task: asyncio.Task[Reading]) -> None:
        self.task = task
        self._at = inf
        # Where nobody comes for it, nobody has to hear of its error.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def wanted(self) -> None:
        self._at = asyncio.get_running_loop().time()

    def stale(self) -> bool:
        return asyncio.get_running_loop().time() > self._at + KEPT_SECONDS


async def _read(  # noqa: PLR0913 - what to read, from where, and for whom
    cloud: Cloud,
    first: ReadConnection,
    region: str,
    vpn_connection_id: str,
    *,
    bgp: bool,
    readable: Callable[[Connection], bool],
) -> Reading:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            connection = await first(region, vpn_connection_id)
            if not readable(connection):
                return Reading(connection, RouteList())
            asked = bgp and not connection.bgp_off
            listed = await cloud.routes(region, vpn_connection_id, bgp=asked)
            if listed.paged:
                connection = await cloud.connection(region, vpn_connection_id)
            if bgp and connection.bgp_off:
                # There are none, which is as good as their listing.
                listed = replace(listed, bgp_known=True)
    except TimeoutError:
        what = f"The routes could not be read within {LONGEST_SECONDS:g} s."
        raise OutcomeUnknown("Reading.TooLong", meaning=what) from None
    return Reading(connection, listed if readable(connection) else RouteList())
