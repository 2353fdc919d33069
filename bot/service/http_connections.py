"""The connections of the HTTP server, so that nobody starves it who proves nothing.

Until a request has proven to come from Slack, its connection is at everybody else's disposal:
it has some seconds for its request, and where there are too many connections, or too much was
received on them, the oldest of them goes. So whoever is new gets in, however many are held open,
and descriptors and memory are left for Redis and Slack.
"""

import asyncio
import logging
import resource
from collections.abc import Awaitable, Callable
from enum import StrEnum

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from bot.logs import LimitedLog
from bot.metrics import CONNECTIONS_CLOSED

REQUEST_SECONDS = 10.0
"""For a whole request, from its first byte until it is answered or proven. Slack gives up after
three, a check of readiness takes up to six."""

IDLE_SECONDS = 75.0
"""Between two requests. More than the usual 60 of proxies, so that it is they who close."""

MOST_BYTES = 16 * 1024 * 1024
"""Received on all connections together, and not proven yet."""

_RECEIVE_BYTES = 16 * 1024

_MOST = 512
_FEWEST = 16
_SHARE = 4
"""One in so many descriptors is for connections to us; the others are for Redis, Slack, the cloud,
and for connections that are accepted just before others are closed."""


class Closed(StrEnum):
    """Why a connection was closed that had proven nothing."""

    LATE = "late"
    CROWDED = "crowded"
    HEAVY = "heavy"


def most_connections() -> int:
    """How many connections there may be, so that descriptors are left for what we need."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return max(_FEWEST, min(_MOST, soft // _SHARE))


class Connections:
    """Makes the protocol of each connection, around the server's own, and keeps them in bounds."""

    def __init__(
        self,
        make: Callable[[], asyncio.Protocol],
        *,
        most: int,
        most_bytes: int = MOST_BYTES,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        """`make` makes the server's protocol, which does all the work."""
        self._make = make
        self._most = most
        self._most_bytes = most_bytes
        self._log = LimitedLog(__name__, "connections_closed")
        self.request_seconds = request_seconds
        self.open: set[Connection] = set()
        self.unproven: dict[Connection, None] = {}
        """Those that are at everybody's disposal, the oldest first."""
        self.bytes = 0
        self.received = memoryview(bytearray(_RECEIVE_BYTES))

    def __call__(self) -> "Connection":
        """The protocol of a connection that is accepted."""
        return Connection(self, self._make())

    def make_room(self) -> None:
        """Close the oldest of those that have proven nothing, as long as there are too many."""
        while len(self.open) > self._most and self.unproven:
            self.close(next(iter(self.unproven)), Closed.CROWDED)
        while self.bytes > self._most_bytes:
            self.close(next(one for one in self.unproven if one.bytes), Closed.HEAVY)

    def close(self, connection: "Connection", why: Closed) -> None:
        """Close a connection at once."""
        CONNECTIONS_CLOSED.labels(why).inc()
        self._log(why=why)
        connection.abort()


class Connection(asyncio.BufferedProtocol):
    """One connection: hands everything on, and knows for how long it may."""

    def __init__(self, connections: Connections, inner: asyncio.Protocol) -> None:
        self._all = connections
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle = False
        self.bytes = 0

    # --- what the server says of its request ---------------------------------------------

    def proven(self) -> None:
        """Its request is from Slack: nobody closes it before it is answered."""
        self._stop()

    def answered(self) -> None:
        """Its request is answered; another one may come."""
        if self in self._all.open:
            self._wait(IDLE_SECONDS)
            self._idle = True

    def abort(self) -> None:
        """Close it, whatever was to be sent."""
        self._forget()
        if self._transport is not None:
            self._transport.abort()

    # --- what happens to it -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was accepted."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._inner.connection_made(transport)
        self._all.open.add(self)
        self._wait(self._all.request_seconds)
        self._all.make_room()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Where to put what is received: one place for all, emptied each time.

        asyncio's own would be 256 KB for every read, which leaves the memory in pieces.
        """
        return self._all.received

    def buffer_updated(self, nbytes: int) -> None:
        """A part of a request was received."""
        if self not in self._all.open:
            return
        data = bytes(self._all.received[:nbytes])
        if self._idle:
            self._wait(self._all.request_seconds)
        if self in self._all.unproven:
            self.bytes += len(data)
            self._all.bytes += len(data)
            self._all.make_room()
        if self in self._all.open:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The other side sends no more."""
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._forget()
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The other side does not read."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self._inner.resume_writing()

    # --- inside -----------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        """Be at everybody's disposal, as the youngest, and for so long at most."""
        self._stop()
        self._idle = False
        self._all.unproven[self] = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._late)

    def _late(self) -> None:
        if self.bytes:
            self._all.close(self, Closed.LATE)
        else:
            self.abort()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._all.unproven.pop(self, None)
        self._all.bytes -= self.bytes
        self.bytes = 0

    def _forget(self) -> None:
        self._stop()
        self._all.open.discard(self)


def connection_of(request: web.BaseRequest) -> Connection | None:
    """The connection that a request came on, None where it is closed already."""
    protocol = request.transport.get_protocol() if request.transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


@web.middleware
async def tell_when_answered(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tell the connection of each request when it is answered."""
    try:
        return await handler(request)
    finally:
        if connection := connection_of(request):
            connection.answered()


class MalformedLimited(logging.Filter):
    """Lets no traceback of aiohttp's through for what is no HTTP: one line in a while says it."""

    def __init__(self) -> None:
        super().__init__()
        self._log = LimitedLog(__name__, "malformed_http")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be logged as it is."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._log(error=type(error).__name__)
        return False
