"""When people said what Slack delivers: what was said long ago is not done now.

Over HTTP every request bears the time at which Slack signed it. In Socket Mode nothing is signed
and Slack repeats a payload for seconds at most, so the time of receipt serves there. Where the
payload itself says when it happened (a click's `action_ts`, an event's `event_time`), the earliest
counts. A `trigger_id` is not read: Slack does not promise what is in it.
"""

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import structlog
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.slack.payload import Body, items, word

log = structlog.get_logger(__name__)

_HEADER = "x-slack-request-timestamp"

_LATE_SECONDS = 10.0
"""From here on a delay is worth a word: either Slack is late, or one of the clocks is wrong."""

_EARLIEST, _LATEST = 1e9, 1e10
"""Between which times of ours are, in seconds since the epoch: from 2001 to 2286."""

_signed_at: ContextVar[float | None] = ContextVar("signed_at", default=None)


class SignedAt(AsyncMiddleware):
    """Remembers, for the listeners of a request, when Slack signed it. It has been verified."""

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 - the same
    ) -> BoltResponse | None:
        """Go on."""
        values = req.headers.get(_HEADER) or [""]
        _signed_at.set(_seconds(values[0]))
        return await next()


def seconds_ago(body: Body) -> float:
    """How long ago Slack says that this was said, by the clock of this machine."""
    actions = items(body, "actions")
    known = [
        _signed_at.get(),
        _seconds(word(actions[0], "action_ts")) if actions else None,
        _seconds(word(body, "action_ts")),
        _seconds(body.get("event_time")),
    ]
    at = time.time()
    ago = max((at - one for one in known if one is not None), default=0.0)
    if ago > _LATE_SECONDS:
        log.warning("payload_late", seconds=round(ago, 1), hint="or this machine's clock is off")
    return max(0.0, ago)


def _seconds(text: object) -> float | None:
    try:
        found = float(str(text))
    except ValueError:
        return None
    # What is no time of ours (`nan`, another unit) says nothing.
    return found if _EARLIEST < found < _LATEST else None
