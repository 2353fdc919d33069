"""How much of Slack's rate limits is left, and for whom. Pure: the caller brings the clock.

Slack limits each method for the whole workspace, and posts for each channel besides. Every method
has a bucket of calls that fills again at the documented rate. The less urgent a call is, the more
it leaves in the bucket for others: what a decision waits for may take the last call, a progress
bar leaves some for the states of cards and for outcomes. Replicas share what there is: the bucket
of each is one part of it. Slack's own word goes before ours: after a 429 nothing is called until
the time that it names; another one soon after halves the rate for a while, since then others use
it too.
"""

from enum import IntEnum
from typing import NamedTuple


class Priority(IntEnum):
    """What a call is for, the most urgent first."""

    DECISION = 0
    ANSWER = 1
    OUTCOME = 2
    LINE = 3
    CARD = 4
    HOME = 5
    PROGRESS = 6
    DIRECT = 7


_LEAVES = (0, 1, 1, 6, 30, 30, 34, 34)
"""How many calls each priority leaves to those above it, at most `_MOST_LEFT` of a full bucket.

Lines on the way wait for each other, and then are one post, so that ends find posts left.
Cards on their way, and their bars, leave so many that what ends at the same time is told at once:
of fifty that were approved together, most.
"""


class Rate(NamedTuple):
    """So many calls a minute, of which `burst` may come at once."""

    per_minute: float
    burst: float

    def shared_by(self, replicas: int) -> "Rate":
        """The part of one of so many."""
        return Rate(self.per_minute / replicas, self.burst / replicas)


TIER_2 = Rate(20, 10)
TIER_3 = Rate(50, 50)
TIER_4 = Rate(100, 100)
SPECIAL = Rate(600, 100)
POSTS = Rate(60, 5)
"""How short "short bursts" are is nowhere promised; a pause costs more than a short wait."""

RATES = {
    "auth.test": SPECIAL,
    "chat.getPermalink": SPECIAL,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": POSTS,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.update": TIER_4,
}
"""Source: docs.slack.dev/apis/web-api/rate-limits and each method's page."""

_AFTER_PAUSE = 0.05
"""How much of a minute's calls may come at once after a pause."""

_MOST_LEFT = 0.7

_AMPLE = 0.5
"""As long as this part of a bucket is left, reads are not spread for the sake of others."""

TOGETHER_SECONDS = 0.03
"""Who asks for the same thing within so long is answered by one read, however much is left."""

_ROUNDING = 1e-6
"""Of a call: what is missing by less is there."""

_LONGEST_LINE = 15.0
"""Seconds for which somebody stands behind others at most, however many they are: some of those
may have been told otherwise since."""

_EAGER = 0.75
"""They come at so long a part of the time that a call takes to be there again: not everybody who
stood in line still comes, and no call is to be left over for that."""

_SLOWEST = 0.25
_SOON_SECONDS = 60.0
_RECOVERY_SECONDS = 240.0


class Budget:
    """The calls of one method that may be made now."""

    def __init__(self, rate: Rate, now: float) -> None:
        """A full bucket of `rate`."""
        self._rate = rate
        self._level = float(rate.burst)
        self._at = now
        self._paused_until: float | None = None
        self._speed = 1.0
        self._line: list[tuple[float, Priority]] = []

    def change(self, rate: Rate, now: float) -> None:
        """Go on at another rate; what is left shrinks with the bucket and does not grow with it."""
        self._refill(now)
        self._level = min(self._level, self._level * rate.burst / self._rate.burst)
        self._rate = rate

    def take(self, now: float, priority: Priority = Priority.DECISION) -> float:
        """Spend a call and return 0; or spend nothing and return the seconds to wait first."""
        wait = self.wait(now, priority)
        if wait <= 0:
            self._level -= 1
        return wait

    def wait(self, now: float, priority: Priority = Priority.DECISION) -> float:
        """Seconds until a call of this priority may be made; 0: now."""
        speed = self._refill(now)
        burst = max(1.0, self._rate.burst * speed)
        missing = 1 + min(_LEAVES[priority], (burst - 1) * _MOST_LEFT) - self._level
        pause = 0.0 if self._paused_until is None else max(0.0, self._paused_until - now)
        short = missing * 60 / (self._rate.per_minute * speed) if missing > _ROUNDING else 0.0
        return pause + short

    def turn(self, now: float, priority: Priority) -> float:
        """Seconds until whoever is held back now comes again: one after another, the urgent first.

        If all came as soon as there is one call, all but one would come in vain.
        """
        wait = self.wait(now, priority)
        self._line = [(at, one) for at, one in self._line if at > now]
        ahead = sum(one <= priority for _, one in self._line)
        line = ahead * _EAGER * 60 / (self._rate.per_minute * self._speed_at(now))
        turn = wait + min(line, _LONGEST_LINE)
        self._line.append((now + turn, priority))
        return turn

    def pace(self, now: float) -> float:
        """Seconds to leave between two calls for the same thing: more, the less is left."""
        speed = self._refill(now)
        short = 1 - min(1.0, max(0.0, self._level) / (self._rate.burst * _AMPLE))
        return max(TOGETHER_SECONDS, short * 60 / (self._rate.per_minute * speed))

    def full(self, now: float) -> bool:
        """Whether nothing was called lately, so that it is as good as a new one."""
        self._refill(now)
        return self._paused_until is None and self._level >= self._rate.burst

    def limited(self, now: float, seconds: float) -> bool:
        """Slack wants a pause of so many seconds. Returns whether that is news."""
        before = self._paused_until
        news = before is None or before <= now
        if news:
            soon = before is not None and now - before < _SOON_SECONDS
            self._speed = max(_SLOWEST, self._speed_at(now) / 2) if soon else self._speed_at(now)
        until = max(before or 0.0, now + seconds)
        # Then one may call again, says Slack: not everybody at once.
        some = max(1.0, self._rate.per_minute * self._speed * _AFTER_PAUSE)
        self._level, self._at = min(some, self._rate.burst), until
        self._paused_until = until
        return news

    def _refill(self, now: float) -> float:
        speed = self._speed_at(now)
        if now > self._at:
            burst = max(1.0, self._rate.burst * speed)
            gained = (now - self._at) * self._rate.per_minute * speed / 60
            self._level, self._at = min(burst, self._level + gained), now
        return speed

    def _speed_at(self, now: float) -> float:
        if self._paused_until is None:
            return 1.0
        return min(1.0, self._speed + max(0.0, now - self._paused_until) / _RECOVERY_SECONDS)
