"""Look-ups in Slack that are fresh for everybody who waits for them, and as few as can be.

Whoever asks is answered by a read that began after they asked. Those who ask for the same thing
while it is waiting for its turn share that read. That is a moment as long as most of the budget is
left, and longer, the less is. So a flood of clicks costs no more reads than Slack allows, leaves
some to others, and each click is answered by the next read.

A step that can't wait any longer for its turn frees its place and comes back; the read is made
meanwhile, and kept for that step for some seconds. Nothing is kept for anybody else.
"""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from bot.errors import SlackError, SlackRateLimited, SlackUnavailable
from bot.slack.budget import Priority
from bot.slack.payload import Json
from bot.slack.web import Slack

KEPT_SECONDS = 10.0
"""For how long what a step has found out serves the same step when it is tried again."""

TURN_SECONDS = 0.5
"""How long a step waits for its turn before it frees its place."""

_LONGEST_PACE = 60.0

_ALONE_SECONDS = 5.0
"""The same where nobody comes back for what was read meanwhile: longer than two turns for a group
of users are apart."""


class Key(NamedTuple):
    """One thing to look up: a method with its one argument."""

    method: str
    name: str
    value: str


class Asker(NamedTuple):
    """Who wants to know, and how urgent it is; for a `step` without an id nothing is kept."""

    step: str = ""
    priority: Priority = Priority.DECISION


class _Read:
    """A read and those who wait for it; until it has begun, others may join."""

    def __init__(self, key: Key, order: int) -> None:
        self.key = key
        self.order = order
        self.priority = max(Priority)
        self.steps: set[str] = set()
        self.begun = asyncio.Event()
        self.answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()

    def join(self, asker: Asker) -> None:
        self.priority = min(self.priority, asker.priority)
        if asker.step:
            self.steps.add(asker.step)


class _Kept(NamedTuple):
    answer: asyncio.Future[Json]
    until: float


class SharedReads:
    """Reads through `slack`, each as soon as the budget of its method allows, urgent ones first."""

    def __init__(self, slack: Slack, turn_seconds: float = TURN_SECONDS) -> None:
        """`turn_seconds`: seconds for which a step waits for its turn."""
        self._slack = slack
        self._turn_seconds = turn_seconds
        self._order = count()
        self._waiting: dict[str, dict[Key, _Read]] = {}
        self._joined: dict[str, asyncio.Event] = {}
        self._begun: dict[Key, float] = {}
        self._kept: dict[tuple[str, Key], _Kept] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: Key, asker: Asker) -> Json:
        """What Slack answers, by a read that begins after this call, or is kept for this step.

        Raises:
            SlackRateLimited: It is not this read's turn yet.
            SlackError: The read failed.
        """
        kept = self._kept.get((asker.step, key))
        if kept is not None and kept.until > time.monotonic():
            return await asyncio.shield(kept.answer)
        read = self._join(key, asker)
        try:
            async with asyncio.timeout(self._turn_seconds if asker.step else _ALONE_SECONDS):
                await read.begun.wait()
        except TimeoutError:
            raise SlackRateLimited(self._expected(read)) from None
        # Shielded: others wait for it too.
        return await asyncio.shield(read.answer)

    async def close(self) -> None:
        """Give up what is waiting."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _join(self, key: Key, asker: Asker) -> _Read:
        waiting = self._waiting.get(key.method)
        if waiting is None:
            waiting = self._waiting[key.method] = {}
            self._joined[key.method] = asyncio.Event()
            self._start(self._take_turns(key.method))
        read = waiting.get(key)
        if read is None:
            read = waiting[key] = _Read(key, next(self._order))
        read.join(asker)
        self._joined[key.method].set()
        return read

    async def _take_turns(self, method: str) -> None:
        """Begin the reads of one method, one after another, while there are any."""
        waiting, joined = self._waiting[method], self._joined[method]
        try:
            while waiting:
                joined.clear()
                read, wait = self._next(method)
                if wait > 0:
                    # Somebody may come for whom there is a call left.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(joined.wait(), wait)
                    continue
                del waiting[read.key]
                self._begin(read)
        finally:
            del self._waiting[method], self._joined[method]

    def _next(self, method: str) -> tuple[_Read, float]:
        """The read whose turn is next, and in how many seconds; 0: its call is taken."""
        now, pace = time.monotonic(), self._slack.pace(method)
        self._begun = {key: at for key, at in self._begun.items() if at + _LONGEST_PACE > now}
        due = {
            read: self._begun.get(read.key, -_LONGEST_PACE) + pace - now
            for read in self._waiting[method].values()
        }
        ready = [read for read, wait in due.items() if wait <= 0]
        if not ready:
            return min(due.items(), key=lambda one: one[1])
        read = min(ready, key=lambda one: (one.priority, one.order))
        return read, self._slack.claim(method, read.priority)

    def _expected(self, read: _Read) -> float:
        """In about how many seconds a read will have been made."""
        pace = self._slack.pace(read.key.method)
        due = self._begun.get(read.key, -_LONGEST_PACE) + pace - time.monotonic()
        return max(0.2, due, self._slack.wait(read.key.method, read.priority))

    def _begin(self, read: _Read) -> None:
        now = time.monotonic()
        self._begun[read.key] = now
        self._kept = {key: kept for key, kept in self._kept.items() if kept.until > now}
        # From now on, so that a step that comes back while it is under way does not ask anew.
        for step in read.steps:
            self._kept[step, read.key] = _Kept(read.answer, now + KEPT_SECONDS)
        read.begun.set()
        self._start(self._read(read))

    async def _read(self, read: _Read) -> None:
        method, name, value = read.key
        try:
            answer = await self._slack.read_claimed(method, **{name: value})
        except SlackRateLimited as error:
            self._fail(read, error)
            # Those who come back find it done.
            for step in read.steps:
                self._join(read.key, Asker(step, read.priority))
        except SlackError as error:
            self._fail(read, error)
        else:
            read.answer.set_result(answer)
        finally:
            if not read.answer.done():
                self._fail(read, SlackUnavailable(f"{method}: given up"))

    def _fail(self, read: _Read, error: SlackError) -> None:
        for step in read.steps:
            self._kept.pop((step, read.key), None)
        read.answer.set_exception(error)
        read.answer.exception()  # whoever waited may be gone; it is not to be logged for that

    def _start(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
