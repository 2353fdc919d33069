"""Deliveries to the app: signed HTTP requests, or Socket Mode envelopes where it connected.

Signing: docs.slack.dev/authentication/verifying-requests-from-slack (version v0).
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from enum import StrEnum
from http import HTTPStatus
from itertools import count
from typing import ClassVar
from urllib.parse import urlencode

import aiohttp
import msgspec

from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Json

ACK_SECONDS = 3.0
RETRY_DELAYS = (0.0, 60.0, 300.0)

_log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What is delivered; the values are Socket Mode's envelope types."""

    COMMAND = "slash_commands"
    INTERACTIVE = "interactive"
    EVENT = "events_api"


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """The app's answer. `status` is 0 without one; `error` is what Slack shows the person."""

    status: int = 0
    body: str = ""
    seconds: float = 0.0
    error: str = ""
    headers: dict[str, str] = {}

    @property
    def json(self) -> Json | None:
        """The body as a JSON object; None where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


class Delivery(msgspec.Struct, kw_only=True):
    """One delivery, to a request URL or a websocket; `ack` None while it is under way."""

    at: float
    kind: Kind
    payload: Json
    to: str
    retry: int = 0
    reason: str = ""
    ack: Ack | None = None


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The `X-Slack-Signature` of a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def encode(kind: Kind, payload: Json) -> tuple[str, bytes]:
    """Content type and body of an HTTP delivery."""
    if kind is Kind.EVENT:
        return "application/json", json.dumps(payload).encode()
    fields = payload if kind is Kind.COMMAND else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(fields).encode()


class Courier:
    """Takes payloads to the app, one replica after the other, and waits for their acks."""

    sockets_type: ClassVar[type[Sockets]] = Sockets

    def __init__(self, state: State, signing_secret: str) -> None:
        self.state = state
        self.sockets = self.sockets_type(state)
        self.urls: list[str] = []
        self.deliveries: list[Delivery] = []
        self.ack_seconds = ACK_SECONDS
        self.retry_delays: tuple[float, ...] = RETRY_DELAYS
        self._secret = signing_secret
        self._turn = count()
        self._client: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, kind: Kind, payload: Json) -> Ack:
        """Deliver a payload."""
        return await self._send(kind, payload)

    def send_event(self, payload: Json) -> None:
        """Deliver an event, and again after each of `retry_delays` while it is not acked."""
        task = asyncio.create_task(self._send_until_acked(payload))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def signed(self, content_type: str, body: bytes) -> dict[str, str]:
        """The headers of a delivery that is made now."""
        at = str(int(time.time()))
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": sign(self._secret, at, body),
        }

    async def close(self) -> None:
        """Stop delivering."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sockets.close()
        if self._client is not None:
            await self._client.close()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("an event was not delivered", exc_info=error)

    async def _send(self, kind: Kind, payload: Json, retry: int = 0, reason: str = "") -> Ack:
        turn = next(self._turn)
        delivery = Delivery(
            at=self.state.clock(),
            kind=kind,
            payload=payload,
            to="nobody",
            retry=retry,
            reason=reason,
        )
        self.deliveries.append(delivery)
        socket = self.sockets.pick(turn)
        if socket is not None:
            delivery.to = socket.name
            delivery.ack = await self._envelope(delivery)
            if delivery.ack.error and not retry and len(self.sockets) > 1:
                # Nobody has acknowledged it there: once more, on another connection.
                return await self._send(kind, payload, 1, _reason(delivery.ack))
        elif self.urls:
            delivery.to = self.urls[turn % len(self.urls)]
            content_type, body = encode(kind, payload)
            headers = self.signed(content_type, body)
            if retry:
                headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": reason}
            delivery.ack = await self._post(delivery.to, body, headers)
        else:
            delivery.ack = Ack(error="dispatch_failed")
        self.state.changed()
        return delivery.ack

    async def _envelope(self, delivery: Delivery) -> Ack:
        loop = asyncio.get_running_loop()
        began = loop.time()
        extra: Json = {"accepts_response_payload": delivery.kind is not Kind.EVENT}
        if delivery.kind is Kind.EVENT:
            extra |= {"retry_attempt": delivery.retry, "retry_reason": delivery.reason}
        envelope: Json = {"type": delivery.kind.value, "payload": delivery.payload, **extra}
        try:
            async with asyncio.timeout(self.ack_seconds):
                answer = await self.sockets.ask(delivery.to, envelope)
        except TimeoutError:
            return Ack(seconds=loop.time() - began, error="operation_timeout")
        except ConnectionError:
            return Ack(seconds=loop.time() - began, error="dispatch_failed")
        body = json.dumps(answer) if answer else ""
        return Ack(status=200, body=body, seconds=loop.time() - began)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Ack:
        if self._client is None:
            # A whole workspace clicks at once: nobody waits here for somebody else's answer.
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit = aiohttp.ClientTimeout(total=self.ack_seconds)
        try:
            async with self._client.post(
                url, data=body, headers=headers, timeout=limit, allow_redirects=False
            ) as response:
                text = await response.text()
                got = {name.lower(): value for name, value in response.headers.items()}
                status = response.status
        except TimeoutError:
            return Ack(seconds=loop.time() - began, error="operation_timeout")
        except aiohttp.ClientError:
            return Ack(seconds=loop.time() - began, error="dispatch_failed")
        return Ack(
            status=status,
            body=text,
            seconds=loop.time() - began,
            error="" if status == HTTPStatus.OK else "dispatch_failed",
            headers=got,
        )

    async def _send_until_acked(self, payload: Json) -> None:
        ack = await self.send(Kind.EVENT, payload)
        for retry, delay in enumerate(self.retry_delays, start=1):
            if not ack.error or ack.headers.get("x-slack-no-retry") == "1":
                return
            await asyncio.sleep(delay)
            ack = await self._send(Kind.EVENT, payload, retry, _reason(ack))


def _reason(ack: Ack) -> str:
    """Why an event is sent again, in Slack's words."""
    if ack.error == "operation_timeout":
        return "http_timeout"
    return "http_error" if ack.status else "connection_failed"
