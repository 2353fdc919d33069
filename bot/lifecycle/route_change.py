"""The life of one route within its request: pure transitions, like those of `bot.lifecycle`.

    queued ─► sending ─► deleting  ─► deleted  | already_gone  | failed | unconfirmed
                       restoring ─► restored | already_there | failed | unconfirmed

They work on the route in hand of an approved request, the first one that has not ended, and
end the request with its last route. Applied twice they change nothing the second time, but for
`wait`, `observe` and `observe_unconfirmed`: these count what happened, once for each time it did.
"""

import hashlib
from collections.abc import Iterable

from msgspec.structs import replace

from bot.lifecycle.proof import fold
from bot.models import (
    Event,
    EventKind,
    Failure,
    Observation,
    Operation,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    VcoRoute,
    WaitCause,
)

DOING = {Operation.DELETE: RouteState.DELETING, Operation.RESTORE: RouteState.RESTORING}
DONE = {Operation.DELETE: RouteState.DELETED, Operation.RESTORE: RouteState.RESTORED}
MOOT = {Operation.DELETE: RouteState.ALREADY_GONE, Operation.RESTORE: RouteState.ALREADY_THERE}
"""The states of a route under way, proven, and found to need nothing, by what is done to it."""

NOT_SENT = Failure(
    code="NotSent",
    meaning="Nothing was sent for this route, because an earlier route did not end well.",
    next_step="Look at the earlier route first, then ask for this one again.",
)


def client_token(request: str, route: VcoRoute) -> str:
    """The idempotency token of one route of one request: 44 ASCII characters (at most 64)."""
    parts = (request, route.vpn_connection_id, route.route_dest, route.next_hop, str(route.weight))
    return "vco-" + hashlib.sha256("|".join(parts).encode()).hexdigest()[:40]


def start(request: Request, at: float) -> Request:
    """Note when work on the current route began: its deadline counts from here.

    It is written with the first thing that is: a send, or why there is none yet; or by itself,
    where a reading takes longer than a step.
    """
    route = _current(request)
    if route is None or route.started_at:
        return request
    return _with(request, replace(route, started_at=at))


def send(request: Request, at: float) -> Request:
    """What is stored before a send: the token, and that an answer is awaited."""
    request = start(request, at)
    route = _current(request)
    if route is None or route.in_flight:
        return request
    token = route.client_token or client_token(request.id, route.route)
    sending = replace(
        route,
        state=RouteState.SENDING,
        client_token=token,
        first_sent_at=route.first_sent_at or at,
        sends=route.sends + 1,
        in_flight=True,
    )
    details = {"client_token": token, "attempt": str(sending.sends)}
    if route.outcome_unknown:
        details["unanswered"] = "yes"
    event = Event(kind=EventKind.SENDING, at=at, route=route.route, details=details)
    return _with(replace(request, state=RequestState.EXECUTING), sending, event)


def accept(request: Request, at: float, alibaba_request_id: str) -> Request:
    """The API took the change on: poll it from here."""
    route = _current(request)
    if route is None or route.state is not RouteState.SENDING:
        return request
    details = {"client_token": route.client_token, "alibaba_request_id": alibaba_request_id}
    event = Event(kind=EventKind.SENT, at=at, route=route.route, details=details)
    doing = replace(
        route,
        state=DOING[request.operation],
        alibaba_request_id=alibaba_request_id,
        in_flight=False,
    )
    return _with(request, doing, event)


def deadline(request: Request, operation: float) -> float:
    """When the route in hand must be proven, having `operation` seconds; 0 before it is begun.

    A change taken on late has its whole time.
    """
    route = request.routes[-1 if request.current is None else request.current]
    began = perhaps_accepted_at(request, route) or route.first_sent_at or route.started_at
    return began + operation if began else 0.0


def perhaps_accepted_at(request: Request, route: RouteChange) -> float:
    """When the latest send was answered that was accepted or may have been; 0 before that.

    Until then nothing of ours can be at work. What may have been accepted is sent again only
    within the token's window, so this moves no further.
    """
    answers = (EventKind.SENT, EventKind.ANSWER_LOST)
    answered = (e.at for e in request.timeline if e.kind in answers and e.route == route.route)
    return max(answered, default=0.0)


def watch(request: Request) -> Request:
    """Send no more: only poll what an unanswered send has done."""
    route = _current(request)
    if route is None or route.state is not RouteState.SENDING:
        return request
    return _with(request, replace(route, state=DOING[request.operation], in_flight=False))


def wait(
    request: Request, at: float, code: str, meaning: str = "", cause: WaitCause = WaitCause.OTHER
) -> Request:
    """The API did nothing and the step waits; one event for each cause in a row.

    The attempts in between don't end a row: a connection that is busy for long makes one event.
    """
    request = start(request, at)
    route = _current(request)
    if route is None:
        return request
    waiting = replace(route, in_flight=False, waits=route.waits + 1)
    quiet = (EventKind.SENDING, EventKind.OBSERVED)
    loud = (e for e in reversed(request.timeline) if e.kind not in quiet)
    last = next(loud, None)
    if last is not None and (last.kind, last.route, last.details.get("code")) == (
        EventKind.WAITING,
        route.route,
        code,
    ):
        return _with(request, waiting)
    details = {"code": code, "meaning": meaning, "cause": cause.value}
    if route.outcome_unknown:
        details["unanswered"] = "yes"
    return _with(
        request, waiting, Event(kind=EventKind.WAITING, at=at, route=route.route, details=details)
    )


