"""Is it enough: the last look at what is on record, right before anything is sent (G1)."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policies import ALICE, BOB, CAROL, DAVE, decided, let_through

from bot.errors import Refused
from bot.models import People, Request, Verdict
from bot.policy import approved_by

GLASS = (Verdict.BROKE_GLASS, ALICE.id)


def test_one_approval_of_somebody_else_is_enough() -> None:
    assert approved_by(decided((Verdict.APPROVED, BOB.id))) == (BOB.id,)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param(decided(), "Nobody has approved", id="none"),
        pytest.param(decided((Verdict.APPROVED, ALICE.id)), "requester's own", id="own"),
        pytest.param(decided((Verdict.APPROVED, "")), "not on record", id="nameless"),
        pytest.param(
            decided((Verdict.APPROVED, BOB.id), (Verdict.APPROVED, ALICE.id)),
            "requester's own",
            id="own-among-others",
        ),
        pytest.param(
            decided((Verdict.APPROVED, BOB.id), (Verdict.REJECTED, CAROL.id)),
            "was rejected",
            id="rejected",
        ),
        pytest.param(
            decided((Verdict.EXPIRED, ""), (Verdict.APPROVED, BOB.id)),
            "was expired",
            id="expired",
        ),
        pytest.param(decided((Verdict.CANCELLED, ALICE.id)), "was cancelled", id="cancelled"),
        pytest.param(decided((Verdict.COUNTERSIGNED, BOB.id)), "Nobody has approved", id="signed"),
        pytest.param(
            decided((Verdict.APPROVED, BOB.id), approvers=People()),
            "not on record who might approve",
            id="no-terms",
        ),
    ],
)
def test_anything_less_is_not_enough(request_: Request, words: str) -> None:
    with pytest.raises(Refused, match=words):
        approved_by(request_)


def test_without_a_requester_on_record_no_approval_counts() -> None:
    for decision in ((Verdict.APPROVED, BOB.id), (Verdict.BROKE_GLASS, "")):
        request = replace(decided(decision, countersign=60.0, reason="x"), requester="")
        with pytest.raises(Refused, match="not on record who asked"):
            approved_by(request)


@pytest.mark.parametrize("needed", [2, 3])
def test_fewer_approvals_than_the_terms_ask_for_are_not_enough(needed: int) -> None:
    one = (Verdict.APPROVED, BOB.id)
    for decisions in ([one], [one, one]):
        with pytest.raises(Refused, match=f"Only 1 of {needed}"):
            approved_by(decided(*decisions, approvals=needed))


def test_the_requesters_own_approval_counts_only_where_the_terms_say_so() -> None:
    own = (Verdict.APPROVED, ALICE.id)
    assert approved_by(decided(own, self_approval=True)) == (ALICE.id,)
    both = decided(own, (Verdict.APPROVED, BOB.id), self_approval=True, approvals=2)
    assert approved_by(both) == (ALICE.id, BOB.id)


# --- break-glass ---------------------------------------------------------------------------


def test_a_broken_glass_is_enough_and_countersigning_takes_nothing_away() -> None:
    assert approved_by(decided(GLASS, countersign=60.0, reason="INC-1")) == (ALICE.id,)
    signed = decided(
        GLASS, (Verdict.COUNTERSIGNED, BOB.id), countersign=60.0, approvals=3, reason="INC-1"
    )
    assert approved_by(signed) == (ALICE.id,)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        pytest.param(decided(GLASS, reason="x"), "policy does not allow", id="not-allowed"),
        pytest.param(decided(GLASS, countersign=60.0), "without a reason", id="no-reason"),
        pytest.param(
            decided((Verdict.BROKE_GLASS, BOB.id), countersign=60.0, reason="x"),
            "somebody who did not ask",
            id="somebody-else",
        ),
        pytest.param(
            decided(GLASS, (Verdict.BROKE_GLASS, BOB.id), countersign=60.0, reason="x"),
            "somebody who did not ask",
            id="two",
        ),
        pytest.param(
            decided(GLASS, (Verdict.REJECTED, BOB.id), countersign=60.0, reason="x"),
            "was rejected",
            id="rejected",
        ),
        pytest.param(
            decided(GLASS, countersign=60.0, reason="x", approvers=People()),
            "who might approve",
            id="nobody-to-countersign",
        ),
    ],
)
def test_a_glass_that_was_broken_in_any_other_way_is_not(request_: Request, words: str) -> None:
    with pytest.raises(Refused, match=words):
        approved_by(request_)


# --- whatever is on record -------------------------------------------------------------------

USERS = st.sampled_from([ALICE.id, BOB.id, CAROL.id, DAVE.id, ""])
DECISIONS = st.lists(st.tuples(st.sampled_from(Verdict), USERS), max_size=5)
APPROVALS = st.lists(st.tuples(st.just(Verdict.APPROVED), USERS), max_size=5)
ALLOWED = st.fixed_dictionaries(
    {
        "approvals": st.integers(0, 4),
        "self_approval": st.booleans(),
        "countersign": st.sampled_from([0.0, 60.0]),
        "reason": st.sampled_from(["", "INC-1"]),
    }
)
Allowed = dict[str, object]
FINAL = {Verdict.REJECTED, Verdict.CANCELLED, Verdict.EXPIRED, Verdict.STOPPED}


@given(DECISIONS, ALLOWED)
def test_what_is_enough_is_just_what_the_terms_say(
    decisions: list[tuple[Verdict, str]], allowed: Allowed
) -> None:
    request = decided(*decisions, **allowed)  # type: ignore[arg-type] # the reason is text
    approvers = {by for verdict, by in decisions if verdict is Verdict.APPROVED}
    broke = {by for verdict, by in decisions if verdict is Verdict.BROKE_GLASS}
    terms = request.terms
    alone = broke == {ALICE.id} and terms.countersign > 0 and bool(allowed["reason"])
    others = (
        len(approvers) >= max(1, terms.approvals)
        and "" not in approvers
        and (terms.self_approval or ALICE.id not in approvers)
    )
    enough = (alone if broke else others) and not FINAL & {verdict for verdict, _ in decisions}
    assert let_through(partial(approved_by, request)) == enough


@given(DECISIONS | APPROVALS, ALLOWED, st.randoms())
def test_the_order_of_decisions_makes_no_difference(
    decisions: list[tuple[Verdict, str]], allowed: Allowed, random: object
) -> None:
    shuffled = list(decisions)
    random.shuffle(shuffled)  # type: ignore[attr-defined] # hypothesis' random.Random
    first = decided(*decisions, **allowed)  # type: ignore[arg-type] # as above
    second = decided(*shuffled, **allowed)  # type: ignore[arg-type] # as above
    assert let_through(partial(approved_by, first)) == let_through(partial(approved_by, second))


@given(DECISIONS | APPROVALS, ALLOWED)
def test_more_approvals_needed_never_lets_less_through(
    decisions: list[tuple[Verdict, str]], allowed: Allowed
) -> None:
    request = decided(*decisions, **allowed)  # type: ignore[arg-type] # as above
    more = replace(request, terms=replace(request.terms, approvals=request.terms.approvals + 1))
    if let_through(partial(approved_by, more)):
        assert let_through(partial(approved_by, request))


@given(DECISIONS | APPROVALS, ALLOWED)
def test_the_requester_never_counts_unless_the_terms_say_so(
    decisions: list[tuple[Verdict, str]], allowed: Allowed
) -> None:
    request = decided(*decisions, **(allowed | {"self_approval": False, "countersign": 0.0}))  # type: ignore[arg-type] # as above
    if let_through(partial(approved_by, request)):
        assert ALICE.id not in approved_by(request)
