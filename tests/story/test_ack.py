"""Slack waits three seconds: commands and clicks are acknowledged at once, whatever else hangs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from functools import partial

import httpx
import pytest
import pytest_asyncio
import structlog
from stage import DELETE_ONE, Stage, request_id
from waiting import until

from bot.alibaba.transport import new_http_client
from bot.models import EventKind, RequestState
from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB
from bot.sandbox.valkey import EmbeddedValkey
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.slack.listeners import NOT_STORED
from bot.slack.messages.buttons import REJECT

AT_ONCE = 2.5
"""Seconds, well within the three after which Slack shows an error."""


def at_once(ack: Ack) -> bool:
    """Whether Slack got its acknowledgement in time."""
    return ack.status == 200 and not ack.error and ack.seconds < AT_ONCE


async def test_while_the_api_hangs_everybody_is_answered_at_once_and_told_later(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As patient as always would be 10 s for each call.
    monkeypatch.setattr(
        "bot.service.app.new_http_client", partial(new_http_client, httpx.Timeout(1.0))
    )
    await hurried.start_bot()
    card = await hurried.ask()
    hanging = hurried.vpc.faults.add(Fault(kind=FaultKind.HANG, seconds=None, times=None))

    acks = await asyncio.gather(
        hurried.command(f"list {seed.ORDINARY}"),
        hurried.command(f"delete {seed.ORDINARY} {seed.LONE_DEST}"),
        hurried.command("status"),
        hurried.approve(card),
    )
    assert all(map(at_once, acks)), acks
    await hurried.slack.until(lambda: hurried.told(ALICE).count("Nothing was changed") == 2)
    assert request_id(card) in hurried.told(ALICE)  # the status
    await hurried.until_event(card, EventKind.APPROVED)

    hurried.vpc.faults.remove(hanging)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


@pytest_asyncio.fixture
async def own_valkey() -> AsyncIterator[EmbeddedValkey]:
    """A server that this test may kill."""
    async with EmbeddedValkey(appendonly=True) as server:
        yield server


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_while_redis_is_away_nothing_is_recorded_and_everybody_is_told_so_at_once(
    own_valkey: EmbeddedValkey, how: str
) -> None:
    async with Stage(own_valkey.url) as stage:
        stage.hurry()
        await stage.start_bot()
        card = await stage.ask()
        before = len(stage.cards())
        pid = own_valkey.pid
        assert pid is not None
        if how == "killed":
            await own_valkey.kill()
        else:
            os.kill(pid, signal.SIGSTOP)
        try:
            with structlog.testing.capture_logs() as logs:
                acks = await asyncio.gather(
                    stage.command(DELETE_ONE), stage.command("status"), stage.approve(card)
                )
        finally:
            if how == "killed":
                await own_valkey.start()
            else:
                os.kill(pid, signal.SIGCONT)
        assert all(map(at_once, acks)), acks
        assert acks[0].body == acks[1].body == NOT_STORED
        await stage.until_told(BOB, NOT_STORED)
        assert [e["event"] for e in logs].count("payload_not_stored") == len(acks)

        assert len(stage.cards()) == before
        assert (await stage.request(card)).state is RequestState.PENDING
        assert stage.sends() == 0
        # And once it is back, the same click counts.
        await stage.approve(card)
        assert (await stage.until_ended(card)).state is RequestState.DELETED


async def test_a_listener_that_is_late_is_not_taken_for_none(
    own_valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bolt calls a request unhandled too where it was not acknowledged in three seconds."""
    monkeypatch.setattr("bot.slack.listeners.STORE_SECONDS", 10)
    async with Stage(own_valkey.url) as stage:
        await stage.start_bot()
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        try:
            with structlog.testing.capture_logs() as logs:
                await stage.command(DELETE_ONE)
                await until(lambda: any(line["event"] == "acknowledged_late" for line in logs))
        finally:
            os.kill(own_valkey.pid, signal.SIGCONT)
        assert not any(line["event"] == "unknown_payload" for line in logs)
        assert "Nothing happened" not in stage.told(ALICE)


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket mode"])
async def test_a_click_that_opens_nothing_and_can_not_be_answered_is_not_acknowledged(
    hurried: Stage, *, socket_mode: bool
) -> None:
    """Slack itself then shows that it failed. Acknowledged, it would have said nothing."""
    await hurried.start_bot(socket_mode=socket_mode)
    card = await hurried.ask()
    hurried.slack.courier.ack_seconds = AT_ONCE
    for method in ("views.open", "response_url"):
        hurried.slack.faults.add(method, "http", times=None)
    with structlog.testing.capture_logs() as logs:
        ack = await hurried.slack.click(BOB, card.channel, card.ts, REJECT)
    assert ack.error, "nobody was told, and it was acknowledged"
    assert not any(line["event"] == "acknowledged_late" for line in logs), "it was not late"

    hurried.slack.faults.clear()
    assert at_once(await hurried.reject(card, "it is in use"))
    assert (await hurried.until_ended(card)).state is RequestState.REJECTED


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket mode"])
async def test_a_home_that_was_opened_while_redis_was_away_is_shown_once_it_is_back(
    own_valkey: EmbeddedValkey, *, socket_mode: bool
) -> None:
    async with Stage(own_valkey.url) as stage:
        await stage.start_bot(socket_mode=socket_mode)
        stage.slack.courier.retry_delays = (0.0, 0.5, 1.0, 2.0, 4.0)
        deliveries = stage.slack.courier.deliveries
        assert own_valkey.pid is not None
        os.kill(own_valkey.pid, signal.SIGSTOP)
        try:
            stage.slack.open_home(BOB)
            await stage.slack.until(lambda: deliveries and deliveries[-1].retry)
        finally:
            os.kill(own_valkey.pid, signal.SIGCONT)
        assert deliveries[0].ack is not None
        assert deliveries[0].ack.error, "what was not stored is not acknowledged"
        await stage.slack.until(lambda: "How to ask" in text_of(stage.slack.home(BOB)))
