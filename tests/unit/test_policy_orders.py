"""Several approvers, replicas whose policies differ and change: what is let through is enough.

A request's life until it is decided, as a list of clicks. Each is judged by the policy of the
replica that it reaches, and recorded as `bot.approval` records it. Whatever the order, a request
that comes to be approved meets what was asked for when it was made, and what is asked for at the
last click.
"""

from itertools import combinations
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policies import ALICE, BOB, CAROL, DAVE, REQUEST

from bot import lifecycle
from bot.errors import Refused
from bot.models import Decision, People, Request, RequestState, Terms, Verdict
from bot.policy import Who, approved_by, authorize_verdict, still_stands, tightened

EVERYBODY = {person.id: person for person in (ALICE, BOB, CAROL, DAVE)}
BLOCK = "10.0.0.0/24"


class Click(NamedTuple):
    """Somebody approves, having typed something, by a policy, while one of them has left."""

    user: str
    typed: str
    now: Terms
    ask: Who
    gone: str


USERS = st.sampled_from(list(EVERYBODY))
MOST = st.sampled_from([*[tuple(EVERYBODY)] * 6, *combinations(EVERYBODY, 3)])
TERMS = st.builds(
    Terms,
    approvers=st.builds(People, users=MOST),
    approvals=st.sampled_from([2, 2, 2, 1, 3]),
    typed=st.sampled_from(["", "", BLOCK]),
    self_approval=st.booleans(),
)
CLICKS = st.builds(
    Click,
    user=USERS,
    typed=st.sampled_from(["", BLOCK]),
    now=TERMS,
    ask=st.builds(Who, people=st.builds(People, users=MOST)),
    gone=st.sampled_from([*[""] * 6, *EVERYBODY]),
)


def clicked(request: Request, click: Click) -> Request:
    """The request after a click, as `bot.approval.decide` goes about it."""
    people = {user: person for user, person in EVERYBODY.items() if user != click.gone}
    request = lifecycle.demand(request, tightened(request.terms, click.now), at=1.0)
    try:
        authorize_verdict(
            request,
            people.get(click.user),
            Verdict.APPROVED,
            terms=click.now,
            members={},
            home_team="T1",
            channel_shared=False,
            typed=click.typed,
        )
        still_stands(request, click.ask, people=people, members={}, home_team="T1")
    except Refused:
        return request
    mine = Decision(verdict=Verdict.APPROVED, by=click.user, at=1.0)
    return lifecycle.record_decision(request, mine, tightened(request.terms, click.now))


@given(TERMS, st.lists(CLICKS, min_size=2, max_size=5))
def test_whatever_the_order_of_clicks_and_policies_an_approved_request_has_enough_approvals(
    asked: Terms, clicks: list[Click]
) -> None:
    request, counted = replace(REQUEST, terms=asked), []
    for click in clicks:
        before, request = request, clicked(request, click)
        never_needs_less(before, request)
        if len(request.approvers) > len(before.approvers):
            counted.append(click)
        if request.state is RequestState.APPROVED:
            enough(request, asked, counted)
            return


def never_needs_less(before: Request, after: Request) -> None:
    """The terms on record only ever become stricter."""
    old, new = before.terms, after.terms
    assert new.approvals >= old.approvals
    assert new.typed or not old.typed
    assert old.self_approval or not new.self_approval
    assert set(new.approvers.users) <= set(old.approvers.users)


def enough(request: Request, asked: Terms, counted: list[Click]) -> None:
    """What an approved request has to meet."""
    last = counted[-1]
    approvers = [click.user for click in counted]
    assert len(set(approvers)) == len(approvers)
    assert approved_by(request) == tuple(approvers)
    assert last.ask.include(ALICE.id, {})
    assert last.gone not in (*approvers, ALICE.id)
    for terms in (asked, last.now):
        assert len(approvers) >= terms.approvals
        assert set(approvers) <= set(terms.approvers.users)
        assert terms.self_approval or ALICE.id not in approvers
        assert not terms.typed or all(click.typed for click in counted)
