"""G2: at most one effect, whatever is clicked, repeated, lost or killed."""

import asyncio
from collections import Counter

import pytest
from stage import DELETE, Stage, delete_command, request_id
from waiting import until

from bot.models import EventKind, RequestState
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.world import Pace
from bot.slack.messages.buttons import APPROVE


async def test_twenty_clicks_at_once_are_one_approval(brisk: Stage) -> None:
    card = await brisk.ask()
    people = [BOB, CAROL] * 10
    clicks = (brisk.slack.click(p, card.channel, card.ts, APPROVE, stale=True) for p in people)
    acks = await asyncio.gather(*clicks)
    assert all(ack.status == 200 and ack.seconds < 2.5 for ack in acks)

    request = await brisk.until_ended(card)
    assert request.state is RequestState.DELETED
    assert len(request.decisions) == 1
    first = request.decisions[0].by
    other = CAROL if first == BOB else BOB
    mine, late = "You have approved this already", f"Already approved by <@{first}>"
    # Whoever did not decide is told so, and nobody is told something wrong.
    await brisk.slack.until(lambda: brisk.told(other).count(late) == 10)
    await brisk.slack.until(lambda: brisk.told(first).count(mine) == 9)
    assert late not in brisk.told(first)
    kinds = Counter(event.kind for _, event in await brisk.audit())
    assert kinds[EventKind.APPROVED] == 1
    assert brisk.sends() == brisk.vpc.effects(brisk.route) == 1


async def test_what_slack_delivers_twice_is_done_once(brisk: Stage) -> None:
    brisk.slack.redeliver = True
    card = await brisk.ask()
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    await brisk.until_deleted(card)
    assert len(brisk.cards()) == 1
    assert brisk.sends() == 1
    assert brisk.told(BOB) == ""  # his one click is no "too late" for himself


async def test_a_payload_that_comes_again_later_changes_nothing(brisk: Stage) -> None:
    card = await brisk.ask()
    payload = brisk.payload_of_click(card)
    await brisk.slack.deliver("interactive", payload)
    await brisk.until_ended(card)
    ack = await brisk.slack.deliver("interactive", payload)
    assert ack.status == 200
    await brisk.command("status", user=BOB)
    told = await brisk.until_told(BOB, "Nothing is pending or in flight.")
    assert "already" not in told  # it was not even taken for a second click
    assert brisk.sends() == 1


async def test_the_same_deletion_asked_for_twice_leads_to_the_open_request(brisk: Stage) -> None:
    card = await brisk.ask()
    await brisk.until_quiet(card)
    await brisk.command(delete_command(brisk.route), user=BOB)
    told = await brisk.until_told(BOB, "There is already an open request for this")
    assert f"by <@{ALICE}>" in told
    assert f"p{card.ts.replace('.', '')}|" in told  # a link to the card
    assert request_id(card) in told
    assert len(brisk.cards()) == 1

    # Once it is over, the route may be asked for again.
    await brisk.cancel(card)
    await brisk.until_ended(card)
    assert (await brisk.ask(delete_command(brisk.route))).ts != card.ts


AFTER_THE_EFFECT = (
    FaultKind.LOST_AFTER,
    FaultKind.FAILED_AFTER,
    FaultKind.HTML_AFTER,
    FaultKind.EMPTY,
    FaultKind.TRUNCATED,
    FaultKind.HANG_AFTER,
)
BEFORE_THE_EFFECT = (
    FaultKind.LOST_BEFORE,
    FaultKind.RESET,
    FaultKind.HTML_BEFORE,
    FaultKind.HANG,
)


async def test_a_lost_answer_is_looked_after_and_never_sent_with_another_token(
    hurried: Stage,
) -> None:
    """Lost after the effect: found by reading. Lost before: sent again, the very same call."""
    await hurried.start_bot(VCO_LEASE="3")
    routes = {}
    for kind in (*AFTER_THE_EFFECT, *BEFORE_THE_EFFECT):
        routes[kind] = hurried.new_routes(kind.value)[0]
        hurried.fault(routes[kind], kind)
    cards = [await hurried.approved(route) for route in routes.values()]
    requests = await asyncio.gather(*map(hurried.until_ended, cards))

    for (kind, route), request, card in zip(routes.items(), requests, cards, strict=True):
        assert request.state is RequestState.DELETED, kind
        assert hurried.vpc.effects(route) == 1, kind
        sends = [call.params for call in hurried.sends_of(route)]
        assert all(sent == sends[0] for sent in sends), kind
        assert sends[0]["ClientToken"] == request.routes[0].client_token
        if kind in BEFORE_THE_EFFECT:
            assert len(sends) == 2, kind
        await hurried.until_event(card, EventKind.ANSWER_LOST)
    assert hurried.vpc.overlaps() == []


