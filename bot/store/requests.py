"""Deletion requests: one record each, changed only by compare-and-set.

One script does every change: it checks the writer's fence and the record's revision, appends
what happened to the audit stream, writes the new record, moves the connection's queue and the
set of open routes along, keeps the index of all requests by their age, and wakes whoever has
something to do now: also those whose cards show it, which are the open requests on the same
connection and the one that it takes back. Redis does not take back what a script wrote before it
failed, so whatever can fail is tried before the first write. So there is no moment at which these
disagree.

A change bears an id of its own, kept in the record: when a reply was lost and redis-py sends
the script again, it finds its own id and reports what it did before.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from math import inf

import msgspec
from msgspec.structs import asdict

from bot.errors import BotError, RecordLost, SealBroken, StaleFence, StoreError, StoreWentBack
from bot.models import Event, Request, RequestState, VcoRoute
from bot.policy.limits import Limit, asking, over
from bot.store.audit import APPEND, AUDIT, AUDIT_HEAD, digest
from bot.store.client import CHECK_WORK, CLAIMS, DUE, NOW, WAKE, Database, Script, key
from bot.store.counting import count
from bot.store.limits import ASKED, OVER_LIMIT, ROOM, encoded, entry
from bot.store.reading import connection_keys
from bot.store.records import INDEX, LATEST, OPEN, UNSIGNED, Records, Stored, decoded
from bot.store.replicas import Replicas
from bot.store.seal import Seals
from bot.store.turn import Claim
from bot.store.viewers import CHANGES, EVERYBODY, VIEWERS

RETENTION_SECONDS = 90 * 24 * 3600
"""For how long a finished request is kept, unless the settings say otherwise."""

_LONGEST_OPEN = 7 * 24 * 3600
"""More than any request stays open: its place in the index outlasts its record."""

_SOON = 1.0
"""Seconds within which the others on a connection show what a request has become: where many come
at once, each is shown them together."""

_AFTER_SEND = 0.2
"""Seconds after an approval in which it is shown: what is sent goes before what is drawn, and most
often the same edit says both."""

_STRIDE = 2**20
"""How far apart two revisions may be. A failover forgets the latest change, and another one follows
in its place: by chance it must not get the same revision, or who knows the first would take it for
that."""

_CONFLICTS = 50
"""How often a change is tried again after somebody else's; more means a fault of ours."""

