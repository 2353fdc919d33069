"""Has the database lost something, and what follows from the records, built anew.

What is due follows from the records. `due` bears a mark that it is complete: where that is missing,
the sorted set was lost or somebody wrote over it, and all that wants attention is made due again.
Where a single place is missing it is found too: that of an open request and of a stored item of
the inbox at once, others in turn. A number of the last claim that is none is set anew. Where
numbers that only ever grow have become smaller, the database was emptied, or a failover or a backup
has taken it back in time: nothing brings that back, so it is said, aloud, and in the audit itself.
"""

import re

import msgspec
import structlog

from bot.metrics import ALARMS
from bot.models import Event, EventKind, Request, RequestState
from bot.store.audit import AUDIT_HEAD, STORE, Audit
from bot.store.cards import CardStates
from bot.store.client import DUE, FENCE, NOW, Database, Script
from bot.store.direct import DirectStates
from bot.store.inbox import Inbox
from bot.store.records import OPEN
from bot.store.requests import Requests
from bot.store.turn import STORED
from bot.store.viewers import EVERYBODY
from bot.store.work import Work

log = structlog.get_logger(__name__)

_LATEST = 200
"""How many of the newest requests are checked, beside those that are open."""

_IN_TURN = 4
"""How many of these each check makes sure of: one item of `due` may be lost as well as all."""

_OLDEST = 200
"""How many stored items of the inbox each check makes sure of: those that have waited longest."""

_LATELY = 24 * 3600.0
"""For how many seconds after its end something may still be due for a request."""

_LONGEST = 8 * 24 * 3600.0
"""How long ago a request was made at most that ended lately."""

_PAGE = 200
"""How many requests are read at once where all of them have to be."""

_COMPLETE = "complete"
"""Stands in `due` from when everything was put there: where it is missing, `due` was lost."""

_NEVER = 10**12
"""When `_COMPLETE` is due."""

_CHECK = Script(
    """
local kind = redis.call('TYPE', KEYS.due).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS.due) end
local function missing(items)
  local found = {}
  for _, item in ipairs(items) do
    if not redis.call('ZSCORE', KEYS.due, item) then found[#found + 1] = item end
  end
  return found
end
local fence = redis.call('TYPE', KEYS.fence).ok
if fence == 'string' then fence = redis.call('GET', KEYS.fence) end
local running = {}
for n, id in ipairs(redis.call('HVALS', KEYS.open)) do running[n] = 'run:' .. id end
return {#missing({ARGV.complete}), missing(running),
        missing(redis.call('ZRANGE', KEYS.stored, 0, tonumber(ARGV.oldest) - 1)), fence,
        redis.call('GET', KEYS.audit_head) or ''}
""",
    keys=("due", "open", "stored", "fence", "audit_head"),
    args=("complete", "oldest"),
)
"""Lua: is `due` the one that was made complete, which items are not in it that must be, the
number of the last claim, or the type of what stands in its place, and the head of the audit.

What has another type is removed: `due` is no loss, it is built anew.
"""

_ADD = Script(
    NOW
    + """
local now = seconds(ARGV.now)
for _, item in ipairs(cjson.decode(ARGV.items)) do redis.call('ZADD', KEYS.due, 'NX', now, item) end
return 1
""",
    keys=("due",),
    args=("now", "items"),
)

_NUMBER = Script(
    """
local t = redis.call('TIME')
local found = redis.call('TYPE', KEYS.fence).ok
if found == 'string' then found = redis.call('GET', KEYS.fence) end
if found ~= ARGV.found then return 0 end
redis.call('SET', KEYS.fence, string.format('%d%03d', t[1], math.floor(t[2] / 1000)))
return 1
""",
    keys=("fence",),
    args=("found",),
)
"""Lua: put a number in the place of what is none, larger than any that was given out: milliseconds,
where claims count by one. Claims bear a name as well, so none is mistaken for another."""

_IS_NUMBER = re.compile(r"[0-9]{1,14}|none")
"""What a script of ours can count on from, exactly."""


