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

import msgspec
from msgspec.structs import asdict

from bot.errors import BotError, RecordLost, SealBroken, StaleFence, StoreError, StoreWentBack
from bot.models import Event, Request, RequestState, VcoRoute
from bot.policy.limits import Limit, asking, over
from bot.store.audit import APPEND, AUDIT, AUDIT_HEAD, digest
from bot.store.client import CHECK_WORK, CLAIMS, DUE, NOW, WAKE, Database, Script, key
from bot.store.counting import count
from bot.store.limits import ASKED, OVER_LIMIT, ROOM, encoded, entry
from bot.store.records import FIELDS, Reading, Stored, decoded, read
from bot.store.replicas import Replicas
from bot.store.seal import Seals
from bot.store.viewers import EVERYBODY
from bot.store.work import Claim

RETENTION_SECONDS = 90 * 24 * 3600
"""For how long a finished request is kept, unless the settings say otherwise."""

OPEN = key("open")
"""Which request holds which route, as long as the request is open."""

UNSIGNED = key("unsigned")
"""Who broke the glass and was not countersigned: ids of requests."""

INDEX = key("index")
"""All requests by the time when they were made."""

_LONGEST_OPEN = 7 * 24 * 3600
"""More than any request stays open: its place in the index outlasts its record."""

_STEPS = 64
"""Of how many steps it is remembered what they have read: more than run at once."""

_CONFLICTS = 50
"""How often a change is tried again after somebody else's; more means a fault of ours."""

BESIDE = """
local function others(beside, mine)
  local found, open = {}, redis.call('HGETALL', KEYS.open)
  for i = 1, #open, 2 do
    if string.sub(open[i], 1, #beside) == beside and open[i + 1] ~= mine then
      found[open[i + 1]] = true
    end
  end
  return found
end
"""
"""Lua: the other requests that hold a route whose name begins so, as all on one connection do."""

