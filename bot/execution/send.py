"""Before and at the send.

A send is always preceded by four things: the recorded approval still holds, the routes have
just been read and are what was approved, the token with its exact parameters is stored, and that
is on as many replicas as is asked for.
A send that was never answered is never simply repeated: first its effect is read.
"""

import structlog

from bot import lifecycle
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    Busy,
    NotSent,
    OutcomeUnknown,
    Refused,
    Rejected,
    SealBroken,
    SlackError,
    SlackRateLimited,
    StoreUnavailable,
    StoreWentBack,
    Throttled,
)
from bot.execution.cause import cause
from bot.execution.cloud import Cloud
from bot.execution.context import (
    NOT_ATTACHED,
    QUOTA,
    StepContext,
    failure,
    give_up,
    in_hand,
    retry_backoff,
)
from bot.execution.reading import Reading
from bot.lifecycle import route_change
from bot.lifecycle.route_change import MOOT
from bot.metrics import SEALS_BROKEN
from bot.models import (
    Connection,
    Failure,
    Operation,
    Request,
    RouteChange,
    RouteKind,
    WaitCause,
)
from bot.policy import approved_by
from bot.preview.snapshot import drift
from bot.store import Claim

log = structlog.get_logger(__name__)

_PASSING = frozenset({"init", "provisioning", "attaching", "attached", "updating", "upgrading"})
"""States of a connection that end in `attached` by themselves (vco-api: State)."""

_READ_AFTER_LOSS = 1.0

_NOT_REPLICATED = "The replicas of the database do not have the record of this yet."
SILENCE_SECONDS = 60.0
"""For how long a send waits for Slack to say whether the approvers are still there."""

_SILENT = "SlackSilent"

NOT_RECHECKED = "the approvers could not be looked at again: Slack did not answer"


async def step(context: StepContext, claim: Claim, request: Request) -> float | None:
    """Bring the route in hand one step closer to a send that was answered."""
    if in_hand(request).in_flight:
        # Somebody stored this and did not live to see the answer.
        request = await context.change(
            claim, lambda r: route_change.lose(r, claim.now, "WorkerStopped")
        )
    if claim.now > context.deadline(request):
        return await context.too_late(claim)
    try:
        reading = await context.read(request, bgp=True)
    except Rejected as error:
        if in_hand(request).outcome_unknown:
            return await context.wait(claim, error)
        await context.fail(claim, failure(error))
        return None
    except AlibabaError as error:
        return await context.wait(claim, error)
    if in_hand(request).outcome_unknown:
        request = await context.observe(claim, request, reading)
    return await _after_reading(context, claim, request, reading)


async def _after_reading(
    context: StepContext, claim: Claim, request: Request, reading: Reading
) -> float | None:
    """Wait, watch, void, or send."""
    route = in_hand(request)
    if not reading.connection.attached:
        return await _not_attached(context, claim, request, reading.connection)
    changed = _drift(request, reading)
    if route.outcome_unknown and (changed or await _window_over(context, route)):
        # The first send may have worked, and may not be repeated any more.
        await context.change(claim, route_change.watch)
        return claim.now
    if changed:
        log.info("drift", changed=changed)
        at = await context.lately()
        untouched = _untouched(request, reading)
        by = await cause(context.requests, request)
        await context.change(
            claim, lambda r: lifecycle.drift(r, at, changed, by=by, untouched=untouched)
        )
        return None
    return await _send(context, claim, request)


async def _window_over(context: StepContext, route: RouteChange) -> bool:
    """Whether the token may not be sent any more.

    By now, not by when the step began: the reading may have taken long.
    """
    return await context.now() - route.first_sent_at > context.limits.token_window


async def _send(context: StepContext, claim: Claim, request: Request) -> float | None:
    try:
        approved_by(request)
        silent_until = await _recheck_approvers(context, claim, request)
    except Refused as refusal:
        return await _refused(context, claim, request, refusal.problem)
    if silent_until is not None:
        return silent_until
    return await _record_and_call(context, claim, request)


async def _record_and_call(context: StepContext, claim: Claim, request: Request) -> float | None:
    """Take a place in the quota, record the send, and send."""
    if wait := await context.change_quota.reserve(request):
        return await _wait_for_quota(context, claim, request, wait)
    at = await context.lately()
    try:
        request = await context.change(claim, lambda r: route_change.send(r, at), sealed=True)
    except SealBroken as error:
        await _unsealed(context, claim, error)
        return None
    if not in_hand(request).in_flight:
        # Somebody stopped it while this step was on its way: nothing is recorded, nothing is sent.
        log.info("stopped_before_send", request=request.id)
        return None
    try:
        await context.requests.secured(request)
    except StoreWentBack:
        raise
    except StoreUnavailable as error:
        # A failover could forget the approval and this send, and nobody would watch it.
        log.warning("not_replicated", error=str(error))
        behind = NotSent("NotReplicated", meaning=_NOT_REPLICATED)
        return await context.wait(claim, behind, WaitCause.REPLICAS)
    route = in_hand(request)
    try:
        alibaba_id = await _call(context.cloud, request, route)
    except AlibabaError as error:
        return await _call_failed(context, claim, request, error)
    at = await context.lately()
    request = await context.change(claim, lambda r: route_change.accept(r, at, alibaba_id))
    return await context.next_poll(request, at)


