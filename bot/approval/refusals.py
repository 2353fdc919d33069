"""How often the clicks of somebody who may not decide are looked into, and audited.

Whoever is refused again and again is soon refused without a look-up, so that they spend nothing of
what others need, and without an entry of their own for each click. Only refusals count, so nobody
loses a click that would have been decided; and whoever is made an approver meanwhile is looked up
again within seconds. It is kept in memory: each replica may look as often.
"""

import time
from collections.abc import Hashable
from typing import NamedTuple

_MOST = 1000
"""How many people are kept in mind."""


class Allowance(NamedTuple):
    """So many at once, and one more after so many seconds."""

    at_once: int
    seconds: float


LOOK_UPS = Allowance(5, 10.0)
ENTRIES = Allowance(10, 10.0)


class Refusals:
    """Counts the refusals of each person."""

    def __init__(self) -> None:
        """Nobody has asked for anything yet."""
        self._look_ups = _Allowances(LOOK_UPS)
        self._entries = _Allowances(ENTRIES)

    def wait(self, who: Hashable) -> float:
        """Seconds until somebody is looked up again; 0: now."""
        return self._look_ups.wait(who, time.monotonic())

    def looked_up(self, who: Hashable) -> None:
        """A look-up came to a refusal."""
        self._look_ups.spend(who, time.monotonic())

    def audited(self, who: Hashable) -> bool:
        """Whether one more refusal is to be audited."""
        now = time.monotonic()
        allowed = self._entries.wait(who, now) <= 0
        if allowed:
            self._entries.spend(who, now)
        return allowed


class _Allowances:
    """What is left of an allowance, for each person."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._left: dict[Hashable, tuple[float, float]] = {}

    def wait(self, who: Hashable, now: float) -> float:
        return max(0.0, 1 - self._now(who, now)) * self._allowance.seconds

    def spend(self, who: Hashable, now: float) -> None:
        left = max(0.0, self._now(who, now) - 1)
        # Those who were refused last are the last to be forgotten.
        self._left.pop(who, None)
        self._left[who] = (left, now)
        if len(self._left) > _MOST:
            del self._left[next(iter(self._left))]

    def _now(self, who: Hashable, now: float) -> float:
        left, at = self._left.get(who, (float(self._allowance.at_once), now))
        return min(self._allowance.at_once, left + (now - at) / self._allowance.seconds)
