"""The local Slack is as strict as the real one where kindness would let a fault through."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from stage import Stage
from staged_slack import StagedSlack

from bot.errors import SlackRejected
from bot.sandbox.scene import BOT_TOKEN
from bot.sandbox.slack.rate_limits import Rate, Tier
from bot.sandbox.slack.web_api import METHODS
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, NETOPS, NETWORK_OPS, PARTNERS, Json
from bot.slack.posted import metadata
from bot.slack.web import Slack


@pytest.fixture
def client(local: StagedSlack) -> AsyncWebClient:
    return AsyncWebClient(BOT_TOKEN, base_url=local.api_url, timeout=2, retry_handlers=[])


READS: dict[str, tuple[Json, str]] = {
    "users.info": ({"user": ALICE}, "user_not_found"),
    "conversations.info": ({"channel": NETWORK_OPS}, "invalid_arguments"),
    "usergroups.users.list": ({"usergroup": NETOPS}, "invalid_arguments"),
    "conversations.history": ({"channel": NETWORK_OPS}, "invalid_arguments"),
    "conversations.replies": ({"channel": NETWORK_OPS, "ts": "1"}, "invalid_arguments"),
    "chat.getPermalink": ({"channel": NETWORK_OPS, "message_ts": "1"}, "invalid_arguments"),
}
"""Methods that read, and what each says where it is given nothing."""


@pytest.mark.parametrize("method", READS)
async def test_a_method_that_reads_overlooks_json(client: AsyncWebClient, method: str) -> None:
    arguments, error = READS[method]
    with pytest.raises(SlackApiError) as refused:
        await client.api_call(method, json=arguments)
    assert refused.value.response["error"] == error
    assert METHODS[method].form_only


async def test_a_method_that_writes_takes_a_form_and_json(client: AsyncWebClient) -> None:
    arguments = {"channel": NETWORK_OPS, "text": "hello"}
    as_json = await client.api_call("chat.postMessage", json=arguments)
    as_form = await client.api_call("chat.postMessage", data=arguments)
    assert as_json["message"]["text"] == as_form["message"]["text"] == "hello"


async def test_the_bots_own_reads_are_forms(client: AsyncWebClient) -> None:
    answer = await Slack(client).read("users.info", user=ALICE)
    assert answer["user"]["id"] == ALICE
    with pytest.raises(SlackRejected):
        await Slack(client).call("users.info", user=ALICE)


@pytest.mark.parametrize(("event_type", "kept"), [("vco_route_told", True), ("vco-route", False)])
async def test_metadata_of_a_name_that_slack_does_not_like_is_dropped_without_a_word(
    client: AsyncWebClient, local: StagedSlack, event_type: str, *, kept: bool
) -> None:
    bears = {"event_type": event_type, "event_payload": {"request": "r-1"}}
    await client.chat_postMessage(channel=NETWORK_OPS, text="hello", metadata=bears)
    assert local.messages(NETWORK_OPS)[0].metadata == (bears if kept else {})


async def test_the_bots_own_metadata_is_kept(client: AsyncWebClient, local: StagedSlack) -> None:
    bears = metadata("r-1", "line 2")
    await Slack(client).post(NETWORK_OPS, "hello", [], metadata=bears)
    assert local.messages(NETWORK_OPS)[0].metadata == bears


async def test_text_that_is_far_too_long_is_cut_with_a_warning(client: AsyncWebClient) -> None:
    answer = await client.chat_postMessage(channel=NETWORK_OPS, text="x" * 40_001)
    assert len(answer["message"]["text"]) == 40_000
    assert answer["warning"] == "message_truncated"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("archived", "is_inactive"),
        ("edits", "edit_window_closed"),
        ("author", "cant_update_message"),
    ],
)
async def test_edits_that_slack_does_not_take(
    client: AsyncWebClient, local: StagedSlack, change: str, error: str
) -> None:
    posted = await client.chat_postMessage(channel=NETWORK_OPS, text="hello")
    if change == "archived":
        local.workspace.channels[NETWORK_OPS].archived = True
    elif change == "edits":
        local.workspace.edit_seconds = 0.0
    else:
        local.messages(NETWORK_OPS)[0].user = ALICE
    with pytest.raises(SlackApiError) as refused:
        await client.chat_update(channel=NETWORK_OPS, ts=posted["ts"], text="bye")
    assert refused.value.response["error"] == error


async def test_posts_of_the_whole_workspace_have_a_limit_besides_that_of_each_channel(
    hurried: Stage,
) -> None:
    """Cards of two channels and their threads share what little there is, and all is told."""
    limits = hurried.slack.limits
    limits.enabled = True
    limits.rates = dict.fromkeys(limits.rates, Rate(1000, 1000)) | {Tier.WORKSPACE: Rate(3, 2)}
    hurried.slack.workspace.channels[PARTNERS].shared = False
    await hurried.start_bot()
    first, second = (hurried.new_routes(name)[0] for name in ("one", "two"))
    cards = [
        await hurried.ask(f"delete {route.vpn_connection_id} {route.route_dest}", channel=channel)
        for route, channel in ((first, NETWORK_OPS), (second, PARTNERS))
    ]
    for card in cards:
        await hurried.approve(card)
    for card in cards:
        # A pause is a second at least, and what is told in it comes later.
        await hurried.until_deleted(card)
        thread = hurried.thread(card)
        assert len(thread) == len(set(thread))
    limited = [c for c in hurried.slack.requests if c.status == 429]
    assert {c.method for c in limited} == {"chat.postMessage"}


@pytest.mark.parametrize("socket_mode", [False, True], ids=["http", "socket"])
async def test_an_event_that_was_not_acknowledged_in_time_comes_again_and_says_so(
    stage: Stage, *, socket_mode: bool
) -> None:
    await stage.start_bot(socket_mode=socket_mode)
    courier = stage.slack.courier
    courier.ack_seconds, courier.retry_delays = 0.0001, (0.2,)
    stage.slack.open_home(CAROL)
    await stage.slack.until(lambda: stage.slack.deliveries[0].ack)
    courier.ack_seconds = 3.0
    await stage.slack.until(lambda: len(stage.slack.deliveries) == 2)
    assert [d.reason for d in stage.slack.deliveries] == ["", "http_timeout"]
    await stage.slack.until(lambda: stage.slack.deliveries[1].ack)
    # Whether the first one had arrived or not, it is handled once.
    await stage.slack.until(lambda: stage.slack.home_text(CAROL))
    stage.slack.open_home(BOB)
    await stage.slack.until(lambda: stage.slack.home_text(BOB))
    shown = [c.args["user_id"] for c in stage.slack.requests if c.method == "views.publish"]
    assert shown == [CAROL, BOB]
