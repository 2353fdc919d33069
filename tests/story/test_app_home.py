"""App Homes are kept true while nobody opens them again, and Slack is not called more than needed.

People look, click and wait; what they see is read from the local Slack.
"""

from itertools import pairwise
from pathlib import Path

import pytest
from stage import Stage, delete_command, request_id, versions
from waiting import until

from bot.models import EventKind, RequestState
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.state import WebCall
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, NETOPS, NETWORK_OPS
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.world import Pace
from bot.slack.app_home import APART_SECONDS
from bot.slack.messages.buttons import APPROVE, CANCEL, COUNTERSIGN, REJECT, RESTORE
from bot.slack.messages.decision_forms import TYPED_ACTION, TYPED_BLOCK

PARTS = ("Waits for you", "In flight", "You asked for", "Recent outcomes", "*How to ask*")


def home(stage: Stage, user: str) -> str:
    """All that somebody sees in their Home."""
    return text_of(stage.slack.home(user))


def part(stage: Stage, user: str, name: str) -> str:
    """What stands under one of the headers of a Home."""
    _, _, below = home(stage, user).partition(f"{name}\n")
    ends = (below.find(f"{other}\n") for other in (*PARTS, "Waits for others"))
    return below[: min((end for end in ends if end >= 0), default=len(below))].strip()


async def until_part(stage: Stage, user: str, name: str, words: str, seconds: float = 15) -> str:
    """Wait until somebody sees `words` under a header; returns all that stands there."""
    await stage.slack.until(lambda: words in part(stage, user, name), timeout=seconds)
    return part(stage, user, name)


def slow_down(stage: Stage, seconds: float = 6.0) -> None:
    """Let deletions take long enough to be seen in a Home."""
    stage.vpc.service.world.connections[seed.ORDINARY].pace = Pace(delay=0.1, seconds=seconds)


async def look(stage: Stage, *users: str) -> None:
    """Open the Home of each, and wait until there is something to see."""
    for user in users:
        stage.slack.open_home(user)
    await stage.slack.until(lambda: all("How to ask" in home(stage, user) for user in users))


def published(stage: Stage, user: str) -> list[WebCall]:
    """The calls that showed somebody their Home, or should have."""
    calls = [call for call in stage.slack.requests if call.method == "views.publish"]
    return [call for call in calls if call.args["user_id"] == user]


async def quiet(stage: Stage) -> None:
    """Wait until no Home is to be looked at any more."""

    async def none_due() -> bool:
        return not any(item.startswith("home:") for item in await due(stage))

    await until(none_due)


async def due(stage: Stage) -> list[str]:
    return list(await stage.store.database.command("ZRANGE", "{vco}:due", 0, -1))


async def test_a_request_is_approved_in_the_home_and_followed_there_to_its_end(
    brisk: Stage,
) -> None:
    """Alice and Bob open their Homes once; everything after that comes to them."""
    slow_down(brisk, 600.0)
    await look(brisk, ALICE, BOB)
    assert part(brisk, BOB, "Waits for you") == "Nothing."
    card = await brisk.ask()

    # It leads to the card.
    waiting = await until_part(brisk, BOB, "Waits for you", card.ts.replace(".", ""))
    assert "covers them" in waiting
    assert "“leaking prod prefix, INC-4211”" in waiting
    assert "Pending · needs 1 approval from" in await until_part(
        brisk, ALICE, "You asked for", "Delete"
    )
    assert part(brisk, ALICE, "Waits for you") == "Nothing."

    await brisk.slack.click_in_home(BOB, APPROVE)
    for user in (ALICE, BOB):
        assert "approved by" in await until_part(brisk, user, "In flight", "Deleting")
    assert part(brisk, BOB, "Waits for you") == "Nothing."

    await brisk.until_event(card, EventKind.SENT)
    brisk.end_task(seed.ORDINARY)
    assert "approved by" in await until_part(brisk, BOB, "Recent outcomes", "Deleted")
    await until_part(brisk, ALICE, "You asked for", "Deleted")
    for user in (ALICE, BOB):
        assert part(brisk, user, "In flight") == "Nothing."
    assert brisk.vpc.effects(brisk.route) == 1


