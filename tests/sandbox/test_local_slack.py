"""The local Slack from outside: through Slack's own SDK, and with a small real Bolt app."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack
from waiting import Clock

from bot.sandbox.slack import CannotDo, default_workspace, text_of
from bot.sandbox.slack.blocks import problems_in_blocks, problems_in_view
from bot.sandbox.slack.workspace import (
    ALICE,
    BOB,
    BOT,
    CAROL,
    DM_ALICE,
    DORA,
    GINA,
    NETOPS,
    NETWORK_OPS,
    NOBODY,
    OLD_OPS,
    PARTNERS,
    RANDOM,
    SAM,
    WAR_ROOM,
    Json,
)

BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-local-bot", "xapp-local-app", "local-signing-secret"
SCOPES = frozenset(
    {
        "chat:write",
        "commands",
        "channels:read",
        "channels:history",
        "im:read",
        "im:write",
        "users:read",
        "usergroups:read",
    }
)


@pytest.fixture
def clock() -> Clock:
    return Clock(1_800_000_000.0)


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[StagedSlack]:
    local = StagedSlack(
        default_workspace(),
        bot_token=BOT_TOKEN,
        app_token=APP_TOKEN,
        signing_secret=SECRET,
        scopes=SCOPES,
        clock=clock,
    )
    await local.start()
    yield local
    await local.close()


@pytest.fixture
def client(slack: StagedSlack) -> AsyncWebClient:
    return AsyncWebClient(BOT_TOKEN, base_url=slack.api_url, retry_handlers=[])


async def refused(call: Awaitable[Any]) -> Json:
    """The answer of a call that Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        await call
    answer = caught.value.response.data
    assert isinstance(answer, dict)
    return answer


async def error_of(call: Awaitable[Any]) -> str:
    return str((await refused(call))["error"])


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(action_id: str, value: str = "r-1", text: str = "Approve") -> Json:
    label = {"type": "plain_text", "text": text}
    return {"type": "button", "action_id": action_id, "value": value, "text": label}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def rich_text(words: str, **style: bool) -> Json:
    leaf: Json = {"type": "text", "text": words, **({"style": style} if style else {})}
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [leaf]}]}


def table(rows: list[list[Any]], *columns: Json) -> Json:
    cells = [
        [{"type": "raw_text", "text": c} if isinstance(c, str) else c for c in row] for row in rows
    ]
    settings = {"column_settings": list(columns)} if columns else {}
    return {"type": "table", "rows": cells, **settings}


def modal(**more: object) -> Json:
    plain = {"type": "plain_text"}
    return {
        "type": "modal",
        "title": {**plain, "text": "Why not?"},
        "submit": {**plain, "text": "Reject"},
        "blocks": [
            {
                "type": "input",
                "block_id": "reason",
                "label": {**plain, "text": "Reason"},
                "element": {"type": "plain_text_input", "action_id": "text", "max_length": 20},
            }
        ],
        **more,
    }


# --- tokens, scopes, arguments -------------------------------------------------------------


async def test_the_app_learns_who_it_is_and_which_scopes_it_has(client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["team_id"]) == (BOT, "T0HOME001")
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "error"),
    [("xoxb-wrong", "invalid_auth"), ("", "not_authed"), (APP_TOKEN, "not_allowed_token_type")],
)
async def test_a_wrong_token_is_refused(slack: StagedSlack, token: str, error: str) -> None:
    client = AsyncWebClient(token, base_url=slack.api_url)
    assert await error_of(client.auth_test()) == error


async def test_a_missing_scope_is_named(slack: StagedSlack, client: AsyncWebClient) -> None:
    slack.web_api.scopes = SCOPES - {"usergroups:read"}
    answer = await refused(client.usergroups_users_list(usergroup=NETOPS))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "usergroups:read")
    assert "chat:write" in answer["provided"]


async def test_a_private_channel_needs_the_scope_of_private_channels(
    client: AsyncWebClient,
) -> None:
    answer = await refused(client.conversations_info(channel=WAR_ROOM))
    assert (answer["error"], answer["needed"]) == ("missing_scope", "groups:read")


async def test_a_method_that_does_not_exist_is_unknown(client: AsyncWebClient) -> None:
    assert await error_of(client.api_call("chat.postMessages")) == "unknown_method"


