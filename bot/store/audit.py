"""The audit: an append-only record of what happened, each entry chained to the one before.

An entry's *link* is the SHA-1 of the link before it and the SHA-256 of its own content. The
server computes links as it appends (SHA-1 is the hash its scripts have); the SHA-256 comes
with the content. To change, drop or insert an entry unseen, somebody would have to find a
second preimage or write every later link anew; and then the head, which every verification
prints and which is worth noting elsewhere, is no longer what it was.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple

import msgspec

from bot.errors import Unreadable
from bot.models import Event
from bot.store.client import Database, Script, key

AUDIT = key("audit")
AUDIT_HEAD = key("audit-head")
AUDIT_CUT = key("audit-cut")

STORE = "(database)"
"""Whose entries are about the database itself, in the place of a request's id."""

_EMPTY = "there is no entry; if there ever was one, all of it is lost"

_PAGE = 500
_CAUSE_SECONDS = 3600

APPEND = """
local function append(request, body, digest)
  local head = redis.call('GET', KEYS.audit_head) or '0 '
  local count, link = string.match(head, '^(%d+) (%x*)$')
  count, link = tonumber(count) + 1, redis.sha1hex(link .. digest)
  redis.call('XADD', KEYS.audit, '*', 'request', request, 'event', body, 'link', link)
  redis.call('SET', KEYS.audit_head, count .. ' ' .. link)
  return count .. ' ' .. link
end
local function check_append()
  redis.call('SET', KEYS.audit_head, redis.call('GET', KEYS.audit_head) or '', 'XX')
end
"""
"""Lua: append one entry; returns its number and link. `audit` is the stream, `audit_head` its head.

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
    """How many entries there are, the last link, and what is wrong, if anything.

    Of the first `trimmed` only the number and the link at the cut are known.
    """

    entries: int
    head: str
    problem: str = ""
    trimmed: int = 0


class Cut(NamedTuple):
    """The last entry that was trimmed: its number, its link, its place in the stream."""

    number: int = 0
    link: str = ""
    place: str = ""

    def __str__(self) -> str:
        """As it is stored; empty where nothing was trimmed."""
        return f"{self.number} {self.link} {self.place}" if self.number else ""

    @classmethod
    def parse(cls, text: str) -> "Cut":
        """What was stored.

        Raises:
            Unreadable: somebody's editor wrote it.
        """
        if not text:
            return cls()
        count, _, rest = text.partition(" ")
        link, _, place = rest.partition(" ")
        if not (count.isdecimal() and link and place):
            raise Unreadable("where the audit was cut can't be read")
        return cls(int(count), link, place)


See = Callable[[str, int, Entry], object]
"""What is shown each entry as it is read: its place in the stream, its number, and itself."""


class Chain:
    """Recomputes links, entry by entry."""

    def __init__(self, after: Cut | None = None) -> None:
        """Go on after a cut."""
        self.trimmed, self.link, _ = after or Cut()
        self.count = self.trimmed

    def add(self, entry: Entry) -> str:
        """Take the next entry; returns what is wrong with it, if anything."""
        self.count += 1
        if entry.link != link(self.link, entry.request, entry.body):
            return f"entry {self.count} ({entry.request}) is not the one that was recorded there"
        self.link = entry.link
        return ""

    def found(self, problem: str = "") -> Verification:
        """What was found so far."""
        return Verification(self.count, self.link, problem, self.trimmed)

    def against(self, head: str) -> Verification:
        """What was found where nothing more is; `head` is as the store keeps it."""
        if head == (f"{self.count} {self.link}" if self.count else ""):
            return self.found()
        known = head.partition(" ")[0] or "0"
        there = self.count - self.trimmed
        trimmed = f" and {self.trimmed} were trimmed" if self.trimmed else ""
        return self.found(f"{known} entries were recorded, {there} are there{trimmed}")


def digest(request: str, body: str) -> str:
    """The SHA-256 of an entry's content."""
    return hashlib.sha256(f"{request}\n{body}".encode(errors="surrogateescape")).hexdigest()


def link(before: str, request: str, body: str) -> str:
    """The link of an entry that follows `before` (empty for the first)."""
    return hashlib.sha1(
        (before + digest(request, body)).encode(), usedforsecurity=False
    ).hexdigest()


def verify(entries: Iterable[Entry], head: str) -> Verification:
    """Recompute the chain of an audit that was never cut; `head` is as the store keeps it."""
    chain = Chain()
    for entry in entries:
        if problem := chain.add(entry):
            return chain.found(problem)
    return chain.against(head)


