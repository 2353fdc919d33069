"""The version before this one, to work beside it on one Redis, as during any deployment."""

import asyncio
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from msgspec.structs import replace

from chaos.plan import Ask, Click, Kind, Mode, Plan

VERSION = "f688b7f"
"""The commit whose bots run beside those of today."""

LATEST = "e974195"
"""The one before today's: what a deployment runs when it is upgraded, and goes back to."""

_ROOT = Path(__file__).parents[2]

_NOT_YET = frozenset({Kind.FAILOVER, Kind.REDIS_FORBIDS, Kind.CLOCK_JUMPED})
"""What that version does not survive, or its harness can't do to it."""


async def check_out(directory: Path, version: str = VERSION) -> str:
    """Put that version into a directory; why it could not be had, if so."""
    process = await asyncio.create_subprocess_exec(
        *("git", "archive", version),
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    archive, words = await process.communicate()
    if process.returncode:
        return f"the commit {version} is not at hand (a shallow clone?): {words.decode().strip()}"
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    return ""


def both(plan: Plan) -> Plan:
    """The plan with at least one replica of each version, and with what both are made for."""
    faults = tuple(f for f in plan.faults if f.kind not in _NOT_YET)
    return replace(
        plan,
        asks=tuple(map(_without_stops, plan.asks)),
        faults=faults,
        replicas=max(2, plan.replicas),
        mode=Mode.HTTP,
        expiry=1800,
        operation=30,
        tiers=False,
        replica=False,
    )


def _without_stops(ask: Ask) -> Ask:
    """A version that knows no stop leaves such a record alone, and says so aloud."""
    return replace(ask, acts=tuple(act for act in ask.acts if act.click is not Click.STOP))
