"""Slack's rate limits, kept before Slack has to say so: urgent calls first. Pure."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.budget import POSTS, TIER_2, TIER_3, TOGETHER_SECONDS, Budget, Priority, Rate


def spent(rate: Rate = TIER_3) -> Budget:
    """A budget of which nothing is left at 0."""
    budget = Budget(rate, 0.0)
    while budget.take(0.0) == 0:
        pass
    return budget


def calls(budget: Budget, priority: Priority, seconds: float) -> int:
    """How many calls somebody makes in this time who makes as many as they may."""
    made, now = 0, 0.0
    while now < seconds:
        wait = budget.take(now, priority)
        made += wait == 0
        now += max(wait, 0.001)
    return made


def test_no_more_is_called_than_slack_allows() -> None:
    assert calls(Budget(TIER_3, 0.0), Priority.DECISION, 60.0) == pytest.approx(100, abs=1)
    assert calls(spent(), Priority.DECISION, 60.0) == pytest.approx(50, abs=1)


def test_where_nobody_wants_more_urgent_calls_the_others_get_all_of_them() -> None:
    assert calls(spent(), Priority.PROGRESS, 120.0) == pytest.approx(66, abs=1)


def test_however_many_bars_move_an_outcome_never_waits() -> None:
    budget = Budget(TIER_3, 0.0)
    assert calls(budget, Priority.PROGRESS, 30.0) > 35
    while budget.take(31.0, Priority.PROGRESS) == 0:
        pass
    assert budget.take(31.0, Priority.OUTCOME) == 0


def test_of_45_that_end_together_the_last_is_told_within_twenty_seconds() -> None:
    """Slack takes 50 edits a minute: those on the way must not have spent what the ends need."""
    budget, many, end = Budget(TIER_3, 0.0), 45, 40.0
    wanted = {Priority.CARD: 3 * many, Priority.PROGRESS: 10**6, Priority.OUTCOME: 0}
    now = 0.0
    while now < end or wanted[Priority.OUTCOME]:
        if now < end <= now + 0.1:
            wanted[Priority.OUTCOME] = many
        for priority in sorted(wanted):
            while wanted[priority] and budget.take(now, priority) == 0:
                wanted[priority] -= 1
        now += 0.1
    assert now - end < 20


def test_a_pause_is_kept_by_everybody() -> None:
    budget = Budget(TIER_2, 0.0)
    assert budget.limited(10.0, 30.0)
    assert not budget.limited(10.1, 30.0), "those who were under way at the same time say it too"
    assert budget.take(20.0) == pytest.approx(20.1)
    assert budget.take(40.2) == 0
    assert budget.take(40.2) == pytest.approx(3.0, abs=0.2)


def test_who_is_not_alone_slows_down_and_recovers() -> None:
    """Two replicas spend what one of them thinks it has."""
    budget = Budget(TIER_2, 0.0)
    budget.limited(0.0, 1.0)
    assert budget.take(1.0) == 0
    assert budget.take(1.0) == pytest.approx(3.0)
    budget.limited(10.0, 1.0)
    assert budget.take(11.0) == 0
    assert 4.5 < budget.take(11.0) <= 6.0
    assert budget.take(400.0) == 0
    assert calls(spent(TIER_2), Priority.DECISION, 60.0) == pytest.approx(20, abs=1)


def test_reads_of_the_same_thing_are_spread_only_where_less_than_half_is_left() -> None:
    budget, paces = Budget(TIER_2, 0.0), []
    while budget.take(0.0) == 0:
        paces.append(budget.pace(0.0))
    assert paces[:5] == [TOGETHER_SECONDS] * 5, "a click just after its card waits for nobody"
    assert paces[5:] == pytest.approx([0.6, 1.2, 1.8, 2.4, 3.0]), "the last is as slow as it fills"


@given(
    st.lists(st.tuples(st.floats(0.0, 30.0), st.sampled_from(Priority), st.booleans()), max_size=60)
)
def test_whatever_happens_the_most_urgent_call_may_be_made_in_bounded_time(
    steps: list[tuple[float, Priority, bool]],
) -> None:
    budget, now = Budget(TIER_2, 0.0), 0.0
    for after, priority, limited in steps:
        now += after
        if limited:
            budget.limited(now, 5.0)
        budget.take(now, priority)
        waits = [budget.wait(now, one) for one in Priority]
        assert waits == sorted(waits), "less urgent is never sooner"
        assert waits[0] <= 5.0 + 60 / (20 * 0.25)
        later = deepcopy(budget)
        later.wait(now + 5.0)
        assert any(later.take(now + n, Priority.PROGRESS) == 0 for n in range(5, 65))


def test_replicas_spend_together_what_one_alone_may() -> None:
    alone = calls(Budget(TIER_3, 0.0), Priority.DECISION, 60.0)
    of_three = sum(calls(Budget(TIER_3.shared_by(3), 0.0), Priority.DECISION, 60.0) for _ in "abc")
    assert of_three == pytest.approx(alone, abs=3)


def test_one_that_has_to_share_from_now_on_keeps_its_part_of_what_is_left() -> None:
    budget = Budget(TIER_3, 0.0)
    for _ in range(10):
        budget.take(0.0)
    budget.change(TIER_3.shared_by(2), 0.0)
    assert sum(budget.take(0.0) == 0 for _ in range(50)) == 20
    budget.change(TIER_3, 0.0)
    assert budget.take(0.0) > 0, "who is alone again has not saved up anything"
    assert budget.take(60.0) == 0


def test_of_many_replicas_each_still_posts_now_and_then() -> None:
    many = Budget(POSTS.shared_by(12), 0.0)
    assert calls(many, Priority.OUTCOME, 120.0) == pytest.approx(10, abs=1)


def test_those_who_are_held_back_come_one_after_another() -> None:
    """Forty outcomes at once: each comes once, and in vain no more than a few times in all."""
    budget, now, tries, told = Budget(POSTS, 0.0), 0.0, 0, 0
    coming = [(0.0, n) for n in range(40)]
    while coming:
        now, one = min(coming)
        coming.remove((now, one))
        tries += 1
        if budget.take(now, Priority.OUTCOME) > 0:
            coming.append((now + budget.turn(now, Priority.OUTCOME), one))
        else:
            told += 1
    assert told == 40
    assert now < 40, "as soon as Slack allows"
    assert tries <= 3 * 40


def test_whoever_is_more_urgent_does_not_stand_behind_the_others() -> None:
    budget = spent()
    waits = [budget.turn(0.0, Priority.CARD) for _ in range(5)]
    assert waits == sorted(waits)
    assert waits[0] < waits[4]
    assert budget.turn(0.0, Priority.OUTCOME) == budget.wait(0.0, Priority.OUTCOME)


def test_nobody_stands_in_line_for_long_but_a_pause_is_waited_out() -> None:
    budget = spent()
    first, *others = (budget.turn(0.0, Priority.OUTCOME) for _ in range(60))
    assert max(others) == pytest.approx(first + 15.0)
    budget.limited(0.0, 40.0)
    assert budget.turn(0.0, Priority.OUTCOME) >= 40
