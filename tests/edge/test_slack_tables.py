"""Tables meet a Slack that has none: the message is there all the same, sent once more."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack
from waiting import Clock

from bot.errors import SlackRejected, SlackUnavailable
from bot.sandbox.scene import BOT_TOKEN
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, NETWORK_OPS
from bot.slack.messages.mrkdwn import section
from bot.slack.messages.table import Column, raw, table
from bot.slack.web import Slack

BLOCKS = [section("Routes"), *table([Column("Route")], [[raw("10.0.0.0/8")]], [section("a list")])]


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def slack(local: StagedSlack, clock: Clock) -> Slack:
    client = AsyncWebClient(BOT_TOKEN, base_url=local.api_url, timeout=1, retry_handlers=[])
    return Slack(client, clock, spread=lambda _: 0.0)


def said(local: StagedSlack) -> list[str]:
    return [text_of(m).replace("\n", " ") for m in local.state.messages]


async def test_every_way_to_show_something_does_without(slack: Slack, local: StagedSlack) -> None:
    local.no_tables = True
    _, ts = await slack.post(NETWORK_OPS, "x", BLOCKS)
    assert said(local) == ["Routes a list"]
    for way in ("update", "post_ephemeral", "respond"):
        # Each meets it for the first time.
        fresh = Slack(slack.client, spread=lambda _: 0.0)
        match way:
            case "update":
                await fresh.update(NETWORK_OPS, ts, "x", BLOCKS)
            case "post_ephemeral":
                await fresh.post_ephemeral(NETWORK_OPS, ALICE, "x", BLOCKS)
            case _:
                url, _ = local.state.new_hook(ALICE, NETWORK_OPS)
                await fresh.respond(url, "x", BLOCKS)
    assert said(local) == ["Routes a list"] * 3
    assert [call.error for call in local.requests] == ["invalid_blocks", ""] * 4


async def test_what_was_refused_is_not_tried_again_for_an_hour(
    slack: Slack, local: StagedSlack, clock: Clock
) -> None:
    local.no_tables = True
    await slack.post(NETWORK_OPS, "x", BLOCKS)
    await slack.post(NETWORK_OPS, "x", BLOCKS)
    assert [call.error for call in local.requests] == ["invalid_blocks", "", ""]
    local.no_tables = False
    clock.now += 3601
    await slack.post(NETWORK_OPS, "x", BLOCKS)
    assert said(local)[-1] == "Routes Route 10.0.0.0/8"


async def test_a_slack_that_fails_over_a_table_gets_none_the_next_time(
    slack: Slack, local: StagedSlack, clock: Clock
) -> None:
    local.faults.add("chat.postMessage", "http", status=500)
    with pytest.raises(SlackUnavailable):
        await slack.post(NETWORK_OPS, "x", BLOCKS)
    assert said(local) == []
    await slack.post(NETWORK_OPS, "x", BLOCKS)
    clock.now += 61
    await slack.post(NETWORK_OPS, "x", BLOCKS)
    assert said(local) == ["Routes a list", "Routes Route 10.0.0.0/8"]


async def test_what_is_wrong_beside_the_table_is_an_error_as_ever(slack: Slack) -> None:
    wrong = {"type": "section", "text": {"type": "mrkdwn", "text": ""}}
    with pytest.raises(SlackRejected, match="invalid_blocks"):
        await slack.post(NETWORK_OPS, "x", [*BLOCKS, wrong])
    with pytest.raises(SlackRejected, match="channel_not_found"):
        await slack.post("C0NOWHERE", "x", BLOCKS)


async def test_a_refusal_by_a_response_url_is_one_at_whatever_status(
    slack: Slack, local: StagedSlack
) -> None:
    url, _ = local.state.new_hook(ALICE, NETWORK_OPS)
    local.faults.add("response_url", "error", error="used_url")
    with pytest.raises(SlackRejected, match="used_url"):
        await slack.respond(url, "hello")
