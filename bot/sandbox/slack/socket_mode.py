"""Socket Mode: the app's websockets, envelopes to them, acks from them.

Source: docs.slack.dev/apis/events-api/using-socket-mode. What goes wrong with real connections
can be switched on: an `edge` that refuses or hangs, sockets that fall silent (`freeze`), and
Slack's own announcements (`warn`, `refresh`, `disable`).
"""

import asyncio
import json
import logging
import uuid
from contextlib import suppress
from enum import StrEnum

from aiohttp import WSMsgType, web

from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Json

MOST_SOCKETS = 10

TICKET_SECONDS = 30.0
"""How long a ticket is good for that nobody has used."""

PING_SECONDS = 5.0
"""Between the pings of the server."""

_UNANSWERED = 2
"""A client that answers so many in a row with nothing is let go."""

_LOOK_SECONDS = 0.05

_GONE = (ConnectionError, RuntimeError)

_log = logging.getLogger(__name__)


class Edge(StrEnum):
    """What happens to whoever wants to connect."""

    OPEN = "open"
    REFUSES = "refuses"
    HANGS = "hangs"


class Socket:
    """One websocket of the app's, and the envelopes that it has not acked."""

    def __init__(self, name: str, ws: web.WebSocketResponse, transport: asyncio.Transport) -> None:
        self.name = name
        self.ws = ws
        self.transport = transport
        self.waiting: dict[str, asyncio.Future[Json]] = {}
        self.deaf = asyncio.Event()
        """Set: nothing that the app sends is read any more."""
        self.mute = False
        """Nothing is sent to the app any more, and nobody notices."""
        self.unanswered = 0
        self.pings = 0

    async def send(self, message: Json) -> None:
        """Send a message. ConnectionError: it is gone."""
        if self.mute:
            return
        try:
            await self.ws.send_json(message)
        except RuntimeError as error:
            raise ConnectionError("the websocket closed") from error

    async def read(self) -> None:
        """Take in what the app sends until it has gone."""
        while True:
            message = await self.ws.receive()
            while self.deaf.is_set() and not self.transport.is_closing():
                await asyncio.sleep(_LOOK_SECONDS)
            self.unanswered = 0
            if message.type is WSMsgType.PING:
                await self.ws.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self.acked(message.data)
            elif message.type is not WSMsgType.PONG:
                return

    async def ping(self) -> None:
        """Send pings until they are no longer answered."""
        while self.unanswered < _UNANSWERED or self.deaf.is_set():
            self.unanswered += 1
            self.pings += 1
            if not self.mute:
                with suppress(*_GONE):
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

    def __init__(self, state: State) -> None:
        self.state = state
        self.edge = Edge.OPEN
        self.disabled = False
        """Whether somebody has turned Socket Mode off in the app's settings."""
        self.refusals: list[str] = []
        """Why connections were not let in, in order."""
        self._open: dict[str, Socket] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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
        if self.edge is not Edge.OPEN:
            return await self._nobody_home(request)
        ticket = request.query.get("ticket", "")
        made = self.state.tickets.pop(ticket, None)
        if made is None or self.state.clock() - made > TICKET_SECONDS:
            self.refusals.append("ticket")
            return web.Response(status=403, text="invalid ticket")
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        assert request.transport is not None  # noqa: S101 - prepared just now
        refused = self._refused()
        if refused:
            self.refusals.append(refused)
            await ws.send_json({"type": "disconnect", "reason": refused})
            await ws.close()
            return ws
        socket = Socket(f"socket-{uuid.uuid4().hex[:8]}", ws, request.transport)
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

    # --- what goes wrong -----------------------------------------------------------------

    def cut(self, edge: Edge = Edge.OPEN) -> None:
        """Break all connections without a word; `edge` is what those who come back find."""
        self.edge = edge
        for name in self.names:
            self._open.pop(name).transport.abort()

    def freeze(self, *names: str, mute: bool = True) -> None:
        """Have connections stay open and hear nothing any more; `mute`: nor say anything."""
        for name in names or self.names:
            self._open[name].deaf.set()
            self._open[name].mute = mute

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

    async def _dismiss(self, reason: str, names: tuple[str, ...], seconds: float) -> None:
        for name in names or self.names:
            socket = self._open[name]
            with suppress(*_GONE):
                await socket.send({"type": "disconnect", "reason": reason, "debug_info": {}})
            if not seconds:
                self._open.pop(name)
            task = asyncio.create_task(self._close_after(socket, seconds))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _close_after(self, socket: Socket, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await socket.ws.close()

    async def close(self) -> None:
        """Close all websockets."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for socket in list(self._open.values()):
            socket.transport.abort()

    # --- inside --------------------------------------------------------------------------

    def _refused(self) -> str:
        if self.disabled:
            return "link_disabled"
        return "too_many_websockets" if len(self._open) >= MOST_SOCKETS else ""

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
                if isinstance(error, Exception) and not isinstance(error, _GONE):
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
