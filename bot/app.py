"""The composition root: builds every part from the settings, and owns their lives."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import DefaultChain
from bot.alibaba.endpoints import endpoints
from bot.alibaba.transport import new_http_client
from bot.approval import Approval
from bot.asking import Asking
from bot.engine import Engine
from bot.errors import SettingsError
from bot.execution import Execution, Limits
from bot.execution.bench import Bench
from bot.follow_up import FollowUp
from bot.models import People, Terms
from bot.pacing import PacedCloud
from bot.readiness import Readiness
from bot.server import web_app
from bot.settings import Settings
from bot.slack.answers import Answers
from bot.slack.asks import Asks
from bot.slack.authorization import NOT_OURS, HomeTeamOnly
from bot.slack.commands import Commands
from bot.slack.decisions import Decisions
from bot.slack.link import SlackLink
from bot.slack.listeners import Listeners
from bot.slack.people import SlackDirectory
from bot.slack.replier import Replier
from bot.slack.telling import Teller
from bot.slack.traces import Traces
from bot.slack.web import Slack
from bot.store import Database, Store
from bot.store.connect import connect

log = structlog.get_logger(__name__)

SLACK_SECONDS = 5
"""For each call of Slack's Web API."""

_DRAIN_SECONDS = 8.0
"""How long a stop waits for the steps in hand; what is not done by then is done by others."""


class App:
    """A bot, built and not yet running."""

    def __init__(self, settings: Settings) -> None:
        """Build the parts; nothing is sent yet."""
        self.settings = settings
        token = settings.slack_bot_token.reveal()
        # Retries are the engine's: a post that is repeated unseen would be posted twice.
        self.slack_client = AsyncWebClient(
            token=token,
            base_url=settings.slack_api_url,
            timeout=SLACK_SECONDS,
            retry_handlers=[],
        )
        self.slack = Slack(self.slack_client)
        self.directory = SlackDirectory(self.slack)
        self.store = Store(Database(connect(settings.redis)), settings.retention)
        self.credentials = DefaultChain()
        self.http = new_http_client()
        self.vpc = VpcClient(
            self.http,
            endpoints(settings.vpc_endpoint),
            Acs3Auth(self.credentials),
            # A step makes up to four calls within its lease.
            attempt_seconds=min(10.0, settings.lease / 4),
        )
        self.cloud = PacedCloud(self.vpc, self.store.pace)
        now = self.store.database.now
        self.approval = Approval(
            self.store.requests, self.store.audit, self.directory, settings.approvers, now
        )
        self.asking = Asking(
            self.store.requests,
            self.store.audit,
            self.directory,
            self.cloud,
            now,
            Terms(
                rule="VCO_APPROVERS",
                approvers=People(users=settings.approvers.users, groups=settings.approvers.groups),
                expiry=settings.approval_timeout,
            ),
        )
        limits = Limits(operation=settings.operation_timeout, token_window=settings.token_window)
        bench = Bench(
            requests=self.store.requests,
            pace=self.store.pace,
            cloud=self.cloud,
            background=PacedCloud(self.vpc, self.store.pace, background=True),
            now=now,
            limits=limits,
        )
        self.engine = Engine(
            self.store.work,
            {
                "run": Execution(bench),
                "follow": FollowUp(bench),
                "tell": Teller(
                    self.slack,
                    Traces(self.slack, self.directory.own_user),
                    self.store,
                    now,
                ),
                "inbox": self._answers(),
            },
            lease=settings.lease,
        )
        self.readiness = Readiness(self.store, self.directory, self.credentials)
        self.bolt = self._bolt()
        self.link = SlackLink(
            self.bolt, self.slack_client, self.directory, settings.slack_app_token
        )

    def _answers(self) -> Answers:
        replier = Replier(self.slack)
        channel = self.settings.approval_channel or ""
        asks = Asks(self.store, self.asking, replier, channel)
        decisions = Decisions(self.approval, replier)
        commands = Commands(
            store=self.store,
            asks=asks,
            decisions=decisions,
            replier=replier,
            cloud=self.cloud,
            default_region=self.settings.region,
        )
        return Answers(
            slack=self.slack,
            store=self.store,
            asks=asks,
            commands=commands,
            decisions=decisions,
            replier=replier,
        )

    def _bolt(self) -> AsyncApp:
        secret = self.settings.slack_signing_secret
        listeners = Listeners(self.slack, self.store, self.engine.nudge, self.settings.region)
        # It would warn that it ignores SLACK_BOT_TOKEN, which `authorize` hands it all the same.
        logging.getLogger("slack_bolt.AsyncApp").setLevel(logging.ERROR)
        bolt = AsyncApp(
            client=self.slack_client,
            signing_secret=secret.reveal() if secret else "",
            authorize=HomeTeamOnly(self.directory, self.settings.slack_bot_token),  # type: ignore[arg-type] # Bolt takes an AsyncAuthorize, its annotation forgets None
            user_facing_authorize_error_message=NOT_OURS,
            # What no listener knows is answered all the same.
            before_authorize=listeners.strays,
            raise_error_for_unhandled_request=True,
            # We listen to nothing that we could cause ourselves.
            ignoring_self_events_enabled=False,
        )
        listeners.register(bolt)
        return bolt

    async def close(self) -> None:
        """Close every connection."""
        await self.http.aclose()
        await self.store.database.close()


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then finish the steps in hand and leave."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await run(settings, stop)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run until `stop` is set.

    Raises:
        SettingsError: Slack does not know the bot token, or the port is taken.
    """
    for warning in settings.warnings:
        log.warning("setting", problem=warning)
    app = App(settings)
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
