"""The real bot as a process of its own, unchanged, so that it can be killed and started."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import aiohttp

_GUARD = Path(__file__).with_name("guard.py")
_INHERITED = frozenset({"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE"})
_READY_WITHIN = 20.0
_STOPPED_WITHIN = 12.0
_PAUSE = 0.05


class BotProcess:
    """`python -m bot` with an environment; it ends with the program that started it."""

    def __init__(self, environment: Mapping[str, str], *, log: Path | None = None) -> None:
        """`environment` is all that the bot sees of the outside, besides PATH and HOME.

        `log`: a file for what it prints; None lets it through to the terminal.
        """
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._environment['PORT']}"

    @property
    def pid(self) -> int | None:
        """Its process, None when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return None if self._process is None else self._process.poll()

    async def start(self) -> None:
        """Start it; nothing happens when it runs.

        Raises:
            RuntimeError: it did not become ready in time.
        """
        if self.pid is not None:
            return
        inherited = {k: v for k, v in os.environ.items() if k in _INHERITED or k.startswith("COV")}
        output = self._log.open("ab") if self._log else None
        try:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - milliseconds; our own program
                [sys.executable, "-I", "-S", str(_GUARD), sys.executable, "-m", "bot"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=inherited | self._environment,
                cwd=Path(__file__).parents[2],
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        await self._until_ready()

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._let_go()

    async def stop(self) -> int | None:
        """Ask it to end (SIGTERM) and wait; returns its exit status."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, _STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                self.kill()
        self._let_go()
        return self._process.returncode

    def _let_go(self) -> None:
        """Close the pipe that the guard's watcher reads, so that it ends too."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def _until_ready(self) -> None:
        timeout = aiohttp.ClientTimeout(total=2.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    while self.pid is not None and not await _ready(session, self.url):
                        await asyncio.sleep(_PAUSE)
            except TimeoutError:
                self.kill()
                raise RuntimeError("the bot did not become ready in time") from None
        if self.pid is None:
            raise RuntimeError(f"the bot ended with status {self.status}")


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz") as answer:
            return answer.status == 200  # noqa: PLR2004 - HTTP's OK
    except (aiohttp.ClientError, TimeoutError):
        return False
