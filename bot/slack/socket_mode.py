"""Socket Mode without I/O: what a frame says, whether a silent socket is dead, when to try again.

docs.slack.dev/apis/events-api/using-socket-mode.
"""

import json
from enum import StrEnum
from http import HTTPStatus

from bot.models import Value
from bot.slack.payload import Body, Json, part, word

PING_SECONDS = 3.0
"""Between two of our pings."""

UNANSWERED_PINGS = 2
"""After so many pings without any frame the next one is not sent: the socket is dead."""

SILENT_SECONDS = PING_SECONDS * (UNANSWERED_PINGS + 1)
"""The longest that a dead socket passes for a live one."""

YOUNG_SECONDS = 30.0
"""A socket that ends sooner counts as a failed attempt: no hot loop against a broken edge."""

_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_LONGEST_PAUSE = 20.0


class End(StrEnum):
    """Why a socket is to be replaced. The words of Slack's `disconnect` messages, and our own."""

    WARNING = "warning"
    REFRESH = "refresh_requested"
    DISABLED = "link_disabled"
    TOO_MANY = "too_many_websockets"
    OTHER = "disconnect"
    CLOSED = "closed"
    SILENT = "silent"

    @property
    def routine(self) -> bool:
        """Whether Slack does this to every connection from time to time."""
        return self in (End.WARNING, End.REFRESH)


class Hello(Value, frozen=True):
    """Slack's first message: from now on it delivers here. `sockets` counts those of the app."""

    sockets: int = 0


class Disconnect(Value, frozen=True):
    """Slack is about to close this connection."""

    reason: End = End.OTHER


class Envelope(Value, frozen=True):
    """A payload to be acknowledged within three seconds, on the connection that it came on."""

    id: str
    payload: Json
    retry_attempt: str = ""
    retry_reason: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP would have said about a delivery that is not the first one."""
        found = {
            "x-slack-retry-num": self.retry_attempt,
            "x-slack-retry-reason": self.retry_reason,
        }
        return {name: text for name, text in found.items() if text}


def message(text: str) -> Hello | Disconnect | Envelope | None:
    """What Slack says; None for what is not known, which is ignored."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict):
        return None
    match body.get("type"):
        case "hello":
            count = body.get("num_connections")
            return Hello(sockets=count if isinstance(count, int) else 0)
        case "disconnect":
            reason = word(body, "reason")
            return Disconnect(reason=End(reason) if reason in _SAID else End.OTHER)
        case _:
            return _envelope(body)


_SAID = frozenset({End.WARNING, End.REFRESH, End.DISABLED, End.TOO_MANY})


def _envelope(body: Body) -> Envelope | None:
    envelope_id, payload = word(body, "envelope_id"), part(body, "payload")
    if not envelope_id or not payload:
        return None
    attempt = body.get("retry_attempt")
    return Envelope(
        id=envelope_id,
        payload=dict(payload),
        retry_attempt=str(attempt) if isinstance(attempt, int) and attempt > 0 else "",
        retry_reason=word(body, "retry_reason"),
    )


def acknowledgement(envelope_id: str, status: int, body: str, content_type: str) -> str | None:
    """The answer to an envelope; None where there must be none, so that Slack says it failed."""
    if status != HTTPStatus.OK:
        return None
    if not body:
        return json.dumps({"envelope_id": envelope_id})
    payload = json.loads(body) if content_type.startswith("application/json") else {"text": body}
    return json.dumps({"envelope_id": envelope_id, "payload": payload})


class Heartbeat:
    """Counts our pings that nothing came back after.

    It counts pings and not seconds: a process that was stopped for a minute must not take for
    dead what has been answering all the time.
    """

    def __init__(self) -> None:
        self._unanswered = 0

    def heard(self) -> None:
        """A frame came, whatever is in it."""
        self._unanswered = 0

    def beat(self) -> bool:
        """Whether to send a ping now; False: it is dead."""
        if self._unanswered >= UNANSWERED_PINGS:
            return False
        self._unanswered += 1
        return True


def pause(attempt: int) -> float:
    """Seconds before an attempt; 0 is the first one, which is made at once."""
    return _PAUSES[attempt] if attempt < len(_PAUSES) else _LONGEST_PAUSE