_COMMIT = Script(
    NOW
    + WAKE
    + CHECK_WORK
    + APPEND
    + OVER_LIMIT
    + """
local cmd = cjson.decode(ARGV.command)
local now = seconds(ARGV.now)
local rev = tonumber(redis.call('HGET', KEYS.record, 'rev') or '0')
local writes = redis.call('HGET', KEYS.record, 'writes') or ''
if string.find(writes, cmd.write, 1, true) then return {'ok'} end
if rev == 0 and cmd.rev > 0 then return {'gone'} end
if cmd.fence ~= '' and redis.call('HGET', KEYS.claims, 'fence:' .. cmd.item) ~= cmd.fence then
  return {'stale'}
end
if rev ~= cmd.rev then return {'conflict'} end
if now > cmd.by then return {'late'} end
for _, route in ipairs(cmd.hold) do
  local holder = redis.call('HGET', KEYS.open, route)
  if holder and holder ~= cmd.id then return {'open', holder} end
end
local beside = {}
if cmd.moved then beside = redis.call('SMEMBERS', KEYS.beside) end
-- A record that is gone is not begun anew.
local origin = cmd.origin ~= '' and redis.call('HGET', KEYS.origin, 'rev')
local place, old = 0, {}
if cmd.created > 0 then place, old = asked_by({now = now, limits = cmd.limits}) end
if place > 0 then return {'limit', place} end

check_work()
check_append()
redis.call('HDEL', KEYS.record, '')
redis.call('HSET', KEYS.record, '', '')
redis.call('HDEL', KEYS.record, '')
if origin then
  redis.call('HDEL', KEYS.origin, '')
  redis.call('HSET', KEYS.origin, '', '')
  redis.call('HDEL', KEYS.origin, '')
end
if #cmd.hold + #cmd.free > 0 then
  redis.call('HDEL', KEYS.open, '')
  redis.call('HSET', KEYS.open, '', '')
  redis.call('HDEL', KEYS.open, '')
end
redis.call('SREM', KEYS.beside, '')
if cmd.open then
  redis.call('SADD', KEYS.beside, '')
  redis.call('SREM', KEYS.beside, '')
end
redis.call('SREM', KEYS.unsigned, '')
if cmd.unsigned then
  redis.call('SADD', KEYS.unsigned, '')
  redis.call('SREM', KEYS.unsigned, '')
end
if cmd.queue ~= '' then
  redis.call('LRANGE', KEYS.queue, 0, 0)
  redis.call('LREM', KEYS.queue, 0, '')
end
if cmd.queue == 'join' then
  redis.call('RPUSH', KEYS.queue, '')
  redis.call('LREM', KEYS.queue, 0, '')
end
if cmd.created > 0 then
  redis.call('ZADD', KEYS.index, 'XX', 0, '')
  redis.call('ZREMRANGEBYSCORE', KEYS.index, '+inf', '-inf')
  redis.call('ZADD', KEYS.asked, 'XX', 0, '')
  redis.call('ZREM', KEYS.asked, '')
end
-- An open record never bears a time to live: only what has ended is given one, and it stays ended.
if cmd.retain > 0 and redis.call('TTL', KEYS.record) < 0 then
  redis.call('EXPIRE', KEYS.record, cmd.retain)
end

-- Where nobody looks at an App Home, only who opens theirs has to find it changed.
local viewed = redis.call('ZCARD', KEYS.viewers) > 0
local changes = tonumber(redis.call('GET', KEYS.changes) or '0') or 0

-- From here nothing can fail. The audit is first all the same: nothing happens unseen.
local audit = redis.call('HGET', KEYS.record, 'audit') or ''
for _, event in ipairs(cmd.events) do audit = append(cmd.id, event[1], event[2]) end
redis.call('HSET', KEYS.record, 'data', cmd.data, 'seal', cmd.seal, 'state', cmd.state,
           'rev', cmd.next, 'audit', audit,
           'writes', string.sub(cmd.write .. ' ' .. writes, 1, 200))
if cmd.created > 0 then
  redis.call('ZADD', KEYS.index, cmd.created, cmd.id)
  redis.call('ZREMRANGEBYSCORE', KEYS.index, '-inf', cmd.created - cmd.remember)
  for _, entry in ipairs(old) do redis.call('ZREM', KEYS.asked, entry) end
  redis.call('ZADD', KEYS.asked, cmd.created, cmd.asked)
end
for _, route in ipairs(cmd.hold) do redis.call('HSET', KEYS.open, route, cmd.id) end
for _, route in ipairs(cmd.free) do
  if redis.call('HGET', KEYS.open, route) == cmd.id then redis.call('HDEL', KEYS.open, route) end
end
if cmd.queue == 'join' then
  redis.call('LREM', KEYS.queue, 0, cmd.id)
  redis.call('RPUSH', KEYS.queue, cmd.id)
elseif cmd.queue == 'leave' and redis.call('LREM', KEYS.queue, 0, cmd.id) > 0 then
  for place, id in ipairs(redis.call('LRANGE', KEYS.queue, 0, -1)) do
    if place == 1 then wake('run:' .. id, now) end
    wake('tell:' .. id, now)
  end
end
if cmd.open then redis.call('SADD', KEYS.beside, cmd.id)
else redis.call('SREM', KEYS.beside, cmd.id) end
if cmd.unsigned then redis.call('SADD', KEYS.unsigned, cmd.id)
else redis.call('SREM', KEYS.unsigned, cmd.id) end
if origin then
  local known = redis.call('HGET', KEYS.origin, 'rollbacks') or ''
  if not string.find(known, cmd.id, 1, true) then
    redis.call('HSET', KEYS.origin, 'rollbacks', string.sub(cmd.id .. ' ' .. known, 1, 200))
  end
  wake('tell:' .. cmd.origin, now)
end
for _, id in ipairs(beside) do
  if id ~= cmd.id then
    wake('tell:' .. id, now, cmd.soon)
    wake('dm:' .. id, now, cmd.soon)
  end
end
for _, item in ipairs(cmd.wake) do wake(item, now) end
for _, item in ipairs(cmd.shown) do
  if item == cmd.everybody and not viewed then redis.call('SET', KEYS.changes, changes + 1)
  elseif cmd.after > 0 then wake(item, now, cmd.after)
  else wake(item, now) end
end
return {'ok'}
""",
    keys=(
        *("due", "claims", "audit", "audit_head"),
        *("record", "origin", "open", "queue", "beside", "index", "unsigned", "asked"),
        *("viewers", "changes"),
    ),
    args=("now", "command"),
)

