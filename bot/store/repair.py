"""Has the database lost something, and what follows from the records, built anew.

What is due follows from the records: where an open request has nothing due, the sorted set was
lost or somebody wrote over it, and all that wants attention is made due again. Where numbers that
only ever grow have become smaller, the database was emptied, or a failover or a backup has taken it
back in time: nothing brings that back, so it is said, aloud, and in the audit itself.
"""

import structlog

from bot.metrics import ALARMS
from bot.models import Event, EventKind, Request, RequestState
from bot.store.audit import STORE, Audit
from bot.store.cards import CardStates
from bot.store.client import CLAIMS, DUE, NOW, Database, Script
from bot.store.requests import OPEN, Requests
from bot.store.work import Work

log = structlog.get_logger(__name__)

_LATEST = 200
"""How many of the newest requests are looked at, beside those that are open."""

_LATELY = 24 * 3600.0
"""For how many seconds after its end something may still be due for a request."""

_MISSING = Script(
    """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[1]) end
local missing = {}
for _, id in ipairs(redis.call('HVALS', KEYS[2])) do
  if not redis.call('ZSCORE', KEYS[1], 'run:' .. id) then missing[#missing + 1] = id end
end
return missing
"""
)
"""Lua: the open requests for which nothing is due. `due` is no loss: it is built anew."""

_ADD = Script(
    NOW
    + """
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], seconds(ARGV[1]), ARGV[2])
return 1
"""
)


class Repair:
    """Looks for losses, and mends what can be mended."""

    def __init__(
        self,
        database: Database,
        work: Work,
        requests: Requests,
        audit: Audit,
        card_states: CardStates,
    ) -> None:
        """Look at `database`."""
        self._db = database
        self._work = work
        self._requests = requests
        self._audit = audit
        self._tellings = card_states
        self._started = False
        self._entries = 0
        self._link = ""
        self.alarm = ""
        """What was lost while this process was running, for readiness; empty: nothing."""

    async def look(self) -> None:
        """Look once; at the first time, whatever is due is made due without a word."""
        missing = await self._db.run(_MISSING, (DUE, OPEN))
        went_back = await self._went_back()
        if missing:
            log.error("due_lost", requests=len(missing))
            ALARMS.labels("due_lost").inc()
        if missing or went_back or not self._started:
            await self._rebuild(doubt=went_back)
        self._started = True

    async def _went_back(self) -> bool:
        """Whether the database has forgotten what this process has seen there."""
        count, _, link = (await self._audit.head()).partition(" ")
        entries, before, last = int(count or 0), self._entries, self._link
        went_back = entries < before or self._work.forgot
        if went_back:
            log.error("store_went_back", entries=entries, before=before, head=last)
            ALARMS.labels("went_back").inc()
            self.alarm = (
                f"the database went back: it had {before} entries of the audit, then {entries}"
            )
            event = Event(
                kind=EventKind.TROUBLE,
                at=await self._db.now(),
                details={"what": self.alarm, "head": last},
            )
            await self._audit.append(STORE, event, cause=f"went back {before} {last}")
        self._entries, self._link, self._work.forgot = entries, link, False
        return went_back

    async def _rebuild(self, *, doubt: bool) -> None:
        """Make due whatever wants attention and is not; `doubt`: show the cards anew, too."""
        ids = [*await self._requests.open_ids(), *await self._requests.unsigned_ids()]
        ids += await self._requests.latest_ids(_LATEST)
        found = await self._requests.many(list(dict.fromkeys(ids)))
        now = await self._db.now()
        for request in (stored.request for stored in found.stored):
            if doubt and request.state.open:
                await self._tellings.doubt(request.id)
            for kind in _kinds(request, now):
                await self._db.run(_ADD, (DUE, CLAIMS), self._db.fixed_now, f"{kind}:{request.id}")


def _kinds(request: Request, now: float) -> tuple[str, ...]:
    """What may be due for a request; a step that finds nothing to do costs nothing."""
    if request.state.open or request.state is RequestState.UNCONFIRMED:
        return ("run", "tell", "follow")
    if now - request.ended_at < _LATELY:
        return ("tell", "follow")
    return ("follow",) if request.glass_broken and not request.countersigned else ()
