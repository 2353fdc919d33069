"""Socket Mode on a bad day: the bot hears again soon, and never says so while it does not.

The local Slack's websockets refuse, hang, fall silent, are renewed, and are turned off.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from time import monotonic

import aiohttp
import pytest
import pytest_asyncio
import structlog
from slack_sockets import Edge, FragileSockets
from stage import Stage
from waiting import until

from bot.sandbox.scene import APP_TOKEN
from bot.sandbox.slack import socket_mode as edge
from bot.sandbox.slack.deliver import Kind
from bot.sandbox.slack.workspace import ALICE, T_OTHER, Json
from bot.slack import connection, socket


@pytest_asyncio.fixture
async def bot(stage: Stage) -> AsyncIterator[str]:
    """A bot with all its websockets; its address."""
    url = await stage.start_bot(socket_mode=True)
    await stage.slack.until(lambda: len(stage.slack.sockets) == connection.SOCKETS)
    yield url
    # Whatever happened: it never came twice with one ticket.
    assert "ticket" not in stage.slack.sockets.refusals


@pytest.fixture
def brisk_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same count of pings, in less time."""
    monkeypatch.setattr(socket, "PING_SECONDS", 0.1)


async def readyz(url: str) -> tuple[int, str]:
    """The status, and what it says of the sockets."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        return answer.status, str((await answer.json())["socket"])


async def until_says(url: str, words: str) -> None:
    """Wait until readiness says `words` of the sockets; 200 belongs to `ok` alone."""
    async with asyncio.timeout(60):
        while True:
            status, said = await readyz(url)
            assert (status == 200) is (said == "ok")
            if words in said:
                return
            await asyncio.sleep(0.02)


async def seconds_until(condition: Callable[[], bool]) -> float:
    """Wait for it; the seconds that it took."""
    began = monotonic()
    await until(condition)
    return monotonic() - began


async def metric(url: str, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def answers(stage: Stage) -> None:
    """A command is taken in and answered."""
    assert (await stage.command("status")).error == ""
    await stage.until_told(ALICE, "Nothing is pending")


def all_back(sockets: FragileSockets) -> Callable[[], bool]:
    return lambda: len(sockets) == connection.SOCKETS


async def test_two_websockets_are_open_and_counted(stage: Stage, bot: str) -> None:
    assert await metric(bot, "vco_route_sockets_open") == len(stage.slack.sockets) == 2
    assert await metric(bot, "vco_route_socket_silence_seconds") < 10
    await answers(stage)


# --- outages -------------------------------------------------------------------------------


async def test_a_second_of_outage_is_over_soon_after_it_is_over(stage: Stage, bot: str) -> None:
    sockets = stage.slack.sockets
    sockets.cut(Edge.REFUSES)
    await until_says(bot, "no websocket to Slack")
    assert await metric(bot, "vco_route_sockets_open") == 0
    await until(lambda: len(sockets.refusals) >= 3)  # at 0, 0.5 and 1.5 s
    sockets.edge = Edge.OPEN
    assert await seconds_until(lambda: len(sockets) > 0) < 3
    await until_says(bot, "ok")
    await answers(stage)
    await until(all_back(sockets))


async def test_an_edge_that_takes_connections_and_says_nothing_holds_nobody(
    stage: Stage, bot: str
) -> None:
    sockets = stage.slack.sockets
    sockets.cut(Edge.HANGS)
    await until(lambda: len(sockets.refusals) == 1)
    await until_says(bot, "no websocket to Slack")
    # Well again, and the connection that hangs will never hear of it.
    sockets.edge = Edge.OPEN
    assert await seconds_until(all_back(sockets)) < socket.CONNECT_SECONDS + 2
    await answers(stage)


async def test_the_web_api_that_hands_out_tickets_may_be_away(stage: Stage, bot: str) -> None:
    stage.slack.faults.add("apps.connections.open", "http", times=1)
    stage.slack.faults.add("apps.connections.open", "html", times=1)
    stage.slack.sockets.cut()
    await until(all_back(stage.slack.sockets))
    await answers(stage)
    await until_says(bot, "ok")


async def test_told_to_wait_for_a_ticket_it_waits(stage: Stage, bot: str) -> None:
    stage.slack.faults.add("apps.connections.open", "rate_limited", retry_after=1)
    stage.slack.sockets.cut()
    await until_says(bot, "rate limited")
    assert len(stage.slack.sockets) == 0
    await until(all_back(stage.slack.sockets))


@pytest.mark.usefixtures("brisk_pings")
async def test_a_silent_half_open_connection_is_replaced(stage: Stage, bot: str) -> None:
    before = stage.slack.sockets.names
    stage.slack.sockets.freeze()
    await until(lambda: not set(before) & set(stage.slack.sockets.names))
    await until(all_back(stage.slack.sockets))
    await answers(stage)
    await until_says(bot, "ok")


async def test_silence_is_told_even_if_nobody_has_noticed_the_end(
    stage: Stage, bot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENT_SECONDS", 0.2)
    stage.slack.sockets.freeze()
    await until_says(bot, "nothing heard for")
    assert len(stage.slack.sockets) == 2


async def test_a_delivery_goes_on_when_its_connection_falls_silent(stage: Stage, bot: str) -> None:
    assert bot
    stage.slack.courier.ack_seconds = 0.3
    stage.slack.sockets.freeze(stage.slack.sockets.names[0])
    await answers(stage)
    first, again = stage.slack.deliveries
    assert (first.ack.error, again.ack.error) == ("operation_timeout", "")  # type: ignore[union-attr] # both are over


async def test_what_comes_again_on_another_connection_is_done_once(stage: Stage, bot: str) -> None:
    """The bot gets it and its acknowledgement is lost: Slack delivers it once more."""
    assert bot
    stage.slack.courier.ack_seconds = 0.3
    stage.slack.sockets.freeze(stage.slack.sockets.names[0], mute=False)
    card = await stage.ask()
    first, again = stage.slack.deliveries
    assert first.payload == again.payload
    assert first.to != again.to
    await stage.approve(card)
    await stage.until_deleted(card)
    assert len(stage.cards()) == stage.vpc.effects(stage.route) == 1
    assert stage.told(ALICE) == ""


# --- what Slack announces --------------------------------------------------------------------


async def test_a_connection_is_replaced_before_it_ends(stage: Stage, bot: str) -> None:
    assert bot
    sockets = stage.slack.sockets
    warned = sockets.names[0]
    await sockets.warn(warned, seconds=0.5)
    await until(lambda: len(sockets) == 3)
    assert warned in sockets.names
    await answers(stage)
    await until(lambda: warned not in sockets.names)
    assert len(sockets) == 2


async def test_an_end_that_was_announced_and_does_not_come_is_made(
    stage: Stage, bot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bot
    monkeypatch.setattr(socket, "RETIRE_SECONDS", 0.1)
    sockets = stage.slack.sockets
    warned = sockets.names[0]
    await sockets.warn(warned, seconds=60)
    await until(lambda: warned not in sockets.names)
    await until(all_back(sockets))


async def test_connections_that_slack_renews_come_back(stage: Stage, bot: str) -> None:
    await stage.slack.sockets.refresh()
    await until(all_back(stage.slack.sockets))
    await answers(stage)
    await until_says(bot, "ok")


async def test_socket_mode_that_is_turned_off_is_told_and_may_come_back(
    stage: Stage, bot: str
) -> None:
    await stage.slack.sockets.disable()
    await until_says(bot, "Socket Mode is turned off in the Slack app's settings")
    stage.slack.sockets.disabled = False
    await until(all_back(stage.slack.sockets))
    await until_says(bot, "ok")


async def test_a_revoked_app_token_is_told_and_a_mended_one_taken(stage: Stage, bot: str) -> None:
    with structlog.testing.capture_logs() as log:
        stage.slack.web_api.refused[APP_TOKEN] = "token_revoked"
        stage.slack.sockets.cut()
        await until_says(bot, "SLACK_APP_TOKEN: Slack answers token_revoked")
    told = [line for line in log if line["event"] == "no_socket"]
    assert told[0]["log_level"] == "error"
    assert APP_TOKEN not in json.dumps(log)
    stage.slack.web_api.refused.clear()
    await until(all_back(stage.slack.sockets))
    await until_says(bot, "ok")
    await answers(stage)


async def test_too_many_websockets_leave_the_one_that_is_open(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "MOST_SOCKETS", 1)
    url = await stage.start_bot(socket_mode=True)
    await until(lambda: "too_many_websockets" in stage.slack.sockets.refusals)
    await until_says(url, "ok")
    await answers(stage)
    # Wanting a second one it tries less and less often; wanting one at all it does not.
    await until(lambda: stage.slack.sockets.refusals.count("too_many_websockets") >= 4)
    stage.slack.sockets.cut()
    assert await seconds_until(lambda: len(stage.slack.sockets) == 1) < 2
    monkeypatch.setattr(edge, "MOST_SOCKETS", 10)
    stage.slack.sockets.cut()
    await until(all_back(stage.slack.sockets))


# --- what comes over it ----------------------------------------------------------------------


async def test_pings_of_slack_are_answered(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "PING_SECONDS", 0.02)
    monkeypatch.setattr(socket, "PING_SECONDS", 1000.0)  # they alone keep it open
    await stage.start_bot(socket_mode=True)
    sockets = stage.slack.sockets
    await until(all_back(sockets))
    first = sockets.socket(sockets.names[0])
    began = first.pings
    await until(lambda: first.pings > began + 10)
    assert first.name in sockets.names


async def test_what_is_not_understood_ends_no_connection(stage: Stage, bot: str) -> None:
    assert bot
    before = stage.slack.sockets.names
    odd: list[Json] = [{}, {"type": "news"}, {"type": "interactive", "envelope_id": "e"}]
    for turn in range(len(before)):
        to = stage.slack.sockets.pick(turn)
        assert to is not None
        for said in odd:
            await to.send(said)
        await to.ws.send_str("{")
        await to.ws.send_bytes(b"\xff")
    await stage.slack.courier.send(Kind.INTERACTIVE, {"type": "block_actions", "actions": 7})
    await answers(stage)
    assert stage.slack.sockets.names == before


async def test_another_workspace_is_refused_over_the_socket_too(stage: Stage, bot: str) -> None:
    assert bot
    stage.slack.workspace.team = T_OTHER
    await stage.command("status")
    await stage.until_told(ALICE, "This bot serves another workspace")
