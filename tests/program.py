"""The bot's command line: run in this process, or as a process of its own."""

import asyncio
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import structlog
from waiting import TIMEOUT

from bot.cli.main import main

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
    async with asyncio.timeout(TIMEOUT):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def run_here(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """The same without a process: a second sooner, for what is printed and the exit status.

    One test of each command runs a process: it finds what only a fresh one has, such as imports.
    """
    out, err = io.BytesIO(), io.BytesIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        _logging_restored(),
        redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)) as text,
        redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)) as errors,
    ):
        for name in os.environ.keys() - inherited().keys():
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        # It has a loop of its own, so it can't run in the thread of ours.
        status = await asyncio.to_thread(_status, arguments)
        said = out.getvalue().decode(), err.getvalue().decode()
        # The buffers are ours, and are not closed with what wraps them.
        text.detach()
        errors.detach()
    return status, *said


def _status(arguments: tuple[str, ...]) -> int:
    try:
        return main(arguments)
    except SystemExit as ended:  # argparse
        return int(ended.code or 0)


@contextmanager
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers, root.level, (sys.excepthook, threading.excepthook)
    configured = structlog.get_config()
    try:
        yield
    finally:
        root.handlers, root.level = handlers, level
        sys.excepthook, threading.excepthook = hooks
        structlog.configure(**configured)
