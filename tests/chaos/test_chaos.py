"""Chaos, the short run: a few rounds without a violation, and proof that it would find some.

`make chaos` plays hundreds of them. Here each safety mechanism is switched off in the bot's
processes, one after the other, and the round that aims at it has to notice.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from program import ROOT

from chaos import previous
from chaos.bots import Zygote
from chaos.directed import PLANS
from chaos.plan import Click, Kind, Mode, Plan
from chaos.planning import plan
from chaos.reached import IN_SOCKET_MODE, LEAST, missed
from chaos.report import Tally
from chaos.rounds import Result, Slot
from chaos.runner import play_here

FOUND = {
    "fence": "lines came twice",
    "token": "ClientTokens for",
    "proof": "and was not gone then",
    "decision": "decided ",
    "replicas": "was sent that was not recorded first",
}
"""What a round has to say when a mechanism is off."""


GOES = 6


async def played(plans: list[Plan], broken: str = "") -> list[Result]:
    """Play plans side by side."""
    results: list[Result] = []
    await play_here(plans, results.append, at_once=len(plans), broken=broken)
    return results


async def test_a_handful_of_rounds_violates_nothing() -> None:
    plans = [plan("short", number, Mode.BOTH) for number in range(4)]
    results = await played([*plans, *PLANS.values()])
    assert [violation for result in results for violation in result.violations] == []
    assert sum(sum(result.faults.values()) for result in results) > 10
    assert sum(result.effects for result in results) >= len(PLANS)


async def test_this_version_and_the_one_before_work_together_on_one_redis(tmp_path: Path) -> None:
    if problem := await previous.check_out(tmp_path):
        pytest.skip(problem)
    results: list[Result] = []
    plans = [previous.both(plan("together", number)) for number in range(4)]
    await play_here(plans, results.append, at_once=len(plans), beside=tmp_path)
    assert [violation for result in results for violation in result.violations] == []
    assert sum(result.effects for result in results) > 0


async def test_each_safety_mechanism_is_missed_when_it_is_off() -> None:
    async with Zygote() as zygote, asyncio.TaskGroup() as group:
        for broken in FOUND:
            group.create_task(finds(zygote, broken))


def later(plan: Plan, seconds: float) -> Plan:
    """The plan with every withdrawal so much later: the moment in which two meet is short."""
    asks = (
        replace(
            ask,
            acts=tuple(
                replace(act, after=act.after + seconds) if act.click is Click.CANCEL else act
                for act in ask.acts
            ),
        )
        for ask in plan.asks
    )
    return replace(plan, asks=tuple(asks))


async def finds(zygote: Zygote, broken: str) -> None:
    """Play the round that aims at a mechanism, with it off: it has to find what it is for.

    On a machine that is busy with other tests it may miss its moment, so it has a few goes.
    """
    slot = Slot(zygote, broken=broken, settled_within=5.0)
    violations: list[str] = []
    try:
        while len(violations) < GOES and not any(FOUND[broken] in v for v in violations):
            result = await slot.play(later(PLANS[broken], len(violations) * 0.08))
            violations.append(" / ".join(result.violations))
    finally:
        await slot.close()
    assert any(FOUND[broken] in violation for violation in violations), (broken, violations)


def test_a_run_that_never_met_a_thing_has_not_shown_that_it_holds() -> None:
    tally = Tally("seed", 300)
    for number in range(300):
        tally.add(Result(seed="seed", number=number, violations=[], mode=Mode.SOCKET))
    asked = {words.partition(": ")[2].partition(":")[0] for words in tally.missed}
    assert {"expired", "a stale worker was refused", "throttled", "bot", "socket"} <= asked
    enough = {**LEAST, **IN_SOCKET_MODE}
    assert missed(dict.fromkeys(enough, 300), {Mode.SOCKET: 300}) == []
    assert missed({}, {Mode.BOTH: 10}) == []


@pytest.mark.parametrize("mode", Mode)
def test_over_many_rounds_every_fault_is_planned_and_each_meets_others_and_itself_alone(
    mode: Mode,
) -> None:
    plans = [plan("variety", number, mode) for number in range(600)]
    expected = {k for k in Kind if mode is not Mode.HTTP or not k.startswith("socket:")}
    assert set().union(*(one.kinds for one in plans)) == expected
    alone = {next(iter(one.kinds)) for one in plans if len(one.kinds) == 1}
    assert len(alone) > len(expected) // 2
    assert any(one.tiers for one in plans)
    assert all(one.replica is (Kind.FAILOVER in one.kinds) for one in plans)


def test_a_seed_and_a_number_make_the_same_plan_in_any_process() -> None:
    """The order of sets differs from process to process: no plan may rest on it."""
    here = [str(plan("seed", number)) for number in range(20)]
    assert len(set(here)) == 20
    code = "from chaos.planning import plan; print([str(plan('seed', n)) for n in range(20)])"
    there = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout == f"{here}\n"
