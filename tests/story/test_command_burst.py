"""Many at once: everybody's command is stored and answered, and nobody is refused."""

import asyncio

import pytest
from stage import Stage

from bot.config.redis_url import parse
from bot.slack import listeners
from bot.slack import submissions as asks
from bot.store import Database
from bot.store.client import key
from bot.store.connect import CONNECTIONS, connect

CROWD = 200


async def test_two_hundred_commands_at_once_are_all_stored_and_answered(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed, over HTTP, each for a route of its own: each gets its card.

    All of it runs here, in one process on a shared machine: its speed is nothing to be judged.
    """
    # What approvers are told directly comes after the cards.
    await hurried.start_bot(VCO_CALL_UP_TO="0")
    hurried.slack.courier.ack_seconds = 60.0
    monkeypatch.setattr(listeners, "TURN_SECONDS", 60.0)
    monkeypatch.setattr(listeners, "STORE_SECONDS", 60.0)
    monkeypatch.setattr(asks, "CARD_SECONDS", 60.0)
    routes = [r for n in range(40) for r in hurried.new_routes(f"crowd{n}", CROWD // 40)]
    acks = await asyncio.gather(
        *(hurried.command(f"delete {r.vpn_connection_id} {r.route_dest}") for r in routes)
    )
    assert not [a for a in acks if a.error or "could not be recorded" in a.body]
    await hurried.slack.until(lambda: len(hurried.cards()) == CROWD, timeout=60)
    assert len(await hurried.store.requests.open_ids()) == CROWD


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
