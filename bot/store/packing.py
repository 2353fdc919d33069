"""Old records are kept packed: a request is kept for 90 days, and most of its record says the same.

A packed record is its JSON as zlib makes it, in the place of the JSON. It is read as any other is,
keeps its revision, its seal and its time to live, and the next change writes it plain again.

The version before this one can't read it. So nothing is packed that was made before this version
came, and nothing younger than `AGE`: whoever goes back within that time finds all records plain.
"""

import zlib
from contextlib import suppress

from bot.errors import StoreFault, Unreadable
from bot.store.client import Database, Script, key
from bot.store.reading import FIELDS
from bot.store.records import INDEX, decoded, is_packed

AGE = 8 * 24 * 3600.0
"""How many seconds ago a request was made that is packed: it has ended, more than a day ago."""

_AT_ONCE = 10
_PAUSE = 3600.0
"""How many are packed at once, and after how many seconds there may be more to pack."""

_PACKED = key("packed")
"""Up to when requests were made that are packed."""

_NEXT = Script(
    """
local from = redis.call('GET', KEYS.packed)
if not from then redis.call('SET', KEYS.packed, ARGV.now) end
return redis.call('ZRANGEBYSCORE', KEYS.index, '(' .. (from or ARGV.now), ARGV.before,
                  'WITHSCORES', 'LIMIT', 0, ARGV.most)
""",
    keys=("packed", "index"),
    args=("now", "before", "most"),
)
"""Lua: which are packed next, and when each was made; what was there before this is left plain."""

_PACK = Script(
    """
if redis.call('HGET', KEYS.record, 'rev') ~= ARGV.rev then return 0 end
redis.call('HSET', KEYS.record, 'data', ARGV.data)
return 1
""",
    keys=("record",),
    args=("rev", "data"),
)
"""Lua: put a record in the place of the same one, where nobody has changed it meanwhile."""


class Packing:
    """Packs the records of requests that were made long ago."""

    def __init__(self, database: Database) -> None:
        """Pack what is in `database`."""
        self._db = database
        self._again_at = 0.0

    async def some(self) -> None:
        """Pack the next few, where it is time to."""
        now = await self._db.lately()
        if now < self._again_at:
            return
        found = await self._db.run(_NEXT, (_PACKED, INDEX), now, now - AGE, _AT_ONCE)
        for request_id in found[::2]:
            # What it can't read it leaves as it is: the others come after it.
            with suppress(Unreadable, StoreFault):
                await self.pack(str(request_id))
        if found:
            await self._db.command("SET", _PACKED, found[-1])
        else:
            self._again_at = now + _PAUSE

    async def pack(self, request_id: str) -> None:
        """Pack the record of a request that has ended.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        record = key("request", request_id)
        data, rev, *more = await self._db.command("HMGET", record, *FIELDS)
        stored = decoded(request_id, (data, rev, *more))
        if stored is not None and not stored.request.state.open and not is_packed(data):
            packed = zlib.compress(data.encode(), 9).decode(errors="surrogateescape")
            await self._db.run(_PACK, (record,), rev, packed)