_REJOIN = Script(
    """
local state = redis.call('HGET', KEYS.record, 'state')
if state ~= 'approved' and state ~= 'executing' then return 0 end
if redis.call('LPOS', KEYS.queue, ARGV.id) then return 0 end
redis.call('LPUSH', KEYS.queue, ARGV.id)
return 1
""",
    keys=("record", "queue"),
    args=("id",),
)


class AlreadyOpen(BotError):
    """Another request that is still open holds one of these routes; `request_id` names it."""

    def __init__(self, request_id: str) -> None:
        """Name the request that leads."""
        super().__init__(request_id)
        self.request_id = request_id


class OutOfTime(BotError):
    """The time by which a change was to be made was over when it came to be written."""


Change = Callable[[Request], Request]
"""A transition: a pure function from the record as it is to the record as it should be.
Returning the same object means: nothing to do. It may be called again after a conflict."""


class Requests(Records):
    """Deletion requests and what follows from their state: open routes, queues, the audit."""

    def __init__(
        self,
        database: Database,
        retention: int = RETENTION_SECONDS,
        replicas: Replicas | None = None,
        seals: Seals | None = None,
    ) -> None:
        """Keep them in `database`, finished ones for `retention` seconds from their end.

        What happens to one afterwards, a reminder for example, does not make it stay longer.
        `seals` seal the records; without them nothing is sealed.
        """
        super().__init__(database)
        self._replicas = replicas or Replicas(database)
        self._seals = seals or Seals()
        self.retention = retention

    async def create(
        self, request: Request, limits: Sequence[Limit] = (), *, by: float = inf
    ) -> Request:
        """Store a new request; one that was stored before is returned as it is now.

        Raises:
            AlreadyOpen: an open request holds one of its routes.
            OutOfTime: it is later than `by`.
            Refused: it would be one too many.
        """
        seal = self._seals.of(request)
        if not await self._commit(None, request, 0, limits=limits, seal=seal, by=by):
            stored = await self.get(request.id)
            if stored is None:
                raise StoreError(f"request {request.id} was changed and is gone")
            return stored.request
        return request

    async def update(  # noqa: PLR0913 - a change, and under which conditions
        self,
        request_id: str,
        change: Change,
        *,
        claim: Claim | None = None,
        sealed: bool = False,
        known: Stored | None = None,
        by: float = inf,
    ) -> Request | None:
        """Apply a transition atomically; None when there is no such request.

        With a `claim`, only as long as that claim is the newest one; with `sealed`, only if the
        record bears our seal. What does not bear it never gets it by a change: what somebody else
        has written stays theirs. `known`: what was read of it just now; where that is not what is
        stored any more, by its revision, it is read anew.

        Raises:
            SealBroken: it does not, and should.
            StaleFence: a newer claim exists.
            OutOfTime: it is later than `by`.
        """
        if claim is not None:
            known = self._in_steps.pop(claim.fence, None)
        for _ in range(_CONFLICTS):
            stored, known = known or await self.get(request_id), None
            if stored is None:
                return None
            wrong = self._seals.wrong(stored.request, stored.seal)
            if wrong and sealed:
                raise SealBroken(wrong)
            new = change(stored.request)
            seal = self._seals.of(new) if self._seals.on and not wrong else stored.seal
            if new is stored.request:
                left = stored
            elif rev := await self._commit(
                stored.request, new, stored.rev, claim=claim, seal=seal, by=by
            ):
                left = Stored(new, rev, seal=seal)
            else:
                continue
            if claim is not None:
                self._remember(claim, left)
            return new
        raise StoreError(f"request {request_id} changes too often to be written")

    async def check_limits(self, limits: Sequence[Limit]) -> None:
        """Return if one more may be made by now; `create` counts once more, atomically.

        Raises:
            Refused: it would be one too many.
        """
        if not limits:
            return
        reply = await self._db.run(ROOM, (OPEN, ASKED), self._db.fixed_now, encoded(limits))
        if int(reply) > 0:
            raise over(limits[int(reply) - 1])

    async def seals_broken(self) -> tuple[list[str], int]:
        """The open requests that do not bear our seal, and how many there are to be looked at."""
        found = (await self.many(await self.open_ids())).stored
        return [s.request.id for s in found if self._seals.wrong(s.request, s.seal)], len(found)

    async def holders(self, request: Request) -> list[Request]:
        """The open requests, other than `request`, that hold one of its routes.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote one of them.
        """
        fields = [_route_field(request, r.route) for r in request.routes]
        held = await self._db.command("HMGET", OPEN, *fields)
        found = [await self.get(str(one)) for one in dict.fromkeys(held) if one]
        return [s.request for s in found if s is not None and s.request.id != request.id]

    async def forget_unsigned(self, request_id: str) -> None:
        """No longer wait for a countersignature of a request whose record is gone."""
        await self._db.command("SREM", UNSIGNED, request_id)

    async def secured(self, known: Request) -> None:
        """Wait until all that was recorded of a request is on as many replicas as is asked for.

        Before anything is done or said that can't be taken back: a failover must not forget it.

        Raises:
            StoreUnavailable: it did not come to be in time.
            StoreWentBack: a failover has forgotten it.
        """
        found = decoded(known.id, await self._replicas.reached(*self.reading(known.id)))
        timeline = found.request.timeline if found is not None else ()
        if timeline[: len(known.timeline)] != known.timeline:
            raise StoreWentBack(f"a failover has forgotten what was recorded of {known.id}")

    async def rejoin(self, request: Request) -> None:
        """Put a request that holds its connection back at the head of the queue.

        One that has ended meanwhile, because somebody stopped it, would stay there for ever.
        """
        keys = (key("request", request.id), connection_keys(request).queue)
        await self._db.run(_REJOIN, keys, request.id)

    async def _commit(  # noqa: PLR0913 - what changes, and under which conditions
        self,
        old: Request | None,
        new: Request,
        rev: int,
        *,
        claim: Claim | None = None,
        limits: Sequence[Limit] = (),
        seal: str,
        by: float = inf,
    ) -> int:
        """Returns the revision that the record has then; 0: somebody else has changed it."""
        following = rev + 1 + secrets.randbelow(_STRIDE)
        routes = [_route_field(new, r.route) for r in new.routes]
        ended = not new.state.open
        happened = new.timeline[len(old.timeline) if old else 0 :]
        moved = old is None or old.state is not new.state
        # A worker need not wake itself: it says when to look again as it ends its step.
        woken = [] if claim is not None else [f"run:{new.id}"]
        shown = list(_shown(old, new))
        approved = old is not None and moved and new.state is RequestState.APPROVED
        after = _AFTER_SEND if approved else 0.0
        command = {
            "moved": moved,
            "open": new.state.open,
            "origin": new.origin if moved else "",
            "created": new.created_at if old is None else 0,
            "remember": self.retention + _LONGEST_OPEN,
            "write": secrets.token_hex(8),
            "rev": rev,
            "next": following,
            "by": min(by, LATEST),
            "id": new.id,
            "item": claim.item if claim else "",
            "fence": claim.fence if claim else "",
            "data": msgspec.json.encode(new).decode(),
            "state": str(new.state),
            "seal": seal,
            "retain": self.retention if ended else 0,
            "events": [_audited(new.id, event) for event in happened],
            "hold": routes if old is None else [],
            "free": routes if ended else [],
            "limits": [*map(asdict, limits)],
            "asked": entry(new.id, asking(new)) if old is None else "",
            "queue": _queue_move(old, new),
            "unsigned": new.unsigned,
            "wake": woken,
            "shown": shown,
            "after": after,
            "soon": _SOON,
            "everybody": EVERYBODY,
        }
        self._db.in_hand.knows(new.id, connection := connection_keys(new))
        record = key("request", new.id)
        origin = key("request", new.origin)
        named = (record, origin, OPEN, *connection, INDEX, UNSIGNED, ASKED, VIEWERS, CHANGES)
        keys = (DUE, CLAIMS, AUDIT, AUDIT_HEAD, *named)
        reply = await self._db.run(
            _COMMIT, keys, self._db.fixed_now, msgspec.json.encode(command).decode()
        )
        match reply[0]:
            case "ok":
                count(old, new, happened)
                self._db.in_hand.expect(woken)
                self._db.in_hand.expect(shown, self._db.about_now() + after if after else 0.0)
                self._db.woken()
                return following
            case "open":
                raise AlreadyOpen(str(reply[1]))
            case "limit":
                raise over(limits[int(reply[1]) - 1])
            case "late":
                raise OutOfTime(new.id)
            case "stale":
                raise StaleFence(f"run:{new.id}")
            case "gone":
                raise RecordLost(f"the record of {new.id} is gone")
            case _:
                return 0


