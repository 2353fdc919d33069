"""Socket Mode connections that go wrong: an edge that refuses or hangs, sockets that fall silent,
and Slack's own announcements.
"""

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import ClassVar

from aiohttp import WSMessage, web

from bot.sandbox.slack import socket_mode
from bot.sandbox.slack.socket_mode import GONE, UNANSWERED, Socket, Sockets
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Json

_LOOK_SECONDS = 0.05


class Edge(StrEnum):
    """What happens to whoever wants to connect."""

    OPEN = "open"
    REFUSES = "refuses"
    HANGS = "hangs"


class FragileSocket(Socket):
    """A websocket that can fall silent."""

    def __init__(self, name: str, ws: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        super().__init__(name, ws, transport)
        self.deaf = asyncio.Event()
        """Set: nothing that the app sends is read any more."""
        self.mute = False
        """Nothing is sent to the app any more, and nobody notices."""
        self.pings = 0

    async def send(self, message: Json) -> None:
        if not self.mute:
            await super().send(message)

    async def receive(self) -> WSMessage:
        message = await super().receive()
        while self.deaf.is_set() and not self.transport.is_closing():
            await asyncio.sleep(_LOOK_SECONDS)
        return message

    async def ping(self) -> None:
        while self.unanswered < UNANSWERED or self.deaf.is_set():
            self.unanswered += 1
            self.pings += 1
            if not self.mute:
                with suppress(*GONE):
                    await self.ws.ping()
            await asyncio.sleep(socket_mode.PING_SECONDS)


class FragileSockets(Sockets):
    """The app's websockets, and what goes wrong with them."""

    socket_type: ClassVar[type[Socket]] = FragileSocket

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.edge = Edge.OPEN
        self.disabled = False
        """Whether somebody has turned Socket Mode off in the app's settings."""
        self.refusals: list[str] = []
        """Why connections were not let in, in order."""
        self._closing: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.edge is not Edge.OPEN:
            return await self._nobody_home(request)
        answer = await super().handle(request)
        if answer.status == 403:
            self.refusals.append("ticket")
        return answer

    def refused(self) -> str:
        why = "link_disabled" if self.disabled else super().refused()
        if why:
            self.refusals.append(why)
        return why

    def cut(self, edge: Edge = Edge.OPEN) -> None:
        """Break all connections without a word; `edge` is what those who come back find."""
        self.edge = edge
        for name in self.names:
            self._open.pop(name).transport.abort()

    def freeze(self, *names: str, mute: bool = True) -> None:
        """Have connections stay open and hear nothing any more; `mute`: nor say anything."""
        for name in names or self.names:
            socket = self.socket(name)
            socket.deaf.set()
            socket.mute = mute

    def socket(self, name: str) -> FragileSocket:
        """The connection of this name."""
        socket = self._open[name]
        assert isinstance(socket, FragileSocket)
        return socket

    async def warn(self, *names: str, seconds: float = 10.0) -> None:
        """Announce the end of connections, and close them after so many seconds."""
        await self._dismiss("warning", names, seconds)

    async def refresh(self) -> None:
        """Ask every connection to come back on a new one, and close it, as Slack does at times."""
        await self._dismiss("refresh_requested", (), 0.0)

    async def disable(self) -> None:
        """Turn Socket Mode off in the app's settings."""
        self.disabled = True
        await self._dismiss("link_disabled", (), 0.0)

    async def close(self) -> None:
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await super().close()

    async def _dismiss(self, reason: str, names: tuple[str, ...], seconds: float) -> None:
        for name in names or self.names:
            socket = self._open[name]
            with suppress(*GONE):
                await socket.send({"type": "disconnect", "reason": reason, "debug_info": {}})
            if not seconds:
                self._open.pop(name)
            task = asyncio.create_task(_close_after(socket, seconds))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _nobody_home(self, request: web.Request) -> web.StreamResponse:
        self.refusals.append(self.edge)
        transport = request.transport
        if self.edge is Edge.HANGS:
            # For good: who waits here learns nothing when the edge is well again.
            while transport is not None and not transport.is_closing() and not self.state.closing:
                await asyncio.sleep(_LOOK_SECONDS)
        if transport is not None:
            transport.abort()
        return web.Response()


async def _close_after(socket: Socket, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await socket.ws.close()
