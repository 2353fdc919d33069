"""Forms, the Home tab, shortcuts and private buttons in the local Slack, with a small Bolt app."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_app import SHORTCUT, TOO_MANY, button, field, option, plain, section, serving
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack, staged_slack

from bot.sandbox import scene
from bot.sandbox.slack import CannotDo, text_of
from bot.sandbox.slack.blocks import problems_in_blocks, problems_in_view
from bot.sandbox.slack.messages import with_ids
from bot.sandbox.slack.views import KEYS, kept
from bot.sandbox.slack.workspace import (
    ALICE,
    BOB,
    NETWORK_OPS,
    PARTNERS,
    RANDOM,
    SAM,
    WAR_ROOM,
    Json,
)


@pytest.fixture
async def slack() -> AsyncIterator[StagedSlack]:
    """A local Slack with the sample app installed and running."""
    local = staged_slack()
    await local.start()
    async with serving(local):
        yield local
    await local.close()


@pytest.fixture
def client(slack: StagedSlack) -> AsyncWebClient:
    return AsyncWebClient(scene.BOT_TOKEN, base_url=slack.api_url, retry_handlers=[])


async def the_form(slack: StagedSlack, channel: str = NETWORK_OPS) -> str:
    """Alice opens the form by its shortcut; returns its id."""
    await slack.shortcut(ALICE, SHORTCUT, channel)
    return (await slack.until(lambda: slack.modal(ALICE))).id


async def with_connection(slack: StagedSlack) -> str:
    """Alice's form with a connection chosen."""
    view_id = await the_form(slack)
    await slack.choose(ALICE, view_id, "connection", "vco-shanghai", typed="shang")
    await slack.until(lambda: "Routes" in slack.modal_text(ALICE))
    return view_id


def last_payload(slack: StagedSlack, kind: str) -> Json:
    return next(d.payload for d in reversed(slack.deliveries) if d.payload.get("type") == kind)


def held(payload: Json, block_id: str, action_id: str) -> Json:
    value: Json = payload["view"]["state"]["values"][block_id][action_id]
    return value


def modal(*blocks: Json, **more: object) -> Json:
    shown = {"type": "modal", "title": plain("Form"), "submit": plain("Send")}
    return {**shown, "blocks": list(blocks), **more}


async def opened(slack: StagedSlack, client: AsyncWebClient, *blocks: Json) -> str:
    """A form with these blocks for Alice, in place of the sample app's."""
    await slack.command(ALICE, NETWORK_OPS, "/vco-route")
    trigger = slack.deliveries[-1].payload["trigger_id"]
    answer = await client.views_open(trigger_id=trigger, view=modal(*blocks))
    return str(answer["view"]["id"])


async def error_of(call: Any) -> str:  # noqa: ANN401 - any call of the SDK
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


# --- shortcuts -----------------------------------------------------------------------------


async def test_a_global_shortcut_opens_the_form_and_names_no_channel(slack: StagedSlack) -> None:
    await the_form(slack)
    payload = last_payload(slack, "shortcut")
    assert payload["callback_id"] == SHORTCUT
    assert payload["user"]["id"] == ALICE
    assert not {"channel", "response_url", "message"} & payload.keys()
    assert slack.modal_text(ALICE).startswith("Delete a route\n")


async def test_only_shortcuts_that_the_app_has_can_be_started(slack: StagedSlack) -> None:
    with pytest.raises(CannotDo):
        await slack.shortcut(ALICE, "another")
    with pytest.raises(CannotDo):
        await slack.shortcut(SAM, SHORTCUT)
    assert slack.deliveries == []


@pytest.mark.parametrize(
    ("looking_at", "chosen"),
    [
        (NETWORK_OPS, NETWORK_OPS),
        (WAR_ROOM, WAR_ROOM),
        (PARTNERS, None),  # its filter leaves out what is shared with others
        ("", None),
    ],
)
async def test_a_conversations_select_begins_with_where_the_person_is(
    slack: StagedSlack, looking_at: str, chosen: str | None
) -> None:
    await the_form(slack, looking_at)
    form = slack.modal(ALICE)
    assert form is not None
    assert form.state["channel"]["channel"]["selected_conversation"] == chosen