async def _recheck_approvers(context: StepContext, claim: Claim, request: Request) -> float | None:
    """Check the approvers again; returns when to go on where Slack is silent for now.

    Silent for long, it holds nothing up: what is on record satisfied the policy when Slack was
    asked for the decision. That it was not asked again is in the timeline.

    Raises:
        Refused: The policy or Slack says no.
    """
    if context.recheck is None:
        return None
    try:
        await context.recheck.check(request, claim.now)
    except SlackError as error:
        waited_for = await _slack_silent(context, claim, request, error)
        if waited_for is None:
            log.warning("approver_recheck_failed", error=str(error))
        return waited_for
    return None


async def _slack_silent(
    context: StepContext, claim: Claim, request: Request, error: SlackError
) -> float | None:
    at, most = await context.lately(), min(SILENCE_SECONDS, context.limits.operation / 4)
    if any(e.details.get("what") == NOT_RECHECKED for e in request.timeline):
        return None
    said = (e.at for e in request.timeline if e.details.get("code") == _SILENT)
    until = next(said, at) + most
    if at >= until:
        await context.change(claim, lambda r: lifecycle.trouble(r, at, NOT_RECHECKED))
        return None
    meaning = "Slack does not say whether the approvers are still there."
    request = await context.change(
        claim, lambda r: route_change.wait(r, at, _SILENT, meaning, WaitCause.SLACK)
    )
    asked = error.retry_after if isinstance(error, SlackRateLimited) else 0.0
    return min(at + max(retry_backoff(request), asked), until)


async def _refused(context: StepContext, claim: Claim, request: Request, why: str) -> float | None:
    """Send nothing (more): what an unanswered send has done is found by looking."""
    if in_hand(request).outcome_unknown:
        await context.change(claim, route_change.watch)
        return claim.now
    log.warning("approval_void", why=why)
    await context.change(claim, lambda r: lifecycle.drift(r, claim.now, why, untouched=True))
    return None


async def _unsealed(context: StepContext, claim: Claim, error: SealBroken) -> None:
    """Send nothing for a record that is not ours."""
    why = str(error)
    log.error("seal_broken", request=claim.id, why=why)
    SEALS_BROKEN.labels("request").inc()
    at = await context.lately()
    failure = Failure(
        code="SealBroken",
        meaning=f"The record of this request can't be trusted, so nothing was sent. {why}",
        next_step="Tell the bot's operator, and ask anew.",
    )
    await context.change(claim, lambda r: give_up(r, at, failure))


async def _wait_for_quota(
    context: StepContext, claim: Claim, request: Request, wait: float
) -> float | None:
    """Sleep until the place that is reserved is free; nobody else waits for it."""
    at = await context.lately()
    meaning = f"Its turn in the quota of changes in {request.region} comes in {wait:.0f} s."
    request = await context.change(
        claim, lambda r: route_change.wait(r, at, QUOTA, meaning, WaitCause.QUOTA)
    )
    return min(at + wait, max(context.deadline(request), at))


async def _call(cloud: Cloud, request: Request, route: RouteChange) -> str:
    """The one call of a step that changes anything; returns Alibaba's request id."""
    ask = cloud.delete_route if request.operation is Operation.DELETE else cloud.create_route
    return await ask(
        request.region,
        route.route,
        client_token=route.client_token,
        overlay_mode=request.overlay_mode,
    )


async def _call_failed(
    context: StepContext, claim: Claim, request: Request, error: AlibabaError
) -> float | None:
    route, at = in_hand(request), await context.lately()
    match error:
        case OutcomeUnknown():
            await context.change(claim, lambda r: route_change.lose(r, at, error.code))
            return at + _READ_AFTER_LOSS
        case Throttled() | Busy() if error.perhaps_done:
            # Busy with what is known to be unanswered already is no news.
            if isinstance(error, Throttled) or not route.outcome_unknown:
                await context.change(claim, lambda r: route_change.lose(r, at, error.code))
            return await context.wait(claim, error)
        case AlreadyGone() | AlreadyThere() | Rejected() if route.outcome_unknown:
            # An earlier send may have worked: what is true is found by reading.
            await context.change(claim, route_change.watch)
            return at
        case AlreadyGone() | AlreadyThere():
            state, why = MOOT[request.operation], failure(error)
            await context.change(claim, lambda r: route_change.end(r, at, state, why))
            return None
        case Rejected():
            await context.fail(claim, failure(error))
            return None
        case _:
            return await context.wait(claim, error)


async def _not_attached(
    context: StepContext, claim: Claim, request: Request, seen: Connection
) -> float | None:
    code = f"{NOT_ATTACHED}{seen.state}"
    if seen.state in _PASSING or in_hand(request).outcome_unknown:
        meaning = f"The connection is {seen.state}."
        request = await context.change(
            claim, lambda r: route_change.wait(r, claim.now, code, meaning, WaitCause.BUSY)
        )
        return claim.now + retry_backoff(request)
    why = Failure(
        code=code,
        meaning=f"The connection is {seen.state}: its routes can't be changed in that state.",
        next_step="Mend the connection first, then ask again. Nothing was sent for this route.",
    )
    await context.fail(claim, why)
    return None


def _drift(request: Request, reading: Reading) -> str | None:
    done = [r.route for r in request.routes if r.state.done]
    return drift(
        request.snapshot, reading.connection, reading.listed, done=done, operation=request.operation
    )


def _untouched(request: Request, reading: Reading) -> bool:
    """Whether each route that is not done is still as it was: there, or still missing."""
    there = {live.route for live in reading.listed.routes if live.kind is RouteKind.CUSTOM}
    wanted = request.operation is Operation.DELETE
    return all((r.route in there) is wanted for r in request.routes if not r.state.done)
