"""What a step needs: store, cloud client, clock, limits."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from msgspec.structs import replace

from bot.alibaba.codes import known
from bot.errors import AlibabaError, Busy, NotSent, OutcomeUnknown, RecordLost, Throttled
from bot.execution.cloud import ChangeQuota, Cloud, Limits
from bot.execution.reading import Reading, Readings, steady
from bot.execution.recheck import Recheck
from bot.execution.region_pages import RegionPages
from bot.execution.regions import Regions
from bot.lifecycle import proof, route_change
from bot.lifecycle.proof import backoff, expected, next_poll, next_reconcile
from bot.models import (
    UNKNOWN_WEIGHT,
    Connection,
    EventKind,
    Failure,
    Observation,
    Request,
    RequestState,
    RouteChange,
    RouteKind,
    RouteState,
    VcoRoute,
    WaitCause,
)
from bot.store import Claim, RateLimits, Requests

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 10.0

_PAGE_AGE = 0.5
"""How old a page may be that serves a poll, in first polls: it has begun after the poll before."""

_SEEN_WITHIN = 2 * proof.SLOWEST_POLL
"""Seconds between the two polls of which one saw the end, for its time to be known."""

_MONITORED_AGE = 10.0
"""Seconds: what happened to a tunnel is told so much later at most."""

OUT_OF_TIME = "OutOfTime"
QUOTA = "Quota"
"""The code of waiting for a place in our share of the vendor's quotas."""

NOT_ATTACHED = "connection "
"""How the code of waiting for a connection begins; its state follows."""


