"""How requests are read: one record, or many in few round trips."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bot.errors import Unreadable
from bot.models import Request
from bot.store.client import Database, Script, key

FIELDS = ("data", "rev", "audit", "seal", "rollbacks")

AT_ONCE = 50
"""How many records one round trip reads: long ones come to half a megabyte."""

_LATEST = 10**11
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
        request = msgspec.json.decode(str(data), type=Request)
        _check(request)
        back = tuple(str(rollbacks or "").split())
        return Stored(request, int(str(rev)), str(audit or ""), str(seal or ""), back)
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(f"request {request_id} can't be read by this version") from error


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
    if not all(0 <= at < _LATEST for at in (*times, *happened, *decided)):
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
