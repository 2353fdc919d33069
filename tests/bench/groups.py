"""The groups of scenes, and what is shown of each: rows, their peers and their goals.

The scenes of a group are played at once, each on a stage and with bots of its own: together are
those in which a limit says how long it takes, and not the machine.
"""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from stage import Stage

from bench import costs, limits
from bench.crowd import Crowd, both, crowd, reads_afterwards, remember
from bench.peers import BareBolt
from bench.scenes import LEASE, TASK, Samples, Scenes
from bench.table import Row
from bot.follow_up.monitoring import INTERVAL
from bot.lifecycle.proof import FIRST_POLL
from bot.sandbox.process import BotProcess
from bot.sandbox.vpc.seed import SINGAPORE

Scene = Callable[[Stage, Path, argparse.Namespace], Awaitable[list[Row]]]
"""Plays on a stage, with a file for what the bots print, as the options say."""

_POLICY = """
[[rule]]
name = "all"
approve = ["S0NETOPS1"]
watch_minutes = {minutes}

[limits]
open_per_person = 1000
cards_per_minute = 1000
"""
"""One person asks for all of it."""

_WAITER = "plain waiter"
_CHANNELS = 10
_FEW = 50
"""So many at once are told as early, beside a plain waiter, as one alone."""

_IN_ONE_CHANNEL = 40
_BURST = 200
_ROUTES, _SLOW = 500, 2.0
_MILLIS = 1000


async def kill(scene: Stage, log: Path, options: argparse.Namespace) -> list[Row]:
    """What a kill -9 costs."""
    scenes = Scenes(scene, log)
    bot = scenes.bot()
    try:
        await bot.start()
        for _ in range(options.repeats):
            await scenes.undisturbed(bot)
            await scenes.killed_between_steps(bot)
    finally:
        await bot.stop()
    bots = [scenes.bot(VCO_LEASE=str(LEASE)) for _ in range(2)]
    try:
        await asyncio.gather(*(bot.start() for bot in bots))
        for _ in range(options.repeats):
            await scenes.killed_in_a_step(*bots)
    finally:
        await asyncio.gather(*(bot.stop() for bot in bots))
    return killed(scenes.samples)


async def single(scene: Stage, log: Path, _: argparse.Namespace) -> list[Row]:
    """What single things cost."""
    scene.hurry()
    rows: list[Row] = []
    trips = await costs.round_trips(scene, log)
    async with AsyncExitStack() as running:
        bot, bare = await _bot(running, scene, log), BareBolt(scene, log)
        await bare.start()
        running.callback(bare.kill)
        alone = await costs.acks(scene, bot, bare, 20)
        many = await costs.acks_at_once(scene, bot, bare, 50)
        one = await costs.sends(scene, bot, 12)
        some = await costs.sends_at_once(scene, bot, 20)
        kept = await costs.memory_of_a_finished_request(scene, bot)
        what = "command acknowledged"
        path = "least path"
        rows += [
            Row(f"{what}, alone", *alone.of(_MILLIS), "bare Bolt", "ms", times=0.5),
            Row(f"{what}, 50 at once", *many.of(_MILLIS), "bare Bolt", "ms", times=1.2),
            Row("click to Delete on the wire, alone", *one.of(_MILLIS), path, "ms", times=2),
            Row("  20 at once", *some.of(_MILLIS), path, "ms", times=1.3),
            Row("round trips to Redis, a deletion of 2 s", [trips.all], unit="calls", most=60),
            Row("  click to Delete", [trips.before_its_delete], unit="calls", most=15),
            Row("Redis memory of a request that has just ended", kept.new, unit="KiB"),
            Row("  eight days later", kept.old, unit="KiB", most=2),
        ]
    seconds, memory = await costs.starts(scene, log, 3)
    rows += [
        Row("start to ready", *seconds.of(), "bare Bolt", times=1.7),
        Row("resident memory", *memory.of(), "bare Bolt", "MiB", times=1.5),
    ]
    return rows


async def in_flight(scene: Stage, log: Path, options: argparse.Namespace) -> list[Row]:
    """One deletion in flight, ten, fifty: when each is told, and what it asks for.

    Earlier ones are not monitored meanwhile, so that what is counted belongs to these.
    """
    rows: list[Row] = []
    async with AsyncExitStack() as running:
        bot = await _bot(running, scene, log, monitored=False)
        await remember(scene)
        for size in options.sizes:
            if size == 1:
                rows += await _alone(scene, bot, options.parts)
            else:
                seen = await crowd(scene, bot, f"c{size}", size, channels=_CHANNELS)
                rows += crowded(f"{size} in flight, in {_CHANNELS} channels", size, seen)
    return rows


async def _alone(scene: Stage, bot: BotProcess, parts: Sequence[float]) -> list[Row]:
    first = await crowd(scene, bot, "first", 1, region=SINGAPORE, parts=[0.5])
    found = [await crowd(scene, bot, f"alone{n}", 1, parts=[part]) for n, part in enumerate(parts)]
    return [
        *crowded("1 in flight", 1, both(found)),
        Row("gone to thread says so, the first of its region", first.told, first.plain, _WAITER),
        Row("  reads", [first.reads], [first.plain_reads], _WAITER, "calls"),
    ]


