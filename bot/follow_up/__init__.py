"""5 Follow-up: reminders, countersignatures, and monitoring after a change."""

from bot.follow_up.handler import (
    FIRST_REMINDER,
    LONGEST_REMINDER,
    OVERDUE,
    WATCH_EVERY,
    FollowUp,
    degraded,
    nudge,
    nudge_at,
    remind,
    reminder_at,
    stop_watching,
    watch,
    watched,
)

__all__ = [
    "FIRST_REMINDER",
    "LONGEST_REMINDER",
    "OVERDUE",
    "WATCH_EVERY",
    "FollowUp",
    "degraded",
    "nudge",
    "nudge_at",
    "remind",
    "reminder_at",
    "stop_watching",
    "watch",
    "watched",
]
