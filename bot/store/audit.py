"""The audit: an append-only record of what happened, each entry chained to the one before.

An entry's *link* is the SHA-1 of the link before it and the SHA-256 of its own content. The
server computes links as it appends (SHA-1 is the hash its scripts have); the SHA-256 comes
with the content. To change, drop or insert an entry unseen, somebody would have to find a
second preimage or write every later link anew; and then the head, which every verification
prints and which is worth noting elsewhere, is no longer what it was.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import msgspec

from bot.errors import Unreadable
from bot.models import Event
from bot.store.client import CLAIMS, DUE, Database, Script, key

AUDIT = key("audit")
AUDIT_HEAD = key("audit-head")

STORE = "(database)"
"""Whose entries are about the database itself, in the place of a request's id."""

_EMPTY = "there is no entry; if there ever was one, all of it is lost"

_PAGE = 500
_CAUSE_SECONDS = 3600

APPEND = """
local function append(request, body, digest)
  local head = redis.call('GET', KEYS[4]) or '0 '
  local count, link = string.match(head, '^(%d+) (%x*)$')
  count, link = tonumber(count) + 1, redis.sha1hex(link .. digest)
  redis.call('XADD', KEYS[3], '*', 'request', request, 'event', body, 'link', link)
  redis.call('SET', KEYS[4], count .. ' ' .. link)
  return count .. ' ' .. link
end
local function check_append()
  redis.call('SET', KEYS[4], redis.call('GET', KEYS[4]) or '', 'XX')
end
"""
"""Lua: append one entry; returns its number and link. KEYS[3] is the stream, KEYS[4] its head.

`check_append` fails if the head can't be written. The stream can't be tried without an entry, so
an entry is the first thing that a script writes."""


class Entry(NamedTuple):
    """One entry as it is stored; `body` is the event's JSON."""

    request: str
    body: str
    link: str

    @property
    def event(self) -> Event:
        """What happened.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        try:
            return msgspec.json.decode(self.body, type=Event)
        except (msgspec.DecodeError, ValueError) as error:
            raise Unreadable(f"an audit entry of {self.request} can't be read") from error


class Verification(NamedTuple):
    """How many entries were found whole, the last link, and what is wrong, if anything."""

    entries: int
    head: str
    problem: str = ""


def digest(request: str, body: str) -> str:
    """The SHA-256 of an entry's content."""
    return hashlib.sha256(f"{request}\n{body}".encode(errors="surrogateescape")).hexdigest()


def link(before: str, request: str, body: str) -> str:
    """The link of an entry that follows `before` (empty for the first)."""
    return hashlib.sha1(
        (before + digest(request, body)).encode(), usedforsecurity=False
    ).hexdigest()


def verify(entries: Iterable[Entry], head: str) -> Verification:
    """Recompute the chain; `head` is `<count> <link>` as the store keeps it."""
    before, count = "", 0
    for count, entry in enumerate(entries, start=1):
        expected = link(before, entry.request, entry.body)
        if entry.link != expected:
            problem = f"entry {count} ({entry.request}) is not the one that was recorded there"
            return Verification(count, before, problem)
        before = entry.link
    if head != (f"{count} {before}" if count else ""):
        known = head.partition(" ")[0] or "0"
        return Verification(count, before, f"{known} entries were recorded, {count} are there")
    return Verification(count, before)


_APPEND_ONE = Script(
    APPEND
    + """
if redis.call('EXISTS', KEYS[5]) == 1 then return 0 end
redis.call('SET', KEYS[5], '1', 'XX')
check_append()
append(ARGV[1], ARGV[2], ARGV[3])
redis.call('SET', KEYS[5], '1', 'EX', ARGV[4])
return 1
"""
)


class Audit:
    """Reads the audit, and appends what changes no request, such as a refused click."""

    def __init__(self, database: Database) -> None:
        """Keep it in `database`."""
        self._db = database

    async def append(self, request_id: str, event: Event, *, cause: str = "") -> None:
        """Record an event: once, however often it is asked for by the same `cause`."""
        body = msgspec.json.encode(event).decode()
        write = key("audit-write", cause or secrets.token_hex(8))
        keys = (DUE, CLAIMS, AUDIT, AUDIT_HEAD, write)
        content = (request_id, body, digest(request_id, body))
        await self._db.run(_APPEND_ONE, keys, *content, _CAUSE_SECONDS)

    async def entries(self) -> AsyncIterator[Entry]:
        """All entries, oldest first."""
        after = "-"
        while True:
            page = await self._db.command("XRANGE", AUDIT, after, "+", "COUNT", _PAGE)
            for _, fields in page:
                yield _entry(fields)
            if len(page) < _PAGE:
                return
            after = f"({page[-1][0]}"

    async def events(self) -> list[tuple[str, Event]]:
        """All that happened, oldest first: request ids and events."""
        return [(entry.request, entry.event) async for entry in self.entries()]

    async def losses(self) -> list[str]:
        """What it says of itself: that entries are missing which the chain can't miss."""
        if not await self.head():
            return [_EMPTY]
        own = [entry.event async for entry in self.entries() if entry.request == STORE]
        return [event.details.get("what", "") for event in own]

    async def head(self) -> str:
        """How many entries were ever recorded, and the last link: `<count> <link>`."""
        return str(await self._db.command("GET", AUDIT_HEAD) or "")


def _entry(fields: object) -> Entry:
    if isinstance(fields, list):
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    if not isinstance(fields, dict):
        raise Unreadable("an audit entry of an unknown shape")
    return Entry(*(str(fields.get(name, "")) for name in ("request", "event", "link")))