async def one_channel(scene: Stage, log: Path, _: argparse.Namespace) -> list[Row]:
    """Forty in one channel, where Slack takes a post a second; and the monitoring afterwards."""
    async with AsyncExitStack() as running:
        bot = await _bot(running, scene, log)
        await remember(scene)
        seen = await crowd(scene, bot, "channel", _IN_ONE_CHANNEL)
        reads = await reads_afterwards(scene, INTERVAL)
    where, bound = f"{_IN_ONE_CHANNEL} in flight, in one channel", "a post a second"
    return [
        Row(f"gone to thread says so, {where}", seen.told, seen.bound, bound, times=1.2),
        Row("  first gone to last told", [seen.last], [seen.last_bound], bound, times=1.2),
        Row("  gone to card says so", seen.card),
        Row("  Slack's 429s", [seen.limited], unit="calls", most=5),
        Row(
            f"reads a minute while {_IN_ONE_CHANNEL} are monitored", [reads], unit="calls", most=40
        ),
    ]


async def quota(scene: Stage, log: Path, options: argparse.Namespace) -> list[Row]:
    """More deletions than the vendor takes in a minute."""
    deletions, connections = options.quota
    async with AsyncExitStack() as running:
        bot = await _bot(running, scene, log)
        took = await limits.full_quota(scene, bot, deletions, connections)
    what = f"{deletions} deletions on {connections} connections, all sent"
    return [Row(what, [took.seconds], [took.bound], "the quota's bound", times=1.15)]


async def long_list(scene: Stage, log: Path, _: argparse.Namespace) -> list[Row]:
    """A connection with many routes, where the API is slow."""
    async with AsyncExitStack() as running:
        bot = await _bot(running, scene, log)
        took = await limits.long_list(scene, bot, _ROUTES, _SLOW)
    what = f"click to Delete, {_ROUTES} routes, {_SLOW:g} s a call"
    return [Row(what, [took.seconds], [took.bound], "one reading", times=1.2)]


async def border(scene: Stage, log: Path, _: argparse.Namespace) -> list[Row]:
    """Many commands in one instant, and somebody who clicks and clicks."""
    async with AsyncExitStack() as running:
        bot = await _bot(running, scene, log)
        told = await limits.refused_clicks(scene, bot)
        burst = await limits.commands_at_once(scene, bot, _BURST)
    what = "approval told while somebody clicks 45 times in 20 s what they may not"
    return [
        Row(what, [told], most=3),
        Row(f"{_BURST} commands at once, acknowledged", burst.acks, most=3),
        Row("  not stored", [burst.refused], unit="calls", most=0),
        Row("  told that they get no card", [burst.without], unit="calls", most=0),
        Row("  the last card", [burst.cards]),
    ]


GROUPS: dict[str, Sequence[Scene]] = {
    "single": (single,),
    "crowd": (in_flight,),
    "limits": (border, one_channel, quota, long_list),
    "kill": (kill,),
}


async def _bot(
    running: AsyncExitStack, scene: Stage, log: Path, *, monitored: bool = True
) -> BotProcess:
    """A bot that runs; `monitored`: whether it reads connections after their changes."""
    policy = log.with_name("policy.toml")
    policy.write_text(_POLICY.format(minutes=10 if monitored else 0))
    bot = BotProcess(scene.environment(VCO_POLICY_FILE=str(policy), VCO_APPROVERS=""), log=log)
    await bot.start()
    running.push_async_callback(bot.stop)
    return bot


def crowded(what: str, size: int, seen: Crowd) -> list[Row]:
    """What was seen of deletions at once; the goals are those of so many."""
    late = "gone to thread says so"
    return [
        Row(f"{late}, {what}", seen.told, seen.plain, _WAITER, times=0.5 if size <= _FEW else 1),
        Row("  beside Terraform's policy", seen.told, seen.terraform, "Terraform"),
        Row("  gone to card says so", seen.card, seen.plain, _WAITER),
        Row("  gone to a read that can prove it", seen.provable, most=1.5),
        Row(
            "  reads a deletion, before the send and to the proof",
            [seen.reads],
            [seen.plain_reads],
            _WAITER,
            "calls",
            most=8 if size == 1 else 4,
        ),
        Row("  posts a deletion", [seen.posts], unit="calls"),
        Row("  edits a deletion", [seen.edits], unit="calls"),
        Row("  Slack's 429s", [seen.limited], unit="calls", most=5),
        Row("  processor a deletion", [seen.busy], most=0.08 if size > 1 else None),
    ]


def killed(samples: Samples) -> list[Row]:
    """What a kill -9 costs, beside undisturbed deletions."""
    usual = [median(samples.undisturbed)]
    limit = [LEASE + FIRST_POLL]
    alone = "undisturbed"
    return [
        Row("command to card", samples.card),
        Row("click to card edited", samples.edited),
        Row(f"approve to proven, cloud takes {TASK.seconds:g} s", samples.undisturbed),
        Row("  kill -9 between steps, started again", samples.restarted, usual, alone),
        Row("  the restart, kill to ready", samples.restart),
        Row("  extra delay of the next poll beyond the restart", samples.extra),
        Row(
            "  kill -9 in a step, to the other's next call", samples.in_step, limit, "lease + poll"
        ),
    ]
