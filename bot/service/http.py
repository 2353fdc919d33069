"""The one HTTP server: Slack's endpoint, health, metrics.

`/healthz` says that the process lives; `/readyz` that what it needs answers, and names what
does not; `/metrics` is for Prometheus. In Socket Mode there is no Slack endpoint.

Whatever comes to Slack's endpoint is verified first, over its raw bytes. What is not Slack's gets
one and the same refusal, and nothing else happens: it is not parsed, kept, or logged.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.logs import LimitedLog
from bot.metrics import REGISTRY, UNVERIFIED
from bot.service.http_connections import connection_of, tell_when_answered
from bot.service.readiness import ready
from bot.slack.verification import Unverified, Verification

log = structlog.get_logger(__name__)

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""What readiness rests on: a name, and `ok` or what is wrong in a few words."""

EVENTS_PATH = "/slack/events"

_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What Bolt raises for a body that is no JSON, or JSON of another shape."""

_BROKEN_OFF = (OSError, web.RequestPayloadError, HttpProcessingError)
"""What aiohttp raises for a body that ends too early, or whose parts are no parts."""

_BODY_LIMIT = 512 * 1024
"""Bytes. The largest that Slack sends is a view, at most 250 KB of JSON (docs.slack.dev, views),
which a form's encoding can double; a click on a card has some 10 KB."""

_SIGNED_HEADERS = ("X-Slack-Request-Timestamp", "X-Slack-Signature")
_HEADERS = (*_SIGNED_HEADERS, "Content-Type", "X-Slack-Retry-Num", "X-Slack-Retry-Reason")
"""What Bolt is shown of a request's headers. It obeys some others, which nobody has signed."""

_KEPT_SECONDS = 0.5
"""For how long an answer about readiness is given to whoever asks."""

_METRICS_SECONDS = 0.25


class Endpoint:
    """Slack's endpoint: what is verified is Bolt's, everything else is refused."""

    def __init__(
        self, bolt: AsyncApp, verification: Verification, started: Callable[[], bool]
    ) -> None:
        """`started`: whether the bot knows by now which workspace it serves."""
        self._bolt = bolt
        self._verification = verification
        self._started = started
        self._log = LimitedLog(__name__, "unverified_request")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        found = self._verification.headers(request) or await _body(request)
        if isinstance(found, bytes):
            found = self._verification.body(request, found) or found
        if isinstance(found, Unverified):
            return self._refused(found)
        if connection := connection_of(request):
            connection.proven()
        if not self._started():
            return web.Response(status=503, text="starting")
        headers: dict[str, str | Sequence[str]] = {
            name: request.headers[name] for name in _HEADERS if name in request.headers
        }
        try:
            payload = AsyncBoltRequest(body=found.decode(), headers=headers)
        except _UNREADABLE as error:
            log.warning("unreadable_delivery", error=type(error).__name__)
            return web.Response(status=400, text="This is no payload of Slack's.")
        return await to_aiohttp_response(await self._bolt.async_dispatch(payload))

    def _refused(self, why: Unverified) -> web.Response:
        UNVERIFIED.labels(why).inc()
        self._log(why=why)
        refusal = web.Response(status=401)
        refusal.force_close()
        return refusal


async def _body(request: web.Request) -> bytes | Unverified:
    """The raw body, as far as Slack sends any."""
    if (request.content_length or 0) > _BODY_LIMIT:
        return Unverified.TOO_LARGE
    parts: list[bytes] = []
    length = 0
    try:
        while part := await request.content.readany():
            parts.append(part)
            length += len(part)
            if length > _BODY_LIMIT:
                return Unverified.TOO_LARGE
    except _BROKEN_OFF:
        # The error is kept with its traceback, and so with this frame, until cycles are collected.
        parts.clear()
        return Unverified.UNFINISHED
    return b"".join(parts)


class Readiness:
    """One check of everything for all who ask at about the same time."""

    def __init__(self, checks: Checks, clock: Callable[[], float] = time.monotonic) -> None:
        """`checks` reads; `clock` is in seconds."""
        self._checks = checks
        self._clock = clock
        self._found: Mapping[str, str] = {}
        self._until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def handle(self, _: web.Request) -> web.Response:
        """Answer one request."""
        if self._clock() >= self._until:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look(), name="readiness")
            # Whoever goes away takes nobody else's answer along.
            await asyncio.shield(self._looking)
        return web.json_response(dict(self._found), status=200 if ready(self._found) else 503)

    async def close(self, _: web.Application) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        try:
            self._found = await self._checks()
            self._until = self._clock() + _KEPT_SECONDS
        finally:
            self._looking = None


class Metrics:
    """What is counted, written anew a few times a second at most."""

    def __init__(self) -> None:
        self._text = b""
        self._until = 0.0

    async def handle(self, _: web.Request) -> web.Response:
        """Answer one request."""
        now = time.monotonic()
        if now >= self._until:
            self._text, self._until = generate_latest(REGISTRY), now + _METRICS_SECONDS
        return web.Response(body=self._text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _healthz(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def web_app(checks: Checks, endpoint: Endpoint | None) -> web.Application:
    """The application; None for the `endpoint` where Slack comes over a socket."""
    app = web.Application(middlewares=[tell_when_answered])
    readiness = Readiness(checks)
    app.on_cleanup.append(readiness.close)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/readyz", readiness.handle)
    app.router.add_get("/metrics", Metrics().handle)
    if endpoint is not None:
        app.router.add_post(EVENTS_PATH, endpoint.handle)
    return app
