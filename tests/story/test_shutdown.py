"""How a process ends: when it is asked to, whatever hangs; and unasked, never in silence."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from time import monotonic

import aiohttp
import pytest
from broken_bot import WORDS
from program import ROOT, inherited
from stage import Stage
from waiting import until

from bot.sandbox.process import BotProcess
from bot.sandbox.valkey import EmbeddedValkey
from bot.service.run import GONE_AT
from bot.slack.connection import SOCKETS

SUPERVISOR_SECONDS = 10
"""After so many seconds a supervisor kills what it has asked to stop."""


async def broken(part: str, environment: dict[str, str]) -> asyncio.subprocess.Process:
    """The bot, one part of which breaks."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "tests" / "broken_bot.py"), part),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=inherited() | environment | {"PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"},
    )


@pytest.mark.parametrize(
    ("part", "task", "cause"),
    [
        ("claims", "worker", WORDS),
        ("worker", "worker", ""),
        ("http", "http", ""),
        ("pings", "slack", WORDS),
        ("sockets", "slack", WORDS),
    ],
)
async def test_a_part_that_ends_unasked_ends_the_process_with_its_cause_in_the_log(
    stage: Stage, part: str, task: str, cause: str
) -> None:
    process = await broken(part, stage.environment(socket_mode=True))
    try:
        async with asyncio.timeout(20):
            _, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 1
    lines = err.decode().splitlines()
    told = [line for line in lines if '"task_ended"' in line]
    assert len(told) == 1
    assert f'"task": "{task}"' in told[0]
    assert cause in told[0]
    assert lines[-1] == f"{task}: has ended unasked; the log says why"


async def test_a_stop_waits_for_nothing_that_hangs(tmp_path: Path) -> None:
    """Slack, its websockets, the cloud and Redis: all take what is sent and answer nothing."""
    log = tmp_path / "bot.log"
    async with EmbeddedValkey(appendonly=True) as valkey, Stage(valkey.url) as stage:
        bot = BotProcess(stage.environment(socket_mode=True), log=log)
        await bot.start()
        try:
            await until(lambda: len(stage.slack.sockets) == SOCKETS)
            stage.vpc.switch_fault("api_hangs", on=True)
            await stage.command("list vco-p0w5112fgnl2ihlmf7k3qd")
            await until(lambda: bool(stage.vpc.calls))
            stage.slack.faults.add("*", "hang", times=None, seconds=60)
            stage.slack.sockets.freeze()
            assert valkey.pid is not None
            os.kill(valkey.pid, signal.SIGSTOP)
            async with aiohttp.ClientSession() as session:
                asking = asyncio.ensure_future(session.get(f"{bot.url}/readyz"))
                await until(lambda: any(c.error == "hanging" for c in stage.slack.requests))
                began = monotonic()
                assert await bot.stop() == 0, log.read_text()
                assert monotonic() - began < SUPERVISOR_SECONDS
                await asyncio.gather(asking, return_exceptions=True)
        finally:
            if valkey.pid is not None:
                os.kill(valkey.pid, signal.SIGCONT)
            await bot.stop()
    assert "Traceback" not in log.read_text()


async def test_a_process_that_has_closed_everything_is_gone_at_once(stage: Stage) -> None:
    """What Python would do yet takes its time on a busy machine, and can't be broken off."""
    environment = stage.environment()
    process = await broken("end", environment)
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{environment['PORT']}/healthz"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
        process.terminate()
        _, err = await asyncio.wait_for(process.communicate(), GONE_AT - 1)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    assert '"stopped"' in err.decode().splitlines()[-1]


async def test_a_stop_waits_for_no_thread_that_nobody_can_break_off(stage: Stage) -> None:
    environment = stage.environment()
    process = await broken("thread", environment)
    try:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(15):
                while True:
                    try:
                        async with session.get(
                            f"http://127.0.0.1:{environment['PORT']}/readyz",
                            timeout=aiohttp.ClientTimeout(total=1.0),
                        ):
                            pass
                    except TimeoutError:
                        break  # it looks for its credentials, in that thread
                    except aiohttp.ClientError:
                        await asyncio.sleep(0.05)
        began = monotonic()
        process.terminate()
        async with asyncio.timeout(15):
            await process.communicate()
        assert process.returncode == 0
        assert monotonic() - began < SUPERVISOR_SECONDS
    finally:
        if process.returncode is None:
            process.kill()
