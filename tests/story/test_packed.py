"""What is old is packed, and nobody notices."""

import asyncio

from program import run
from stage import Stage, delete_command, request_id

from bot.models import RequestState
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE
from bot.store.client import key
from bot.store.packing import AGE
from bot.store.records import INDEX


async def until_packed(stage: Stage, card: Message) -> None:
    """Let a request be one of long ago, and wait until the bot has packed it."""
    command, name = stage.store.database.command, request_id(card)
    await stage.stop_bots()
    await command("SET", key("packed"), 0)
    await command("ZADD", INDEX, await stage.store.database.now() - AGE - 60, name)
    await stage.start_bot()
    async with asyncio.timeout(10):
        while str(await command("HGET", key("request", name), "data")).startswith("{"):
            await asyncio.sleep(0.05)


async def answer(stage: Stage, text: str) -> str:
    """What a command is answered."""
    before = len(stage.slack.ephemerals(ALICE))
    await stage.command(text)
    said = await stage.slack.until(lambda: stage.slack.ephemerals(ALICE)[before:])
    return text_of(said[0])


async def test_what_is_packed_is_shown_and_put_back_as_before(brisk: Stage) -> None:
    [route] = brisk.new_routes("packed")
    card = await brisk.ask(delete_command(route))
    await brisk.approve(card)
    await brisk.until_deleted(card)
    name = request_id(card)
    asked = [f"history {about}" for about in (name, "vco-packed", "10.0.7.7", "")]
    asked.append(f"status {name}")
    before = [await answer(brisk, text) for text in asked]
    receipt = await run("requests", "show", name, **brisk.environment())
    await until_packed(brisk, card)
    assert [await answer(brisk, text) for text in asked] == before
    assert await run("requests", "show", name, **brisk.environment()) == receipt

    back = await brisk.restore(card)
    await brisk.approve(back)
    await brisk.until_shown(back, RequestState.RESTORED)
    assert brisk.vpc.route_present(route)
