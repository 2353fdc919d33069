"""Socket Mode: the app's websockets, envelopes to them, acks from them.

Source: docs.slack.dev/apis/events-api/using-socket-mode.
"""

import asyncio
import json
import uuid

from aiohttp import WSMsgType, web

from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import Json

MOST_SOCKETS = 10


class Socket:
    """One websocket of the app's, and the envelopes that it has not acked."""

    def __init__(self, name: str, ws: web.WebSocketResponse) -> None:
        self.name = name
        self.ws = ws
        self.waiting: dict[str, asyncio.Future[Json]] = {}

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
        self._open: dict[str, Socket] = {}

    def __len__(self) -> int:
        """How many are connected."""
        return len(self._open)

    def pick(self, turn: int) -> Socket | None:
        """Whose turn it is; None without any websocket."""
        sockets = list(self._open.values())
        return sockets[turn % len(sockets)] if sockets else None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve a websocket whose ticket `apps.connections.open` handed out."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.state.tickets:
            return web.Response(status=403, text="invalid ticket")
        self.state.tickets.discard(ticket)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        if len(self._open) >= MOST_SOCKETS:
            await ws.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await ws.close()
            return ws
        socket = Socket(f"socket-{uuid.uuid4().hex[:8]}", ws)
        await self._greet(socket)
        self._open[socket.name] = socket
        self.state.changed()
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    socket.acked(message.data)
        finally:
            self._open.pop(socket.name, None)
            socket.lost()
            self.state.changed()
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
            await socket.ws.send_json({"envelope_id": envelope_id, **envelope})
            return await future
        finally:
            socket.waiting.pop(envelope_id, None)

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to come back on a new one, and close it, as Slack does at times."""
        for socket in list(self._open.values()):
            self._open.pop(socket.name, None)
            await socket.ws.send_json(
                {"type": "disconnect", "reason": reason, "debug_info": {"host": "local"}}
            )

    async def close(self) -> None:
        """Close all websockets."""
        for socket in list(self._open.values()):
            await socket.ws.close()

    async def _greet(self, socket: Socket) -> None:
        await socket.ws.send_json(
            {
                "type": "hello",
                "num_connections": len(self._open) + 1,
                "debug_info": {"host": "local", "approximate_connection_time": 18060},
                "connection_info": {"app_id": self.state.workspace.app.id},
            }
        )
