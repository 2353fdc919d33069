"""Is the database one that may be trusted with what was approved and sent?"""

from collections.abc import Mapping

from bot.errors import StoreError, StoreFault, StoreRefused
from bot.store.audit import AUDIT, AUDIT_HEAD
from bot.store.client import CLAIMS, DUE, Database, Script, key
from bot.store.replicas import Replicas
from bot.store.requests import INDEX, OPEN, UNSIGNED

OK = "ok"
WARNING = "warning: "
"""How the words begin for what is unwise and not wrong: it does not make the bot unready."""

_REFUSALS = ("OOM", "OutOfMemory", "READONLY", "ReadOnly", "MISCONF", "NOREPLICAS")
"""What a server says that is there and takes nothing: memory or disk full, a replica, alone.
For some of these redis-py has an error of its own, whose text leaves the server's word out."""

_WRITE = Script(
    """
redis.call('SET', KEYS[2], '1', 'EX', 60)
return 1
"""
)


_TYPES = {
    DUE: "zset",
    CLAIMS: "hash",
    AUDIT: "stream",
    AUDIT_HEAD: "string",
    OPEN: "hash",
    INDEX: "zset",
    UNSIGNED: "set",
}
"""The keys without which nothing goes on, and what they are."""

_SCRATCH = [key("check", name) for name in ("stream", "hash", "zset", "list", "set", "string")]

_CHECK = Script(
    """
local found = {}
local function note(name, reply)
  if type(reply) == 'table' and reply.err then found[#found + 1] = name .. ' ' .. reply.err end
end
-- What takes away comes before what puts there, so that nothing is left over where it is forbidden.
note('XADD', redis.pcall('XADD', KEYS[1], 'MAXLEN', 1, '*', 'a', 'b'))
note('XRANGE', redis.pcall('XRANGE', KEYS[1], '-', '+', 'COUNT', 1))
note('HDEL', redis.pcall('HDEL', KEYS[2], 'a'))
note('HSET', redis.pcall('HSET', KEYS[2], 'a', '1'))
note('HINCRBY', redis.pcall('HINCRBY', KEYS[2], 'a', 1))
note('HGET', redis.pcall('HGET', KEYS[2], 'a'))
note('HMGET', redis.pcall('HMGET', KEYS[2], 'a'))
note('HVALS', redis.pcall('HVALS', KEYS[2]))
note('ZADD', redis.pcall('ZADD', KEYS[3], 1, 'a'))
note('ZSCORE', redis.pcall('ZSCORE', KEYS[3], 'a'))
note('ZRANGE', redis.pcall('ZRANGE', KEYS[3], 0, 0))
note('ZREVRANGE', redis.pcall('ZREVRANGE', KEYS[3], 0, 0))
note('ZREVRANK', redis.pcall('ZREVRANK', KEYS[3], 'a'))
note('ZRANGEBYSCORE', redis.pcall('ZRANGEBYSCORE', KEYS[3], 0, 1))
note('ZREMRANGEBYSCORE', redis.pcall('ZREMRANGEBYSCORE', KEYS[3], 0, 0))
note('ZREM', redis.pcall('ZREM', KEYS[3], 'a'))
note('LREM', redis.pcall('LREM', KEYS[4], 0, 'a'))
note('LPUSH', redis.pcall('LPUSH', KEYS[4], 'a'))
note('RPUSH', redis.pcall('RPUSH', KEYS[4], 'b'))
note('LPOS', redis.pcall('LPOS', KEYS[4], 'a'))
note('LRANGE', redis.pcall('LRANGE', KEYS[4], 0, 0))
note('LTRIM', redis.pcall('LTRIM', KEYS[4], 0, 0))
note('SREM', redis.pcall('SREM', KEYS[5], 'a'))
note('SADD', redis.pcall('SADD', KEYS[5], 'a'))
note('SMEMBERS', redis.pcall('SMEMBERS', KEYS[5]))
note('SET', redis.pcall('SET', KEYS[6], '1'))
note('INCR', redis.pcall('INCR', KEYS[6]))
note('GET', redis.pcall('GET', KEYS[6]))
note('MGET', redis.pcall('MGET', KEYS[6]))
note('EXISTS', redis.pcall('EXISTS', KEYS[6]))
note('EXPIRE', redis.pcall('EXPIRE', KEYS[6], 60))
note('TTL', redis.pcall('TTL', KEYS[6]))
note('TIME', redis.pcall('TIME'))
note('DEL', redis.pcall('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]))
return found
"""
)
"""Each command that the store uses, once, on keys that mean nothing."""

