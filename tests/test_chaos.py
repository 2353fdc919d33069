"""Chaos, the short run: a few rounds without a violation, and proof that it would find some.

`make chaos` plays hundreds of them. Here each safety mechanism is switched off in the bot's
processes, one after the other, and the round that aims at it has to notice.
"""

import asyncio

import pytest
from chaos.bots import Zygote
from chaos.directed import PLANS
from chaos.plan import Plan
from chaos.planning import plan
from chaos.rounds import Result, Slot
from chaos.runner import play_here

FOUND = {
    "fence": "lines came twice",
    "token": "ClientTokens for",
    "proof": "and was not gone then",
    "decision": "decided ",
}
"""What a round has to say when a mechanism is off."""


GOES = 6


async def played(plans: list[Plan], broken: str = "") -> list[Result]:
    """Play plans side by side."""
    results: list[Result] = []
    await play_here(plans, results.append, at_once=len(plans), broken=broken)
    return results


async def test_a_handful_of_rounds_violates_nothing() -> None:
    plans = [plan("short", number) for number in range(6)]
    results = await played([*plans, *PLANS.values()])
    assert [violation for result in results for violation in result.violations] == []
    assert sum(sum(result.faults.values()) for result in results) > 10
    assert sum(result.effects for result in results) >= len(PLANS)


async def test_each_safety_mechanism_is_missed_when_it_is_off() -> None:
    async with Zygote() as zygote, asyncio.TaskGroup() as group:
        for broken in FOUND:
            group.create_task(finds(zygote, broken))


async def finds(zygote: Zygote, broken: str) -> None:
    """Play the round that aims at a mechanism, with it off: it has to find what it is for.

    On a machine that is busy with other tests it may miss its moment, so it has a few goes.
    """
    slot = Slot(zygote, broken, settled_within=5.0)
    violations: list[str] = []
    try:
        while len(violations) < GOES and not any(FOUND[broken] in v for v in violations):
            result = await slot.play(PLANS[broken])
            violations.append(" / ".join(result.violations))
    finally:
        await slot.close()
    assert any(FOUND[broken] in violation for violation in violations), (broken, violations)


@pytest.mark.parametrize("number", range(20))
def test_a_seed_and_a_number_always_make_the_same_plan(number: int) -> None:
    assert plan("seed", number) == plan("seed", number)
    assert plan("seed", number) != plan("seed", number + 1)
    assert "quiet at" in str(plan("seed", number))
