"""`python -m bot requests`: what is in flight, pending, done, from Redis alone."""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from builders import (
    ALICE,
    BOB,
    REFUSED,
    a_request,
    a_route,
    accepted,
    decide,
    decided,
    deleted,
    in_state,
)
from databases import database
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from program import ROOT, inherited, run, run_here
from redis.asyncio import Redis

from bot import lifecycle
from bot.cli.listing import as_json, spelled_out, summary, table
from bot.cli.requests import forgiving, show_all
from bot.lifecycle import route_change
from bot.models import People, Request, RequestState, RouteState, Terms, Verdict
from bot.sandbox.valkey import free_port
from bot.slack.messages.labels import by_urgency
from bot.store import Store
from bot.store.client import key

PENDING, RUNNING, DONE = "r-aaaaaaaaaa", "r-bbbbbbbbbb", "r-cccccccccc"


@pytest_asyncio.fixture
async def store(valkey_url: str) -> AsyncIterator[Store]:
    """Three requests: one pending, one in flight, one that has ended."""
    async with database(valkey_url, now=0) as opened:
        store = Store(opened)
        now = await opened.now()
        for number, id_ in enumerate((PENDING, RUNNING, DONE)):
            request = a_request(a_route(f"10.{number}.0.0/24"), id=id_)
            made = replace(request, created_at=now - 600, expires_at=now + 1200)
            await store.requests.create(made)
        await store.requests.update(RUNNING, lambda r: accepted(decide(Verdict.APPROVED)(r)))
        await store.requests.update(DONE, lambda r: deleted(decide(Verdict.APPROVED)(r)))
        yield store


async def requests(url: str, *arguments: str) -> tuple[int, str, str]:
    """Run the command with nothing set but the database."""
    return await run_here("requests", *arguments, REDIS_URL=url)


# --- the command -----------------------------------------------------------------------------


@pytest.mark.usefixtures("store")
async def test_a_table_shows_what_is_in_flight_first_and_what_is_pending(valkey_url: str) -> None:
    status, out, err = await requests(valkey_url)
    assert (status, err) == (0, "")
    heads, running, pending = out.splitlines()
    assert heads.split() == ["REQUEST", "STATE", "WHAT", "ASKED", "BY", "APPROVED", "AGE"]
    what = "delete 10.{}.0.0/24 from vco-p0w5112f (cn-hangzhou)"
    *of_running, age = cells(running)
    assert of_running == [RUNNING, "executing", what.format(1), ALICE, BOB]
    assert age.startswith("10 min")
    assert cells(pending)[:-1] == [
        *(PENDING, "pending", what.format(0), ALICE, "nobody, 1 missing")
    ]


def cells(line: str) -> list[str]:
    """The cells of a row: between them are two spaces or more."""
    return re.split(r" {2,}", line)


@pytest.mark.usefixtures("store")
async def test_all_of_them_include_those_that_have_ended(valkey_url: str) -> None:
    _, out, _ = await requests(valkey_url, "--all")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [RUNNING, PENDING, DONE]


@pytest.mark.usefixtures("store")
async def test_a_machine_gets_a_line_of_json_for_each(valkey_url: str) -> None:
    status, out, _ = await requests(valkey_url, "--all", "--json")
    assert status == 0
    running, pending, done = map(json.loads, out.splitlines())
    assert (running["id"], running["state"], running["approvers"]) == (RUNNING, "executing", [BOB])
    assert (pending["state"], pending["ended_at"], pending["approvals_needed"]) == (
        *("pending", None),
        1,
    )
    assert done["routes"] == [
        {
            "vpn_connection_id": "vco-p0w5112f",
            "route_dest": "10.2.0.0/24",
            "next_hop": "vco-p0w5112f",
            "weight": 100,
            "state": "deleted",
        }
    ]


async def test_one_of_them_is_shown_as_its_receipt_with_all_that_happened(
    valkey_url: str, store: Store
) -> None:
    status, out, err = await requests(valkey_url, "show", DONE)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "✅ Deleted 10.2.0.0/24 · vco-p0w5112f · 41 s"
    found = await store.requests.get(DONE)
    assert found is not None
    number, link = found.audit.split()
    assert f"Audit: entry {number}, hash {link}" in lines
    events = [line.split("  ", 1)[1].split(" ·")[0] for line in lines[lines.index("Events") + 1 :]]
    assert events[:3] == [f"asked by {ALICE}", f"approved by {BOB}", "sending 10.2.0.0/24"]
    assert events[-1] == "ended"


