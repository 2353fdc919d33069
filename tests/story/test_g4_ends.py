"""G4 Every approved request ends: in `deleted`, `failed` or `unconfirmed`, whatever happens."""

import pytest
from stage import Stage, delete_command

from bot.alibaba.client import VpcClient
from bot.execution import worker
from bot.models import EventKind, RequestState
from bot.sandbox.vpc.faults import FaultKind
from bot.sandbox.vpc.world import Pace


async def test_what_can_not_be_proven_is_unconfirmed_and_proven_later(hurried: Stage) -> None:
    """A task that never ends: neither success nor failure, until it ends after all."""
    await hurried.start_bot(operation_timeout=2)
    (route,) = hurried.new_routes("stuck")
    hurried.fault(route, FaultKind.STUCK)
    card = await hurried.approved(route)
    said = await hurried.until_shown(card, RequestState.UNCONFIRMED)
    assert said.startswith("⚠️ Sent, not confirmed: ")
    assert any("*Sent, not confirmed*" in line for line in hurried.thread(card))

    hurried.end_task(route.vpn_connection_id)
    assert "Confirmed: the route is gone" in await hurried.until_deleted(card)
    assert any("Confirmed after all" in line for line in hurried.thread(card))
    assert len(hurried.sends_of(route)) == 1


async def test_a_connection_attached_otherwise_in_mid_deletion_proves_nothing(
    hurried: Stage,
) -> None:
    """Its routes can't be listed any more, and that says nothing of ours."""
    await hurried.start_bot(operation_timeout=2)
    (route,) = hurried.new_routes("otherwise")
    hurried.fault(route, FaultKind.FAILS_SILENTLY)
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.SENT)
    hurried.vpc.connection(route.vpn_connection_id).attach_type = "VPNGW"
    assert (await hurried.until_ended(card)).state is RequestState.UNCONFIRMED
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


async def test_what_is_accepted_just_before_the_deadline_is_watched_for_its_whole_time(
    hurried: Stage,
) -> None:
    """It was refused as busy until then; given up at once, the next one would run into our task."""
    await hurried.start_bot(operation_timeout=4)
    (route,) = hurried.new_routes("late", pace=Pace(delay=0.1, seconds=3.0))
    hurried.fault(route, FaultKind.BUSY, times=None, seconds=2.5)
    request = await hurried.until_ended(await hurried.approved(route))
    (change,) = request.routes
    (sent,) = (e for e in request.timeline if e.kind is EventKind.SENT)
    assert sent.at - change.first_sent_at > 2, "accepted early shows nothing"
    assert request.state is RequestState.DELETED
    assert request.ended_at > change.first_sent_at + 4


async def test_a_step_that_keeps_failing_ends_unconfirmed_and_is_looked_at_still(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here no step lives long enough to hear the API, and the deletion worked all the same."""
    monkeypatch.setattr(worker, "MAX_TRIES", 1)
    # Each call may take longer than its whole step, which is never so in a deployment.
    monkeypatch.setattr(
        "bot.service.app.VpcClient", lambda *args, **_: VpcClient(*args, attempt_seconds=25.0)
    )
    await hurried.start_bot(VCO_LEASE="1")
    (route,) = hurried.new_routes("failing")
    card = await hurried.ask(delete_command(route))
    hurried.fault(route, FaultKind.HANG_AFTER)
    await hurried.approve(card)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.UNCONFIRMED
    await hurried.until_thread_says(card, "Needs attention: the bot has stopped working on this")
    await hurried.until_deleted(card)
    assert hurried.vpc.effects(route) == 1
