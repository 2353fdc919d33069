"""Undo: what was deleted is put back, with the same approval, token, queue, watch and proof."""

import pytest
from stage import Stage, delete_command

from bot.models import EventKind, Operation, Request, RequestState, VcoRoute
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, GINA
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.world import Change
from bot.slack.messages.buttons import RESTORE

CREATE = "CreateVcoRouteEntry"


async def deleted(stage: Stage, *routes: VcoRoute) -> Message:
    """The card of a deletion that was approved and proven."""
    card = await stage.approved(*routes)
    await stage.until_deleted(card)
    return card


async def restore(stage: Stage, card: Message, user: str = ALICE) -> Message:
    """Click Restore and say why; returns the card that asks for it."""
    return await stage.restore(card, user)


def creations(stage: Stage, route: VcoRoute) -> int:
    return stage.vpc.effects(route, Change.CREATE)


async def test_one_more_approval_puts_a_deleted_route_back_just_as_it_was(brisk: Stage) -> None:
    connection = brisk.new_routes("undo")[0].vpn_connection_id
    route = brisk.vpc.add_route(connection, "10.77.0.0/16", weight=0)
    first = await deleted(brisk, route)

    card = await restore(brisk, first)
    assert text_of(card).startswith(f"🟠 Restore 10.77.0.0/16 · {connection}")
    assert "weight 0" in text_of(card)
    assert "undoes `" in text_of(card)
    assert creations(brisk, route) == 0

    # The same four eyes.
    await brisk.approve(card, user=ALICE)
    await brisk.until_told(ALICE, "somebody else has to decide")
    await brisk.approve(card, user=BOB)
    final = await brisk.until_shown(card, RequestState.RESTORED)
    assert final.startswith("✅ Restored 10.77.0.0/16 · ")
    assert brisk.vpc.route_present(route)
    assert creations(brisk, route) == 1

    told = [line.split("  ", 1)[1].splitlines()[0] for line in brisk.thread(card)]
    assert told[:3] == [f"Approved by <@{BOB}>", "Sent to Alibaba Cloud", "Connection is updating"]
    request = await brisk.request(card)
    audited = [event.kind for id_, event in await brisk.audit() if id_ == request.id]
    assert [kind for kind in audited if kind is not EventKind.REFUSED] == [
        event.kind for event in request.timeline
    ]


async def test_by_command_too_and_somebody_elses_deletion_as_well(brisk: Stage) -> None:
    (route,) = brisk.new_routes("bycommand")
    first = await brisk.request(await deleted(brisk, route))
    card = await brisk.ask(f'restore {first.id} --reason "it was the right one"', user=CAROL)
    assert "“it was the right one”" in text_of(card)
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.RESTORED
    assert brisk.vpc.route_present(route)


async def test_all_routes_of_a_request_come_back_one_after_another(brisk: Stage) -> None:
    routes = brisk.new_routes("many", 3)
    card = await restore(brisk, await deleted(brisk, *routes))
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.RESTORED
    assert [creations(brisk, route) for route in routes] == [1, 1, 1]
    assert brisk.vpc.overlaps() == []


async def test_a_restoration_is_undone_by_a_deletion_like_any_other(brisk: Stage) -> None:
    (route,) = brisk.new_routes("back")
    back = await restore(brisk, await deleted(brisk, route))
    await brisk.approve(back)
    await brisk.until_shown(back, RequestState.RESTORED)
    again = await restore(brisk, back, user=CAROL)
    assert text_of(again).startswith("🟠 Delete 10.0.0.0/16 · ")
    await brisk.approve(again)
    request = await brisk.until_ended(again)
    assert (request.state, request.operation) == (RequestState.DELETED, Operation.DELETE)
    assert brisk.vpc.effects(route) == 2
    assert not brisk.vpc.route_present(route)


# --- the guarantees hold for it ------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [FaultKind.LOST_AFTER, FaultKind.LOST_BEFORE, FaultKind.HTML_AFTER, FaultKind.BUSY],
)
async def test_g2_whatever_becomes_of_the_answer_the_route_is_created_once(
    brisk: Stage, fault: FaultKind
) -> None:
    (route,) = brisk.new_routes("once")
    card = await restore(brisk, await deleted(brisk, route))
    brisk.vpc.faults.add(
        Fault(kind=fault, action=CREATE, connection=route.vpn_connection_id, times=2)
    )
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.RESTORED
    assert creations(brisk, route) == 1
    assert len({call.client_token for call in brisk.vpc.calls_of(CREATE)}) == 1


async def test_g2_two_clicks_on_restore_make_one_request(brisk: Stage) -> None:
    (route,) = brisk.new_routes("twice")
    first = await deleted(brisk, route)
    card = await restore(brisk, first)
    await brisk.slack.click(BOB, first.channel, first.ts, RESTORE, stale=True)
    await brisk.say_why(BOB)
    await brisk.until_told(BOB, "There is already an open request for this")
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.RESTORED
    await brisk.slack.click(BOB, first.channel, first.ts, RESTORE, stale=True)
    await brisk.say_why(BOB)
    await brisk.until_told(BOB, "There is nothing to put back")
    assert creations(brisk, route) == 1


async def test_g3_a_restoration_waits_its_turn_on_the_connection(brisk: Stage) -> None:
    routes = brisk.new_routes("turn", 3)
    back = await restore(brisk, await deleted(brisk, routes[0]))
    cards = [await brisk.ask(delete_command(route)) for route in routes[1:]]
    for card in (cards[0], back, cards[1]):
        await brisk.approve(card)
    ended = [await brisk.until_ended(card) for card in (*cards, back)]
    states = [request.state for request in ended]
    assert states == [RequestState.DELETED, RequestState.DELETED, RequestState.RESTORED]
    assert brisk.vpc.overlaps() == []


async def test_g6_a_route_put_back_by_hand_meanwhile_voids_the_approval(brisk: Stage) -> None:
    (route,) = brisk.new_routes("byhand")
    card = await restore(brisk, await deleted(brisk, route))
    brisk.vpc.add_route(route.vpn_connection_id, route.route_dest)
    await brisk.approve(card)
    assert "is there already" in await brisk.until_shown(card, RequestState.VOID)
    assert creations(brisk, route) == 0


# --- what can't be undone --------------------------------------------------------------------


async def test_a_route_put_back_by_hand_before_is_told_and_nothing_is_recorded(
    brisk: Stage,
) -> None:
    (route,) = brisk.new_routes("already")
    first = await deleted(brisk, route)
    brisk.vpc.add_route(route.vpn_connection_id, route.route_dest)
    await brisk.slack.click(ALICE, first.channel, first.ts, RESTORE)
    await brisk.say_why(ALICE)
    await brisk.until_told(ALICE, "There is nothing to put back")
    assert await brisk.store.requests.open_ids() == []


async def test_a_request_that_is_still_open_or_unknown_is_told_as_such(brisk: Stage) -> None:
    (route,) = brisk.new_routes("open")
    card = await brisk.ask(delete_command(route))
    request: Request = await brisk.request(card)
    await brisk.command(f"restore {request.id}")
    await brisk.until_told(ALICE, f"Request {request.id} is still pending")
    await brisk.command("restore r-aaaaaaaaaa")
    await brisk.until_told(ALICE, "not known any more")


async def test_guests_can_not_ask_for_it(brisk: Stage) -> None:
    (route,) = brisk.new_routes("guest")
    first = await deleted(brisk, route)
    await brisk.slack.click(GINA, first.channel, first.ts, RESTORE)
    await brisk.until_told(GINA, "Guests can't use vco-route")
    assert await brisk.store.requests.open_ids() == []
