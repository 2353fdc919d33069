"""G5 Every outcome is told: card, thread and audit agree, whatever Slack answers in between."""

from itertools import pairwise

import pytest
from leftovers import no_traceback
from stage import DELETE_ONE, Stage, delete_command
from waiting import until

from bot.models import EventKind, RequestState
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.state import WebCall
from bot.sandbox.slack.workspace import ALICE, BOB, BOT, CAROL, NETWORK_OPS
from bot.sandbox.vpc import seed
from bot.slack.messages.buttons import RESTORE
from bot.store.client import key

__all__ = ["no_traceback"]


async def test_the_story_is_told_in_order_whatever_slack_answers_in_between(
    playing: Stage,
) -> None:
    playing.slack.faults.add("chat.postMessage", "http")
    playing.slack.faults.add("chat.getPermalink", "empty")
    playing.slack.faults.add("chat.update", "html")
    playing.slack.faults.add("response_url", "lost")
    card = await playing.ask()
    await playing.approve(card)
    final = await playing.until_deleted(card)
    assert final.startswith("✅ Deleted")
    thread = playing.thread(card)
    told = [line.split("  ", 1)[1].splitlines()[0] for line in thread]
    assert told[:3] == [f"Approved by <@{BOB}>", "Sent to Alibaba Cloud", "Connection is updating"]
    assert len(told) == 4
    assert len(playing.cards()) == 1
    assert playing.vpc.effects(playing.route) == 1


async def test_an_outage_of_slack_delays_the_story_and_loses_none_of_it(hurried: Stage) -> None:
    """Slack is away from the approval until long after the deletion is proven."""
    await hurried.start_bot()
    [route] = hurried.new_routes("outage")
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.APPROVED)
    hurried.slack.outage = True
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    assert hurried.vpc.effects(route) == 1
    hurried.slack.outage = False
    await hurried.until_deleted(card)
    thread = hurried.thread(card)
    told = [line.split("  ", 1)[1].splitlines()[0] for line in thread]
    assert told[:2] == [f"Approved by <@{BOB}>", "Sent to Alibaba Cloud"]
    assert len(set(told)) == len(told)
    audited = [event.kind for _, event in await hurried.audit()]
    assert audited == [event.kind for event in (await hurried.request(card)).timeline]


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "chat.getPermalink"])
async def test_a_method_that_asks_for_a_pause_gets_it(stage: Stage, method: str) -> None:
    await stage.start_bot(VCO_CALL_UP_TO="0")
    stage.slack.faults.add(method, "rate_limited", retry_after=2)
    card = await stage.ask()
    await stage.approve(card)
    await stage.until_event(card, EventKind.SENT)
    await stage.slack.until(lambda: _after_limit(stage.slack.requests, method))
    refused, following = _after_limit(stage.slack.requests, method) or (0.0, 0.0)
    assert following - refused >= 2.0


def _of_card(stage: Stage, card: Message) -> list[WebCall]:
    """The calls about a card and its thread."""
    return [call for call in stage.slack.requests if call.args.get("channel") == card.channel]


def _after_limit(calls: list[WebCall], method: str) -> tuple[float, float] | None:
    times = [(call.at, call.status) for call in calls if call.method == method]
    for (at, status), (following, _) in pairwise(times):
        if status == 429:
            return at, following
    return None


async def test_an_answer_that_did_not_come_through_the_response_url_comes_otherwise(
    playing: Stage,
) -> None:
    playing.slack.faults.add("response_url", "http", times=None)
    await playing.command("status")
    await playing.until_told(ALICE, "Nothing is pending or in flight.")
    assert "chat.postEphemeral" in [call.method for call in playing.slack.requests]


async def test_an_answer_for_where_the_bot_is_not_comes_directly(playing: Stage) -> None:
    playing.slack.faults.add("response_url", "http", times=None)
    playing.slack.workspace.channels[NETWORK_OPS].members.discard(BOT)
    await playing.command("status")
    said = await playing.slack.until(lambda: playing.slack.dms(ALICE))
    assert text_of(said[0]) == "Nothing is pending or in flight."


