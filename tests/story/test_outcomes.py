"""4 Execution, the endings: proof, time limits, and requests of several routes.

Each request has a connection of its own, so that many of them run in one scene at once.
"""

from msgspec.structs import replace
from stage import Stage, delete_command

from bot.models import RequestState, VcoRoute
from bot.sandbox.slack.messages import text_of
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind


async def test_the_routes_of_a_request_go_one_after_another(brisk: Stage) -> None:
    routes = brisk.new_routes("several", 3)
    card = await brisk.approved(*routes)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.DELETED
    assert brisk.vpc.overlaps() == []
    sends = brisk.sends_of(routes[0])
    assert [c.params["RouteDest"] for c in sends] == [r.route_dest for r in routes]
    assert len({c.client_token for c in sends}) == 3
    said = await brisk.until_deleted(card)
    assert all(f"`{route.route_dest}` · deleted" in said for route in routes)


async def test_a_request_stops_at_its_first_failure_and_sends_the_rest_not(brisk: Stage) -> None:
    routes = brisk.new_routes("partly", 3)
    brisk.fault(routes[0], FaultKind.ERROR, code="Resource.QuotaFull", skip=1)
    card = await brisk.approved(*routes)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.FAILED
    assert [r.state for r in request.routes] == ["deleted", "failed", "failed"]
    assert request.routes[2].sends == 0
    said = await brisk.until_card_says(card, "Only partly deleted: ")
    assert "`10.0.0.0/16` · deleted\n`10.1.0.0/16` · not deleted" in said
    assert len(brisk.sends_of(routes[0])) == 2


async def test_a_connection_that_is_not_attached_is_waited_for(brisk: Stage) -> None:
    (route,) = brisk.new_routes("updating")
    brisk.vpc.set_state(route.vpn_connection_id, "updating")
    card = await brisk.ask(delete_command(route))
    assert "the deletion waits until it is attached" in text_of(card)
    await brisk.approve(card)
    await brisk.until_thread_says(card, "Waiting: The connection is updating.")
    assert brisk.sends() == 0
    brisk.vpc.set_state(route.vpn_connection_id, "attached")
    assert (await brisk.until_ended(card)).state is RequestState.DELETED


async def test_a_connection_that_will_not_be_attached_again_is_not_waited_for(
    brisk: Stage,
) -> None:
    (route,) = brisk.new_routes("detached")
    card = await brisk.ask(delete_command(route))
    brisk.vpc.set_state(route.vpn_connection_id, "detached")
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.FAILED
    await brisk.until_card_says(card, "The connection is detached")
    assert brisk.sends() == 0


async def test_of_two_routes_to_one_block_only_the_one_with_the_weight_goes(
    brisk: Stage,
) -> None:
    standby = VcoRoute(
        vpn_connection_id=seed.TWINS, route_dest=seed.TWIN_DEST, next_hop=seed.TWINS, weight=0
    )
    card = await brisk.approved(standby)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    assert not brisk.vpc.route_present(standby)
    assert brisk.vpc.route_present(replace(standby, weight=100))
    assert brisk.sends_of(standby)[0].params["Weight"] == "0"


async def test_where_updating_was_never_seen_three_reads_prove_it(brisk: Stage) -> None:
    (route,) = brisk.new_routes("quiet")
    brisk.fault(route, FaultKind.NEVER_UPDATING)
    card = await brisk.approved(route)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.DELETED
    assert not request.routes[0].watch.updating_seen
    assert request.routes[0].watch.settled_reads == 3
    await brisk.until_card_says(
        card, "Confirmed: the route is gone and the connection is attached, three reads in a row"
    )


async def test_a_listing_that_flaps_proves_a_deletion_only_when_it_has_come_to_rest(
    brisk: Stage,
) -> None:
    (route,) = brisk.new_routes("flapping")
    armed = brisk.vpc.faults.add(
        Fault(kind=FaultKind.FLAPS, connection=route.vpn_connection_id, times=4)
    )
    card = await brisk.approved(route)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.DELETED
    assert armed.hits == 4
    watch = request.routes[0].watch
    assert watch.contradicted
    assert watch.settled_reads == 3
    await brisk.until_card_says(
        card, "Confirmed: the route is gone and the connection is attached, three reads in a row"
    )


async def test_a_listing_that_flaps_does_not_prove_a_deletion_that_changed_nothing(
    hurried: Stage,
) -> None:
    await hurried.start_bot(operation_timeout=4)
    (route,) = hurried.new_routes("flapping")
    connection = route.vpn_connection_id
    hurried.fault(route, FaultKind.FAILS_SILENTLY)
    hurried.vpc.faults.add(Fault(kind=FaultKind.FLAPS, connection=connection, times=None))
    card = await hurried.approved(route)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.UNCONFIRMED
    assert hurried.vpc.route_present(route)
    assert request.routes[0].watch.contradicted


async def test_a_watch_that_the_api_interrupts_goes_on(brisk: Stage) -> None:
    """Reads that fail after the send cost time, not the outcome."""
    (route,) = brisk.new_routes("interrupted")
    card = await brisk.ask(delete_command(route))
    connection = route.vpn_connection_id
    kinds = (FaultKind.HTML_BEFORE, FaultKind.RESET, FaultKind.TRUNCATED, FaultKind.ERROR)
    read = "DescribeVpnConnection"
    for kind in kinds:
        # The first read is the look before the send.
        brisk.vpc.faults.add(Fault(kind=kind, action=read, connection=connection, skip=1))
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    assert len(brisk.sends_of(route)) == 1
