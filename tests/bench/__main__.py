"""The command line of the benchmark: one table, and the same as JSON."""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from stage import Stage, stage

from bench import costs
from bench.crowd import Crowd, both, crowd, refused_clicks, remember
from bench.peers import BareBolt
from bench.scenes import LEASE, TASK, Samples, Scenes
from bench.table import HEAD, Row
from bot.lifecycle.proof import FIRST_POLL
from bot.sandbox.process import BotProcess
from bot.sandbox.valkey import EmbeddedValkey
from bot.sandbox.vpc.seed import SINGAPORE

GROUPS = ("kill", "costs", "crowd", "refused", "quota")
_POLICY = """
[[rule]]
name = "all"
approve = ["S0NETOPS1"]

[limits]
open_per_person = 1000
cards_per_minute = 1000
"""
"""One person asks for all of it."""


class Bench:
    """Plays the groups of scenes, each on a stage and with bots of its own."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self.rows: list[Row] = []
        self._printed = 0

    async def play(self) -> None:
        """All groups that were asked for, one after another."""
        groups = {
            "kill": self._kill,
            "costs": self._costs,
            "crowd": self._crowd,
            "refused": self._refused,
            "quota": self._quota,
        }
        for name in self._options.only or GROUPS:
            began = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="vco-bench-") as directory:
                async with EmbeddedValkey(appendonly=True) as valkey, stage(valkey.url) as scene:
                    await groups[name](scene, Path(directory) / "bot.log")
            _say(f"{name}: {time.monotonic() - began:.0f} s")
            self.print()

    def print(self) -> None:
        """Print what has come since: whoever ends a long run early keeps its rows."""
        new, self._printed = self.rows[self._printed :], len(self.rows)
        print("\n".join(row.line() for row in new), flush=True)  # noqa: T201 - the result

    async def _kill(self, scene: Stage, log: Path) -> None:
        scenes, repeats = Scenes(scene, log), self._options.repeats
        bot = scenes.bot()
        try:
            await bot.start()
            for _ in range(repeats):
                await scenes.undisturbed(bot)
                await scenes.killed_between_steps(bot)
        finally:
            await bot.stop()
        bots = [scenes.bot(VCO_LEASE=str(LEASE)) for _ in range(2)]
        try:
            await asyncio.gather(*(bot.start() for bot in bots))
            for _ in range(repeats):
                await scenes.killed_in_a_step(*bots)
        finally:
            await asyncio.gather(*(bot.stop() for bot in bots))
        self.rows += killed(scenes.samples)

    async def _costs(self, scene: Stage, log: Path) -> None:
        scene.hurry()
        async with AsyncExitStack() as running:
            bot, bare = await _bot(running, scene, log), BareBolt(scene, log)
            await bare.start()
            running.callback(bare.kill)
            alone = await costs.acks(scene, bot, bare, 20)
            self.rows.append(
                Row("command acknowledged, alone", alone.ours, alone.peers, "bare Bolt", goal=0.5)
            )
            many = await costs.acks_at_once(scene, bot, bare, 50)
            self.rows.append(
                Row(
                    "command acknowledged, 50 at once", many.ours, many.peers, "bare Bolt", goal=1.2
                )
            )
            one = await costs.sends(scene, bot, 15)
            self.rows.append(
                Row("click to Delete on the wire, alone", one.ours, one.peers, "least path", goal=2)
            )
            some = await costs.sends_at_once(scene, bot, 20)
            self.rows.append(
                Row("the same, 20 at once", some.ours, some.peers, "least path", goal=1.3)
            )
            kept = await costs.memory_of_a_finished_request(scene, bot)
            self.rows.append(
                Row("Redis memory of a finished request", [kept / 1024], unit="KiB", goal=2)
            )
        seconds, memory = await costs.starts(scene, log, 3)
        self.rows.append(Row("start to ready", seconds.ours, seconds.peers, "bare Bolt", goal=1.7))
        self.rows.append(
            Row("resident memory", memory.ours, memory.peers, "bare Bolt", "MiB", goal=1.5)
        )

    async def _crowd(self, scene: Stage, log: Path) -> None:
        async with AsyncExitStack() as running:
            bot = await _bot(running, scene, log)
            await remember(scene)
            for size in self._options.sizes:
                if size == 1:
                    self.rows += await self._alone(scene, bot)
                else:
                    self.rows += crowded(
                        size, await crowd(scene, bot, f"c{size}", size, redis=False)
                    )
                self.print()

    async def _alone(self, scene: Stage, bot: BotProcess) -> list[Row]:
        first = await crowd(scene, bot, "first", 1, redis=False, region=SINGAPORE, parts=[0.5])
        found = [
            await crowd(scene, bot, f"alone{n}", 1, redis=True, parts=[part])
            for n, part in enumerate(self._options.parts)
        ]
        return [
            *crowded(1, both(found)),
            Row(
                "gone to thread says so, the first of its region", first.told, first.plain, "waiter"
            ),
            Row("  reads", [first.reads], [first.plain_reads], "plain waiter", "calls"),
        ]

    async def _refused(self, scene: Stage, log: Path) -> None:
        async with AsyncExitStack() as running:
            bot = await _bot(running, scene, log)
            told = await refused_clicks(scene, bot)
            what = "approval told while somebody clicks 45 times in 20 s what they may not"
            self.rows.append(Row(what, [told], goal=3))

    async def _quota(self, scene: Stage, log: Path) -> None:
        async with AsyncExitStack() as running:
            bot = await _bot(running, scene, log)
            scene.slack.limits.enabled = False
            took = await costs.full_quota(scene, bot, *self._options.quota)
            deletions, connections = self._options.quota
            what = f"{deletions} deletions on {connections} connections, all sent"
            self.rows.append(
                Row(what, [took.seconds], [took.bound], "the quota's bound", goal=1.15)
            )


async def _bot(running: AsyncExitStack, scene: Stage, log: Path) -> BotProcess:
    policy = log.with_name("policy.toml")
    policy.write_text(_POLICY)
    bot = BotProcess(scene.environment(VCO_POLICY_FILE=str(policy), VCO_APPROVERS=""), log=log)
    await bot.start()
    running.push_async_callback(bot.stop)
    return bot


def crowded(size: int, seen: Crowd) -> list[Row]:
    """What was seen of deletions at once."""
    many = f"{size} in flight"
    few = size == 1
    return [
        Row(f"gone to thread says so, {many}", seen.told, seen.plain, "plain waiter", goal=0.5),
        *(
            []
            if few
            else [Row("  beside what Slack allows", seen.told, seen.bound, "a post a second")]
        ),
        Row("  gone to card says so", seen.card, seen.plain, "plain waiter"),
        Row("  beside Terraform's policy", seen.told, seen.terraform, "Terraform"),
        Row("  gone to a read that can prove it", seen.provable, goal=1.5),
        Row(
            f"reads per deletion, send to proof and before, {many}",
            [seen.reads],
            [seen.plain_reads],
            "plain waiter",
            "calls",
            goal=2 if few else 1,
        ),
        Row(f"posts per deletion, {many}", [seen.posts], unit="calls"),
        Row(f"edits per deletion, {many}", [seen.edits], unit="calls"),
        Row(f"Slack's 429s, {many}", [seen.limited], unit="calls", goal=5),
        *(
            [Row("commands to Redis from the click on", [seen.commands], unit="calls")]
            if few
            else []
        ),
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
        Row("the same, kill -9 between steps, started again", samples.restarted, usual, alone),
        Row("  the restart, kill to ready", samples.restart),
        Row("  extra delay of the next poll beyond the restart", samples.extra),
        Row("kill -9 in a step, to the other's next call", samples.in_step, limit, "lease + poll"),
    ]


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="of each kill (3)")
    parser.add_argument(
        "--sizes", type=_numbers, default=[1, 10, 50], help="deletions at once (1,10,50)"
    )
    parser.add_argument(
        "--parts",
        type=lambda text: [float(part) for part in text.split(",")],
        default=[0.125, 0.375, 0.625, 0.875],
        help="where between the shortest and the longest the tasks of one in flight lie",
    )
    parser.add_argument(
        "--quota", type=_numbers, default=[120, 40], help="deletions, connections (120,40)"
    )
    parser.add_argument("--only", type=lambda text: text.split(","), help=", ".join(GROUPS))
    parser.add_argument("--json", type=Path, help="a file for all samples")
    options = parser.parse_args()
    started, before = time.monotonic(), os.getloadavg()[0]
    bench = Bench(options)
    print(HEAD)  # noqa: T201 - the result
    asyncio.run(bench.play())
    seconds = time.monotonic() - started
    load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    _say(f"{seconds:.0f} s, {load}, Python {platform.python_version()}")
    if options.json:
        found = {"load": load, "seconds": seconds, "rows": [row.json() for row in bench.rows]}
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - how far it is


if __name__ == "__main__":
    sys.exit(main())