async def test_a_conversation_that_the_filter_leaves_out_cannot_be_chosen(
    slack: StagedSlack,
) -> None:
    view_id = await the_form(slack)
    assert await slack.choose(ALICE, view_id, "channel", RANDOM) is None
    with pytest.raises(CannotDo):
        await slack.choose(ALICE, view_id, "channel", PARTNERS)
    with pytest.raises(CannotDo):
        await slack.choose(ALICE, view_id, "channel", "C0NOWHERE")


# --- searching -----------------------------------------------------------------------------


async def test_a_search_gives_options(slack: StagedSlack) -> None:
    view_id = await the_form(slack)
    every = await slack.suggest(ALICE, view_id, "connection", typed="")
    assert [one["value"] for one in every] == ["vco-shanghai", "vco-beijing", "vco-singapore"]
    found = await slack.suggest(ALICE, view_id, "connection", typed="sing")
    assert [text_of(one["text"]) for one in found] == ["office-singapore"]
    assert await slack.suggest(ALICE, view_id, "connection", typed="nothing like it") == []


async def test_a_search_is_told_its_field_but_not_what_stands_in_the_others(
    slack: StagedSlack,
) -> None:
    view_id = await with_connection(slack)
    await slack.suggest(ALICE, view_id, "routes", typed="192")
    payload = last_payload(slack, "block_suggestion")
    assert payload["value"] == "192"
    assert payload["block_id"] == "routes|vco-shanghai"
    assert payload["container"] == {"type": "view", "view_id": view_id}
    assert payload["view"]["state"] == {"values": {}}
    assert not {"trigger_id", "actions", "response_url"} & payload.keys()


async def test_an_answer_that_slack_would_not_show_is_told(slack: StagedSlack) -> None:
    view_id = await the_form(slack)
    with pytest.raises(CannotDo, match="no more than 100 items"):
        await slack.suggest(ALICE, view_id, "connection", typed=TOO_MANY)
    slack.deliver_to()
    with pytest.raises(CannotDo, match="dispatch_failed"):
        await slack.suggest(ALICE, view_id, "connection", typed="x")