_TRIM = Script(
    """
local cut = redis.call('GET', KEYS.cut) or ''
if cut == ARGV.after then return 1 end
if cut ~= ARGV.before then return 0 end
if not redis.call('XRANGE', KEYS.audit, ARGV.place, ARGV.place)[1] then return 0 end
redis.call('SET', KEYS.cut, ARGV.after)
return 1
""",
    keys=("cut", "audit"),
    args=("before", "after", "place"),
)
"""Lua: move the cut. What lies before it counts as gone from then on, and is removed afterwards."""


_APPEND_ONE = Script(
    APPEND
    + """
if redis.call('EXISTS', KEYS.write) == 1 then return 0 end
redis.call('SET', KEYS.write, '1', 'XX')
check_append()
append(ARGV.request, ARGV.event, ARGV.digest)
redis.call('SET', KEYS.write, '1', 'EX', ARGV.seconds)
return 1
""",
    keys=("audit", "audit_head", "write"),
    args=("request", "event", "digest", "seconds"),
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
        keys = (AUDIT, AUDIT_HEAD, write)
        content = (request_id, body, digest(request_id, body))
        await self._db.run(_APPEND_ONE, keys, *content, _CAUSE_SECONDS)

    async def entries(self) -> AsyncIterator[Entry]:
        """All entries that were not trimmed, oldest first."""
        async for _, entry in self._placed((await self.cut()).place):
            yield entry

    async def _placed(self, place: str) -> AsyncIterator[tuple[str, Entry]]:
        """All entries after `place`, each with its own."""
        while True:
            after = f"({place}" if place else "-"
            page = await self._db.command("XRANGE", AUDIT, after, "+", "COUNT", _PAGE)
            for at, fields in page:
                place = str(at)
                yield place, _entry(fields)
            if len(page) < _PAGE:
                return

    async def cut(self) -> Cut:
        """Up to where the audit was trimmed."""
        return Cut.parse(str(await self._db.command("GET", AUDIT_CUT) or ""))

    async def verify(self, see: See | None = None) -> Verification:
        """Recompute the chain from the cut on, while others append to it or trim it."""
        while True:
            cut = await self.cut()
            found = await self.read(cut, see)
            if not found.problem or await self.cut() == cut:
                return found

    async def read(self, cut: Cut, see: See | None = None) -> Verification:
        """Recompute the chain once, in constant memory, and show each entry that is whole."""
        chain, place, head = Chain(cut), cut.place, ""
        while True:
            async for at, entry in self._placed(place):
                place = at
                if problem := chain.add(entry):
                    return chain.found(problem)
                if see is not None:
                    see(place, chain.count, entry)
            # What was appended while we read is there by now: read on, unless it is not.
            before, head = head, await self.head()
            found = chain.against(head)
            if not found.problem or head == before:
                return found

    async def trim(self, cut: Cut, until: Cut) -> bool:
        """Remove everything up to and with `until`, where the audit was cut at `cut` so far.

        Entries that are appended meanwhile come after it. False: somebody else has trimmed.
        """
        if until.number > cut.number:
            moved = (str(cut), str(until), until.place)
            if not int(await self._db.run(_TRIM, (AUDIT_CUT, AUDIT), *moved)):
                return False
        if until.place:
            # Also where an earlier trim was killed after it had moved the cut.
            milliseconds, _, number = until.place.partition("-")
            first_kept = f"{milliseconds}-{int(number) + 1}"
            await self._db.command("XTRIM", AUDIT, "MINID", first_kept)
        return True

    async def events(self) -> list[tuple[str, Event]]:
        """All that happened, oldest first: request ids and events."""
        return [(entry.request, entry.event) async for entry in self.entries()]

    async def losses(self) -> list[str]:
        """What it says of itself: that entries are missing which the chain can't miss."""
        if not await self.head():
            return [_EMPTY]
        own = [entry.event async for entry in self.entries() if entry.request == STORE]
        return [event.details.get("what", "") for event in own]

    async def any_ever(self) -> bool:
        """Whether an entry is here, or traces of one."""
        return bool(int(await self._db.command("EXISTS", AUDIT, AUDIT_HEAD, AUDIT_CUT)))

    async def head(self) -> str:
        """How many entries were ever recorded, and the last link: `<count> <link>`."""
        return str(await self._db.command("GET", AUDIT_HEAD) or "")


def _entry(fields: object) -> Entry:
    if isinstance(fields, list):
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    if not isinstance(fields, dict):
        raise Unreadable("an audit entry of an unknown shape")
    return Entry(*(str(fields.get(name, "")) for name in ("request", "event", "link")))
