"""5 Follow-up: what a request needs beside its execution.

- `handler`            the worker's handler for `follow:<request>` items
- `reminders`          nobody has decided, and a quarter, a half, three quarters are over
- `countersignatures`  somebody broke the glass and no approver has countersigned
- `monitoring`         tunnels and BGP sessions of a connection after its routes were changed

All but the handler is pure. What was done is read from the timeline, so that doing it twice is
doing it once.
"""

from bot.follow_up.handler import FollowUp

__all__ = ["FollowUp"]
