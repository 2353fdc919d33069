"""A Valkey that follows another one, and takes its place without the last it had acknowledged."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from bot.sandbox.valkey import EmbeddedValkey
from chaos.proxy import RedisProxy

_PAUSE = 0.03
_IN_STEP_WITHIN = 15.0


def port_of(valkey: EmbeddedValkey) -> int:
    """Where a server listens."""
    return int(valkey.url.rsplit(":", 1)[1].split("/")[0])


class Replica:
    """`start`, and when the time has come `promote`: then the two have changed places."""

    def __init__(self, master: EmbeddedValkey) -> None:
        self._master = master
        self._valkey = EmbeddedValkey(appendonly=True)
        self._link = RedisProxy(lambda: port_of(self._master))

    async def start(self) -> None:
        """Follow the master, which from now on writes nothing without a replica."""
        await self._valkey.start()
        await self._link.start()
        await _follow(self._master, self._valkey, self._link.port)

    async def promote(self, forget: float) -> EmbeddedValkey:
        """Hear nothing any more for so many seconds, then take the place of the dead master.

        What was acknowledged meanwhile is forgotten: the master counts a replica as there for
        ten seconds after its last word.
        """
        self._link.held = True
        await asyncio.sleep(forget)
        await self._master.kill()
        await self._link.close()
        await _tell(self._valkey, "REPLICAOF", "NO", "ONE")
        return self._valkey

    async def rejoin(self) -> None:
        """The old master comes back, as the replica of the new one."""
        await self._master.start()
        await _follow(self._valkey, self._master, port_of(self._valkey))

    async def close(self) -> None:
        """End it, and leave the other one alone and empty."""
        await self._link.close()
        await self._valkey.stop()
        await self._master.start()
        await _tell(self._master, "REPLICAOF", "NO", "ONE")
        await _tell(self._master, "CONFIG", "SET", "min-replicas-to-write", 0)
        await _tell(self._master, "FLUSHALL")


async def _follow(master: EmbeddedValkey, replica: EmbeddedValkey, port: int) -> None:
    await _tell(master, "CONFIG", "SET", "repl-diskless-sync-delay", 0)
    await _tell(replica, "REPLICAOF", "127.0.0.1", port)
    async with asyncio.timeout(_IN_STEP_WITHIN):
        while (await _tell(replica, "INFO", "replication"))["master_link_status"] != "up":
            await asyncio.sleep(_PAUSE)
    await _tell(master, "CONFIG", "SET", "min-replicas-to-write", 1)
    await _tell(master, "CONFIG", "SET", "min-replicas-max-lag", 10)


async def _tell(valkey: EmbeddedValkey, *command: str | int) -> Any:  # noqa: ANN401 - any reply
    async with Redis.from_url(valkey.url, decode_responses=True) as redis:
        return await redis.execute_command(*command)  # type: ignore[no-untyped-call] # redis-py
