"""G6: what was approved is what runs. The routes are read again right before the send."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from stage import Stage, delete_command, request_id

from bot.models import EventKind, RequestState, RouteKind, VcoRoute
from bot.sandbox.vpc.faults import Fault, FaultKind

CONNECTION = "vco-drift"
DEST, WIDER, ELSEWHERE = "10.1.1.0/24", "10.1.0.0/16", "172.31.0.0/16"


@pytest.fixture
def route(hurried: Stage) -> VcoRoute:
    """A route whose traffic a wider one would take over."""
    hurried.vpc.add_connection(CONNECTION, bgp=False)
    hurried.vpc.add_route(CONNECTION, WIDER)
    hurried.vpc.add_route(CONNECTION, ELSEWHERE)
    made = hurried.vpc.add_route(CONNECTION, DEST)
    hurried.hurry()
    return made


def replaced_with_another_weight(stage: Stage, route: VcoRoute) -> None:
    stage.vpc.remove_route(route)
    stage.vpc.add_route(CONNECTION, DEST, 0)


def gone(stage: Stage, route: VcoRoute) -> None:
    stage.vpc.remove_route(route)


def without_its_taker(stage: Stage, route: VcoRoute) -> None:
    stage.vpc.remove_route(replace(route, route_dest=WIDER))


def with_a_smaller_route_inside(stage: Stage, _: VcoRoute) -> None:
    stage.vpc.add_route(CONNECTION, "10.1.1.128/25")


def attached_otherwise(stage: Stage, _: VcoRoute) -> None:
    stage.vpc.connection(CONNECTION).attach_type = "VPNGW"


def with_bgp_and_a_route_inside(stage: Stage, _: VcoRoute) -> None:
    stage.vpc.connection(CONNECTION).bgp = True
    stage.vpc.add_route(CONNECTION, "10.1.1.128/25", kind=RouteKind.BGP)


@pytest.mark.parametrize(
    ("drift", "what_changed"),
    [
        (replaced_with_another_weight, "is gone already; there is 10.1.1.0/24 (weight 0) now."),
        (gone, "The route 10.1.1.0/24 (weight 100) is gone already."),
        (without_its_taker, "would have gone to 10.1.0.0/16 (weight 100) and would go to no route"),
        (with_a_smaller_route_inside, "Inside 10.1.1.0/24 there is 10.1.1.128/25"),
        (with_bgp_and_a_route_inside, "Inside 10.1.1.0/24 there is 10.1.1.128/25"),
        (attached_otherwise, "now."),
    ],
)
async def test_drift_between_approval_and_send_voids_the_approval_and_says_what_changed(
    brisk: Stage, route: VcoRoute, drift: Callable[[Stage, VcoRoute], None], what_changed: str
) -> None:
    card = await brisk.ask(delete_command(route))
    brisk.vpc.set_state(CONNECTION, "updating")  # somebody else's change keeps it busy
    await brisk.approve(card)
    await brisk.until_event(card, EventKind.WAITING)
    drift(brisk, route)
    brisk.vpc.set_state(CONNECTION, "attached")

    request = await brisk.until_ended(card)
    assert request.state is RequestState.VOID
    assert what_changed in request.why
    said = await brisk.until_card_says(card, what_changed)
    assert said.startswith(f"❌ Void: delete {DEST}")
    assert "Nothing was sent" in said
    await brisk.until_thread_says(card, what_changed)
    assert (request_id(card), EventKind.DRIFTED) in [(i, e.kind) for i, e in await brisk.audit()]
    assert brisk.sends() == 0


async def test_what_happens_to_unrelated_routes_voids_nothing(
    brisk: Stage, route: VcoRoute
) -> None:
    card = await brisk.ask(delete_command(route))
    brisk.vpc.set_state(CONNECTION, "updating")
    await brisk.approve(card)
    await brisk.until_event(card, EventKind.WAITING)
    brisk.vpc.add_route(CONNECTION, "10.200.0.0/16")
    brisk.vpc.remove_route(replace(route, route_dest=ELSEWHERE))
    brisk.vpc.set_state(CONNECTION, "attached")
    assert (await brisk.until_ended(card)).state is RequestState.DELETED


async def test_drift_while_the_cloud_says_busy_stops_the_next_attempt(
    brisk: Stage, route: VcoRoute
) -> None:
    """An attempt was made and refused: nothing was accepted, and the approval is void."""
    busy = Fault(
        kind=FaultKind.BUSY, action="DeleteVcoRouteEntry", connection=CONNECTION, times=None
    )
    armed = brisk.vpc.faults.add(busy)
    card = await brisk.ask(delete_command(route))
    await brisk.approve(card)
    await brisk.until_event(card, EventKind.WAITING)
    without_its_taker(brisk, route)
    await brisk.until_event(card, EventKind.DRIFTED)
    brisk.vpc.faults.remove(armed)
    assert (await brisk.until_ended(card)).state is RequestState.VOID
    said = await brisk.until_card_says(card, "would go to no route of this connection now")
    assert "Nothing was changed: " in said
    assert brisk.vpc.effects(route) == 0


async def test_drift_between_two_routes_of_one_request_stops_before_the_second(
    brisk: Stage, route: VcoRoute
) -> None:
    """The first route's own deletion is no drift; what somebody else does meanwhile is."""
    other = replace(route, route_dest=ELSEWHERE)
    card = await brisk.ask(delete_command(other, route))
    await brisk.approve(card)
    await brisk.until_event(card, EventKind.SENT)
    without_its_taker(brisk, route)
    request = await brisk.until_ended(card)
    assert [r.state for r in request.routes] == ["deleted", "failed"]
    assert "Only partly deleted" in await brisk.until_card_says(card, "would go to no route")
    assert brisk.sends() == 1
    assert brisk.vpc.route_present(route)
