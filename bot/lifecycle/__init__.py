"""4 Lifecycle: the state machine, as pure transitions from one record to the next.

- `request`        a request from pending to its end; what this package exports
- `route_change`   one route within its request
- `proof`          is the change proven, and when to look again
"""

from bot.lifecycle.request import (
    countersign,
    demand,
    drift,
    missing,
    new_request,
    record_decision,
    request_id,
    stop,
    trouble,
)

__all__ = [
    "countersign",
    "demand",
    "drift",
    "missing",
    "new_request",
    "record_decision",
    "request_id",
    "stop",
    "trouble",
]
