"""Is the database one that may be trusted with what was approved and sent?"""

from collections.abc import Mapping

from bot.errors import StoreUnavailable
from bot.store.client import DUE, Database, Script, key

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


class Health:
    """Looks at the database as an operator would."""

    def __init__(self, database: Database) -> None:
        """Look at `database`."""
        self._db = database

    async def answers(self) -> str:
        """`ok` when it answers and takes writes, else what it says."""
        try:
            await self._db.run(_WRITE, (DUE, key("health")))
        except StoreUnavailable as error:
            refused = any(word in str(error) for word in _REFUSALS)
            return f"{'refuses writes' if refused else 'does not answer'} ({error})"
        return OK

    async def keeps(self) -> str:
        """`ok` when it keeps what it is given, else how it may lose it.

        A server that does not say, as some managed ones, is believed: see `answers` for the rest.
        """
        try:
            memory = _flat(await self._db.command("INFO", "memory"))
            disk = _flat(await self._db.command("INFO", "persistence"))
        except StoreUnavailable:
            return OK
        return judged(memory, disk)


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
    if not nodes:
        return reply
    return {name: value for node in nodes for name, value in node.items()}
