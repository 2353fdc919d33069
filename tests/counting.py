"""What a bot asks of others, counted from outside: Redis, Slack, the cloud."""

import asyncio
from collections import Counter
from contextlib import suppress
from typing import Self

from redis.asyncio import Redis
from stage import Stage


class Commands:
    """Counts the commands that a Redis server is sent while it lasts, by their names.

    What a script of ours does inside the server is not counted: it is no round trip. Nor is that a
    server is taught a script, which it is once.
    """

    def __init__(self, url: str, *, besides: str = "") -> None:
        """`besides`: the command with which the test itself looks."""
        self._besides = ("EVAL", besides)
        self._redis = Redis.from_url(url, decode_responses=True)
        self._monitor = self._redis.monitor()
        self._listening: asyncio.Task[None] | None = None
        self._sent: list[tuple[float, str]] = []

    async def __aenter__(self) -> Self:
        await self._monitor.__aenter__()  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        if self._monitor.connection is not None:
            await self._monitor.connection.disconnect()
        await self._redis.aclose()

    @property
    def sent(self) -> Counter[str]:
        """All of them."""
        return Counter(name for _, name in self._sent)

    def between(self, start: float, end: float) -> Counter[str]:
        """Those of some time."""
        return Counter(name for at, name in self._sent if start <= at <= end)

    async def _listen(self) -> None:
        while True:
            told = await self._monitor.next_command()
            name = told["command"].split()[0]
            if told["client_type"] != "lua" and name not in self._besides:
                self._sent.append((told["time"], name))


class Asked:
    """What Slack and the cloud of a stage have been asked since then, by method and action."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.slack_from, self._cloud = len(stage.slack.requests), len(stage.vpc.calls)

    @property
    def slack(self) -> Counter[str]:
        """Calls of Slack."""
        return Counter(call.method for call in self._stage.slack.requests[self.slack_from :])

    @property
    def limited(self) -> int:
        """Those that were answered with 429."""
        return sum(call.status == 429 for call in self._stage.slack.requests[self.slack_from :])

    @property
    def cloud(self) -> Counter[str]:
        """Calls of the cloud."""
        return Counter(call.action for call in self._stage.vpc.calls[self._cloud :])