class Repair:
    """Finds losses, and mends what can be mended."""

    def __init__(  # noqa: PLR0913, PLR0917 - what may be due follows from each of them
        self,
        database: Database,
        work: Work,
        requests: Requests,
        inbox: Inbox,
        audit: Audit,
        card_states: CardStates,
        direct_states: DirectStates,
    ) -> None:
        """Check `database`."""
        self._db = database
        self._work = work
        self._requests = requests
        self._inbox = inbox
        self._audit = audit
        self._card_states = card_states
        self._direct_states = direct_states
        self._started = False
        self._in_turn: list[str] = []
        self._entries = 0
        self._link = ""
        self._losses: dict[str, str] = {}

    @property
    def alarm(self) -> str:
        """What was lost while this process was running, for readiness; empty: nothing."""
        return "; ".join(self._losses.values())

    async def check(self) -> None:
        """Check once; at the first time, whatever is due is made due without a word.

        A check costs the same however much is stored, unless something is missing.
        """
        keys = (DUE, OPEN, STORED, FENCE, AUDIT_HEAD)
        found = await self._db.run(_CHECK, keys, _COMPLETE, _OLDEST)
        lost, running, stored, fence, head = found
        if not _IS_NUMBER.fullmatch(str(fence)):
            await self._mend_fence(str(fence))
        went_back = await self._went_back(str(head))
        requeued = [item for item in stored if await self._inbox.requeue(item)]
        if (lost and self._started) or running or requeued:
            log.error("due_lost", all=bool(lost), requests=len(running), inbox=len(requeued))
            ALARMS.labels("due_lost").inc()
        if lost:
            await self._rebuild_all()
        if running or went_back or not self._started:
            await self._make_due(await self._recent_ids(), anew=True, doubt=went_back)
        else:
            await self._make_due(await self._next_ids())
        self._started = True

    async def _mend_fence(self, found: str) -> None:
        """Set the number of the last claim anew: from what stands there nothing can be claimed."""
        printable = "".join(c if c.isprintable() else " " for c in found)[:40]
        log.error("fence_broken", found=printable)
        ALARMS.labels("fence_broken").inc()
        self._losses["fence"] = (
            f"{FENCE} was written over ({printable} is not the number of a claim); it was set anew"
        )
        await self._db.run(_NUMBER, (FENCE,), found)

    async def _went_back(self, head: str) -> bool:
        """Whether the database has forgotten what this process has seen there."""
        count, _, link = head.partition(" ")
        entries, before, last = int(count or 0), self._entries, self._link
        went_back = entries < before or self._work.forgot
        if went_back:
            log.error("store_went_back", entries=entries, before=before, head=last)
            ALARMS.labels("went_back").inc()
            self._losses["went_back"] = what = (
                f"the database went back: it had {before} entries of the audit, then {entries}"
            )
            event = Event(
                kind=EventKind.TROUBLE,
                at=await self._db.now(),
                details={"what": what, "head": last},
            )
            await self._audit.append(STORE, event, cause=f"went back {before} {last}")
        self._entries, self._link, self._work.forgot = entries, link, False
        return went_back

    async def _rebuild_all(self) -> None:
        """Make due whatever wants attention, and then say in `due` that it is complete."""
        await self._make_due(await self._recent_ids())
        oldest, skip = await self._db.now() - _LONGEST, 0
        while ids := await self._requests.latest_ids(_PAGE, skip=skip, since=oldest):
            await self._make_due(ids)
            skip += len(ids)
        skip = 0
        while items := await self._inbox.stored(_PAGE, skip=skip):
            # One that is handled meanwhile is a step that finds nothing.
            await self._add(items)
            skip += len(items)
        await self._work.wake(EVERYBODY)
        await self._db.command("ZADD", DUE, _NEVER, _COMPLETE)

    async def _recent_ids(self) -> list[str]:
        ids = [*await self._requests.open_ids(), *await self._requests.unsigned_ids()]
        ids += await self._requests.latest_ids(_LATEST)
        return list(dict.fromkeys(ids))

    async def _next_ids(self) -> list[str]:
        """A few of them at each check, all of them in turn."""
        ids = self._in_turn or await self._recent_ids()
        self._in_turn = ids[_IN_TURN:]
        return ids[:_IN_TURN]

    async def _make_due(self, ids: list[str], *, anew: bool = False, doubt: bool = False) -> None:
        """Make due what is not, and may want attention.

        `anew`: note which are about a connection; `doubt`: show the cards anew, too.
        """
        if not ids:
            return
        found = await self._requests.many(ids)
        now = await self._db.lately()
        requests = [stored.request for stored in found.stored]
        if anew:
            await self._requests.stand_beside(requests)
        for request in requests:
            if doubt and request.state.open:
                await self._card_states.doubt(request.id)
                await self._direct_states.doubt(request.id)
        await self._add([item for request in requests for item in _items(request, now)])

    async def _add(self, items: list[str]) -> None:
        if items:
            await self._db.run(_ADD, (DUE,), self._db.fixed_now, _as_json(items))


def _as_json(items: list[str]) -> str:
    return msgspec.json.encode(items).decode()


def _items(request: Request, now: float) -> list[str]:
    """What may be due for a request; a step that finds nothing to do costs nothing."""
    kinds = _kinds(request, now)
    # Its state is shown on the card of the request that it takes back, too.
    origin = [f"tell:{request.origin}"] if request.origin and "tell" in kinds else []
    return [f"{kind}:{request.id}" for kind in kinds] + origin


def _kinds(request: Request, now: float) -> tuple[str, ...]:
    lately = now - request.ended_at < _LATELY
    if request.state.open or (request.state is RequestState.UNCONFIRMED and lately):
        return ("run", "tell", "dm", "follow")
    if lately:
        return ("tell", "dm", "follow")
    return ("dm", "follow") if request.unsigned else ()
