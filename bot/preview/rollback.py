"""The rollback of a request: the draft that puts back what it deleted, or deletes what it put back.

It is a request like any other: previewed, approved, sent once, watched, proven. Pure.
"""

from bot.errors import UserError
from bot.models import Draft, Operation, Request, RequestState, RouteState, VcoRoute

_CHANGED = (RouteState.DELETED, RouteState.RESTORED, RouteState.UNCONFIRMED)
"""What is unconfirmed may have been done: the preview sees whether there is something to undo."""

_OPPOSITE = {Operation.DELETE: Operation.RESTORE, Operation.RESTORE: Operation.DELETE}


def can_roll_back(request: Request) -> bool:
    """Whether a request changed, or may have changed, anything that can be undone here."""
    if request.state.open:
        return False
    changed = {r.route for r in request.routes if r.state in _CHANGED}
    lost = {i.route for i in request.snapshot.impacts if i.not_restorable}
    return bool(changed - lost if request.operation is Operation.DELETE else changed)


def rollback_draft(request: Request, *, reason: str = "") -> Draft:
    """The draft that rolls `request` back, with next hop and weight as they were.

    Raises:
        UserError: It is still open, or it changed nothing.
    """
    if request.state.open:
        raise UserError(
            f"Request {request.id} is still {request.state}.", "Wait for its end, or cancel it."
        )
    exact = tuple(r.route for r in request.routes if r.state in _CHANGED)
    if not exact:
        raise UserError(f"Request {request.id} changed nothing.", "There is nothing to undo.")
    return Draft(
        vpn_connection_id=request.vpn_connection_id,
        route_dests=tuple(r.route_dest for r in exact),
        region=request.region,
        overlay_mode=request.overlay_mode,
        reason=reason,
        operation=_OPPOSITE[request.operation],
        exact=exact,
        origin=request.id,
    )


_NOT_DONE = (
    *(RequestState.REJECTED, RequestState.EXPIRED),
    *(RequestState.VOID, RequestState.FAILED),
)
"""How a request ends that somebody wanted and that was not done."""


def can_ask_again(request: Request) -> bool:
    """Whether a request ended without having done all that somebody wanted."""
    return request.state in _NOT_DONE and bool(_not_done(request))


def _not_done(request: Request) -> tuple[VcoRoute, ...]:
    """The routes of a request of which nothing was changed, and which may need it still."""
    left = (RouteState.QUEUED, RouteState.FAILED)
    return tuple(r.route for r in request.routes if r.state in left)


def repeated_draft(request: Request) -> Draft:
    """The draft that asks once more for what was not done of a request."""
    exact = _not_done(request) or tuple(r.route for r in request.routes)
    return Draft(
        vpn_connection_id=request.vpn_connection_id,
        route_dests=tuple(r.route_dest for r in exact),
        region=request.region,
        overlay_mode=request.overlay_mode,
        reason=request.reason,
        operation=request.operation,
        exact=exact,
        origin=request.origin,
    )
