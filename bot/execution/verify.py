"""After the send: watch until the change is proven; reconcile what could not be proven."""

import structlog

from bot import lifecycle
from bot.errors import AlibabaError
from bot.execution.context import StepContext, in_hand, observation
from bot.execution.reading import Reading, StillReading
from bot.lifecycle import route_change
from bot.lifecycle.proof import (
    NO_LONGER_CHECKED,
    RECONCILE_SECONDS,
    next_reconcile,
    proven,
)
from bot.lifecycle.route_change import DONE
from bot.models import Request, RequestState, RouteState
from bot.store import Claim

log = structlog.get_logger(__name__)


async def step(context: StepContext, claim: Claim, request: Request) -> float | None:
    """Read the route of this step again: is its change proven?"""
    try:
        reading = await context.read(request, bgp=False)
    except StillReading:
        if claim.now > context.deadline(request):
            return await context.too_late(claim)
        raise
    except AlibabaError as error:
        if claim.now > context.deadline(request):
            return await context.too_late(claim)
        return await context.wait(claim, error)
    route, at = in_hand(request), await context.lately()
    seen, number = observation(reading, route.route), request.current

    def observed(request: Request) -> Request:
        request = route_change.observe(request, at, seen)
        if proven(in_hand(request).watch):
            return route_change.end(request, at, DONE[request.operation])
        return request

    request = await context.change(claim, observed)
    if request.current != number:
        await context.took(request, route, at)
        return at if request.state.open else None
    if at > context.deadline(request):
        return await context.too_late(claim)
    return await context.next_poll(request, at)


async def reconcile(context: StepContext, claim: Claim, request: Request) -> float | None:
    """Read again what is unconfirmed; the connection's queue has long gone on."""
    since = claim.now - request.ended_at
    if since > RECONCILE_SECONDS:
        await context.change(claim, lambda r: lifecycle.trouble(r, claim.now, NO_LONGER_CHECKED))
        return None
    try:
        reading = await context.read(request, bgp=False, background=True)
    except AlibabaError as error:
        log.info("reconcile_failed", code=error.code)
        return claim.now + next_reconcile(since)
    for index, route in enumerate(request.routes):
        if route.state is RouteState.UNCONFIRMED:
            request = await _reconcile_route(context, claim, index, reading)
    if request.state is not RequestState.UNCONFIRMED:
        return None
    return claim.now + next_reconcile(since)


async def _reconcile_route(
    context: StepContext, claim: Claim, index: int, reading: Reading
) -> Request:
    def change(request: Request) -> Request:
        seen = observation(reading, request.routes[index].route)
        request = route_change.observe_unconfirmed(request, claim.now, index, seen)
        if proven(request.routes[index].watch):
            return route_change.confirm(request, claim.now, index)
        return request

    return await context.change(claim, change)