@pytest.mark.parametrize("arguments", [("show", DONE, "--json"), ("--json", "show", DONE)])
async def test_a_machine_gets_the_whole_record(
    valkey_url: str, store: Store, arguments: tuple[str, ...]
) -> None:
    _, out, _ = await requests(valkey_url, *arguments)
    shown = json.loads(out)
    found = await store.requests.get(DONE)
    assert found is not None
    assert shown["record"] == spelled_out(found.request)
    assert shown["record"]["routes"][0]["watch"]["updating_seen"] is True
    assert shown["record"]["snapshot"]["last_routes"] is False, "defaults are spelled out"
    number, link = found.audit.split()
    assert shown["audit"] == {"entry": int(number), "hash": link}


@pytest.mark.usefixtures("store")
async def test_an_id_is_understood_as_people_type_it(valkey_url: str) -> None:
    status, out, _ = await requests(valkey_url, "show", DONE.upper())
    assert (status, out.splitlines()[2]) == (0, f"{DONE} · deleted")


@pytest.mark.usefixtures("store")
async def test_nothing_is_changed_by_looking(valkey_url: str) -> None:
    before = await everything(valkey_url)
    for arguments in ((), ("--all", "--json"), ("show", DONE), ("show", PENDING, "--json")):
        await requests(valkey_url, *arguments)
    assert await everything(valkey_url) == before


async def everything(url: str) -> dict[object, object]:
    """Every key of the database and what it holds."""
    async with Redis.from_url(url) as redis:
        return {name: await redis.dump(name) for name in await redis.keys("*")}


async def test_a_terminal_that_lacks_a_sign_is_told_its_number(
    valkey_url: str, store: Store
) -> None:
    odd = a_request(a_route("10.9.0.0/24"), id="r-dddddddddd", reason="漏 é 🚨 \u202e")
    await store.requests.create(replace(odd, expires_at=4e9))
    environment = {"REDIS_URL": valkey_url, "PYTHONIOENCODING": "ascii"}
    status, out, err = await run("requests", "show", odd.id, **environment)
    assert (status, err) == (0, "")
    assert "\\u201c\\u6f0f " in out
    status, out, _ = await run("requests", "show", odd.id, "--json", **environment)
    assert status == 0
    assert json.loads(out)["reason"] == odd.reason


# --- what may be wrong -----------------------------------------------------------------------


async def test_where_nothing_is_pending_or_in_flight_that_is_said(valkey_url: str) -> None:
    assert await requests(valkey_url) == (0, "", "Nothing is pending or in flight.\n")
    assert await requests(valkey_url, "--all", "--json") == (0, "", "There are no requests.\n")


@pytest.mark.parametrize("typed", ["banana", "vco-p0w5112f", "r-", "\x1b[2Jr-aaaaaaaaaa"])
async def test_what_is_no_id_is_told_in_a_line(valkey_url: str, typed: str) -> None:
    status, out, err = await requests(valkey_url, "show", typed)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert "is no request; those look like `r-" in line
    assert line.isprintable()


async def test_a_request_that_is_not_known_is_told_in_a_line(valkey_url: str) -> None:
    status, out, err = await requests(valkey_url, "show", DONE)
    assert (status, out) == (1, "")
    assert err.startswith(f"{DONE} is not known (any more)")


async def test_a_record_that_can_not_be_read_is_told_and_hides_no_other(
    valkey_url: str, store: Store
) -> None:
    await store.database.command("HSET", key("request", PENDING), "data", "{")
    status, out, err = await requests(valkey_url)
    assert (status, err) == (1, f"{PENDING} can't be read by this version\n")
    assert RUNNING in out
    status, out, err = await requests(valkey_url, "show", PENDING)
    assert (status, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith(f"request {PENDING} can't be read by this version")


async def test_a_receipt_is_shown_also_where_its_link_can_not_be_read(
    valkey_url: str, store: Store
) -> None:
    await store.database.command("SET", key("told", DONE), "{")
    status, out, err = await requests(valkey_url, "show", DONE)
    assert status == 0
    assert "Decisions" in out
    assert err == f"what was told of {DONE} can't be read by this version\n"


@pytest.mark.parametrize("command", [("requests",), ("requests", "show", DONE), ("audit",)])
async def test_a_database_that_is_away_is_told_in_a_line(command: tuple[str, ...]) -> None:
    port = free_port()
    status, out, err = await run_here(*command, REDIS_URL=f"redis://:hidden@127.0.0.1:{port}/0")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"REDIS_URL: 127.0.0.1:{port} does not answer")
    assert "hidden" not in line


