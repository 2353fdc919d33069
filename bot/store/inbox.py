"""What Slack delivered and nobody has handled yet.

A delivery is stored before it is acknowledged, and forgotten in the turn that ends its step for
good. A process killed in between loses nothing: another one takes it from here. Its id comes from
Slack, so that a payload that is delivered twice is stored once.
"""

from bot.errors import SealBroken
from bot.store.client import CHECK_WORK, CLAIMS, DUE, NOW, WAKE, Database, Script, key
from bot.store.seal import Seals
from bot.store.turn import SEEN_SECONDS, STORED, Claim

_PUT = Script(
    NOW
    + WAKE
    + CHECK_WORK
    + """
if redis.call('EXISTS', KEYS.seen) == 1 or redis.call('EXISTS', KEYS.inbox) == 1 then return 0 end
local now = seconds(ARGV.now)
check_work()
redis.call('ZADD', KEYS.stored, 'XX', 0, '')
redis.call('SET', KEYS.inbox, ARGV.content)
redis.call('ZADD', KEYS.stored, now, ARGV.item)
wake(ARGV.item, now)
return 1
""",
    keys=("due", "claims", "inbox", "seen", "stored"),
    args=("now", "item", "content"),
)

_REQUEUE = Script(
    NOW
    + WAKE
    + CHECK_WORK
    + """
if redis.call('EXISTS', KEYS.inbox) == 0 then
  redis.call('ZREM', KEYS.stored, ARGV.item)
  return 0
end
if redis.call('ZSCORE', KEYS.due, ARGV.item) then return 0 end
check_work()
wake(ARGV.item, seconds(ARGV.now))
return 1
""",
    keys=("due", "claims", "inbox", "stored"),
    args=("now", "item"),
)

_FIRST = Script(
    NOW
    + """
local now = seconds(ARGV.now)
redis.call('SET', KEYS.unreadable, string.format('%.6f', now), 'NX', 'EX', ARGV.seconds)
return {redis.call('GET', KEYS.unreadable), string.format('%.6f', now)}
""",
    keys=("unreadable",),
    args=("now", "seconds"),
)

_NOTE = Script(
    """
if redis.call('EXISTS', KEYS.inbox) == 0 then return 0 end
return redis.call('SET', KEYS.noted, ARGV.mark, 'NX', 'EX', ARGV.seconds) and 1 or 0
""",
    keys=("inbox", "noted"),
    args=("mark", "seconds"),
)


class Inbox:
    """Deliveries, by id; what they contain is for `bot.slack` to know."""

    def __init__(self, database: Database, seals: Seals | None = None) -> None:
        """Keep deliveries in `database`, sealed by `seals`."""
        self._db = database
        self._seals = seals or Seals()

    async def put(self, delivery_id: str, content: str) -> None:
        """Store a delivery and make it due; one that was stored before is left as it is."""
        keys = (DUE, CLAIMS, key("inbox", delivery_id), key("seen", delivery_id), STORED)
        stored = self._seals.closed(delivery_id, content)
        await self._db.run(_PUT, keys, self._db.fixed_now, _item(delivery_id), stored)
        self._db.in_hand.expect([_item(delivery_id)])

    async def get(self, delivery_id: str, claim: Claim | None = None) -> str | None:
        """The content of a delivery, None when it has been handled.

        Raises:
            SealBroken: it does not bear our seal, so it may never have come from Slack.
        """
        reply = self._db.in_hand.brought(claim.fence, "inbox") if claim else None
        if reply is None:
            reply = await self._db.command("GET", key("inbox", delivery_id))
        if reply is None:
            return None
        content, wrong = self._seals.opened(delivery_id, str(reply))
        if wrong:
            raise SealBroken(wrong, content)
        return content

    async def unreadable_for(self, delivery_id: str) -> float:
        """For how many seconds a delivery is known that some version could not read."""
        keys = (key("unreadable", delivery_id),)
        first, now = await self._db.run(_FIRST, keys, self._db.fixed_now, SEEN_SECONDS)
        return max(0.0, float(now) - float(first))

    async def note(self, delivery_id: str) -> bool:
        """Whether a delivery still waits and its sender was not told so; now they are to be."""
        if self._db.in_hand.is_over(_item(delivery_id)):
            return False
        keys = (key("inbox", delivery_id), key("noted", delivery_id))
        return bool(int(await self._db.run(_NOTE, keys, "1", SEEN_SECONDS)))

    async def stored(self, most: int, *, skip: int = 0) -> list[str]:
        """The items that are stored, as they stand in `due`, those that wait longest first."""
        window = (skip, skip + most - 1)
        return list(map(str, await self._db.command("ZRANGE", STORED, *window)))

    async def requeue(self, item: str) -> bool:
        """Make an item due that is stored and not in `due`; whether it was one.

        What a version without `STORED` has removed is still named there, and is forgotten.
        """
        keys = (DUE, CLAIMS, key(item), STORED)
        return bool(int(await self._db.run(_REQUEUE, keys, self._db.fixed_now, item)))


def _item(delivery_id: str) -> str:
    return f"inbox:{delivery_id}"
