"""What is due and who has claimed it.

One sorted set `due`: the score is the next time at which an item wants attention. The same
score is delay, poll interval, lease and crash recovery: a worker claims an item by moving
its score to now + lease and taking a new fence, the number that every write of its must
bear. Items are named `<kind>:<id>`.

Steps that have ended and items to begin with go in one round trip: a turn of the worker. What the
steps need is read along, where it is known what they are about, or in one more round trip.
"""

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from bot.errors import StaleFence, StoreError, StoreUnavailable
from bot.store.client import (
    CHECK_WORK,
    CLAIMS,
    DUE,
    FENCE,
    NOW,
    WAKE,
    Database,
    Reply,
    Script,
    key,
)
from bot.store.in_hand import INBOX, request_of
from bot.store.reading import AT_ONCE, about, nothing, parts, read_all, read_slot, slot_keys


class Claim(NamedTuple):
    """The right to do one step of `item` until `until`; `tries` counts unfinished claims."""

    item: str
    fence: str
    tries: int
    now: float
    until: float

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
"""For how long a turn is remembered by its name: longer than redis-py goes on asking for a lost
reply."""

_ALONG = 4
"""Of how many requests all is read along with a turn."""

FINISHED, FAILED, GIVEN_BACK = "finished", "failed", "given back"
"""How a step ended: only a finished one starts the count of tries anew, and what is given back
counts as if it had not been claimed."""


_NO_LIMIT: Mapping[str, int] = MappingProxyType({})


class End(NamedTuple):
    """A step that has ended, and when its item is due again; None: never."""

    claim: Claim
    again_at: float | None
    how: str = FINISHED


class Turn(NamedTuple):
    """What a turn did: whether each of the ended steps had its item still, and new claims.

    `wait`: seconds until something else will be due, 0: it may be already, None: nothing will.
    """

    now: float
    wait: float | None
    ended: Sequence[int]
    claims: Sequence[Claim]


_DELIVERIES = 2
"""And of how many deliveries."""

_ENDED = AT_ONCE
"""How many steps one script ends."""

STORED = key("stored")
"""The deliveries that are stored, by the time when they were: who has lost its place in `due`."""

SEEN_SECONDS = 3600
"""For how long a delivery's id is remembered after it was handled. Slack repeats a payload
within minutes."""

_OVER = """
if over[{n}] then
  redis.call('SET', KEYS.seen{n}, '1', 'EX', ARGV.seen_seconds)
  redis.call('DEL', KEYS.over{n})
  -- Somebody may have written over it. Who stays named there is found to be forgotten.
  redis.pcall('ZREM', KEYS.stored, over[{n}])
end
"""
_NOTHING = key("")
"""A key that never is, in the place of one."""

_FORGET = "".join(_OVER.format(n=n) for n in range(1, _ENDED + 1))

_SLOT = """
if wanted[{slot}] then
  -- The claims are made: what can't be read is read, and fails, in the step.
  local ok, all = pcall(function() return {read} end)
  if ok then along[#along + 1] = {{turn.along[{slot}], all}} end
end
"""
_READ_ALONG = "".join(
    _SLOT.format(slot=n, read=read_slot(n, f"turn.along[{n}]")) for n in range(1, _ALONG + 1)
)

