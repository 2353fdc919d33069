"""Quotas and slow calls, with the real bot: who waits waits alone (G8)."""

import time

import pytest
from stage import DELETE, Stage, delete_command, request_id

from bot.execution import rate_limit as pacing
from bot.models import EventKind, RequestState
from bot.sandbox.slack.messages import Message, find_element
from bot.sandbox.slack.workspace import ALICE
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.world import Pace
from bot.service import app
from bot.slack.messages.buttons import RESTORE

LIST = "DescribeVcoRouteEntries"


def told(card: Message) -> bool:
    return find_element(card.blocks, RESTORE) is not None


async def test_of_many_at_once_those_without_a_place_wait_and_the_others_are_told_as_ever(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's watching is held up by what waits for the quota of deletions."""
    many, at_once = 9, 6
    monkeypatch.setattr(pacing, "CHANGES_A_MINUTE", 60)
    hurried.vpc.service.quotas.limits[DELETE] = 60
    await hurried.start_bot(VCO_QUOTA_SHARE="10")
    routes = [hurried.new_routes(f"many{n}", pace=Pace(0.1, 1.5))[0] for n in range(many)]
    cards = [await hurried.ask(delete_command(route)) for route in routes]
    for card in cards:
        await hurried.approve(card)
        await hurried.until_event(card, EventKind.APPROVED)
    await hurried.slack.until(lambda: sum(map(told, cards)) == at_once)
    # The first six went, and the last three wait: the order of approval.
    assert all(map(told, cards[:at_once]))
    for card in cards[at_once:]:
        await hurried.until_event(card, EventKind.WAITING)
    gone_at = {t.record.route: t.effect_at for t in hurried.vpc.service.world.accepted}
    requests = [await hurried.request(card) for card in cards]
    late = [r.ended_at - gone_at[r.routes[0].route] for r in requests[:at_once]]
    # A quota waits for a minute; what is watched does not wait for it.
    assert max(late) < 30, f"worst gone → proven {max(late):.1f} s"
    for request in requests[at_once:]:
        assert request.state is RequestState.APPROVED
        (waiting,) = (e for e in request.timeline if e.kind is EventKind.WAITING)
        assert waiting.details["code"] == "Quota"
    assert len(hurried.vpc.calls_of(DELETE)) == at_once


async def test_one_whose_time_is_over_while_it_waits_for_a_place_says_so(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "CHANGES_A_MINUTE", 1)
    await hurried.start_bot(operation_timeout=2)
    first, second = (hurried.new_routes(f"place{n}")[0] for n in range(2))
    assert (await hurried.until_ended(await hurried.approved(first))).state is RequestState.DELETED
    card = await hurried.approved(second)
    assert (await hurried.until_ended(card)).state is RequestState.FAILED
    said = await hurried.until_card_says(card, "left no room for it in time. Nothing was changed.")
    assert "The quota of calls in cn-hangzhou" in said
    assert hurried.sends_of(second) == []


async def test_a_command_waits_for_its_turn_where_the_quota_of_reads_is_used_up(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("turn")
    hurried.vpc.faults.add(Fault(kind=FaultKind.THROTTLED, action=LIST, times=4, retry_after_ms=50))
    card = await hurried.ask(delete_command(route))
    assert (await hurried.request(card)).state is RequestState.PENDING
    assert "allowed" not in hurried.told(ALICE)


async def test_who_would_wait_for_a_minute_is_told_that_nothing_was_recorded(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("turn")
    slow = Fault(kind=FaultKind.THROTTLED, action=LIST, times=None, retry_after_ms=120_000)
    hurried.vpc.faults.add(slow)
    await hurried.command(delete_command(route))
    assert "Nothing was recorded" in await hurried.until_told(ALICE, "Nothing was recorded")
    assert hurried.cards() == []


async def test_a_region_that_hangs_does_not_hold_up_another_one(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.CONCURRENCY, "run", 6)
    await hurried.start_bot()
    hanging = [hurried.new_routes(f"hanging{n}")[0] for n in range(8)]
    cards = [await hurried.ask(delete_command(route)) for route in hanging]
    for route in hanging:
        hurried.vpc.faults.add(
            Fault(kind=FaultKind.HANG, connection=route.vpn_connection_id, times=None)
        )
    for card in cards:
        await hurried.approve(card)
    connection = "vco-elsewhere"
    hurried.vpc.add_connection(connection, region="ap-southeast-1")
    elsewhere = [hurried.vpc.add_route(connection, f"10.{n}.0.0/16") for n in range(2)]
    began = time.monotonic()
    card = await hurried.ask(delete_command(elsewhere[0], region="ap-southeast-1"))
    await hurried.approve(card)
    await hurried.slack.until(lambda: told(card))
    assert time.monotonic() - began < 12
    hurried.vpc.faults.clear()


async def test_a_long_list_of_a_slow_api_is_read_over_several_steps(hurried: Stage) -> None:
    """Twelve calls of 0.4 s where a step has 2.4: the like of 2 s where it has 24 s, and less."""
    await hurried.start_bot(VCO_LEASE="3")
    route, *_ = hurried.new_routes("long", 1, pace=Pace(0.1, 1.0))
    connection = route.vpn_connection_id
    for number in range(500):
        hurried.vpc.add_route(connection, f"172.20.{number // 256}.{number % 256}/32")
    hurried.vpc.faults.add(Fault(kind=FaultKind.SLOW_BEFORE, action=LIST, seconds=0.4, times=None))
    await hurried.command(delete_command(route))
    card = await hurried.slack.until(lambda: next(iter(hurried.cards()), None), timeout=30)
    await hurried.approve(card)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.DELETED
    assert hurried.told(ALICE).count("did not work") == 0
    # A list of several pages proves an absence only where a second reading agrees.
    assert request.routes[0].watch.settled_reads >= 2
    readings = [c for c in hurried.vpc.calls_of(LIST) if c.params["PageNumber"] == "1"]
    assert len(hurried.vpc.calls_of(LIST)) < 12 * len(readings)
    made = await hurried.store.database.command("KEYS", "*quota*")
    assert any(LIST in name for name in made), "each page was counted"
    assert request_id(card)
