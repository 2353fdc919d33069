"""The audit: whole as long as nobody touches it, and any change of it is found."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from builders import BOB, a_request, decide
from databases import HOW_OFTEN, database
from hypothesis import given
from hypothesis import strategies as st
from program import run
from stage import Stage

from bot.models import Event, EventKind, Verdict
from bot.sandbox.valkey import free_port
from bot.store import Database, Store
from bot.store.audit import AUDIT, AUDIT_HEAD, Entry, Verification, link, verify

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
    assert kinds == [EventKind.ASKED, EventKind.REFUSED, EventKind.APPROVED]
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
