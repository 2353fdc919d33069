"""Redis in the shapes that people run, on real servers: one, behind Sentinel, a Cluster.

They listen on loopback, keep everything in a directory that goes with them, and end with the
tests, also when those are killed (see `bot.sandbox.guard`). Sentinels and nodes are quick to
call somebody dead: a failover takes about two seconds.
"""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError
from waiting import until

from bot.sandbox import guard
from bot.sandbox.valkey import HOST, find_server, free_port, server_at

SLOTS = 16384
MASTER = "vco"
QUORUM = 2
_SENTINELS = 3
_DOWN_AFTER = 500
"""Milliseconds of silence after which a server counts as dead."""

_DATA = ("--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0")


class Server:
    """One process of the server's program, in whatever role its options give it."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = free_port()
        self._directory = directory / str(self.port)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its own address, past any Sentinel."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def file(self) -> Path:
        """A configuration file, read if it is there."""
        return self._directory / "server.conf"

    async def start(self) -> Self:
        """Start it and wait until it answers."""
        self._directory.mkdir(exist_ok=True)
        self.file.touch()
        common = ("--port", str(self.port), "--bind", HOST, "--dir", str(self._directory))
        program = [str(find_server()), str(self.file), *common, *self._options]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - milliseconds; our own guard
                [sys.executable, "-I", "-S", str(guard.__file__), *program],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(60):
            while await server_at(self.port) != self._process.pid:
                assert self._process.poll() is None, (self._directory / "log").read_text()
                await asyncio.sleep(0.02)
        return self

    def kill(self) -> None:
        """End it at once (SIGKILL); `start` brings it back with what it had written."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()  # the guard's watcher ends with it
            self._process = None

    async def ask(self, *command: str | float) -> Any:  # noqa: ANN401 - whatever it answers
        """Send one command to this very server."""
        async with Redis.from_url(self.url, decode_responses=True) as client:
            answer: Any = await client.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py leaves it so
            return answer


class Replicated:
    """A master with replicas, and three Sentinels that watch them."""

    def __init__(self, data: Sequence[Server], sentinels: Sequence[Server]) -> None:
        self.data = list(data)
        self.sentinels = list(sentinels)

    @property
    def redis_url(self) -> str:
        """For `REDIS_URL`."""
        hosts = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}/0"

    async def master(self) -> Server:
        """The master, as the Sentinels that live say with one voice."""
        found: set[str] = set()
        async with asyncio.timeout(60):
            while len(found) != 1:
                said = [await self._said_by(s) for s in self.sentinels]
                found = {port for port in said if port}
        return next(server for server in self.data if str(server.port) in found)

    async def _said_by(self, sentinel: Server) -> str:
        try:
            address = await sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        except (RedisError, OSError):
            return ""
        return str(address[1])


@asynccontextmanager
async def replicated(replicas: int = 1) -> AsyncIterator[Replicated]:
    """A master that has its replicas, and Sentinels that know all of that."""
    async with _servers() as (directory, started):
        data = [Server(directory, *_DATA) for _ in range(1 + replicas)]
        for replica in data[1:]:
            replica.file.parent.mkdir()
            replica.file.write_text(f"replicaof {HOST} {data[0].port}\n")
        sentinels = [Server(directory, "--sentinel") for _ in range(_SENTINELS)]
        for sentinel in sentinels:
            sentinel.file.parent.mkdir()
            sentinel.file.write_text("\n".join(_sentinel_lines(data, sentinels, sentinel)))
        await started(*data)
        for replica in data[1:]:
            await until(partial(in_step, replica))
        await started(*sentinels)
        for sentinel in sentinels:
            await until(partial(_has_quorum, sentinel))
        yield Replicated(data, sentinels)


def _sentinel_lines(data: Sequence[Server], sentinels: Sequence[Server], mine: Server) -> list[str]:
    """What a Sentinel would find out by itself within seconds, told at once."""
    return [
        f"sentinel myid {mine.port:040d}",
        f"sentinel monitor {MASTER} {HOST} {data[0].port} {QUORUM}",
        f"sentinel down-after-milliseconds {MASTER} {_DOWN_AFTER}",
        f"sentinel failover-timeout {MASTER} 3000",
        *(f"sentinel known-replica {MASTER} {HOST} {replica.port}" for replica in data[1:]),
        *(
            f"sentinel known-sentinel {MASTER} {HOST} {other.port} {other.port:040d}"
            for other in sentinels
            if other is not mine
        ),
        "",
    ]


