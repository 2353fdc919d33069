"""The rate limits of the VPC API, shared by all replicas; never needed for safety.

A quota and a pause belong to one action in one region. Also kept here: how long changes have taken
lately, in a region and of a connection, which progress bars and polls go by.
"""

import time
from collections.abc import Sequence
from math import ceil
from secrets import token_hex
from statistics import median

from bot.models import Value
from bot.store.client import NOW, Database, Script, key

USUAL_SECONDS = 40.0
"""What a deletion is expected to take where none has been seen yet."""

_REMEMBERED = 20

_KEPT_SECONDS = 20.0
"""For how long they are kept in mind: every card and every poll asks for them."""

SOME = 4
IN_ADVANCE_SECONDS = 5.0
"""How many calls a process takes from a quota that is mostly free, and for how long it may make
them: a deletion is a few calls of each action within seconds."""

_RECEIPT_SECONDS = 60
_REMEMBERED_OF_ONE = 5
_REMEMBERED_SECONDS = 30 * 24 * 3600
"""How many durations of one connection are remembered, and for how long after the last."""

_TOOK = Script(
    """
-- Run again after a lost reply, this finds that it was done.
if not redis.call('SET', KEYS.took, '', 'NX', 'EX', ARGV.receipt_seconds) then return 0 end
redis.call('LPUSH', KEYS.all, ARGV.seconds)
redis.call('LTRIM', KEYS.all, 0, ARGV.most - 1)
redis.call('LPUSH', KEYS.own, ARGV.seconds)
redis.call('LTRIM', KEYS.own, 0, ARGV.most_own - 1)
redis.call('EXPIRE', KEYS.own, ARGV.remembered)
return 1
""",
    keys=("took", "all", "own"),
    args=("seconds", "most", "most_own", "remembered", "receipt_seconds"),
)


_TAKE = Script(
    NOW
    + """
-- The generic cell rate algorithm: one number says until when the quota is spoken for.
local now, every = seconds(ARGV.now), tonumber(ARGV.every)
local burst, calls = tonumber(ARGV.burst), tonumber(ARGV.calls)
local taken = math.max(now, tonumber(redis.call('GET', KEYS.quota) or '0'))
local after = taken + calls * every
-- Some in advance, which saves round trips, as long as most of the quota is free.
local some = tonumber(ARGV.some)
if taken + some * every - now <= burst * every / 2 then
  calls, after = some, taken + some * every
end
local wait = math.max(after - burst * every, tonumber(redis.call('GET', KEYS.pause) or '0')) - now
-- Below a millisecond it is the rounding that waits, and the answer would say 0 all the same.
if wait > 0.001 then return {string.format('%.3f', wait), 0} end
redis.call('SET', KEYS.quota, string.format('%.6f', after), 'EX', 300)
return {'0', calls}
""",
    keys=("quota", "pause"),
    args=("now", "every", "burst", "calls", "some"),
)


_RESERVE = Script(
    NOW
    + """
-- A sliding window of calls that were made, and the ones that wait in their order. Of the slots
-- that are free in the window the first who wait have one each, whether or not they come for it at
-- once; so nobody is overtaken, and who has none knows when to come.
local now, id, order = seconds(ARGV.now), ARGV.name, ARGV.order
local calls, window = tonumber(ARGV.calls), tonumber(ARGV.window)
local reserved = tonumber(ARGV.reserved_seconds)
local paused = tonumber(redis.call('GET', KEYS.pause) or '0')
redis.call('ZREMRANGEBYSCORE', KEYS.made, '-inf', now - window)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS.reserved, '-inf', now)) do
  redis.call('ZREM', KEYS.waiting, gone)
  redis.call('ZREM', KEYS.reserved, gone)
end
-- Run again after a lost reply, this finds that it was done.
if redis.call('ZSCORE', KEYS.made, id) then return '0' end
redis.call('ZADD', KEYS.waiting, order, id)
local made = redis.call('ZRANGE', KEYS.made, 0, -1, 'WITHSCORES')
local count = #made / 2
local before = redis.call('ZRANK', KEYS.waiting, id) - (calls - count)
local at = math.max(now, paused)
if before >= 0 then
  -- The slot is one that becomes free when a call leaves the window, or a later round of it.
  local nth = before % calls
  local since = nth < count and tonumber(made[2 * nth + 2]) or now
  at = math.max(at, since + window * (1 + math.floor(before / calls)))
end
local wait = at - now
if wait <= 0.001 then
  redis.call('ZREM', KEYS.waiting, id)
  redis.call('ZREM', KEYS.reserved, id)
  redis.call('ZADD', KEYS.made, string.format('%.6f', now), id)
else
  redis.call('ZADD', KEYS.reserved, string.format('%.6f', at + reserved), id)
end
redis.call('EXPIRE', KEYS.made, 86400)
redis.call('EXPIRE', KEYS.waiting, 86400)
redis.call('EXPIRE', KEYS.reserved, 86400)
if wait <= 0.001 then return '0' end
return string.format('%.3f', wait)
""",
    keys=("made", "waiting", "reserved", "pause"),
    args=("now", "name", "order", "calls", "window", "reserved_seconds"),
)
_USED = Script(
    NOW
    + """
local now = seconds(ARGV.now)
local made = #redis.call('ZRANGEBYSCORE', KEYS.made, now - tonumber(ARGV.window), '+inf')
local ahead = tonumber(redis.call('GET', KEYS.quota) or '0') - now
local paused = tonumber(redis.call('GET', KEYS.pause) or '0') - now
return {made, string.format('%.3f', math.max(0, ahead)), string.format('%.3f', math.max(0, paused))}
""",
    keys=("made", "quota", "pause"),
    args=("now", "window"),
)


