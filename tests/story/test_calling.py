"""Approvers are called until somebody comes: direct messages with buttons, reminders, the end."""

import pytest
from msgspec.structs import replace
from stage import DELETE_ONE, Stage, delete_command, request_id
from waiting import until

from bot.models import EventKind, Request, RequestState
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, DORA, GINA, NETOPS, NETWORK_OPS
from bot.sandbox.vpc.faults import FaultKind
from bot.slack.messages.buttons import APPROVE, CANCEL, REJECT, STOP
from bot.slack.posted import DIRECT


def direct(stage: Stage, user: str, card: Message | None = None) -> list[Message]:
    """The direct messages that ask somebody to decide; those about one card, if it is named."""
    about = None if card is None else request_id(card)
    return [m for m in stage.slack.dms(user) if asks(m) and about in (None, asks(m))]


def asks(message: Message) -> str:
    """The request that a direct message asks about, empty where it is another message."""
    said = message.metadata.get("event_payload", {})
    return str(said["request"]) if said.get("part") == DIRECT else ""


def buttons(message: Message) -> list[str]:
    return [a for a in (APPROVE, REJECT, CANCEL) if find_element(message.blocks, a)]


async def called(stage: Stage, user: str, card: Message) -> Message:
    """The one that somebody gets for a card."""
    return await stage.slack.until(lambda: next(iter(direct(stage, user, card)), None))


async def until_says(stage: Stage, message: Message, words: str) -> None:
    await stage.slack.until(lambda: words in text_of(message) and not buttons(message))


async def until_all_said(stage: Stage, card: Message) -> None:
    """Wait until there is nothing more to say directly about a request."""

    async def said() -> bool:
        return request_id(card) not in await stage.store.work.planned("dm")

    await until(said)


async def test_each_who_can_decide_is_asked_directly_and_told_what_was_decided(
    brisk: Stage,
) -> None:
    [route] = brisk.new_routes("called")
    card = await brisk.ask(delete_command(route, reason="INC-4211"))
    bobs, carols = await called(brisk, BOB, card), await called(brisk, CAROL, card)
    for mine in (bobs, carols):
        assert buttons(mine) == [APPROVE, REJECT]
        assert "“INC-4211”" in text_of(mine)
        assert "addresses lose their route" in text_of(mine)
        assert "|Card and thread>" in text_of(mine)

    await brisk.approve(card)
    await until_says(brisk, bobs, f"Approved by <@{BOB}>")
    await until_says(brisk, carols, f"Approved by <@{BOB}>")
    await brisk.until_deleted(card)
    await until_all_said(brisk, card)
    assert len(direct(brisk, BOB)) == len(direct(brisk, CAROL)) == 1
    assert [len(m.past) for m in (bobs, carols)] == [1, 1], "edited once, whatever came of it"
    assert not any(direct(brisk, user) for user in (ALICE, GINA)), "they could not decide"


async def test_an_approval_from_a_direct_message_is_as_good_and_a_late_click_is_answered(
    brisk: Stage,
) -> None:
    [route] = brisk.new_routes("from_a_dm")
    card = await brisk.ask(delete_command(route))
    bobs, carols = await called(brisk, BOB, card), await called(brisk, CAROL, card)
    await brisk.slack.click(BOB, bobs.channel, bobs.ts, APPROVE)
    await brisk.until_deleted(card)
    assert brisk.vpc.effects(route) == 1
    assert (await brisk.request(card)).approvers == (BOB,)
    await until_says(brisk, carols, f"Approved by <@{BOB}>")
    await brisk.slack.click(CAROL, carols.channel, carols.ts, APPROVE, stale=True)
    await brisk.until_told(CAROL, f"Already approved by <@{BOB}>")
    assert brisk.slack.ephemerals(CAROL)[-1].channel == carols.channel


async def test_what_is_held_up_is_stopped_from_a_direct_message(brisk: Stage) -> None:
    [route] = brisk.new_routes("held_up")
    brisk.fault(route, FaultKind.BUSY, times=None)
    card = await brisk.ask(delete_command(route))
    carols = await called(brisk, CAROL, card)
    await brisk.approve(card)
    await brisk.slack.until(lambda: find_element(carols.blocks, STOP))
    await brisk.slack.click(CAROL, carols.channel, carols.ts, STOP)
    await brisk.until_shown(card, RequestState.CANCELLED)
    await brisk.slack.until(lambda: not find_element(carols.blocks, STOP))
    await until_says(brisk, carols, f"Stopped by <@{CAROL}>")
    assert brisk.vpc.effects(route) == 0


async def test_clicks_on_the_card_and_in_direct_messages_at_once_are_one_approval(
    brisk: Stage,
) -> None:
    [route] = brisk.new_routes("both")
    card = await brisk.ask(delete_command(route))
    bobs, carols = await called(brisk, BOB, card), await called(brisk, CAROL, card)
    for _ in range(3):
        await brisk.slack.click(BOB, bobs.channel, bobs.ts, APPROVE, stale=True)
        await brisk.slack.click(BOB, card.channel, card.ts, APPROVE, stale=True)
        await brisk.slack.click(CAROL, carols.channel, carols.ts, APPROVE, stale=True)
    await brisk.until_deleted(card)
    assert len((await brisk.request(card)).decisions) == 1
    assert brisk.vpc.effects(route) == 1


