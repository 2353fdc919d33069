"""Stop: what is approved and not accepted yet can be stopped, and nothing else can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from msgspec.structs import replace
from stage import Stage, request_id
from waiting import until

from bot.models import EventKind, RequestState, RouteState, VcoRoute
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.deliver import Ack, Kind
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, GINA, Json
from bot.sandbox.vpc.faults import FaultKind
from bot.slack.messages.buttons import APPROVE, CHECK, STOP
from bot.store.client import key


async def stop(stage: Stage, card: Message, user: str) -> Ack:
    """Click Stop."""
    return await stage.slack.click(user, card.channel, card.ts, STOP)


def late_stop(stage: Stage, card: Message, user: str) -> Json:
    """What Slack sends for a Stop on a card that does not show it (any more)."""
    asking = next(b for b in (card.blocks, *card.past) if find_element(b, APPROVE))
    payload = stage.payload_of_click(msgspec.structs.replace(card, blocks=asking), user)
    payload["actions"][0]["action_id"] = STOP
    return payload


async def asked_by_bob(stage: Stage, route: VcoRoute) -> Message:
    """Approved by Carol, so that Alice is neither requester nor approver."""
    card = await stage.ask(f"delete {route.vpn_connection_id} {route.route_dest}", user=BOB)
    await stage.approve(card, CAROL)
    return card


async def busy(stage: Stage, name: str) -> tuple[VcoRoute, Message]:
    """An approved deletion whose every send is refused because the connection is busy."""
    (route,) = stage.new_routes(name)
    stage.fault(route, FaultKind.BUSY, times=None)
    card = await stage.approved(route)
    await stage.until_card_says(card, "is busy. Trying until ")
    assert find_element(card.blocks, STOP)
    return route, card


async def nothing_came_of_it(stage: Stage, route: VcoRoute, card: Message) -> None:
    """It ended as stopped, nothing was changed, and the connection is free for the next."""
    request = await stage.until_ended(card)
    assert request.state is RequestState.CANCELLED
    assert request.routes[0].state is RouteState.QUEUED
    assert stage.vpc.effects(route) == 0
    queue = key("queue", request.region, request.vpn_connection_id)
    assert await stage.store.database.command("LLEN", queue) == 0
    said = await stage.until_shown(card, RequestState.CANCELLED)
    assert said.startswith(f"⚪ Stopped: delete {route.route_dest}")
    assert not find_element(card.blocks, STOP)
    kinds = [event.kind for id_, event in await stage.audit() if id_ == request_id(card)]
    assert kinds[-1] is EventKind.STOPPED


async def test_what_waits_for_a_busy_connection_says_so_and_is_stopped_by_who_asked(
    brisk: Stage,
) -> None:
    route, card = await busy(brisk, "stop")
    said = text_of(card)
    assert said.startswith(f"⏳ Approved: delete {route.route_dest}")
    assert "Not started*: vco-stop is busy. Trying until " in said
    assert "▱" not in said
    await stop(brisk, card, ALICE)
    await nothing_came_of_it(brisk, route, card)
    line = (await brisk.until_thread_says(card, f"Stopped by <@{ALICE}>"))[-1]
    assert "Nothing was changed. *The route stays" in line
    assert not line.endswith(f"<@{ALICE}>")
    await brisk.until_told(ALICE, "Stopped: nothing was changed for")
    brisk.vpc.faults.clear()
    again = await brisk.approved(route)
    assert (await brisk.until_ended(again)).state is RequestState.DELETED


async def test_an_approver_stops_it_and_who_asked_is_mentioned(brisk: Stage) -> None:
    route, card = await busy(brisk, "stop")
    await stop(brisk, card, CAROL)
    await nothing_came_of_it(brisk, route, card)
    line = (await brisk.until_thread_says(card, f"Stopped by <@{CAROL}>"))[-1]
    assert line.endswith(f"<@{ALICE}>")


async def test_the_command_cancel_stops_what_has_its_approval_and_has_not_begun(
    brisk: Stage,
) -> None:
    route, card = await busy(brisk, "stop")
    await brisk.command(f"cancel {request_id(card)}")
    await nothing_came_of_it(brisk, route, card)
    await brisk.until_told(ALICE, "Stopped: nothing was changed for")


@pytest.mark.parametrize(
    ("who", "why"),
    [(ALICE, "You are not one of the approvers."), (GINA, "Guests can't use vco-route.")],
    ids=["a member", "a guest"],
)
async def test_a_stop_by_a_stranger_is_refused_and_audited(
    brisk: Stage, who: str, why: str
) -> None:
    (route,) = brisk.new_routes("stranger")
    brisk.fault(route, FaultKind.BUSY, times=None)
    card = await asked_by_bob(brisk, route)
    await brisk.slack.until(lambda: find_element(card.blocks, STOP))
    await stop(brisk, card, who)
    await brisk.until_told(who, why)
    audit = [e for i, e in await brisk.audit() if i == request_id(card)]
    [refused] = [e for e in audit if e.kind is EventKind.REFUSED]
    assert refused.by == who
    assert refused.details == {"wanted": "stopped", "why": why}
    assert (await brisk.request(card)).state.open
    brisk.vpc.faults.clear()
    assert (await brisk.until_ended(card)).state is RequestState.DELETED


async def test_a_second_stop_is_told_who_was_first(brisk: Stage) -> None:
    route, card = await busy(brisk, "twice")
    await asyncio.gather(stop(brisk, card, ALICE), stop(brisk, card, BOB))
    await nothing_came_of_it(brisk, route, card)
    told = await until_both_are_told(brisk)
    assert told.count("Stopped: nothing was changed for") == 1
    assert told.count("stopped this already") == 1


async def until_both_are_told(stage: Stage) -> str:
    await stage.slack.until(lambda: stage.told(ALICE) and stage.told(BOB))
    return f"{stage.told(ALICE)}\n{stage.told(BOB)}"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (FaultKind.STUCK, "Too late to stop: Alibaba Cloud has accepted it"),
        (FaultKind.LOST_AFTER, "Too late to stop: it was sent and no answer came"),
    ],
)
async def test_what_was_or_may_have_been_accepted_is_not_stopped_and_that_is_told(
    brisk: Stage, kind: FaultKind, why: str
) -> None:
    (route,) = brisk.new_routes("late")
    if kind is FaultKind.LOST_AFTER:
        # Nothing can be read afterwards: so it stays unknown.
        brisk.fault(route, FaultKind.ERROR, action="", code="ServiceUnavailable", skip=3, times=60)
    brisk.fault(route, kind)
    card = await brisk.approved(route)
    sent = EventKind.ANSWER_LOST if kind is FaultKind.LOST_AFTER else EventKind.SENT
    await brisk.until_event(card, sent)
    await brisk.slack.courier.send(Kind.INTERACTIVE, late_stop(brisk, card, ALICE))
    await brisk.until_told(ALICE, why)
    assert "*Restore* on its card undoes it afterwards." in brisk.told(ALICE)
    assert (await brisk.request(card)).state is RequestState.EXECUTING
    assert not find_element(card.blocks, STOP)


async def test_a_stop_after_the_end_is_told_so(brisk: Stage) -> None:
    (route,) = brisk.new_routes("ended")
    card = await brisk.approved(route)
    await brisk.until_deleted(card)
    await brisk.slack.courier.send(Kind.INTERACTIVE, late_stop(brisk, card, ALICE))
    await brisk.until_told(ALICE, "Too late to stop: it ended")


@pytest.mark.parametrize(
    ("kind", "state"),
    [(FaultKind.SLOW_AFTER, RequestState.DELETED), (FaultKind.BUSY, RequestState.CANCELLED)],
)
async def test_a_stop_during_a_send_waits_for_the_answer_that_decides(
    brisk: Stage, kind: FaultKind, state: RequestState
) -> None:
    (route,) = brisk.new_routes("meanwhile")
    if kind is FaultKind.BUSY:
        brisk.fault(route, FaultKind.SLOW_BEFORE, seconds=1.5)
    else:
        brisk.fault(route, FaultKind.SLOW_AFTER, seconds=1.5)
    card = await brisk.approved(route)
    await until(lambda: brisk.sends() == 1)
    assert (await brisk.request(card)).routes[0].in_flight
    if kind is FaultKind.BUSY:
        brisk.vpc.set_state(route.vpn_connection_id, "updating")  # by somebody else, just before
    await brisk.slack.courier.send(Kind.INTERACTIVE, late_stop(brisk, card, ALICE))
    assert (await brisk.until_ended(card)).state is state
    await brisk.slack.until(lambda: brisk.told(ALICE))
    assert ("Too late to stop" in brisk.told(ALICE)) is (state is RequestState.DELETED)
    assert brisk.vpc.effects(route) == (state is RequestState.DELETED)


async def test_of_a_stop_and_a_send_at_the_same_instant_one_wins_and_the_other_is_not_done(
    brisk: Stage,
) -> None:
    routes = [brisk.new_routes(f"race{n}")[0] for n in range(16)]
    cards = [await brisk.ask(f"delete {r.vpn_connection_id} {r.route_dest}") for r in routes]
    stops = [late_stop(brisk, card, ALICE) for card in cards]

    async def race(number: int) -> None:
        await brisk.approve(cards[number])
        await brisk.until_event(cards[number], EventKind.APPROVED)
        for _ in range(number * 3):
            await asyncio.sleep(0)  # a little later for each
        await brisk.slack.courier.send(Kind.INTERACTIVE, stops[number])

    await asyncio.gather(*map(race, range(len(cards))))
    for card, route in zip(cards, routes, strict=True):
        request = await brisk.until_ended(card)
        stopped = request.state is RequestState.CANCELLED
        assert stopped or request.state is RequestState.DELETED
        assert brisk.vpc.effects(route) == (0 if stopped else 1)
        assert any(e.kind is EventKind.STOPPED for e in request.timeline) is stopped
        if stopped:
            assert not brisk.sends_of(route)
        await brisk.until_shown(card, request.state)


@asynccontextmanager
async def two_bots(stage: Stage) -> AsyncIterator[tuple[BotProcess, BotProcess]]:
    env = stage.environment(VCO_LEASE="10", LOG_LEVEL="ERROR")
    bots = BotProcess(env), BotProcess(env)
    try:
        yield bots
    finally:
        for bot in bots:
            await bot.stop()


async def test_what_a_killed_bot_was_about_to_do_is_stopped_by_another(stage: Stage) -> None:
    """kill -9 while it waits: the stop is handled by whoever is alive, and the fence is no hold."""
    stage.hurry()
    (route,) = stage.new_routes("killed")
    armed = stage.fault(route, FaultKind.BUSY, times=None)
    async with two_bots(stage) as (bot, successor):
        await bot.start()
        stage.slack.deliver_to(f"{bot.url}/slack/events")
        card = await stage.approved(route)
        await stage.until_event(card, EventKind.WAITING)
        await stage.slack.until(lambda: find_element(card.blocks, STOP))
        bot.kill()
        await successor.start()
        stage.slack.deliver_to(f"{successor.url}/slack/events")
        stage.vpc.faults.remove(armed)
        stage.fault(route, FaultKind.BUSY, times=None)
        await stop(stage, card, ALICE)
        request = await stage.until_ended(card, 60.0)
        if request.state is RequestState.CANCELLED:
            await nothing_came_of_it(stage, route, card)
        else:
            # It was killed at a send: nobody knows, so it is not stopped, and that is told.
            await stage.until_told(ALICE, "Too late to stop")


async def test_check_now_reads_what_is_unconfirmed_at_once_and_not_again_right_away(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.lifecycle.proof.FIRST_RECONCILE", 600.0)
    monkeypatch.setattr("bot.slack.check_now.APART_SECONDS", 0.5)
    await hurried.start_bot(operation_timeout=2)
    (route,) = hurried.new_routes("unsure")
    hurried.fault(route, FaultKind.STUCK)
    card = await hurried.approved(route)
    said = await hurried.until_shown(card, RequestState.UNCONFIRMED)
    assert "connection updating" in said
    assert "Checking until " in said
    assert "|console>" in said
    connection = hurried.vpc.connection(route.vpn_connection_id)
    assert connection.task is not None
    now = hurried.vpc.service.clock()
    connection.task = replace(connection.task, attached_at=now, effect_at=now)
    seen_at = (await hurried.request(card)).routes[0].watch.at
    assert seen_at > 0

    async def old_enough() -> bool:
        return await hurried.store.database.now() > seen_at + 0.6

    await until(old_enough)
    await hurried.slack.click(CAROL, card.channel, card.ts, CHECK)
    await hurried.until_told(CAROL, "Checking `r-")
    await hurried.until_deleted(card)


async def test_check_now_is_for_members_and_spares_what_was_read_just_now(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.check_now.APART_SECONDS", 600.0)
    await hurried.start_bot(operation_timeout=2)
    (route,) = hurried.new_routes("unsure")
    hurried.fault(route, FaultKind.STUCK)
    card = await hurried.approved(route)
    await hurried.until_shown(card, RequestState.UNCONFIRMED)
    await hurried.slack.click(CAROL, card.channel, card.ts, CHECK)
    assert "connection updating" in await hurried.until_told(CAROL, "Checked ")
    await hurried.slack.click(GINA, card.channel, card.ts, CHECK)
    await hurried.until_told(GINA, "Guests")


async def test_the_buttons_of_a_decision_are_gone_where_there_is_a_stop(brisk: Stage) -> None:
    _, card = await busy(brisk, "buttons")
    assert not find_element(card.blocks, APPROVE)
