"""Serving: a bot is started, listens, works, and is stopped without losing what is in hand."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager

import structlog
from aiohttp import web

from bot.config.settings import Settings
from bot.errors import SettingsError, TaskEnded
from bot.policy import PolicySource
from bot.service.app import App, policy_of
from bot.service.http import Endpoint, web_app
from bot.service.http_connections import (
    IDLE_SECONDS,
    Connections,
    MalformedLimited,
    most_connections,
)
from bot.service.tracing import exporting
from bot.slack.verification import Verification

log = structlog.get_logger(__name__)

# One deadline for a stop, in seconds since it was asked for: a supervisor kills after ten.
DRAINED_AT = 6.0
"""Until then the steps in hand are waited for; what is not done by then is done by others."""
CLOSED_AT = 8.0
"""Until then everything is closed; what hangs is left."""
GONE_AT = 9.0
"""Then the process ends, whatever still hangs in it, a thread for example."""

_WORKER = "worker"


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then finish the steps in hand and end the process.

    SIGHUP reads the policy file again, and nothing else.

    Raises:
        SettingsError, TaskEnded: as `run` does.
    """
    stop = asyncio.Event()
    policy = policy_of(settings)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, policy.reload)

    def leave() -> None:
        _leave_at_last(0)
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, leave)
    try:
        await run(settings, stop, policy)
    except TaskEnded:
        _leave_at_last(1)
        raise
    _leave()


def _leave() -> None:
    """End the process now that everything is closed.

    Python would take itself apart first. That costs half a second of processor time, which a busy
    machine gives in five or ten, and no timer of ours can end it.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


async def run(settings: Settings, stop: asyncio.Event, policy: PolicySource | None = None) -> None:
    """Run until `stop` is set.

    Raises:
        SettingsError: Slack does not know the bot token, the port is taken, or the policy file
            is wrong.
        TaskEnded: what should run for as long as the bot has ended; why is in the log.
    """
    for warning in settings.warnings:
        log.warning("setting", problem=warning)
    app = App(settings, policy)
    app.slack.open()
    serving = AsyncExitStack()
    traced = ExitStack()
    traced.enter_context(exporting(os.environ))
    began = 0.0
    try:
        server = await serving.enter_async_context(listening(app))
        tasks = _start(app, server, stop)
        try:
            await _until_one_ends(tasks, stop)
        finally:
            began = asyncio.get_running_loop().time()
            log.info("stopping")
            stop.set()
            await _drain(tasks)
    finally:
        began = began or asyncio.get_running_loop().time()
        await _by(began + CLOSED_AT, serving.aclose(), "http")
        await _by(began + CLOSED_AT, app.close(), "clients")
        await _by(began + CLOSED_AT, asyncio.to_thread(traced.close), "tracing")
        log.info("stopped")


def _start(
    app: App, server: asyncio.AbstractServer, stop: asyncio.Event
) -> list[asyncio.Task[None]]:
    """What runs for as long as the bot."""
    return [
        asyncio.create_task(app.worker.run(stop), name=_WORKER),
        asyncio.create_task(_while_it_listens(server), name="http"),
        asyncio.create_task(app.connection.run(), name="slack"),
        asyncio.create_task(app.statistics.run(), name="statistics"),
    ]


async def _while_it_listens(server: asyncio.AbstractServer) -> None:
    while server.is_serving():
        await asyncio.sleep(1.0)


async def _until_one_ends(tasks: Collection[asyncio.Task[None]], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait(), name="stop")
    try:
        done, _ = await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    ended = [task for task in tasks if task in done]
    for task in ended:
        cause = None if task.cancelled() else task.exception()
        if isinstance(cause, SettingsError):
            raise cause
        if cause or not stop.is_set():
            log.critical("task_ended", task=task.get_name(), exc_info=cause)
    if ended and not stop.is_set():
        raise TaskEnded(f"{ended[0].get_name()}: has ended unasked; the log says why")


async def _drain(tasks: Collection[asyncio.Task[None]]) -> None:
    """Have the steps in hand finished, and no new ones taken."""
    tasks = [task for task in tasks if not task.done()]
    if not tasks:
        return
    for task in tasks:
        if task.get_name() != _WORKER:
            # At once: what Slack delivers over a websocket from now on is for another replica.
            task.cancel()
    _, late = await asyncio.wait(tasks, timeout=DRAINED_AT)
    for task in late:
        log.warning("stop_cut_short", what=task.get_name())
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=(CLOSED_AT - DRAINED_AT) / 2)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.error("task_failed", task=task.get_name(), exc_info=error)


async def _by(deadline: float, closing: Awaitable[None], what: str) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            await closing
    except TimeoutError:
        log.warning("stop_cut_short", what=what)


def _leave_at_last(status: int) -> None:
    """End the process when its time is up: Python waits for threads, and they for a network."""
    timer = threading.Timer(GONE_AT, os._exit, (status,))
    timer.daemon = True
    timer.start()


@asynccontextmanager
async def listening(app: App) -> AsyncIterator[asyncio.AbstractServer]:
    """Listen on HOST and PORT.

    Raises:
        SettingsError: Something else does already.
    """
    settings, loop = app.settings, asyncio.get_running_loop()
    runner = web.AppRunner(
        web_app(app.readiness.check, _endpoint(app)),
        access_log=None,
        logger=_http_log(),
        shutdown_timeout=2.0,
        keepalive_timeout=IDLE_SECONDS,
        lingering_time=1.0,
        # What is signed is the body as it is sent; Slack compresses none.
        auto_decompress=False,
    )
    await runner.setup()
    assert runner.server is not None  # noqa: S101 - for types: it is there once set up
    connections = Connections(runner.server, most=most_connections())
    try:
        server = await loop.create_server(connections, settings.host, settings.port)
    except OSError as error:
        await runner.cleanup()
        where = f"{settings.host}:{settings.port}"
        line = f"HOST, PORT: can't listen on {where} ({error.strerror}); choose another PORT"
        raise SettingsError([line]) from None
    log.info("listening", host=settings.host, port=settings.port)
    try:
        yield server
    finally:
        server.close()
        await runner.cleanup()


def _endpoint(app: App) -> Endpoint | None:
    """What answers Slack over HTTP; None in Socket Mode."""
    secret = app.settings.slack_signing_secret
    if app.settings.socket_mode or secret is None:
        return None
    return Endpoint(app.bolt, Verification(secret), lambda: app.directory.identity is not None)


def _http_log() -> logging.Logger:
    """The log of aiohttp's server: faults of ours, and not each of what is no HTTP."""
    logger = logging.getLogger("bot.http")
    logger.filters = [MalformedLimited()]
    return logger