class Usage(Value, frozen=True):
    """What is spoken for of an action's quota.

    `made`: changes in the window; `ahead`: seconds for which reads have been taken in advance;
    `paused`: seconds until the vendor takes calls again.
    """

    made: int
    ahead: float
    paused: float


_RESERVED_SECONDS = 120
"""Whoever does not come back for so long after their time loses their turn."""


class RateLimits:
    """Quotas and pauses by region, and how long changes have taken lately."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._db = database
        self._lately: dict[str, tuple[Sequence[float], float]] = {}
        self._in_advance: dict[tuple[str, str, int], tuple[int, float]] = {}

    async def take(
        self, region: str, action: str, *, calls: int, every: float, burst: int
    ) -> float:
        """Take `calls` from the quota of an action; returns 0, or the seconds to wait first.

        `every`: seconds in which one call becomes free again; `burst`: how many may come at once.
        """
        left, until = self._in_advance.pop((region, action, burst), (0, 0.0))
        if left < calls or time.monotonic() > until:
            keys = (key("quota", region, action), key("pause", region, action))
            args = (self._db.fixed_now, every, burst, calls, max(calls, SOME))
            wait, left = await self._db.run(_TAKE, keys, *args)
            if not left:
                return float(wait)
            until = time.monotonic() + IN_ADVANCE_SECONDS
        self._in_advance[region, action, burst] = int(left) - calls, until
        return 0.0

    async def reserve(  # noqa: PLR0913 - a quota, and who wants what of it
        self,
        region: str,
        action: str,
        name: str,
        *,
        order: float,
        calls: int,
        window: float,
    ) -> float:
        """Reserve one call among `calls` in any `window` seconds, in a fair order.

        Returns 0 where `name` may call now, or the seconds until its time; then it asks again.
        Those who wait have their turn by `order`, the smallest first.
        """
        keys = (
            key("made", region, action),
            key("waiting", region, action),
            key("patience", region, action),
            key("pause", region, action),
        )
        args = (self._db.fixed_now, name, f"{order:.6f}", calls, window, _RESERVED_SECONDS)
        return float(await self._db.run(_RESERVE, keys, *args))

    async def used(self, region: str, action: str, *, window: float) -> Usage:
        """What is spoken for of an action's quota; nothing is taken by asking."""
        keys = (key("made", region, action), key("quota", region, action))
        pause = key("pause", region, action)
        made, ahead, paused = await self._db.run(_USED, (*keys, pause), self._db.fixed_now, window)
        return Usage(made=int(made), ahead=float(ahead), paused=float(paused))

    async def pause(self, region: str, action: str, seconds: float) -> None:
        """Make no call of `action` in `region` for so long."""
        self._in_advance.clear()
        until = await self._db.now() + seconds
        name = key("pause", region, action)
        await self._db.command("SET", name, f"{until:.3f}", "EX", max(1, ceil(seconds)))

    async def took(self, region: str, vpn_connection_id: str, seconds: float) -> None:
        """Remember how long a change of a connection in `region` took."""
        known = (key("durations", region), key("durations", region, vpn_connection_id))
        most = (_REMEMBERED, _REMEMBERED_OF_ONE, _REMEMBERED_SECONDS, _RECEIPT_SECONDS)
        keys = (key("took", token_hex(8)), *known)
        await self._db.run(_TOOK, keys, f"{seconds:.1f}", *most)
        for name in known:
            self._lately.pop(name, None)

    async def usual(self, region: str) -> float:
        """How many seconds a deletion usually takes in `region`, or took some seconds ago."""
        known = await self._known(key("durations", region))
        return median(known) if known else USUAL_SECONDS

    async def durations(self, region: str, vpn_connection_id: str) -> Sequence[float]:
        """How many seconds the latest changes of a connection took; if none, of its region."""
        own = await self._known(key("durations", region, vpn_connection_id))
        return own or await self._known(key("durations", region))

    async def _known(self, name: str) -> Sequence[float]:
        known, until = self._lately.get(name, ((), 0.0))
        if (now := time.monotonic()) >= until:
            known = tuple(map(float, await self._db.command("LRANGE", name, 0, -1)))
            for old in [one for one, (_, end) in self._lately.items() if end <= now]:
                del self._lately[old]
            self._lately[name] = known, now + _KEPT_SECONDS
        return known
