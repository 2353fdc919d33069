"""The audit: whole as long as nobody touches it, and any change of it is found."""

import asyncio
import json
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from builders import BOB, a_request, decide
from databases import HOW_OFTEN, database
from hypothesis import given
from hypothesis import strategies as st
from program import run
from stage import Stage

from bot.cli.audit import examine, export_to, trim
from bot.errors import Unreadable
from bot.models import Event, EventKind, Verdict
from bot.sandbox.valkey import free_port
from bot.store import Database, Store
from bot.store.audit import AUDIT, AUDIT_CUT, AUDIT_HEAD, Cut, Entry, Verification, link, verify

HOW_MANY = 5

Tamper = Callable[[Database, list[Entry]], Awaitable[None]]


@pytest_asyncio.fixture(params=HOW_OFTEN)
async def store(valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with database(valkey_url, request.param) as opened:
        yield Store(opened)


def happened(number: int) -> Event:
    return Event(kind=EventKind.REFUSED, at=1000.0 + number, by=BOB)


async def record(store: Store, how_many: int = HOW_MANY) -> list[Entry]:
    for number in range(how_many):
        await store.audit.append(f"r-{number}", happened(number))
    return await entries_of(store)


async def entries_of(store: Store) -> list[Entry]:
    return [entry async for entry in store.audit.entries()]


async def found(store: Store) -> Verification:
    return verify(await entries_of(store), await store.audit.head())


async def rewrite(db: Database, entries: list[Entry]) -> None:
    """Put other entries in the place of those there are, as an editor of the database could."""
    await db.command("DEL", AUDIT)
    for entry in entries:
        fields = ("request", entry.request, "event", entry.body, "link", entry.link)
        await db.command("XADD", AUDIT, "*", *fields)


# --- nobody has touched it -----------------------------------------------------------


async def test_an_audit_that_nobody_touched_is_whole(store: Store) -> None:
    entries = await record(store)
    head = entries[-1].link
    assert await found(store) == Verification(HOW_MANY, head)
    assert [entry.event for entry in entries] == [happened(n) for n in range(HOW_MANY)]


async def test_links_can_be_computed_anew_from_the_content(store: Store) -> None:
    before = ""
    for entry in await record(store):
        before = link(before, entry.request, entry.body)
        assert entry.link == before


async def test_an_empty_audit_is_whole(store: Store) -> None:
    assert await found(store) == Verification(0, "")


async def test_requests_and_refusals_are_in_one_chain(store: Store) -> None:
    await store.requests.create(a_request())
    await store.audit.append(a_request().id, happened(0))
    await store.requests.update(a_request().id, decide(Verdict.APPROVED))
    kinds = [event.kind for _, event in await store.audit.events()]
    assert kinds == [EventKind.SUBMITTED, EventKind.REFUSED, EventKind.APPROVED]
    assert not (await found(store)).problem


async def test_more_entries_than_a_page_are_read_in_order(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.audit._PAGE", 2)
    await record(store, 6)
    assert [name for name, _ in await store.audit.events()] == [f"r-{n}" for n in range(6)]


async def test_the_same_cause_is_recorded_once(store: Store) -> None:
    for cause in ("click-1", "click-1", "click-2"):
        await store.audit.append("r-1", happened(1), cause=cause)
    assert len(await entries_of(store)) == 2
    assert not (await found(store)).problem


# --- somebody has --------------------------------------------------------------------


async def _change_an_event(db: Database, entries: list[Entry]) -> None:
    entries[2] = entries[2]._replace(body=entries[2].body.replace(BOB, "U0NOBODY"))
    await rewrite(db, entries)


async def _change_a_request(db: Database, entries: list[Entry]) -> None:
    entries[2] = entries[2]._replace(request="r-other")
    await rewrite(db, entries)


async def _change_a_link(db: Database, entries: list[Entry]) -> None:
    entries[2] = entries[2]._replace(link="0" * 40)
    await rewrite(db, entries)


async def _drop_one(db: Database, place: int) -> None:
    stream = await db.command("XRANGE", AUDIT, "-", "+")
    assert await db.command("XDEL", AUDIT, stream[place][0]) == 1


async def _drop_the_first(db: Database, _: list[Entry]) -> None:
    await _drop_one(db, 0)


async def _drop_one_in_the_middle(db: Database, _: list[Entry]) -> None:
    await _drop_one(db, 2)


async def _drop_the_last(db: Database, _: list[Entry]) -> None:
    await _drop_one(db, -1)


async def _drop_everything(db: Database, _: list[Entry]) -> None:
    await db.command("DEL", AUDIT)


async def _insert(db: Database, entries: list[Entry]) -> None:
    body = entries[0].body
    forged = Entry("r-forged", body, link(entries[1].link, "r-forged", body))
    await rewrite(db, [*entries[:2], forged, *entries[2:]])


async def _append(db: Database, entries: list[Entry]) -> None:
    body = entries[0].body
    forged = Entry("r-forged", body, link(entries[-1].link, "r-forged", body))
    await rewrite(db, [*entries, forged])


async def _reorder(db: Database, entries: list[Entry]) -> None:
    entries[1], entries[2] = entries[2], entries[1]
    await rewrite(db, entries)


async def _change_the_head(db: Database, _: list[Entry]) -> None:
    await db.command("SET", AUDIT_HEAD, f"{HOW_MANY} {'0' * 40}")


async def _drop_the_head(db: Database, _: list[Entry]) -> None:
    await db.command("DEL", AUDIT_HEAD)


IN_THE_CHAIN = "is not the one that was recorded there"
AT_THE_END = "entries were recorded"


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (_change_an_event, f"entry 3 (r-2) {IN_THE_CHAIN}"),
        (_change_a_request, f"entry 3 (r-other) {IN_THE_CHAIN}"),
        (_change_a_link, f"entry 3 (r-2) {IN_THE_CHAIN}"),
        (_drop_the_first, f"entry 1 (r-1) {IN_THE_CHAIN}"),
        (_drop_one_in_the_middle, f"entry 3 (r-3) {IN_THE_CHAIN}"),
        (_drop_the_last, f"5 {AT_THE_END}, 4 are there"),
        (_drop_everything, f"5 {AT_THE_END}, 0 are there"),
        (_insert, f"entry 4 (r-2) {IN_THE_CHAIN}"),
        (_append, f"5 {AT_THE_END}, 6 are there"),
        (_reorder, f"entry 2 (r-2) {IN_THE_CHAIN}"),
        (_change_the_head, f"5 {AT_THE_END}"),
        (_drop_the_head, f"0 {AT_THE_END}, 5 are there"),
    ],
)
async def test_a_change_is_found_and_named(store: Store, tamper: Tamper, problem: str) -> None:
    await tamper(store.database, await record(store))
    assert (await found(store)).problem.startswith(problem)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    contents=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6),
    place=st.integers(min_value=0),
    field=st.sampled_from(Entry._fields),
    value=TEXTS,
)
def test_any_change_of_any_field_of_any_entry_is_found(
    contents: list[tuple[str, str]], place: int, field: str, value: str
) -> None:
    entries: list[Entry] = []
    for request, body in contents:
        before = entries[-1].link if entries else ""
        entries.append(Entry(request, body, link(before, request, body)))
    head = f"{len(entries)} {entries[-1].link}"
    assert not verify(entries, head).problem
    place %= len(entries)
    changed = Entry(**(entries[place]._asdict() | {field: value}))
    same = changed == entries[place]
    assert bool(verify([*entries[:place], changed, *entries[place + 1 :]], head).problem) != same