async def test_a_search_begins_with_its_least_number_of_characters(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    search = {"type": "external_select", "action_id": "connection"}
    view_id = await opened(slack, client, field("connection", "Connection", search))
    with pytest.raises(CannotDo, match="at least 3 characters"):
        await slack.suggest(ALICE, view_id, "connection", typed="sh")
    assert len(await slack.suggest(ALICE, view_id, "connection", typed="sha")) == 1


async def test_only_what_was_offered_can_be_chosen(slack: StagedSlack) -> None:
    view_id = await the_form(slack)
    with pytest.raises(CannotDo, match="offers nothing"):
        await slack.choose(ALICE, view_id, "connection", "vco-shanghai")
    with pytest.raises(CannotDo, match="offers vco-beijing"):
        await slack.choose(ALICE, view_id, "connection", "vco-shanghai", typed="beij")
    with pytest.raises(CannotDo):
        await slack.choose(ALICE, view_id, "region", "mars-1", typed="mars")
    with pytest.raises(CannotDo):
        await slack.submit(ALICE, view_id, {"raeson": "a slip of the pen"})


# --- choosing, and what the form becomes ---------------------------------------------------


async def test_a_choice_is_told_to_the_app_with_all_that_stands_in_the_form(
    slack: StagedSlack,
) -> None:
    view_id = await the_form(slack)
    await slack.choose(ALICE, view_id, "reason", "INC-4211")
    ack = await slack.choose(ALICE, view_id, "region", "cn-hangzhou", typed="cn")
    assert ack is not None
    payload = last_payload(slack, "block_actions")
    [action] = payload["actions"]
    assert action["selected_option"] == option("cn-hangzhou", "cn-hangzhou")
    assert payload["container"] == {"type": "view", "view_id": view_id}
    assert not {"channel", "message", "response_url"} & payload.keys()
    assert held(payload, "region", "region")["selected_option"]["value"] == "cn-hangzhou"
    assert held(payload, "reason", "reason")["value"] == "INC-4211"
    assert held(payload, "connection", "connection")["selected_option"] is None
    assert held(payload, "tags", "tags")["selected_options"] == []


async def test_a_field_that_tells_nobody_is_heard_of_at_the_next_click(slack: StagedSlack) -> None:
    view_id = await the_form(slack)
    before = len(slack.deliveries)
    assert await slack.choose(ALICE, view_id, "tags", ["leak", "office"]) is None
    assert len(slack.deliveries) == before
    await slack.click_in_view(ALICE, view_id, "explain", typed={"risk": "traffic"})
    payload = last_payload(slack, "block_actions")
    tags = held(payload, "tags", "tags")["selected_options"]
    assert [one["value"] for one in tags] == ["leak", "office"]
    assert held(payload, "risk", "risk")["selected_option"]["value"] == "traffic"


async def test_an_update_keeps_what_stands_in_fields_with_the_same_ids(slack: StagedSlack) -> None:
    view_id = await the_form(slack)
    await slack.choose(ALICE, view_id, "reason", "INC-4211")
    await slack.choose(ALICE, view_id, "connection", "vco-shanghai", typed="shang")
    await slack.until(lambda: "Routes" in slack.modal_text(ALICE))
    several = ["vco-shanghai 192.168.1.0/24", "vco-shanghai 192.168.10.0/24"]
    await slack.choose(ALICE, view_id, "routes", several, typed="192.168.1")
    await slack.until(lambda: "If they go" in slack.modal_text(ALICE))
    assert "Reason: INC-4211" in slack.modal_text(ALICE)
    assert "Connection: office-shanghai" in slack.modal_text(ALICE)
    assert "Routes: 192.168.1.0/24, 192.168.10.0/24" in slack.modal_text(ALICE)

    # Another connection makes another block of it, which begins empty.
    await slack.choose(ALICE, view_id, "connection", "vco-beijing", typed="beij")
    await slack.until(lambda: "If they go" not in slack.modal_text(ALICE))
    form = slack.modal(ALICE)
    assert form is not None
    assert form.state["routes|vco-beijing"]["routes"]["selected_options"] == []


async def test_no_more_are_chosen_than_the_element_takes(slack: StagedSlack) -> None:
    view_id = await with_connection(slack)
    found = await slack.suggest(ALICE, view_id, "routes", typed="")
    with pytest.raises(CannotDo, match="3 at most"):
        await slack.choose(ALICE, view_id, "routes", [one["value"] for one in found[:4]])


async def test_a_form_is_sent_with_all_that_was_chosen_before(slack: StagedSlack) -> None:
    view_id = await with_connection(slack)
    route = "vco-shanghai 192.168.1.0/24"
    await slack.choose(ALICE, view_id, "region", "cn-hangzhou", typed="cn")
    await slack.choose(ALICE, view_id, "routes", [route], typed="168.1.")
    form = slack.modal(ALICE)
    assert form is not None

    assert (await slack.submit(ALICE, view_id)).error == "not_sent"
    assert form.errors == {"reason": "Please complete this required field."}
    await slack.submit(ALICE, view_id, {"reason": "no"})
    assert "Reason: no\nIt stands on the card.\nSay more." in slack.modal_text(ALICE)

    ack = await slack.submit(ALICE, view_id, {"reason": "INC-4211"})
    assert (ack.error, slack.modal(ALICE), slack.modal_text(ALICE)) == ("", None, "")
    card = await slack.until(lambda: slack.messages(NETWORK_OPS)[0])
    assert text_of(card) == "Delete 192.168.1.0/24: INC-4211"


async def test_an_old_hash_does_not_overwrite_a_newer_form(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    view_id = await the_form(slack)
    form = slack.modal(ALICE)
    assert form is not None
    seen = form.hash
    await slack.choose(ALICE, view_id, "region", "cn-hangzhou", typed="cn")
    await slack.until(lambda: form.hash != seen)
    late = client.views_update(view_id=view_id, hash=seen, view=modal(section("old")))
    assert await error_of(late) == "hash_conflict"
    slack.close_modal(ALICE, view_id)
    gone = client.views_update(view_id=view_id, view=modal(section("late")))
    assert await error_of(gone) == "not_found"


async def test_a_click_that_is_a_moment_late_still_arrives(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    once = {"type": "actions", "elements": [button("Explain", "explain", "1")]}
    view_id = await opened(slack, client, once)
    await client.views_update(view_id=view_id, view=modal(section("Too late.")))
    with pytest.raises(CannotDo):
        await slack.click_in_view(ALICE, view_id, "explain")
    await slack.click_in_view(ALICE, view_id, "explain", stale=True)
    assert last_payload(slack, "block_actions")["actions"][0]["value"] == "1"


# --- the Home tab --------------------------------------------------------------------------


async def home(slack: StagedSlack, user: str = BOB) -> str:
    slack.open_home(user)
    return await slack.until(lambda: slack.home_text(user))


async def test_a_button_in_the_home_tab_comes_from_its_view_alone(slack: StagedSlack) -> None:
    assert (await home(slack)).count("Approve") == 3
    await slack.click_in_home(BOB, "home_approve", value="r-2")
    payload = last_payload(slack, "block_actions")
    assert payload["container"] == {"type": "view", "view_id": payload["view"]["id"]}
    assert payload["view"]["type"] == "home"
    assert payload["actions"][0]["value"] == "r-2"
    assert payload["trigger_id"]
    assert not {"channel", "message", "response_url"} & payload.keys()


async def test_the_home_tab_changes_while_it_is_open(slack: StagedSlack) -> None:
    await home(slack)
    await slack.click_in_home(BOB, "home_reject", value="r-1")
    await slack.until(lambda: "r-1" not in slack.home_text(BOB))
    with pytest.raises(CannotDo):
        await slack.click_in_home(BOB, "home_reject", value="r-1")
    await slack.click_in_home(BOB, "home_reject", value="r-1", stale=True)
    assert "2 open" in slack.home_text(BOB)


async def test_a_modal_opens_from_the_home_tab(slack: StagedSlack, client: AsyncWebClient) -> None:
    await home(slack)
    await slack.click_in_home(BOB, "home_approve", value="r-2", stale=True)
    trigger = last_payload(slack, "block_actions")["trigger_id"]
    await client.views_open(trigger_id=trigger, view=modal(section("Sure?")))
    assert "Sure?" in slack.modal_text(BOB)


async def test_a_home_tab_must_be_switched_on_and_is_guarded_by_its_hash(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    view = {"type": "home", "blocks": [section("hello")]}
    first = await client.views_publish(user_id=BOB, view=view)
    await client.views_publish(user_id=BOB, view=view, hash=first["view"]["hash"])
    late = client.views_publish(user_id=BOB, view=view, hash=first["view"]["hash"])
    assert await error_of(late) == "hash_conflict"
    slack.workspace.app.home_tab = False
    assert await error_of(client.views_publish(user_id=BOB, view=view)) == "not_enabled"


# --- buttons that one person sees, and those in threads ------------------------------------


async def test_a_private_message_is_replaced_by_what_its_button_leads_to(
    slack: StagedSlack,
) -> None:
    await slack.command(ALICE, RANDOM, "/vco-route")
    [asked] = slack.ephemerals(ALICE)
    assert text_of(asked) == "Which one?\nweight 0\nweight 100"
    with pytest.raises(CannotDo):
        await slack.click(BOB, RANDOM, asked.ts, "pick_100")
    await slack.click(ALICE, RANDOM, asked.ts, "pick_100")
    payload = last_payload(slack, "block_actions")
    assert payload["container"]["is_ephemeral"] is True
    assert "message" not in payload
    await slack.until(lambda: text_of(asked) == "Asked for weight 100.")
    assert slack.ephemerals(ALICE) == [asked]


async def test_a_button_in_a_thread_says_which_thread(
    slack: StagedSlack, client: AsyncWebClient
) -> None:
    card = await client.chat_postMessage(channel=NETWORK_OPS, text="card")
    both = [button("Yes", "pick_1", "1"), button("No", "pick_2", "2")]
    reply = await client.chat_postMessage(
        channel=NETWORK_OPS,
        thread_ts=card["ts"],
        text="Restore?",
        blocks=[{"type": "actions", "elements": both}],
    )
    await slack.click(BOB, NETWORK_OPS, reply["ts"], "pick_2")
    payload = last_payload(slack, "block_actions")
    assert payload["container"]["thread_ts"] == payload["message"]["thread_ts"] == card["ts"]
    [shown] = slack.thread(NETWORK_OPS, card["ts"])
    await slack.until(lambda: text_of(shown) == "Asked for weight 2.")


# --- limits --------------------------------------------------------------------------------

OPTION = option("x", "v")


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([field("a", "x" * 2001, {"type": "plain_text_input"})], "less than 2001"),
        (
            [field("a", "A", {"type": "multi_static_select", "options": [OPTION] * 101})],
            "than 100 items",
        ),
        (
            [field("a", "A", {"type": "multi_static_select", "options": [option("x" * 76, "v")]})],
            "less than 76",
        ),
        (
            [field("a", "A", {"type": "multi_static_select", "options": [option("x", "v" * 151)]})],
            "less than 151",
        ),
        (
            [field("a", "A", {"type": "external_select", "initial_option": {"value": "v"}})],
            "missing required field: text",
        ),
        (
            [field("a", "A", {"type": "multi_external_select", "max_selected_items": 0})],
            "from 1 to 100",
        ),
        (
            [field("a", "A", {"type": "conversations_select", "filter": {"include": ["dm"]}})],
            "valid enum value",
        ),
        (
            [
                field(name, "A", {"type": "plain_text_input", "focus_on_load": True})
                for name in "ab"
            ],
            "only one element",
        ),
        ([section("x")] * 101, "no more than 100 items"),
    ],
)
def test_a_form_that_slack_would_refuse_is_refused(blocks: list[Json], words: str) -> None:
    for view in (modal(*blocks), {"type": "home", "blocks": blocks}):
        assert any(words in problem for problem in problems_in_view(view))


def test_a_message_has_buttons_and_no_fields() -> None:
    several = {"type": "multi_static_select", "action_id": "a", "options": [OPTION]}
    for blocks in ([{"type": "actions", "elements": [several]}], [section("x", accessory=several)]):
        [problem] = problems_in_blocks(blocks)
        assert "unsupported type: multi_static_select" in problem


# --- what fields hold ----------------------------------------------------------------------

IDS = st.sampled_from(["a", "b", "c"])
FIELDS = st.builds(
    lambda block_id, action_id, kind: field(
        block_id, "Label", {"type": kind, "action_id": action_id, "options": [OPTION]}
    ),
    *(IDS, IDS, st.sampled_from(sorted(KEYS))),
)
FORMS = st.lists(FIELDS, max_size=3, unique_by=lambda block: block["block_id"]).map(with_ids)


@given(FORMS, FORMS)
def test_a_field_keeps_what_it_holds_exactly_while_its_ids_and_type_stay(
    before: list[Json], after: list[Json]
) -> None:
    marked = kept(before, {})
    for fields in marked.values():
        for held_by in fields.values():
            held_by["mark"] = True

    def named(blocks: list[Json]) -> set[tuple[str, str, str]]:
        return {(b["block_id"], b["element"]["action_id"], b["element"]["type"]) for b in blocks}

    now = {
        (block_id, action_id, value["type"]): "mark" in value
        for block_id, fields in kept(after, marked).items()
        for action_id, value in fields.items()
    }
    assert now.keys() == named(after)
    assert {ids for ids, stayed in now.items() if stayed} == named(after) & named(before)
