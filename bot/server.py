"""The one HTTP server: Slack's endpoint, health, metrics.

`/healthz` says that the process lives; `/readyz` that what it needs answers, and names what
does not; `/metrics` is for Prometheus. In Socket Mode there is no Slack endpoint.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from bot.metrics import REGISTRY
from bot.readiness import ready

log = structlog.get_logger(__name__)

Checks = Callable[[], Awaitable[Mapping[str, str]]]
"""What readiness rests on: a name, and `ok` or what is wrong in a few words."""

EVENTS_PATH = "/slack/events"

_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What Bolt raises for a body that is no UTF-8, no JSON, or JSON of another shape."""

_BODY_LIMIT = 1024 * 1024
"""Bytes; Slack's payloads are far smaller."""


def web_app(
    checks: Checks, bolt: AsyncApp | None, ready_for_slack: Callable[[], bool]
) -> web.Application:
    """The application; `bolt` answers Slack's endpoint, None where Socket Mode does."""
    app = web.Application(client_max_size=_BODY_LIMIT)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        found = await checks()
        return web.json_response(dict(found), status=200 if ready(found) else 503)

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(REGISTRY)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def events(request: web.Request) -> web.Response:
        if bolt is None or not ready_for_slack():
            return web.Response(status=503, text="starting")
        try:
            bolt_request = await to_bolt_request(request)
        except _UNREADABLE as error:
            # Anybody can send this: Bolt takes a body apart before it looks at its signature.
            log.info("unreadable_delivery", error=type(error).__name__)
            return web.Response(status=400, text="This is no payload of Slack's.")
        return await to_aiohttp_response(await bolt.async_dispatch(bolt_request))

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    if bolt is not None:
        app.router.add_post(EVENTS_PATH, events)
    return app
