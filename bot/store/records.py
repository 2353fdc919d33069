"""How requests are read: one record, many in few round trips, and which there are."""

import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from bot.errors import Unreadable
from bot.models import Request
from bot.store.client import Database, Script, key
from bot.store.reading import FIELDS, connection_keys
from bot.store.turn import Claim

OPEN = key("open")
"""Which request holds which route, as long as the request is open."""

UNSIGNED = key("unsigned")
"""Who broke the glass and was not countersigned: ids of requests."""

INDEX = key("index")
"""All requests by the time when they were made."""

_STEPS = 128
"""Of how many steps it is remembered what they have read: more than run at once."""

AT_ONCE = 50
"""How many records one round trip reads: long ones come to half a megabyte."""

LATEST = 10**11
"""Seconds since the epoch, in the year 5138: what comes later is no time."""

_ONE = "redis.call('HMGET', KEYS[{}], 'data', 'rev', 'audit', 'seal', 'rollbacks')"
_READ = Script(f"return {{ {', '.join(map(_ONE.format, range(1, AT_ONCE + 1)))} }}")
"""Lua: spelled out record by record, because Tair demands literal `KEYS[i]`."""


class Stored(NamedTuple):
    """A request as it was read, and the revision that a change must name.

    `audit` is the number and the link of its latest entry in the audit; `seal` the one it bears.
    `rollbacks` are the ids of the requests that took it back, or were to, the newest first.
    """

    request: Request
    rev: int
    audit: str = ""
    seal: str = ""
    rollbacks: tuple[str, ...] = ()


class Reading(NamedTuple):
    """The requests that were read, in the order asked for, and the ids of unreadable ones."""

    stored: list[Stored]
    unreadable: list[str]


def decoded(request_id: str, fields: Sequence[object]) -> Stored | None:
    """A request from the fields of its record, None when there is none (any more).

    Raises:
        Unreadable: a newer version, or somebody's editor, wrote it.
    """
    data, rev, audit, seal, rollbacks = fields
    if data is None:
        return None
    try:
        request = msgspec.json.decode(_plain(str(data)), type=Request)
        _check(request)
        back = tuple(str(rollbacks or "").split())
        return Stored(request, int(str(rev)), str(audit or ""), str(seal or ""), back)
    except (msgspec.DecodeError, ValueError, zlib.error) as error:
        raise Unreadable(f"request {request_id} can't be read by this version") from error


def is_packed(data: str) -> bool:
    """Whether a record is packed (see `packing`), not plain JSON, which begins with a brace."""
    return data.startswith("x")


def _plain(data: str) -> str | bytes:
    return zlib.decompress(data.encode(errors="surrogateescape")) if is_packed(data) else data


def _check(request: Request) -> None:
    """What everybody who reads a request may rely on, beyond the types of its fields.

    Raises:
        ValueError: it is not so.
    """
    seen = request.snapshot
    if not request.routes or not len(request.routes) == len(seen.targets) == len(seen.impacts):
        raise ValueError("its routes are not those that were shown")
    times = (request.created_at, request.expires_at, request.ended_at, seen.taken_at)
    happened = [event.at for event in request.timeline]
    decided = [decision.at for decision in request.decisions]
    if not all(0 <= at < LATEST for at in (*times, *happened, *decided)):
        raise ValueError("it has a time that is none")


async def read(database: Database, ids: Sequence[str]) -> Reading:
    """Those of these requests that there are (still)."""
    reading = Reading([], [])
    for start in range(0, len(ids), AT_ONCE):
        page = ids[start : start + AT_ONCE]
        keys = [key("request", one) for one in page]
        padding = [key("request", "")] * (AT_ONCE - len(page))
        replies = await database.run(_READ, keys + padding)
        for one, fields in zip(page, replies, strict=False):
            _sort(reading, one, fields)
    return reading


def _sort(reading: Reading, request_id: str, fields: Sequence[object]) -> None:
    try:
        stored = decoded(request_id, fields)
    except Unreadable:
        reading.unreadable.append(request_id)
    else:
        if stored is not None:
            reading.stored.append(stored)


