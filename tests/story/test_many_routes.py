"""Many routes in one request: a table where Slack has tables, and the same in lines where not."""

import pytest
from stage import Stage, delete_command

from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE
from bot.slack.messages.buttons import APPROVE, RESTORE

COUNT = 4


def has_table(message: Message) -> bool:
    return any(block["type"] == "table" for block in message.blocks)


def buttons(message: Message) -> list[str]:
    return [
        e["action_id"] for b in message.blocks for e in b.get("elements", []) if "action_id" in e
    ]


@pytest.mark.parametrize("tables", [True, False], ids=["with tables", "without"])
async def test_many_routes_are_approved_and_deleted_whether_slack_has_tables_or_not(
    brisk: Stage, *, tables: bool
) -> None:
    brisk.slack.no_tables = not tables
    routes = brisk.new_routes("many", COUNT)
    await brisk.command(f"list {routes[0].vpn_connection_id}")
    listed = await brisk.slack.until(lambda: next(iter(brisk.slack.ephemerals(ALICE)), None))
    assert has_table(listed) is tables
    assert [r.route_dest in text_of(listed) for r in routes] == [True] * COUNT

    card = await brisk.ask(delete_command(*routes))
    assert has_table(card) is tables
    assert APPROVE in buttons(card)
    assert "⛔ *Traffic of 4 of 4 routes loses its route.*" in text_of(card)
    await brisk.approve(card)
    said = await brisk.until_deleted(card)
    assert has_table(card) is tables
    assert said.count("have no route on this connection now") == COUNT
    assert said.count("✅ deleted" if tables else "` · deleted") == COUNT
    assert RESTORE in buttons(card)
    assert brisk.sends() == COUNT
    # What was refused once is not tried with each edit.
    refused = [call for call in brisk.slack.requests if call.error == "invalid_blocks"]
    assert len(refused) == (0 if tables else 1)
