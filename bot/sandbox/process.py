"""Programs that never outlive the one that started them, and the real bot as one of them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

_GUARD = Path(__file__).with_name("guard.py")
_INHERITED = frozenset({"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE"})
_READY_WITHIN = 20.0
_STOPPED_WITHIN = 12.0
_PAUSE = 0.05
_LAST_LINES = 3
_LOG_TAIL = 8192


class GuardedProcess:
    """A program in a session of its own, so that a Ctrl-C in the terminal does not reach it.

    It ends with the program that started it, also after a kill -9: see `guard`.
    """

    def __init__(self) -> None:
        """Nothing runs yet."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process, None when it does not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs and before it was started."""
        return None if self._process is None else self._process.poll()

    def spawn(
        self,
        command: Sequence[str],
        *,
        log: Path | None,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        """Start it. `log` gets what it prints (None: the terminal), `keep` are open files of it."""
        self._let_go()
        output = log.open("ab") if log else None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the starter names the program
                [sys.executable, "-I", "-S", str(_GUARD), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=directory,
                start_new_session=True,
                pass_fds=keep,
            )
        finally:
            if output:
                output.close()

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._let_go()

    async def end(self, within: float) -> int | None:
        """Ask it to end (SIGTERM), kill it after `within` seconds; returns its exit status."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.to_thread(self._process.wait, within)
            except subprocess.TimeoutExpired:
                self.kill()
        self._let_go()
        return self._process.returncode

    def _let_go(self) -> None:
        """Close the pipe that the guard's watcher reads, so that it ends too."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


class BotProcess(GuardedProcess):
    """`python -m bot`, unchanged, with an environment of its own."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        log: Path | None = None,
        directory: Path = Path(__file__).parents[2],
        python: str = sys.executable,
    ) -> None:
        """`environment` is all that the bot sees of the outside, besides PATH and HOME.

        `log`: a file for what it prints; None lets it through to the terminal. `directory`: where
        its code is; another version's may be elsewhere. `python` runs it.
        """
        super().__init__()
        self._directory = directory
        self._python = python
        self._environment = dict(environment)
        self._log = log
        self._began_at = 0
        self._killed = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._environment['PORT']}"

    async def start(self) -> None:
        """Start it; nothing happens when it runs.

        Raises:
            RuntimeError: it did not become ready in time.
        """
        if self.pid is None:
            self.begin()
            await self._until_ready()

    def begin(self) -> None:
        """Start it and wait for nothing."""
        inherited = {k: v for k, v in os.environ.items() if k in _INHERITED or k.startswith("COV")}
        self._began_at = self._log.stat().st_size if self._log and self._log.exists() else 0
        self._killed = False
        self.spawn(
            [self._python, "-m", "bot"],
            log=self._log,
            directory=self._directory,
            environment=inherited | self._environment,
        )

    async def stop(self) -> int | None:
        """Ask it to end (SIGTERM) and wait; returns its exit status."""
        self._killed = True
        return await self.end(_STOPPED_WITHIN)

    def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        self._killed = True
        super().kill()

    def why_it_ended(self) -> str:
        """Why it does not run although nobody stopped it, in its own last words; else empty."""
        if self._killed or self.status is None:
            return ""
        said = self._last_words() or f"it printed nothing (exit status {self.status})"
        return f"The bot ended by itself: {said}"

    def _last_words(self) -> str:
        """The last lines of this run, without the marks of the log's format."""
        if self._log is None or not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            log.seek(max(self._began_at, self._log.stat().st_size - _LOG_TAIL))
            lines = log.read().decode(errors="replace").splitlines()
        return " / ".join(_words(line) for line in lines[-_LAST_LINES:] if line.strip())

    async def _until_ready(self) -> None:
        timeout = aiohttp.ClientTimeout(total=2.0)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with asyncio.timeout(_READY_WITHIN):
                    while self.pid is not None and not await _ready(session, self.url):
                        await asyncio.sleep(_PAUSE)
            except TimeoutError:
                said = self._last_words() or "it printed nothing"
                self.kill()
                raise RuntimeError(f"the bot did not become ready in time: {said}") from None
        if self.pid is None:
            said = self._last_words() or "it printed nothing"
            raise RuntimeError(f"the bot ended with status {self.status}: {said}")


async def _ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/readyz") as answer:
            return answer.status == 200  # noqa: PLR2004 - HTTP's OK
    except (aiohttp.ClientError, TimeoutError):
        return False


def _words(line: str) -> str:
    """A line of the log as a person reads it: the event and its error, or the line itself."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line.strip()
    if not isinstance(entry, dict):
        return line.strip()
    event = str(entry.get("event", "")).replace("_", " ")
    error = str(entry.get("error") or entry.get("exception") or "").strip()
    return f"{event}: {error.splitlines()[-1]}" if error else event