class Records:
    """Reads requests: nothing is changed from here."""

    def __init__(self, database: Database) -> None:
        """Read from `database`."""
        self._db = database
        self._in_steps: dict[str, Stored] = {}

    async def get(self, request_id: str, *, claim: Claim | None = None) -> Stored | None:
        """Read a request, None when there is none (any more).

        With a `claim`, its changes start from what is read here: a change that somebody else has
        made since is found by the revision, and then the record is read again.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        fields = self._db.in_hand.brought(claim.fence, "record") if claim else None
        if fields is None:
            fields = await self._db.command(*self.reading(request_id))
        return self.read(request_id, fields, claim)

    def read(
        self, request_id: str, fields: Sequence[object], claim: Claim | None = None
    ) -> Stored | None:
        """A request from what was read of it; as `get` does otherwise."""
        stored = decoded(request_id, fields)
        if stored is not None:
            self._db.in_hand.knows(request_id, connection_keys(stored.request))
            if claim is not None:
                self._remember(claim, stored)
        return stored

    def reading(self, request_id: str) -> Sequence[str]:
        """The command that reads a request."""
        return "HMGET", key("request", request_id), *FIELDS

    async def many(self, ids: Sequence[str]) -> Reading:
        """Read several requests in few round trips; those that are gone are left out."""
        return await read(self._db, ids)

    async def open_ids(self) -> list[str]:
        """The ids of all requests that are pending, approved or executing, sorted."""
        return sorted(set(map(str, await self._db.command("HVALS", OPEN))))

    async def beside(self, request: Request, claim: Claim | None = None) -> list[str]:
        """The ids of the other open requests on the same connection, sorted."""
        found = self._db.in_hand.brought(claim.fence, "beside") if claim else None
        if found is None:
            found = await self._db.command("SMEMBERS", connection_keys(request).beside)
        return sorted(set(map(str, found)) - {request.id})

    async def not_beside(self, request: Request, gone: Sequence[str]) -> None:
        """Forget of a connection what is not open any more: another version has ended it."""
        await self._db.command("SREM", connection_keys(request).beside, *gone)

    async def stand_beside(self, requests: Iterable[Request]) -> None:
        """Note which open requests are about a connection.

        A version that does not know of this may have begun them, or it was lost.
        """
        beside: dict[str, list[str]] = {}
        for request in requests:
            if request.state.open:
                beside.setdefault(connection_keys(request).beside, []).append(request.id)
        for name, ids in beside.items():
            await self._db.command("SADD", name, *ids)

    async def any_ever(self) -> bool:
        """Whether there are, or were, any requests here."""
        return bool(int(await self._db.command("EXISTS", OPEN, UNSIGNED, INDEX)))

    async def unsigned_ids(self) -> list[str]:
        """The ids of the requests that broke the glass and nobody has countersigned, sorted."""
        return sorted(map(str, await self._db.command("SMEMBERS", UNSIGNED)))

    async def latest_ids(self, most: int, *, skip: int = 0, since: float = 0.0) -> list[str]:
        """The ids of the newest requests, open or finished, newest first, from `since` on."""
        window = ("+inf", since, "LIMIT", skip, most)
        found = await self._db.command("ZREVRANGEBYSCORE", INDEX, *window)
        return list(map(str, found))

    async def position(self, request: Request, claim: Claim | None = None) -> int | None:
        """How many requests are ahead in the queue of the connection; 0 at its head.

        None: it is not in the queue, so its turn does not come.
        """
        reply = self._db.in_hand.brought(claim.fence, "position") if claim else None
        if reply is None:
            reply = await self._db.command("LPOS", connection_keys(request).queue, request.id)
        return None if reply is None else int(reply)

    def _remember(self, claim: Claim, stored: Stored) -> None:
        self._in_steps[claim.fence] = stored
        if len(self._in_steps) > _STEPS:
            del self._in_steps[next(iter(self._in_steps))]
