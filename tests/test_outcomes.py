"""4 Execution, the endings: proof, patience, and requests of several routes.

Each request has a connection of its own, so that many of them run in one scene at once.
"""

import pytest
from msgspec.structs import replace
from stage import Stage, delete_command

from bot import engine
from bot.alibaba.client import VpcClient
from bot.models import RequestState, VcoRoute
from bot.sandbox.slack.messages import text_of
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind


async def test_what_can_not_be_proven_is_unconfirmed_and_proven_later(hurried: Stage) -> None:
    """A task that never ends: neither success nor failure, until it ends after all."""
    await hurried.start_bot(operation_timeout=2)
    (route,) = hurried.new_routes("stuck")
    hurried.fault(route, FaultKind.STUCK)
    card = await hurried.approved(route)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.UNCONFIRMED
    said = await hurried.until_card_says(card, "can't prove that it is gone")
    assert said.startswith("Unconfirmed: ")
    await hurried.until_thread_says(card, "*Unconfirmed*: sent, but not proven")

    connection = hurried.vpc.connection(route.vpn_connection_id)
    assert connection.task is not None
    now = hurried.vpc.service.clock()
    connection.task = replace(connection.task, attached_at=now, effect_at=now)
    await hurried.until_card_says(card, "Proven: updating seen, then attached")
    await hurried.until_thread_says(card, "Proven after all")
    assert (await hurried.request(card)).state is RequestState.DELETED
    assert len(hurried.sends_of(route)) == 1


async def test_at_the_deadline_only_what_was_accepted_is_unconfirmed(hurried: Stage) -> None:
    """A task that changed nothing is unconfirmed; one that was never begun has failed."""
    await hurried.start_bot(operation_timeout=2)
    nothing, never = (hurried.new_routes(name)[0] for name in ("nothing", "never"))
    hurried.fault(nothing, FaultKind.FAILS_SILENTLY)
    hurried.fault(never, FaultKind.BUSY, times=None)
    ended = await hurried.all_ended({"nothing": nothing, "never": never})
    assert ended["nothing"][0].state is RequestState.UNCONFIRMED
    assert ended["never"][0].state is RequestState.FAILED
    await hurried.until_card_says(ended["never"][1], "Nothing was changed.")


async def test_a_step_that_keeps_failing_ends_unconfirmed_and_is_looked_at_still(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here no step lives long enough to hear the API, and the deletion worked all the same."""
    monkeypatch.setattr(engine, "MAX_TRIES", 1)
    # Each call may take longer than its whole step, which is never so in a deployment.
    monkeypatch.setattr(
        "bot.app.VpcClient", lambda *args, **_: VpcClient(*args, attempt_seconds=25.0)
    )
    await hurried.start_bot(VCO_LEASE="1")
    (route,) = hurried.new_routes("failing")
    card = await hurried.ask(delete_command(route))
    hurried.fault(route, FaultKind.HANG_AFTER)
    await hurried.approve(card)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.UNCONFIRMED
    await hurried.until_thread_says(card, "Needs attention: the bot has stopped working on this")
    await hurried.until_card_says(card, "Proven:")
    assert hurried.vpc.effects(route) == 1


async def test_the_routes_of_a_request_go_one_after_another(brisk: Stage) -> None:
    routes = brisk.new_routes("several", 3)
    card = await brisk.approved(*routes)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.DELETED
    assert brisk.vpc.overlaps() == []
    sends = brisk.sends_of(routes[0])
    assert [c.params["RouteDest"] for c in sends] == [r.route_dest for r in routes]
    assert len({c.client_token for c in sends}) == 3
    said = await brisk.until_card_says(card, "Deleted 3 routes")
    assert all(f"`{route.route_dest}` · deleted" in said for route in routes)


async def test_a_request_stops_at_its_first_failure_and_sends_the_rest_not(brisk: Stage) -> None:
    routes = brisk.new_routes("partly", 3)
    brisk.fault(routes[0], FaultKind.ERROR, code="Resource.QuotaFull", skip=1)
    card = await brisk.approved(*routes)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.FAILED
    assert [r.state for r in request.routes] == ["deleted", "failed", "failed"]
    assert request.routes[2].sends == 0
    said = await brisk.until_card_says(card, "Only partly deleted: 3 routes")
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
    assert request.routes[0].watch.absent_reads == 3
    await brisk.until_card_says(card, "Proven: attached and the route absent, three reads in a row")


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
