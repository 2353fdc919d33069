"""One turn of the worker: steps that have ended, and items to begin with, in one round trip.

What the begun steps need is read along, where it is known what they are about. A turn has a name:
asked again by the same name, it says what it did before.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from bot.store.client import CHECK_WORK, CLAIMS, DUE, FENCE, NOW, Script, key
from bot.store.in_hand import INBOX, ConnectionKeys
from bot.store.reading import AT_ONCE, about, nothing, read_slot, slot_keys


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


_RECEIPT_SECONDS = 60
"""For how long a turn is remembered by its name: longer than redis-py goes on asking for a lost
reply."""

ALONG = 4
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


DELIVERIES = 2
"""And of how many deliveries."""

ENDED = AT_ONCE
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

_FORGET = "".join(_OVER.format(n=n) for n in range(1, ENDED + 1))

_SLOT = """
if wanted[{slot}] then
  -- The claims are made: what can't be read is read, and fails, in the step.
  local ok, all = pcall(function() return {read} end)
  if ok then along[#along + 1] = {{turn.along[{slot}], all}} end
end
"""
_READ_ALONG = "".join(
    _SLOT.format(slot=n, read=read_slot(n, f"turn.along[{n}]")) for n in range(1, ALONG + 1)
)

TURN = Script(
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
        *(name for n in range(1, ENDED + 1) for name in (f"over{n}", f"seen{n}")),
        *(name for n in range(1, ALONG + 1) for name in slot_keys(n)),
    ),
    args=("now", "lease", "receipt_seconds", "seen_seconds", "name", "turn"),
)


class Allowed(NamedTuple):
    """What may be begun: `room` of a kind, `usual_room` where that does not say.

    `each`: how many of a kind one turn begins with at most; `most`: how many in all.
    """

    room: Mapping[str, int] = _NO_LIMIT
    usual_room: int = AT_ONCE
    each: Mapping[str, int] = _NO_LIMIT
    most: int = AT_ONCE


NOTHING_MORE = Allowed(usual_room=0, most=0)
"""Nothing is begun: only what has ended is ended."""


def sent(
    name: str,
    ended: Sequence[End],
    allowed: Allowed,
    along: Mapping[str, ConnectionKeys | None],
    deliveries: Sequence[str],
) -> tuple[Sequence[str], tuple[str | float, ...]]:
    """The keys of a turn, and its arguments but for the time and the lease.

    `along`: the requests that are read along, with what is known of their connections.
    """
    turn = {
        "ended": [*map(_as_sent, ended)],
        "room": dict(allowed.room),
        "usual_room": allowed.usual_room,
        "each": dict(allowed.each),
        "most": allowed.most,
        "along": list(along),
        "deliveries": deliveries,
    }
    inbox = [key(item) for item in deliveries]
    inbox += [_NOTHING] * (DELIVERIES - len(inbox))
    over = [name for end in ended for name in _kept_of(end.claim)]
    over += [_NOTHING] * (2 * (ENDED - len(ended)))
    slots = [name for one, line in along.items() for name in about(one, line)]
    slots += [name for _ in range(ALONG - len(along)) for name in nothing()]
    keys = (DUE, CLAIMS, FENCE, key("receipt", name), STORED, _NOTHING, *inbox, *over, *slots)
    # What is no UTF-8 in `due` goes back as it came: it must not stop all others.
    return keys, (_RECEIPT_SECONDS, SEEN_SECONDS, name, json.dumps(turn, ensure_ascii=False))


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
