"""The reminder of approvers: once, when half of a request's time is over and nobody has decided."""

from bot.models import Event, EventKind, Request, RequestState


def due_at(request: Request) -> float | None:
    """When to remind the approvers; None where they need no reminder, or had theirs."""
    reminded = request.happened(EventKind.APPROVAL_REMINDER)
    if request.state is not RequestState.PENDING or reminded:
        return None
    return (request.created_at + request.expires_at) / 2


def remind(request: Request, at: float) -> Request:
    """Record the reminder; the thread says it."""
    if due_at(request) is None:
        return request
    return request.with_event(Event(kind=EventKind.APPROVAL_REMINDER, at=at))
