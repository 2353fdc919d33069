"""4 lifecycle, the proof: is the change proven, and when to poll again.

The vendor's page calls a route deleted when its connection is `attached` again. A read can land
before the background task starts, though, and still see the old `attached`. So the proof is:

- `updating` was seen, then the connection `attached` and the route absent; or
- `updating` was never seen: `attached` and the route absent, `READS_IN_DOUBT` reads in a row.

A listing can flap for a while: present, absent, present, absent. So one absent read is believed
only as long as no read has contradicted it: where the route was seen present after `updating`, or
after any absent read, it takes `READS_IN_DOUBT` in a row from then on. A listing that changes with
each read never proves anything, and the route ends `unconfirmed`. What is still believed is one
absent read, the first after `updating`: that it is wrong, of a task that has changed nothing
besides, would be two faults at once.

A list that came on several pages was read over some time. Where a route moves from one page to
another meanwhile, because an earlier one goes, it can be on neither as they were read. So of such
lists it takes two in a row at least.

Of a restoration the same, with the route present, next hop and weight included. `attached`
alone proves nothing. All delays are in seconds.
"""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from bot.models import Observation, Watch

SETTLED = "attached"
"""The state in which the connection is idle and its routes can be believed."""

UPDATING = "updating"
"""The one state that shows our task at work.

The other passing states (init, provisioning, attaching, upgrading, detaching) belong to other
tasks: taking one of them for ours would cheapen the proof to a single read.
"""

READS_AFTER_UPDATING = 1
READS_OF_PAGES = 2
READS_IN_DOUBT = 3

FIRST_POLL = 1.0
SLOWEST_POLL = 10.0
POLL_PART = 8
"""A poll is delayed by this part of the time already waited: it costs at most 1/8 more."""

RECONCILE_SECONDS = 24 * 3600.0
"""For how long an unconfirmed change is read again in the background."""

NO_LONGER_CHECKED = "no longer looked at"
"""What is noted when that time is over."""

DOUBT = 0.3
"""One that is known says how long the next one takes give or take so much; of n, the n-th part."""

CLOSE_PARTS = 6
"""Into so many parts polls divide what lies between the shortest and the longest."""

TOGETHER = 1.5
"""Polls of connections that are read together are due at multiples of so many first polls."""

FIRST_RECONCILE = 30.0
SLOWEST_RECONCILE = 900.0
RECONCILE_PART = 2

_DOUBLINGS = 64
"""Where doubling stops, long after any cap: larger powers would overflow a float."""


def fold(watch: Watch, seen: Observation, *, present: bool = False) -> Watch:
    """The watch after one more poll, of a route that is to be `present` in the end, or absent.

    Whatever is not `attached` and as it should be starts a new row.
    """
    state = seen.state.lower()
    settled = state == SETTLED and seen.present is present
    contrary = state == SETTLED and seen.present is (not present)
    settled_before = watch.settled_before or (watch.settled_reads > 0 and not settled)
    return msgspec.structs.replace(
        watch,
        updating_seen=watch.updating_seen or state == UPDATING,
        settled_reads=watch.settled_reads + 1 if settled else 0,
        paged=settled and (seen.paged or (watch.settled_reads > 0 and watch.paged)),
        settled_before=settled_before,
        contradicted=watch.contradicted or (contrary and (watch.updating_seen or settled_before)),
        polls=watch.polls + 1,
        state=state,
        present=seen.present,
    )


def proven(watch: Watch) -> bool:
    """Whether what was seen proves that the route is as it should be."""
    needed = READS_OF_PAGES if watch.paged else READS_AFTER_UPDATING
    if watch.contradicted or not watch.updating_seen:
        needed = READS_IN_DOUBT
    return watch.settled_reads >= needed


def expected(lately: Sequence[float]) -> tuple[float, float] | None:
    """Between which times the next one is expected to end, by how long the latest took."""
    if not lately:
        return None
    doubt = DOUBT / len(lately)
    return min(lately) * (1 - doubt), max(lately) * (1 + doubt)


def next_poll(
    elapsed: float, remaining: float, expected: tuple[float, float] | None = None
) -> float:
    """The delay before the next poll: quick at first, slower later, never past the deadline.

    `elapsed` counts from the send, `remaining` to the deadline; at the deadline it is 0.
    `expected`: between which times it is expected to end, where that is known. Before that it is
    polled seldom, but not past half of what remains, and closely while it is expected to end. One
    that is quicker than expected is seen some ten seconds late, and the next ones are then
    expected as early.
    """
    delay = _between(FIRST_POLL, elapsed / POLL_PART, SLOWEST_POLL)
    if expected is not None:
        delay = min(_expecting(elapsed, delay, *expected), max(delay, remaining / 2))
    return max(0.0, min(delay, remaining))


def _expecting(elapsed: float, delay: float, shortest: float, longest: float) -> float:
    closely = _between(FIRST_POLL, (longest - shortest) / CLOSE_PARTS, SLOWEST_POLL)
    early = shortest + closely / 2 - elapsed
    if early > 0:
        return max(FIRST_POLL, early / max(1, round(early / SLOWEST_POLL)))
    return min(closely, delay) if elapsed <= longest else delay


def together(at: float, delay: float) -> float:
    """When to poll next about so long after `at`, so that many are polled at the same moment.

    Polls stay as far apart as the first is from the send, but for a tenth.
    """
    every = FIRST_POLL * TOGETHER
    moment = round((at + delay) / every) * every
    return moment if moment >= at + FIRST_POLL * 0.9 else moment + every


def next_reconcile(elapsed: float) -> float:
    """The delay before an unconfirmed route is read again; `elapsed` since it became so."""
    return _between(FIRST_RECONCILE, elapsed / RECONCILE_PART, SLOWEST_RECONCILE)


def backoff(attempt: int, *, base: float, cap: float, seed: str) -> float:
    """The delay after a failed attempt, counted from 1: doubling from `base`, at most `cap`.

    The upper half is jitter, so that replicas don't come back together. It follows from `seed`
    and `attempt` alone: the same question always has the same answer.
    """
    doublings = min(max(attempt - 1, 0), _DOUBLINGS)
    longest = min(cap, base * 2.0**doublings)
    return longest * (1 + _fraction(f"{seed}:{attempt}")) / 2


def _between(least: float, value: float, most: float) -> float:
    return min(max(least, value), most)


def _fraction(text: str) -> float:
    """A number from 0 up to 1 that looks random but follows from the text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48