def _shown(old: Request | None, new: Request) -> Iterator[str]:
    """Who has something to show, where a step of the request's own, or somebody, changed it."""
    moved = old is None or old.state is not new.state
    progressing = new.state in (RequestState.APPROVED, RequestState.EXECUTING)
    # Of a poll that shows nothing new, the card's bar hears by itself.
    if moved or not progressing or old is None or len(new.timeline) > len(old.timeline):
        yield f"tell:{new.id}"
    if moved and new.state is not RequestState.EXECUTING:
        yield f"follow:{new.id}"
    if old is None or _at_home(old) != _at_home(new):
        yield EVERYBODY
    if new.unsigned if old is None else _answered(old, new):
        yield f"dm:{new.id}"


def _audited(request_id: str, event: Event) -> tuple[str, str]:
    body = msgspec.json.encode(event).decode()
    return body, digest(request_id, body)


def _at_home(request: Request) -> tuple[object, ...]:
    """What of a request all App Homes show."""
    return request.state, request.decisions, request.degraded, request.waiting


def _answered(old: Request, new: Request) -> bool:
    """Whether direct messages may have to say something else, or to be forgotten in time."""
    ended = old.state.open and not new.state.open
    decided = old.state is RequestState.PENDING or old.unsigned != new.unsigned
    return decided or ended or old.held_up != new.held_up


def _queue_move(old: Request | None, new: Request) -> str:
    if new.state is RequestState.APPROVED and (old is None or old.state is not new.state):
        return "join"
    return "" if new.state.open else "leave"


def _route_field(request: Request, route: VcoRoute) -> str:
    parts = (request.region, route.vpn_connection_id, route.route_dest, route.next_hop)
    return "|".join((*parts, str(route.weight)))