# --- the command ---------------------------------------------------------------------


async def test_the_command_exports_every_event_as_a_line_of_json(stage: Stage) -> None:
    recorded = await record(stage.store)
    status, out, err = await run("audit", **stage.environment())
    assert (status, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines == [
        {"n": n, "request": e.request, "link": e.link, "event": json.loads(e.body)}
        for n, e in enumerate(recorded, start=1)
    ]


async def test_the_command_says_in_a_line_whether_the_audit_is_whole(stage: Stage) -> None:
    recorded = await record(stage.store)
    said = await run("audit", "--verify", **stage.environment())
    assert said == (0, f"The audit is whole: 5 entries, head {recorded[-1].link}.\n", "")
    await _drop_one_in_the_middle(stage.store.database, recorded)
    said = await run("audit", "--verify", **stage.environment())
    assert said == (1, f"The audit has been changed: entry 3 (r-3) {IN_THE_CHAIN}.\n", "")


@pytest.mark.parametrize("arguments", [("audit",), ("audit", "--verify")])
async def test_the_command_says_that_the_database_is_away(
    stage: Stage, arguments: tuple[str, ...]
) -> None:
    port = free_port()
    environment = stage.environment() | {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    status, out, err = await run(*arguments, **environment)
    assert (status, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith(f"REDIS_URL: 127.0.0.1:{port} does not answer")


# --- export and trim -----------------------------------------------------------------


async def audit(stage: Stage, *arguments: object) -> tuple[int, str, str]:
    """What the command does, in this process, which takes a second less; see `typed`."""
    part, *files = map(str, arguments)
    said: list[str] = []
    environment = stage.environment()
    if part == "export":
        status = await export_to(environment, files[0], said.append)
    elif part == "trim":
        status = await trim(environment, files, said.append)
    else:
        status = await examine(environment, files, said.append)
    return status, "".join(said), ""


async def typed(stage: Stage, *arguments: object) -> tuple[int, str, str]:
    return await run("audit", *map(str, arguments), **stage.environment())


async def more(store: Store, names: range) -> None:
    for number in names:
        await store.audit.append(f"r-{number}", happened(number))


async def test_what_was_exported_is_trimmed_and_verified_across_the_cut(
    stage: Stage, tmp_path: Path
) -> None:
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    head = (await record(stage.store))[-1].link
    said = await typed(stage, "export", first)
    assert said == (0, f"Exported entries 1 to 5 to {first}, head {head}.\n", "")
    await more(stage.store, range(5, 8))
    assert await audit(stage, "trim", first) == (0, "Removed entries 1 to 5 from Redis.\n", "")
    assert [e.request for e in await entries_of(stage.store)] == ["r-5", "r-6", "r-7"]
    assert int(await stage.store.database.command("XLEN", AUDIT)) == 3
    assert await audit(stage, "trim", first) == (0, "Nothing to remove.\n", "")

    status, out, _ = await audit(stage, "--verify")
    assert status == 0
    assert "8 entries" in out
    assert "entries 1 to 5 were trimmed" in out
    status, out, _ = await audit(stage, "--verify", first)
    assert status == 0
    assert "trimmed" not in out

    assert (await audit(stage, "export", second))[0] == 0
    assert (await audit(stage, "trim", second, first))[0] == 0
    assert await entries_of(stage.store) == []
    await more(stage.store, range(8, 10))
    status, out, _ = await audit(stage, "--verify", second, first)
    assert (status, out.partition(",")[0]) == (0, "The audit is whole: 10 entries")
    # Without the file in between something is missing, and that is said.
    await audit(stage, "export", tmp_path / "3.jsonl")
    status, out, _ = await audit(stage, "--verify", first, tmp_path / "3.jsonl")
    assert (status, "entries 6 to 8 are missing" in out) == (1, True)
    status, out, _ = await audit(stage, "--verify", first)
    assert (status, "entries 6 to 8 are neither in these files nor in Redis" in out) == (1, True)


def _change_a_line(lines: list[str]) -> list[str]:
    return [*lines[:2], lines[2].replace(BOB, "U0NOBODY"), *lines[3:]]


def _drop_a_line(lines: list[str]) -> list[str]:
    return [*lines[:2], *lines[3:]]


def _drop_the_last_line_but_keep_the_count(lines: list[str]) -> list[str]:
    return [*lines[:4], lines[3].replace('"n":4', '"n":5')]


def _write_all_anew(lines: list[str]) -> list[str]:
    """Every link computed anew, as somebody with the program could."""
    before, made = "", []
    for number, line in enumerate(lines, start=1):
        body = line.partition('"event":')[2][:-1].replace(BOB, "U0NOBODY")
        name = f"r-{number - 1}"
        new = link(before, name, body)
        head = json.dumps({"n": number, "request": name, "link": new, "after": before})
        made.append(f'{head[:-1]},"event":{body}}}')
        before = new
    return made


@pytest.mark.parametrize(
    "tamper",
    [_change_a_line, _drop_a_line, _drop_the_last_line_but_keep_the_count, _write_all_anew],
)
async def test_a_changed_file_is_found_before_and_after_the_cut_and_trims_nothing(
    stage: Stage, tmp_path: Path, tamper: Callable[[list[str]], list[str]]
) -> None:
    await record(stage.store)
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    await audit(stage, "export", good)
    text = await asyncio.to_thread(good.read_text)
    await asyncio.to_thread(bad.write_text, "\n".join(tamper(text.splitlines())) + "\n")
    status, out, _ = await audit(stage, "trim", bad)
    assert (status, out.endswith("Nothing was removed.\n")) == (1, True)
    assert len(await entries_of(stage.store)) == HOW_MANY
    assert (await audit(stage, "trim", good))[0] == 0
    assert (await audit(stage, "--verify", bad))[0] == 1
    assert (await audit(stage, "--verify", good))[0] == 0


async def test_nothing_is_trimmed_that_is_not_in_the_files(stage: Stage, tmp_path: Path) -> None:
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    await record(stage.store)
    await audit(stage, "export", first)
    lines = (await asyncio.to_thread(first.read_text)).splitlines(keepends=True)
    await asyncio.to_thread(second.write_text, "".join(lines[2:]))
    status, out, _ = await audit(stage, "trim", second)
    assert (status, "Redis has entries 1 to 2 too" in out) == (1, True)
    assert len(await entries_of(stage.store)) == HOW_MANY


async def test_an_audit_that_was_changed_is_not_archived_as_if_it_were_whole(
    stage: Stage, tmp_path: Path
) -> None:
    recorded, file = await record(stage.store), tmp_path / "1.jsonl"
    await _change_an_event(stage.store.database, recorded)
    status, out, _ = await audit(stage, "export", file)
    assert (status, out.endswith("Nothing was exported.\n")) == (1, True)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_an_archive_is_never_overwritten(stage: Stage, tmp_path: Path) -> None:
    await record(stage.store)
    file = tmp_path / "1.jsonl"
    await audit(stage, "export", file)
    status, _, err = await typed(stage, "export", file)
    assert (status, "is there already" in err) == (2, True)


async def test_others_append_while_it_is_exported_verified_and_trimmed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.audit._PAGE", 2)
    await record(store, 9)
    cut = await store.audit.cut()
    places: dict[int, Cut] = {}

    def see(place: str, number: int, entry: Entry) -> None:
        places[number] = Cut(number, entry.link, place)

    _, found = await asyncio.gather(more(store, range(9, 30)), store.audit.verify(see))
    assert not found.problem
    trimmed, *_ = await asyncio.gather(
        store.audit.trim(cut, places[6]), store.audit.verify(), more(store, range(30, 40))
    )
    assert trimmed
    assert not (await store.audit.trim(cut, places[7])), "by what was known before the cut"
    found = await store.audit.verify()
    assert (found.entries, found.problem, found.trimmed) == (40, "", 6)


@pytest.mark.parametrize("change", ["5 {link}", "6 {other} {place}", "x y z"])
async def test_a_cut_that_somebody_moved_is_found(store: Store, change: str) -> None:
    await record(store)
    places: list[Cut] = []
    await store.audit.verify(lambda place, n, e: places.append(Cut(n, e.link, place)))
    await store.audit.trim(Cut(), places[2])
    forged = change.format(link=places[2].link, other="0" * 40, place=places[2].place)
    await store.database.command("SET", AUDIT_CUT, forged)
    try:
        problem = (await store.audit.verify()).problem
    except Unreadable as error:
        problem = str(error)
    assert problem


async def test_a_long_audit_is_verified_and_exported_in_the_memory_of_a_page(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as many entries take no more memory."""
    monkeypatch.setattr("bot.store.audit._PAGE", 50)
    peaks = []
    for names in (range(100), range(100, 1000)):
        await more(stage.store, names)
        tracemalloc.start()
        assert await examine(stage.environment(), write=lambda _: None) == 0
        await export_to(stage.environment(), str(tmp_path / f"{names.stop}"), lambda _: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
