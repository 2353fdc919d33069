"""One websocket to Slack, from its ticket to its end.

Each has an HTTP session of its own and is never opened again: whoever wants another asks for
another ticket. Envelopes are acknowledged on the socket that they came on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from ssl import SSLContext
from time import monotonic
from typing import NamedTuple

import aiohttp
import structlog
from aiohttp import WSMsgType

from bot.errors import SlackUnavailable
from bot.slack.socket_mode import (
    PING_SECONDS,
    Disconnect,
    End,
    Envelope,
    Heartbeat,
    Hello,
    message,
)

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
"""From the first packet to Slack's hello: an edge that hangs must not hold us."""

RETIRE_SECONDS = 30.0
"""How long a socket may still deliver after Slack has announced its end."""

_CLOSE_SECONDS = 1.0
"""Slack does not always answer a close."""

_SEND_SECONDS = 3.0
"""An acknowledgement that is not gone by then is too late anyway."""

_GONE = (aiohttp.ClientError, OSError, RuntimeError, TimeoutError)
"""What sending raises on a connection that has ended."""

Handle = Callable[[Envelope], Awaitable[str | None]]
"""Does what an envelope asks for; returns its acknowledgement, None where there is none."""

_WORDS = {
    End.TOO_MANY: "Slack has ten websockets of this app open already; run fewer replicas",
    End.DISABLED: "Socket Mode is turned off in the Slack app's settings",
}


class Network(NamedTuple):
    """How to get there: the same proxy and certificates as for the Web API."""

    proxy: str | None
    ssl: SSLContext | bool


class Socket:
    """`await open_socket(…)` makes one; `serve` runs it until it ends."""

    def __init__(self, session: aiohttp.ClientSession, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.heard_at = monotonic()
        self.leaving: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        """Done when another socket is wanted: at Slack's notice, at the latest at the end."""
        self._session = session
        self._ws = ws
        self._heartbeat = Heartbeat()
        self._answering: set[asyncio.Task[None]] = set()

    async def hello(self) -> Hello:
        """Wait for Slack's first message.

        Raises:
            SlackUnavailable: it says something else, or nothing.
        """
        while True:
            said = await self._message()
            match said:
                case Hello():
                    return said
                case Disconnect(reason=reason):
                    raise SlackUnavailable(_WORDS.get(reason, f"Slack says {reason}"))
                case End():
                    raise SlackUnavailable("the websocket was closed before Slack's hello")
                case _:
                    continue

    async def serve(self, handle: Handle) -> None:
        """Hand envelopes on until the connection ends, by Slack's will or in silence."""
        tasks = {
            asyncio.create_task(self._read(handle), name="socket-read"),
            asyncio.create_task(self._beat(), name="socket-ping"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._leave(task.result())
        finally:
            for task in tasks:
                task.cancel()
            # What was taken in is finished; an acknowledgement may still get through.
            if self._answering:
                await asyncio.wait(self._answering, timeout=_CLOSE_SECONDS)
            await self.close()

    async def close(self) -> None:
        """Close the connection, whether or not the other side answers."""
        self._leave(End.CLOSED)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._ws.close()
        except _GONE as error:
            log.debug("socket_not_closed", error=type(error).__name__)
        await self._session.close()

    def _leave(self, why: End) -> None:
        if not self.leaving.done():
            self.leaving.set_result(why)

    async def _read(self, handle: Handle) -> End:
        deadline: float | None = None
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    said = await self._message()
            except TimeoutError:
                return End.CLOSED
            match said:
                case End():
                    return said
                case Disconnect(reason=reason):
                    self._leave(reason)
                    deadline = asyncio.get_running_loop().time() + RETIRE_SECONDS
                case Envelope():
                    task = asyncio.create_task(self._answer(handle, said), name="envelope")
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
                case _:
                    continue

    async def _message(self) -> Hello | Disconnect | Envelope | End | None:
        """The next message; None for a frame that is none of ours, End.CLOSED for the end."""
        frame = await self._ws.receive()
        if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            return End.CLOSED
        self.heard_at = monotonic()
        self._heartbeat.heard()
        if frame.type is WSMsgType.PING:
            await self._send(self._ws.pong(frame.data))
        if frame.type is not WSMsgType.TEXT:
            return None
        return message(frame.data)

    async def _beat(self) -> End:
        while True:
            await asyncio.sleep(PING_SECONDS)
            if not self._heartbeat.beat():
                return End.SILENT
            # Where it can't be sent, nothing will come back either.
            await self._send(self._ws.ping())

    async def _answer(self, handle: Handle, envelope: Envelope) -> None:
        answer = await handle(envelope)
        if answer is not None and not await self._send(self._ws.send_str(answer)):
            # Slack delivers it again, perhaps elsewhere; by its id it is known there.
            log.warning("acknowledgement_lost", envelope=envelope.id)

    async def _send(self, sending: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await sending
        except _GONE:
            return False
        return True


async def open_socket(url: str, network: Network) -> Socket:
    """Connect with a ticket and wait for Slack's hello.

    Raises:
        SlackUnavailable: it did not come to that within `CONNECT_SECONDS`.
    """
    session = aiohttp.ClientSession()
    socket: Socket | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            ws = await session.ws_connect(
                url,
                autoping=False,
                proxy=network.proxy,
                ssl=network.ssl,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
            )
            socket = Socket(session, ws)
            await socket.hello()
    except BaseException as error:
        await (socket.close() if socket else session.close())
        if isinstance(error, (*_GONE, ValueError)):
            raise SlackUnavailable(f"no websocket ({type(error).__name__})") from None
        raise
    return socket
