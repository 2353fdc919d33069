"""The worker's handler for `run:<request>` items: which step a request needs next."""

import structlog

from bot import lifecycle
from bot.errors import RecordLost
from bot.execution import send, verify
from bot.execution.context import StepContext, give_up, in_hand
from bot.execution.reading import StillReading
from bot.execution.regions import ROOM_AFTER
from bot.lifecycle import route_change
from bot.models import Decision, Failure, Request, RequestState, Verdict
from bot.store import Claim

log = structlog.get_logger(__name__)

_QUEUED_POLL = 60.0
"""Seconds between steps of a request that waits in the queue; its turn wakes it anyway."""

_READING_POLL = 0.5
"""Seconds between checks whether a long reading is finished."""

_NEEDS_ATTENTION = Failure(
    code="NeedsAttention",
    meaning="The bot failed at this step again and again and has stopped.",
    next_step="Look at the route in the console, and at the bot's log.",
)

_NOT_QUEUED = Failure(
    code="NotInQueue",
    meaning="The database has lost this request's place in the queue. Nothing was sent.",
    next_step="Ask again. The bot's operator has to look at the database.",
)


class Execution:
    """Does the steps of requests, from pending to an outcome and, if need be, beyond."""

    def __init__(self, context: StepContext) -> None:
        """Work with `context`."""
        self._context = context

    async def step(self, claim: Claim) -> float | None:
        """Do whatever the request needs next."""
        stored = await self._context.requests.get(claim.id, claim=claim)
        if stored is None:
            # Records of what is under way bear no time to live: this one was taken away.
            raise RecordLost(f"the record of {claim.id} is gone")
        request = stored.request
        if request.state is RequestState.PENDING:
            return await self._expire(claim, request)
        async with self._context.regions.room(request.region) as room:
            if not room:
                return claim.now + ROOM_AFTER
            try:
                return await self._work(claim, request)
            except StillReading:
                # It goes on meanwhile, and this step has ended. Whoever takes over reads anew, and
                # has no more time than this.
                await self._context.change(claim, lambda r: route_change.start(r, claim.now))
                return await self._context.lately() + _READING_POLL

    async def _work(self, claim: Claim, request: Request) -> float | None:
        match request.state:
            case RequestState.APPROVED | RequestState.EXECUTING:
                return await self._advance(claim, request)
            case RequestState.UNCONFIRMED:
                return await verify.reconcile(self._context, claim, request)
            case _:
                return None

    async def lost(self, claim: Claim) -> None:
        """Nothing to do: a late send bears the same token, and a late read changes nothing."""

    async def give_up(self, claim: Claim) -> float | None:
        """End a request whose steps keep failing: `unconfirmed` if anything may have been done.

        What is unconfirmed goes on being reconciled, slower and slower: never a hot loop.
        """
        stored = await self._context.requests.get(claim.id)
        if stored is None:
            return None
        if stored.request.state is RequestState.PENDING:
            return await self._expire(claim, stored.request)
        log.error("request_given_up", request=claim.id)
        at = await self._context.lately()

        def end(request: Request) -> Request:
            request = lifecycle.trouble(request, at, "the bot has stopped working on this")
            return give_up(request, at, _NEEDS_ATTENTION)

        return self._context.reconcile_at(await self._context.change(claim, end), at)

    async def _expire(self, claim: Claim, request: Request) -> float | None:
        if claim.now < request.expires_at:
            return request.expires_at
        decision = Decision(verdict=Verdict.EXPIRED, by="", at=claim.now)
        await self._context.change(claim, lambda r: lifecycle.record_decision(r, decision))
        return None

    async def _advance(self, claim: Claim, request: Request) -> float | None:
        ahead = await self._context.requests.position(request, claim)
        if ahead is None:
            return await self._not_queued(claim, request)
        if ahead:
            return claim.now + _QUEUED_POLL
        request = route_change.start(request, claim.now)
        if in_hand(request).state.watched:
            return await verify.step(self._context, claim, request)
        return await send.step(self._context, claim, request)

    async def _not_queued(self, claim: Claim, request: Request) -> float | None:
        """An approval and its place in the queue are written at once: something was lost.

        Whatever it was, nothing is begun on the strength of such a record. What was sent holds
        the connection, and is watched to its end. One that was stopped just now has lost nothing.
        """
        stored = await self._context.requests.get(request.id)
        if stored is None or not stored.request.state.open:
            return None
        log.error("not_in_queue", request=request.id)
        if any(route.sends for route in request.routes):
            await self._context.requests.rejoin(request)
            return claim.now
        await self._context.fail(claim, _NOT_QUEUED)
        return None
