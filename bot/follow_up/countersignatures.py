"""Reminders of a countersignature: from when the glass was broken until an approver has signed.

They go on for as long as the request is kept.
"""

from bot.models import Event, EventKind, Request

FIRST_PAUSE = 900.0
LONGEST_PAUSE = 24 * 3600.0
"""Each pause is twice the one before, at most a day; in seconds."""

_OVERDUE = "overdue"
"""The detail of the one reminder that comes when the time for the countersignature is over."""


def reminder_at(request: Request) -> float | None:
    """When to remind next; None where no countersignature is owed."""
    if not request.unsigned:
        return None
    reminders = [e for e in request.timeline if e.kind is EventKind.COUNTERSIGN_REMINDER]
    pause = min(FIRST_PAUSE * 2.0 ** len(reminders), LONGEST_PAUSE)
    due = max([request.created_at, *(e.at for e in reminders)]) + pause
    said_overdue = any(_OVERDUE in e.details for e in reminders)
    return due if said_overdue else min(due, _deadline(request))


def remind(request: Request, at: float) -> Request:
    """Record a reminder that is due, and whether the time for the countersignature is over."""
    due = reminder_at(request)
    if due is None or at < due:
        return request
    details = {_OVERDUE: "yes"} if at >= _deadline(request) else {}
    return request.with_event(Event(kind=EventKind.COUNTERSIGN_REMINDER, at=at, details=details))


def _deadline(request: Request) -> float:
    return request.created_at + request.terms.countersign