async def test_forms_and_json_are_understood_alike(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    blocks = [section("*hello*")]
    form = {"channel": NETWORK_OPS, "blocks": json.dumps(blocks)}
    await client.api_call("chat.postMessage", data=form)
    await client.chat_postMessage(channel=NETWORK_OPS, text="hello", blocks=blocks)
    assert [text_of(message) for message in slack.messages(NETWORK_OPS)] == ["*hello*", "*hello*"]


async def test_a_body_that_is_no_json_is_refused(slack: StagedSlack) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {BOT_TOKEN}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{slack.api_url}chat.postMessage", data="{", headers=headers) as answer,
    ):
        assert await answer.json() == {"ok": False, "error": "invalid_json"}


async def test_no_token_is_ever_recorded(slack: StagedSlack, client: AsyncWebClient) -> None:
    await client.auth_test()
    await client.api_call("blocks.validate", json={"token": BOT_TOKEN, "blocks": []})
    assert slack.requests[-1].args == {"blocks": []}
    assert BOT_TOKEN not in repr(slack.requests)


# --- messages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("C0NOWHERE", "channel_not_found"),
        (RANDOM, "not_in_channel"),
        (WAR_ROOM, "channel_not_found"),
        (OLD_OPS, "is_archived"),
    ],
)
async def test_a_message_goes_only_where_the_app_may_write(
    client: AsyncWebClient, channel: str, error: str
) -> None:
    assert await error_of(client.chat_postMessage(channel=channel, text="hi")) == error


async def test_a_message_must_say_something_and_not_too_much(client: AsyncWebClient) -> None:
    assert (
        await error_of(client.api_call("chat.postMessage", json={"channel": NETWORK_OPS}))
        == "no_text"
    )


