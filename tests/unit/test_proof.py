"""When a deletion is proven, and when to look again."""

from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bot.lifecycle.proof import (
    backoff,
    expected,
    fold,
    next_poll,
    next_reconcile,
    proven,
    together,
)
from bot.models import Observation, Watch

UPDATING = Observation(state="updating")
ABSENT = Observation(state="attached", present=False)
PRESENT = Observation(state="attached", present=True)
UNREAD = Observation(state="attached", present=None)
UPGRADING = Observation(state="upgrading")


def watched(*seen: Observation) -> Watch:
    watch = Watch()
    for observation in seen:
        watch = fold(watch, observation)
    return watch


def test_updating_then_attached_and_absent_is_proof() -> None:
    assert proven(watched(UPDATING, ABSENT))


def test_attached_alone_proves_nothing_however_often() -> None:
    assert not proven(watched(UPDATING, UNREAD, UNREAD, UNREAD, UNREAD))
    assert not proven(watched(UPDATING, PRESENT, PRESENT, PRESENT, PRESENT))


def test_without_updating_it_takes_three_settled_reads_in_a_row() -> None:
    assert not proven(watched(ABSENT, ABSENT))
    assert proven(watched(ABSENT, ABSENT, ABSENT))


@pytest.mark.parametrize("between", [PRESENT, UNREAD, UPGRADING], ids=["present", "unread", "up"])
def test_anything_else_starts_the_row_anew(between: Observation) -> None:
    assert not proven(watched(ABSENT, ABSENT, between, ABSENT, ABSENT))
    assert proven(watched(ABSENT, ABSENT, between, ABSENT, ABSENT, ABSENT))


def test_absence_before_updating_does_not_count() -> None:
    assert not proven(watched(ABSENT, UPDATING))
    assert proven(watched(ABSENT, UPDATING, ABSENT))


def test_a_route_seen_again_after_updating_is_not_gone() -> None:
    assert not proven(watched(UPDATING, ABSENT, PRESENT))


def test_a_route_seen_again_after_updating_takes_three_absent_reads_from_then_on() -> None:
    assert not proven(watched(UPDATING, PRESENT, ABSENT, ABSENT))
    assert proven(watched(UPDATING, PRESENT, ABSENT, ABSENT, ABSENT))


def test_a_route_seen_again_after_it_was_absent_takes_three_even_after_updating() -> None:
    assert not proven(watched(ABSENT, UNREAD, PRESENT, UPDATING, ABSENT, ABSENT))
    assert proven(watched(ABSENT, UNREAD, PRESENT, UPDATING, ABSENT, ABSENT, ABSENT))


def test_a_route_that_is_still_there_before_updating_is_no_contradiction() -> None:
    assert proven(watched(PRESENT, PRESENT, UPDATING, ABSENT))


@given(st.lists(st.sampled_from([UPDATING, UNREAD, UPGRADING])), st.integers(1, 20))
def test_a_listing_that_changes_with_each_read_proves_nothing(
    between: list[Observation], times: int
) -> None:
    watch = watched(UPDATING)
    for _ in range(times):
        for seen in (PRESENT, *between, ABSENT):
            watch = fold(watch, seen)
            assert not proven(watch)


def test_what_an_earlier_version_has_watched_is_gone_on_with() -> None:
    """It did not note whether the route was ever seen absent; its row says so."""
    assert fold(Watch(settled_reads=1), PRESENT).contradicted


def test_an_absence_read_while_not_attached_is_no_proof() -> None:
    assert not proven(watched(UPDATING, Observation(state="updating", present=False)))


@pytest.mark.parametrize("state", ["init", "provisioning", "attaching", "upgrading", "detaching"])
def test_the_work_of_other_tasks_is_not_taken_for_ours(state: str) -> None:
    assert not watched(Observation(state=state)).updating_seen


def test_states_are_compared_without_case() -> None:
    seen = [Observation(state="Updating"), Observation(state="ATTACHED", present=False)]
    assert proven(watched(*seen))
    assert watched(*seen).state == "attached"


def test_the_watch_counts_polls_and_keeps_the_last_state() -> None:
    watch = watched(ABSENT, UPGRADING, UPDATING)
    assert watch.polls == 3
    assert watch.state == "updating"


OBSERVATIONS = st.builds(
    Observation,
    state=st.sampled_from(["attached", "Attached", "updating", "upgrading", "detached", ""]),
    present=st.sampled_from([True, False, None]),
)


@given(st.lists(OBSERVATIONS.filter(lambda seen: seen.present is not False)))
def test_nothing_is_proven_without_an_absent_read(seen: list[Observation]) -> None:
    assert not proven(watched(*seen))


@given(st.lists(OBSERVATIONS), OBSERVATIONS.filter(lambda seen: seen.state.lower() != "attached"))
def test_nothing_is_proven_while_the_connection_is_not_attached(
    before: list[Observation], last: Observation
) -> None:
    assert not proven(watched(*before, last))


GONE = ("attached", False)


class TheRuleRestated(RuleBasedStateMachine):
    """All observations are kept, and the rule is read off the whole list each time."""

    def flapped(self) -> bool:
        """Whether a present read came after `updating` or after an absent one."""
        seen = self.all
        present = [n for n, one in enumerate(seen) if one == ("attached", True)]
        doubt = [n for n, one in enumerate(seen) if one[0] == "updating" or one == GONE]
        return bool(present and doubt) and min(doubt) < max(present)

    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch()
        self.all: list[tuple[str, bool | None]] = []

    @rule(seen=OBSERVATIONS)
    def look(self, seen: Observation) -> None:
        self.watch = fold(self.watch, seen)
        self.all.append((seen.state.lower(), seen.present))

    @invariant()
    def agrees_with_the_rule(self) -> None:
        with_updating = self.all[-1:] == [GONE] and any(s == "updating" for s, _ in self.all[:-1])
        once = with_updating and not self.flapped()
        assert proven(self.watch) == (once or self.all[-3:] == [GONE] * 3)