async def test_nobody_gets_more_than_one_page_in_two_seconds(playing: Stage) -> None:
    slow_down(playing)
    await look(playing, BOB)
    card = await playing.ask()
    await playing.approve(card)
    await playing.until_deleted(card)
    await until_part(playing, BOB, "Recent outcomes", "Deleted")
    times = [call.at for call in published(playing, BOB)]
    assert len(times) >= 3
    assert all(later - earlier >= APART_SECONDS - 0.05 for earlier, later in pairwise(times))


async def test_who_has_not_looked_is_shown_nothing(brisk: Stage) -> None:
    await look(brisk, BOB)
    await brisk.ask()
    await until_part(brisk, BOB, "Waits for you", "Delete")
    assert brisk.slack.home(CAROL) is None
    assert {call.args["user_id"] for call in published(brisk, BOB)} == {BOB}


async def test_a_page_is_not_published_while_only_a_bar_moves(playing: Stage) -> None:
    """How far a deletion is shows its card; the pages rest until it has ended."""
    slow_down(playing)
    await look(playing, BOB)
    card = await playing.ask()
    await playing.approve(card)
    await until_part(playing, BOB, "In flight", "Deleting")
    await quiet(playing)
    before, shown = len(published(playing, BOB)), versions(card)
    await playing.slack.until(lambda: len(versions(card)) >= len(shown) + 2)
    assert len(published(playing, BOB)) == before
    await until_part(playing, BOB, "Recent outcomes", "Deleted")


async def test_who_opens_their_home_ten_times_costs_a_page_in_two_seconds(playing: Stage) -> None:
    await look(playing, BOB)
    for _ in range(10):
        playing.slack.open_home(BOB)
    await playing.slack.until(lambda: len(published(playing, BOB)) == 2)
    await quiet(playing)
    assert len(published(playing, BOB)) == 2


async def test_who_opens_their_home_again_is_shown_it_anew(brisk: Stage) -> None:
    """Whatever Slack has shown them: now it is true."""
    await look(brisk, BOB)
    brisk.slack.open_home(BOB)
    await brisk.slack.until(lambda: len(published(brisk, BOB)) == 2)


async def test_a_pause_that_slack_asks_for_is_kept(brisk: Stage) -> None:
    brisk.slack.faults.add("views.publish", "rate_limited", retry_after=2)
    await look(brisk, BOB)
    refused, shown = published(brisk, BOB)
    assert refused.status == 429
    assert shown.at - refused.at >= 2.0


async def test_a_home_that_slack_was_away_for_is_shown_when_it_is_back(brisk: Stage) -> None:
    await look(brisk, BOB)
    brisk.slack.faults.add("views.publish", "http", times=2)
    await brisk.ask()
    await until_part(brisk, BOB, "Waits for you", "Delete")


async def test_somebody_to_whom_slack_shows_nothing_is_forgotten(brisk: Stage) -> None:
    await look(brisk, BOB)
    brisk.slack.faults.add("views.publish", "error", error="not_enabled")
    await brisk.ask()
    await brisk.slack.until(lambda: len(published(brisk, BOB)) == 2)

    async def forgotten() -> bool:
        return not await brisk.store.viewers.latest()

    await until(forgotten)
    # Until they look again.
    brisk.slack.open_home(BOB)
    await until_part(brisk, BOB, "Waits for you", "Delete")


# --- its buttons ---------------------------------------------------------------------


