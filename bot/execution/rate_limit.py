"""Keep every call to the VPC API inside the vendor's quotas, over all replicas.

Every quota belongs to one action in one region, and waiting for one delays whoever wants it and
nobody else.

- A read, each page of a list for itself, takes its share as it is made. It waits a little; where
  that is not enough, `Throttled` says how long to wait, as the vendor would, without asking them.
  Work that nobody waits for leaves half of every quota to people.
- A change is reserved, in the order in which changes were approved, before it is recorded and
  sent: `reserve`.
- What the vendor refuses for too many calls pauses that action in that region, as long as it says.
"""

import asyncio
from math import ceil
from typing import NamedTuple

from bot.alibaba.client import HELD_BACK
from bot.alibaba.errors import Call
from bot.errors import Throttled
from bot.models import Operation, Request
from bot.store import RateLimits
from bot.store.rate_limit import IN_ADVANCE_SECONDS

SHARE = 90
"""Percent of the vendor's quotas that are ours: others use the account, too."""

# The vendor's page names 60 deletes and 600 of each read in 60 s, for an account, a region and
# a call (reference: Quotas). Of creations no quota is known: they are treated like deletions.
CHANGES = {Operation.DELETE: "DeleteVcoRouteEntry", Operation.RESTORE: "CreateVcoRouteEntry"}
CHANGES_A_MINUTE = 60
READS_A_MINUTE = 600

MARGIN = 2.0
"""Seconds by which our window is longer than theirs: calls travel unequally long."""

SOME_SECONDS = 5.0
"""How long an action is left alone where the vendor does not say."""

_PART_AT_ONCE = 3
"""Of a minute's reads this part may come at once."""


class Left(NamedTuple):
    """What is left of a quota; `paused`: seconds until the vendor takes calls again."""

    calls: int
    of: int
    paused: float


class Quotas:
    """The quotas of calls that are that wait equally long."""

    def __init__(
        self,
        rate_limits: RateLimits,
        *,
        share: int = SHARE,
        window: float = 60.0,
        max_wait: float = 1.0,
        background: bool = False,
    ) -> None:
        """Keep them in `rate_limits`.

        `share`: how much is ours, in percent; `window`: what the vendor counts in, in seconds;
        `max_wait`: how long a read waits here at most; `background`: leave half to others.
        """
        self._rate_limits = rate_limits
        self._changes = max(1, CHANGES_A_MINUTE * share // 100)
        self._window = window + MARGIN
        reads = max(_PART_AT_ONCE, READS_A_MINUTE * share // 100)
        self._burst = reads // _PART_AT_ONCE
        # What was taken in advance is called up to so much later.
        self._every = (window + IN_ADVANCE_SECONDS) / (reads - self._burst)
        self._part = 2 if background else 1
        self._max_wait = max_wait

    async def take(self, call: Call) -> None:
        """Wait until a read may be made; a change was reserved before."""
        if call.changes:
            return
        waited = 0.0
        while (wait := await self._take(call)) > 0:
            waited += wait
            if waited > self._max_wait:
                raise Throttled(
                    HELD_BACK,
                    meaning=f"{call.action} is called as often as is allowed in {call.region}.",
                    next_step=f"Try again in {ceil(wait)} s.",
                    retry_after=wait,
                )
            await asyncio.sleep(wait)

    async def throttled(self, call: Call, retry_after: float | None) -> None:
        """Leave this action alone in this region, as all replicas will."""
        seconds = SOME_SECONDS if retry_after is None else retry_after
        if seconds > 0:
            await self._rate_limits.pause(call.region, call.action, seconds)

    async def reserve(self, request: Request) -> float:
        """Reserve the next change of a request; 0, or the seconds until its time.

        Changes go in the order in which their requests were decided.
        """
        sends = ".".join(str(route.sends) for route in request.routes)
        return await self._rate_limits.reserve(
            request.region,
            CHANGES[request.operation],
            f"{request.id}/{sends}",
            order=max((d.at for d in request.decisions), default=request.created_at),
            calls=self._changes,
            window=self._window,
        )

    async def left(self, region: str, action: str) -> Left:
        """How many calls of an action may be made in a region now, of how many."""
        used = await self._rate_limits.used(region, action, window=self._window)
        if action in CHANGES.values():
            return Left(max(0, self._changes - used.made), self._changes, used.paused)
        spoken_for = ceil(used.ahead / self._every)
        return Left(max(0, self._burst - spoken_for), self._burst, used.paused)

    async def _take(self, call: Call) -> float:
        return await self._rate_limits.take(
            call.region, call.action, calls=1, every=self._every, burst=self._burst // self._part
        )
