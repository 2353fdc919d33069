"""The command line of the benchmark: one table, and the same as JSON."""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path

from stage import stage

from bench.groups import GROUPS, Scene
from bench.table import HEAD, Row
from bot.sandbox.valkey import EmbeddedValkey


async def play(options: argparse.Namespace) -> list[Row]:
    """Play all groups that were asked for, one after another, and print the rows of each.

    Whoever ends a long run early keeps what was printed.
    """
    rows: list[Row] = []
    print(HEAD, flush=True)  # noqa: T201 - the result
    for name in options.only or GROUPS:
        began = time.monotonic()
        found = await asyncio.gather(*(_on_a_stage(scene, options) for scene in GROUPS[name]))
        _say(f"{name}: {time.monotonic() - began:.0f} s")
        rows += (new := [*chain(*found)])
        print("\n".join(row.line() for row in new), flush=True)  # noqa: T201 - the result
    return rows


async def _on_a_stage(scene: Scene, options: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="vco-bench-") as directory:
        async with EmbeddedValkey(appendonly=True) as valkey, stage(valkey.url) as empty:
            return await scene(empty, Path(directory) / "bot.log", options)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=1, help="of each kill (1)")
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
    rows = asyncio.run(play(options))
    seconds = time.monotonic() - started
    load = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    _say(f"{seconds:.0f} s, {load}, Python {platform.python_version()}")
    if options.json:
        found = {"load": load, "seconds": seconds, "rows": [row.json() for row in rows]}
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - how far it is


if __name__ == "__main__":
    sys.exit(main())
