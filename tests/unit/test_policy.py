"""Who may ask, and who may decide: the person, the place and the policy have to allow it."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policies import ALICE, APPROVERS, BOB, CAROL, DAVE, MEMBERS, REQUEST, TERMS, let_through
from policies import decided as on_record

from bot.errors import Refused
from bot.models import Draft, Members, People, Person, Request, Terms, Verdict
from bot.policy import (
    BreakGlass,
    Rule,
    Who,
    authorize_submission,
    authorize_verdict,
    require_colleague,
    still_stands,
)


def decide_here(  # noqa: PLR0913 - all that may differ
    actor: Person | None,
    verdict: Verdict,
    *,
    terms: Terms = TERMS,
    home_team: str = "T1",
    channel_shared: bool = False,
    members: Members = MEMBERS,
    typed: str = "",
) -> None:
    """Decide on Alice's request under the terms that it was made under."""
    authorize_verdict(
        replace(REQUEST, terms=terms),
        actor,
        verdict,
        terms=terms,
        members=members,
        home_team=home_team,
        channel_shared=channel_shared,
        typed=typed,
    )


BOTH = pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])


# --- who may decide ------------------------------------------------------------------


@BOTH
def test_a_named_approver_and_a_member_of_a_group_may_decide(verdict: Verdict) -> None:
    decide_here(BOB, verdict)
    decide_here(CAROL, verdict)


@BOTH
def test_the_requester_may_not_decide_even_as_an_approver(verdict: Verdict) -> None:
    everybody = replace(TERMS, approvers=People(users=(ALICE.id,), groups=("S0NETOPS",)))
    with pytest.raises(Refused, match="somebody else has to decide"):
        decide_here(ALICE, verdict, terms=everybody, members={"S0NETOPS": [ALICE.id]})


@BOTH
def test_the_requester_may_decide_where_the_rule_says_so_and_names_them(verdict: Verdict) -> None:
    alone = replace(TERMS, approvers=People(users=(ALICE.id,)), self_approval=True)
    decide_here(ALICE, verdict, terms=alone)
    with pytest.raises(Refused, match="not one of the approvers"):
        decide_here(ALICE, verdict, terms=replace(TERMS, self_approval=True))


@BOTH
def test_somebody_else_is_sent_to_the_approvers(verdict: Verdict) -> None:
    with pytest.raises(Refused, match="not one of the approvers") as refused:
        decide_here(DAVE, verdict)
    assert "named on the card" in refused.value.mend


def test_a_group_that_is_no_approver_lets_nobody_in() -> None:
    with pytest.raises(Refused, match="not one of the approvers"):
        decide_here(DAVE, Verdict.APPROVED, members=MEMBERS | {"S0OTHER": [DAVE.id]})


def test_a_group_that_could_not_be_read_is_named() -> None:
    with pytest.raises(Refused, match="S0NETOPS"):
        decide_here(CAROL, Verdict.APPROVED, members={})


def test_an_unreadable_group_does_not_stop_a_named_approver() -> None:
    decide_here(BOB, Verdict.APPROVED, members={})


@pytest.mark.parametrize("approvers", [People(), People(groups=("S0NETOPS",))])
def test_without_any_approver_the_operator_is_asked_for(approvers: People) -> None:
    terms = replace(TERMS, approvers=approvers)
    ask = partial(decide_here, BOB, Verdict.APPROVED, members={"S0NETOPS": []})
    with pytest.raises(Refused, match="look at VCO_APPROVERS"):
        ask(terms=terms)
    with pytest.raises(Refused, match='look at rule "production" of the policy'):
        ask(terms=replace(terms, rule="production"))


def test_only_the_requester_cancels() -> None:
    decide_here(ALICE, Verdict.CANCELLED)
    with pytest.raises(Refused, match="Only the person who asked"):
        decide_here(BOB, Verdict.CANCELLED)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [(Verdict.EXPIRED, "time does"), (Verdict.BROKE_GLASS, "when asking")],
)
def test_what_is_nobodys_verdict_is_refused(verdict: Verdict, words: str) -> None:
    for person in (ALICE, BOB):
        with pytest.raises(Refused, match=words):
            decide_here(person, verdict)


