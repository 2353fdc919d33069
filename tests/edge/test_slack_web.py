"""Slack's Web API as it is called: its answers, good and bad, in our own words."""

import logging
from contextlib import suppress

import pytest
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack
from waiting import Clock

from bot.config.secret import Secret
from bot.errors import (
    ScopeMissing,
    SlackError,
    SlackRateLimited,
    SlackRejected,
    SlackTokenRefused,
    SlackUnavailable,
)
from bot.sandbox.scene import BOT_TOKEN
from bot.sandbox.slack.workspace import ALICE, BOB, BOT, CAROL, DORA, GINA, NETWORK_OPS, RANDOM
from bot.service.app import slack_client
from bot.slack.budget import Priority
from bot.slack.web import Slack


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def slack(local: StagedSlack, clock: Clock) -> Slack:
    client = AsyncWebClient(BOT_TOKEN, base_url=local.api_url, timeout=1, retry_handlers=[])
    return Slack(client, clock, spread=lambda _: 0.0)


async def test_no_call_is_written_down_for_a_log_that_nobody_reads(
    local: StagedSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """slack_sdk puts whole answers into words for it, which costs as much as decoding them."""
    written: list[object] = []
    monkeypatch.setattr(logging.Logger, "debug", lambda _, *words: written.append(words))
    client = slack_client(Secret(BOT_TOKEN), local.api_url)
    await Slack(client).read("users.info", user=BOB)
    assert not [words for words in written if "users.info" in str(words)]


async def test_a_post_says_where_it_stands(slack: Slack, local: StagedSlack) -> None:
    channel, ts = await slack.post(NETWORK_OPS, "hello", [])
    assert (channel, ts) == (NETWORK_OPS, local.messages(NETWORK_OPS)[0].ts)
    assert await slack.permalink(channel, ts) == f"{local.url}/archives/{channel}/p" + ts.replace(
        ".", ""
    )


@pytest.mark.parametrize(
    ("kind", "details", "becomes"),
    [
        ("http", {"status": 500}, SlackUnavailable),
        ("http", {"status": 503, "error": "service_unavailable"}, SlackUnavailable),
        ("html", {}, SlackUnavailable),
        ("empty", {}, SlackUnavailable),
        ("lost", {}, SlackUnavailable),
        ("hang", {"seconds": 3.0}, SlackUnavailable),
        ("error", {"error": "internal_error"}, SlackUnavailable),
        ("error", {"error": "ratelimited"}, SlackRateLimited),
        ("error", {"error": "rate_limited"}, SlackRateLimited),
        ("error", {"error": "message_limit_exceeded"}, SlackRateLimited),
        ("error", {"error": "token_revoked"}, SlackTokenRefused),
        ("error", {"error": "missing_scope"}, ScopeMissing),
        ("error", {"error": "is_archived"}, SlackRejected),
        ("rate_limited", {"retry_after": 7}, SlackRateLimited),
    ],
)
async def test_every_bad_answer_has_its_error(
    slack: Slack, local: StagedSlack, kind: str, details: dict[str, int], becomes: type[SlackError]
) -> None:
    local.faults.add("chat.postMessage", kind, **details)  # type: ignore[arg-type] # each its own
    with pytest.raises(becomes):
        await slack.post(NETWORK_OPS, "hello", [])
    # Nothing is repeated here: a post that is sent again unseen would stand there twice.
    assert [call.method for call in local.requests] == ["chat.postMessage"]


async def test_a_method_is_not_called_before_its_time(
    slack: Slack, local: StagedSlack, clock: Clock
) -> None:
    local.faults.add("chat.update", "rate_limited", retry_after=7)
    _, ts = await slack.post(NETWORK_OPS, "hello", [])
    for waited, left in ((0.0, 7.0), (5.0, 2.0)):
        clock.now = 100.0 + waited
        with pytest.raises(SlackRateLimited) as limited:
            await slack.update(NETWORK_OPS, ts, "bye", [])
        assert limited.value.retry_after == left
    assert [call.method for call in local.requests] == ["chat.postMessage", "chat.update"]
    clock.now = 107.0
    await slack.update(NETWORK_OPS, ts, "bye", [])
    assert local.messages(NETWORK_OPS)[0].text == "bye"


async def test_a_channel_that_is_full_does_not_silence_the_others(
    slack: Slack, local: StagedSlack
) -> None:
    local.faults.add("chat.postMessage", "rate_limited", retry_after=30)
    with pytest.raises(SlackRateLimited):
        await slack.post(NETWORK_OPS, "hello", [])
    assert await slack.post(ALICE, "hello", [])
    with pytest.raises(SlackRateLimited):
        await slack.post(NETWORK_OPS, "hello", [])


async def test_a_refusal_names_slacks_own_code(slack: Slack) -> None:
    with pytest.raises(SlackRejected) as refused:
        await slack.post_ephemeral(RANDOM, GINA, "hello")
    assert refused.value.code == "not_in_channel"


@pytest.mark.parametrize("address", ["/response/unknown", "/nowhere"])
async def test_a_response_url_that_does_not_take_the_answer_is_an_error(
    slack: Slack, local: StagedSlack, address: str
) -> None:
    with pytest.raises(SlackRejected, match=r"http_404|expired_url"):
        await slack.respond(local.url + address, "hello")


@pytest.mark.parametrize("kind", ["http", "rate_limited", "lost"])
async def test_a_response_url_that_is_away_can_be_tried_again(
    slack: Slack, local: StagedSlack, kind: str
) -> None:
    url, _ = local.state.new_hook(ALICE, NETWORK_OPS)
    local.faults.add("response_url", kind)
    with pytest.raises(SlackUnavailable):
        await slack.respond(url, "hello")
    await slack.respond(url, "hello")
    assert local.ephemerals(ALICE)


async def test_direct_messages_that_call_people_share_a_limit_and_take_nothing_of_a_channels(
    slack: Slack, local: StagedSlack
) -> None:
    local.limits.enabled = False
    channels = [await slack.open_direct(user) for user in (ALICE, BOB, CAROL)]
    called = 0
    with suppress(SlackRateLimited):
        for channel in channels * 10:
            await slack.post(channel, "?", [], priority=Priority.DIRECT)
            called += 1
    assert 1 <= called <= 5, "whoever is called, as many as in one channel"
    for _ in range(5):
        await slack.post(NETWORK_OPS, "a card", [])


async def test_the_channel_of_direct_messages_with_somebody_is_always_the_same(
    slack: Slack,
) -> None:
    assert await slack.open_direct(BOB) == await slack.open_direct(BOB)
    for user, code in ((BOT, "cannot_dm_bot"), (DORA, "user_disabled"), ("U0", "user_not_found")):
        with pytest.raises(SlackRejected, match=code):
            await slack.open_direct(user)