@pytest.mark.parametrize("command", ["requests", "audit"])
async def test_an_address_that_is_none_is_told_in_a_line(command: str) -> None:
    status, out, err = await run_here(command, REDIS_URL="http://127.0.0.1")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("REDIS_URL: must start with one of redis://")


@pytest.mark.usefixtures("store")
async def test_the_audit_too_needs_nothing_but_the_database(valkey_url: str) -> None:
    status, out, err = await run("audit", "--verify", REDIS_URL=valkey_url)
    assert (status, err) == (0, "")
    assert out.startswith("The audit is whole")


@pytest.mark.usefixtures("store")
async def test_a_reader_that_has_seen_enough_is_no_error(valkey_url: str) -> None:
    read, write = os.pipe()
    os.close(read)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "requests", "--all"),
        stdout=write,
        stderr=subprocess.PIPE,
        env=inherited() | {"REDIS_URL": valkey_url},
        cwd=ROOT,
    )
    os.close(write)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


@pytest.mark.usefixtures("store")
async def test_more_than_it_looks_through_is_told(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.requests.MOST_READ", 2)
    out: list[str] = []
    err: list[str] = []
    env = {"REDIS_URL": valkey_url}
    assert await show_all(env, ended=True, write=out.append, complain=err.append) == 0
    assert err == ["Only the newest 2 are shown; `vco-route-bot audit` has them all.\n"]


# --- the table, and JSON ----------------------------------------------------------------------


def test_everybody_who_approved_is_in_the_table_and_how_many_are_missing() -> None:
    terms = Terms(approvers=People(groups=("S0NETOPS",)), approvals=3, countersign=60.0)
    once = lifecycle.record_decision(a_request(terms=terms), decided(Verdict.APPROVED))
    twice = lifecycle.record_decision(once, decided(Verdict.APPROVED, by="U0CAROL"))
    alone = lifecycle.record_decision(
        a_request(terms=terms), decided(Verdict.BROKE_GLASS, by=ALICE)
    )
    signed = lifecycle.countersign(alone, decided(Verdict.COUNTERSIGNED))
    rows = [" ".join(row.split()) for row in table([twice, alone, signed], 1060.0)[1:]]
    assert rows[0].endswith("U0ALICE U0BOB U0CAROL, 1 missing 1 min")
    assert rows[1].endswith("U0ALICE break-glass 1 min")
    assert rows[2].endswith("U0ALICE break-glass, countersigned 1 min")


states = st.sampled_from(RequestState)


@given(st.lists(states, max_size=8))
def test_what_is_in_flight_comes_first_whatever_there_is(found: list[RequestState]) -> None:
    requests = [
        replace(in_state(state), id=f"r-{n}", created_at=1000.0 + n)
        for n, state in enumerate(found)
    ]
    sorted_ = by_urgency(requests)
    assert sorted(r.id for r in sorted_) == sorted(r.id for r in requests)
    ranks = [
        ("executing", "approved", "pending").index(r.state) if r.state.open else 3 for r in sorted_
    ]
    assert ranks == sorted(ranks)


@given(states, st.text(max_size=40))
def test_every_row_is_one_line_that_a_terminal_takes(state: RequestState, words: str) -> None:
    route = replace(a_route(), vpn_connection_id=f"vco-{words}")
    request = replace(in_state(state, route), requester=words)
    assert all(line.isprintable() for line in table([request], 2000.0))


@given(states)
def test_json_says_the_state_and_everything_else_in_full(state: RequestState) -> None:
    request = in_state(state)
    said = json.loads(json.dumps(summary(request)))
    assert said["state"] == state.value
    assert all(
        value is not None for name, value in said.items() if name not in ("ended_at", "origin")
    )
    record = json.loads(json.dumps(spelled_out(request)))
    assert set(record) == set(Request.__struct_fields__)


@given(st.text(max_size=40) | st.just("\x1b[2J \x7f \x9b2J \u202e “é” 🚨 \U000e0041"))
def test_json_is_one_line_that_moves_no_cursor_and_says_the_same(words: str) -> None:
    line = as_json({"reason": words, words: [words]})
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {"reason": words, words: [words]}


def test_a_stream_takes_every_text_whatever_its_encoding() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="latin-1")
    forgiving(stream)
    stream.write("é … 🚨")
    stream.flush()
    assert written.getvalue() == b"\xe9 \\u2026 \\U0001f6a8"
    forgiving(io.StringIO())


def test_a_failure_is_in_the_record() -> None:
    failed = route_change.end(accepted(), 1105.0, RouteState.FAILED, REFUSED)
    record = json.loads(json.dumps(spelled_out(failed)))
    assert record["routes"][0]["failure"]["code"] == "Forbidden.RAM"