def test_a_request_without_a_requester_can_be_decided_by_nobody() -> None:
    nobodys = replace(REQUEST, requester="")
    with pytest.raises(Refused, match="not on record who asked"):
        authorize_verdict(
            nobodys,
            BOB,
            Verdict.APPROVED,
            terms=TERMS,
            members=MEMBERS,
            home_team="T1",
            channel_shared=False,
        )


def test_a_countersignature_is_never_the_requesters() -> None:
    decide_here(BOB, Verdict.COUNTERSIGNED)
    alone = replace(TERMS, approvers=People(users=(ALICE.id,)), self_approval=True)
    with pytest.raises(Refused, match="somebody else has to decide"):
        decide_here(ALICE, Verdict.COUNTERSIGNED, terms=alone)
    with pytest.raises(Refused, match="not one of the approvers"):
        decide_here(DAVE, Verdict.COUNTERSIGNED)


# --- a wide prefix is typed ------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", "10.0.0.0", "10.0.0.0/8", "10.0.0.0/16x", "yes"])
def test_a_wide_prefix_has_to_be_typed_exactly(typed: str) -> None:
    wide = replace(TERMS, typed="10.0.0.0/16")
    with pytest.raises(Refused, match=r"10\.0\.0\.0/16 has to be typed"):
        decide_here(BOB, Verdict.APPROVED, terms=wide, typed=typed)
    decide_here(BOB, Verdict.REJECTED, terms=wide, typed=typed)
    decide_here(BOB, Verdict.APPROVED, typed=typed)


@pytest.mark.parametrize("typed", ["2001:db8::/32", " 2001:DB8::/32 ", "2001:0db8:0::/32"])
def test_any_way_to_write_the_very_same_block_will_do(typed: str) -> None:
    decide_here(BOB, Verdict.APPROVED, terms=replace(TERMS, typed="2001:db8::/32"), typed=typed)


# --- the policy has changed between two approvals ---------------------------------------

DAVES = on_record((Verdict.APPROVED, DAVE.id), approvals=2)


def second(request: Request, now: Terms, members: Members = MEMBERS) -> None:
    """Bob approves as well, under the terms of now."""
    authorize_verdict(
        request,
        BOB,
        Verdict.APPROVED,
        terms=now,
        members=members,
        home_team="T1",
        channel_shared=False,
        typed=now.typed,
    )


def test_an_earlier_approver_has_to_be_one_still() -> None:
    still = replace(TERMS, approvals=2, approvers=People(users=(BOB.id, DAVE.id)))
    second(DAVES, still)
    with pytest.raises(Refused, match="U0DAVE approved earlier and is no approver any more"):
        second(DAVES, replace(TERMS, approvals=2))
    with pytest.raises(Refused, match="whether the approval of U0DAVE still counts"):
        second(DAVES, replace(TERMS, approvals=2), members={})


def test_the_requesters_own_approval_counts_no_longer_than_the_rule_allows_it() -> None:
    own = on_record((Verdict.APPROVED, ALICE.id), self_approval=True, approvals=2)
    both = replace(TERMS, approvals=2, approvers=People(users=(ALICE.id, BOB.id)))
    second(own, replace(both, self_approval=True))
    with pytest.raises(Refused, match="U0ALICE approved earlier and is no approver any more"):
        second(own, both)


def test_who_approved_before_it_had_to_be_typed_has_not_typed_it() -> None:
    both = replace(TERMS, approvals=2, approvers=People(users=(BOB.id, DAVE.id)))
    with pytest.raises(Refused, match="asks for more by now") as refused:
        second(DAVES, replace(both, typed="10.0.0.0/24"))
    assert "ask anew" in refused.value.mend


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"approvers": People(users=(DAVE.id,))}, {}, "The approvers have changed since"),
        ({}, {"approvers": People(users=(DAVE.id,))}, "The approvers have changed since"),
        ({"typed": "10.0.0.0/24"}, {}, "has to be typed"),
        ({}, {"typed": "10.0.0.0/24"}, "has to be typed"),
    ],
)
def test_an_approval_meets_what_was_asked_for_and_what_is_asked_for_now(
    before: dict[str, object], now: dict[str, object], words: str
) -> None:
    request = replace(REQUEST, terms=replace(TERMS, **before))
    with pytest.raises(Refused, match=words):
        authorize_verdict(
            request,
            BOB,
            Verdict.APPROVED,
            terms=replace(TERMS, **now),
            members=MEMBERS,
            home_team="T1",
            channel_shared=False,
        )


