"""What the service remembers between calls: ClientTokens, and how often it was called."""

from collections import defaultdict, deque
from collections.abc import Mapping
from math import ceil
from typing import Final

import msgspec

from bot.sandbox.vpc.refusals import Refusal

QUOTA_WINDOW_SECONDS: Final = 60.0
# The first four are from the vendor's quota page; it has none for the last two.
QUOTAS: Final[Mapping[str, int]] = {
    "DeleteVcoRouteEntry": 60,
    "DescribeVpnConnection": 600,
    "DescribeVpnConnections": 600,
    "DescribeVcoRouteEntries": 600,
    "CreateVcoRouteEntry": 60,
    "DescribeRegions": 600,
}
JsonObject = dict[str, object]


class _Use(msgspec.Struct):
    """One ClientToken: what it was used for, and the answer once there is one."""

    fingerprint: object
    answer: JsonObject | None = None
    answered_at: float = 0.0
    refusal: Refusal | None = None


class ClientTokens:
    """Answers a repeated change with the first answer, and refuses a token used differently.

    A token belongs to a region. A call that was refused leaves its token unused, unless
    its refusal is kept.
    """

    def __init__(self, lifetime: float) -> None:
        """`lifetime` in seconds from the answer; the vendor's is unknown."""
        self.lifetime = lifetime
        self._uses: dict[tuple[str, str], _Use] = {}

    def begin(self, key: tuple[str, str], fingerprint: object, now: float) -> JsonObject | None:
        """The earlier answer; or None, and the token is being processed from now on."""
        use = self._uses.get(key)
        if use and use.answer is not None and now - use.answered_at > self.lifetime:
            use = None
        if use is None:
            self._uses[key] = _Use(fingerprint)
            return None
        if use.fingerprint != fingerprint:
            raise Refusal("IdempotentParameterMismatch")
        if use.refusal is not None:
            raise use.refusal
        if use.answer is None:
            raise Refusal("LastTokenProcessing")
        return use.answer

    def keep(self, key: tuple[str, str], fingerprint: object, refusal: Refusal) -> None:
        """From now on this token is answered with this refusal."""
        self._uses[key] = _Use(fingerprint, refusal=refusal)

    def end(self, key: tuple[str, str], answer: JsonObject | None, now: float) -> None:
        """The call is over; without an answer the token is as good as unused."""
        if answer is None:
            del self._uses[key]
        else:
            self._uses[key].answer = answer
            self._uses[key].answered_at = now


class Quotas:
    """Counts the calls of each action and region in a sliding minute."""

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        """`limits` replaces those of the vendor, action by action."""
        self.limits = {**QUOTAS, **(limits or {})}
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def count(self, action: str, region: str, now: float) -> None:
        """Counts a call; one too many is refused, not counted, and told when to come back."""
        calls = self._calls[action, region]
        while calls and calls[0] <= now - QUOTA_WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= self.limits.get(action, QUOTAS["DescribeRegions"]):
            wait = calls[0] + QUOTA_WINDOW_SECONDS - now if calls else QUOTA_WINDOW_SECONDS
            raise Refusal("Throttling.User", retry_after_ms=max(1, ceil(wait * 1000)))
        calls.append(now)
