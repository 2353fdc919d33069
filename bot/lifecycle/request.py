"""The state machine of a request: pure transitions from one record to the next.

Each function takes the record as it is and returns it as it should be, with the event that
tells of it; it returns the very same object where there is nothing to do, so that applying
it twice is applying it once.

    pending ─► approved ─► executing ─► deleted | failed | unconfirmed
       │           └───────────┴► void (drift) | cancelled (stopped): nothing was accepted yet
       └► rejected | expired | cancelled
"""

import base64
import hashlib

from msgspec.structs import replace

from bot.lifecycle import route_change
from bot.models import (
    Decision,
    Draft,
    Event,
    EventKind,
    Failure,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    Snapshot,
    Terms,
    Verdict,
)


def request_id(seed: str) -> str:
    """A request's id, derived from the delivery that asked for it: asked twice, stored once."""
    digest = hashlib.sha256(seed.encode()).digest()
    return "r-" + base64.b32encode(digest)[:10].decode().lower()


def new_request(  # noqa: PLR0913 - the facts that make a request, each named at the call
    *,
    id: str,  # noqa: A002 - the field's name
    draft: Draft,
    snapshot: Snapshot,
    requester: str,
    channel: str,
    at: float,
    terms: Terms,
) -> Request:
    """A new pending request for what `snapshot` shows; one that breaks the glass is approved."""
    request = Request(
        id=id,
        region=draft.region,
        vpn_connection_id=draft.vpn_connection_id,
        requester=requester,
        channel=channel,
        created_at=at,
        expires_at=at + terms.expiry,
        snapshot=snapshot,
        routes=tuple(RouteChange(route=t.route) for t in snapshot.targets),
        reason=draft.reason,
        overlay_mode=draft.overlay_mode,
        operation=draft.operation,
        origin=draft.origin,
        terms=terms,
        timeline=(
            Event(kind=EventKind.SUBMITTED, at=at, by=requester, details={"rule": terms.rule}),
        ),
    )
    if not draft.break_glass:
        return request
    alone = Decision(verdict=Verdict.BROKE_GLASS, by=requester, at=at, reason=draft.reason)
    return record_decision(request, alone)


_DECIDED = {
    Verdict.APPROVED: RequestState.APPROVED,
    Verdict.BROKE_GLASS: RequestState.APPROVED,
    Verdict.REJECTED: RequestState.REJECTED,
    Verdict.EXPIRED: RequestState.EXPIRED,
    Verdict.CANCELLED: RequestState.CANCELLED,
}


def record_decision(request: Request, decision: Decision, terms: Terms | None = None) -> Request:
    """Record a decision on a pending request; for any other state, or a second time, no-op.

    Approvals count until there are as many as `terms` (as they are now; those on record where
    none are given) ask for. Every other verdict is final: the first one wins.
    """
    if request.state is not RequestState.PENDING or decision.verdict not in _DECIDED:
        return request
    if decision.verdict is Verdict.APPROVED and decision.by in request.approvers:
        return request
    decided = _recorded(replace(request, terms=terms or request.terms), decision)
    if decision.verdict is Verdict.APPROVED and missing(decided):
        return decided
    state = _DECIDED[decision.verdict]
    ended_at = 0.0 if state.open else decision.at
    return replace(decided, state=state, ended_at=ended_at, why=decision.reason)


def demand(request: Request, terms: Terms, at: float) -> Request:
    """Ask for more than before, because the policy does, as long as nobody has decided."""
    undecided = request.state is RequestState.PENDING and not request.decisions
    # That a rule is called otherwise asks for nothing.
    if not undecided or replace(terms, rule=request.terms.rule) == request.terms:
        return request
    details = {"rule": terms.rule, "approvals": str(terms.approvals)}
    event = Event(kind=EventKind.TERMS_CHANGED, at=at, details=details)
    return replace(request, terms=terms, timeline=(*request.timeline, event))


def missing(request: Request) -> int:
    """How many more people have to approve."""
    return max(0, request.terms.approvals - len(request.approvers))


def stop(request: Request, decision: Decision) -> Request:
    """Record that what was approved is not to be done after all.

    A no-op where anything was accepted, or may have been: a send that has no answer yet, or whose
    answer was lost, an earlier route that is deleted.
    """
    if not request.stoppable:
        return request
    stopped = _recorded(_left_alone(request), decision)
    return replace(stopped, state=RequestState.CANCELLED, ended_at=decision.at, why=decision.reason)


def _left_alone(request: Request) -> Request:
    """Nothing is under way for its routes any more: what was sent was refused."""
    sending = RouteState.SENDING
    routes = (
        replace(r, state=RouteState.QUEUED) if r.state is sending else r for r in request.routes
    )
    return replace(request, routes=tuple(routes))


def countersign(request: Request, decision: Decision) -> Request:
    """Record, once, that an approver has looked at a request that broke the glass."""
    if not request.glass_broken or request.countersigned:
        return request
    return _recorded(request, decision)


def _recorded(request: Request, decision: Decision) -> Request:
    event = Event(
        kind=EventKind(decision.verdict.value),
        at=decision.at,
        by=decision.by,
        details={"reason": decision.reason} if decision.reason else {},
    )
    return replace(
        request,
        decisions=(*request.decisions, decision),
        timeline=(*request.timeline, event),
    )


def drift(
    request: Request, at: float, changed: str, *, by: str = "", untouched: bool = False
) -> Request:
    """What was approved is no longer so: void, or failed where something was accepted already.

    `by`: the id of the request that changed it, where it was one; `untouched`: the routes
    themselves are still as they were.
    """
    if request.state not in (RequestState.APPROVED, RequestState.EXECUTING):
        return request
    details = {"changed": changed} | ({"untouched": "yes"} if untouched else {})
    details |= {_BY: by} if by else {}
    event = Event(kind=EventKind.DRIFTED, at=at, details=details)
    if any(r.perhaps_accepted for r in request.routes):
        failure = Failure(
            code="Drift",
            meaning=changed,
            next_step="We changed nothing for this route. Ask again to see it as it is now.",
        )
        noted = request.with_event(event)
        return route_change.end(noted, at, RouteState.FAILED, failure)
    return replace(
        _left_alone(request),
        state=RequestState.VOID,
        timeline=(*request.timeline, event),
        ended_at=at,
        why=changed,
    )


def voided_by(request: Request) -> str:
    """The id of the request that changed what was approved of this one; empty: none is known."""
    drifted = (e for e in reversed(request.timeline) if e.kind is EventKind.DRIFTED)
    event = next(drifted, None)
    return event.details.get(_BY, "") if event else ""


_BY = "by_request"
"""The detail of a drift that names the request that caused it."""


def trouble(request: Request, at: float, what: str) -> Request:
    """Note, once, that somebody has to look at this."""
    if any(e.kind is EventKind.TROUBLE and e.details.get("what") == what for e in request.timeline):
        return request
    event = Event(kind=EventKind.TROUBLE, at=at, details={"what": what})
    return request.with_event(event)
