"""Real bots, forked by a zygote: to be killed and started in milliseconds."""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import aiohttp

_ROOT = Path(__file__).parents[2]
_READY_WITHIN = 20.0
_PAUSE = 0.03
_RANGE = 500
_FIRST_PORT = 24001 + os.getpid() % 16 * _RANGE
_ports = cycle(range(_FIRST_PORT, _FIRST_PORT + _RANGE))


class Zygote:
    """`async with Zygote() as zygote:`; all bots end with it."""

    def __init__(self, root: Path = _ROOT) -> None:
        """`root`: where the version of the bot is that it forks."""
        self._root = root
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start it; it takes orders as soon as it has imported everything."""
        paths = os.pathsep.join((str(self._root), str(self._root / "tests")))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "chaos.zygote",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            cwd=self._root,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": paths},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it and all its bots."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def order(self, what: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Give one order and return its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            await self._process.stdin.drain()
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the zygote has ended")
        return json.loads(line)


class Bot:
    """One replica. `deaths` are the exit statuses of those that ended by themselves."""

    def __init__(
        self, zygote: Zygote, environment: dict[str, str], log: Path, broken: str = ""
    ) -> None:
        self._zygote = zygote
        self._order = {
            "env": environment,
            "log": str(log),
            "broken": broken,
            "clock": str(log.with_name("clock")),
        }
        self.url = f"http://127.0.0.1:{environment['PORT']}"
        self.pid: int | None = None
        self.stopped = False
        self.deaths: list[int] = []
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start it, if it does not run."""
        async with self._turn:
            if self.pid is None:
                self.pid = await self._zygote.order(self._order)

    def send(self, number: signal.Signals) -> bool:
        """Send it a signal at once; False where it does not run."""
        if self.pid is None:
            return False
        # Only the zygote's `reap` frees the number, so it can't be another process's.
        os.kill(self.pid, number)
        self.stopped = number is signal.SIGSTOP
        return True

    async def kill(self) -> bool:
        """kill -9; False where it did not run."""
        return await self._end(signal.SIGKILL) is not None

    async def terminate(self) -> int | None:
        """SIGTERM, and wait for the end; its exit status."""
        return await self._end(signal.SIGTERM)

    async def look(self) -> None:
        """Notice an end that nobody asked for."""
        async with self._turn:
            if self.pid is not None:
                status: int | None = await self._zygote.order({"reap": self.pid})
                if status is not None:
                    self.deaths.append(status)
                    self.pid = None

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Wait until everything it needs answers."""
        async with asyncio.timeout(_READY_WITHIN):
            while True:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await self.look()
                if self.deaths:
                    raise RuntimeError(f"a bot ended with status {self.deaths}")
                await asyncio.sleep(_PAUSE)

    async def _end(self, by: signal.Signals) -> int | None:
        async with self._turn, asyncio.timeout(_READY_WITHIN):
            if not self.send(by):
                return None
            while (status := await self._zygote.order({"reap": self.pid})) is None:
                await asyncio.sleep(0.005)
            self.pid, self.stopped = None, False
            return int(status)


def unusual_port() -> int:
    """A free port below those that the system gives out by itself: a killed bot gets it back.

    Each process hands out a range of its own, in turn: a bot that is just starting has not
    bound its port yet, and must not find somebody else there.
    """
    for port in _ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise AssertionError("the ports never end")
