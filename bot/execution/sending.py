"""Before and at the send.

A send is always preceded by four things: the recorded approval still holds, the routes have
just been read and are what was approved, the token with its exact parameters is stored, and that
is on as many replicas as is asked for.
A send that was never answered is never simply repeated: first it is looked at what it did.
"""

from collections.abc import Sequence

import structlog

from bot import lifecycle, route_change
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    NotSent,
    OutcomeUnknown,
    Refused,
    Rejected,
    StoreUnavailable,
    Throttled,
)
from bot.execution.bench import Bench, failure, in_hand, patience
from bot.execution.cloud import Cloud
from bot.models import (
    Connection,
    Failure,
    LiveRoute,
    Operation,
    Request,
    RouteChange,
)
from bot.policy import approved_by
from bot.preview import drift
from bot.route_change import MOOT
from bot.store import Claim
from bot.watching import next_poll

log = structlog.get_logger(__name__)

_PASSING = frozenset({"init", "provisioning", "attaching", "attached", "updating", "upgrading"})
"""States of a connection that end in `attached` by themselves (vco-api: State)."""

_LOOK_AFTER_LOSS = 1.0

_NOT_REPLICATED = "The replicas of the database do not have the record of this yet."


async def step(bench: Bench, claim: Claim, request: Request) -> float | None:
    """Bring the route in hand one step closer to a send that was answered."""
    if in_hand(request).in_flight:
        # Somebody stored this and did not live to see the answer.
        request = await bench.change(
            claim, lambda r: route_change.lose(r, claim.now, "WorkerStopped")
        )
    if claim.now > bench.deadline(request):
        return await bench.too_late(claim)
    try:
        seen, live = await bench.look(request)
    except Rejected as error:
        if in_hand(request).outcome_unknown:
            return await bench.wait(claim, error)
        await bench.fail(claim, failure(error))
        return None
    except AlibabaError as error:
        return await bench.wait(claim, error)
    if in_hand(request).outcome_unknown:
        request = await bench.observe(claim, request, seen, live)
    return await _having_looked(bench, claim, request, seen, live)


async def _having_looked(
    bench: Bench,
    claim: Claim,
    request: Request,
    seen: Connection,
    live: Sequence[LiveRoute],
) -> float | None:
    """Wait, watch, void, or send."""
    route = in_hand(request)
    if not seen.attached:
        return await _not_attached(bench, claim, request, seen)
    changed = _drift(request, seen, live)
    # By now, not by when the step began: the look may have taken long.
    window_over = await bench.now() - route.first_sent_at > bench.limits.token_window
    if route.outcome_unknown and (changed or window_over):
        # The first send may have worked, and may not be repeated any more.
        await bench.change(claim, route_change.watch)
        return claim.now
    if changed:
        log.info("drift", changed=changed)
        at = await bench.now()
        await bench.change(claim, lambda r: lifecycle.drift(r, at, changed))
        return None
    return await _send(bench, claim, request)


async def _send(bench: Bench, claim: Claim, request: Request) -> float | None:
    try:
        approved_by(request)
    except Refused as refusal:
        problem = refusal.problem
        await bench.change(claim, lambda r: lifecycle.drift(r, claim.now, problem))
        return None
    try:
        await bench.cloud.admit(request.region, request.operation)
    except AlibabaError as error:
        return await bench.wait(claim, error)
    at = await bench.now()
    request = await bench.change(claim, lambda r: route_change.send(r, at))
    try:
        await bench.requests.secured()
    except StoreUnavailable as error:
        # A failover could forget the approval and this send, and nobody would watch it.
        log.warning("not_replicated", error=str(error))
        return await bench.wait(claim, NotSent("NotReplicated", meaning=_NOT_REPLICATED))
    route = in_hand(request)
    try:
        alibaba_id = await _call(bench.cloud, request, route)
    except AlibabaError as error:
        return await _answered_no(bench, claim, request, error)
    at = await bench.now()
    await bench.change(claim, lambda r: route_change.accept(r, at, alibaba_id))
    return at + next_poll(0.0, bench.limits.operation)


async def _call(cloud: Cloud, request: Request, route: RouteChange) -> str:
    """The one call of a step that changes anything; returns Alibaba's request id."""
    ask = cloud.delete_route if request.operation is Operation.DELETE else cloud.create_route
    return await ask(
        request.region,
        route.route,
        client_token=route.client_token,
        overlay_mode=request.overlay_mode,
    )


async def _answered_no(
    bench: Bench, claim: Claim, request: Request, error: AlibabaError
) -> float | None:
    route, at = in_hand(request), await bench.now()
    match error:
        case OutcomeUnknown():
            await bench.change(claim, lambda r: route_change.lose(r, at, error.code))
            return at + _LOOK_AFTER_LOSS
        case Throttled() if error.perhaps_done:
            await bench.change(claim, lambda r: route_change.lose(r, at, error.code))
            return await bench.wait(claim, error)
        case AlreadyGone() | AlreadyThere() | Rejected() if route.outcome_unknown:
            # An earlier send may have worked: what is true is found by reading.
            await bench.change(claim, route_change.watch)
            return at
        case AlreadyGone() | AlreadyThere():
            state, why = MOOT[request.operation], failure(error)
            await bench.change(claim, lambda r: route_change.end(r, at, state, why))
            return None
        case Rejected():
            await bench.fail(claim, failure(error))
            return None
        case _:
            return await bench.wait(claim, error)


async def _not_attached(
    bench: Bench, claim: Claim, request: Request, seen: Connection
) -> float | None:
    code = f"connection {seen.state}"
    if seen.state in _PASSING or in_hand(request).outcome_unknown:
        meaning = f"The connection is {seen.state}."
        request = await bench.change(
            claim, lambda r: route_change.wait(r, claim.now, code, meaning)
        )
        return claim.now + patience(request)
    why = Failure(
        code=code,
        meaning=f"The connection is {seen.state}: its routes can't be changed in that state.",
        next_step="Mend the connection first, then ask again. Nothing was sent for this route.",
    )
    await bench.fail(claim, why)
    return None


def _drift(request: Request, seen: Connection, live: Sequence[LiveRoute]) -> str | None:
    done = [r.route for r in request.routes if r.state.done]
    return drift(request.snapshot, seen, live, done=done, operation=request.operation)
