"""`vco-route-bot audit`: export what happened, verify that nobody has changed it, trim it.

An exported file is JSON lines, each with the link before it and its own, so that it can be verified
alone, and together with what Redis still has. Everything is read entry by entry: however long the
audit is, it takes no more memory.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, TextIO

import msgspec

from bot.cli.output import Write, to_stdout
from bot.cli.requests import opened
from bot.config.environment import Texts
from bot.errors import SettingsError
from bot.store import Audit
from bot.store.audit import Cut, Entry, Verification, link

_FRESH = (
    "Nothing has been recorded here yet: no request, no claim, no entry. "
    "A database that was emptied looks the same."
)


class _Line(msgspec.Struct):
    """An entry in a file; `after` is the link of the one before, `event` what was hashed."""

    n: int
    request: str
    link: str
    after: str
    event: msgspec.Raw


class _Files(NamedTuple):
    """What files hold: entries `first` to `last`, and the links of some numbers."""

    first: int
    last: int
    links: dict[int, str]
    problem: str = ""


class _Across(NamedTuple):
    """What was found in files and in Redis; from and up to which entry the files reach."""

    found: Verification
    until: Cut
    first: int


async def export(env: Texts) -> int:
    """Write every entry as a line of JSON, oldest first; returns the exit status, 0."""
    async with opened(env) as store:
        number = (await store.audit.cut()).number
        async for entry in store.audit.entries():
            number += 1
            to_stdout(_line(number, entry) + "\n")
    return 0


async def export_to(env: Texts, file: str, write: Write = to_stdout) -> int:
    """Write all entries that Redis has into a new file, verified; returns 1 if they are not whole.

    The file is there whole or not at all.

    Raises:
        SettingsError: It is there already, or can't be written.
    """
    try:
        return await _export_to(env, file, write)
    except _ChangedError as error:
        write(_verdict(error.found) + " Nothing was exported.\n")
        return 1


class _ChangedError(Exception):
    """What was read is not what was recorded."""

    def __init__(self, found: Verification) -> None:
        super().__init__(found.problem)
        self.found = found


async def _export_to(env: Texts, file: str, write: Write) -> int:
    async with opened(env) as store:
        cut = await store.audit.cut()
        with _new_file(file) as lines:
            before = cut.link

            def keep(_: str, number: int, entry: Entry) -> None:
                nonlocal before
                lines.write(_line(number, entry, after=before) + "\n")
                before = entry.link

            found = await store.audit.read(cut, keep)
            if found.problem:
                raise _ChangedError(found)
    write(f"Exported {_range(cut.number + 1, found.entries)} to {file}, head {found.head}.\n")
    return 0


@contextmanager
def _new_file(file: str) -> Iterator[TextIO]:
    """A file that is there, on disk, once all of it was written."""
    target, part = Path(file), Path(f"{file}.part")
    if target.exists():
        raise SettingsError([f"{file}: is there already, and an archive is never overwritten"])
    try:
        with part.open("w", encoding="utf-8") as lines:
            yield lines
            lines.flush()
            os.fsync(lines.fileno())
        part.rename(target)
    except OSError as error:
        raise SettingsError([f"{file}: can't be written ({error.strerror})"]) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


async def examine(env: Texts, files: Sequence[str] = (), write: Write = to_stdout) -> int:
    """Recompute the chain, through `files` and what Redis has; returns 0 when it is whole, else 1.

    The head is worth noting down: a database that has lost everything knows of no loss.
    """
    async with opened(env) as store:
        if not files and not await store.anything_ever():
            write(_FRESH + "\n")
            return 0
        found = (await _across(store.audit, await store.audit.cut(), files)).found
        losses = await store.audit.losses()
    write(_verdict(found) + "\n")
    write("".join(f"Not all of it is here: {loss}.\n" for loss in losses))
    return 1 if found.problem or losses else 0


async def trim(env: Texts, files: Sequence[str], write: Write = to_stdout) -> int:
    """Remove from Redis what these files hold, once all of it is verified; returns 1 if it is not.

    Number and link at the cut are kept, so that the rest can still be verified. What is recorded
    meanwhile stays, and trimming twice is trimming once.
    """
    async with opened(env) as store:
        cut = await store.audit.cut()
        found, until, first = await _across(store.audit, cut, files)
        if found.problem:
            write(_verdict(found) + " Nothing was removed.\n")
            return 1
        if first > cut.number + 1:
            kept = _range(cut.number + 1, first - 1)
            write(f"Redis has {kept} too, and these files have not. Nothing was removed.\n")
            return 1
        if not await store.audit.trim(cut, until):
            write("Somebody else trims the audit just now. Nothing was removed; try again.\n")
            return 1
    removed = _range(cut.number + 1, until.number)
    write(
        f"Removed {removed} from Redis.\n" if until.number > cut.number else "Nothing to remove.\n"
    )
    return 0


async def _across(audit: Audit, cut: Cut, files: Sequence[str]) -> _Across:
    """Recompute the chain through files and what Redis has."""
    held = _read(files, cut.number)
    if held.problem:
        return _Across(Verification(held.last, "", held.problem), cut, held.first)
    if not files:
        return _Across(await audit.verify(), cut, 0)
    until, links = cut, {0: "", cut.number: cut.link}

    def see(place: str, number: int, entry: Entry) -> None:
        nonlocal until
        if number in held.links:
            links[number] = entry.link
        if number == held.last:
            until = Cut(number, entry.link, place)

    found = await audit.verify(see)
    if found.problem:
        return _Across(found, cut, held.first)
    problem = _differs(held, cut, found, links)
    unseen = min(held.first - 1, cut.number)
    found = Verification(found.entries, found.head, problem, unseen)
    return _Across(found, until, held.first)


def _differs(held: _Files, cut: Cut, found: Verification, links: Mapping[int, str]) -> str:
    """How what files hold differs from what Redis has, or has had; empty where it does not."""
    if held.last < cut.number:
        return f"{_range(held.last + 1, cut.number)} are neither in these files nor in Redis"
    if held.last > found.entries:
        return f"the files go on to entry {held.last}, Redis ends with {found.entries}"
    for number in sorted(held.links.keys() & links.keys()):
        if held.links[number] != links[number]:
            return f"entry {number} in the files is not the one that Redis knows"
    return ""


def _read(files: Sequence[str], cut: int) -> _Files:
    """Go through files in the order of their entries, as one chain."""
    firsts = sorted((_first(file), file) for file in files)
    wanted = {cut, *(number - 1 for number, _ in firsts)}
    links: dict[int, str] = {}
    first = last = 0
    for number, file in firsts:
        if last and number > last + 1:
            gone = _range(last + 1, number - 1)
            return _Files(first, last, links, f"{gone} are missing before {file}")
        first, before, end = first or number, None, 0
        for place, line in enumerate(_lines(file), start=1):
            after = links.setdefault(number - 1, line.after) if before is None else before
            end = number + place - 1
            body = bytes(line.event).decode(errors="replace")
            good = line.n == end and line.after == after
            if not good or line.link != link(after, line.request, body):
                problem = f"{file}, line {place} is not the entry that was exported there"
                return _Files(first, max(last, end), links, problem)
            before = line.link
            if (end in wanted or end in links) and links.setdefault(end, line.link) != line.link:
                problem = f"{file} has another entry {end} than the file before it"
                return _Files(first, max(last, end), links, problem)
        if end >= last and before is not None:
            last = end
            links[last] = before
    return _Files(first, last, links)


def _first(file: str) -> int:
    return next((line.n for line in _lines(file)), 0)


def _lines(file: str) -> Iterator[_Line]:
    """The lines of a file.

    Raises:
        SettingsError: It can't be read, or is no export.
    """
    decoder = msgspec.json.Decoder(_Line)
    try:
        with Path(file).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield decoder.decode(line)
                except (msgspec.DecodeError, ValueError):
                    words = f"{file}: line {number} is no entry of an export"
                    raise SettingsError([words]) from None
    except OSError as error:
        raise SettingsError([f"{file}: can't be read ({error.strerror})"]) from None


def _line(number: int, entry: Entry, *, after: str | None = None) -> str:
    head = {"n": number, "request": entry.request, "link": entry.link}
    more = {} if after is None else {"after": after}
    # The event as it was hashed, so that others can verify the export too.
    event = msgspec.Raw(entry.body.encode(errors="replace"))
    return msgspec.json.encode(head | more | {"event": event}).decode()


def _range(first: int, last: int) -> str:
    return f"entries {first} to {last}" if last > first else f"entry {first}"


def _verdict(found: Verification) -> str:
    if found.problem:
        return f"The audit has been changed: {found.problem}."
    whole = f"The audit is whole: {found.entries} entries, head {found.head or '(none)'}."
    if not found.trimmed:
        return whole
    gone = _range(1, found.trimmed)
    return f"{whole} Of these, {gone} were trimmed: verify them with their files."
