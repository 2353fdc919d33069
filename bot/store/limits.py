"""Who asked for what lately, so that limits are counted in the script that stores a request.

One entry for each request: what it counts for, by the time when it was made. Whether it is open is
not said here but by `open`, which is never wrong about it. Entries that count for nothing any more
go when the next request is made.
"""

from collections.abc import Iterable

import msgspec

from bot.policy.limits import LONGEST, Asking, Limit
from bot.store.client import NOW, Script, key

ASKED = key("asked")
"""Entries as JSON by the time when they were made."""

OVER_LIMIT = f"""
local function asked_by(held)
  local open, counted, old = {{}}, {{}}, {{}}
  for _, id in ipairs(redis.call('HVALS', KEYS.open)) do open[id] = true end
  local entries = redis.call('ZRANGE', KEYS.asked, 0, -1, 'WITHSCORES')
  for n = 1, #entries, 2 do
    -- What somebody else has put there counts for nothing, and stops nobody.
    local read, entry = pcall(cjson.decode, entries[n])
    local age = held.now - tonumber(entries[n + 1])
    if not read or type(entry) ~= 'table' or (age > {LONGEST:.0f} and not open[entry.id]) then
      old[#old + 1] = entries[n]
    else
      for place, limit in ipairs(held.limits) do
        local counts = limit.seconds > 0 and age < limit.seconds
        if limit.seconds == 0 then counts = open[entry.id] end
        if counts and entry[limit.field] == limit.value and (entry.glass or not limit.glass) then
          counted[place] = (counted[place] or 0) + 1
        end
      end
    end
  end
  for place, limit in ipairs(held.limits) do
    if (counted[place] or 0) >= limit.most then return place, old end
  end
  return 0, old
end
"""
"""Lua: which of some limits is reached, 0 for none; and the entries that count no more."""

ROOM = Script(
    NOW
    + OVER_LIMIT
    + """
return (asked_by({now = seconds(ARGV.now), limits = cjson.decode(ARGV.limits)}))
""",
    keys=("open", "asked"),
    args=("now", "limits"),
)


def entry(request_id: str, asking: Asking) -> str:
    """What one request counts for."""
    return msgspec.json.encode({"id": request_id, **msgspec.structs.asdict(asking)}).decode()


def encoded(limits: Iterable[Limit]) -> str:
    """Limits as a script takes them."""
    # As dictionaries: a script wants what is left out of a value because it is usual.
    return msgspec.json.encode([*map(msgspec.structs.asdict, limits)]).decode()
