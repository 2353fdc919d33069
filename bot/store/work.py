"""What is due and who has claimed it.

One sorted set `due`: the score is the next time at which an item wants attention. The same
score is delay, poll interval, lease and crash recovery: a worker claims an item by moving
its score to now + lease and taking a new fence, the number that every write of its must
bear. Items are named `<kind>:<id>`.
"""

import secrets
from collections.abc import Collection, Mapping
from typing import NamedTuple

from bot.errors import StaleFence, StoreUnavailable
from bot.store.client import CHECK_WORK, CLAIMS, DUE, FENCE, NOW, WAKE, Database, Script, key


class Claim(NamedTuple):
    """The right to do one step of `item` until `until`; `tries` counts unfinished claims.

    `wait`: seconds until something else will be due, 0: it may be already, None: nothing will.
    """

    item: str
    fence: str
    tries: int
    now: float
    until: float
    wait: float | None = 0.0

    @property
    def kind(self) -> str:
        """What sort of work it is: the part before the colon."""
        return self.item.partition(":")[0]

    @property
    def id(self) -> str:
        """Whose work it is: the part after the colon."""
        return self.item.partition(":")[2]


class Idle(NamedTuple):
    """There is nothing to claim; `wait` seconds until something will be due, None: never."""

    wait: float | None


_RECEIPT_SECONDS = 60
"""For how long a claim is remembered by the name of the call that made it: longer than
redis-py goes on asking for a lost reply."""

_CLAIM = Script(
    NOW
    + CHECK_WORK
    + """
local function check_claim()
  check_work()
  redis.call('HINCRBY', KEYS.claims, '', 0)
  redis.call('HDEL', KEYS.claims, '')
  redis.call('SET', KEYS.receipt, '', 'XX')
end
local receipt = redis.call('GET', KEYS.receipt)
if receipt then return cjson.decode(receipt) end
local now = seconds(ARGV.now)
local clock = tonumber(redis.call('HGET', KEYS.claims, 'clock') or '0')
if now < clock - 2 then
  -- The server's clock was put back: what was planned goes back with it, or nothing would be
  -- done until the old time comes again.
  check_claim()
  local planned = redis.call('ZRANGE', KEYS.due, 0, -1, 'WITHSCORES')
  for i = 1, #planned, 2 do
    redis.call('ZADD', KEYS.due, tonumber(planned[i + 1]) - (clock - now), planned[i])
  end
end
if now > clock + 1 or now < clock - 2 then redis.call('HSET', KEYS.claims, 'clock', now) end
-- What is passed over stays as due as it is, so the order is the same once there is room for it.
local function longest_due()
  local from, most = 0, 1
  repeat
    local due = redis.call('ZRANGEBYSCORE', KEYS.due, '-inf', now, 'LIMIT', from, most)
    for _, item in ipairs(due) do
      local kind = string.match(item, '^[^:]*')
      if not string.find(ARGV.full, ':' .. kind .. ':', 1, true) then return item end
    end
    local more = #due == most
    from, most = from + most, most * 4
  until not more
end
local function wait()
  local later = '(' .. string.format('%.17g', now)
  local first = redis.call('ZRANGEBYSCORE', KEYS.due, later, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return first[2] and string.format('%.6f', tonumber(first[2]) - now) or ''
end
local item = longest_due()
if not item then return {'idle', wait()} end
check_claim()
local until_ = now + tonumber(ARGV.lease)
-- The name makes it unique even where a failover has forgotten that the number was given out.
local fence = redis.call('INCR', KEYS.fence) .. '-' .. ARGV.name
redis.call('HSET', KEYS.claims, 'fence:' .. item, fence, 'lease:' .. item, until_)
local tries = redis.call('HINCRBY', KEYS.claims, 'tries:' .. item, 1)
redis.call('ZADD', KEYS.due, until_, item)
local claimed = {'claimed', item, fence, tostring(tries), string.format('%.6f', now),
                 string.format('%.6f', until_), longest_due() and '0' or wait()}
redis.call('SET', KEYS.receipt, cjson.encode(claimed), 'EX', ARGV.receipt_seconds)
return claimed
""",
    keys=("due", "claims", "fence", "receipt"),
    args=("now", "lease", "receipt_seconds", "name", "full"),
)

_DONE = Script(
    NOW
    + CHECK_WORK
    + """
local now, item = seconds(ARGV.now), ARGV.item
local fence = redis.call('HGET', KEYS.claims, 'fence:' .. item)
-- Run again after a lost reply, this finds that it was done.
local ended = redis.call('GET', KEYS.ended)
if ended then return tonumber(ended) end
if fence ~= ARGV.fence then return 0 end
check_work()
local again = redis.call('HGET', KEYS.claims, 'again:' .. item)
ended = again and 2 or 1
redis.call('SET', KEYS.ended, ended, 'EX', ARGV.receipt_seconds)
redis.call('HDEL', KEYS.claims, 'fence:' .. item, 'lease:' .. item, 'again:' .. item)
if ARGV.how == 'finished' then redis.call('HDEL', KEYS.claims, 'tries:' .. item) end
if ARGV.how == 'given back' and redis.call('HINCRBY', KEYS.claims, 'tries:' .. item, -1) < 1 then
  redis.call('HDEL', KEYS.claims, 'tries:' .. item)
end
if again then
  redis.call('ZADD', KEYS.due, now, item)
elseif ARGV.again_at == '' then
  redis.call('ZREM', KEYS.due, item)
else
  redis.call('ZADD', KEYS.due, ARGV.again_at, item)
end
return ended
""",
    keys=("due", "claims", "ended"),
    args=("now", "item", "fence", "again_at", "how", "receipt_seconds"),
)

