"""Requests that know of each other: each card says so, and goes on doing so after every failure."""

from stage import Stage, delete_command, request_id

from bot.models import EventKind, Operation, RequestState
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.slack.messages.buttons import AGAIN, RESTORE


def asked_directly(stage: Stage, user: str, card: Message) -> Message:
    """The direct message that asks somebody about what a card asks."""
    [found] = [
        m
        for m in stage.slack.dms(user)
        if m.metadata.get("event_payload", {}).get("request") == request_id(card)
    ]
    return found


async def test_two_on_one_connection_warn_each_other_and_the_void_one_says_which_did_it(
    brisk: Stage,
) -> None:
    (wide,) = brisk.new_routes("both")  # 10.0.0.0/16
    narrow = brisk.vpc.add_route(wide.vpn_connection_id, "10.0.7.0/24")
    first = await brisk.ask(delete_command(wide))
    assert "Open on this connection too" not in text_of(first)
    second = await brisk.ask(delete_command(narrow), user=CAROL)

    # Both cards, also the one that stood there before, and linked to each other.
    said = await brisk.until_card_says(first, "|🟠 Delete 10.0.7.0/24>")
    assert f"asked by <@{CAROL}>. 256 addresses stay on this connection: 10.0.0.0/16" in said
    assert "Whichever runs first voids the other." in said
    await brisk.until_card_says(second, "|🟠 Delete 10.0.0.0/16>")
    bobs = asked_directly(brisk, BOB, first)
    await brisk.slack.until(lambda: "Whichever runs first" in text_of(bobs))

    await brisk.approve(second)
    await brisk.until_deleted(second)
    await brisk.slack.until(lambda: "Open on this" not in text_of(first) + text_of(bobs))
    await brisk.approve(first)
    assert (await brisk.until_ended(first)).state is RequestState.VOID
    culprit = await brisk.request(second)
    shown = await brisk.until_card_says(first, "That was ")
    assert "|✅ Deleted 10.0.7.0/24>" in shown
    assert f"`{culprit.id}`, asked by <@{CAROL}>." in shown
    assert find_element(first.blocks, AGAIN)
    thread = await brisk.until_thread_says(first, f"Request `{culprit.id}` did that.")
    assert "*The route stays, and its traffic goes on as before.* <@" in thread[-1]


async def test_what_somebody_changed_in_the_console_is_blamed_on_no_request(brisk: Stage) -> None:
    (wide, other) = brisk.new_routes("console", 2)
    await brisk.until_ended(await brisk.approved(other))
    card = await brisk.ask(delete_command(wide))
    brisk.vpc.add_route(wide.vpn_connection_id, "10.0.7.0/24")
    await brisk.approve(card)
    await brisk.until_shown(card, RequestState.VOID)
    assert "That was" not in text_of(card)


async def test_a_restored_deletion_says_so_from_the_click_to_the_end(brisk: Stage) -> None:
    (route,) = brisk.new_routes("back")
    first = await brisk.approved(route)
    await brisk.until_deleted(first)
    second = await brisk.restore(first)
    await brisk.until_card_says(first, "|🟠 Restore 10.0.0.0/16>")
    assert find_element(first.blocks, RESTORE) is None

    # It comes to nothing: the button is back. Once more, and then it is done.
    await brisk.reject(second, "not yet")
    await brisk.until_card_says(first, "|❌ Rejected: restore 10.0.0.0/16>")
    await brisk.slack.until(lambda: find_element(first.blocks, RESTORE) is not None)
    third = await brisk.restore(first)
    await brisk.approve(third)
    request = await brisk.until_ended(third)
    assert (request.state, request.operation) == (RequestState.RESTORED, Operation.RESTORE)
    said = await brisk.until_card_says(first, "*Restored*")
    assert said.startswith("⚪ Deleted, then restored: 10.0.0.0/16 · vco-back")
    assert f"|{request.id}>, asked by <@{ALICE}>." in said
    assert find_element(first.blocks, RESTORE) is None
    brisk.slack.open_home(BOB)
    await brisk.slack.until(lambda: "Deleted, then restored" in brisk.slack.home_text(BOB))


async def test_an_outage_of_slack_and_a_bot_that_is_replaced_delay_it_and_lose_none_of_it(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    (route, other) = hurried.new_routes("outage", 2)
    first = await hurried.approved(route)
    await hurried.until_deleted(first)
    beside = await hurried.ask(delete_command(other))
    await hurried.until_quiet(beside)
    second = await hurried.restore(first)
    await hurried.approve(second)
    await hurried.until_event(second, EventKind.APPROVED)
    hurried.slack.outage = True
    assert (await hurried.until_ended(second)).state is RequestState.RESTORED
    await hurried.stop_bots()
    hurried.slack.outage = False
    await hurried.start_bot()
    await hurried.until_card_says(first, "⚪ Deleted, then restored")
    await hurried.until_quiet(beside)
    assert "Open on this connection too" not in text_of(beside)


async def test_an_edit_whose_answer_is_lost_is_taken_back_once_it_is_true_no_more(
    brisk: Stage,
) -> None:
    """What a card may show is not what it is known to show."""
    wide, narrow = brisk.new_routes("edit_lost", 2)
    first = await brisk.ask(delete_command(wide))
    await brisk.slack.until(lambda: len(brisk.slack.dms(BOB)) == 1)
    shown = [first, asked_directly(brisk, BOB, first)]
    await brisk.until_quiet(first)
    brisk.slack.faults.add("chat.update", "lost", times=None)
    second = await brisk.ask(delete_command(narrow), user=CAROL)
    await brisk.slack.until(lambda: all("Open on this" in text_of(one) for one in shown))
    await brisk.cancel(second, CAROL)
    assert (await brisk.until_ended(second)).state is RequestState.CANCELLED
    await brisk.slack.until(lambda: not any("Open on this" in text_of(one) for one in shown))
