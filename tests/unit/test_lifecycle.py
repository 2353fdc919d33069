"""The life of a request and of its routes: pure transitions, one row for each.

`builders` brings a request to where a test begins.
"""

from collections.abc import Callable

import pytest
from builders import (
    ABSENT,
    ALICE,
    BOB,
    CAROL,
    PRESENT,
    REFUSED,
    UPDATING,
    a_request,
    a_route,
    accepted,
    approved,
    decided,
    deleted,
    in_state,
    sent,
)
from hypothesis import given
from hypothesis import strategies as st

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import (
    Event,
    EventKind,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    Verdict,
)

Transition = Callable[[Request], Request]

THREE = (a_route("10.0.0.0/24"), a_route("10.1.0.0/24"), a_route("10.2.0.0/24"))


def kinds(request: Request) -> list[EventKind]:
    return [event.kind for event in request.timeline]


# --- decisions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state", "ended_at"),
    [
        (Verdict.APPROVED, RequestState.APPROVED, 0.0),
        (Verdict.REJECTED, RequestState.REJECTED, 1100.0),
        (Verdict.EXPIRED, RequestState.EXPIRED, 1100.0),
        (Verdict.CANCELLED, RequestState.CANCELLED, 1100.0),
    ],
)
def test_a_pending_request_is_decided(
    verdict: Verdict, state: RequestState, ended_at: float
) -> None:
    decision = decided(verdict, reason="because")
    request = lifecycle.record_decision(a_request(), decision)
    assert (request.state, request.ended_at) == (state, ended_at)
    assert request.decisions == (decision,)
    assert request.timeline[-1] == Event(
        kind=EventKind(verdict.value), at=1100.0, by=BOB, details={"reason": "because"}
    )


@given(
    state=st.sampled_from([s for s in RequestState if s is not RequestState.PENDING]),
    verdict=st.sampled_from(Verdict),
    by=st.sampled_from([ALICE, BOB, CAROL, ""]),
)
def test_what_was_decided_is_never_decided_again(
    state: RequestState, verdict: Verdict, by: str
) -> None:
    request = in_state(state)
    assert lifecycle.record_decision(request, decided(verdict, by=by, at=9000.0)) is request


def test_the_same_delivery_asked_twice_is_the_same_request() -> None:
    assert lifecycle.request_id("delivery 1") == lifecycle.request_id("delivery 1")
    assert lifecycle.request_id("delivery 1") != lifecycle.request_id("delivery 2")


# --- every transition, twice ---------------------------------------------------------


def end(state: RouteState) -> Transition:
    failure = REFUSED if state is RouteState.FAILED else None
    return lambda r: route_change.end(r, 1200.0, state, failure)


ONCE: dict[str, Transition] = {
    "approve": lambda r: lifecycle.record_decision(r, decided(Verdict.APPROVED)),
    "reject": lambda r: lifecycle.record_decision(r, decided(Verdict.REJECTED)),
    "expire": lambda r: lifecycle.record_decision(r, decided(Verdict.EXPIRED, by="")),
    "drift": lambda r: lifecycle.drift(r, 1200.0, "It is gone."),
    "trouble": lambda r: lifecycle.trouble(r, 1200.0, "stuck"),
    "start": lambda r: route_change.start(r, 1200.0),
    "send": lambda r: route_change.send(r, 1200.0),
    "accept": lambda r: route_change.accept(r, 1200.0, "AAAA-1"),
    "watch": route_change.watch,
    "lose": lambda r: route_change.lose(r, 1200.0, "ReadTimeout"),
    "end deleted": end(RouteState.DELETED),
    "end already gone": end(RouteState.ALREADY_GONE),
    "end failed": end(RouteState.FAILED),
    "end unconfirmed": end(RouteState.UNCONFIRMED),
    "confirm": lambda r: route_change.confirm(r, 1200.0, 0),
}
"""All transitions but `wait`, `observe` and `observe_unconfirmed`, which count."""

CAME_TO: list[Transition] = [
    lambda r: r,
    approved,
    lambda r: sent(approved(r)),
    lambda r: accepted(approved(r)),
    lambda r: deleted(approved(r)),
]
"""Where requests begin, so that every transition is met where it applies."""


@pytest.mark.parametrize("name", ONCE)
@given(data=st.data())
def test_applying_a_transition_twice_is_applying_it_once(name: str, data: st.DataObject) -> None:
    """Wherever a request of one to three routes has come by other transitions."""
    request = a_request(*THREE[: data.draw(st.integers(1, 3))])
    request = data.draw(st.sampled_from(CAME_TO))(request)
    for step in data.draw(st.lists(st.sampled_from(sorted(ONCE)), max_size=4)):
        request = ONCE[step](request)
    once = ONCE[name](request)
    assert ONCE[name](once) is once


