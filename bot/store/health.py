"""Is the database one that may be trusted with what was approved and sent?"""

from collections.abc import Mapping, Sequence

from bot.errors import StoreError, StoreFault, StoreRefused
from bot.store.audit import AUDIT, AUDIT_HEAD
from bot.store.client import CLAIMS, DUE, FENCE, IN_SCRIPTS, REFUSALS, Database, Script, key
from bot.store.limits import ASKED
from bot.store.records import INDEX, OPEN, UNSIGNED
from bot.store.replicas import Replicas
from bot.store.turn import STORED

OK = "ok"
WARNING = "warning: "
"""How the words begin for what is unwise and not wrong: it does not make the bot unready."""

_NO_WRITES = ("OOM", "OutOfMemory", "READONLY", "ReadOnly", "MISCONF", "NOREPLICAS")
"""What a server says that is there and takes nothing: memory or disk full, a replica, alone.
For some of these redis-py has an error of its own, whose text leaves the server's word out."""

_WRITE = Script(
    """
redis.call('SET', KEYS.health, '1', 'EX', 60)
return 1
""",
    keys=("health",),
)


_TYPES = {
    DUE: "zset",
    CLAIMS: "hash",
    FENCE: "string",
    STORED: "zset",
    AUDIT: "stream",
    AUDIT_HEAD: "string",
    OPEN: "hash",
    INDEX: "zset",
    ASKED: "zset",
    UNSIGNED: "set",
}
"""The keys without which nothing goes on, and what they are."""

BY_THEMSELVES = frozenset(
    (
        *("DEL", "EXISTS", "GET", "HMGET", "HVALS", "INCR", "LPOS", "LRANGE"),
        *("MGET", "SET", "SMEMBERS", "SREM", "XRANGE", "XTRIM", "ZADD", "ZRANGE", "ZREM"),
        *("ZREMRANGEBYSCORE", "ZREVRANGE", "ZREVRANGEBYSCORE", "ZSCORE"),
    )
)
"""The commands that are sent without a script."""

_TRY = """
local refused = {}
local function too_few(name, reply)
  local words = type(reply) == 'table' and reply.err
  if not words then return false end
  if string.find(words, 'rong number of arg', 1, true) then return true end
  refused[#refused + 1] = name .. ' ' .. words
  return false
end
"""

_ARGUMENTS = ("", ", KEYS[{0}]", *(", KEYS[{0}]" + ", 1" * count for count in range(1, 5)))


def _attempt(name: str, number: int) -> str:
    """Lua: call a command on a key of its own, with more arguments until there are enough."""
    calls = [f"redis.pcall('{name}'{more.format(number)})" for more in _ARGUMENTS]
    wanting = " and ".join(f"too_few('{name}', {call})" for call in calls)
    return f"if {wanting} then end\n"


def _attempts() -> tuple[Script, Sequence[str]]:
    """Lua, and its keys: each command that the store uses, once, on a key that means nothing.

    What a command makes of its arguments is of no interest, only whether it is let through. DEL
    comes first and alone where it is forbidden, so that nothing is left over.
    """
    names = sorted({"DEL"} | IN_SCRIPTS | BY_THEMSELVES, key=lambda name: (name != "DEL", name))
    keys = [key("check", name.lower()) for name in names]
    clean = f"redis.pcall('DEL', {', '.join(f'KEYS[{n}]' for n in range(1, len(keys) + 1))})\n"
    first, *others = (_attempt(name, n) for n, name in enumerate(names, start=1))
    text = f"{_TRY}{first}if #refused == 0 then\n{''.join(others)}{clean}end\nreturn refused\n"
    return Script(text), keys


_READ = ", ".join(f"redis.call('TYPE', KEYS[{n}]).ok" for n in range(1, len(_TYPES) + 1))
_TYPES_FOUND = Script(f"return {{{_READ}}}")
"""Lua: what the keys are."""


class Health:
    """Looks at the database as an operator would."""

    def __init__(self, database: Database, replicas: Replicas | None = None) -> None:
        """Look at `database` and its `replicas`."""
        self._db = database
        self._replicas = replicas or Replicas(database)
        self._attempts, self._scratch = _attempts()

    async def answers(self) -> str:
        """`ok` when it answers, takes writes and lets us do all that we do, else what it says."""
        try:
            await self._db.run(_WRITE, (key("health"),))
            tried = map(str, await self._db.run(self._attempts, self._scratch))
            refused = [one for one in tried if any(words in one for words in REFUSALS)]
            found = map(str, await self._db.run(_TYPES_FOUND, tuple(_TYPES)))
            kinds = zip(_TYPES, found, strict=True)
            spoiled = [word for name, kind in kinds if (word := _spoiled(name, kind))]
        except StoreRefused as error:
            return f"refuses us ({error})"
        except StoreFault as error:
            return f"fails ({error})"
        except StoreError as error:
            refuses = any(word in str(error) for word in _NO_WRITES)
            return f"{'refuses writes' if refuses else 'does not answer'} ({error})"
        if refused:
            names = ", ".join(word.partition(" ")[0] for word in refused)
            return f"refuses {names} ({refused[0].partition(' ')[2]})"
        return "; ".join(spoiled) or OK

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

    async def facts(self) -> Sequence[Mapping[str, object]]:
        """What each server says of itself; nothing of what it hides or is not asked in time."""
        found: list[dict[str, object]] = []
        for section in ("server", "memory", "persistence", "replication"):
            try:
                nodes = _nodes(await self._db.command("INFO", section))
            except StoreError:
                continue
            found += [{} for _ in nodes[len(found) :]]
            for node, fields in zip(found, nodes, strict=False):
                node.update(fields)
        return found or [{}]

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


def _spoiled(name: str, kind: str) -> str:
    """What is wrong with one of our keys, if it is not what we made it."""
    wanted = _TYPES[name]
    return "" if kind in ("none", wanted) else f"{name} is a {kind} and should be a {wanted}"


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
    if evicting(memory):
        policy = memory["maxmemory_policy"]
        return f"evicts live requests when memory is short: {policy}; set noeviction"
    return forgetting(disk) or OK


def evicting(memory: Mapping[str, object]) -> bool:
    """Whether the server evicts what is in flight when its memory is short; pure."""
    limited = str(memory.get("maxmemory", "0")) != "0"
    return limited and str(memory.get("maxmemory_policy", "")).startswith("allkeys")


def forgetting(disk: Mapping[str, object]) -> str:
    """How a restart of the server loses what it was given; empty where it does not; pure."""
    status = str(disk.get("aof_last_write_status", OK))
    if status != OK:
        return f"can't write its append-only file ({status}): is the disk full?"
    if str(disk.get("aof_enabled", "1")) == "0":
        return f"{WARNING}appendonly is off: a restart can forget what was approved and sent"
    return ""


def _flat(reply: object) -> Mapping[str, object]:
    """The fields of INFO; a Cluster answers for each of its nodes."""
    return {name: value for node in _nodes(reply) for name, value in node.items()}


def _nodes(reply: object) -> Sequence[Mapping[str, object]]:
    """The fields of INFO, for each node that has answered."""
    if not isinstance(reply, Mapping):
        return ()
    nodes = [node for node in reply.values() if isinstance(node, Mapping)]
    # One server has mappings of its own among its fields, as for each of its replicas.
    return nodes if nodes and len(nodes) == len(reply) else (reply,)
