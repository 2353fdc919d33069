"""Reminders of approvers: at a quarter, a half and three quarters of the time for a decision.

Each is an event in the timeline that says how many quarters were over, so that none comes twice;
where several are overdue, only the latest is said.
"""

from collections.abc import Sequence

from bot.models import Event, EventKind, Request, RequestState

QUARTERS = 4

_OVER = "quarters"
"""The detail that says how many quarters of the time were over."""

_AT_HALF = "2"
"""What a reminder without that detail stands for: versions before this one said one, at half."""


def due_at(request: Request) -> float | None:
    """When to remind the approvers next; None where they need no reminder, or had the last."""
    over = _reminded(request)
    if request.state is not RequestState.PENDING or over >= QUARTERS - 1:
        return None
    return request.created_at + (over + 1) * _quarter(request)


def remind(request: Request, at: float, asked: Sequence[str] = ()) -> Request:
    """Record the reminder that is due; the thread says it.

    `asked`: who was asked in person; nobody where the approvers are to be called as they are named.
    """
    due = due_at(request)
    if due is None or not due <= at < request.expires_at:
        return request
    # What is due is never less than what it was due for, whatever the division rounds to.
    over = max(_reminded(request) + 1, int((at - request.created_at) / _quarter(request)))
    details = {_OVER: str(min(over, QUARTERS - 1))}
    if asked:
        details["asked"] = " ".join(asked)
    event = Event(kind=EventKind.APPROVAL_REMINDER, at=at, details=details)
    return request.with_event(event)


def called(request: Request, at: float, people: int) -> Request:
    """Record that so many people were asked in person, and that others may decide as well."""
    if request.state is not RequestState.PENDING or _called(request):
        return request
    details = {_OVER: "0", "called": str(people)}
    event = Event(kind=EventKind.APPROVAL_REMINDER, at=at, details=details)
    return request.with_event(event)


def _called(request: Request) -> bool:
    return any("called" in event.details for event in _reminders(request))


def _reminded(request: Request) -> int:
    """How many quarters of the time were over at the latest reminder."""
    over = (int(event.details.get(_OVER, _AT_HALF)) for event in _reminders(request))
    return max(over, default=0)


def _reminders(request: Request) -> list[Event]:
    return [e for e in request.timeline if e.kind is EventKind.APPROVAL_REMINDER]


def _quarter(request: Request) -> float:
    return (request.expires_at - request.created_at) / QUARTERS
