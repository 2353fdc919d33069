"""`python -m bot sandbox`: everything from one command, and nothing left of it afterwards."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from program import ROOT, inherited, run
from waiting import until

from bot.sandbox.slack.workspace import ALICE, NETWORK_OPS

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")


class Sandbox:
    """The running command."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url
        self.family = descendants(process.pid)

    def left(self) -> list[int]:
        """The processes of it that still live."""
        return [pid for pid in self.family if alive(pid)]


def parents() -> dict[int, int]:
    """Every process that lives, and its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(") ")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            found[int(path.parent.name)] = int(parent)
    return found


def descendants(pid: int) -> Sequence[int]:
    """A process and all that it has started, also through others."""
    every, family = parents(), [pid]
    for member in family:
        family += [child for child, parent in every.items() if parent == member]
    return family


def alive(pid: int) -> bool:
    """Whether a process still does anything."""
    return pid in parents()


@pytest_asyncio.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=inherited() | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        start_new_session=True,
    )
    assert process.stdout is not None
    printed = ""
    async with asyncio.timeout(60):
        while "Ctrl-C" not in printed:
            line = await process.stdout.readline()
            assert line, f"it ended: {printed}"
            printed += line.decode()
    addresses = re.findall(r"http://\S+", printed)
    assert len(addresses) == 1
    started = Sandbox(process, addresses[0])
    yield started
    if process.returncode is None:
        process.kill()
    await process.wait()
    await until(lambda: not started.left())


async def test_one_address_has_everything_and_ctrl_c_ends_it(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(sandbox.url) as page:
            assert page.status == 200
            assert "<html" in await page.text()
        command = {
            "user": ALICE,
            "channel": NETWORK_OPS,
            "command": "/vco-route",
            "text": "status",
        }
        async with session.post(f"{sandbox.url}/client/command", json=command) as answer:
            assert (await answer.json())["ok"] is True
        assert await said(session, sandbox.url, "Nothing is pending or in flight.")
    # The command itself, the bot and the database, each with its guard.
    assert len(sandbox.family) >= 5
    sandbox.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(sandbox.process.wait(), 15) == 0
    await until(lambda: not sandbox.left())


async def said(session: aiohttp.ClientSession, url: str, words: str) -> bool:
    """Wait until the page shows these words to Alice."""
    async with asyncio.timeout(60), session.get(f"{url}/client/events?user={ALICE}") as events:
        async for line in events.content:
            if line.startswith(b"data:") and words in json.dumps(json.loads(line[5:])):
                return True
    return False


async def test_doctor_finds_nothing_wrong_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.url
    lines = (tmp_path / ".sandbox" / "bot.env").read_text().splitlines()
    status, out, err = await run("doctor", **dict(line.split("=", 1) for line in lines))
    assert (status, err) == (0, "")
    # But for what is so: its database has no replica.
    [odd] = [line for line in out.splitlines() if not line.startswith("ok ")]
    assert "there is no replica" in odd


async def test_a_sandbox_that_is_killed_leaves_nothing_behind(sandbox: Sandbox) -> None:
    assert len(sandbox.left()) >= 5
    os.kill(sandbox.process.pid, signal.SIGKILL)
    await sandbox.process.wait()
    await until(lambda: not sandbox.left())


@pytest.fixture
def taken() -> Iterator[None]:
    """Something else listens where the page would be."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8300))
            other.listen()
        except OSError:
            pass  # it is taken indeed
        yield


@pytest.mark.usefixtures("taken")
async def test_another_port_is_taken_where_the_usual_one_is(sandbox: Sandbox) -> None:
    assert not sandbox.url.endswith(":8300")
    sandbox.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(sandbox.process.wait(), 15) == 0
