"""Connections that have proven nothing are at everybody's disposal; those that have are not."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog
from aiohttp import web
from waiting import until

from bot.logs import LimitedLog
from bot.service.http_connections import (
    Connections,
    connection_of,
    most_connections,
    tell_when_answered,
)

GET = b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1500\r\n\r\n" + b"a" * 1000


class Client:
    """One connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, data: bytes) -> str:
        """Send this; returns the first line of the answer, nothing where there is none."""
        self._writer.write(data)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            await self._reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            return ""
        return head.decode().splitlines()[0]

    def send(self, data: bytes) -> None:
        """Send this and wait for nothing."""
        self._writer.write(data)

    async def until_closed(self) -> None:
        """Wait until the server has closed it."""
        async with asyncio.timeout(60):
            try:
                while await self._reader.read(1000):
                    pass
            except OSError:
                pass

    async def close(self) -> None:
        """Go away."""
        self._writer.transport.abort()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


class Served:
    """A server in bounds, and who is connected to it."""

    def __init__(self, bounds: Connections, port: int) -> None:
        self.bounds = bounds
        self.go_on = asyncio.Event()
        self._port = port
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        """One more connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self._port))
        self._clients.append(client)
        return client

    async def close(self) -> None:
        """All go away."""
        for client in self._clients:
            await client.close()


@asynccontextmanager
async def serving(
    *, most: int = 100, most_bytes: int = 1_000_000, request_seconds: float = 30.0
) -> AsyncIterator[Served]:
    """A server whose `/slow` is proven at once and answered when the test says so."""

    async def slow(request: web.Request) -> web.Response:
        connection = connection_of(request)
        assert connection is not None
        connection.proven()
        await served.go_on.wait()
        return web.Response(text="slow")

    async def quick(_: web.Request) -> web.Response:
        return web.Response(text="quick")

    async def body(request: web.Request) -> web.Response:
        await request.content.read()
        return web.Response(text="body")

    app = web.Application(middlewares=[tell_when_answered])
    app.add_routes([web.get("/slow", slow), web.get("/quick", quick), web.post("/body", body)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    bounds = Connections(
        runner.server, most=most, most_bytes=most_bytes, request_seconds=request_seconds
    )
    server = await asyncio.get_running_loop().create_server(bounds, "127.0.0.1", 0)
    served = Served(bounds, server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        served.go_on.set()
        await served.close()
        server.close()
        await runner.cleanup()
    assert (bounds.bytes, len(bounds.unproven), len(bounds.open)) == (0, 0, 0)


async def test_where_there_are_too_many_the_oldest_that_proved_nothing_goes() -> None:
    async with serving(most=3) as served:
        proven, first, second = [await served.connect() for _ in range(3)]
        proven.send(SLOW)
        await until(lambda: len(served.bounds.open) == 3 and len(served.bounds.unproven) == 2)
        third = await served.connect()
        await first.until_closed()
        assert await second.ask(GET) == "HTTP/1.1 200 OK"
        # What has been answered is younger than what has not begun.
        fourth = await served.connect()
        await third.until_closed()
        assert await second.ask(GET) == await fourth.ask(GET) == "HTTP/1.1 200 OK"
        served.go_on.set()
        assert await proven.ask(b"") == "HTTP/1.1 200 OK"


async def test_where_all_have_proven_themselves_the_newcomer_goes() -> None:
    async with serving(most=2) as served:
        both = [await served.connect() for _ in range(2)]
        for client in both:
            client.send(SLOW)
        await until(lambda: len(served.bounds.open) == 2 and not served.bounds.unproven)
        await (await served.connect()).until_closed()
        served.go_on.set()
        assert [await client.ask(b"") for client in both] == ["HTTP/1.1 200 OK"] * 2


async def test_where_too_much_was_received_the_oldest_that_sent_some_of_it_goes() -> None:
    async with serving(most_bytes=2800) as served:
        silent, first, second = [await served.connect() for _ in range(3)]
        for number, client in enumerate((first, second), start=1):
            client.send(BODY)
            await until(lambda n=number: served.bounds.bytes > 1000 * n)  # type: ignore[misc] # n is bound for the loop
        third = await served.connect()
        third.send(BODY)
        await first.until_closed()
        assert await silent.ask(GET) == await second.ask(b"a" * 500) == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("sent", [b"", b"GET /quick HTTP/1.1\r\nX-Half", BODY])
async def test_a_request_that_does_not_end_is_cut_off(sent: bytes) -> None:
    async with serving(request_seconds=0.3) as served:
        client = await served.connect()
        client.send(sent)
        await client.until_closed()
        again = await served.connect()
        assert await again.ask(GET) == "HTTP/1.1 200 OK"
        again.send(sent)
        if sent:
            await again.until_closed()


async def test_dripping_bytes_buys_no_time() -> None:
    async with serving(request_seconds=0.3) as served:
        client = await served.connect()

        async def drip() -> None:
            client.send(b"GET /quick HTTP/1.1\r\nX: ")
            while True:
                client.send(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        await client.until_closed()
        dripping.cancel()


async def test_a_connection_is_kept_between_requests_and_for_a_proven_one() -> None:
    async with serving(request_seconds=0.3) as served:
        idle, slow = await served.connect(), await served.connect()
        late = await served.connect()
        assert await idle.ask(GET) == "HTTP/1.1 200 OK"
        slow.send(SLOW)
        await late.until_closed()  # the time of a request is over
        assert await idle.ask(GET) == "HTTP/1.1 200 OK"
        served.go_on.set()
        assert await slow.ask(b"") == "HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("soft", "most"),
    [(64, 16), (256, 64), (1024, 256), (1_048_576, 512), (resource.RLIM_INFINITY, 512)],
)
def test_descriptors_are_left_for_redis_and_slack(
    monkeypatch: pytest.MonkeyPatch, soft: int, most: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert most_connections() == most


def test_what_strangers_cause_is_logged_once_in_a_while_with_its_count() -> None:
    now = [0.0]
    log = LimitedLog("test", "knocked", clock=lambda: now[0])
    with structlog.testing.capture_logs() as lines:
        for moment in (0.0, 1.0, 9.9, 10.0, 11.0, 20.0):
            now[0] = moment
            log(why=str(moment))
    assert [(line["count"], line["why"]) for line in lines] == [
        (1, "0.0"),
        (3, "10.0"),
        (2, "20.0"),
    ]
