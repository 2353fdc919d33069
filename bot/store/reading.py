"""All that a step may need of a request, read at once: in the turn that claims it, or after it."""

from collections.abc import Mapping, Sequence

from bot.models import Request
from bot.store.client import Database, Script, key
from bot.store.in_hand import ConnectionKeys

FIELDS = ("data", "rev", "audit", "seal", "rollbacks")
"""What is read of a record."""

ABOUT = ("record", "told", "doubt", "direct", "direct_doubt", "queue", "beside")
"""The keys of what a step may need, in their order."""

_READ_ALL = """{{
  redis.call('HMGET', {record}, 'data', 'rev', 'audit', 'seal', 'rollbacks'),
  {{redis.call('GET', {told}), redis.call('GET', {doubt})}},
  {{redis.call('GET', {direct}), redis.call('GET', {direct_doubt})}},
  redis.call('LPOS', {queue}, {id}),
  redis.call('SMEMBERS', {beside}),
}}"""
_PARTS = ("record", "told", "direct", "position", "beside")

READ_ALL = _READ_ALL.format(id="ARGV.id", **{name: f"KEYS.{name}" for name in ABOUT})
"""Lua: all that a step may need of one request."""

AT_ONCE = 8
"""Of how many requests all is read at once."""


def slot_keys(slot: int) -> Sequence[str]:
    """The names of the keys of one of several requests in a script."""
    return [f"{name}{slot}" for name in ABOUT]


def read_slot(slot: int, id_: str) -> str:
    """Lua: all of one of several requests, spelled out because Tair demands literal `KEYS[i]`."""
    names = {name: f"KEYS.{name}{slot}" for name in ABOUT}
    return _READ_ALL.format(id=id_, **names)


def _reading(requests: int) -> Script:
    slots, ids = range(requests), [f"id{n}" for n in range(requests)]
    texts = [read_slot(n, f"ARGV.id{n}") for n in slots]
    keys = [name for n in slots for name in slot_keys(n)]
    return Script(f"return {{ {', '.join(texts)} }}", keys=keys, args=ids)


_READ = [_reading(n + 1) for n in range(AT_ONCE)]

_NO_CONNECTION = ConnectionKeys(key(""), key(""))


def connection_keys(request: Request) -> ConnectionKeys:
    """Those of the connection that a request is about."""
    names = request.region, request.vpn_connection_id
    return ConnectionKeys(key("queue", *names), key("beside", *names))


def about(request_id: str, connection: ConnectionKeys | None) -> Sequence[str]:
    """The keys of all that a step may need of a request; nothing of an unknown connection."""
    names = ("request", request_id), ("told", request_id), ("doubt", request_id)
    direct = ("direct", request_id), ("direct", "doubt", request_id)
    return *(key(*name) for name in (*names, *direct)), *(connection or _NO_CONNECTION)


def nothing() -> Sequence[str]:
    """Keys of no request, in the place of one."""
    return [key("")] * len(ABOUT)


def parts(reply: Sequence[object], connection: ConnectionKeys | None) -> dict[str, object]:
    """What was read of a request, by what it is."""
    found = dict(zip(_PARTS, reply, strict=True))
    if connection is None:
        del found["position"], found["beside"]
    return found


async def read_all(database: Database, ids: Sequence[str]) -> Mapping[str, dict[str, object]]:
    """All of at most `AT_ONCE` requests.

    Raises:
        StoreError: it could not be read, be it because of one key alone.
    """
    if not ids:
        return {}
    connections = [database.in_hand.connection(one) for one in ids]
    keys = [name for one, line in zip(ids, connections, strict=True) for name in about(one, line)]
    replies = await database.run(_READ[len(ids) - 1], keys, *ids)
    read = zip(ids, replies, connections, strict=True)
    return {one: parts(reply, connection) for one, reply, connection in read}
