"""The command line of the benchmark."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from stage import stage

from bench.scenes import LEASE, TASK, Samples, Scenes
from bench.table import Row, table
from bot.lifecycle.proof import FIRST_POLL
from bot.sandbox.valkey import EmbeddedValkey


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="of each measurement (5)")
    repeats: int = parser.parse_args().repeats
    started, before = time.monotonic(), os.getloadavg()[0]
    samples = asyncio.run(_measure(max(1, repeats)))
    load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    seconds = time.monotonic() - started
    print(f"{repeats} repeats, {seconds:.0f} s, {load}\n\n{table(_rows(samples))}")  # noqa: T201 - the result
    return 0


async def _measure(repeats: int) -> Samples:
    with tempfile.TemporaryDirectory(prefix="vco-bench-") as directory:
        log = Path(directory) / "bot.log"
        async with EmbeddedValkey(appendonly=True) as valkey, stage(valkey.url) as scene:
            scenes = Scenes(scene, log)
            await _alone(scenes, repeats)
            await _together(scenes, repeats)
            return scenes.samples


async def _alone(scenes: Scenes, repeats: int) -> None:
    """One bot; disturbed and undisturbed take turns, so that both meet the same load."""
    bot = scenes.bot()
    try:
        await bot.start()
        for _ in range(repeats):
            await scenes.undisturbed(bot)
            await scenes.killed_between_steps(bot)
    finally:
        await bot.stop()


async def _together(scenes: Scenes, repeats: int) -> None:
    """Two replicas with a short lease."""
    bots = [scenes.bot(VCO_LEASE=str(LEASE)) for _ in range(2)]
    try:
        await asyncio.gather(*(bot.start() for bot in bots))
        for _ in range(repeats):
            await scenes.killed_in_a_step(*bots)
    finally:
        await asyncio.gather(*(bot.stop() for bot in bots))


def _rows(samples: Samples) -> list[Row]:
    usual = median(samples.undisturbed)
    alone = "undisturbed"
    limit = LEASE + FIRST_POLL
    return [
        Row("command to card", samples.card),
        Row("click to card edited", samples.edited),
        Row(
            f"approve to proven, cloud takes {TASK.seconds:g} s", samples.undisturbed, usual, alone
        ),
        Row("the same, kill -9 between steps, started again", samples.restarted, usual, alone),
        Row("  the restart, kill to ready", samples.restart, usual, alone),
        Row("  extra delay of the next poll beyond the restart", samples.extra, usual, alone),
        Row(
            "kill -9 in a step, to the other replica's next call",
            samples.in_step,
            limit,
            f"(lease {LEASE} s + poll {FIRST_POLL:g} s)",
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