async def test_a_message_can_be_edited_linked_threaded_and_deleted(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    card = await client.chat_postMessage(
        channel=NETWORK_OPS,
        text="Delete",
        blocks=[section("Delete"), actions(button("approve"))],
        metadata={"event_type": "request", "event_payload": {"id": "r-1"}},
    )
    ts = card["ts"]
    await client.chat_postMessage(channel=NETWORK_OPS, thread_ts=ts, text="Approved")
    await client.chat_update(channel=NETWORK_OPS, ts=ts, text="Deleted", blocks=[section("Gone")])
    [message] = slack.messages(NETWORK_OPS)
    assert (text_of(message), message.edited_ts > ts) == ("Gone", True)
    assert [text_of(reply) for reply in slack.thread(NETWORK_OPS, ts)] == ["Approved"]
    link = await client.chat_getPermalink(channel=NETWORK_OPS, message_ts=ts)
    assert link["permalink"] == f"{slack.url}/archives/{NETWORK_OPS}/p{ts.replace('.', '')}"
    history = await client.conversations_history(channel=NETWORK_OPS, include_all_metadata=True)
    assert history["messages"][0]["metadata"]["event_payload"] == {"id": "r-1"}
    assert history["messages"][0]["reply_count"] == 1
    message.deleted = True
    update = client.chat_update(channel=NETWORK_OPS, ts=ts, text="again")
    assert await error_of(update) == "message_not_found"


async def test_an_edit_with_text_alone_takes_the_blocks_away(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    blocks = [section("Delete?"), actions(button("approve"))]
    card = await client.chat_postMessage(channel=NETWORK_OPS, text="Delete?", blocks=blocks)
    await client.chat_update(channel=NETWORK_OPS, ts=card["ts"], text="Deleted")
    assert text_of(slack.messages(NETWORK_OPS)[0]) == "Deleted"
    long = client.chat_update(channel=NETWORK_OPS, ts=card["ts"], text="x" * 4001)
    assert await error_of(long) == "msg_too_long"
    wordy = [section("x" * 3000)] * 5
    posted = client.chat_postMessage(channel=NETWORK_OPS, text="x", blocks=wordy)
    assert await error_of(posted) == "msg_blocks_too_long"


async def test_the_app_edits_only_its_own_messages(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    said = slack.say(ALICE, NETWORK_OPS, "mine <3")
    assert said.text == "mine &lt;3"
    update = client.chat_update(channel=NETWORK_OPS, ts=said.ts, text="yours")
    assert await error_of(update) == "cant_update_message"


async def test_a_reply_needs_a_thread(client: AsyncWebClient) -> None:
    reply = client.chat_postMessage(channel=NETWORK_OPS, thread_ts="1.000001", text="where?")
    assert await error_of(reply) == "thread_not_found"
    replies = client.conversations_replies(channel=NETWORK_OPS, ts="1.000001")
    assert await error_of(replies) == "thread_not_found"


async def test_a_reply_that_is_broadcast_stands_in_the_channel_as_well(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    card = await client.chat_postMessage(channel=NETWORK_OPS, text="Deleted", reply_broadcast=True)
    below = {"channel": NETWORK_OPS, "thread_ts": card["ts"]}
    await client.chat_postMessage(**below, text="Sent")
    loud = await client.chat_postMessage(**below, text="A tunnel is down", reply_broadcast=True)
    assert loud["message"]["subtype"] == "thread_broadcast"
    assert [m.ts for m in slack.broadcasts(NETWORK_OPS)] == [loud["ts"]]
    history = await client.conversations_history(channel=NETWORK_OPS)
    assert [m["text"] for m in history["messages"]] == ["A tunnel is down", "Deleted"]
    replies = await client.conversations_replies(channel=NETWORK_OPS, ts=card["ts"])
    assert [m["text"] for m in replies["messages"]] == ["Deleted", "Sent", "A tunnel is down"]


async def test_an_ephemeral_message_is_seen_by_one_and_never_edited(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    answer = await client.chat_postEphemeral(channel=NETWORK_OPS, user=GINA, text="not you")
    assert slack.messages(NETWORK_OPS) == []
    assert [text_of(m) for m in slack.ephemerals(GINA, NETWORK_OPS)] == ["not you"]
    update = client.chat_update(channel=NETWORK_OPS, ts=answer["message_ts"], text="x")
    assert await error_of(update) == "message_not_found"
    stranger = client.chat_postEphemeral(channel=NETWORK_OPS, user=SAM, text="x")
    assert await error_of(stranger) == "user_not_in_channel"


async def test_a_direct_message_is_written_to_a_person(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    slack.workspace.app.messages_tab = False
    off = client.chat_postMessage(channel=BOB, text="psst")
    assert await error_of(off) == "messages_tab_disabled"
    slack.workspace.app.messages_tab = True
    await client.chat_postMessage(channel=BOB, text="psst")
    assert [text_of(message) for message in slack.dms(BOB)] == ["psst"]


async def test_a_method_that_is_not_there_is_an_unknown_method(client: AsyncWebClient) -> None:
    """What the bot never calls is not imitated: a call of it fails at once, by name."""
    assert await error_of(client.chat_delete(channel=NETWORK_OPS, ts="1.0")) == "unknown_method"


async def test_history_comes_in_pages(client: AsyncWebClient) -> None:
    for number in range(5):
        await client.chat_postMessage(channel=NETWORK_OPS, text=str(number))
    first = await client.conversations_history(channel=NETWORK_OPS, limit=3)
    assert [message["text"] for message in first["messages"]] == ["4", "3", "2"]
    cursor = first["response_metadata"]["next_cursor"]
    rest = await client.conversations_history(channel=NETWORK_OPS, limit=3, cursor=cursor)
    assert [message["text"] for message in rest["messages"]] == ["1", "0"]
    assert rest["has_more"] is False


# --- people --------------------------------------------------------------------------------


async def test_people_are_told_apart(client: AsyncWebClient) -> None:
    async def user(user_id: str) -> Json:
        found: Json = (await client.users_info(user=user_id))["user"]
        return found

    assert (await user(GINA))["is_restricted"]
    assert (await user(DORA))["deleted"]
    assert (await user(BOT))["is_bot"]
    stranger = await user(SAM)
    assert (stranger["is_stranger"], stranger["team_id"]) == (True, "T0OTHER01")
    assert await error_of(client.users_info(user="U0NOBODY1")) == "user_not_found"


async def test_user_groups_are_read_and_may_be_empty(client: AsyncWebClient) -> None:
    assert (await client.usergroups_users_list(usergroup=NETOPS))["users"] == [BOB, CAROL]
    assert (await client.usergroups_users_list(usergroup=NOBODY))["users"] == []
    unknown = client.usergroups_users_list(usergroup="S0UNKNOWN")
    assert await error_of(unknown) == "no_such_subteam"


async def test_a_shared_channel_says_so(client: AsyncWebClient) -> None:
    shared = await client.conversations_info(channel=PARTNERS)
    assert shared["channel"]["is_ext_shared"] is True
    own = await client.conversations_info(channel=NETWORK_OPS)
    assert (own["channel"]["is_ext_shared"], own["channel"]["is_member"]) == (False, True)


# --- Block Kit -----------------------------------------------------------------------------


def many(count: int, item: Json) -> list[Json]:
    return [item] * count


PLAIN = {"type": "plain_text", "text": "x"}
OPTION = {"text": PLAIN, "value": "v"}
CONFIRM = {
    "title": PLAIN,
    "text": {"type": "mrkdwn", "text": "sure?"},
    "confirm": PLAIN,
    "deny": PLAIN,
}


@pytest.mark.parametrize(
    "blocks",
    [
        [section("x" * 3000), {"type": "divider"}, {"type": "header", "text": PLAIN}],
        [{"type": "section", "fields": many(10, {"type": "mrkdwn", "text": "f"})}],
        [{"type": "context", "elements": [{"type": "mrkdwn", "text": "by"}, PLAIN]}],
        [actions({**button("a"), "style": "danger", "confirm": CONFIRM})],
        [{**section("s"), "accessory": button("a")}],
        [rich_text("bold", bold=True)],
        [table([["Route", "Weight"], ["10.0.0.0/8", "100"]], {"align": "right"}, {})],
        [table([[rich_text("10.0.0.0/8"), "100"]])],
        [table([["x" * 1000, rich_text("y" * 1000)]] * 5)],
        [actions(button("cancel", "1")), actions(button("cancel", "2"))],
    ],
)
def test_good_blocks_pass(blocks: list[Json]) -> None:
    assert problems_in_blocks(blocks) == []


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        (many(51, {"type": "divider"}), "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section("x" * 3001)], "less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters"),
        ([{"type": "section"}], "must define one of: text, fields"),
        ([{"type": "sektion"}], "unsupported type: sektion [json-pointer:/blocks/0/type]"),
        ([{"type": "divider", "colour": "red"}], "invalid additional property: colour"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "unsupported type: mrkdwn"),
        ([{"type": "header", "text": {**PLAIN, "text": "x" * 151}}], "less than 151"),
        ([{"type": "context", "elements": many(11, PLAIN)}], "no more than 10 items"),
        ([{"type": "section", "fields": many(11, PLAIN)}], "no more than 10 items"),
        ([actions(*[button(f"a{n}") for n in range(26)])], "no more than 25 items"),
        ([actions()], "no fewer than 1 items"),
        ([actions(button("a", text="x" * 76))], "less than 76"),
        ([actions(button("a", "v" * 2001))], "less than 2001"),
        ([actions(button("a" * 256))], "less than 256"),
        ([actions({**button("a"), "style": "warning"})], "must be a valid enum value"),
        ([actions(button("a"), button("a"))], "action_id already exists: a"),
        ([{"type": "divider", "block_id": "b"}] * 2, "block_id already exists: b"),
        ([actions({**button("a"), "confirm": {**CONFIRM, "deny": None}})], "provide an object"),
        (
            [
                actions(
                    {**button("a"), "confirm": {**CONFIRM, "title": {**PLAIN, "text": "x" * 101}}}
                )
            ],
            "less than 101",
        ),
        ([actions({"type": "static_select"})], "unsupported type: static_select"),
        ([actions({**button("a"), "url": "https://x.y"})], "invalid additional property: url"),
        ([{"type": "image", "image_url": "https://x.y"}], "unsupported type: image"),
        ([{"type": "rich_text", "elements": [{"type": "text", "text": "a"}]}], "unsupported type"),
        ([table([["a"]] * 101)], "no more than 100 items"),
        ([table([["a"] * 21])], "no more than 20 items"),
        ([table([[""]])], "must be more than 0 characters"),
        ([table([["a"]], {"align": "middle"})], "must be a valid enum value"),
        ([table([["a"]]), table([["b"]])], "only_one_table_allowed"),
        ([table([["x" * 1000, rich_text("y" * 1001)]] * 5)], "less than 10001 characters in all"),
        (["text"], "must provide an object"),
    ],
)
def test_bad_blocks_are_refused_with_the_reason(blocks: list[Any], words: str) -> None:
    assert any(words in problem for problem in problems_in_blocks(blocks))


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (modal(title={**PLAIN, "text": "x" * 25}), "less than 25"),
        (modal(private_metadata="x" * 3001), "less than 3001"),
        (modal(blocks=many(101, {"type": "divider"})), "no more than 100 items"),
        (modal(colour="red"), "invalid additional property: colour"),
        ({k: v for k, v in modal().items() if k != "submit"}, "missing required field: submit"),
        ({"type": "home"}, "missing required field: blocks"),
        ({"type": "modal", "blocks": []}, "missing required field: title"),
    ],
)
def test_bad_views_are_refused_with_the_reason(view: Json, words: str) -> None:
    assert any(words in problem for problem in problems_in_view(view))
    assert problems_in_view(modal()) == []


async def test_the_reason_is_in_the_answer(client: AsyncWebClient) -> None:
    answer = await refused(
        client.chat_postMessage(channel=NETWORK_OPS, text="x", blocks=[section("")])
    )
    assert answer["error"] == "invalid_blocks"
    assert "/blocks/0/text/text" in answer["response_metadata"]["messages"][0]


# --- limits and faults ---------------------------------------------------------------------


async def test_a_channel_takes_a_burst_and_then_one_message_a_second(
    client: AsyncWebClient, clock: Clock
) -> None:
    for _ in range(5):
        await client.chat_postMessage(channel=NETWORK_OPS, text="quick")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=NETWORK_OPS, text="too quick")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    await client.chat_postMessage(channel=PARTNERS, text="another channel")
    clock.now += 1
    await client.chat_postMessage(channel=NETWORK_OPS, text="now")


async def test_limits_can_be_switched_off(slack: StagedSlack, client: AsyncWebClient) -> None:
    slack.limits.enabled = False
    for _ in range(20):
        await client.chat_postMessage(channel=NETWORK_OPS, text="quick")
    assert len(slack.messages(NETWORK_OPS)) == 20


@pytest.mark.parametrize(
    ("kind", "details", "status"),
    [("http", {"status": 503}, 503), ("rate_limited", {"retry_after": 7}, 429)],
)
async def test_a_planned_fault_happens_as_often_as_planned(
    slack: StagedSlack, client: AsyncWebClient, kind: str, details: dict[str, Any], status: int
) -> None:
    slack.faults.add("chat.postMessage", kind, times=2, **details)
    for _ in range(2):
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel=NETWORK_OPS, text="x")
        assert caught.value.response.status_code == status
    await client.auth_test()
    await client.chat_postMessage(channel=NETWORK_OPS, text="x")
    assert len(slack.messages(NETWORK_OPS)) == 1


async def test_an_answer_can_be_lost_after_the_effect(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    slack.faults.add("chat.postMessage", "lost")
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel=NETWORK_OPS, text="once")
    assert [text_of(message) for message in slack.messages(NETWORK_OPS)] == ["once"]


async def test_an_answer_can_hang(slack: StagedSlack) -> None:
    slack.faults.add("auth.test", "hang", seconds=60)
    impatient = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url, timeout=1)
    with pytest.raises(TimeoutError):
        await impatient.auth_test()


