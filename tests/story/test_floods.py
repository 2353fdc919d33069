"""So much one person may have open, and so fast they may ask; the others go on meanwhile."""

import asyncio
from pathlib import Path

import pytest
from stage import Stage, delete_command
from test_metrics import Since
from waiting import until

from bot.models import EventKind, RequestState
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind

RULE = f'[[rule]]\nname = "all"\napprove = ["{BOB}"]\nbreak_glass = {{ who = "anyone" }}\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def write(file: Path, limits: str) -> None:
    file.write_text(f"{RULE}\n[limits]\n{limits}\n")


async def start(stage: Stage, file: Path, limits: str) -> None:
    write(file, limits)
    await stage.start_bot(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")


async def test_who_has_too_many_open_is_told_so_until_one_of_them_ends(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, "open_per_person = 2")
    routes = hurried.new_routes("many", 4)
    first = await hurried.ask(delete_command(routes[0]))
    await hurried.ask(delete_command(routes[1]))
    labels = {"wanted": "ask", "reason": "limit"}
    counted = Since(("vco_route_refusals_total", labels))
    await hurried.command(delete_command(routes[2]))
    said = await hurried.until_told(
        ALICE, "You have as many open requests as one person may have: 2."
    )
    assert "/vco-route status" in said
    assert len(hurried.cards()) == 2
    assert counted.grown("vco_route_refusals_total", **labels) == 1
    refused = [e for _, e in await hurried.audit() if e.kind is EventKind.REFUSED]
    assert [e.details["wanted"] for e in refused] == ["ask"]
    # It is hers: Carol is not kept from anything.
    await hurried.ask(delete_command(routes[3]), user=CAROL)
    await hurried.cancel(first)
    await hurried.until_ended(first)
    await hurried.ask(delete_command(routes[2]))


async def test_a_connection_takes_so_many_and_break_glass_goes_past_that(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, "open_per_connection = 1\nbreak_glass_per_hour = 1")
    first, second, third = hurried.new_routes("full", 3)
    await hurried.ask(delete_command(first))
    await hurried.command(delete_command(second), user=CAROL)
    await hurried.until_told(CAROL, "This connection has as many open requests as it may have: 1.")
    glass = await hurried.ask(f"{delete_command(second, reason='INC-1')} --break-glass")
    await hurried.until_deleted(glass)
    await hurried.command(f"{delete_command(third, reason='INC-2')} --break-glass")
    await hurried.go_ahead()
    await hurried.until_told(
        ALICE, "You have broken the glass as often within an hour as one person may"
    )
    assert hurried.sends() == 1


async def test_who_floods_the_bot_delays_nobody_elses_decision(hurried: Stage) -> None:
    """What Alice asks for hangs until the bot gives it up; Bob's click does not wait for that."""
    await hurried.start_bot()
    card = await hurried.ask()
    hanging = Fault(kind=FaultKind.HANG, action="DescribeVpnConnection", seconds=None, times=None)
    hurried.vpc.faults.add(hanging)
    listings = [f"list {seed.ORDINARY}" for _ in range(40)]
    await asyncio.gather(*(hurried.command(text) for text in listings))
    began = asyncio.get_running_loop().time()
    await hurried.reject(card, "not now")

    async def decided() -> bool:
        return (await hurried.request(card)).state is RequestState.REJECTED

    await until(decided)
    # One look takes 7.5 s before it is given up, and there are places for 16 at once.
    assert asyncio.get_running_loop().time() - began < 5
