"""Many at once: everybody's command is stored and answered, and nobody is refused."""

import asyncio
from pathlib import Path

from stage import Stage

from bot.redis_url import parse
from bot.sandbox.bot_process import BotProcess
from bot.sandbox.slack.workspace import ALICE
from bot.store import Database
from bot.store.client import key
from bot.store.connect import CONNECTIONS, connect

CROWD = 200
DELETIONS = 40
"""As many as the vendor's quotas let be looked up at once."""


async def test_two_hundred_commands_at_once_are_all_stored_and_answered(
    hurried: Stage, tmp_path: Path
) -> None:
    """Signed, over HTTP, to a bot that is a process of its own."""
    routes = [r for n in range(4) for r in hurried.new_routes(f"crowd{n}", DELETIONS // 4)]
    deletions = [f"delete {r.vpn_connection_id} {r.route_dest}" for r in routes]
    commands = [*deletions, *["history 10.99.0.0/16"] * (CROWD - DELETIONS)]
    bot = BotProcess(hurried.environment(), log=tmp_path / "log")
    await bot.start()
    hurried.slack.deliver_to(f"{bot.url}/slack/events")
    hurried.slack.courier.ack_seconds = 30.0  # machines are shared; speed is asked elsewhere
    try:
        acks = await asyncio.gather(*map(hurried.command, commands))
        refused = [a for a in acks if a.error or "could not be recorded" in a.body]
        assert not refused
        await hurried.slack.until(lambda: _answers(hurried) == CROWD, timeout=60)
    finally:
        await bot.stop()
    assert len(hurried.cards()) == DELETIONS
    assert len(await hurried.store.requests.open_ids()) == DELETIONS
    assert "unavailable" not in (tmp_path / "log").read_text()


def _answers(stage: Stage) -> int:
    told = stage.told(ALICE)
    return told.count("Asked for approval") + told.count("Nothing is remembered about")


async def test_a_crowd_waits_for_its_turn_on_few_connections(valkey_url: str) -> None:
    database = Database(connect(parse(valkey_url)))
    try:
        counted = await asyncio.gather(
            *(database.command("INCR", key("crowd")) for _ in range(10 * CONNECTIONS))
        )
        assert sorted(counted) == list(range(1, 10 * CONNECTIONS + 1))
        clients = str(await database.command("CLIENT", "LIST"))
    finally:
        await database.close()
    assert 1 < len(clients.splitlines()) <= CONNECTIONS