async def test_alice_cancels_in_her_home(brisk: Stage) -> None:
    await look(brisk, ALICE)
    card = await brisk.ask()
    await until_part(brisk, ALICE, "You asked for", "Delete")
    await brisk.slack.click_in_home(ALICE, CANCEL)
    await until_part(brisk, ALICE, "You asked for", "Withdrawn: delete")
    assert (await brisk.request(card)).state is RequestState.CANCELLED
    assert "Withdrawn: nothing was sent" in await directly(brisk, ALICE)


async def test_bob_rejects_in_his_home_and_says_why(brisk: Stage) -> None:
    await look(brisk, BOB)
    card = await brisk.ask()
    await until_part(brisk, BOB, "Waits for you", "Delete")
    await brisk.slack.click_in_home(BOB, REJECT)
    form = await brisk.slack.until(lambda: brisk.slack.modal(BOB))
    await brisk.slack.submit(BOB, form.id, {"reason": {"text": "wrong office"}})
    assert "“wrong office”" in await until_part(brisk, BOB, "Recent outcomes", "Rejected")
    assert (await brisk.request(card)).state is RequestState.REJECTED


async def test_a_late_click_in_a_home_is_answered_directly(brisk: Stage) -> None:
    """Nobody sees in their Home what is whispered in a channel."""
    await look(brisk, BOB, CAROL)
    card = await brisk.ask()
    for user in (BOB, CAROL):
        await until_part(brisk, user, "Waits for you", "Delete")
    await brisk.slack.click_in_home(BOB, REJECT)
    form = await brisk.slack.until(lambda: brisk.slack.modal(BOB))
    await brisk.slack.click_in_home(CAROL, APPROVE)
    await brisk.until_event(card, EventKind.APPROVED)
    assert (await brisk.slack.submit(BOB, form.id, {"reason": {"text": "no"}})).status == 200
    assert f"Already approved by <@{CAROL}>" in await directly(brisk, BOB)
    assert brisk.told(BOB) == ""


async def test_a_refusal_in_a_home_is_told_directly(brisk: Stage) -> None:
    await look(brisk, BOB)
    await brisk.ask()
    await until_part(brisk, BOB, "Waits for you", "Delete")
    brisk.slack.workspace.groups[NETOPS].users.remove(BOB)
    await brisk.slack.click_in_home(BOB, APPROVE)
    assert "You are not one of the approvers" in await directly(brisk, BOB)
    assert brisk.sends() == 0


async def test_what_was_deleted_is_asked_back_in_the_home_by_a_card_where_the_first_one_was(
    brisk: Stage,
) -> None:
    await look(brisk, ALICE)
    card = await brisk.ask()
    await brisk.approve(card)
    await until_part(brisk, ALICE, "You asked for", "Deleted")
    await brisk.slack.click_in_home(ALICE, RESTORE)
    await brisk.say_why(ALICE)
    await until_part(brisk, ALICE, "You asked for", "Restore 192.168.10.0/24 ·")
    assert [m.channel for m in brisk.cards()] == [NETWORK_OPS] * 2
    assert text_of(brisk.cards()[1]).startswith("🟠 Restore ")
    assert "Asked for approval" in await directly(brisk, ALICE)


async def directly(stage: Stage, user: str) -> str:
    """What the bot wrote to somebody alone."""
    said = await stage.slack.until(lambda: stage.told_directly(user))
    return "\n".join(map(text_of, said))


# --- what can't be read --------------------------------------------------------------


