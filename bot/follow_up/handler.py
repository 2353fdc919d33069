"""The worker's handler for `follow:<request>` items."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.errors import AlibabaError
from bot.execution.context import StepContext
from bot.execution.regions import ROOM_AFTER, Regions
from bot.follow_up import countersignatures, monitoring, reminders
from bot.models import Request
from bot.store import Claim

log = structlog.get_logger(__name__)


_REGION_STEPS = 4
"""How many connections of one region are read at once: reminders have room besides."""


class FollowUp:
    """Reminds of what is owed, and monitors what was changed."""

    def __init__(
        self, context: StepContext, asked: Callable[[str], Awaitable[Sequence[str]]]
    ) -> None:
        """Read the cloud in the background of `context`.

        `asked` says who was asked in person to decide on a request: all who can, or nobody.
        """
        self._context = context
        self._asked = asked
        self._regions = Regions(_REGION_STEPS)

    async def step(self, claim: Claim) -> float | None:
        """Do what is due; returns when something will be, None when nothing more will."""
        stored = await self._context.requests.get(claim.id, claim=claim)
        if stored is None:
            await self._context.requests.forget_unsigned(claim.id)
            return None
        request = stored.request
        if (at := reminders.due_at(request)) is not None:
            if claim.now < at:
                return at
            if claim.now >= request.expires_at:
                return None  # its end is due, and makes this due again
            asked = await self._asked(request.id)
            request = await self._context.change(
                claim, lambda r: reminders.remind(r, claim.now, asked)
            )
            return reminders.due_at(request)
        remind_at = countersignatures.reminder_at(request)
        if remind_at is not None and claim.now >= remind_at:
            request = await self._context.change(
                claim, lambda r: countersignatures.remind(r, claim.now)
            )
            remind_at = countersignatures.reminder_at(request)
        monitor_at = await self._monitor(claim, request)
        return min((at for at in (remind_at, monitor_at) if at is not None), default=None)

    async def lost(self, claim: Claim) -> None:
        """Nothing to do: whatever was seen or said twice is recorded once."""

    async def give_up(self, claim: Claim) -> float | None:
        """Nothing depends on it: try again much later."""
        return claim.now + countersignatures.LONGEST_PAUSE

    async def _monitor(self, claim: Claim, request: Request) -> float | None:
        if not monitoring.monitored(request):
            return None
        async with self._regions.room(request.region) as room:
            if not room:
                return claim.now + ROOM_AFTER
            seen = await self._observe(claim, request)
        if claim.now < request.ended_at + request.terms.watch:
            return claim.now + monitoring.INTERVAL
        await self._context.change(claim, lambda r: monitoring.end(r, claim.now, unread=not seen))
        return None

    async def _observe(self, claim: Claim, request: Request) -> bool:
        """Read the connection and record what has changed; whether it could be read."""
        try:
            seen = await self._context.monitored(request)
        except AlibabaError as error:
            log.info("monitoring_failed", request=request.id, code=error.code)
            return False
        await self._context.change(claim, lambda r: monitoring.observe(r, claim.now, seen))
        return True