async def test_a_rejection_from_a_direct_message_asks_for_its_reason(brisk: Stage) -> None:
    [route] = brisk.new_routes("rejected")
    card = await brisk.ask(delete_command(route))
    bobs, carols = await called(brisk, BOB, card), await called(brisk, CAROL, card)
    await brisk.slack.click(CAROL, carols.channel, carols.ts, REJECT)
    form = await brisk.slack.until(lambda: brisk.slack.modal(CAROL))
    await brisk.slack.submit(CAROL, form.id, {"reason": {"text": "not tonight"}})
    assert (await brisk.until_ended(card)).state is RequestState.REJECTED
    for mine in (bobs, carols):
        await until_says(brisk, mine, f"Rejected by <@{CAROL}>")
        assert "“not tonight”" in text_of(mine)
    assert brisk.sends() == 0


async def test_a_click_in_a_direct_message_is_judged_by_the_policy_of_that_moment(
    brisk: Stage,
) -> None:
    [route] = brisk.new_routes("left")
    card = await brisk.ask(delete_command(route))
    bobs = await called(brisk, BOB, card)
    brisk.slack.workspace.groups[NETOPS].users.remove(BOB)
    await brisk.slack.click(BOB, bobs.channel, bobs.ts, APPROVE)
    await brisk.until_told(BOB, "not one of the approvers")
    assert (await brisk.request(card)).state is RequestState.PENDING
    refused = [e.by for _, e in await brisk.audit() if e.kind is EventKind.REFUSED]
    assert refused == [BOB]
    assert brisk.sends() == 0


async def test_whoever_asks_is_not_called(brisk: Stage) -> None:
    [route] = brisk.new_routes("own")
    card = await brisk.ask(delete_command(route), user=BOB)
    await called(brisk, CAROL, card)
    await until_all_said(brisk, card)
    assert direct(brisk, BOB) == []


async def test_guests_and_who_has_left_are_not_called(brisk: Stage) -> None:
    brisk.slack.workspace.groups[NETOPS].users += [GINA, DORA]
    [route] = brisk.new_routes("guests")
    card = await brisk.ask(delete_command(route))
    await called(brisk, BOB, card)
    await called(brisk, CAROL, card)
    await until_all_said(brisk, card)
    assert direct(brisk, GINA) == direct(brisk, DORA) == []


@pytest.mark.parametrize("method", ["conversations.open", "chat.postMessage"])
async def test_somebody_who_can_not_be_written_to_keeps_nobody_from_being_called(
    brisk: Stage, method: str
) -> None:
    hold = brisk.slack.faults.add("conversations.open", "rate_limited", times=None)
    [route] = brisk.new_routes("unreachable")
    card = await brisk.ask(delete_command(route))
    await brisk.slack.until(lambda: "conversations.open" in methods(brisk))
    await brisk.until_quiet(card)
    brisk.slack.faults.add(method, "error", error="cannot_dm_bot")
    hold.times = 1
    await until_all_said(brisk, card)
    found = [user for user in (BOB, CAROL) if direct(brisk, user, card)]
    assert len(found) == 1
    await brisk.approve(card)
    await until_says(brisk, direct(brisk, found[0])[0], f"Approved by <@{BOB}>")
    await brisk.until_deleted(card)


def methods(stage: Stage) -> list[str]:
    return [call.method for call in stage.slack.requests]


async def test_without_the_scope_the_card_alone_calls(brisk: Stage) -> None:
    brisk.slack.web_api.scopes -= {"im:write"}
    [route] = brisk.new_routes("no_scope")
    card = await brisk.ask(delete_command(route))
    await brisk.slack.until(lambda: "conversations.open" in methods(brisk))
    await brisk.approve(card)
    await brisk.until_deleted(card)
    await until_all_said(brisk, card)
    assert direct(brisk, BOB) == []


async def test_beyond_so_many_the_thread_calls_the_group(hurried: Stage) -> None:
    await hurried.start_bot(VCO_CALL_UP_TO="1")
    [route] = hurried.new_routes("many")
    card = await hurried.ask(delete_command(route))
    lines = await hurried.until_thread_says(card, f"🟠 <!subteam^{NETOPS}>: 1 approval is needed")
    assert "1 of you has a direct message; any may decide." in lines[0]
    await until_all_said(hurried, card)
    assert len([*direct(hurried, BOB), *direct(hurried, CAROL)]) == 1


async def test_nobody_is_called_where_that_is_switched_off(hurried: Stage) -> None:
    await hurried.start_bot(VCO_CALL_UP_TO="0")
    [route] = hurried.new_routes("off")
    card = await hurried.ask(delete_command(route))
    await until_all_said(hurried, card)
    await hurried.approve(card)
    await hurried.until_deleted(card)
    assert "conversations.open" not in methods(hurried)