@pytest.mark.parametrize("name", [n for n in ONCE if n not in ("approve", "trouble")])
def test_nothing_begins_before_the_approval(name: str) -> None:
    """Whatever is applied to a pending request, it is decided or stays as it is."""
    request = ONCE[name](a_request())
    assert request.state in {RequestState.PENDING, RequestState.REJECTED, RequestState.EXPIRED}
    assert request.routes == a_request().routes


@given(st.lists(st.sampled_from(sorted(ONCE)), max_size=15))
def test_a_request_that_has_ended_is_only_ever_confirmed(steps: list[str]) -> None:
    request = a_request(*THREE)
    for step in steps:
        before, request = request, ONCE[step](request)
        if not before.state.open and step not in ("trouble", "confirm"):
            assert request is before
        if before.state.open:
            assert request.state.open == (request.ended_at == 0.0)


# --- one route -----------------------------------------------------------------------


def test_the_token_follows_from_the_request_and_the_route_alone() -> None:
    token = route_change.client_token("r-1", a_route())
    assert token == route_change.client_token("r-1", a_route())
    assert len({token, route_change.client_token("r-2", a_route())}) == 2


@given(
    st.text(max_size=80),
)
def test_a_token_is_short_ascii_and_distinct_for_each_route(
    id: str,  # noqa: A002 - the field's name
) -> None:
    tokens = {route_change.client_token(id, r) for r in THREE}
    assert len(tokens) == len(THREE)
    assert all(t.isascii() and len(t) <= 64 for t in tokens)


def test_the_token_is_stored_before_the_send_and_kept_for_every_other_one() -> None:
    first = route_change.send(approved(), 1102.0)
    route = first.routes[0]
    assert first.state is RequestState.EXECUTING
    assert route.client_token == route_change.client_token(first.id, route.route)
    assert (route.state, route.in_flight, route.sends) == (RouteState.SENDING, True, 1)
    again = route_change.send(route_change.lose(first, 1110.0, "ReadTimeout"), 1111.0).routes[0]
    assert (again.client_token, again.sends) == (route.client_token, 2)
    assert again.first_sent_at == 1102.0


def test_a_lost_answer_is_remembered_until_the_end() -> None:
    lost = route_change.lose(sent(), 1110.0, "ReadTimeout")
    answered = route_change.accept(route_change.send(lost, 1111.0), 1112.0, "AAAA-1")
    assert answered.routes[0].outcome_unknown
    assert answered.routes[0].state is RouteState.DELETING


def test_an_answer_is_lost_once() -> None:
    lost = route_change.lose(sent(), 1110.0, "ReadTimeout")
    assert route_change.lose(lost, 1111.0, "WorkerStopped") is lost


def test_the_deadline_counts_from_when_work_began() -> None:
    started = route_change.start(approved(), 1101.0)
    assert route_change.start(started, 1150.0).routes[0].started_at == 1101.0


def test_being_busy_for_long_is_told_once_for_each_cause() -> None:
    request = approved()
    for at, code in enumerate(["Busy", "Busy", "Busy", "Throttled", "Busy"], start=1102):
        request = route_change.wait(route_change.send(request, at), at, code, f"{code}.")
    told = [e.details["code"] for e in request.timeline if e.kind is EventKind.WAITING]
    assert told == ["Busy", "Throttled", "Busy"]
    assert request.routes[0].waits == 5
    assert not request.routes[0].in_flight


def test_updating_is_told_the_first_time_it_is_seen() -> None:
    request = accepted()
    for at, seen in enumerate([PRESENT, UPDATING, UPDATING, ABSENT], start=1104):
        request = route_change.observe(request, at, seen)
    assert kinds(request).count(EventKind.UPDATING) == 1
    assert request.routes[0].watch.polls == 4
    assert request.routes[0].watch.settled_reads == 1


def test_a_route_that_was_never_sent_cannot_end_as_deleted() -> None:
    for request in (approved(), sent(), deleted(approved(a_request(*THREE)))):
        assert route_change.end(request, 1200.0, RouteState.DELETED) is request


@pytest.mark.parametrize(
    "transition",
    [
        lambda r: route_change.start(r, 9.0),
        lambda r: route_change.send(r, 9.0),
        lambda r: route_change.accept(r, 9.0, "A"),
        route_change.watch,
        lambda r: route_change.wait(r, 9.0, "Busy"),
        lambda r: route_change.lose(r, 9.0, "ReadTimeout"),
        lambda r: route_change.observe(r, 9.0, ABSENT),
        lambda r: route_change.end(r, 9.0, RouteState.FAILED),
    ],
)
def test_nothing_happens_to_a_request_whose_routes_have_all_ended(transition: Transition) -> None:
    request = in_state(RequestState.DELETED)
    assert transition(request) is request


