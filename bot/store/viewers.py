"""Who has looked at their App Home lately, and what it shows them.

Slack says when somebody opens their Home, never whether they are still looking. So whoever has
opened it within a day counts, at most the latest 200, and each of them is an item of the worker:
`home:<user>`. When something has changed, those who looked last are woken at once and the others
one after another; a Home that was brought up to date a moment ago becomes due a little later, so
that many changes make one edit.
"""

from typing import NamedTuple

from bot.errors import StaleFence
from bot.store.client import CHECK_WORK, CLAIMS, DUE, NOW, Database, Script, key
from bot.store.work import Claim

APART_SECONDS = 3.0
"""The least time between two editions of one person's Home."""

AT_ONCE = 20
EACH_SECONDS = 0.75
"""How many Homes are brought up to date together, and the time between the others: in a minute
that makes the 100 that Slack allows (tier 4)."""

REMEMBERED_SECONDS = 24 * 3600.0
MOST = 200
"""How long somebody is remembered who has not looked again, and how many people are."""

VIEWERS = key("viewers")
"""Who, by the time when they last opened their Home."""

SEEN = key("viewers", "seen")
"""What each of them sees: `shown:<user>`, a hash, and `at:<user>`, since when."""

CHANGES = key("viewers", "changes")
"""How often something has changed that Homes show."""

_KEYS = (DUE, CLAIMS, VIEWERS, SEEN, CHANGES)
_NAMES = ("due", "claims", "viewers", "seen", "changes")
_LIMITS = ("now", "remembered", "most", "apart")
"""The arguments that all scripts start with that make a Home due; see `Viewers._run`."""

_FORGET = """
local function forget(user)
  redis.call('ZREM', KEYS.viewers, user)
  redis.call('HDEL', KEYS.seen, 'shown:' .. user, 'at:' .. user)
end
"""
"""Lua: forget one person."""

_TIDY = """
local function tidy(now)
  local old = now - tonumber(ARGV.remembered)
  for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS.viewers, '-inf', old)) do forget(user) end
  for _, user in ipairs(redis.call('ZRANGE', KEYS.viewers, 0, -1 - tonumber(ARGV.most))) do
    forget(user)
  end
end
"""
"""Lua: forget those who have not looked for long, and all beyond the latest."""

_SOON = """
local function soon(user, now, later)
  local item = 'home:' .. user
  local apart = tonumber(ARGV.apart)
  local at = tonumber(redis.call('HGET', KEYS.seen, 'at:' .. user) or '0') + apart
  at = math.max(math.min(math.max(at, now), now + apart), now + later)
  local lease = redis.call('HGET', KEYS.claims, 'lease:' .. item)
  -- Whoever is at it may have looked before the change.
  if lease then redis.call('HSET', KEYS.claims, 'again:' .. item, '1') end
  if lease and tonumber(lease) > now then return end
  local planned = redis.call('ZSCORE', KEYS.due, item)
  if not planned or tonumber(planned) > at then redis.call('ZADD', KEYS.due, at, item) end
end
"""
"""Lua: make a Home due in `later` seconds, or when it may be edited again; see `WAKE`."""

_OPENED = Script(
    NOW
    + CHECK_WORK
    + _FORGET
    + _TIDY
    + _SOON
    + """
local now, user = seconds(ARGV.now), ARGV.user
check_work()
redis.call('HDEL', KEYS.seen, '')
redis.call('ZADD', KEYS.viewers, now, user)
redis.call('HDEL', KEYS.seen, 'shown:' .. user)
tidy(now)
soon(user, now, 0)
return 1
""",
    keys=_NAMES,
    args=(*_LIMITS, "user"),
)

_DOUBTED = Script(
    NOW
    + CHECK_WORK
    + _SOON
    + """
if redis.call('ZSCORE', KEYS.viewers, ARGV.user) then
  check_work()
  redis.call('HDEL', KEYS.seen, 'shown:' .. ARGV.user)
  soon(ARGV.user, seconds(ARGV.now), 0)
end
return 1
""",
    keys=_NAMES,
    args=(*_LIMITS, "user"),
)