_TURN = Script(
    NOW
    + CHECK_WORK
    + """
-- Run again after a lost reply, this finds what was done.
local receipt = redis.call('GET', KEYS.receipt)
if receipt then return cjson.decode(receipt) end
local now = seconds(ARGV.now)
local turn = cjson.decode(ARGV.turn)
-- What is no number, since somebody wrote over it, counts as none: it must not stop all others.
local function number(field)
  return tonumber(redis.call('HGET', KEYS.claims, field) or '') or 0
end
local clock = number('clock')
local went_back = now < clock - 2
local checked = false
local function check_turn()
  if checked then return end
  check_work()
  redis.call('SET', KEYS.receipt, '', 'XX')
  redis.call('DEL', KEYS.nothing)
  checked = true
end
if went_back then
  -- The server's clock was put back: what was planned goes back with it, or nothing would be
  -- done until the old time comes again.
  check_turn()
  local planned = redis.call('ZRANGE', KEYS.due, 0, -1, 'WITHSCORES')
  for i = 1, #planned, 2 do
    redis.call('ZADD', KEYS.due, tonumber(planned[i + 1]) - (clock - now), planned[i])
  end
end
if now > clock + 1 or went_back then redis.call('HSET', KEYS.claims, 'clock', now) end

-- Before a step is ended: what is needed of the other half of a turn can be had.
local reserved
local function check_claims()
  redis.call('ZRANGEBYSCORE', KEYS.due, '+inf', '+inf', 'LIMIT', 0, 1)
  if turn.most > 0 and not reserved then reserved = redis.call('INCR', KEYS.fence) end
end
local function end_of(ended)
  local item = ended.item
  if redis.call('HGET', KEYS.claims, 'fence:' .. item) ~= ended.fence then return 0 end
  check_turn()
  check_claims()
  local again = redis.call('HGET', KEYS.claims, 'again:' .. item)
  redis.call('HDEL', KEYS.claims, 'fence:' .. item, 'lease:' .. item, 'again:' .. item)
  if ended.how == 'finished' then redis.call('HDEL', KEYS.claims, 'tries:' .. item) end
  if ended.how == 'given back' then
    redis.call('HSET', KEYS.claims, 'tries:' .. item, math.max(0, number('tries:' .. item) - 1))
  end
  if again then redis.call('ZADD', KEYS.due, now, item)
  elseif ended.again_at == '' then redis.call('ZREM', KEYS.due, item)
  else
    -- What was planned by a clock that was put back meanwhile goes back with it.
    local early = math.max(0, ended.claimed - now)
    redis.call('ZADD', KEYS.due, ended.again_at - early, item)
  end
  return again and 2 or 1
end
-- Once it was asked what it has done, a turn that comes late does nothing.
if turn.most == 0 then check_turn() end
local results, over = {}, {}
for n, ended in ipairs(turn.ended) do
  results[n] = end_of(ended)
  -- A delivery that is seen to is forgotten, but not that it came.
  if results[n] > 0 and ended.delivery and ended.again_at == '' then over[n] = ended.item end
end
"""
    + _FORGET
    + """

-- What is passed over stays as due as it is, so the order is the same once there is room for it.
local found, taken, more, later = {}, {}, false, false
local from, size = 0, turn.most + 1
while turn.most > 0 do
  local due = redis.call('ZRANGEBYSCORE', KEYS.due, '-inf', now, 'LIMIT', from, size)
  for _, item in ipairs(due) do
    local kind = string.match(item, '^[^:]*')
    local begun = taken[kind] or 0
    local left = (turn.room[kind] or turn.usual_room) - begun
    if left > 0 and begun >= (turn.each[kind] or math.huge) then
      later = true
    elseif left > 0 and #found < turn.most then
      found[#found + 1] = item
      taken[kind] = begun + 1
    elseif left > 0 then
      more = true
    end
  end
  if more or #due < size then break end
  from, size = from + size, size * 4
end
local function wait()
  if more or later then return '0' end
  local after = '(' .. string.format('%.17g', now)
  local first = redis.call('ZRANGEBYSCORE', KEYS.due, after, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return first[2] and string.format('%.6f', tonumber(first[2]) - now) or ''
end

local claims, until_ = {}, now + tonumber(ARGV.lease)
for n, item in ipairs(found) do
  check_turn()
  -- The name makes it unique even where a failover has forgotten that the number was given out.
  local fence = (reserved or redis.call('INCR', KEYS.fence)) .. '-' .. ARGV.name
  reserved = nil
  local tries = number('tries:' .. item) + 1
  redis.call('HSET', KEYS.claims, 'fence:' .. item, fence, 'lease:' .. item, until_,
             'tries:' .. item, tries)
  redis.call('ZADD', KEYS.due, until_, item)
  claims[n] = {item, fence, tostring(tries), string.format('%.6f', until_)}
end
local done = {string.format('%.6f', now), wait(), results, claims}
if checked then
  redis.call('SET', KEYS.receipt, cjson.encode(done), 'EX', ARGV.receipt_seconds)
end
local along, wanted = {}, {}
for _, item in ipairs(found) do
  for n, id in ipairs(turn.along) do
    if string.match(item, '^[^:]*:(.*)$') == id then wanted[n] = true end
  end
end
"""
    + _READ_ALONG
    + """
-- As above: what can't be read is for the step.
local contents = {}
for _, item in ipairs(found) do
  if item == turn.deliveries[1] then
    contents[#contents + 1] = {item, redis.pcall('GET', KEYS.delivery1)}
  elseif item == turn.deliveries[2] then
    contents[#contents + 1] = {item, redis.pcall('GET', KEYS.delivery2)}
  end
end
for _, one in ipairs(contents) do
  if type(one[2]) ~= 'string' then one[2] = false end
end
done[5], done[6] = along, contents
return done
""",
    keys=(
        *("due", "claims", "fence", "receipt", "stored", "nothing", "delivery1", "delivery2"),
        *(name for n in range(1, _ENDED + 1) for name in (f"over{n}", f"seen{n}")),
        *(name for n in range(1, _ALONG + 1) for name in slot_keys(n)),
    ),
    args=("now", "lease", "receipt_seconds", "seen_seconds", "name", "turn"),
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
"""What a turn answers where the item was woken during the step."""


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

    async def turn(  # noqa: PLR0913 - how much of what may be begun
        self,
        lease: float,
        *,
        ended: Sequence[End] = (),
        room: Mapping[str, int] = _NO_LIMIT,
        usual_room: int = AT_ONCE,
        each: Mapping[str, int] = _NO_LIMIT,
        most: int = AT_ONCE,
    ) -> Turn:
        """End steps, and claim what has been due longest, for `lease` seconds.

        `room`: how many of a kind may be begun, `usual_room` where that does not say; what there
        is no room for is left to others, or until later. `each`: how many of a kind are begun by
        one turn at most, the others by the next ones. `most`: how many may be begun in all.
        """
        while self._unanswered:
            # Its answer was lost in an outage: what it claimed then, nobody is working on.
            earlier = await self._turn(self._unanswered[-1], lease)
            for claim in earlier.claims:
                await self.give_back(claim, earlier.now)
            self._unanswered.pop()
        before: list[int] = []
        while len(ended) > _ENDED:
            before += (await self._turn(secrets.token_hex(8), lease, ended[:_ENDED])).ended
            ended = ended[_ENDED:]
        turn = await self._turn(
            secrets.token_hex(8),
            lease,
            ended,
            room=room,
            usual_room=usual_room,
            each=each,
            most=most,
        )
        return turn._replace(ended=[*before, *turn.ended])

    async def claim(self, lease: float, *, full: Collection[str] = ()) -> Claim | Idle:
        """Claim the one item that has been due longest; `full`: kinds there is no room for."""
        turn = await self.turn(lease, room=dict.fromkeys(full, 0), most=1)
        return turn.claims[0] if turn.claims else Idle(turn.wait)

    async def done(self, claim: Claim, again_at: float | None, *, failed: bool = False) -> bool:
        """End one step; look again at `again_at`, or never. `failed` keeps counting tries.

        Returns whether somebody has woken the item meanwhile, so that it is due now.

        Raises:
            StaleFence: the lease was over and somebody else has, or had, the item.
        """
        ended = await self._end(End(claim, again_at, FAILED if failed else FINISHED))
        if not ended:
            raise StaleFence(claim.item)
        return ended == _WOKEN

    async def give_back(self, claim: Claim, again_at: float) -> bool:
        """Let anybody have the item at `again_at`, as if it had not been claimed this time.

        False: somebody else has, or had, it.
        """
        return bool(await self._end(End(claim, again_at, GIVEN_BACK)))

    async def _end(self, ended: End) -> int:
        turn = await self._turn(f"end {ended.claim.fence}", 0.0, [ended])
        return turn.ended[0]

    async def _turn(  # noqa: PLR0913 - what the script takes
        self,
        name: str,
        lease: float,
        ended: Sequence[End] = (),
        *,
        room: Mapping[str, int] = _NO_LIMIT,
        usual_room: int = 0,
        each: Mapping[str, int] = _NO_LIMIT,
        most: int = 0,
    ) -> Turn:
        """A turn under a name: asked again by the same name, it answers what it did before."""
        along, deliveries = self._expected(ended) if most else ([], [])
        turn = {
            "ended": [*map(_as_sent, ended)],
            "room": dict(room),
            "usual_room": usual_room,
            "each": dict(each),
            "most": most,
            "along": along,
            "deliveries": deliveries,
        }
        in_hand = self._db.in_hand
        # What is no UTF-8 in `due` goes back as it came: it must not stop all others.
        seconds = (_RECEIPT_SECONDS, SEEN_SECONDS)
        args = (lease, *seconds, name, json.dumps(turn, ensure_ascii=False))
        inbox = [key(item) for item in deliveries]
        inbox += [_NOTHING] * (_DELIVERIES - len(inbox))
        over = [name for end in ended for name in _kept_of(end.claim)]
        over += [_NOTHING] * (2 * (_ENDED - len(ended)))
        # What is learned of them while the turn is under way was not read by it.
        connections = {one: in_hand.connection(one) for one in along}
        slots = [name for one, line in connections.items() for name in about(one, line)]
        slots += [name for _ in range(_ALONG - len(along)) for name in nothing()]
        receipt = key("receipt", name)
        keys = (DUE, CLAIMS, FENCE, receipt, STORED, _NOTHING, *inbox, *over, *slots)
        try:
            reply = await self._db.run(_TURN, keys, self._db.fixed_now, *args)
        except StoreUnavailable:
            if most:
                self._unanswered.append(name)
            raise
        # A receipt says what was done, and not what was read.
        now, wait, results, claimed, *read = reply
        at = self._db.heard(float(now))
        claims = [self._claimed(one, at) for one in claimed]
        # Asked for again by its name alone, a turn says what it ended then as well.
        for end, ours in zip(ended, results, strict=False):
            if end.again_at is not None:
                in_hand.expect([end.claim.item], end.again_at)
            elif int(ours):
                in_hand.over(end.claim.item)
        for claim in claims:
            in_hand.claimed(claim.item)
        if claims:
            found, contents = read or ((), ())
            all_of = {str(one): parts(all_, connections[str(one)]) for one, all_ in found}
            await self._bring(claims, all_of, dict(contents))
        return Turn(at, float(wait) if wait else None, [*map(int, results)], claims)

    def _expected(self, ended: Sequence[End]) -> tuple[list[str], list[str]]:
        """The requests and the deliveries that the next claims are probably about."""
        due = self._db.in_hand.due(self._db.about_now())
        items = [*due, *(end.claim.item for end in ended)]
        requests = dict.fromkeys(filter(None, map(request_of, items)))
        deliveries = [item for item in due if item.startswith(INBOX)]
        return list(requests)[:_ALONG], deliveries[:_DELIVERIES]

    async def _bring(
        self,
        claims: Sequence[Claim],
        along: Mapping[str, dict[str, Reply]],
        contents: Mapping[str, Reply],
    ) -> None:
        """Have in hand what their steps need, as far as it can be read at once."""
        read, contents = dict(along), dict(contents)
        about_requests = [claim for claim in claims if request_of(claim.item)]
        deliveries = [claim for claim in claims if claim.item.startswith(INBOX)]
        with suppress(StoreError):
            missing = dict.fromkeys(c.id for c in about_requests if c.id not in read)
            read |= await read_all(self._db, list(missing))
            if others := [claim.item for claim in deliveries if claim.item not in contents]:
                replies = await self._db.command("MGET", *map(key, others))
                contents |= dict(zip(others, replies, strict=True))
        for claim in about_requests:
            if claim.id in read:
                self._db.in_hand.bring(claim.fence, dict(read[claim.id]))
        for claim in deliveries:
            self._db.in_hand.bring(claim.fence, {"inbox": contents.get(claim.item)})

    def _claimed(self, reply: Sequence[str], now: float) -> Claim:
        item, fence, tries, until = reply
        number = int(fence.partition("-")[0])
        self.forgot = self.forgot or number <= self._latest
        self._latest = number
        return Claim(item, fence, int(tries), now, float(until))

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
        self._db.in_hand.expect([item])
        self._db.woken()


def _as_sent(ended: End) -> Mapping[str, object]:
    claim, again_at, how = ended
    again = "" if again_at is None else f"{again_at:.6f}"
    sent = {"item": claim.item, "fence": claim.fence, "again_at": again, "how": how}
    return {**sent, "claimed": claim.now, "delivery": claim.item.startswith(INBOX)}


def _kept_of(claim: Claim) -> Sequence[str]:
    """The keys of a delivery: what came, and that it came; of no other item anything is kept."""
    if not claim.item.startswith(INBOX):
        return (_NOTHING, _NOTHING)
    return key(claim.item), key("seen", claim.id)
