"""How fast to go: shared by all replicas, and never needed for safety.

A region that throttles one replica throttles the account, so all of them pause. How long
deletions have taken there lately is what a progress bar is measured against.
"""

from statistics import median

from bot.store.client import NOW, Database, Script, key

USUAL_SECONDS = 40.0
"""What a deletion is expected to take where none has been seen yet."""

_REMEMBERED = 20


_TAKE = Script(
    NOW
    + """
-- The generic cell rate algorithm: one number says until when the quota is spoken for.
local now, every = seconds(ARGV[1]), tonumber(ARGV[2])
local burst, calls = tonumber(ARGV[3]), tonumber(ARGV[4])
local taken = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local after = taken + calls * every
local wait = after - burst * every - now
-- Below a millisecond it is the rounding that waits, and the answer would say 0 all the same.
if wait > 0.001 then return string.format('%.3f', wait) end
redis.call('SET', KEYS[1], string.format('%.6f', after), 'EX', 300)
return '0'
"""
)


class Pace:
    """Quotas, pauses and usual durations, by region."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._db = database

    async def take(
        self, region: str, action: str, *, calls: int, every: float, burst: int
    ) -> float:
        """Take `calls` from the quota of an action; returns 0, or the seconds to wait first.

        `every`: seconds in which one call becomes free again; `burst`: how many may come at once.
        """
        args = (self._db.fixed_now, every, burst, calls)
        return float(await self._db.run(_TAKE, (key("quota", region, action),), *args))

    async def pause(self, region: str, until: float) -> None:
        """Call nothing in `region` before `until`."""
        await self._db.command("SET", key("pause", region), f"{until:.3f}", "EX", 300)

    async def paused_until(self, region: str) -> float:
        """When `region` may be called again; in the past where it may be called now."""
        reply = await self._db.command("GET", key("pause", region))
        return 0.0 if reply is None else float(reply)

    async def took(self, region: str, seconds: float) -> None:
        """Remember how long a deletion took."""
        await self._db.command("LPUSH", key("durations", region), f"{seconds:.1f}")
        await self._db.command("LTRIM", key("durations", region), 0, _REMEMBERED - 1)

    async def usual(self, region: str) -> float:
        """How many seconds a deletion usually takes in `region`."""
        lately = await self._db.command("LRANGE", key("durations", region), 0, -1)
        return median(map(float, lately)) if lately else USUAL_SECONDS