@pytest.mark.parametrize("loose", ["before", "now"])
def test_the_requesters_own_approval_needs_both_to_allow_it(loose: str) -> None:
    strict = replace(TERMS, approvers=People(users=(ALICE.id,)))
    alone = replace(strict, self_approval=True)
    before, now = (alone, strict) if loose == "before" else (strict, alone)
    with pytest.raises(Refused, match="somebody else has to decide"):
        authorize_verdict(
            replace(REQUEST, terms=before),
            ALICE,
            Verdict.APPROVED,
            terms=now,
            members={},
            home_team="T1",
            channel_shared=False,
        )


# --- who asked, and who approved before, still counts --------------------------------------

STANDING = on_record((Verdict.APPROVED, BOB.id), approvals=2)
HERE = {ALICE.id: ALICE, BOB.id: BOB}
stands = partial(still_stands, STANDING, home_team="T1", members=MEMBERS)


def test_while_everybody_is_there_and_may_ask_it_stands() -> None:
    stands(Who(anyone=True), people=HERE)
    stands(Who(people=People(users=(ALICE.id,))), people=HERE)


@pytest.mark.parametrize("gone", [None, {"deleted": True}, {"guest": True}, {"team": "T2"}])
def test_whoever_has_left_since_does_not_count_any_more(gone: dict[str, object] | None) -> None:
    for one, what in ((ALICE, "asked for this"), (BOB, "approved earlier")):
        changed = None if gone is None else replace(one, **gone)
        with pytest.raises(Refused, match=f"{one.id} {what} and is no member"):
            stands(Who(anyone=True), people=HERE | {one.id: changed})


def test_whoever_may_not_ask_any_more_does_not_count_either() -> None:
    with pytest.raises(Refused, match="U0ALICE may not ask for this any more"):
        stands(Who(people=People(users=(BOB.id,))), people=HERE)
    with pytest.raises(Refused, match="S0LOST, so it is not known whether U0ALICE may still"):
        stands(Who(people=People(groups=("S0LOST",))), people=HERE)


# --- who may ask, and break the glass ----------------------------------------------------

DRAFT = Draft(vpn_connection_id="vco-a", route_dests=("10.0.0.0/24",), region="cn-hangzhou")
URGENT = replace(DRAFT, break_glass=True, reason="INC-4211")
ANYONE = Who(anyone=True)
GLASS = BreakGlass(who=Who(people=People(users=(ALICE.id,), groups=("S0ONCALL",))), countersign=60)


def test_anyone_means_every_colleague() -> None:
    for person in (ALICE, BOB, DAVE):
        authorize_submission(person, DRAFT, Rule(name="any", ask=ANYONE), {})


def test_a_rule_that_names_nobody_lets_nobody_ask() -> None:
    with pytest.raises(Refused, match=r'not one of those who may ask for this .*"empty"'):
        authorize_submission(ALICE, DRAFT, Rule(name="empty"), MEMBERS)


def test_only_those_who_are_named_or_in_a_group_may_ask() -> None:
    rule = Rule(name="some", ask=Who(people=APPROVERS))
    authorize_submission(BOB, DRAFT, rule, {})
    authorize_submission(CAROL, DRAFT, rule, MEMBERS)
    with pytest.raises(Refused, match="not one of those who may ask"):
        authorize_submission(DAVE, DRAFT, rule, MEMBERS)
    with pytest.raises(Refused, match="group S0NETOPS, so it is not known whether you may ask"):
        authorize_submission(CAROL, DRAFT, rule, {})


