"""What follows a request beside its execution: a nudge, a countersignature, a watchful eye.

- Half of its time is over and nobody has decided: the approvers are nudged, once.
- Somebody broke the glass: an approver has to countersign, and is reminded until one has, for as
  long as the request is kept.
- Something was changed: the connection's tunnels and BGP sessions are watched for a while. If
  they degrade, the thread says so.

What was done is read from the timeline, so that doing it twice is doing it once. The functions
are pure; `FollowUp` is the worker's handler for `follow:<request>` items.
"""

from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from bot.errors import AlibabaError
from bot.execution.context import StepContext
from bot.execution.regions import ROOM_AFTER, Regions
from bot.models import Connection, Event, EventKind, Request, RequestState, Tunnel
from bot.store import Claim

log = structlog.get_logger(__name__)

WATCH_EVERY = 30.0
"""Seconds between looks at a connection that nobody waits for."""

_REGION_STEPS = 4
"""How many connections of one region are looked at, at once: reminders have room besides."""

FIRST_REMINDER = 900.0
LONGEST_REMINDER = 24 * 3600.0
"""Reminders of a countersignature come ever later, at most a day apart; in seconds. One comes
when the time for it is over, and has this detail:"""
OVERDUE = "overdue"


class FollowUp:
    """Looks after requests that nobody is looking at."""

    def __init__(self, context: StepContext) -> None:
        """Work at `context`, in the background."""
        self._context = context
        self._regions = Regions(_REGION_STEPS)

    async def step(self, claim: Claim) -> float | None:
        """Do what is due; returns when something will be, None when nothing more will."""
        stored = await self._context.requests.get(claim.id)
        if stored is None:
            await self._context.requests.forget_unsigned(claim.id)
            return None
        request = stored.request
        if (at := nudge_at(request)) is not None:
            if claim.now < at:
                return at
            await self._context.change(claim, lambda r: nudge(r, claim.now))
            return None
        remind_at = reminder_at(request)
        if remind_at is not None and claim.now >= remind_at:
            request = await self._context.change(claim, lambda r: remind(r, claim.now))
            remind_at = reminder_at(request)
        watch_at = await self._watch(claim, request)
        return min((at for at in (remind_at, watch_at) if at is not None), default=None)

    async def lost(self, claim: Claim) -> None:
        """Nothing to do: whatever was seen or said twice is recorded once."""

    async def give_up(self, claim: Claim) -> float | None:
        """Nothing depends on it: look again much later."""
        return claim.now + LONGEST_REMINDER

    async def _watch(self, claim: Claim, request: Request) -> float | None:
        if not watched(request):
            return None
        if self._regions.full(request.region):
            return claim.now + ROOM_AFTER
        with self._regions.busy(request.region):
            return await self._look(claim, request)

    async def _look(self, claim: Claim, request: Request) -> float | None:
        try:
            seen = await self._context.background.connection(
                request.region, request.vpn_connection_id
            )
        except AlibabaError as error:
            log.info("watch_failed", request=request.id, code=error.code)
        else:
            request = await self._context.change(claim, lambda r: watch(r, claim.now, seen))
        if claim.now < request.ended_at + request.terms.watch:
            return claim.now + WATCH_EVERY
        await self._context.change(claim, lambda r: stop_watching(r, claim.now))
        return None


def nudge_at(request: Request) -> float | None:
    """When the approvers are to be nudged; None where they need not, or have been."""
    if request.state is not RequestState.PENDING or _said(request, EventKind.NUDGED):
        return None
    return (request.created_at + request.expires_at) / 2


def nudge(request: Request, at: float) -> Request:
    """Half the time is over: say so, once."""
    if nudge_at(request) is None:
        return request
    return _with(request, Event(kind=EventKind.NUDGED, at=at))


def reminder_at(request: Request) -> float | None:
    """When to remind of the countersignature next; None where none is owed."""
    if not request.glass_broken or request.countersigned:
        return None
    reminders = [e for e in request.timeline if e.kind is EventKind.REMINDED]
    pause = min(FIRST_REMINDER * 2.0 ** len(reminders), LONGEST_REMINDER)
    due = max([request.created_at, *(e.at for e in reminders)]) + pause
    told = any(OVERDUE in e.details for e in reminders)
    return due if told else min(due, _countersign_by(request))


def remind(request: Request, at: float) -> Request:
    """Say that the countersignature is still missing, and whether its time is over."""
    due = reminder_at(request)
    if due is None or at < due:
        return request
    late = at >= _countersign_by(request)
    event = Event(kind=EventKind.REMINDED, at=at, details={OVERDUE: "yes"} if late else {})
    return _with(request, event)


def _countersign_by(request: Request) -> float:
    return request.created_at + request.terms.countersign


def watched(request: Request) -> bool:
    """Whether the connection is still to be looked at for this request's sake."""
    changed = any(r.state.done for r in request.routes) and not request.state.open
    return changed and request.terms.watch > 0 and not _said(request, EventKind.WATCHED)


def watch(request: Request, at: float, seen: Connection) -> Request:
    """Note what has become worse than before the change, or that all is well again."""
    worse = degraded(request.snapshot.connection.tunnels, seen.tunnels)
    told = _degraded_so_far(request)
    if worse and worse != told:
        event = Event(kind=EventKind.DEGRADED, at=at, details={"what": worse})
    elif told and not worse:
        event = Event(kind=EventKind.RECOVERED, at=at)
    else:
        return request
    return _with(request, event)


def stop_watching(request: Request, at: float) -> Request:
    """The watch is over: say how it ended."""
    if not watched(request):
        return request
    known = "yes" if request.snapshot.connection.tunnels else ""
    details = {"degraded": _degraded_so_far(request), "known": known}
    return _with(request, Event(kind=EventKind.WATCHED, at=at, details=details))


def degraded(before: Sequence[Tunnel], now: Sequence[Tunnel]) -> str:
    """What was up before and is down now, in words; empty where nothing is worse."""
    was = {tunnel.id: tunnel for tunnel in before}
    words = []
    for tunnel in now:
        old = was.get(tunnel.id)
        if old is None:
            continue
        if old.up and tunnel.up is False:
            words.append(f"tunnel {tunnel.id} is down ({tunnel.status})")
        elif old.bgp_up and tunnel.bgp_up is False:
            words.append(f"BGP over tunnel {tunnel.id} is down ({tunnel.bgp_status})")
    return ", ".join(words)


def _degraded_so_far(request: Request) -> str:
    kinds = (EventKind.DEGRADED, EventKind.RECOVERED)
    latest = next((e for e in reversed(request.timeline) if e.kind in kinds), None)
    return latest.details.get("what", "") if latest else ""


def _said(request: Request, kind: EventKind) -> bool:
    return any(event.kind is kind for event in request.timeline)


def _with(request: Request, event: Event) -> Request:
    return replace(request, timeline=(*request.timeline, event))
