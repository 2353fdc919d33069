"""A log line for what strangers can cause as often as they like: one in a while, with the count."""

import time
from collections.abc import Callable

import structlog

_SECONDS = 10.0


class LimitedLog:
    """Logs one event at most every 10 seconds; the next line says how many there were.

    Exact numbers are for a counter of `bot.metrics`: what follows the last line is not logged.
    """

    def __init__(self, name: str, event: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Log `event` as the module `name`; `clock` is in seconds."""
        self._log = structlog.get_logger(name)
        self._event = event
        self._clock = clock
        self._count = 0
        self._next = 0.0

    def __call__(self, **about: str) -> None:
        """It happened once more; `about` this one, if it is the one that is logged."""
        self._count += 1
        now = self._clock()
        if now < self._next:
            return
        self._log.warning(self._event, count=self._count, **about)
        self._count, self._next = 0, now + _SECONDS
