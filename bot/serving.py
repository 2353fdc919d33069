"""Serving: a bot is started, listens, works, and is stopped without losing what is in hand."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from bot.app import App, policy_of
from bot.errors import SettingsError
from bot.policy import PolicySource
from bot.server import web_app
from bot.settings import Settings

log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 8.0
"""How long a stop waits for the steps in hand; what is not done by then is done by others."""


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then finish the steps in hand and leave.

    SIGHUP reads the policy file again, and nothing else.
    """
    stop = asyncio.Event()
    policy = policy_of(settings)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, policy.reload)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await run(settings, stop, policy)


async def run(settings: Settings, stop: asyncio.Event, policy: PolicySource | None = None) -> None:
    """Run until `stop` is set.

    Raises:
        SettingsError: Slack does not know the bot token, the port is taken, or the policy file
            is wrong.
    """
    for warning in settings.warnings:
        log.warning("setting", problem=warning)
    app = App(settings, policy)
    try:
        async with _listening(app):
            await _run(app, stop)
    finally:
        await app.close()
        log.info("stopped")


async def _run(app: App, stop: asyncio.Event) -> None:
    engine = asyncio.create_task(app.engine.run(stop), name="engine")
    meeting = asyncio.create_task(app.link.meet(), name="slack")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({engine, meeting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if meeting.done():
            meeting.result()
            await asyncio.wait({engine, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        log.info("stopping")
        stop.set()
        meeting.cancel()
        await asyncio.wait({engine}, timeout=_DRAIN_SECONDS)
        engine.cancel()
        await asyncio.gather(engine, meeting, stopping, return_exceptions=True)
        await app.link.close()


@asynccontextmanager
async def _listening(app: App) -> AsyncIterator[None]:
    bolt = None if app.settings.socket_mode else app.bolt
    site_app = web_app(app.readiness.check, bolt, lambda: app.directory.identity is not None)
    runner = web.AppRunner(site_app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    site = web.TCPSite(runner, app.settings.host, app.settings.port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        where = f"{app.settings.host}:{app.settings.port}"
        line = f"HOST, PORT: can't listen on {where} ({error.strerror}); choose another PORT"
        raise SettingsError([line]) from None
    log.info("listening", host=app.settings.host, port=app.settings.port)
    try:
        yield
    finally:
        await runner.cleanup()