async def test_not_found_after_a_lost_answer_means_that_we_deleted_it(hurried: Stage) -> None:
    """The first send worked, unseen; the second one finds no such route: proven by reading."""
    await hurried.start_bot()
    # Slow enough for the look after the loss to still find the route there.
    route = hurried.new_routes("twice", pace=Pace(delay=0.6, seconds=0.4))[0]
    connection = route.vpn_connection_id
    hurried.fault(route, FaultKind.LOST_AFTER)
    gone = Fault(
        kind=FaultKind.ERROR,
        action=DELETE,
        connection=connection,
        skip=1,
        code="InvalidRouteEntry.NotFound",
    )
    # A cloud that has forgotten the token, so that the second send is judged anew.
    hurried.vpc.service.tokens.lifetime = 0.0
    refused = hurried.vpc.faults.add(gone)
    card = await hurried.approved(route)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    assert refused.hits == 1
    assert hurried.vpc.effects(route) == 1


async def test_past_the_token_window_a_lost_send_is_never_repeated(hurried: Stage) -> None:
    """The vendor may have forgotten the token: from then on it is only read."""
    await hurried.start_bot(VCO_TOKEN_WINDOW="1", operation_timeout=3)
    route = hurried.new_routes("window")[0]
    lost = Fault(kind=FaultKind.LOST_BEFORE, action=DELETE, connection=route.vpn_connection_id)
    unread = Fault(
        kind=FaultKind.HTML_BEFORE,
        action="DescribeVcoRouteEntries",
        connection=route.vpn_connection_id,
        times=None,
        skip=4,  # of asking and of the look before the send
    )
    hurried.vpc.faults.add(lost)
    blind = hurried.vpc.faults.add(unread)
    card = await hurried.approved(route)
    lost_at = (await hurried.until_event(card, EventKind.ANSWER_LOST)).at
    async with asyncio.timeout(60):
        while await hurried.store.database.now() < lost_at + 1.1:
            await hurried.slack.state.change()
    hurried.vpc.faults.remove(blind)
    assert (await hurried.until_ended(card)).state is RequestState.UNCONFIRMED
    assert len(hurried.sends_of(route)) == 1
    assert hurried.vpc.route_present(route)


async def test_a_token_that_replays_its_refusal_is_kept_and_the_next_request_bears_another(
    hurried: Stage,
) -> None:
    """Another token for the same route could be a second effect; a new request is a new wish."""
    await hurried.start_bot(operation_timeout=3)
    (route,) = hurried.new_routes("replayed")
    hurried.fault(route, FaultKind.BUSY)
    hurried.fault(route, FaultKind.KEEPS_REFUSAL)
    card = await hurried.approved(route)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.FAILED
    sends = hurried.sends_of(route)
    assert len(sends) >= 2
    assert {call.code for call in sends} == {"TaskConflict"}
    assert {call.client_token for call in sends} == {request.routes[0].client_token}
    said = await hurried.until_card_says(card, "last with TaskConflict")
    assert f"sent {len(sends)} times with the same ClientToken. Nothing was changed." in said
    assert "Ask again: a new request bears a new ClientToken" in said

    again = await hurried.approved(route)
    assert (await hurried.until_ended(again)).state is RequestState.DELETED
    assert hurried.sends_of(route)[-1].client_token not in {call.client_token for call in sends}
    assert hurried.vpc.effects(route) == 1


async def test_two_replicas_have_one_effect_for_each_request(hurried: Stage) -> None:
    await hurried.start_bot()
    await hurried.start_bot()
    routes = [hurried.new_routes(f"replica{n}")[0] for n in range(4)]
    cards = [await hurried.ask(delete_command(route)) for route in routes]
    people = [BOB, CAROL, BOB, CAROL]
    await asyncio.gather(
        *(
            hurried.slack.click(person, card.channel, card.ts, APPROVE, stale=True)
            for card in cards
            for person in people
        )
    )
    for card, route in zip(cards, routes, strict=True):
        assert (await hurried.until_ended(card)).state is RequestState.DELETED
        assert hurried.vpc.effects(route) == 1
        assert len(hurried.sends_of(route)) == 1
    assert len({text_of(card) for card in hurried.cards()}) == 4  # and no card came twice


@pytest.mark.parametrize("kind", [FaultKind.HANG, FaultKind.HANG_AFTER])
async def test_a_bot_killed_between_storing_and_the_answer_has_one_effect(
    stage: Stage, kind: FaultKind
) -> None:
    """kill -9 while the call hangs, before its effect or after; another process finishes it."""
    stage.hurry()
    env = stage.environment(VCO_LEASE="10", LOG_LEVEL="ERROR")
    bot, successor = BotProcess(env), BotProcess(env)
    route = stage.new_routes("killed")[0]
    stage.fault(route, kind)
    try:
        await bot.start()
        stage.slack.deliver_to(f"{bot.url}/slack/events")
        card = await stage.approved(route)
        await until(lambda: stage.sends() == 1)
        bot.kill()
        stored = (await stage.request(card)).routes[0]
        assert stored.in_flight
        assert stored.client_token

        await successor.start()
        assert (await stage.until_ended(card)).state is RequestState.DELETED
    finally:
        await bot.stop()
        await successor.stop()
    assert stage.vpc.effects(route) == 1
    tokens = {call.client_token for call in stage.sends_of(route)}
    assert tokens == {stored.client_token}