class StepContext:
    """What a step may do besides its one call; every write bears the claim's fence."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        *,
        requests: Requests,
        rate_limits: RateLimits,
        cloud: Cloud,
        change_quota: ChangeQuota,
        now: Callable[[], Awaitable[float]],
        limits: Limits,
        background: Cloud | None = None,
        recheck: Recheck | None = None,
        lately: Callable[[], Awaitable[float]] | None = None,
        region_steps: int = 8,
        readings: Readings | None = None,
    ) -> None:
        """Work on `requests` against `cloud`; `now` is the store's clock.

        `lately`: the same for when things happen, which may be told without asking the store.
        `change_quota`: the quota of changes; `background`: the cloud for what nobody waits for,
        where it differs; `region_steps`: how many steps at once one region may keep busy.
        `recheck` reads the approvers again before a send; a bot that serves always has one.
        """
        self.recheck = recheck
        self.requests = requests
        self.rate_limits = rate_limits
        self.cloud = cloud
        self.now = now
        self.lately = lately or now
        self.limits = limits
        self.change_quota = change_quota
        self.background = background or cloud
        self.regions = Regions(region_steps)
        self.readings = readings or Readings()
        self._pages = RegionPages(self.cloud)
        self._background_pages = RegionPages(self.background)
        self._just_read: dict[str, tuple[float, Connection]] = {}

    async def change(
        self, claim: Claim, change: Callable[[Request], Request], *, sealed: bool = False
    ) -> Request:
        """Apply a transition under the claim; with `sealed`, only to what bears our seal.

        Raises:
            SealBroken: it does not.
            StaleFence: somebody else has taken over.
            RecordLost: the request is gone.
        """
        request = await self.requests.update(claim.id, change, claim=claim, sealed=sealed)
        if request is None:
            raise RecordLost(f"the record of {claim.id} is gone")
        return request

    async def read(self, request: Request, *, bgp: bool, background: bool = False) -> Reading:
        """The connection, and its routes where it is steady; with `bgp` all of them.

        Raises:
            StillReading: it takes longer than a step.
        """
        route = in_hand(request)
        region, of = request.region, request.vpn_connection_id
        cloud = self.background if background else self.cloud
        pages = self._background_pages if background else self._pages
        # What a send rests on is read for it alone.
        first = None if bgp else partial(pages.connection, age=proof.FIRST_POLL * _PAGE_AGE)
        # What a reading belongs to: as soon as anything was recorded of the route, it is another.
        poll = (request.id, request.state, request.current, route.sends, route.waits)
        key = (*poll, route.watch.polls, bgp)
        reading = await self.readings.read(key, cloud, region, of, bgp=bgp, first=first)
        at = await self.lately()
        self._forget_read(at)
        self._just_read[request.id] = at, reading.connection
        return reading

    async def monitored(self, request: Request) -> Connection:
        """The connection as it was a moment ago or is now, for what nobody waits for.

        Raises:
            AlibabaError: as the cloud does.
        """
        self._forget_read(await self.lately())
        if read := self._just_read.pop(request.id, None):
            # What has proven the change has shown the tunnels too.
            return read[1]
        return await self._background_pages.connection(
            request.region, request.vpn_connection_id, age=_MONITORED_AGE
        )

    def _forget_read(self, now: float) -> None:
        since = now - _MONITORED_AGE
        self._just_read = {id_: one for id_, one in self._just_read.items() if one[0] >= since}

    async def next_poll(self, request: Request, at: float) -> float:
        """When to poll the route in hand again, after a poll or its send at `at`."""
        route, region, of = in_hand(request), request.region, request.vpn_connection_id
        lately: Sequence[float] = ()
        if route.watch.updating_seen:
            # Until then it is polled as if nothing were known: it is what makes the proof short.
            lately = await self.rate_limits.durations(region, of)
        left = self.deadline(request) - at
        delay = next_poll(at - _began(request, route), left, expected(lately))
        delay = self._pages.again(region, of, at, delay)
        return at + max(0.0, min(delay, left))

    async def took(self, request: Request, route: RouteChange, at: float) -> None:
        """Remember how long a change took: `route` before the poll at `at` that has proven it.

        Nobody saw the end itself: it lies between this poll and the one before. Where that is
        long ago, nobody was there to see it, and there is nothing to remember.
        """
        began, before = _began(request, route), route.watch.at
        since = max(began, before)
        if at - since <= _SEEN_WITHIN:
            took = (since + at) / 2 - began
            await self.rate_limits.took(request.region, request.vpn_connection_id, took)

    async def close(self) -> None:
        """Stop the readings that are under way."""
        await self._pages.close()
        await self._background_pages.close()
        await self.readings.close()

    async def observe(self, claim: Claim, request: Request, reading: Reading) -> Request:
        """Record what a reading shows of the route in hand."""
        seen, at = observation(reading, in_hand(request).route), await self.lately()
        return await self.change(claim, lambda r: route_change.observe(r, at, seen))

    async def wait(self, claim: Claim, error: AlibabaError, why: WaitCause | None = None) -> float:
        """Note that `error` makes the step wait; returns when to try again.

        That is at the latest the deadline of the route in hand.
        """
        at, why = await self.lately(), why or cause(error)
        request = await self.change(
            claim, lambda r: route_change.wait(r, at, error.code, error.meaning, why)
        )
        pause = retry_backoff(request)
        if isinstance(error, Throttled):
            pause = max(pause, error.retry_after or 0.0)
        return min(at + pause, max(self.deadline(request), at + _FIRST_WAIT))

    async def fail(self, claim: Claim, failure: Failure) -> None:
        """End the route in hand as `failed`: surely nothing was changed by us."""
        at = await self.lately()
        await self.change(claim, lambda r: route_change.end(r, at, RouteState.FAILED, failure))

    async def too_late(self, claim: Claim) -> float | None:
        """End the route in hand at its deadline; returns when to reconcile it."""
        at = await self.lately()
        request = await self.change(claim, lambda r: give_up(r, at, out_of_time(r)))
        return self.reconcile_at(request, at)

    def reconcile_at(self, request: Request, at: float) -> float | None:
        """When to read again what is unconfirmed; None for what has a certain outcome."""
        if request.state is not RequestState.UNCONFIRMED:
            return None
        return at + next_reconcile(at - request.ended_at)

    def deadline(self, request: Request) -> float:
        """When the route in hand must be proven gone; a change taken on late has its whole time."""
        return route_change.deadline(request, self.limits.operation)


def _began(request: Request, route: RouteChange) -> float:
    return route_change.perhaps_accepted_at(request, route) or route.first_sent_at


def in_hand(request: Request) -> RouteChange:
    """The route in hand; of a request that has ended, its last one."""
    return request.routes[-1 if request.current is None else request.current]


def observation(reading: Reading, route: VcoRoute) -> Observation:
    """What a reading shows of one route.

    One that has its block and next hop, and a weight that could not be read, may be it or not.
    """
    state = reading.connection.state
    if not steady(reading.connection):
        return Observation(state=state)
    # A route learned from the peer can look the same and stay: it is not the one we delete.
    custom = [r.route for r in reading.listed.routes if r.kind is RouteKind.CUSTOM]
    if route not in custom and replace(route, weight=UNKNOWN_WEIGHT) in custom:
        return Observation(state=state)
    return Observation(state=state, present=route in custom, paged=reading.listed.paged)


def retry_backoff(request: Request) -> float:
    """Seconds until the route in hand is tried again, longer each time."""
    waits = in_hand(request).waits
    return backoff(waits, base=_FIRST_WAIT, cap=_LONGEST_WAIT, seed=f"{request.id}/{waits}")


def failure(error: AlibabaError) -> Failure:
    """A final error as the record keeps it."""
    return Failure(
        code=error.code,
        meaning=error.meaning or error.code,
        next_step=error.next_step,
        alibaba_request_id=error.alibaba_request_id,
    )


def cause(error: AlibabaError) -> WaitCause:
    """What an error makes a step wait for."""
    match error:
        case Busy():
            return WaitCause.BUSY
        case Throttled():
            return WaitCause.THROTTLED
        case NotSent() | OutcomeUnknown():
            return WaitCause.UNREACHABLE
        case _:
            return WaitCause.OTHER


def out_of_time(request: Request) -> Failure:
    """Why the time of the route in hand was over before anything was changed."""
    route = in_hand(request)
    waits = (e for e in reversed(request.timeline) if e.kind is EventKind.WAITING)
    last = next((e.details for e in waits if e.route == route.route), {})
    code, meaning = last.get("code", ""), last.get("meaning", "")
    if code == QUOTA:
        said = f"The quota of calls in {request.region} left no room for it in time."
        step = "Ask again when fewer changes wait in that region."
    elif code.startswith(NOT_ATTACHED):
        said = "The connection did not become ready in time."
        step = "See what keeps the connection busy, then ask again."
    elif route.sends and known(code):
        times = "once" if route.sends == 1 else f"{route.sends} times with the same ClientToken"
        said = f"Alibaba Cloud refused it until its time was over, last with {code}; sent {times}."
        step = (
            "Ask again: a new request bears a new ClientToken, in case this one was only answered "
            "its first refusal again. If that is refused too, see what keeps the connection busy."
        )
    else:
        said = f"It could not be done in time. {meaning}".strip()
        step = "Look at what it waited for, then ask again."
    return Failure(code=OUT_OF_TIME, meaning=f"{said} Nothing was changed.", next_step=step)


def give_up(request: Request, at: float, why: Failure) -> Request:
    """End the route in hand by what is known: failed only if surely nothing was done."""
    if not request.state.open:
        return request
    route = in_hand(request)
    maybe = route.perhaps_accepted
    state = RouteState.UNCONFIRMED if maybe else RouteState.FAILED
    return route_change.end(request, at, state, None if maybe else why)
