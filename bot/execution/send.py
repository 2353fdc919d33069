"""Before and at the send.

A send is always preceded by four things: the recorded approval still holds, the routes have
just been read and are what was approved, the token with its exact parameters is stored, and that
is on as many replicas as is asked for.
A send that was never answered is never simply repeated: first it is looked at what it did.
"""

import structlog

from bot import lifecycle
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    NotSent,
    OutcomeUnknown,
    Refused,
    Rejected,
    SealBroken,
    SlackError,
    SlackRateLimited,
    StoreUnavailable,
    Throttled,
)
from bot.execution.cloud import Cloud
from bot.execution.context import Bench, failure, give_up, in_hand, patience
from bot.execution.reading import Reading
from bot.lifecycle import route_change
from bot.lifecycle.proof import next_poll
from bot.lifecycle.route_change import MOOT
from bot.metrics import SEALS_BROKEN
from bot.models import (
    Connection,
    Failure,
    Operation,
    Request,
    RouteChange,
)
from bot.policy import approved_by
from bot.preview.snapshot import drift
from bot.store import Claim

log = structlog.get_logger(__name__)

_PASSING = frozenset({"init", "provisioning", "attaching", "attached", "updating", "upgrading"})
"""States of a connection that end in `attached` by themselves (vco-api: State)."""

_LOOK_AFTER_LOSS = 1.0

_NOT_REPLICATED = "The replicas of the database do not have the record of this yet."
SILENCE_SECONDS = 60.0
"""For how long a send waits for Slack to say whether the approvers are still there."""

_SILENT = "SlackSilent"

NOT_LOOKED_AGAIN = "the approvers could not be looked at again: Slack did not answer"


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
        look = await bench.look(request, bgp=True)
    except Rejected as error:
        if in_hand(request).outcome_unknown:
            return await bench.wait(claim, error)
        await bench.fail(claim, failure(error))
        return None
    except AlibabaError as error:
        return await bench.wait(claim, error)
    if in_hand(request).outcome_unknown:
        request = await bench.observe(claim, request, look)
    return await _having_looked(bench, claim, request, look)


async def _having_looked(
    bench: Bench, claim: Claim, request: Request, look: Reading
) -> float | None:
    """Wait, watch, void, or send."""
    route = in_hand(request)
    if not look.connection.attached:
        return await _not_attached(bench, claim, request, look.connection)
    changed = _drift(request, look)
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
        silent_until = await _look_again(bench, claim, request)
    except Refused as refusal:
        return await _not_any_more(bench, claim, request, refusal.problem)
    if silent_until is not None:
        return silent_until
    return await _record_and_call(bench, claim, request)


async def _record_and_call(bench: Bench, claim: Claim, request: Request) -> float | None:
    """Take a place in the quota, record the send, and send."""
    if wait := await bench.places.reserve(request):
        return await _wait_for_place(bench, claim, request, wait)
    at = await bench.now()
    try:
        request = await bench.change(claim, lambda r: route_change.send(r, at), sealed=True)
    except SealBroken as error:
        await _unsealed(bench, claim, error)
        return None
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


async def _look_again(bench: Bench, claim: Claim, request: Request) -> float | None:
    """Look at the approvers again; returns when to go on where Slack is silent for now.

    Silent for long, it holds nothing up: what is on record satisfied the policy when Slack was
    asked for the decision. That it was not asked again is told.

    Raises:
        Refused: The policy or Slack says no.
    """
    if bench.recheck is None:
        return None
    try:
        await bench.recheck.check(request, claim.now)
    except SlackError as error:
        waited_for = await _slack_is_silent(bench, claim, request, error)
        if waited_for is None:
            log.warning("approvers_not_looked_at_again", error=str(error))
        return waited_for
    return None


async def _slack_is_silent(
    bench: Bench, claim: Claim, request: Request, error: SlackError
) -> float | None:
    at, most = await bench.now(), min(SILENCE_SECONDS, bench.limits.operation / 4)
    if any(e.details.get("what") == NOT_LOOKED_AGAIN for e in request.timeline):
        return None
    said = (e.at for e in request.timeline if e.details.get("code") == _SILENT)
    until = next(said, at) + most
    if at >= until:
        await bench.change(claim, lambda r: lifecycle.trouble(r, at, NOT_LOOKED_AGAIN))
        return None
    meaning = "Slack does not say whether the approvers are still there."
    request = await bench.change(claim, lambda r: route_change.wait(r, at, _SILENT, meaning))
    asked = error.retry_after if isinstance(error, SlackRateLimited) else 0.0
    return min(at + max(patience(request), asked), until)


async def _not_any_more(bench: Bench, claim: Claim, request: Request, why: str) -> float | None:
    """Send nothing (more): what an unanswered send has done is found by looking."""
    if in_hand(request).outcome_unknown:
        await bench.change(claim, route_change.watch)
        return claim.now
    log.warning("approval_void", why=why)
    await bench.change(claim, lambda r: lifecycle.drift(r, claim.now, why))
    return None


async def _unsealed(bench: Bench, claim: Claim, error: SealBroken) -> None:
    """Send nothing for a record that is not ours."""
    why = str(error)
    log.error("seal_broken", request=claim.id, why=why)
    SEALS_BROKEN.labels("request").inc()
    at = await bench.now()
    failure = Failure(
        code="SealBroken",
        meaning=f"The record of this request can't be trusted, so nothing was sent. {why}",
        next_step="Tell the bot's operator, and ask anew.",
    )
    await bench.change(claim, lambda r: give_up(r, at, failure))


async def _wait_for_place(
    bench: Bench, claim: Claim, request: Request, wait: float
) -> float | None:
    """Sleep until the place that is reserved is free; nobody else waits for it."""
    at = await bench.now()
    meaning = f"Its turn in the quota of changes in {request.region} comes in {wait:.0f} s."
    request = await bench.change(claim, lambda r: route_change.wait(r, at, "Quota", meaning))
    return min(at + wait, max(bench.deadline(request), at))


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


def _drift(request: Request, look: Reading) -> str | None:
    done = [r.route for r in request.routes if r.state.done]
    return drift(
        request.snapshot, look.connection, look.listed, done=done, operation=request.operation
    )