async def test_a_group_that_can_not_be_read_is_said_and_looked_at_again(
    brisk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.app_home.GROUP_SECONDS", 0.5)
    await brisk.ask()
    broken = brisk.slack.faults.add("usergroups.users.list", "http", times=None)
    brisk.slack.open_home(BOB)
    await until_part(brisk, BOB, "Waits for you", "Slack does not say who is in")
    assert "Delete" not in part(brisk, BOB, "Waits for you")
    broken.times = 0
    brisk.slack.faults.clear()
    await until_part(brisk, BOB, "Waits for you", "Delete")


async def test_a_record_of_another_version_hides_none_of_the_others(brisk: Stage) -> None:
    card = await brisk.ask()
    id_ = request_id(card)
    await brisk.store.database.command("ZADD", "{vco}:index", 1, "r-broken")
    await brisk.store.database.command("HSET", "{vco}:request:r-broken", "data", "{]", "rev", 1)
    await look(brisk, BOB)
    assert "`r-broken` can't be read by this version" in home(brisk, BOB)
    assert "Delete" in part(brisk, BOB, "Waits for you")
    assert id_ != "r-broken"


# --- what a policy asks for ----------------------------------------------------------


async def test_a_wide_prefix_is_approved_in_the_home_by_typing_it(
    hurried: Stage, tmp_path: Path
) -> None:
    await start_with(hurried, tmp_path, "wide = { ipv4 = 16, approvals = 1 }")
    (route,) = hurried.new_routes("wide")
    await look(hurried, BOB)
    card = await hurried.ask(delete_command(route))
    await until_part(hurried, BOB, "Waits for you", "Delete")
    await hurried.slack.click_in_home(BOB, APPROVE)
    form = await hurried.slack.until(lambda: hurried.slack.modal(BOB))
    typed = {TYPED_BLOCK: {TYPED_ACTION: route.route_dest}}
    await hurried.slack.submit(BOB, form.id, typed)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


async def test_a_first_approval_moves_a_request_to_those_who_are_still_to_decide(
    hurried: Stage, tmp_path: Path
) -> None:
    await start_with(hurried, tmp_path, "approvals = 2")
    (route,) = hurried.new_routes("quorum")
    await look(hurried, BOB, CAROL)
    await hurried.ask(delete_command(route))
    await until_part(hurried, BOB, "Waits for you", "Delete")
    await hurried.slack.click_in_home(BOB, APPROVE)
    await until_part(hurried, BOB, "Waits for others", "1 of 2 approvals from")
    await until_part(hurried, CAROL, "Waits for you", f"approved by <@{BOB}>")
    assert "Approved. 1 more approval needed." in await directly(hurried, BOB)
    await hurried.slack.click_in_home(CAROL, APPROVE)
    await until_part(hurried, BOB, "Recent outcomes", "Deleted")


async def test_a_broken_glass_is_countersigned_in_the_home(hurried: Stage, tmp_path: Path) -> None:
    await start_with(hurried, tmp_path, 'break_glass = { who = "anyone" }')
    (route,) = hurried.new_routes("glass")
    await look(hurried, BOB)
    command = delete_command(route, reason="all of prod is down")
    card = await hurried.ask(f"{command} --break-glass")
    waiting = await until_part(hurried, BOB, "Waits for you", "Break-glass: Deleted")
    assert "“all of prod is down”" in waiting
    await hurried.slack.click_in_home(BOB, COUNTERSIGN)
    await hurried.give_word(BOB)
    await until_part(hurried, BOB, "Recent outcomes", f"countersigned by <@{BOB}>")
    assert (await hurried.request(card)).countersigned


async def test_a_countersignature_that_is_owed_stays_in_the_home_however_much_comes_after_it(
    hurried: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.slack.app_home._LATEST", 1)
    await start_with(hurried, tmp_path, 'break_glass = { who = "anyone" }')
    route, later = hurried.new_routes("owed", 2)
    command = delete_command(route, reason="all of prod is down")
    await hurried.until_ended(await hurried.ask(f"{command} --break-glass"))
    await hurried.until_ended(await hurried.approved(later))
    await look(hurried, BOB)
    assert "Break-glass: Deleted" in part(hurried, BOB, "Waits for you")


async def start_with(stage: Stage, directory: Path, more: str) -> None:
    """Start a bot whose policy has one rule, for everything, with `more` in it."""
    file = directory / "policy.toml"
    file.write_text(f'[[rule]]\nname = "all"\napprove = ["{NETOPS}"]\n{more}\n')
    await stage.start_bot(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")