def lose(request: Request, at: float, code: str) -> Request:
    """The answer to a send was lost: it may have worked."""
    route = _current(request)
    if route is None or not route.in_flight:
        return request
    event = Event(kind=EventKind.ANSWER_LOST, at=at, route=route.route, details={"code": code})
    return _with(request, replace(route, in_flight=False, outcome_unknown=True), event)


def observe(request: Request, at: float, seen: Observation) -> Request:
    """Fold what a poll saw into what has been seen so far."""
    route = _current(request)
    if route is None:
        return request
    folded = replace(fold(route.watch, seen, present=_wanted(request)), at=at)
    watched = replace(route, watch=folded)
    if folded.updating_seen and not route.watch.updating_seen:
        return _with(request, watched, Event(kind=EventKind.UPDATING, at=at, route=route.route))
    if (folded.state, folded.present) == (route.watch.state, route.watch.present):
        return _with(request, watched)
    listed = {True: "present", False: "absent", None: "not read"}[folded.present]
    details = {"state": folded.state, "route": listed}
    event = Event(kind=EventKind.OBSERVED, at=at, route=route.route, details=details)
    return _with(request, watched, event)


def end(request: Request, at: float, state: RouteState, failure: Failure | None = None) -> Request:
    """End the current route, and the request with it when that was the last one.

    A request stops at its first route that does not end well: whatever is wrong with the
    connection, sending more would not mend it. Only what was watched can be proven, so ending
    twice never ends the next route as well.
    """
    route = _current(request)
    if route is None:
        return request
    if state.done and not route.state.watched:
        return request
    ended = replace(route, state=state, failure=failure, in_flight=False, ended_at=at)
    event = Event(
        kind=EventKind.ROUTE_ENDED,
        at=at,
        route=route.route,
        details={"state": state.value, **({"code": failure.code} if failure else {})},
    )
    request = _with(request, ended, event)
    if not state.done:
        rest = (_skipped(r, at) for r in request.routes)
        request = replace(request, routes=tuple(rest))
    return _settle(request, at)


def observe_unconfirmed(request: Request, at: float, index: int, seen: Observation) -> Request:
    """Fold what a poll saw of a route that is `unconfirmed`."""
    route = request.routes[index]
    watched = replace(fold(route.watch, seen, present=_wanted(request)), at=at)
    return _replaced(request, index, replace(route, watch=watched))


def confirm(request: Request, at: float, index: int) -> Request:
    """A route that was `unconfirmed` is proven after all."""
    route = request.routes[index]
    if route.state is not RouteState.UNCONFIRMED:
        return request
    request = _replaced(request, index, replace(route, state=DONE[request.operation], ended_at=at))
    event = Event(kind=EventKind.RECONCILED, at=at, route=route.route)
    return replace(
        request, state=outcome(request.routes), timeline=(*request.timeline, event), ended_at=at
    )


def outcome(routes: Iterable[RouteChange]) -> RequestState:
    """The outcome of a request whose routes have all ended: the least certain one wins."""
    states = {r.state for r in routes}
    if RouteState.UNCONFIRMED in states:
        return RequestState.UNCONFIRMED
    return _OUTCOMES.get(frozenset(states), RequestState.FAILED)


_OUTCOMES = {
    frozenset({RouteState.DELETED}): RequestState.DELETED,
    frozenset({RouteState.RESTORED}): RequestState.RESTORED,
}


def _wanted(request: Request) -> bool:
    """Whether the routes are to be there in the end."""
    return request.operation is Operation.RESTORE


def _settle(request: Request, at: float) -> Request:
    if request.current is not None:
        return request
    state = outcome(request.routes)
    event = Event(kind=EventKind.ENDED, at=at, details={"state": state.value})
    return replace(request, state=state, timeline=(*request.timeline, event), ended_at=at)


def _skipped(route: RouteChange, at: float) -> RouteChange:
    if route.state.ended:
        return route
    return replace(route, state=RouteState.FAILED, failure=NOT_SENT, ended_at=at)


def _current(request: Request) -> RouteChange | None:
    """The route in hand; None unless the request is approved and has not ended (G1)."""
    if request.state not in (RequestState.APPROVED, RequestState.EXECUTING):
        return None
    return None if request.current is None else request.routes[request.current]


def _with(request: Request, route: RouteChange, event: Event | None = None) -> Request:
    index = request.current
    if index is None:
        return request
    if event is not None:
        request = request.with_event(event)
    return _replaced(request, index, route)


def _replaced(request: Request, index: int, route: RouteChange) -> Request:
    routes = (*request.routes[:index], route, *request.routes[index + 1 :])
    return replace(request, routes=routes)
