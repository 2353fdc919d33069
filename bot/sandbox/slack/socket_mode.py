"""Socket Mode: the app's websockets, envelopes to them, acks from them.

Source: docs.slack.dev/apis/events-api/using-socket-mode.
"""

import asyncio
import json
import logging
import uuid
from contextlib import suppress
from typing import ClassVar

from aiohttp import WSMessage, WSMsgType, web

from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Json

MOST_SOCKETS = 10

TICKET_SECONDS = 30.0
"""How long a ticket is good for that nobody has used."""

PING_SECONDS = 5.0
"""Between the pings of the server."""

UNANSWERED = 2
"""A client that answers so many in a row with nothing is let go."""

GONE = (ConnectionError, RuntimeError)

_log = logging.getLogger(__name__)


class Socket:
    """One websocket of the app's, and the envelopes that it has not acked."""

    def __init__(self, name: str, ws: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.name = name
        self.ws = ws
        self.transport = transport
        self.waiting: dict[str, asyncio.Future[Json]] = {}
        self.unanswered = 0

    async def send(self, message: Json) -> None:
        """Send a message. ConnectionError: it is gone."""
        try:
            await self.ws.send_json(message)
        except RuntimeError as error:
            raise ConnectionError("the websocket closed") from error

    async def read(self) -> None:
        """Take in what the app sends until it has gone."""
        while True:
            message = await self.receive()
            self.unanswered = 0
            if message.type is WSMsgType.PING:
                await self.ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self.acked(message.data)
            elif message.type is not WSMsgType.PONG:
                return

    async def receive(self) -> WSMessage:
        """The next message of the app's."""
        return await self.ws.receive()

    async def ping(self) -> None:
        """Send pings until they are no longer answered."""
        while self.unanswered < UNANSWERED:
            self.unanswered += 1
            with suppress(*GONE):
                await self.ws.ping()
            await asyncio.sleep(PING_SECONDS)

    def acked(self, text: str) -> None:
        """Take an ack in; what is none is ignored, as Slack does."""
        try:
            answer = json.loads(text)
        except ValueError:
            return
        if not isinstance(answer, dict):
            return
        future = self.waiting.pop(str(answer.get("envelope_id")), None)
        if future is not None and not future.done():
            future.set_result(answer.get("payload") or {})

    def lost(self) -> None:
        """The websocket closed: nothing more will be acked."""
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the websocket closed"))


class Sockets:
    """All websockets of the app; each delivery goes to one of them."""

    socket_type: ClassVar[type[Socket]] = Socket

    def __init__(self, state: State) -> None:
        self.state = state
        self._open: dict[str, Socket] = {}

    def __len__(self) -> int:
        """How many are connected."""
        return len(self._open)

    @property
    def names(self) -> list[str]:
        """Those that are connected, oldest first."""
        return list(self._open)

    def pick(self, turn: int) -> Socket | None:
        """Whose turn it is; None without any websocket."""
        sockets = list(self._open.values())
        return sockets[turn % len(sockets)] if sockets else None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve a websocket whose ticket `apps.connections.open` handed out."""
        ticket = request.query.get("ticket", "")
        made = self.state.tickets.pop(ticket, None)
        if made is None or self.state.clock() - made > TICKET_SECONDS:
            return web.Response(status=403, text="invalid ticket")
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        assert request.transport is not None  # noqa: S101 - prepared just now
        refused = self.refused()
        if refused:
            await ws.send_json({"type": "disconnect", "reason": refused})
            await ws.close()
            return ws
        socket = self.socket_type(f"socket-{uuid.uuid4().hex[:8]}", ws, request.transport)
        await self._greet(socket)
        self._open[socket.name] = socket
        self.state.changed()
        await self._serve(socket)
        return ws

    async def ask(self, name: str, envelope: Json) -> Json:
        """Send an envelope to a websocket; what its ack carries. ConnectionError: it is gone."""
        socket = self._open.get(name)
        if socket is None:
            raise ConnectionError("the websocket closed")
        envelope_id = str(uuid.uuid4())
        future: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        socket.waiting[envelope_id] = future
        try:
            await socket.send({"envelope_id": envelope_id, **envelope})
            return await future
        finally:
            socket.waiting.pop(envelope_id, None)

    async def close(self) -> None:
        """Close all websockets."""
        for socket in list(self._open.values()):
            socket.transport.abort()

    # --- inside --------------------------------------------------------------------------

    def refused(self) -> str:
        """Why nobody may connect just now, in Slack's words; empty where they may."""
        return "too_many_websockets" if len(self._open) >= MOST_SOCKETS else ""

    async def _serve(self, socket: Socket) -> None:
        tasks = {asyncio.create_task(socket.read()), asyncio.create_task(socket.ping())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.pop(socket.name, None)
            socket.lost()
            for task in tasks:
                task.cancel()
            for error in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(error, Exception) and not isinstance(error, GONE):
                    _log.error("a websocket failed", exc_info=error)
            self.state.changed()

    async def _greet(self, socket: Socket) -> None:
        await socket.send(
            {
                "type": "hello",
                "num_connections": len(self._open) + 1,
                "debug_info": {"host": "local", "approximate_connection_time": 18060},
                "connection_info": {"app_id": self.state.workspace.app.id},
            }
        )
