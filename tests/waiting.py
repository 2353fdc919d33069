"""Waiting for what comes: the one loop of the tests; and a clock that waits for nothing."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

import aiohttp

T = TypeVar("T")

TIMEOUT = 60.0
"""Seconds until a wait is given up: what is waited for comes soon, also on a busy machine."""


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@overload
async def until(condition: Callable[[], Awaitable[T | None]], seconds: float = TIMEOUT) -> T: ...
@overload
async def until(condition: Callable[[], T | None], seconds: float = TIMEOUT) -> T: ...
async def until(condition: Callable[[], object], seconds: float = TIMEOUT) -> object:
    """What `condition`, a function or a coroutine function, returns once it is true.

    For what Slack does not show; `stage.slack.until` wakes at each of its changes.
    """
    async with asyncio.timeout(seconds):
        while True:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.02)


async def until_ready(url: str, status: int = 200, seconds: float = TIMEOUT) -> str:
    """Wait until `/readyz` answers with this status; returns its body."""

    async def answered() -> str:
        found, body = await _readyz(url)
        return body if found == status else ""

    return await until(answered, seconds)


async def _readyz(url: str) -> tuple[int, str]:
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            return answer.status, await answer.text()
    except aiohttp.ClientError:
        return 0, ""
