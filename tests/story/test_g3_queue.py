"""G3: one change at a time on a connection, in the order of the approvals."""

import asyncio
from itertools import pairwise

from stage import Stage, delete_command, request_id, versions

from bot.models import EventKind, RequestState
from bot.sandbox.slack.messages import text_of
from bot.sandbox.vpc.faults import FaultKind
from bot.sandbox.vpc.world import Pace

SLOWER = Pace(delay=0.3, seconds=0.7)
"""Slow to show: whoever sends at once meets a TaskConflict."""


async def test_requests_approved_at_once_run_one_after_another_in_their_order(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    await hurried.start_bot()  # across replicas too
    routes = hurried.new_routes("queue", 3, SLOWER)
    cards = [await hurried.ask(delete_command(route)) for route in routes]
    await asyncio.gather(*map(hurried.approve, cards))
    requests = [await hurried.until_ended(card) for card in cards]

    assert [r.state for r in requests] == [RequestState.DELETED] * 3
    assert hurried.vpc.overlaps() == []
    assert hurried.sends() == 3
    approvals = [who for who, event in await hurried.audit() if event.kind is EventKind.APPROVED]
    by_id = {r.id: r.routes[0].route for r in requests}
    tasks = hurried.vpc.service.world.accepted
    assert [task.record.route for task in tasks] == [by_id[one] for one in approvals]
    assert all(a.attached_at <= b.accepted_at for a, b in pairwise(tasks))

    # Those who waited were told how many were ahead of them.
    said = {request_id(card): "\n".join(versions(card)) for card in cards}
    assert "ahead on" not in said[approvals[0]]
    assert "Not started*: 1 request is ahead on " in said[approvals[1]]
    assert "Not started*: 2 requests are ahead on " in said[approvals[2]]


async def test_different_connections_do_not_wait_for_each_other(brisk: Stage) -> None:
    routes = [brisk.new_routes(f"side{n}", 1, SLOWER)[0] for n in range(3)]
    cards = [await brisk.ask(delete_command(route)) for route in routes]
    await asyncio.gather(*map(brisk.approve, cards))
    for card in cards:
        assert (await brisk.until_ended(card)).state is RequestState.DELETED
    tasks = brisk.vpc.service.world.accepted
    assert max(t.accepted_at for t in tasks) < min(t.attached_at for t in tasks)


async def test_the_queue_goes_on_after_every_kind_of_ending(hurried: Stage) -> None:
    """Void, failed, unconfirmed: whoever is next starts, and nobody else."""
    await hurried.start_bot(operation_timeout=6)
    routes = hurried.new_routes("endings", 4, SLOWER)
    connection = routes[0].vpn_connection_id
    hurried.vpc.set_state(connection, "updating")  # the first in the queue has to wait
    cards = [await hurried.ask(delete_command(route)) for route in routes]
    for card in cards:
        await hurried.approve(card)
        await hurried.until_event(card, EventKind.APPROVED)
    await hurried.until_card_says(cards[3], "Not started*: 3 requests are ahead")
    assert hurried.sends() == 0

    hurried.vpc.remove_route(routes[0])  # so the first is void
    hurried.fault(routes[1], FaultKind.ERROR, code="Resource.QuotaFull")
    hurried.fault(routes[2], FaultKind.FAILS_SILENTLY)
    hurried.vpc.set_state(connection, "attached")

    ended = [(await hurried.until_ended(card)).state for card in cards]
    assert ended == [
        RequestState.VOID,
        RequestState.FAILED,
        RequestState.UNCONFIRMED,
        RequestState.DELETED,
    ]
    assert hurried.vpc.overlaps() == []
    await hurried.until_card_says(cards[3], "Deleted 10.3.0.0/16")
    assert "3 requests" not in text_of(cards[3])
