"""The connection to Slack: who we are there and, in Socket Mode, the websockets we hold open.

Two websockets, so that the loss or the renewal of one is no gap. Each is replaced by a new one,
with a new ticket, as soon as Slack says that it is about to close it, or it has closed, or
nothing has come back for some seconds. slack_sdk's own client is not used: after an outage it
tries one stale ticket for ever, and says that it is connected.
"""

import asyncio
import random
from time import monotonic

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.config.secret import Secret
from bot.errors import (
    ScopeMissing,
    SettingsError,
    SlackError,
    SlackRateLimited,
    SlackTokenRefused,
)
from bot.metrics import SOCKET_SILENCE, SOCKETS_ENDED, SOCKETS_OPEN
from bot.slack.directory import SlackDirectory
from bot.slack.socket import Network, Socket, open_socket
from bot.slack.socket_mode import (
    SILENT_SECONDS,
    YOUNG_SECONDS,
    End,
    Envelope,
    acknowledgement,
    pause,
)
from bot.slack.web import Slack
from bot.store.health import OK

log = structlog.get_logger(__name__)

SOCKETS = 2
"""Slack allows ten for each app, over all its replicas."""

_PAUSE_SECONDS = 1.0

_BAD_APP_TOKEN = (SlackTokenRefused, ScopeMissing)


class Connection:
    """Kept for as long as the bot runs. Slack being away only delays it."""

    def __init__(
        self, bolt: AsyncApp, slack: Slack, directory: SlackDirectory, app_token: Secret | None
    ) -> None:
        """`app_token`: for Socket Mode; None where Slack comes to us over HTTP."""
        self._bolt = bolt
        self._slack = slack
        self._directory = directory
        self._app_token = app_token
        self._network = Network(slack.client.proxy, slack.client.ssl or True)
        self._turn = asyncio.Lock()
        self._lost = asyncio.Event()
        self._sockets: set[Socket] = set()
        self._trouble = "not connected yet"
        self._heard_at = 0.0

    async def run(self) -> None:
        """Learn who we are and stay connected; never returns.

        Raises:
            SettingsError: Slack does not know the bot token, or not the app's, at the start.
        """
        while not await self._identified():
            await asyncio.sleep(_PAUSE_SECONDS)
        if self._app_token is None:
            log.info("ready", mode="http")
            await asyncio.Event().wait()
            return
        SOCKET_SILENCE.set_function(self._silence)
        first = await self._open(self._app_token, starting=True)
        log.info("ready", mode="socket")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hold(group, self._app_token, first), name="socket-0")
            for number in range(1, SOCKETS):
                group.create_task(self._hold(group, self._app_token), name=f"socket-{number}")

    def state(self) -> str:
        """Whether Slack's deliveries reach us by a websocket; what is wrong, in a few words."""
        if not self._sockets:
            return f"no websocket to Slack: {self._trouble}"
        silence = self._silence()
        return OK if silence < SILENT_SECONDS else f"nothing heard for {silence:.0f} s"

    async def probe(self) -> str:
        """Open a websocket and close it at once; `ok`, or what is wrong."""
        if self._app_token is None:
            return OK
        try:
            socket = await self._opened(self._app_token)
        except SlackError as error:
            return _words(error)
        await socket.close()
        return OK

    async def _identified(self) -> bool:
        try:
            await self._directory.identify()
        except SlackTokenRefused as error:
            raise SettingsError(
                [f"SLACK_BOT_TOKEN: Slack answers {error.code}; copy the token again"]
            ) from None
        except SlackError as error:
            log.warning("slack_unreachable", error=str(error))
        else:
            return True
        return False

    async def _hold(
        self, group: asyncio.TaskGroup, app_token: Secret, socket: Socket | None = None
    ) -> None:
        """Have one websocket at all times; the one that it replaces may go on for a while."""
        short_lived = 0
        while True:
            if socket is None:
                await asyncio.sleep(_jittered(pause(max(0, short_lived - 1))))
                socket = await self._open(app_token)
            since = monotonic()
            group.create_task(self._serve(socket), name="socket")
            await asyncio.wait({socket.leaving})
            self._tell(socket.leaving.result())
            short_lived = short_lived + 1 if monotonic() - since < YOUNG_SECONDS else 0
            socket = None

    async def _serve(self, socket: Socket) -> None:
        self._sockets.add(socket)
        SOCKETS_OPEN.inc()
        try:
            await socket.serve(self._handle)
        finally:
            self._heard_at = max(self._heard_at, socket.heard_at)
            self._sockets.discard(socket)
            self._lost.set()
            SOCKETS_OPEN.dec()

    async def _open(self, app_token: Secret, *, starting: bool = False) -> Socket:
        """Try until there is a new websocket. One at a time: tickets are scarce."""
        async with self._turn:
            attempt = 0
            while True:
                if await self._loses_one_within(_jittered(pause(attempt))):
                    # What could wait as a second websocket can't as the only one.
                    attempt = 0
                attempt += 1
                try:
                    socket = await self._opened(app_token)
                except SlackError as error:
                    self._trouble = _words(error)
                    refused = isinstance(error, _BAD_APP_TOKEN)
                    if refused and starting:
                        raise SettingsError([self._trouble]) from None
                    log.log(40 if refused else 30, "no_socket", error=self._trouble)
                    if isinstance(error, SlackRateLimited):
                        await asyncio.sleep(error.retry_after)
                else:
                    log.info("socket_open", attempts=attempt)
                    return socket

    async def _loses_one_within(self, seconds: float) -> bool:
        self._lost.clear()
        try:
            async with asyncio.timeout(seconds):
                return await self._lost.wait()
        except TimeoutError:
            return False

    async def _opened(self, app_token: Secret) -> Socket:
        return await open_socket(await self._slack.socket_url(app_token), self._network)

    async def _handle(self, envelope: Envelope) -> str | None:
        request = AsyncBoltRequest(
            mode="socket_mode", body=envelope.payload, headers=dict(envelope.headers)
        )
        try:
            response = await self._bolt.async_dispatch(request)
            content_type = response.first_headers().get("content-type", "")
            return acknowledgement(envelope.id, response.status, response.body or "", content_type)
        except Exception:
            # One bad payload must not end the connection; Slack tells its sender that it failed.
            log.exception("envelope_failed")
            return None

    def _tell(self, why: End) -> None:
        SOCKETS_ENDED.labels(why.value).inc()
        self._trouble = f"the last one ended ({why.value})"
        log.log(20 if why.routine else 30, "socket_ended", reason=why.value)

    def _silence(self) -> float:
        """Seconds since anything came over any websocket."""
        heard = max((socket.heard_at for socket in self._sockets), default=self._heard_at)
        return monotonic() - heard


def _words(error: SlackError) -> str:
    if isinstance(error, _BAD_APP_TOKEN):
        mend = "make an app-level token with the scope connections:write"
        return f"SLACK_APP_TOKEN: Slack answers {error.code}; {mend}"
    return str(error)


def _jittered(seconds: float) -> float:
    """Not all replicas at the same moment."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
