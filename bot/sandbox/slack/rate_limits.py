"""Slack's rate limits.

Source: docs.slack.dev/apis/web-api/rate-limits: tiers of 1, 20, 50 and 100 calls a minute
for each method, and one message a second for each channel, with short bursts allowed, and
several hundred a minute in the whole workspace.
"""

import math
from collections.abc import Callable
from enum import StrEnum

import msgspec


class Tier(StrEnum):
    """Which limit a method has. `POST` is kept for each channel, `WORKSPACE` for all together."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    FOUR = "4"
    POST = "post"
    WORKSPACE = "workspace"
    SPECIAL = "special"


class Rate(msgspec.Struct, frozen=True):
    """So many calls a second in the long run, and so many at once."""

    per_second: float
    burst: int


RATES = {
    # Tier one is lenient: the documentation allows "a small amount of burst behavior".
    Tier.ONE: Rate(1 / 60, 10),
    Tier.TWO: Rate(20 / 60, 20),
    Tier.THREE: Rate(50 / 60, 50),
    Tier.FOUR: Rate(100 / 60, 100),
    Tier.POST: Rate(1.0, 5),
    Tier.WORKSPACE: Rate(300 / 60, 100),
    Tier.SPECIAL: Rate(600 / 60, 600),
}


class Limits:
    """The buckets. Set `enabled` to False, or change `rates`, to test something else."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.enabled = True
        self.rates = dict(RATES)
        self._clock = clock
        self._buckets: dict[tuple[Tier, str, str], tuple[float, float]] = {}

    def take(self, tier: Tier, method: str, channel: str = "") -> int:
        """Spend one call. 0 when it may go ahead, else the whole seconds to wait."""
        if not self.enabled:
            return 0
        wait = self._take(tier, method, channel)
        if wait == 0 and tier is Tier.POST:
            return self._take(Tier.WORKSPACE, method, "")
        return wait

    def _take(self, tier: Tier, method: str, channel: str) -> int:
        rate = self.rates[tier]
        key = (tier, method, channel if tier is Tier.POST else "")
        now = self._clock()
        left, since = self._buckets.get(key, (float(rate.burst), now))
        left = min(rate.burst, left + (now - since) * rate.per_second)
        if left < 1:
            self._buckets[key] = (left, now)
            return max(1, math.ceil((1 - left) / rate.per_second))
        self._buckets[key] = (left - 1, now)
        return 0