async def in_step(replica: Server) -> bool:
    """Whether it has all that its master had: one that is promoted before that is empty."""
    _, _, _, link, _ = await replica.ask("ROLE")
    return bool(link == "connected")


async def _has_quorum(sentinel: Server) -> bool:
    with contextlib.suppress(RedisError):
        return str(await sentinel.ask("SENTINEL", "CKQUORUM", MASTER)).startswith("OK")
    return False


class Cluster:
    """Three masters that share the slots."""

    def __init__(self, nodes: Sequence[Server]) -> None:
        self.nodes = list(nodes)

    @property
    def redis_url(self) -> str:
        """For `REDIS_URL`: two of the nodes; the third one is found."""
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes[:2])

    async def slot(self, key: str) -> int:
        """The slot of a key."""
        return int(await self.nodes[0].ask("CLUSTER", "KEYSLOT", key))

    async def keys(self, node: Server) -> list[str]:
        """All keys that a node holds."""
        return [str(key) for key in await node.ask("KEYS", "*")]

    async def holder(self, slot: int) -> Server:
        """The node that serves a slot."""
        for first, last, (_, port, *_), *_ in await self.nodes[0].ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody serves {slot}")

    async def move(self, slot: int, to: Server) -> None:
        """Move a slot and its keys to another node, one by one, as an operator's tool does."""
        source = await self.holder(slot)
        source_id, target_id = [str(await n.ask("CLUSTER", "MYID")) for n in (source, to)]
        await to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        while keys := await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1):
            await source.ask("MIGRATE", HOST, to.port, keys[0], 0, 5000)
        for node in (to, source, *self.nodes):
            await node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """A cluster that is complete and serves."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
    async with _servers() as (directory, started):
        buses = [free_port() for _ in range(3)]
        nodes = [Server(directory, *_DATA, *options, "--cluster-port", str(b)) for b in buses]
        await started(*nodes)
        bounds = [SLOTS * n // 3 for n in range(4)]
        for n, (node, first, after) in enumerate(zip(nodes, bounds, bounds[1:], strict=False)):
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            await node.ask("CLUSTER", "ADDSLOTSRANGE", first, after - 1)
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            await nodes[0].ask("CLUSTER", "MEET", HOST, node.port, bus)
        for node in nodes:
            await until(partial(_complete, node))
        yield Cluster(nodes)


async def _complete(node: Server) -> bool:
    info = str(await node.ask("CLUSTER", "INFO"))
    slots = await node.ask("CLUSTER", "SLOTS")
    return "cluster_state:ok" in info and len(slots) == 3


class MovingAddress:
    """An address that a provider moves from one server to another at a failover.

    New connections go to `target`; those that are open stay where they are.
    """

    def __init__(self, target: Server) -> None:
        self.target = target
        self.port = 0
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self.flowing = asyncio.Event()
        """Cleared: a partition. Connections stay open and nothing comes through."""
        self.flowing.set()

    @property
    def redis_url(self) -> str:
        """For `REDIS_URL`."""
        return f"redis://{HOST}:{self.port}/0"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._join, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, self.target.port)
        for ends in ((reader, back), (there, writer)):
            pipe = asyncio.create_task(_pour(*ends, self.flowing))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)


@asynccontextmanager
async def partitioned() -> AsyncIterator[tuple[Server, Server, MovingAddress]]:
    """A master that asks for one replica, that replica, and the line between them."""
    async with _servers() as (directory, started):
        master, replica = [Server(directory, *_DATA) for _ in range(2)]
        await started(master)
        async with MovingAddress(master) as line:
            replica.file.parent.mkdir()
            replica.file.write_text(f"replicaof {HOST} {line.port}\n")
            await started(replica)
            await until(partial(in_step, replica))
            await master.ask("CONFIG", "SET", "min-replicas-max-lag", 10)
            await master.ask("CONFIG", "SET", "min-replicas-to-write", 1)
            yield master, replica, line


async def _pour(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
) -> None:
    try:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await flowing.wait()
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()


@asynccontextmanager
async def _servers() -> AsyncIterator[tuple[Path, Callable[..., Awaitable[None]]]]:
    """A directory, and a function that starts servers which end with the context."""
    running: list[Server] = []

    async def started(*servers: Server) -> None:
        running.extend(servers)
        await asyncio.gather(*(server.start() for server in servers))

    with tempfile.TemporaryDirectory(prefix="vco-redis-") as directory:
        try:
            yield Path(directory), started
        finally:
            for server in running:
                server.kill()