async def test_an_outage_of_slack_delays_the_calls_and_loses_none(brisk: Stage) -> None:
    brisk.slack.faults.add("conversations.open", "rate_limited", retry_after=1)
    [route] = brisk.new_routes("outage")
    card = await brisk.ask(delete_command(route))
    await brisk.slack.until(lambda: "conversations.open" in methods(brisk))
    brisk.slack.outage = True
    await brisk.slack.until(lambda: any(c.error == "outage" for c in brisk.slack.requests))
    brisk.slack.outage = False
    bobs, carols = await called(brisk, BOB, card), await called(brisk, CAROL, card)
    brisk.slack.outage = True
    await brisk.store.requests.update(
        request_id(card), lambda r: replace(r, expires_at=r.created_at)
    )
    assert (await brisk.until_ended(card)).state is RequestState.EXPIRED
    assert buttons(bobs) == [APPROVE, REJECT]
    brisk.slack.outage = False
    await until_says(brisk, bobs, "The time was over")
    await until_says(brisk, carols, "The time was over")
    assert len(direct(brisk, BOB)) == len(direct(brisk, CAROL)) == 1


async def test_a_direct_message_whose_answer_is_lost_is_found_again_and_not_repeated(
    brisk: Stage,
) -> None:
    brisk.slack.faults.add("conversations.open", "rate_limited", retry_after=1)
    [route] = brisk.new_routes("lost")
    card = await brisk.ask(delete_command(route))
    await brisk.until_quiet(card)
    brisk.slack.faults.add("chat.postMessage", "lost", times=2)
    bobs, carols = await called(brisk, BOB, card), await called(brisk, CAROL, card)
    await until_all_said(brisk, card)
    await brisk.approve(card)
    await until_says(brisk, bobs, f"Approved by <@{BOB}>")
    await until_says(brisk, carols, f"Approved by <@{BOB}>")
    assert len(direct(brisk, BOB)) == len(direct(brisk, CAROL)) == 1


async def test_of_a_bot_killed_between_two_calls_nobody_gets_two(stage: Stage) -> None:
    """kill -9 while Slack has not answered the first; another process goes on with both."""
    stage.hurry()
    env = stage.environment(VCO_LEASE="10", LOG_LEVEL="ERROR")
    bot, successor = BotProcess(env), BotProcess(env)
    [route] = stage.new_routes("killed")
    stage.slack.faults.add("conversations.open", "rate_limited", retry_after=1)
    try:
        await bot.start()
        stage.slack.deliver_to(f"{bot.url}/slack/events")
        card = await stage.ask(delete_command(route))
        await stage.until_quiet(card)
        stage.slack.faults.add("chat.postMessage", "hang", seconds=2.0)
        await stage.slack.until(lambda: stage.slack.requests[-1].error == "hanging")
        bot.kill()
        await successor.start()
        stage.slack.deliver_to(f"{successor.url}/slack/events")
        await called(stage, BOB, card)
        await called(stage, CAROL, card)
        await until_all_said(stage, card)
        assert len(direct(stage, BOB)) == len(direct(stage, CAROL)) == 1
        await stage.approve(card)
        await until_says(stage, direct(stage, CAROL)[0], f"Approved by <@{BOB}>")
    finally:
        await bot.stop()
        await successor.stop()


async def test_cards_and_outcomes_wait_for_no_direct_message(brisk: Stage) -> None:
    brisk.slack.faults.add("conversations.open", "hang", times=None)
    [route] = brisk.new_routes("slow")
    card = await brisk.ask(delete_command(route))
    await brisk.slack.until(lambda: "conversations.open" in methods(brisk))
    await brisk.approve(card)
    await brisk.until_deleted(card)
    assert direct(brisk, BOB) == direct(brisk, CAROL) == []


@pytest.mark.parametrize(("over", "left"), [(1, "22 min"), (2, "15 min"), (3, "7 min")])
async def test_at_each_quarter_those_who_are_still_asked_are_reminded_in_the_channel(
    brisk: Stage, over: int, left: str
) -> None:
    card = await brisk.ask(DELETE_ONE)
    await called(brisk, BOB, card)
    await called(brisk, CAROL, card)
    await until_all_said(brisk, card)
    passed = over * 450.0 + 1.0

    def later(request: Request) -> Request:
        """The same, asked so much earlier."""
        created, expires = request.created_at - passed, request.expires_at - passed
        return replace(request, created_at=created, expires_at=expires)

    await brisk.store.requests.update(request_id(card), later)
    await brisk.store.work.wake(f"follow:{request_id(card)}")
    [line] = await brisk.until_thread_says(card, f"*{left} left*")
    assert f"<@{BOB}>" in line
    assert f"<@{CAROL}>" in line
    assert "addresses stay on this connection" in line
    assert "“leaking prod prefix, INC-4211”" in line
    [shown] = [m for m in brisk.slack.thread(card.channel, card.ts) if m.reply]
    assert shown.broadcast
    assert shown.channel == NETWORK_OPS