@pytest.mark.parametrize("kind", ["html", "empty"])
async def test_an_answer_can_be_no_json(slack: StagedSlack, kind: str) -> None:
    slack.faults.add("*", kind)
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{slack.api_url}auth.test", headers=headers) as answer,
    ):
        body = await answer.text()
    assert body == "" if kind == "empty" else "<html>" in body


async def test_in_an_outage_nothing_works_until_it_ends(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    slack.outage = True
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(channel=NETWORK_OPS, text="x")
    slack.outage = False
    await client.chat_postMessage(channel=NETWORK_OPS, text="x")
    assert [call.status for call in slack.requests] == [503, 200]


# --- a real app ----------------------------------------------------------------------------

Story = Callable[[StagedSlack], Awaitable[None]]


def bolt_app(slack: StagedSlack) -> AsyncApp:
    """A small app: a command that posts a card, a button that opens a modal, and a Home."""
    client = AsyncWebClient(BOT_TOKEN, base_url=slack.api_url)
    app = AsyncApp(client=client, signing_secret=SECRET)

    @app.command("/vco-route")
    async def command(
        ack: AsyncAck, respond: AsyncRespond, command: Json, client: AsyncWebClient
    ) -> None:
        if command["text"] == "slow":
            await slack.until(lambda: slack.deliveries[-1].ack is not None)
        await ack("Working on it")
        if command["text"] == "slow":
            return
        blocks = [section(f"Delete {command['text']}"), actions(button("reject", "r-1", "Reject"))]
        card = await client.chat_postMessage(
            channel=command["channel_id"], text="card", blocks=blocks
        )
        await respond(text=f"Asked: {card['ts']}", replace_original=True)

    @app.action("reject")
    async def reject(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        view = modal(
            callback_id="why",
            private_metadata=f"{body['channel']['id']} {body['container']['message_ts']}",
        )
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.view("why")
    async def why(ack: AsyncAck, view: Json, client: AsyncWebClient) -> None:
        reason = view["state"]["values"]["reason"]["text"]["value"]
        if reason == "no":
            await ack(response_action="errors", errors={"reason": "Say more"})
            return
        await ack()
        channel, ts = view["private_metadata"].split()
        await client.chat_update(
            channel=channel, ts=ts, text="Rejected", blocks=[section(f"Rejected: {reason}")]
        )

    @app.options("connection")
    async def connections(ack: AsyncAck, payload: Json) -> None:
        name = f"vco-{payload['value']}"
        await ack(options=[{"text": {"type": "plain_text", "text": name}, "value": name}])

    @app.event("app_home_opened")
    async def home(event: Json, client: AsyncWebClient) -> None:
        view = {"type": "home", "blocks": [section(f"Hello <@{event['user']}>")]}
        await client.views_publish(user_id=event["user"], view=view)

    return app


@asynccontextmanager
async def over_http(slack: StagedSlack) -> AsyncIterator[str]:
    app = bolt_app(slack)

    async def events(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    server = web.Application()
    server.router.add_post("/slack/events", events)
    runner = web.AppRunner(server)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    slack.deliver_to(url)
    try:
        yield url
    finally:
        await runner.cleanup()


@asynccontextmanager
async def over_a_socket(slack: StagedSlack) -> AsyncIterator[AsyncSocketModeHandler]:
    handler = AsyncSocketModeHandler(bolt_app(slack), APP_TOKEN, ping_interval=1)
    await handler.connect_async()  # type: ignore[no-untyped-call]
    await slack.until(lambda: len(slack.sockets) == 1)
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


async def the_whole_story(slack: StagedSlack) -> None:
    ack = await slack.command(ALICE, NETWORK_OPS, "/vco-route", "10.0.0.0/8")
    assert (ack.status, ack.error, ack.seconds < 3) == (200, "", True)
    card = await slack.until(lambda: slack.messages(NETWORK_OPS)[0])
    assert text_of(card) == "Delete 10.0.0.0/8\nReject"
    # It asked to replace what the acknowledgement said: that is not to be had for a command.
    await slack.until(lambda: len(slack.ephemerals(ALICE)) == 2)
    said = [text_of(m) for m in slack.ephemerals(ALICE)]
    assert said == ["Working on it", f"Asked: {card.ts}"]

    await slack.click(BOB, NETWORK_OPS, card.ts, "reject")
    opened = await slack.until(lambda: slack.modal(BOB))
    await slack.submit(BOB, opened.id, {"reason": ""})
    assert opened.errors == {"reason": "Please complete this required field."}
    await slack.submit(BOB, opened.id, {"reason": "no"})
    assert opened.errors == {"reason": "Say more"}
    await slack.submit(BOB, opened.id, {"reason": {"text": {"value": "wrong week"}}})
    assert slack.modal(BOB) is None
    await slack.until(lambda: text_of(card) == "Rejected: wrong week")

    with pytest.raises(CannotDo):
        await slack.click(BOB, NETWORK_OPS, card.ts, "reject")
    await slack.click(BOB, NETWORK_OPS, card.ts, "reject", stale=True)
    await slack.until(lambda: slack.modal(BOB))

    slack.open_home(ALICE)
    await slack.until(lambda: slack.home(ALICE))
    assert text_of(slack.home(ALICE)) == f"Hello <@{ALICE}>"


async def test_a_bolt_app_is_served_over_http(slack: StagedSlack) -> None:
    async with over_http(slack):
        await the_whole_story(slack)


async def test_a_bolt_app_is_served_over_socket_mode(slack: StagedSlack) -> None:
    async with over_a_socket(slack):
        await the_whole_story(slack)


async def test_a_socket_that_is_refreshed_comes_back(slack: StagedSlack) -> None:
    async with over_a_socket(slack):
        await slack.sockets.refresh()
        await slack.until(lambda: len(slack.sockets) == 1)
        ack = await slack.command(ALICE, NETWORK_OPS, "/vco-route", "10.0.0.0/8")
        assert ack.error == ""


async def test_a_ticket_opens_one_socket(slack: StagedSlack) -> None:
    client = AsyncWebClient(APP_TOKEN, base_url=slack.api_url)
    url = (await client.apps_connections_open(app_token=APP_TOKEN))["url"]
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(url) as ws:
            assert (await ws.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)


async def test_an_app_that_does_not_ack_in_time_is_told_to_the_person(slack: StagedSlack) -> None:
    slack.courier.ack_seconds = 0.2
    async with over_http(slack):
        ack = await slack.command(ALICE, NETWORK_OPS, "/vco-route", "slow")
    assert (ack.status, ack.error) == (0, "operation_timeout")


async def test_without_an_app_a_command_fails(slack: StagedSlack) -> None:
    ack = await slack.command(ALICE, NETWORK_OPS, "/vco-route", "help")
    assert ack.error == "dispatch_failed"


async def test_forged_unsigned_and_stale_requests_can_be_sent(slack: StagedSlack) -> None:
    payload: Json = {"command": "/vco-route", "text": "x"}
    async with over_http(slack):
        assert (await slack.deliver("slash_commands", payload, signature="v0=0")).status == 401
        assert (await slack.deliver("slash_commands", payload, signature="")).status == 401
        assert (await slack.deliver("slash_commands", payload, timestamp="1")).status == 401
        challenge: Json = {"type": "url_verification", "challenge": "c-1"}
        answer = await slack.deliver("events_api", challenge)
        assert (answer.status, answer.json) == (200, {"challenge": "c-1"})
        assert (await slack.deliver("interactive", b"payload=%7B")).status != 401


async def test_replicas_take_turns_and_redelivery_reaches_both(slack: StagedSlack) -> None:
    async with over_http(slack) as one, over_http(slack) as two:
        slack.deliver_to(one, two)
        slack.redeliver = True
        await slack.command(ALICE, NETWORK_OPS, "/vco-route", "10.0.0.0/8")
        await slack.until(lambda: len(slack.messages(NETWORK_OPS)) == 2)
    assert {delivery.to for delivery in slack.deliveries} == {one, two}


async def test_an_event_is_repeated_until_it_is_acked(slack: StagedSlack) -> None:
    slack.courier.retry_delays = (0, 0, 0)
    slack.open_home(ALICE)
    await slack.until(lambda: len(slack.deliveries) == 4)
    assert [delivery.retry for delivery in slack.deliveries] == [0, 1, 2, 3]


async def test_what_is_typed_arrives_escaped_with_its_mentions(slack: StagedSlack) -> None:
    typed = 'delete <x> & "y" @bob @netops #random @nobody-here https://a.b/c'
    await slack.command(ALICE, NETWORK_OPS, "/vco-route", typed)
    assert slack.deliveries[-1].payload["text"] == (
        f'delete &lt;x&gt; &amp; "y" <@{BOB}|bob> <!subteam^{NETOPS}|@netops> '
        f"<#{RANDOM}|random> @nobody-here <https://a.b/c>"
    )
    slack.workspace.app.should_escape = False
    await slack.command(ALICE, NETWORK_OPS, "/vco-route", "cancel @bob")
    assert slack.deliveries[-1].payload["text"] == "cancel @bob"


# --- what may be done with an interaction --------------------------------------------------


async def respond_to(slack: StagedSlack, body: Json) -> int:
    url = slack.deliveries[-1].payload["response_url"]
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as answer:
        return answer.status


async def test_a_response_url_works_five_times_where_the_app_is_no_member(
    slack: StagedSlack,
) -> None:
    await slack.command(ALICE, RANDOM, "/vco-route", "help")
    assert await respond_to(slack, {"text": "one"}) == 200
    assert await respond_to(slack, {"text": "two", "replace_original": True}) == 200
    # A slash command has no original to replace.
    assert [text_of(message) for message in slack.ephemerals(ALICE, RANDOM)] == ["one", "two"]
    assert await respond_to(slack, {"text": "all", "response_type": "in_channel"}) == 200
    assert [text_of(message) for message in slack.messages(RANDOM)] == ["all"]
    assert await respond_to(slack, {"blocks": [{"type": "nope"}]}) == 400
    assert await respond_to(slack, {"delete_original": True}) == 400
    assert len(slack.ephemerals(ALICE, RANDOM)) == 2
    assert await respond_to(slack, {"text": "six"}) == 404


async def test_a_response_url_ends_after_half_an_hour(slack: StagedSlack, clock: Clock) -> None:
    await slack.command(ALICE, NETWORK_OPS, "/vco-route", "help")
    clock.now += 1801
    assert await respond_to(slack, {"text": "late"}) == 404


async def test_a_trigger_opens_one_modal_within_three_seconds(
    slack: StagedSlack, client: AsyncWebClient, clock: Clock
) -> None:
    await slack.command(ALICE, NETWORK_OPS, "/vco-route", "delete")
    trigger = slack.deliveries[-1].payload["trigger_id"]
    opened = await client.views_open(trigger_id=trigger, view=modal())
    again = client.views_open(trigger_id=trigger, view=modal())
    assert await error_of(again) == "exchanged_trigger_id"
    await slack.command(ALICE, NETWORK_OPS, "/vco-route", "delete")
    clock.now += 3.1
    late = slack.deliveries[-1].payload["trigger_id"]
    expired = client.views_open(trigger_id=late, view=modal())
    assert await error_of(expired) == "expired_trigger_id"

    view_id, old = opened["view"]["id"], opened["view"]["hash"]
    await client.views_update(view_id=view_id, view=modal(), hash=old)
    conflict = client.views_update(view_id=view_id, view=modal(), hash=old)
    assert await error_of(conflict) == "hash_conflict"
    bad = await refused(client.views_update(view_id=view_id, view=modal(title="x")))
    assert "/view/title" in bad["response_metadata"]["messages"][0]


async def test_a_modal_can_search_and_remembers_what_was_chosen(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    label = {"type": "plain_text", "text": "Connection"}
    search = {"type": "external_select", "action_id": "connection", "min_query_length": 1}
    chooser = {
        "type": "radio_buttons",
        "action_id": "region",
        "options": [{**OPTION, "value": "cn-hangzhou"}],
    }
    blocks = [
        {"type": "input", "block_id": "c", "label": label, "element": search},
        {"type": "input", "block_id": "r", "label": label, "element": chooser},
    ]
    async with over_http(slack):
        await slack.command(ALICE, NETWORK_OPS, "/vco-route", "x")
        trigger = slack.deliveries[-1].payload["trigger_id"]
        opened = await client.views_open(trigger_id=trigger, view=modal(blocks=blocks))
        view_id = opened["view"]["id"]
        [option] = await slack.suggest(ALICE, view_id, "connection", typed="p0w")
        chosen = {"connection": option["value"], "region": "cn-hangzhou"}
        await slack.submit(ALICE, view_id, chosen)
    values = slack.deliveries[-1].payload["view"]["state"]["values"]
    assert values["c"]["connection"]["selected_option"]["value"] == "vco-p0w"
    assert values["r"]["region"]["selected_option"]["value"] == "cn-hangzhou"


async def test_a_click_carries_what_slack_sends(slack: StagedSlack, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(
        channel=NETWORK_OPS, text="card", blocks=[actions(button("approve", "r-1"))]
    )
    await slack.click(BOB, NETWORK_OPS, posted["ts"], "approve")
    payload = slack.deliveries[-1].payload
    assert payload["type"] == "block_actions"
    assert payload["user"]["id"] == BOB
    assert payload["container"]["message_ts"] == payload["message"]["ts"] == posted["ts"]
    assert payload["actions"][0]["value"] == "r-1"


async def test_people_can_do_only_what_slack_lets_them(slack: StagedSlack) -> None:
    with pytest.raises(CannotDo):
        await slack.command(SAM, NETWORK_OPS, "/vco-route", "help")
    with pytest.raises(CannotDo):
        await slack.command(ALICE, OLD_OPS, "/vco-route", "help")
    with pytest.raises(CannotDo, match="turned off"):
        await slack.command(ALICE, DM_ALICE, "/vco-route", "help")
    with pytest.raises(CannotDo):
        await slack.command(ALICE, NETWORK_OPS, "/unknown", "help")
    assert slack.deliveries == []


# --- the page ------------------------------------------------------------------------------


@pytest.fixture
async def browser(slack: StagedSlack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(slack.url) as http:
        yield http


async def next_state(events: aiohttp.ClientResponse) -> Json:
    """The next state of the stream."""
    async for line in events.content:
        if line.startswith(b"data: "):
            state: Json = json.loads(line[6:])
            return state
    raise AssertionError("the stream ended")


async def test_the_page_is_streamed_what_its_person_sees(
    slack: StagedSlack, client: AsyncWebClient, browser: aiohttp.ClientSession
) -> None:
    slack.hooks.cloud = lambda: {"connections": []}
    async with browser.get("/client/events", params={"user": GINA}) as events:
        first = await next_state(events)
        assert first["me"]["name"] == "gina"
        assert first["messages"][NETWORK_OPS] == []
        assert {channel["id"] for channel in first["channels"]} == {
            NETWORK_OPS,
            RANDOM,
            PARTNERS,
            OLD_OPS,
        }
        await client.chat_postEphemeral(channel=NETWORK_OPS, user=GINA, text="only you")
        await client.chat_postEphemeral(channel=NETWORK_OPS, user=ALICE, text="only her")
        second = await next_state(events)
        while not second["messages"][NETWORK_OPS]:
            second = await next_state(events)
    [message] = second["messages"][NETWORK_OPS]
    assert (message["text"], message["ephemeral"], message["bot"]) == ("only you", True, True)


async def post(browser: aiohttp.ClientSession, verb: str, **body: object) -> Json:
    async with browser.post(f"/client/{verb}", json=body) as answer:
        result: Json = await answer.json()
        return result


async def test_the_page_drives_the_same_story(
    slack: StagedSlack, browser: aiohttp.ClientSession
) -> None:
    async with over_http(slack):
        typed = {"command": "/vco-route", "text": "10.0.0.0/8"}
        asked = await post(browser, "command", user=ALICE, channel=NETWORK_OPS, **typed)
        assert asked == {"ok": True}
        card = await slack.until(lambda: slack.messages(NETWORK_OPS)[0])
        where = {"channel": NETWORK_OPS, "ts": card.ts}
        await post(browser, "click", user=BOB, **where, action_id="reject")
        opened = await slack.until(lambda: slack.modal(BOB))
        values = {"reason": {"text": {"type": "plain_text_input", "value": "later"}}}
        done = await post(browser, "submit", user=BOB, view_id=opened.id, values=values)
        assert done == {"ok": True}
        await slack.until(lambda: text_of(card) == "Rejected: later")
        await post(browser, "home_opened", user=BOB)
        await slack.until(lambda: slack.home(BOB))


async def test_the_page_shows_errors_as_slack_does(browser: aiohttp.ClientSession) -> None:
    typed = {"command": "/vco-route", "text": "help"}
    failed = await post(browser, "command", user=ALICE, channel=NETWORK_OPS, **typed)
    assert failed == {"ok": False, "error": "/vco-route failed with the error dispatch_failed"}
    threaded = await post(
        browser, "command", user=ALICE, channel=NETWORK_OPS, thread_ts="1.000001", **typed
    )
    assert "not supported in threads" in threaded["error"]
    assert (await post(browser, "click", user=ALICE))["ok"] is False
    assert (await post(browser, "bot", op="kill"))["ok"] is False


async def test_the_page_reaches_the_cloud_and_the_bot_through_hooks(
    slack: StagedSlack, browser: aiohttp.ClientSession
) -> None:
    seen: list[object] = []
    slack.hooks.on_cloud = seen.append
    slack.hooks.on_bot = seen.append
    fault = {"op": "fault", "name": "lost", "on": True}
    assert await post(browser, "cloud", **fault) == {"ok": True}
    assert await post(browser, "bot", op="kill") == {"ok": True}
    assert seen == [fault, "kill"]


async def test_a_foreign_page_can_neither_rebind_nor_post_a_form(
    browser: aiohttp.ClientSession,
) -> None:
    async with browser.get("/client/events", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421
    async with browser.post("/client/command", data={"user": ALICE}) as answer:
        assert answer.status == 415
    async with browser.get("/page/%2e%2e/server.py") as answer:
        assert answer.status == 404


async def test_a_permalink_leads_to_the_message_in_the_page(
    browser: aiohttp.ClientSession,
) -> None:
    link = f"/archives/{NETWORK_OPS}/p1800000000000001"
    async with browser.get(link, allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"/#/{NETWORK_OPS}/1800000000.000001"


async def test_it_listens_on_loopback_only(slack: StagedSlack) -> None:
    with pytest.raises(ValueError, match="loopback"):
        await slack.start("0.0.0.0")  # noqa: S104 - that is what is refused


async def test_waiting_in_vain_tells_what_was_there(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    await client.chat_postMessage(channel=NETWORK_OPS, text="only this")
    with pytest.raises(TimeoutError, match="only this"):
        await slack.until(lambda: False, timeout=0.05)


async def test_waiting_ends_with_the_change(slack: StagedSlack, client: AsyncWebClient) -> None:
    waiting = asyncio.create_task(slack.until(lambda: slack.messages(NETWORK_OPS)[0]))
    await client.chat_postMessage(channel=NETWORK_OPS, text="now")
    assert text_of(await waiting) == "now"
