"""An incident: fifty deletions are approved at once, and everybody's limits hold.

Time is shortened: Slack's limits fill again, and the bot spends them, ten times as fast.
"""

import asyncio
from functools import partial

import pytest
from counting import Asked
from stage import Stage, delete_command
from waiting import until

from bot.models import RequestState
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.rate_limits import Rate
from bot.sandbox.slack.workspace import BOB
from bot.slack import budget
from bot.slack.listeners import NOT_STORED

NO_LIMITS = """
[[rule]]
name = "all"
approve = ["S0NETOPS1"]

[limits]
open_per_person = 1000
cards_per_minute = 1000
"""

RATES = dict(budget.RATES)
"""As the bot has them: most scenes lift them."""

COUNT = 50
FASTER = 10


LONGEST = 200.0


async def approved(stage: Stage, card: Message) -> None:
    """Click; and again where somebody is told that a busy machine could not store a click."""

    async def heard() -> bool:
        decided = (await stage.request(card)).state is not RequestState.PENDING
        return decided or stage.told(BOB).count(NOT_STORED) > refused

    while (await stage.request(card)).state is RequestState.PENDING:
        refused = stage.told(BOB).count(NOT_STORED)
        await stage.approve(card)
        await until(heard, LONGEST)


def told(stage: Stage, card: Message) -> bool:
    said = any("deleted in" in line for line in stage.thread(card))
    return said and text_of(card).startswith("✅ Deleted")


@pytest.fixture
def shortened(hurried: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    faster = {m: budget.Rate(r.per_minute * FASTER, r.burst) for m, r in RATES.items()}
    monkeypatch.setattr(budget, "RATES", faster)
    monkeypatch.setattr("bot.slack.web.RATES", faster)
    rates = hurried.slack.limits.rates
    for tier, rate in rates.items():
        rates[tier] = Rate(rate.per_second * FASTER, rate.burst)
    return hurried


async def test_fifty_at_once_are_all_told_within_slacks_limits(
    shortened: Stage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(NO_LIMITS)
    await shortened.start_bot(VCO_POLICY_FILE=str(policy), VCO_APPROVERS="")
    routes = [shortened.new_routes(f"crowd{n}")[0] for n in range(COUNT)]
    cards = [await shortened.ask(delete_command(route)) for route in routes]
    shortened.slack.limits.enabled = True
    asked = Asked(shortened)
    await asyncio.gather(*(approved(shortened, card) for card in cards))
    for card in cards:
        await shortened.slack.until(partial(told, shortened, card), timeout=LONGEST)
    assert all(shortened.vpc.effects(route) == 1 for route in routes)
    # Ten times as fast, a machine that is late by 0.1 s is late by a second. Blind tries are 50.
    assert asked.limited <= 20
    assert asked.cloud["DeleteVcoRouteEntry"] == COUNT
    # Approved and sent, updating, gone: never a post for each line where many wait.
    assert asked.slack["chat.postMessage"] <= 3.5 * COUNT
    assert "conversations.replies" not in asked.slack, "what was not posted is not searched for"