_COMMIT = Script(
    NOW
    + WAKE
    + BESIDE
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
for _, route in ipairs(cmd.hold) do
  local holder = redis.call('HGET', KEYS.open, route)
  if holder and holder ~= cmd.id then return {'open', holder} end
end
local beside = {}
if cmd.beside ~= '' then beside = others(cmd.beside, cmd.id) end
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

-- From here nothing can fail. The audit is first all the same: nothing happens unseen.
local audit = redis.call('HGET', KEYS.record, 'audit') or ''
for _, event in ipairs(cmd.events) do audit = append(cmd.id, event[1], event[2]) end
redis.call('HSET', KEYS.record, 'data', cmd.data, 'seal', cmd.seal, 'state', cmd.state,
           'rev', rev + 1, 'writes', string.sub(cmd.write .. ' ' .. writes, 1, 200), 'audit', audit)
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
if cmd.unsigned then redis.call('SADD', KEYS.unsigned, cmd.id)
else redis.call('SREM', KEYS.unsigned, cmd.id) end
if origin then
  local known = redis.call('HGET', KEYS.origin, 'rollbacks') or ''
  if not string.find(known, cmd.id, 1, true) then
    redis.call('HSET', KEYS.origin, 'rollbacks', string.sub(cmd.id .. ' ' .. known, 1, 200))
  end
  wake('tell:' .. cmd.origin, now)
end
for id in pairs(beside) do
  wake('tell:' .. id, now)
  wake('dm:' .. id, now)
end
for _, item in ipairs(cmd.wake) do wake(item, now) end
return {'ok'}
""",
    keys=(
        *("due", "claims", "audit", "audit_head"),
        *("record", "origin", "open", "queue", "index", "unsigned", "asked"),
    ),
    args=("now", "command"),
)

_BESIDE = Script(
    BESIDE
    + """
local found = {}
for id in pairs(others(ARGV.beside, ARGV.id)) do found[#found + 1] = id end
return found
""",
    keys=("open",),
    args=("beside", "id"),
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


Change = Callable[[Request], Request]
"""A transition: a pure function from the record as it is to the record as it should be.
Returning the same object means: nothing to do. It may be called again after a conflict."""


class Requests:
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
        self._db = database
        self._replicas = replicas or Replicas(database)
        self._seals = seals or Seals()
        self._in_steps: dict[str, Stored] = {}
        self.retention = retention

    async def get(self, request_id: str, *, claim: Claim | None = None) -> Stored | None:
        """Read a request, None when there is none (any more).

        With a `claim`, its changes start from what is read here: a change that somebody else has
        made since is found by the revision, and then the record is read again.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        fields = await self._db.command(*self.reading(request_id))
        stored = decoded(request_id, fields)
        if claim is not None and stored is not None:
            self._remember(claim, stored)
        return stored

    def reading(self, request_id: str) -> Sequence[str]:
        """The command that reads a request."""
        return "HMGET", key("request", request_id), *FIELDS

    async def many(self, ids: Sequence[str]) -> Reading:
        """Read several requests in few round trips; those that are gone are left out."""
        return await read(self._db, ids)

    async def create(self, request: Request, limits: Sequence[Limit] = ()) -> Request:
        """Store a new request; one that was stored before is returned as it is now.

        Raises:
            AlreadyOpen: an open request holds one of its routes.
            Refused: it would be one too many.
        """
        seal = self._seals.of(request)
        if not await self._commit(None, request, 0, limits=limits, seal=seal):
            stored = await self.get(request.id)
            if stored is None:
                raise StoreError(f"request {request.id} was changed and is gone")
            return stored.request
        return request

    async def update(
        self,
        request_id: str,
        change: Change,
        *,
        claim: Claim | None = None,
        sealed: bool = False,
    ) -> Request | None:
        """Apply a transition atomically; None when there is no such request.

        With a `claim`, only as long as that claim is the newest one; with `sealed`, only if the
        record bears our seal. What does not bear it never gets it by a change: what somebody else
        has written stays theirs.

        Raises:
            SealBroken: it does not, and should.
            StaleFence: a newer claim exists.
        """
        known = self._in_steps.pop(claim.fence, None) if claim else None
        if sealed:
            # It is about to be sent: nothing but the record of now will do.
            known = None
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
            elif await self._commit(stored.request, new, stored.rev, claim=claim, seal=seal):
                left = Stored(new, stored.rev + 1, seal=seal)
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
        reply = await self._db.run(ROOM, (OPEN, ASKED), self._db.fixed_now, encoded(limits))
        if int(reply) > 0:
            raise over(limits[int(reply) - 1])

    def _remember(self, claim: Claim, stored: Stored) -> None:
        self._in_steps[claim.fence] = stored
        if len(self._in_steps) > _STEPS:
            del self._in_steps[next(iter(self._in_steps))]

    async def open_ids(self) -> list[str]:
        """The ids of all requests that are pending, approved or executing, sorted."""
        return sorted(set(map(str, await self._db.command("HVALS", OPEN))))

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

    async def beside(self, request: Request) -> list[str]:
        """The ids of the other open requests on the same connection, sorted."""
        found = await self._db.run(_BESIDE, (OPEN,), _holds(request), request.id)
        return sorted(map(str, found))

    async def any_ever(self) -> bool:
        """Whether there are, or were, any requests here."""
        return bool(int(await self._db.command("EXISTS", OPEN, UNSIGNED, INDEX)))

    async def unsigned_ids(self) -> list[str]:
        """The ids of the requests that broke the glass and nobody has countersigned, sorted."""
        return sorted(map(str, await self._db.command("SMEMBERS", UNSIGNED)))

    async def forget_unsigned(self, request_id: str) -> None:
        """No longer wait for a countersignature of a request whose record is gone."""
        await self._db.command("SREM", UNSIGNED, request_id)

    async def latest_ids(self, most: int, *, skip: int = 0, since: float = 0.0) -> list[str]:
        """The ids of the newest requests, open or finished, newest first, from `since` on."""
        window = ("+inf", since, "LIMIT", skip, most)
        found = await self._db.command("ZREVRANGEBYSCORE", INDEX, *window)
        return list(map(str, found))

    async def position(self, request: Request) -> int | None:
        """How many requests are ahead in the queue of the connection; 0 at its head.

        None: it is not in the queue, so its turn does not come.
        """
        reply = await self._db.command("LPOS", _queue(request), request.id)
        return None if reply is None else int(reply)

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
        keys = (key("request", request.id), _queue(request))
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
    ) -> bool:
        routes = [_route_field(new, r.route) for r in new.routes]
        ended = not new.state.open
        happened = new.timeline[len(old.timeline) if old else 0 :]
        moved = old is None or old.state is not new.state
        command = {
            "beside": _holds(new) if moved else "",
            "origin": new.origin if moved else "",
            "created": new.created_at if old is None else 0,
            "remember": self.retention + _LONGEST_OPEN,
            "write": secrets.token_hex(8),
            "rev": rev,
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
            # A worker need not wake itself: it says when to look again as it ends its step.
            "wake": list(_woken(old, new, step=claim is not None)),
        }
        record = key("request", new.id)
        origin = key("request", new.origin)
        named = (record, origin, OPEN, _queue(new), INDEX, UNSIGNED, ASKED)
        keys = (DUE, CLAIMS, AUDIT, AUDIT_HEAD, *named)
        reply = await self._db.run(
            _COMMIT, keys, self._db.fixed_now, msgspec.json.encode(command).decode()
        )
        match reply[0]:
            case "ok":
                count(old, new, happened)
                self._db.woken()
                return True
            case "open":
                raise AlreadyOpen(str(reply[1]))
            case "limit":
                raise over(limits[int(reply[1]) - 1])
            case "stale":
                raise StaleFence(f"run:{new.id}")
            case "gone":
                raise RecordLost(f"the record of {new.id} is gone")
            case _:
                return False


def _woken(old: Request | None, new: Request, *, step: bool) -> Iterator[str]:
    """Who has something to do now, where a step of the request's own, or somebody, changed it."""
    if not step:
        yield f"run:{new.id}"
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


def _queue(request: Request) -> str:
    return key("queue", request.region, request.vpn_connection_id)


def _queue_move(old: Request | None, new: Request) -> str:
    if new.state is RequestState.APPROVED and (old is None or old.state is not new.state):
        return "join"
    return "" if new.state.open else "leave"


def _holds(request: Request) -> str:
    """How the names of all routes on a request's connection begin."""
    return f"{request.region}|{request.vpn_connection_id}|"


def _route_field(request: Request, route: VcoRoute) -> str:
    parts = (request.region, route.vpn_connection_id, route.route_dest, route.next_hop)
    return "|".join((*parts, str(route.weight)))
