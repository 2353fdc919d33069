"""The command line of the chaos runs."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from chaos import previous
from chaos.breaks import BREAKS
from chaos.directed import PLANS
from chaos.plan import Mode, Plan
from chaos.planning import plan
from chaos.report import Tally
from chaos.runner import play_all, play_here, work


def main() -> int:
    """Play rounds; 1 where something that must hold did not."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="how many (300)")
    parser.add_argument("--seed", default="", help="repeat a run; a new one unless given")
    parser.add_argument("--mode", choices=list(Mode), type=Mode, default=Mode.BOTH)
    parser.add_argument("--round", type=int, help="play this one alone, and show its plan")
    parser.add_argument("--directed", choices=sorted(PLANS), help="play a plan with one aim")
    parser.add_argument("--broken", choices=sorted(BREAKS), default="", help="a mechanism off")
    parser.add_argument("--workers", type=int, default=2, help="processes (2)")
    parser.add_argument("--at-once", type=int, default=8, help="rounds at once in each (8)")
    parser.add_argument(
        "--beside", action="store_true", help="every other replica is of the version before"
    )
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    seed = chosen.seed or secrets.token_hex(3)
    if chosen.worker:
        asyncio.run(work(seed, chosen.mode, chosen.worker))
        return 0
    numbers = range(chosen.rounds) if chosen.round is None else [chosen.round]
    plans = (
        [PLANS[chosen.directed]]
        if chosen.directed
        else [plan(seed, n, chosen.mode) for n in numbers]
    )
    tally = Tally(plans[0].seed, len(plans))
    with suppress(KeyboardInterrupt):  # what was played counts
        asyncio.run(_play(chosen, plans, tally))
    print(f"\n{tally.table()}")  # noqa: T201 - the result
    return 1 if tally.violations or tally.missed else 0


async def _play(chosen: argparse.Namespace, plans: Sequence[Plan], tally: Tally) -> None:
    at_once: int = chosen.at_once
    if chosen.beside:
        with tempfile.TemporaryDirectory(prefix="vco-previous-") as directory:
            place = Path(directory)
            if problem := await previous.check_out(place):
                raise SystemExit(problem)
            plans = [previous.both(one) for one in plans]
            await play_here(plans, tally.add, at_once=min(at_once, len(plans)), beside=place)
        return
    if len(plans) == 1 or chosen.broken:
        print(plans[0])  # noqa: T201 - what was asked for
        await play_here(plans, tally.add, at_once=min(at_once, len(plans)), broken=chosen.broken)
    else:
        print(f"seed {plans[0].seed}", file=sys.stderr)  # noqa: T201 - in case it is interrupted
        numbers = [one.number for one in plans]
        workers: int = chosen.workers
        mode: Mode = chosen.mode
        await play_all(
            plans[0].seed, numbers, tally.add, mode=mode, workers=workers, at_once=at_once
        )


if __name__ == "__main__":
    sys.exit(main())