TestTheRuleRestated = TheRuleRestated.TestCase


# --- when to look again --------------------------------------------------------------

SECONDS = st.floats(0, 1e6)
MOST_SELDOM = 15


def test_polls_are_quick_at_first_and_slower_later() -> None:
    assert next_poll(0, 600) == 1
    assert next_poll(40, 600) == 5
    assert next_poll(500, 600) == 10


def test_a_usual_deletion_costs_few_polls() -> None:
    elapsed, polls = 0.0, 0
    while elapsed < 40:
        elapsed += next_poll(elapsed, 600 - elapsed)
        polls += 1
    assert polls < 25
    assert elapsed < 46


def test_where_it_is_known_how_long_they_take_a_deletion_costs_half_the_polls() -> None:
    for seconds in (36.0, 40.0, 44.0):
        polls, late = polled(seconds, (35.0, 45.0))
        assert polls <= 9
        assert late <= 2.0
        assert polls <= polled(seconds, None)[0] / 2


def test_where_tasks_take_twelve_to_twenty_seconds_five_polls_see_the_end_soon() -> None:
    lately = [12.3 + 8 * (n + 0.5) / 20 for n in range(20)]
    found = [polled(12.3 + 8 * n / 200, expected(lately)) for n in range(200)]
    assert mean(polls for polls, _ in found) < 5
    assert mean(late for _, late in found) < 0.9


def test_the_fewer_are_known_the_wider_the_time_is_in_which_the_next_is_expected() -> None:
    assert expected([]) is None
    assert expected([10.0]) == pytest.approx((7.0, 13.0))
    assert expected([10.0, 20.0] * 5) == pytest.approx((9.7, 20.6))


@given(st.floats(2, 300), st.floats(1, 300), st.floats(0, 100))
def test_one_that_is_quicker_or_slower_than_expected_is_not_missed_for_long(
    seconds: float, shortest: float, more: float
) -> None:
    _, late = polled(seconds, (shortest, shortest + more))
    assert late <= (MOST_SELDOM if seconds < shortest + more else max(1.0, seconds / 8) + 1.0)


def test_after_half_of_the_time_that_is_left_it_is_looked_in_any_case() -> None:
    assert next_poll(2.0, 10.0, (11.0, 12.0)) == 5.0


def polled(seconds: float, expected: tuple[float, float] | None) -> tuple[int, float]:
    """How often one that takes so long is polled, and how late its end is seen."""
    elapsed, polls = 1.0, 1
    while elapsed < seconds:
        elapsed += next_poll(elapsed, 1e6, expected)
        polls += 1
    return polls, elapsed - seconds


RANGES = st.none() | st.tuples(SECONDS, SECONDS).map(sorted).map(tuple)


@given(SECONDS, st.floats(-1e6, 1e6), RANGES)
def test_polls_never_pass_the_deadline(
    elapsed: float, remaining: float, expected: tuple[float, float] | None
) -> None:
    assert 0 <= next_poll(elapsed, remaining, expected) <= max(0, remaining)


@given(SECONDS, SECONDS, SECONDS)
def test_polls_are_at_least_a_second_apart(elapsed: float, one: float, other: float) -> None:
    expected = min(one, other), max(one, other)
    assert 1 <= next_poll(elapsed, 1e9, expected) <= MOST_SELDOM


@given(st.floats(1e9, 2e9), st.floats(1, 15))
def test_polls_at_the_same_moments_come_about_when_they_would(at: float, delay: float) -> None:
    moment = together(at, delay)
    assert moment >= at + 0.9
    assert abs(moment - at - delay) <= 1.4
    assert moment % 1.5 in (0.0, 1.5)


def test_whoever_is_polled_at_about_the_same_time_is_polled_at_the_same_moment() -> None:
    at = 1_700_000_000.0
    for delay in (1.0, 1.7, 2.2, 3.1, 5.0, 10.0):
        assert len({together(at + 0.1 * n, delay) for n in range(8)}) <= 2


@given(SECONDS, SECONDS)
def test_delays_never_shrink_with_time(one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    assert next_poll(earlier, 1e9) <= next_poll(later, 1e9)
    assert next_reconcile(earlier) <= next_reconcile(later)


def test_reconciling_goes_from_half_a_minute_to_a_quarter_of_an_hour() -> None:
    assert next_reconcile(0) == 30
    assert next_reconcile(600) == 300
    assert next_reconcile(86400) == 900


def test_backoff_doubles_up_to_its_cap() -> None:
    delays = [backoff(n, base=1, cap=60, seed="r1") for n in range(1, 12)]
    for attempt, delay in enumerate(delays, start=1):
        longest = min(60, 2 ** (attempt - 1))
        assert longest / 2 <= delay <= longest
    assert all(later >= earlier for earlier, later in pairwise(delays[:6]))


@given(st.integers(-3, 10**9), st.text())
def test_backoff_is_bounded_and_answers_the_same_question_alike(attempt: int, seed: str) -> None:
    delay = backoff(attempt, base=0.5, cap=30, seed=seed)
    assert 0.25 <= delay <= 30
    assert delay == backoff(attempt, base=0.5, cap=30, seed=seed)


def test_backoff_keeps_replicas_apart() -> None:
    assert len({backoff(9, base=1, cap=60, seed=f"r{n}") for n in range(100)}) == 100
