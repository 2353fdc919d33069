"""The network between the bots and Valkey, on loopback: it loses replies, cuts, delays, holds."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

_CHUNK = 65536
_WRITES = (b"EVALSHA", b"EVAL\r\n", b"SET\r\n", b"DEL\r\n", b"XADD")


class Loss(msgspec.Struct):
    """The next `times` writes that mention `key` go wrong, after `skip` that don't.

    With `held` seconds the write itself is late, so late that its caller has given up; without,
    it takes effect and its reply is lost.
    """

    key: bytes
    times: int
    skip: int = 0
    held: float = 0.0
    hits: int = 0

    def strikes(self, chunk: bytes) -> bool:
        """Whether it strikes this chunk, one command as redis-py sends it; counts both."""
        if self.hits >= self.times or self.key not in chunk or not _writes(chunk):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True


def _writes(chunk: bytes) -> bool:
    return any(word in chunk for word in _WRITES)


class RedisProxy:
    """A TCP proxy to a server whose port may change; what passed to it is kept in `sent`."""

    def __init__(self, upstream: Callable[[], int]) -> None:
        """`upstream` says on which port of loopback the server is now."""
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._losses: list[Loss] = []
        self.delay = 0.0
        self.held = False
        """Nothing that the server says gets through any more; what it does say is lost."""
        self.port = 0
        self.sent = bytearray()

    @property
    def url(self) -> str:
        """The bots' `REDIS_URL`."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Cut everything and stop listening."""
        if self._server is not None:
            self._server.close()
        await self.cut()
        if self._server is not None:
            await self._server.wait_closed()

    def lose(self, loss: Loss) -> Loss:
        """Let writes go wrong; the hits can be read from what is returned."""
        self._losses.append(loss)
        return loss

    def calm(self) -> None:
        """Let nothing go wrong any more; what is held stays held."""
        self._losses.clear()
        self.delay = 0.0

    async def cut(self) -> int:
        """Cut all connections; returns how many there were."""
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)
        return len(links)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server: asyncio.StreamWriter | None = None
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._upstream())
            await self._exchange(reader, writer, answers, server)
        except OSError:
            pass
        finally:
            for end in (writer, server):
                if end is not None:
                    end.transport.abort()

    async def _exchange(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        server: asyncio.StreamWriter,
    ) -> None:
        """Pass everything on until one side closes, or until a reply is to be lost."""
        lost = asyncio.Event()
        tasks = {
            asyncio.create_task(self._commands(reader, server, lost)),
            asyncio.create_task(self._replies(answers, writer, lost)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                with suppress(OSError):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _commands(
        self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            self.sent += chunk
            loss = next((x for x in self._losses if x.strikes(chunk)), None)
            await asyncio.sleep(self.delay + (loss.held if loss else 0.0))
            if loss:
                lost.set()
            server.write(chunk)
            await server.drain()

    async def _replies(
        self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event
    ) -> None:
        while not lost.is_set() and (chunk := await answers.read(_CHUNK)):
            if not lost.is_set() and not self.held:
                writer.write(chunk)
                await writer.drain()
