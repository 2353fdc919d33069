"""Scenes at the limits: of Slack, of the vendor's quotas, and of what a person may do."""

import asyncio
import time
from dataclasses import dataclass

from stage import BRISK, DELETE, Stage, delete_command
from waiting import until

from bench.crowd import spread_over
from bot.execution.rate_limit import CHANGES_A_MINUTE, SHARE
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.workspace import ALICE, BOB
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.world import Pace

_TIMEOUT = 300.0
_LIST = "DescribeVcoRouteEntries"


@dataclass(frozen=True, slots=True)
class Bounded:
    """How long something took, and the least that is possible; in seconds."""

    seconds: float
    bound: float


async def full_quota(stage: Stage, bot: BotProcess, deletions: int, connections: int) -> Bounded:
    """Approve so many deletions at once, with the vendor's quotas on, and wait for the last."""
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    stage.slack.limits.enabled = False
    each = deletions // connections
    lines = [stage.new_routes(f"quota{n}", each, pace=BRISK) for n in range(connections)]
    routes = [line[turn] for turn in range(each) for line in lines]
    channels = spread_over(stage, 10)
    cards = [
        await stage.ask(delete_command(route), channel=channels[n % len(channels)])
        for n, route in enumerate(routes)
    ]
    before, began = stage.sends(), time.time()
    await asyncio.gather(*(stage.approve(card) for card in cards))
    await until(
        lambda: sum(c.effect for c in stage.vpc.calls_of(DELETE)[before:]) == deletions, _TIMEOUT
    )
    share = CHANGES_A_MINUTE * SHARE // 100
    return Bounded(time.time() - began, (deletions - 1) // share * 60.0)


async def long_list(stage: Stage, bot: BotProcess, routes: int, seconds: float) -> Bounded:
    """A deletion on a connection with so many routes, where each page of them takes so long.

    Returns the time from the click to the Delete on the wire, and that of one reading. That it
    is deleted in the end is waited for.
    """
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    [route] = stage.new_routes("longlist", pace=Pace(0.1, 5.0), bgp=False)
    for number in range(routes):
        prefix = f"172.20.{number // 256}.{number % 256}/32"
        stage.vpc.add_route(route.vpn_connection_id, prefix)
    slow = Fault(kind=FaultKind.SLOW_BEFORE, action=_LIST, seconds=seconds, times=None)
    stage.vpc.faults.add(slow)
    await stage.command(delete_command(route))
    card = await stage.slack.until(lambda: next(iter(stage.cards()), None), timeout=_TIMEOUT)
    pages = len(stage.vpc.calls_of(_LIST))
    clicked = time.time()
    await stage.approve(card)
    await until(lambda: stage.sends_of(route), _TIMEOUT)
    took = stage.sends_of(route)[0].at - clicked
    # How long one reading takes is known by now.
    stage.vpc.faults.clear()
    await stage.until_deleted(card, seconds=_TIMEOUT)
    return Bounded(took, pages * seconds)


@dataclass(frozen=True, slots=True)
class Burst:
    """Many commands in one instant: when each was acknowledged, and how many were not stored.

    `cards`: seconds until the last card was there; `without`: how many were told that they get
    none.
    """

    acks: list[float]
    refused: int
    cards: float
    without: int


async def commands_at_once(stage: Stage, bot: BotProcess, count: int) -> Burst:
    """Ask for so many deletions in one instant, in ten channels."""
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    stage.slack.limits.enabled = False
    routes = [r for n in range(count // 5) for r in stage.new_routes(f"burst{n}", 5)]
    channels = spread_over(stage, 10)
    before, asked = _cards(stage, channels), time.time()
    acks = await asyncio.gather(
        *(
            stage.command(delete_command(route), channel=channels[n % len(channels)])
            for n, route in enumerate(routes)
        )
    )
    refused = sum(bool(ack.error) or "could not be recorded" in ack.body for ack in acks)

    def without() -> int:
        return stage.told(ALICE).count("Nothing was recorded")

    await stage.slack.until(
        lambda: _cards(stage, channels) - before + without() + refused >= count, timeout=_TIMEOUT
    )
    return Burst([ack.seconds for ack in acks], refused, time.time() - asked, without())


def _cards(stage: Stage, channels: list[str]) -> int:
    return sum(len(stage.cards(channel)) for channel in channels)


async def refused_clicks(stage: Stage, bot: BotProcess, clicks: int = 45) -> float:
    """One person clicks what they may not; returns how long somebody's approval takes meanwhile."""
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    stage.slack.limits.enabled = False
    theirs = await stage.ask(delete_command(stage.new_routes("refused1")[0]))
    mine = await stage.ask(delete_command(stage.new_routes("refused2")[0]))
    stage.slack.limits.enabled = True

    amid = asyncio.Event()

    async def clicking() -> None:
        for click in range(clicks):
            if click == clicks // 2:
                amid.set()
            await stage.approve(theirs, ALICE)
            await asyncio.sleep(20.0 / clicks)

    flood = asyncio.create_task(clicking())
    try:
        await amid.wait()
        clicked = time.time()
        await stage.approve(mine, BOB)
        await stage.slack.until(
            lambda: any("Approved" in line for line in stage.thread(mine)), timeout=_TIMEOUT
        )
        return time.time() - clicked
    finally:
        flood.cancel()
        stage.slack.limits.enabled = False
