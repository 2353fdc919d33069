"""Seals: any change of what a send rests on is found, and nothing is sent for what is not ours."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
from builders import a_request, a_route, a_snapshot, decided, live
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from stage import DELETE_ONE, Stage, request_id
from waiting import until

from bot import lifecycle
from bot.config.environment import seal_keys
from bot.config.secret import Secret
from bot.lifecycle import route_change
from bot.models import (
    Decision,
    Failure,
    Impact,
    Operation,
    People,
    Request,
    RequestState,
    RouteChange,
    Terms,
    Verdict,
    Watch,
)
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import BOB
from bot.slack import payloads
from bot.slack.decisions import DecisionClicked
from bot.store.seal import CHANGED, NO_SEAL, OTHER_KEY, Seals

KEY = "0123456789abcdefghijklmnopqrstuvwxyz"
OTHER = KEY[::-1]
SEALS = Seals([Secret(KEY)])

NARRATIVE = {"timeline", "why", "watch", "waits", "failure", "alibaba_request_id"}
"""What a request only tells."""

WHOLE = {
    "terms": Terms(
        rule="r",
        approvers=People(users=("U0CAROL",), groups=("S0NETOPS",)),
        approvals=2,
        typed="10.0.0.0/8",
        self_approval=True,
        expiry=60,
        watch=5.0,
        countersign=3600.0,
    ),
    "reason": "INC-1",
    "overlay_mode": "Ipsec",
    "operation": Operation.RESTORE,
    "origin": "r-other",
    "state": RequestState.EXECUTING,
    "decisions": (decided(Verdict.APPROVED, reason="ok"), decided(Verdict.BROKE_GLASS)),
    "ended_at": 1300.0,
}
"""Values for whatever a request may leave out."""

ROUTE = {
    "client_token": "vco-1",
    "started_at": 1101.0,
    "first_sent_at": 1102.0,
    "ended_at": 1103.0,
    "sends": 1,
    "in_flight": True,
    "outcome_unknown": True,
}


def a_full_request() -> Request:
    route = a_route()
    seen = a_snapshot(
        route,
        last_routes=True,
        impacts=(Impact(route=route, carries=("10.0.0.0/24",), takers=(live(route),)),),
    )
    request = replace(a_request(route, snapshot=seen), **WHOLE)
    return replace(request, routes=(replace(request.routes[0], **ROUTE),))


FULL = a_full_request()
SEAL = SEALS.of(FULL)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The way to each value of a record."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in pairs:
            if name not in NARRATIVE:
                yield from leaves(inner, (*path, name))
    else:
        yield path


RECORD = msgspec.json.decode(msgspec.json.encode(FULL))
LEAVES = sorted(leaves(RECORD), key=str)


def changed(path: tuple[Any, ...], value: object) -> Request | None:
    """The record with another value there; None where that is no record any more."""
    record = msgspec.json.decode(msgspec.json.encode(FULL))
    part = record
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    try:
        return msgspec.convert(record, Request)
    except (msgspec.ValidationError, ValueError):
        return None


def test_a_record_reads_back_as_it_was_sealed() -> None:
    again = msgspec.json.decode(msgspec.json.encode(FULL), type=Request)
    assert SEALS.wrong(again, SEAL) == ""


def test_all_that_a_request_a_route_a_decision_and_terms_may_hold_is_in_the_test() -> None:
    held = {path[0] for path in LEAVES}
    assert held | NARRATIVE >= {f.name for f in msgspec.structs.fields(Request)}
    for kind, names in (
        (RouteChange, {p[2] for p in LEAVES if p[0] == "routes"} | {"state"}),
        (Terms, {p[1] for p in LEAVES if p[0] == "terms"}),
        (Decision, {p[2] for p in LEAVES if p[0] == "decisions"}),
    ):
        assert names | NARRATIVE >= {f.name for f in msgspec.structs.fields(kind)}


VALUES = st.one_of(st.text(max_size=8), st.floats(0, 9e9), st.booleans(), st.integers(0, 99))
STATES = st.sampled_from([*RequestState, *Verdict, *Operation])


@given(path=st.sampled_from(LEAVES), value=st.one_of(VALUES, STATES))
def test_any_change_of_any_sealed_field_is_found(path: tuple[Any, ...], value: object) -> None:
    found = changed(path, value)
    if found is not None:
        assert SEALS.wrong(found, SEAL) == ("" if found == FULL else CHANGED)


@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
def test_each_field_of_a_request_is_under_the_seal(path: tuple[Any, ...]) -> None:
    others = ("other", 987.5, 987, True, False, *RequestState, *Verdict, *Operation)
    forged = [found for value in others if (found := changed(path, value)) is not None]
    forged = [found for found in forged if found != FULL]
    assert forged
    assert {SEALS.wrong(one, SEAL) for one in forged} == {CHANGED}


def test_what_is_only_told_may_change_under_the_seal() -> None:
    watched = replace(FULL.routes[0], watch=Watch(polls=3), waits=2, failure=None)
    failed = replace(watched, failure=Failure(code="x", meaning="y", next_step="z"))
    told = replace(FULL, timeline=(), why="whatever", routes=(failed,))
    assert SEALS.wrong(told, SEAL) == ""


def test_seals_of_earlier_keys_are_believed_and_those_of_unknown_keys_are_not() -> None:
    rotated = Seals([Secret(OTHER), Secret(KEY)])
    assert rotated.wrong(FULL, SEAL) == ""
    assert rotated.of(FULL) != SEAL
    assert SEALS.wrong(FULL, rotated.of(FULL)) == OTHER_KEY
    assert SEALS.wrong(FULL, "") == NO_SEAL
    assert Seals().wrong(FULL, "anything") == ""


def test_a_delivery_is_bound_to_its_id_and_its_words() -> None:
    stored = SEALS.closed("d1", '{"type":"click"}')
    assert SEALS.opened("d1", stored) == ('{"type":"click"}', "")
    assert SEALS.opened("d2", stored).wrong == CHANGED
    assert SEALS.opened("d1", stored.replace("click", "clack")).wrong == CHANGED
    assert SEALS.opened("d1", '{"type":"click"}').wrong == NO_SEAL
    assert Seals().opened("d1", stored) == ('{"type":"click"}', ""), "a replica without a key"


# --- in a bot ------------------------------------------------------------------------


async def test_a_sealed_request_is_deleted_also_when_the_key_is_changed_meanwhile(
    hurried: Stage,
) -> None:
    await hurried.start_bot(VCO_SEAL_KEY=KEY)
    card = await hurried.ask()
    await hurried.stop_bots()
    await hurried.start_bot(VCO_SEAL_KEY=f"{OTHER},{KEY}")
    await hurried.approve(card)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    assert hurried.vpc.effects(hurried.route) == 1


def forge_an_approval(request: Request) -> Request:
    return lifecycle.record_decision(
        request, decided(Verdict.APPROVED, BOB, at=request.created_at + 1)
    )


def forge_the_route(request: Request) -> Request:
    other = replace(request.routes[0], route=replace(request.routes[0].route, weight=0))
    return forge_an_approval(replace(request, routes=(other,)))


@pytest.mark.parametrize("forge", [forge_an_approval, forge_the_route])
async def test_nothing_is_sent_for_what_somebody_else_has_written_into_redis(
    hurried: Stage,
    forge: Any,  # noqa: ANN401 - a transition
) -> None:
    await hurried.start_bot(VCO_SEAL_KEY=KEY)
    card = await hurried.ask()
    with structlog.testing.capture_logs() as logs:
        await hurried.store.requests.update(request_id(card), forge)
        ended = await hurried.until_ended(card)
    assert ended.state in (RequestState.FAILED, RequestState.VOID)
    if ended.state is RequestState.FAILED:
        assert any(e["event"] == "seal_broken" and e["log_level"] == "error" for e in logs)
        await hurried.until_card_says(card, "somebody has changed it in Redis")
    assert hurried.sends() == 0


async def test_without_a_key_whoever_writes_redis_can_approve(hurried: Stage) -> None:
    """As README says: that is what the key is for."""
    await hurried.start_bot()
    card = await hurried.ask()
    await hurried.store.requests.update(request_id(card), forge_an_approval)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


async def test_what_was_recorded_before_there_was_a_key_is_refused_with_words(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    card = await hurried.ask()
    await hurried.stop_bots()
    await hurried.start_bot(VCO_SEAL_KEY=KEY)
    await hurried.approve(card)
    assert (await hurried.until_ended(card)).state is RequestState.FAILED
    await hurried.until_card_says(card, "It bears no seal")
    assert hurried.sends() == 0


async def test_a_change_by_the_bot_never_seals_what_it_did_not_write(hurried: Stage) -> None:
    """A forged record is changed by the bot itself, many times, before anything is sent."""
    await hurried.start_bot(VCO_SEAL_KEY=KEY)
    card = await hurried.ask()
    hurried.vpc.set_state(hurried.route.vpn_connection_id, "updating")
    await hurried.store.requests.update(request_id(card), forge_an_approval)
    await until(lambda: len(hurried.thread(card)) > 1)
    hurried.vpc.set_state(hurried.route.vpn_connection_id, "attached")
    assert (await hurried.until_ended(card)).state is RequestState.FAILED
    assert hurried.sends() == 0


async def test_a_click_that_did_not_come_from_slack_decides_nothing(hurried: Stage) -> None:
    await hurried.start_bot(VCO_SEAL_KEY=KEY)
    card = await hurried.ask(DELETE_ONE)
    click = DecisionClicked(user=BOB, request_id=request_id(card), verdict=Verdict.APPROVED)
    with structlog.testing.capture_logs() as logs:
        await hurried.store.inbox.put("forged", payloads.encode(click))
        await until(lambda: any(e["event"] == "seal_broken" for e in logs))
    said = await hurried.slack.until(lambda: hurried.told_directly(BOB))
    assert text_of(said[0]).startswith("This was not done")
    assert (await hurried.request(card)).state is RequestState.PENDING


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("short", "has a key of less than 32 bytes"),
        (f"{KEY},short", "has a key of less than 32 bytes"),
        ("a" * 40, "can be guessed"),
        (f"{KEY} {KEY}", "has a sign in it that no key has"),
        (f"{KEY},{KEY}", "names a key twice"),
    ],
)
def test_a_key_that_protects_nothing_is_refused_and_never_quoted(key: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as found:
        seal_keys(key)
    assert key not in str(found.value)


def test_a_route_that_was_sent_is_sealed_with_its_token() -> None:
    sent = route_change.send(forge_an_approval(a_request()), 1200.0)
    assert SEALS.wrong(a_request(), SEALS.of(sent)) == CHANGED
