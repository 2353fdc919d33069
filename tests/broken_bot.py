"""The bot with one part that breaks: `python broken_bot.py PART`, a process of its own."""

import asyncio
import atexit
import sys
import time
from collections.abc import Callable
from typing import Any

from bot.__main__ import main
from bot.alibaba.credentials import DefaultChain
from bot.execution.worker import Worker
from bot.slack import connection, socket
from bot.slack.socket_mode import Heartbeat
from bot.store.work import Work

WORDS = "broken on purpose"


def _set(owner: object, name: str, value: object) -> None:
    assert hasattr(owner, name), f"{owner} has no {name} any more"
    setattr(owner, name, value)


def _raise(*_: Any, **__: Any) -> Any:  # noqa: ANN401 - stands in for anything
    raise RuntimeError(WORDS)


async def _raise_later(*_: Any, **__: Any) -> Any:  # noqa: ANN401 - the same
    raise RuntimeError(WORDS)


async def _return(*_: object) -> None:
    return


def _claims() -> None:
    _set(Work, "turn", _raise_later)


def _worker() -> None:
    _set(Worker, "run", _return)


def _pings() -> None:
    _set(socket, "PING_SECONDS", 0.1)
    _set(Heartbeat, "beat", _raise)


def _sockets() -> None:
    _set(connection, "open_socket", _raise_later)


def _http() -> None:
    _set(asyncio.Server, "is_serving", lambda _: False)


def _thread() -> None:
    """A look-up of a name, for example, that nobody can break off."""
    _set(DefaultChain, "_ask", lambda _: time.sleep(60))


def _end() -> None:
    """Taking Python apart, on a machine that has no time for it."""
    atexit.register(time.sleep, 60)


PARTS: dict[str, Callable[[], None]] = {
    "claims": _claims,
    "worker": _worker,
    "http": _http,
    "pings": _pings,
    "sockets": _sockets,
    "thread": _thread,
    "end": _end,
}

if __name__ == "__main__":
    PARTS[sys.argv[1]]()
    sys.exit(main(["serve"]))
