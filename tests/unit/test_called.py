"""Who is called to decide on a request: those who can, and nobody else."""

from builders import ALICE, BOB, CAROL, a_request, decided
from msgspec.structs import replace

from bot import lifecycle
from bot.models import People, Person, Request, Terms, Verdict
from bot.policy.called import candidates, reachable

GROUP = "S0NETOPS"
HOME = "T0HOME"
TERMS = Terms(approvers=People(users=(CAROL,), groups=(GROUP,)))


def asked(terms: Terms = TERMS, **changes: str) -> Request:
    return replace(a_request(terms=terms), **changes)


def test_those_who_are_named_and_those_of_the_groups_each_once() -> None:
    found = candidates(asked(), TERMS, {GROUP: {BOB, CAROL}})
    assert found == (CAROL, BOB), "whoever is named in person comes first"


def test_the_requester_is_not_called_even_where_they_may_approve_alone() -> None:
    alone = replace(TERMS, self_approval=True)
    assert candidates(asked(alone), alone, {GROUP: {ALICE, BOB}}) == (CAROL, BOB)


def test_whoever_has_approved_is_not_called() -> None:
    two = replace(TERMS, approvals=2)
    one = lifecycle.record_decision(asked(two), decided(Verdict.APPROVED, by=BOB))
    assert candidates(one, two, {GROUP: {BOB}}) == (CAROL,)


def test_whoever_may_not_approve_by_the_policy_of_now_is_not_called() -> None:
    now = Terms(approvers=People(groups=(GROUP,)))
    assert candidates(asked(), now, {GROUP: {BOB}}) == (BOB,)


def test_a_group_that_could_not_be_read_calls_nobody() -> None:
    assert candidates(asked(), TERMS, {}) == (CAROL,)


def test_of_a_large_group_others_are_called_first_for_another_request() -> None:
    """The same five people are not woken every night."""
    members = {GROUP: {f"U{n:03d}" for n in range(40)}}
    terms = Terms(approvers=People(groups=(GROUP,)))
    firsts = {candidates(asked(terms, id=f"r-{n}"), terms, members)[0] for n in range(20)}
    assert len(firsts) > 5
    assert candidates(asked(terms), terms, members) == candidates(asked(terms), terms, members)


def test_guests_bots_strangers_and_who_has_left_could_not_decide() -> None:
    people = {
        "U1": Person(id="U1", team=HOME),
        "U2": Person(id="U2", team=HOME, guest=True),
        "U3": Person(id="U3", team=HOME, bot=True),
        "U4": Person(id="U4", team=HOME, deleted=True),
        "U5": Person(id="U5", team="T0OTHER", stranger=True),
        "U6": None,
    }
    assert reachable(people, people, HOME) == ("U1",)