_TYPE = Script("return redis.call('TYPE', KEYS[1]).ok")


class Health:
    """Looks at the database as an operator would."""

    def __init__(self, database: Database, replicas: Replicas | None = None) -> None:
        """Look at `database` and its `replicas`."""
        self._db = database
        self._replicas = replicas or Replicas(database)

    async def answers(self) -> str:
        """`ok` when it answers, takes writes and lets us do all that we do, else what it says."""
        try:
            await self._db.run(_WRITE, (DUE, key("health")))
            refused = [str(one) for one in await self._db.run(_CHECK, _SCRATCH)]
            spoiled = [word for name in _TYPES if (word := await self._spoiled(name))]
        except StoreRefused as error:
            return f"refuses us ({error})"
        except StoreFault as error:
            return f"fails ({error})"
        except StoreError as error:
            refuses = any(word in str(error) for word in _REFUSALS)
            return f"{'refuses writes' if refuses else 'does not answer'} ({error})"
        if refused:
            names = ", ".join(word.partition(" ")[0] for word in refused)
            return f"refuses {names} ({refused[0].partition(' ')[2]})"
        return "; ".join(spoiled) or OK

    async def _spoiled(self, name: str) -> str:
        """What is wrong with one of our keys, if it is not what we made it."""
        found, wanted = await self._db.run(_TYPE, (name,)), _TYPES[name]
        return "" if found in ("none", wanted) else f"{name} is a {found} and should be a {wanted}"

    async def keeps(self) -> str:
        """`ok` when it keeps what it is given, else how it may lose it.

        A server that does not say, as some managed ones, is believed: see `answers` for the rest.
        """
        try:
            memory = _flat(await self._db.command("INFO", "memory"))
            disk = _flat(await self._db.command("INFO", "persistence"))
        except StoreError:
            return OK
        return judged(memory, disk)

    async def survives(self) -> str:
        """`ok` when a failover finds what was approved and sent, else what keeps it from that."""
        try:
            wanted = await self._replicas.wanted()
            found = {} if wanted else _flat(await self._db.command("INFO", "replication"))
        except StoreError:
            return OK
        if not wanted:
            return unguarded(str(found.get("connected_slaves", "")))
        try:
            await self._replicas.reached()
        except StoreError as error:
            return f"nothing is sent ({error})"
        return OK


def unguarded(replicas: str) -> str:
    """What it means that nothing waits for so many replicas, as the server counts them; pure."""
    if not replicas:
        return OK
    if replicas != "0":
        return (
            f"{WARNING}min-replicas-to-write is 0: a failover can forget what was approved and "
            "sent; set it to 1, or VCO_REDIS_REPLICAS where the server hides it"
        )
    return f"{WARNING}there is no replica: what is lost with this server is lost"


def judged(memory: Mapping[str, object], disk: Mapping[str, object]) -> str:
    """What the answers of `INFO memory` and `INFO persistence` mean for us; pure."""
    policy = str(memory.get("maxmemory_policy", ""))
    limited = str(memory.get("maxmemory", "0")) != "0"
    if limited and policy.startswith("allkeys"):
        return f"evicts live requests when memory is short: {policy}; set noeviction"
    status = str(disk.get("aof_last_write_status", OK))
    if status != OK:
        return f"can't write its append-only file ({status}): is the disk full?"
    if str(disk.get("aof_enabled", "1")) == "0":
        return f"{WARNING}appendonly is off: a restart can forget what was approved and sent"
    return OK


def _flat(reply: object) -> Mapping[str, object]:
    """The fields of INFO; a Cluster answers for each of its nodes."""
    if not isinstance(reply, Mapping):
        return {}
    nodes = [node for node in reply.values() if isinstance(node, Mapping)]
    # A server that has replicas tells of each in a mapping of its own.
    if not nodes or "connected_slaves" in reply:
        return reply
    return {name: value for node in nodes for name, value in node.items()}