async def test_a_card_that_can_not_be_posted_any_more_cancels_its_request(playing: Stage) -> None:
    """The bot is thrown out between the look at the channel and the card."""
    playing.slack.faults.add("chat.postMessage", "error", error="not_in_channel")
    await playing.command(DELETE_ONE)
    await playing.until_told(ALICE, "The card could not be posted (not_in_channel)")
    assert await playing.store.requests.open_ids() == []
    assert playing.cards() == []
    said = await playing.slack.until(lambda: playing.slack.dms(ALICE))
    assert "Nothing was sent" in text_of(said[0])
    assert "Approve and delete now" not in text_of(said[0])
    # Nothing stands in the way of asking again.
    assert text_of(await playing.ask()).startswith("🟠 Delete ")


async def test_a_card_that_is_gone_is_followed_by_one_to_the_requester(playing: Stage) -> None:
    card = await playing.ask()
    await playing.approve(card)
    card.deleted = True
    playing.slack.touch()
    said = await playing.slack.until(lambda: _restorable(playing))
    assert said.startswith(f"✅ Deleted {seed.SHADOWED_DEST}")
    assert (await playing.request(card)).state is RequestState.DELETED


async def test_an_archived_channel_is_followed_by_a_card_to_the_requester(playing: Stage) -> None:
    card = await playing.ask()
    await playing.approve(card)
    playing.slack.workspace.channels[NETWORK_OPS].archived = True
    await playing.slack.until(lambda: _restorable(playing))
    assert playing.vpc.effects(playing.route) == 1


def _restorable(stage: Stage) -> str:
    """What a card says that came directly, once it offers to put a proven deletion back."""
    said = [m for m in stage.slack.dms(ALICE) if find_element(m.blocks, RESTORE)]
    return text_of(said[0]) if said else ""


async def test_a_post_whose_answer_is_lost_is_found_again_not_repeated(playing: Stage) -> None:
    """Every message bears metadata that says what it is."""
    playing.slack.faults.add("chat.postMessage", "lost")
    await playing.command(DELETE_ONE)
    card = await playing.slack.until(lambda: next(iter(playing.cards()), None))
    await playing.until_quiet(card)
    assert len(playing.cards()) == 1
    playing.slack.faults.add("chat.postMessage", "lost", times=2)
    await playing.approve(card)
    await playing.until_deleted(card)
    thread = playing.thread(card)
    assert len(thread) == len(set(thread)) == 4
    await playing.slack.click(CAROL, card.channel, card.ts, "vco_route_approve", stale=True)
    await playing.until_told(CAROL, f"Already approved by <@{BOB}>")
    assert playing.vpc.effects(playing.route) == 1


@pytest.mark.parametrize("code", ["edit_window_closed", "cant_update_message"])
async def test_where_slack_takes_no_edits_the_thread_tells_it_all_and_how_it_ended(
    hurried: Stage, code: str
) -> None:
    if code == "edit_window_closed":
        hurried.slack.workspace.edit_seconds = 0.0
    else:
        hurried.slack.faults.add("chat.update", "error", error=code, times=None)
    await hurried.start_bot()
    [route] = hurried.new_routes("edits")
    card = await hurried.approved(route)
    await hurried.until_deleted(card)
    thread = hurried.thread(card)
    assert thread[0].split("  ", 1)[1].startswith(f"Approved by <@{BOB}>")
    assert thread[-1].startswith("✅ Deleted ")
    assert len([line for line in thread if line.startswith("✅ Deleted ")]) == 1
    assert hurried.slack.dms(ALICE) == []
    # It is tried once and no more, however often the card would look different.
    assert len([c for c in _of_card(hurried, card) if c.method == "chat.update"]) == 1


async def test_what_was_told_where_slack_refuses_for_good_is_forgotten_with_its_request(
    hurried: Stage,
) -> None:
    """Neither the channel nor the requester can be written to, and then the request ends."""
    await hurried.start_bot()
    [route] = hurried.new_routes("lost")
    card = await hurried.ask(delete_command(route))
    hurried.slack.faults.add("chat.update", "error", error="message_not_found", times=None)
    hurried.slack.faults.add("chat.postMessage", "error", error="messages_tab_disabled", times=None)
    await hurried.approve(card)
    request = await hurried.until_ended(card)
    kept = key("told", request.id)

    async def expires() -> bool:
        return bool(await hurried.store.database.command("TTL", kept) > 0)

    await until(expires)
    assert (await hurried.store.card_states.get(request.id)).lost == "messages_tab_disabled"
    assert await hurried.store.database.command("TTL", key("request", request.id)) > 0