_CHANGED = Script(
    NOW
    + CHECK_WORK
    + _FORGET
    + _TIDY
    + _SOON
    + """
local now = seconds(ARGV.now)
check_work()
redis.call('ZREM', KEYS.viewers, '')
redis.call('HDEL', KEYS.seen, '')
redis.call('INCR', KEYS.changes)
tidy(now)
for place, user in ipairs(redis.call('ZREVRANGE', KEYS.viewers, 0, -1)) do
  soon(user, now, math.max(0, place - tonumber(ARGV.at_once)) * tonumber(ARGV.each))
end
return 1
""",
    keys=_NAMES,
    args=(*_LIMITS, "at_once", "each"),
)

_LOOK = Script(
    """
local rank = redis.call('ZREVRANK', KEYS.viewers, ARGV.user)
if not rank then return {} end
return {rank, redis.call('HGET', KEYS.seen, 'shown:' .. ARGV.user) or '',
        redis.call('HGET', KEYS.seen, 'at:' .. ARGV.user) or '0',
        redis.call('GET', KEYS.changes) or '0'}
""",
    keys=_NAMES,
    args=("user",),
)

_SAVE = Script(
    NOW
    + """
if redis.call('HGET', KEYS.claims, 'fence:' .. ARGV.item) ~= ARGV.fence then return 0 end
if redis.call('ZSCORE', KEYS.viewers, ARGV.user) then
  redis.call('HSET', KEYS.seen, 'shown:' .. ARGV.user, ARGV.shown,
             'at:' .. ARGV.user, string.format('%.6f', seconds(ARGV.now)))
end
return 1
""",
    keys=_NAMES,
    args=("now", "item", "fence", "user", "shown"),
)

_DROP = Script(_FORGET + "forget(ARGV.user) return 1", keys=_NAMES, args=("user",))


class Viewer(NamedTuple):
    """What one person sees.

    `shown` is a hash of it, empty where it has to be shown anew; `at` is when it was shown;
    `rank` counts those who have looked since; `changes` is how often things have changed so far.
    """

    rank: int
    shown: str
    at: float
    changes: int


class Viewers:
    """The people whose Homes are kept true."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._db = database

    async def opened(self, user: str) -> None:
        """Somebody looks at their Home: it is shown to them anew."""
        await self._run(_OPENED, user)

    async def changed(self) -> None:
        """Something has changed that Homes show: all of them are looked at again."""
        await self._run(_CHANGED, AT_ONCE, EACH_SECONDS)

    async def look(self, user: str) -> Viewer | None:
        """What somebody sees, None when they have not looked for long."""
        reply = await self._db.run(_LOOK, _KEYS, user)
        if not reply:
            return None
        rank, shown, at, changes = reply
        return Viewer(int(rank), str(shown), float(at), int(changes))

    async def save(self, claim: Claim, shown: str) -> None:
        """Record what the person of `claim` sees now; empty: nobody knows, so show it anew.

        Raises:
            StaleFence: the lease was over and somebody else shows it now.
        """
        args = (self._db.fixed_now, claim.item, claim.fence, claim.id, shown)
        if not int(await self._db.run(_SAVE, _KEYS, *args)):
            raise StaleFence(claim.item)

    async def doubt(self, user: str) -> None:
        """Nobody knows what somebody sees: it is shown to them anew."""
        await self._run(_DOUBTED, user)

    async def drop(self, user: str) -> None:
        """Forget somebody to whom nothing can be shown."""
        await self._db.run(_DROP, _KEYS, user)

    async def _run(self, script: Script, *more: str | float) -> None:
        limits = (REMEMBERED_SECONDS, MOST, APART_SECONDS)
        await self._db.run(script, _KEYS, self._db.fixed_now, *limits, *more)
