"""Databases for the tests of the store: a real server, its clock stopped, its replies lost."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bot.config.redis_url import parse
from bot.store import Claim, Database, Work
from bot.store.client import Redis
from bot.store.connect import connect

HOW_OFTEN = ("once", "twice")
"""Parameters of fixtures: scripts arrive once, or twice because their first reply was lost."""


class Twice:
    """A client that loses the first reply of every script and sends it again, as redis-py does."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own signature
        if args[0] in ("EVAL", "EVALSHA"):
            await self._redis.execute_command(*args, **options)
        return await self._redis.execute_command(*args, **options)

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Any]:
        return await self._redis.together(name, *commands)

    async def aclose(self) -> None:
        await self._redis.aclose()


@asynccontextmanager
async def database(
    url: str, how_often: str = "once", now: float = 1000.0
) -> AsyncIterator[Database]:
    """A database whose clock stands at `now`; 0: it runs."""
    client = connect(parse(url))
    opened = Database(Twice(client) if how_often == "twice" else client)
    if now:
        set_clock(opened, now)
    try:
        yield opened
    finally:
        await opened.close()


def set_clock(opened: Database, now: float) -> None:
    """Let the time be `now`."""
    opened.fixed_now = f"{now:.6f}"


async def claimed(work: Work, lease: float = 30.0) -> Claim:
    """Claim something; there must be something."""
    claim = await work.claim(lease)
    assert isinstance(claim, Claim)
    return claim


def number(claim: Claim) -> int:
    """The number of a claim's fence: a newer claim has a higher one."""
    return int(claim.fence.partition("-")[0])