def test_the_glass_is_broken_only_where_and_by_whom_the_rule_allows_it() -> None:
    plain = Rule(name="plain", ask=ANYONE)
    with pytest.raises(Refused, match="Break-glass is not allowed here"):
        authorize_submission(ALICE, URGENT, plain, {})
    rule = replace(plain, break_glass=GLASS)
    authorize_submission(ALICE, URGENT, rule, {})
    authorize_submission(DAVE, URGENT, rule, {"S0ONCALL": [DAVE.id]})
    authorize_submission(DAVE, DRAFT, rule, {})
    with pytest.raises(Refused, match="You may not break the glass here"):
        authorize_submission(DAVE, URGENT, rule, {"S0ONCALL": []})
    with pytest.raises(Refused, match="whether you may break the glass"):
        authorize_submission(DAVE, URGENT, rule, {})
    with pytest.raises(Refused, match="not one of those who may ask"):
        authorize_submission(
            ALICE, URGENT, replace(rule, ask=Who(people=People(users=(BOB.id,)))), {}
        )


@pytest.mark.parametrize("reason", ["", "  ", ".", "…!", "\u2800", "\u200b"])
def test_the_glass_is_not_broken_without_a_reason(reason: str) -> None:
    rule = Rule(name="any", ask=ANYONE, break_glass=GLASS)
    with pytest.raises(Refused, match="you have to say why") as refused:
        authorize_submission(ALICE, replace(URGENT, reason=reason), rule, {})
    assert "--reason" in refused.value.mend


# --- identity and place, for asking and for every verdict ----------------------------

SUSPECTS = [
    pytest.param(None, "could not tell who you are", id="unknown"),
    pytest.param({"id": ""}, "could not tell who you are", id="nameless"),
    pytest.param({"team": "T2"}, "another organisation", id="other-team"),
    pytest.param({"team": ""}, "another organisation", id="no-team"),
    pytest.param({"stranger": True}, "another organisation", id="stranger"),
    pytest.param({"deleted": True}, "deactivated", id="deleted"),
    pytest.param({"bot": True}, "Bots", id="bot"),
    pytest.param({"guest": True}, "Guests", id="guest"),
]


@pytest.mark.parametrize(("flaw", "words"), SUSPECTS)
def test_whoever_is_no_full_colleague_may_neither_ask_nor_decide(
    flaw: dict[str, object] | None, words: str
) -> None:
    def flawed(person: Person) -> Person | None:
        return None if flaw is None else replace(person, **flaw)

    with pytest.raises(Refused, match=words):
        require_colleague(flawed(ALICE), home_team="T1", channel_shared=False)
    for verdict in (Verdict.APPROVED, Verdict.REJECTED, Verdict.COUNTERSIGNED):
        with pytest.raises(Refused, match=words):
            decide_here(flawed(BOB), verdict)
    with pytest.raises(Refused, match=words):
        decide_here(flawed(ALICE), Verdict.CANCELLED)


def test_a_colleague_is_let_through() -> None:
    assert require_colleague(ALICE, home_team="T1", channel_shared=False) is ALICE


def test_in_a_shared_channel_nobody_asks_or_decides() -> None:
    with pytest.raises(Refused, match="shared with another organisation"):
        require_colleague(ALICE, home_team="T1", channel_shared=True)
    with pytest.raises(Refused, match="shared with another organisation"):
        decide_here(BOB, Verdict.APPROVED, channel_shared=True)


def test_an_unknown_home_workspace_lets_nobody_through() -> None:
    nobody_of = replace(BOB, team="")
    with pytest.raises(Refused, match="not known which workspace"):
        require_colleague(nobody_of, home_team="", channel_shared=False)
    with pytest.raises(Refused, match="not known which workspace"):
        decide_here(nobody_of, Verdict.APPROVED, home_team="")


# --- whatever the settings -----------------------------------------------------------

USERS = st.sampled_from([ALICE.id, BOB.id, CAROL.id, ""])
GROUPS = st.sampled_from(["S1", "S2", "S3"])
TEAMS = st.sampled_from(["T1", "T2", ""])
NAMED = st.builds(People, users=st.lists(USERS).map(tuple), groups=st.lists(GROUPS).map(tuple))
FLAG = st.sampled_from([False, False, False, True])
ALL_TERMS = st.builds(
    Terms,
    approvers=NAMED,
    approvals=st.integers(0, 3),
    self_approval=FLAG,
    typed=st.sampled_from(["", "", "10.0.0.0/24"]),
)
FILLED = st.dictionaries(GROUPS, st.frozensets(USERS))
PEOPLE = st.builds(Person, id=USERS, team=TEAMS, deleted=FLAG, bot=FLAG, guest=FLAG, stranger=FLAG)
SETTINGS = st.tuples(ALL_TERMS, FILLED)
PLACES = st.tuples(TEAMS, FLAG)
Settings = tuple[Terms, dict[str, frozenset[str]]]
VERDICTS = st.sampled_from([Verdict.APPROVED, Verdict.REJECTED, Verdict.COUNTERSIGNED])


