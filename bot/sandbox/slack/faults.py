"""Why a call is not simply carried out: Slack's rate limits, and faults on demand for the tests.

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

STRICT = {
    tier: Rate(rate.per_second, max(3, rate.burst // 4)) if tier is not Tier.POST else Rate(1.0, 3)
    for tier, rate in RATES.items()
}
"""The same with short bursts: how long one may be is nowhere promised."""


class Limits:
    """The buckets. Set `enabled` to False, or change `rates`, to test something else."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.enabled = True
        self.rates = dict(RATES)
        self._clock = clock
        self._buckets: dict[tuple[Tier, str, str], tuple[float, float]] = {}

    def exhaust(self, tier: Tier, method: str) -> None:
        """Leave nothing in the bucket of this method: somebody else has spent it."""
        self._buckets[tier, method, ""] = (0.0, self._clock())

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


class FaultKind(StrEnum):
    """How a call goes wrong. Only `HANG` and `LOST` let it take effect."""

    HTTP = "http"
    RATE_LIMITED = "rate_limited"
    HANG = "hang"
    LOST = "lost"
    HTML = "html"
    ERROR = "error"
    EMPTY = "empty"


class Fault(msgspec.Struct, kw_only=True):
    """One planned fault. `method` may be `*`; `times` None means until it is removed."""

    method: str
    kind: FaultKind
    times: int | None = 1
    status: int = 500
    retry_after: int = 1
    seconds: float = 10.0
    error: str = "internal_error"


class Faults:
    """The plan. Calls to a response_url count as the method `response_url`."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def add(  # noqa: PLR0913 - one keyword for each kind's detail
        self,
        method: str,
        kind: FaultKind | str,
        *,
        times: int | None = 1,
        status: int = 500,
        retry_after: int = 1,
        seconds: float = 10.0,
        error: str = "internal_error",
    ) -> Fault:
        """Plan a fault for the next `times` calls of a method; faults apply in their order."""
        fault = Fault(
            method=method,
            kind=FaultKind(kind),
            times=times,
            status=status,
            retry_after=retry_after,
            seconds=seconds,
            error=error,
        )
        self._planned.append(fault)
        return fault

    def clear(self) -> None:
        """Forget the plan."""
        self._planned.clear()

    def take(self, method: str) -> Fault | None:
        """The fault of this call, used up by it."""
        for fault in self._planned:
            if fault.method not in (method, "*"):
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
            return fault
        return None
