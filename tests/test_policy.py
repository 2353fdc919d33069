"""Who may ask, who may decide, and when it is enough."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from bot.models import Connection, Decision, Person, Request, Snapshot, Terms, Verdict
from bot.policy import Approvers, approved_by, confirmed, decide, may_ask

ALICE = Person(id="UALICE", team="T1", name="alice")
BOB = Person(id="UBOB", team="T1", name="bob")
CAROL = Person(id="WCAROL", team="T1", name="carol")

CONNECTION = Connection(vpn_connection_id="vco-a", region="cn-hangzhou", state="attached")
SNAPSHOT = Snapshot(taken_at=1.0, connection=CONNECTION, targets=(), impacts=())
REQUEST = Request(
    id="r1",
    region="cn-hangzhou",
    vpn_connection_id="vco-a",
    requester=ALICE.id,
    channel="C1",
    created_at=1.0,
    expires_at=1801.0,
    snapshot=SNAPSHOT,
    routes=(),
)

decide_here = partial(
    decide,
    REQUEST,
    approvers=Approvers(users=(BOB.id,), groups=("SNETOPS",)),
    members={"SNETOPS": [CAROL.id]},
    home_team="T1",
    channel_shared=False,
)

BOTH = pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])


def let_through(question: Callable[[], object]) -> bool:
    try:
        question()
    except Refused:
        return False
    return True


# --- who may decide ------------------------------------------------------------------


@BOTH
def test_a_named_approver_and_a_member_of_a_group_may_decide(verdict: Verdict) -> None:
    decide_here(BOB, verdict)
    decide_here(CAROL, verdict)


@BOTH
def test_the_requester_may_not_decide_even_as_an_approver(verdict: Verdict) -> None:
    approvers = Approvers(users=(ALICE.id,), groups=("SNETOPS",))
    with pytest.raises(Refused, match="somebody else has to decide"):
        decide_here(ALICE, verdict, approvers=approvers, members={"SNETOPS": [ALICE.id]})


@BOTH
def test_somebody_else_is_sent_to_the_approvers(verdict: Verdict) -> None:
    dave = Person(id="UDAVE", team="T1")
    with pytest.raises(Refused, match="not one of the approvers") as refused:
        decide_here(dave, verdict)
    assert "named on the card" in refused.value.mend


def test_a_group_that_is_no_approver_lets_nobody_in() -> None:
    dave = Person(id="UDAVE", team="T1")
    members = {"SNETOPS": [CAROL.id], "SOTHER": [dave.id]}
    with pytest.raises(Refused, match="not one of the approvers"):
        decide_here(dave, Verdict.APPROVED, members=members)


def test_a_group_that_could_not_be_read_is_named() -> None:
    with pytest.raises(Refused, match="SNETOPS"):
        decide_here(CAROL, Verdict.APPROVED, members={})


def test_an_unreadable_group_does_not_stop_a_named_approver() -> None:
    decide_here(BOB, Verdict.APPROVED, members={})


def test_without_any_approver_the_operator_is_asked_for() -> None:
    with pytest.raises(Refused, match="VCO_APPROVERS"):
        decide_here(BOB, Verdict.APPROVED, approvers=Approvers())
    with pytest.raises(Refused, match="VCO_APPROVERS"):
        decide_here(
            BOB,
            Verdict.APPROVED,
            approvers=Approvers(groups=("SNETOPS",)),
            members={"SNETOPS": []},
        )


def test_only_the_requester_cancels() -> None:
    decide_here(ALICE, Verdict.CANCELLED)
    with pytest.raises(Refused, match="Only the person who asked"):
        decide_here(BOB, Verdict.CANCELLED)


def test_nobody_makes_a_request_expire() -> None:
    with pytest.raises(Refused, match="time does"):
        decide_here(BOB, Verdict.EXPIRED)


def test_a_request_without_a_requester_can_be_decided_by_nobody() -> None:
    request = msgspec.structs.replace(REQUEST, requester="")
    with pytest.raises(Refused, match="not on record who asked"):
        decide(
            request,
            BOB,
            Verdict.APPROVED,
            approvers=Approvers(users=(BOB.id,)),
            members={},
            home_team="T1",
            channel_shared=False,
        )


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
        return None if flaw is None else msgspec.structs.replace(person, **flaw)

    with pytest.raises(Refused, match=words):
        may_ask(flawed(ALICE), home_team="T1", channel_shared=False)
    for verdict in (Verdict.APPROVED, Verdict.REJECTED):
        with pytest.raises(Refused, match=words):
            decide_here(flawed(BOB), verdict)
    with pytest.raises(Refused, match=words):
        decide_here(flawed(ALICE), Verdict.CANCELLED)


def test_a_colleague_may_ask() -> None:
    may_ask(ALICE, home_team="T1", channel_shared=False)


def test_in_a_shared_channel_nobody_asks_or_decides() -> None:
    with pytest.raises(Refused, match="shared with another organisation"):
        may_ask(ALICE, home_team="T1", channel_shared=True)
    with pytest.raises(Refused, match="shared with another organisation"):
        decide_here(BOB, Verdict.APPROVED, channel_shared=True)


def test_an_unknown_home_workspace_lets_nobody_through() -> None:
    nobody_of = Person(id="UBOB", team="")
    with pytest.raises(Refused, match="not known which workspace"):
        may_ask(nobody_of, home_team="", channel_shared=False)
    with pytest.raises(Refused, match="not known which workspace"):
        decide_here(nobody_of, Verdict.APPROVED, home_team="")


# --- the setting ---------------------------------------------------------------------


def test_approvers_are_read_from_the_setting() -> None:
    approvers = Approvers.parse(" U012AB, W9,S0NET ,U012AB,")
    assert approvers == Approvers(users=("U012AB", "W9"), groups=("S0NET",))


@pytest.mark.parametrize("bad", ["@alice", "u012ab", "C012AB", "<@U012AB>", "U", "U1 U2", "Ü1"])
def test_a_bad_approver_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match="is no ID") as wrong:
        Approvers.parse(f"U012AB,{bad}")
    assert repr(bad) in str(wrong.value)


@pytest.mark.parametrize("nothing", ["", " ", ",", " , ,"])
def test_no_approver_at_all_is_an_error(nothing: str) -> None:
    with pytest.raises(ValueError, match="names nobody"):
        Approvers.parse(nothing)


# --- is it enough --------------------------------------------------------------------


def decided(*decisions: tuple[Verdict, str]) -> Request:
    recorded = tuple(Decision(verdict=verdict, by=by, at=2.0) for verdict, by in decisions)
    return msgspec.structs.replace(REQUEST, decisions=recorded)


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
    ],
)
def test_anything_less_is_not_enough(request_: Request, words: str) -> None:
    with pytest.raises(Refused, match=words):
        approved_by(request_)


def test_without_a_requester_on_record_no_approval_counts() -> None:
    request = msgspec.structs.replace(decided((Verdict.APPROVED, BOB.id)), requester="")
    with pytest.raises(Refused, match="not on record"):
        approved_by(request)


# --- whatever the settings -----------------------------------------------------------

USERS = st.sampled_from(["UALICE", "UBOB", "WCAROL", ""])
GROUPS = st.sampled_from(["S1", "S2", "S3"])
TEAMS = st.sampled_from(["T1", "T2", ""])
APPROVERS = st.builds(
    Approvers, users=st.lists(USERS).map(tuple), groups=st.lists(GROUPS).map(tuple)
)
MEMBERS = st.dictionaries(GROUPS, st.frozensets(USERS))
FLAG = st.sampled_from([False, False, False, True])
PEOPLE = st.builds(Person, id=USERS, team=TEAMS, deleted=FLAG, bot=FLAG, guest=FLAG, stranger=FLAG)
SETTINGS = st.tuples(APPROVERS, MEMBERS)
PLACES = st.tuples(TEAMS, FLAG)
Settings = tuple[Approvers, dict[str, frozenset[str]]]
VERDICTS = st.sampled_from([Verdict.APPROVED, Verdict.REJECTED])


@given(PEOPLE, VERDICTS, SETTINGS, PLACES, USERS)
def test_whoever_is_let_through_is_a_known_second_person_and_an_approver(
    actor: Person, verdict: Verdict, settings: Settings, place: tuple[str, bool], requester: str
) -> None:
    (approvers, members), (home_team, shared) = settings, place
    request = msgspec.structs.replace(REQUEST, requester=requester)
    ask = partial(decide, request, actor, verdict, approvers=approvers, members=members)
    named = actor.id in approvers.users
    grouped = any(actor.id in members.get(group, ()) for group in approvers.groups)
    colleague = bool(actor.id) and bool(actor.team) and actor.team == home_team
    flawless = not (actor.deleted or actor.bot or actor.guest or actor.stranger)
    second = requester not in ("", actor.id)
    allowed = colleague and flawless and second and not shared and (named or grouped)
    assert let_through(partial(ask, home_team=home_team, channel_shared=shared)) == allowed


@given(VERDICTS, APPROVERS, MEMBERS)
def test_the_requester_is_never_let_through_whatever_the_settings(
    verdict: Verdict, approvers: Approvers, members: dict[str, frozenset[str]]
) -> None:
    ask = partial(decide_here, ALICE, verdict, approvers=approvers, members=members)
    assert not let_through(ask)


@given(PEOPLE, VERDICTS, MEMBERS)
def test_an_empty_set_of_approvers_lets_nobody_through(
    actor: Person, verdict: Verdict, members: dict[str, frozenset[str]]
) -> None:
    ask = partial(decide_here, actor, verdict, approvers=Approvers(), members=members)
    assert not let_through(ask)


@given(PEOPLE, st.sampled_from(Verdict), SETTINGS, GROUPS)
def test_knowing_less_never_lets_more_through(
    actor: Person, verdict: Verdict, settings: Settings, unread: str
) -> None:
    approvers, members = settings
    ask = partial(decide_here, verdict=verdict, approvers=approvers)
    for lost in (None, {"id": ""}, {"team": ""}):
        less = None if lost is None else msgspec.structs.replace(actor, **lost)
        assert not let_through(partial(ask, less, members=members))
    fewer = {group: users for group, users in members.items() if group != unread}
    if let_through(partial(ask, actor, members=fewer)):
        assert let_through(partial(ask, actor, members=members))


@given(st.lists(st.tuples(st.sampled_from(Verdict), USERS)))
def test_only_approvals_of_others_are_enough(decisions: list[tuple[Verdict, str]]) -> None:
    enough = bool(decisions) and all(
        verdict is Verdict.APPROVED and by not in ("", ALICE.id) for verdict, by in decisions
    )
    assert let_through(partial(approved_by, decided(*decisions))) == enough


@pytest.mark.parametrize("needed", [2, 3])
def test_fewer_approvals_than_the_terms_ask_for_are_not_enough(needed: int) -> None:
    one = decided((Verdict.APPROVED, BOB.id))
    twice = decided((Verdict.APPROVED, BOB.id), (Verdict.APPROVED, BOB.id))
    for request in (one, twice):
        with pytest.raises(Refused, match=f"Only 1 of {needed}"):
            approved_by(msgspec.structs.replace(request, terms=Terms(approvals=needed)))


@given(st.lists(st.sampled_from([ALICE.id, BOB.id, CAROL.id, "UDAVE"])), st.integers(1, 4))
def test_more_approvals_needed_never_lets_less_through(who: list[str], needed: int) -> None:
    request = decided(*((Verdict.APPROVED, one) for one in who))
    with_more = msgspec.structs.replace(request, terms=Terms(approvals=needed + 1))
    with_less = msgspec.structs.replace(request, terms=Terms(approvals=needed))
    if let_through(partial(approved_by, with_more)):
        assert let_through(partial(approved_by, with_less))
    if ALICE.id in who:
        assert not let_through(partial(approved_by, with_less)), "the requester never counts"


@pytest.mark.parametrize("typed", ["", "10.0.0.0", "10.0.0.0/8", "10.0.0.0/16x", "yes"])
def test_a_wide_prefix_has_to_be_typed_exactly(typed: str) -> None:
    wide = msgspec.structs.replace(REQUEST, terms=Terms(typed="10.0.0.0/16"))
    with pytest.raises(Refused, match="has to be typed"):
        confirmed(wide, typed)
    confirmed(wide, " 10.0.0.0/16")
    confirmed(REQUEST, typed)


def test_breaking_the_glass_is_no_approval() -> None:
    """No policy allows it yet, so what is recorded as such is never sent."""
    with pytest.raises(Refused):
        approved_by(decided((Verdict.BROKE_GLASS, ALICE.id)))