@given(PEOPLE, VERDICTS, SETTINGS, PLACES, USERS)
def test_whoever_is_let_through_is_a_known_second_person_and_an_approver(
    actor: Person, verdict: Verdict, settings: Settings, place: tuple[str, bool], requester: str
) -> None:
    (terms, members), (home_team, shared) = settings, place
    request = replace(REQUEST, requester=requester, terms=terms)
    ask = partial(
        authorize_verdict, request, actor, verdict, terms=terms, members=members, typed=terms.typed
    )
    named = actor.id in terms.approvers.users
    grouped = any(actor.id in members.get(group, ()) for group in terms.approvers.groups)
    known = bool(actor.id) and bool(actor.team) and actor.team == home_team
    flawless = not (actor.deleted or actor.bot or actor.guest or actor.stranger)
    alone = terms.self_approval and verdict is not Verdict.COUNTERSIGNED
    second_person = bool(requester) and (alone or requester != actor.id)
    allowed = known and flawless and second_person and not shared and (named or grouped)
    assert let_through(partial(ask, home_team=home_team, channel_shared=shared)) == allowed


@given(VERDICTS, ALL_TERMS, FILLED)
def test_the_requester_is_never_let_through_unless_the_rule_says_so(
    verdict: Verdict, terms: Terms, members: dict[str, frozenset[str]]
) -> None:
    strict = replace(terms, self_approval=False)
    assert not let_through(
        partial(decide_here, ALICE, verdict, terms=strict, members=members, typed=terms.typed)
    )


@given(PEOPLE, VERDICTS, ALL_TERMS, FILLED)
def test_an_empty_set_of_approvers_lets_nobody_through(
    actor: Person, verdict: Verdict, terms: Terms, members: dict[str, frozenset[str]]
) -> None:
    nobody = replace(terms, approvers=People())
    assert not let_through(partial(decide_here, actor, verdict, terms=nobody, members=members))


@given(PEOPLE, st.sampled_from(Verdict), SETTINGS, GROUPS, st.lists(USERS))
def test_knowing_less_never_lets_more_through(
    actor: Person, verdict: Verdict, settings: Settings, unread: str, earlier: list[str]
) -> None:
    terms, members = settings
    request = on_record(*((Verdict.APPROVED, one) for one in earlier))
    ask = partial(
        authorize_verdict,
        request,
        verdict=verdict,
        terms=terms,
        home_team="T1",
        channel_shared=False,
        typed=terms.typed,
    )
    for lost in (None, {"id": ""}, {"team": ""}):
        less = None if lost is None else replace(actor, **lost)
        assert not let_through(partial(ask, actor=less, members=members))
    fewer = {group: users for group, users in members.items() if group != unread}
    if let_through(partial(ask, actor=actor, members=fewer)):
        assert let_through(partial(ask, actor=actor, members=members))


@given(SETTINGS, st.lists(USERS, min_size=1), st.sampled_from([BOB, CAROL]))
def test_an_approval_beside_earlier_ones_is_let_through_only_if_all_of_them_may_approve(
    settings: Settings, earlier: list[str], actor: Person
) -> None:
    terms, members = settings
    request = replace(on_record(*((Verdict.APPROVED, one) for one in earlier)), terms=terms)
    here = partial(
        authorize_verdict,
        request,
        actor,
        Verdict.APPROVED,
        terms=terms,
        members=members,
        home_team="T1",
        channel_shared=False,
        typed=terms.typed,
    )
    may = {one for one in (*earlier, actor.id) if terms.approvers.include(one, members)}
    own = ALICE.id in earlier and not terms.self_approval
    assert let_through(here) == (may == {*earlier, actor.id} and not own)
