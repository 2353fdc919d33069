"""From a parsed `REDIS_URL` to a client of redis-py, with bounds on everything.

redis-py's own pools raise where all connections are in use, and only that of a standalone server
has a variant that waits. Here commands wait for their turn in front of any of them, in order, so
that a burst is slower and never refused.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis as Standalone
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import ExponentialBackoff, NoBackoff

from bot.config.redis_url import RedisKind, RedisTarget
from bot.store.client import Redis, Reply

_SECONDS = 2.0
"""For each connection, command and reply. A worker's step allows for several."""

_SENTINEL_SECONDS = 0.5
"""The same for a Sentinel. One that died with the master is asked first as likely as not, and
the next one must be asked while somebody waits for an answer."""

CONNECTIONS = 32
"""How many commands are under way at once, for all users of the database in this process. One
takes a fraction of a millisecond, so more connections would not make anything faster."""

_SPARE = 8
"""Connections beyond these, for what redis-py asks of its own accord, as where slots are."""

_RETRIES = 2
"""After a lost reply redis-py sends again: every script of ours may be run twice."""


def connect(target: RedisTarget) -> Redis:
    """A client for `target`; nothing is sent yet."""
    return _InTurn(_client(target))


def _client(target: RedisTarget) -> Redis:
    options: dict[str, Any] = {
        "decode_responses": True,
        # What is no UTF-8 is unreadable where it is decoded, and nowhere else.
        "encoding_errors": "surrogateescape",
        "socket_timeout": _SECONDS,
        "socket_connect_timeout": _SECONDS,
        "max_connections": CONNECTIONS + _SPARE,
        "username": target.username or None,
        "password": target.password.reveal() if target.password else None,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), _RETRIES),
    }
    tls: dict[str, Any] = {}
    if target.tls:
        tls = {"ssl": True, "ssl_ca_certs": target.ca_file or None}
    match target.kind:
        case RedisKind.CLUSTER:
            nodes = [ClusterNode(host, port) for host, port in target.hosts]
            return _OnCluster(RedisCluster(startup_nodes=nodes, **options, **tls))
        case RedisKind.SENTINEL:
            return _master(target, options | tls, tls)
        case _ if target.path:
            return _OnServer(Standalone(unix_socket_path=target.path, db=target.db, **options))
        case _:
            host, port = target.hosts[0]
            server = Standalone(host=host, port=port, db=target.db, **options, **tls)
            return _OnServer(server)


def _master(target: RedisTarget, options: dict[str, Any], tls: dict[str, Any]) -> Redis:
    sentinel = Sentinel(  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        list(target.hosts),
        sentinel_kwargs={
            "socket_timeout": _SENTINEL_SECONDS,
            "socket_connect_timeout": _SENTINEL_SECONDS,
            # The next try is the next Sentinel; redis-py would ask a dead one eleven times.
            "retry": Retry(NoBackoff(), 0),
            "username": target.sentinel_username or None,
            "password": target.sentinel_password.reveal() if target.sentinel_password else None,
            **tls,
        },
        db=target.db,
        **options,
    )
    return _BehindSentinel(sentinel, sentinel.master_for(target.master))


class _InTurn:
    """Lets so many commands through at once; the others wait in the order they came."""

    def __init__(self, redis: Redis, at_once: int = CONNECTIONS) -> None:
        self._redis = redis
        self._turns = asyncio.Semaphore(at_once)

    async def execute_command(self, *args: str | float, **options: object) -> Reply:
        """Send one command, once there is a connection for it, and return its reply."""
        async with self._turns:
            return await self._redis.execute_command(*args, **options)

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Reply]:
        """Send commands over one connection, once there is one, and return their replies."""
        async with self._turns:
            return await self._redis.together(name, *commands)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()


class _OnServer:
    """One server."""

    def __init__(self, server: Standalone) -> None:
        self._server = server

    async def execute_command(self, *args: str | float, **options: object) -> Reply:
        """Send one command and return its reply."""
        return await self._server.execute_command(*args, **options)  # type: ignore[no-untyped-call] # redis-py leaves it untyped

    async def together(self, _: str, *commands: Sequence[str | float]) -> list[Reply]:
        """Send commands over one connection and return their replies."""
        async with self._server.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._server.aclose()


class _OnCluster:
    """A cluster, closed whatever redis-py is about to do."""

    def __init__(self, cluster: RedisCluster) -> None:
        self._cluster = cluster

    async def execute_command(self, *args: str | float, **options: object) -> Reply:
        """Send one command to the node that it is for and return its reply."""
        return await self._cluster.execute_command(*args, **options)

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Reply]:
        """Send commands over one connection to the node that holds a key."""
        await self._cluster.initialize()
        node = self._cluster.get_node_from_key(name)
        async with self._cluster.pipeline() as pipe:
            for command in commands:
                pipe.execute_command(*command, target_nodes=node)
            # Where the key has moved this fails, and the next command of its own finds out where.
            return await pipe.execute(allow_redirections=False)

    async def aclose(self) -> None:
        """Close all connections; redis-py leaves them open while it looks for a lost node."""
        await self._cluster.aclose()
        await self._cluster.nodes_manager.aclose("nodes_cache")
        await self._cluster.nodes_manager.aclose("startup_nodes")


class _BehindSentinel:
    """The master, whichever server that is, and the Sentinels that say so."""

    def __init__(self, sentinel: Sentinel, master: Standalone) -> None:
        self._sentinel = sentinel
        self._master = _OnServer(master)

    async def execute_command(self, *args: str | float, **options: object) -> Reply:
        """Send one command to the master and return its reply."""
        return await self._master.execute_command(*args, **options)

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Reply]:
        """Send commands over one connection to the master and return their replies."""
        return await self._master.together(name, *commands)

    async def aclose(self) -> None:
        """Close all connections; redis-py leaves those to the Sentinels open otherwise."""
        await self._master.aclose()
        await self._sentinel.aclose()