# --- several routes ------------------------------------------------------------------


def test_routes_go_one_after_another() -> None:
    request = approved(a_request(*THREE))
    for n in range(3):
        assert request.current == n
        assert request.state.open
        request = deleted(request, at=1200.0 + 100 * n)
    assert (request.state, request.ended_at) == (RequestState.DELETED, 1400.0)
    assert len({r.client_token for r in request.routes}) == 3
    assert kinds(request)[-2:] == [EventKind.ROUTE_ENDED, EventKind.ENDED]


@pytest.mark.parametrize(
    ("how", "state"),
    [
        (RouteState.FAILED, RequestState.FAILED),
        (RouteState.ALREADY_GONE, RequestState.FAILED),
        (RouteState.UNCONFIRMED, RequestState.UNCONFIRMED),
    ],
)
def test_a_request_stops_at_the_first_route_that_is_not_deleted(
    how: RouteState, state: RequestState
) -> None:
    second = accepted(deleted(approved(a_request(*THREE))), 1200.0)
    request = route_change.end(second, 1210.0, how, REFUSED)
    assert request.state is state
    assert [r.state for r in request.routes] == [RouteState.DELETED, how, RouteState.FAILED]
    assert request.routes[2].failure == route_change.NOT_SENT
    assert request.routes[2].client_token == ""


@pytest.mark.parametrize(
    ("routes", "outcome"),
    [
        (["deleted"], RequestState.DELETED),
        (["deleted", "deleted"], RequestState.DELETED),
        (["failed"], RequestState.FAILED),
        (["already_gone"], RequestState.FAILED),
        (["deleted", "failed"], RequestState.FAILED),
        (["deleted", "already_gone"], RequestState.FAILED),
        (["unconfirmed"], RequestState.UNCONFIRMED),
        (["deleted", "unconfirmed"], RequestState.UNCONFIRMED),
        (["unconfirmed", "failed"], RequestState.UNCONFIRMED),
    ],
)
def test_the_least_certain_route_names_the_outcome(
    routes: list[str], outcome: RequestState
) -> None:
    ended = [RouteChange(route=a_route(), state=RouteState(s)) for s in routes]
    assert route_change.outcome(ended) is outcome


# --- drift, trouble, and what is found out later -------------------------------------


def test_drift_voids_an_approval_before_anything_was_sent() -> None:
    request = lifecycle.drift(route_change.start(approved(), 1101.0), 1102.0, "It is gone.")
    assert (request.state, request.why) == (RequestState.VOID, "It is gone.")
    assert kinds(request)[-1] is EventKind.DRIFTED
    assert not request.routes[0].client_token


def test_drift_between_two_routes_fails_the_rest_and_keeps_what_is_done() -> None:
    request = lifecycle.drift(deleted(approved(a_request(*THREE))), 1300.0, "It changed.")
    assert request.state is RequestState.FAILED
    assert [r.state for r in request.routes] == [
        RouteState.DELETED,
        RouteState.FAILED,
        RouteState.FAILED,
    ]
    failure = request.routes[1].failure
    assert failure is not None
    assert (failure.code, failure.meaning) == ("Drift", "It changed.")


def test_trouble_is_noted_once_for_each_cause() -> None:
    request = lifecycle.trouble(in_state(RequestState.UNCONFIRMED), 1800.0, "stuck")
    assert lifecycle.trouble(request, 1900.0, "stuck") is request
    assert kinds(lifecycle.trouble(request, 1900.0, "lost"))[-2:] == [EventKind.TROUBLE] * 2


def test_what_was_unconfirmed_can_be_proven_later() -> None:
    request = in_state(RequestState.UNCONFIRMED)
    for _ in range(3):
        request = route_change.observe_unconfirmed(request, 1200.0, 0, ABSENT)
    assert request.state is RequestState.UNCONFIRMED, "looking alone decides nothing"
    request = route_change.confirm(request, 2000.0, 0)
    assert (request.state, request.ended_at) == (RequestState.DELETED, 2000.0)
    assert kinds(request)[-1] is EventKind.RECONCILED


def test_proving_one_route_later_does_not_claim_those_that_were_never_sent() -> None:
    request = route_change.end(
        accepted(approved(a_request(*THREE))), 1703.0, RouteState.UNCONFIRMED
    )
    assert route_change.confirm(request, 2000.0, 0).state is RequestState.FAILED
