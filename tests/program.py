"""The bot's command line, run as a process of its own."""

import asyncio
import os
import sys
from pathlib import Path

from waiting import PATIENCE

ROOT = Path(__file__).parents[1]


def inherited() -> dict[str, str]:
    """What a program needs of our own environment, and nothing of its settings."""
    return {k: v for k, v in os.environ.items() if k in ("PATH", "HOME") or k.startswith("COV")}


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run `python -m bot` to its end; returns its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=inherited() | environment,
        cwd=ROOT,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
