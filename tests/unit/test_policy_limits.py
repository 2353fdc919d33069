"""What one more request is held to, and what is said where it would be one too many."""

import pytest

from bot.errors import RefusalReason
from bot.policy.file import parse
from bot.policy.limits import Asking, LimitKind, Limits, limits_on, over

ALICE = Asking(person="U0ALICE", channel="C0NETOPS", connection="cn-hangzhou|vco-1")


def test_a_request_is_held_to_the_limits_of_its_person_its_connection_and_its_channel() -> None:
    held = limits_on(Limits(open_per_person=3), ALICE)
    assert [limit.kind for limit in held] == [
        LimitKind.CARDS,
        LimitKind.PERSON,
        LimitKind.CONNECTION,
        LimitKind.CHANNEL,
    ]
    assert (held[1].field, held[1].value, held[1].most) == ("person", "U0ALICE", 3)


def test_an_emergency_is_not_held_up_by_what_others_have_open() -> None:
    glass = Asking(person="U0ALICE", channel="C0NETOPS", connection="c", glass=True)
    [held] = limits_on(Limits(), glass)
    assert (held.kind, held.value, held.glass) == (LimitKind.GLASS, "U0ALICE", True)
    assert held.seconds == 3600.0


def test_one_person_meets_their_own_limit_before_others_are_kept_out() -> None:
    usual = Limits()
    assert usual.open_per_person < usual.open_per_connection < usual.open_per_channel


@pytest.mark.parametrize("kind", LimitKind)
def test_whoever_is_kept_out_hears_how_many_that_is_and_what_to_do(kind: LimitKind) -> None:
    glass = kind is LimitKind.GLASS
    asking = Asking(person="U0ALICE", channel="C", connection="c", glass=glass)
    [limit] = [one for one in limits_on(Limits(), asking) if one.kind is kind]
    refusal = over(limit)
    assert str(limit.most) in refusal.problem
    assert refusal.mend
    assert refusal.reason is RefusalReason.LIMIT


def test_a_policy_says_its_own_limits_and_leaves_out_the_others() -> None:
    rule = '[[rule]]\nname = "any"\napprove = ["U0BOB"]\n'
    own = parse(f"{rule}\n[limits]\nopen_per_person = 5\n", "p.toml", expiry=600.0)
    assert own.limits == Limits(open_per_person=5)
    assert parse(rule, "p.toml", expiry=600.0).limits == Limits()


def test_who_sets_no_limits_may_still_ask_for_two_hundred_at_once() -> None:
    usual = Limits()
    assert min(usual.open_per_person, usual.open_per_connection, usual.cards_per_minute) > 200
