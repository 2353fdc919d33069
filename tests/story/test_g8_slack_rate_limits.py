"""G8: nobody stops it. While Slack's rate limits are all spent, a click that may decide is decided.

The local Slack enforces the limits of each method here, with bursts as short as they may be.
"""

import asyncio
from functools import partial

import pytest
from builders import approved, deleted
from stage import Stage, delete_command
from waiting import TIMEOUT, until

from bot.models import EventKind, RequestState
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.rate_limits import RATES as SLACKS
from bot.sandbox.slack.rate_limits import Rate, Tier
from bot.sandbox.slack.workspace import BOB, CAROL, NETOPS
from bot.slack import budget
from bot.slack.budget import Priority
from bot.slack.cards import edit_priority
from bot.store import CardState
from bot.store.client import key

LOOK_UPS = ("users.info", "conversations.info", "usergroups.users.list")


RATES = dict(budget.RATES)

STRICT = {
    tier: Rate(rate.per_second, max(3, rate.burst // 4)) if tier is not Tier.POST else Rate(1.0, 3)
    for tier, rate in SLACKS.items()
}
"""Slack's limits with short bursts: how long one may be is nowhere promised."""


async def strict(stage: Stage) -> None:
    """Let Slack be as strict as it may be, to a bot that knows nothing of it yet."""
    await stage.stop_bots()
    stage.slack.limits.rates = dict(STRICT)
    stage.slack.limits.enabled = True
    # How fast things are told is for other tests.
    budget.RATES.update({method: RATES[method] for method in LOOK_UPS})
    await stage.start_bot()


def look_ups(stage: Stage, method: str = "") -> int:
    """How often people, groups and channels were asked for."""
    return sum(c.method in ((method,) if method else LOOK_UPS) for c in stage.slack.requests)


def limited(stage: Stage) -> int:
    """How often Slack had to say that look-ups were too many."""
    return sum(c.status == 429 and c.method in LOOK_UPS for c in stage.slack.requests)


def answered(stage: Stage, user: str) -> int:
    """How many clicks somebody heard that they may not decide."""
    words = ("You are not one of the approvers", "You were refused several times")
    return sum(stage.told(user).count(one) for one in words)


async def cards(stage: Stage, count: int) -> list[Message]:
    """So many pending requests, each with its card; Bob alone is an approver."""
    stage.slack.workspace.groups[NETOPS].users[:] = [BOB]
    routes = stage.new_routes("busy", count)
    await asyncio.gather(*(stage.command(delete_command(route)) for route in routes))
    await stage.slack.until(lambda: len(stage.cards()) == count, timeout=60)
    return stage.cards()


async def until_approved(stage: Stage, *asked: Message, seconds: float = TIMEOUT) -> None:
    """Wait until all of these are approved."""

    async def decided(card: Message) -> bool:
        return (await stage.request(card)).state is not RequestState.PENDING

    await asyncio.gather(*(until(partial(decided, card), seconds) for card in asked))


async def test_somebody_who_may_not_decide_keeps_nobody_from_deciding(hurried: Stage) -> None:
    await hurried.start_bot()
    theirs, ours = await cards(hurried, 2)
    await strict(hurried)
    before = look_ups(hurried)
    clicks = [hurried.approve(theirs, CAROL) for _ in range(45)]
    await asyncio.gather(*clicks)
    await hurried.approve(ours)
    # Behind 45 look-ups, at 20 a minute, it would take more than two minutes.
    await until_approved(hurried, ours, seconds=40.0)
    await until(lambda: answered(hurried, CAROL) == 45)
    assert "You are not one of the approvers." in hurried.told(CAROL)
    assert "this click was not looked into" in hurried.told(CAROL)
    assert look_ups(hurried) - before < 45
    assert (await hurried.request(theirs)).state is RequestState.PENDING
    refused = [e for _, e in await hurried.audit() if e.kind is EventKind.REFUSED]
    assert 1 <= len(refused) <= 12


async def test_who_was_refused_again_and_again_and_is_made_an_approver_is_heard(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    [card] = await cards(hurried, 1)
    for _ in range(4):
        await hurried.approve(card, CAROL)
    await hurried.slack.until(lambda: hurried.told(CAROL).count("You are not one") == 4)
    hurried.slack.workspace.groups[NETOPS].users.append(CAROL)
    await hurried.approve(card, CAROL)
    await until_approved(hurried, card)


async def test_many_approvals_at_once_are_all_decided_and_told(hurried: Stage) -> None:
    await hurried.start_bot()
    asked = await cards(hurried, 24)
    await strict(hurried)
    before = look_ups(hurried, "usergroups.users.list")
    await asyncio.gather(*(hurried.approve(card, BOB) for card in asked))
    # One look-up each, at 20 a minute, would take more than a minute.
    await until_approved(hurried, *asked, seconds=40.0)
    assert look_ups(hurried, "usergroups.users.list") - before < 12
    assert limited(hurried) <= 3
    hurried.slack.limits.enabled = False
    for card in asked:
        await hurried.until_event(card, EventKind.APPROVED)


async def test_those_who_wait_for_the_same_look_up_share_one_that_began_after_they_came(
    hurried: Stage,
) -> None:
    """What an earlier read has seen is nobody's answer who came later."""
    await hurried.start_bot()
    first, second, third = await cards(hurried, 3)
    await strict(hurried)
    # Somebody else has spent what there was.
    while not hurried.slack.limits.take(Tier.TWO, "usergroups.users.list"):
        pass
    before = look_ups(hurried, "usergroups.users.list")
    await asyncio.gather(*(hurried.approve(card) for card in (first, second)))
    await hurried.slack.until(lambda: limited(hurried))
    # Nobody is an approver any more by the time at which Slack answers again.
    hurried.slack.workspace.groups[NETOPS].users[:] = [CAROL]
    await hurried.approve(third)
    await hurried.slack.until(lambda: hurried.told(BOB).count("not one of the approvers") == 3)
    assert look_ups(hurried, "usergroups.users.list") - before <= 4
    for card in (first, second, third):
        assert (await hurried.request(card)).state is RequestState.PENDING


async def test_what_slack_put_off_was_not_posted_so_nothing_is_searched_for(hurried: Stage) -> None:
    """A search of the thread costs a call of the same few."""
    await hurried.start_bot()
    [card] = await cards(hurried, 1)
    hurried.slack.faults.add("chat.postMessage", "rate_limited", times=2)
    await hurried.approve(card)
    await hurried.until_deleted(card)
    thread = hurried.thread(card)
    assert len(thread) == len(set(thread)) == 4
    methods = [call.method for call in hurried.slack.requests]
    assert "conversations.replies" not in methods
    # One look at the card itself, before its first edit: it might show an outcome already.
    assert methods.count("conversations.history") == 1


async def test_the_thread_is_told_while_the_cards_edits_are_held_back(hurried: Stage) -> None:
    await hurried.start_bot(VCO_CALL_UP_TO="0")
    [card] = await cards(hurried, 1)
    hurried.slack.faults.add("chat.update", "rate_limited", times=1, retry_after=600)
    await hurried.approve(card)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    await hurried.slack.until(lambda: len(hurried.thread(card)) == 4)
    edits = [c for c in hurried.slack.requests if c.method == "chat.update" and not c.error]
    assert not edits


def test_an_end_goes_before_a_state_and_a_state_before_a_bar() -> None:
    yes = approved()
    moved = [
        edit_priority(deleted(), CardState()),
        edit_priority(yes, CardState()),
        edit_priority(yes, CardState(said=len(yes.timeline))),
    ]
    assert moved == [Priority.OUTCOME, Priority.CARD, Priority.PROGRESS]


async def test_replicas_together_post_no_more_than_slack_allows(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its part: what one alone may post at once, two of them would post twice."""
    monkeypatch.setattr("bot.execution.worker.UPKEEP_SECONDS", 0.1)
    method = "chat.postMessage"
    budget.RATES[method] = RATES[method]
    hurried.slack.limits.rates = dict(SLACKS)
    for _ in range(2):
        await hurried.start_bot(VCO_CALL_UP_TO="0")
    database, together = hurried.store.database, await hurried.store.database.now()

    async def each_knows() -> bool:
        found = await database.command("ZRANGE", key("present"), 0, -1, "WITHSCORES")
        return len(found) == 2 and all(float(at) > together + 0.2 for _, at in found)

    await until(each_knows)
    hurried.slack.limits.enabled = True
    routes = [hurried.new_routes(f"shared{n}")[0] for n in range(8)]
    await asyncio.gather(*(hurried.command(delete_command(route)) for route in routes))
    await hurried.slack.until(lambda: len(hurried.cards()) == len(routes))
    assert not [c for c in hurried.slack.requests if c.method == method and c.status == 429]


async def test_replicas_know_of_each_other_whatever_else_the_database_has_spoiled(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.execution.worker.UPKEEP_SECONDS", 0.1)
    database = hurried.store.database
    await database.command("RPUSH", key("packed"), "somebody's")
    for _ in range(2):
        await hurried.start_bot()

    async def both() -> bool:
        return len(await database.command("ZRANGE", key("present"), 0, -1)) == 2

    await until(both)