_WAKE = Script(
    NOW
    + WAKE
    + """
wake(ARGV.item, seconds(ARGV.now))
return 1
""",
    keys=("due", "claims"),
    args=("now", "item"),
)

_BACKLOG = Script(
    NOW
    + """
local now = seconds(ARGV.now)
local found = {}
for _, item in ipairs(redis.call('ZRANGEBYSCORE', KEYS.due, '-inf', now, 'LIMIT', 0, 10000)) do
  local kind = string.match(item, '^[^:]*')
  if found[kind] then
    found[kind][2] = found[kind][2] + 1
  else
    found[kind] = {now - tonumber(redis.call('ZSCORE', KEYS.due, item)), 1}
  end
end
local flat = {}
for kind, of in pairs(found) do
  table.insert(flat, kind)
  table.insert(flat, string.format('%.3f', of[1]))
  table.insert(flat, of[2])
end
return flat
""",
    keys=("due",),
    args=("now",),
)


_PLANNED = Script("return redis.call('ZRANGE', KEYS.due, 0, 9999)", keys=("due",))


_WOKEN = 2
"""What `_DONE` answers where the item was woken during the step."""


class Backlog(NamedTuple):
    """What of a kind is due and not worked on: how many, and how long the oldest has waited."""

    items: int
    oldest: float


class Work:
    """Claims, ends and wakes items."""

    def __init__(self, database: Database) -> None:
        """Work on `database`."""
        self._db = database
        self._latest = 0
        self.forgot = False
        """Whether a claim had a number that had been given out before."""
        self._unanswered: list[str] = []

    async def claim(self, lease: float, *, full: Collection[str] = ()) -> Claim | Idle:
        """Claim what has been due longest, for `lease` seconds.

        `full`: kinds for which there is no room now; they are left to others, or until later.
        """
        while self._unanswered:
            # Its answer was lost in an outage: what it claimed then, nobody is working on.
            earlier = await self._claim(self._unanswered.pop(), lease, full)
            if isinstance(earlier, Claim):
                await self._end(earlier, earlier.now, "given back")
        return await self._claim(secrets.token_hex(8), lease, full)

    async def _claim(self, name: str, lease: float, full: Collection[str]) -> Claim | Idle:
        """Claim under a name: asked again by the same name, it answers what it did before."""
        keys = (DUE, CLAIMS, FENCE, key("receipt", name))
        args = (self._db.fixed_now, lease, _RECEIPT_SECONDS, name, f":{':'.join(full)}:")
        try:
            reply = await self._db.run(_CLAIM, keys, *args)
        except StoreUnavailable:
            self._unanswered.append(name)
            raise
        if reply[0] == "idle":
            return Idle(float(reply[1]) if reply[1] else None)
        _, item, fence, tries, now, until, *rest = reply
        self._db.heard(float(now))
        number = int(fence.rpartition("-")[0])
        self.forgot = self.forgot or number <= self._latest
        self._latest = number
        # A replica of an earlier version left a receipt without it.
        wait = rest[0] if rest else "0"
        return Claim(
            item, fence, int(tries), float(now), float(until), float(wait) if wait else None
        )

    async def done(self, claim: Claim, again_at: float | None, *, failed: bool = False) -> bool:
        """End the step; look again at `again_at`, or never. `failed` keeps counting tries.

        Returns whether somebody has woken the item meanwhile, so that it is due now.

        Raises:
            StaleFence: the lease was over and somebody else has, or had, the item.
        """
        ended = await self._end(claim, again_at, "failed" if failed else "finished")
        if not ended:
            raise StaleFence(claim.item)
        return ended == _WOKEN

    async def give_back(self, claim: Claim, again_at: float) -> bool:
        """Let anybody have the item at `again_at`, as if it had not been claimed this time.

        False: somebody else has, or had, it.
        """
        return bool(await self._end(claim, again_at, "given back"))

    async def _end(self, claim: Claim, again_at: float | None, how: str) -> int:
        reply = await self._db.run(
            _DONE,
            (DUE, CLAIMS, key("ended", claim.fence)),
            self._db.fixed_now,
            claim.item,
            claim.fence,
            "" if again_at is None else f"{again_at:.6f}",
            how,
            _RECEIPT_SECONDS,
        )
        return int(reply)

    async def backlog(self) -> Mapping[str, Backlog]:
        """What is due now and nobody works on, by kind; at most 10,000 items are counted."""
        flat = await self._db.run(_BACKLOG, (DUE,), self._db.fixed_now)
        rows = zip(flat[0::3], flat[1::3], flat[2::3], strict=True)
        return {str(kind): Backlog(int(count), float(oldest)) for kind, oldest, count in rows}

    async def planned(self, kind: str) -> list[str]:
        """The ids of the items of a kind, due or not; the 10,000 that come first are looked at."""
        items = await self._db.run(_PLANNED, (DUE,))
        return [str(i).partition(":")[2] for i in items if str(i).startswith(f"{kind}:")]

    async def any_ever(self) -> bool:
        """Whether anything was ever claimed here."""
        return bool(int(await self._db.command("EXISTS", FENCE)))

    async def now(self) -> float:
        """The time by which items are due."""
        return await self._db.now()

    async def wake(self, item: str) -> None:
        """Make `item` due now; if somebody is at it, as soon as they are done."""
        await self._db.run(_WAKE, (DUE, CLAIMS), self._db.fixed_now, item)
        self._db.woken()
