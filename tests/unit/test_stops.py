"""Stop: only where surely nothing was accepted, and what it and the waiting before it look like."""

from collections.abc import Callable

import pytest
from builders import (
    ALICE,
    BOB,
    CAROL,
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
from msgspec.structs import replace

from bot import lifecycle
from bot.errors import Refused
from bot.lifecycle import route_change
from bot.models import (
    EventKind,
    Operation,
    People,
    Request,
    RequestState,
    RouteState,
    Terms,
    Verdict,
    WaitCause,
)
from bot.policy import approved_by, authorize_on_record
from bot.sandbox.slack.messages import find_element, text_of
from bot.slack.messages.app_home import view
from bot.slack.messages.buttons import STOP
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.concerns import AppHomeData
from bot.slack.messages.first_line import first_line
from bot.slack.messages.mrkdwn import clock
from bot.slack.messages.replies import Row
from bot.slack.messages.stops import not_stopped
from bot.slack.messages.timeline import line
from bot.store import CardState

STOPPED = decided(Verdict.STOPPED, by=BOB, at=1200.0)
TWO = a_request(a_route(), a_route("10.0.1.0/24"))


def busy(request: Request | None = None) -> Request:
    return route_change.wait(
        sent(request), 1104.0, "TaskConflict", "Another change runs.", WaitCause.BUSY
    )


def lost() -> Request:
    return route_change.lose(sent(), 1104.0, "Network.TooSlow")


def first_deleted() -> Request:
    return deleted(approved(TWO))


def shown(request: Request, **more: float) -> str:
    return text_of({"blocks": card(request, View(now=1120.0, **more))[1]})  # type: ignore[arg-type] # its fields


def has_stop(request: Request) -> bool:
    return find_element(card(request, View(now=1120.0))[1], STOP) is not None


STEPS: tuple[Callable[[Request], Request], ...] = (
    lambda r: route_change.start(r, 1101.0),
    lambda r: route_change.send(r, 1102.0),
    lambda r: route_change.accept(r, 1103.0, "9208DDD8"),
    lambda r: route_change.wait(r, 1104.0, "TaskConflict", "", WaitCause.BUSY),
    lambda r: route_change.lose(r, 1105.0, "Lost"),
    route_change.watch,
    lambda r: route_change.observe(r, 1106.0, UPDATING),
    lambda r: route_change.end(r, 1107.0, RouteState.DELETED),
    lambda r: route_change.end(r, 1107.0, RouteState.UNCONFIRMED),
)


# --- the transition --------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [approved(), busy(), busy(approved(TWO))])
def test_what_was_not_accepted_is_stopped_once_and_nothing_more_happens_to_it(
    request_: Request,
) -> None:
    stopped = lifecycle.stop(request_, STOPPED)
    assert (stopped.state, stopped.ended_at) == (RequestState.CANCELLED, 1200.0)
    assert {r.state for r in stopped.routes} == {RouteState.QUEUED}
    assert stopped.timeline[-1].kind is EventKind.STOPPED
    assert stopped.timeline[-1].by == BOB
    assert lifecycle.stop(stopped, decided(Verdict.STOPPED, by=ALICE)) is stopped
    assert lifecycle.drift(stopped, 1201.0, "changed") is stopped
    for later in STEPS:
        assert later(stopped) is stopped
    with pytest.raises(Refused, match="stopped"):
        approved_by(stopped)


@pytest.mark.parametrize(
    "request_",
    [
        sent(),
        lost(),
        route_change.wait(lost(), 1105.0, "TaskConflict"),
        accepted(),
        first_deleted(),
        *(in_state(s) for s in RequestState if s is not RequestState.APPROVED),
    ],
)
def test_what_was_or_may_have_been_accepted_or_has_ended_is_not_stopped(request_: Request) -> None:
    assert lifecycle.stop(request_, STOPPED) is request_


@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_whatever_came_before_a_stop_works_exactly_where_a_give_up_would_be_certain(
    steps: list[Callable[[Request], Request]],
) -> None:
    request = approved(TWO)
    for step in steps:
        request = step(request)
    accepted_once = any(e.kind is EventKind.SENT for e in request.timeline)
    accepted_once = accepted_once or any(r.state.done for r in request.routes)
    unanswered = any(r.in_flight or r.outcome_unknown or r.state.watched for r in request.routes)
    stopped = lifecycle.stop(request, STOPPED)
    if accepted_once or unanswered or not request.state.open:
        assert stopped is request
    else:
        assert stopped.state is RequestState.CANCELLED


def test_drift_before_anything_was_accepted_voids_it_though_a_send_was_refused() -> None:
    void = lifecycle.drift(busy(), 1110.0, "A route is there that was not.")
    assert void.state is RequestState.VOID
    assert "Nothing was changed: A route is there that was not." in shown(void)
    failed = lifecycle.drift(first_deleted(), 1110.0, "A route is there that was not.")
    assert failed.state is RequestState.FAILED


# --- who may -----------------------------------------------------------------------------------


def test_who_asked_and_who_may_approve_may_stop_and_nobody_else() -> None:
    terms = Terms(approvers=People(users=(CAROL,), groups=("S0NETOPS",)))
    request = approved(a_request(terms=terms))

    def may(user: str, members: dict[str, frozenset[str]]) -> bool:
        try:
            authorize_on_record(request, user, Verdict.STOPPED, terms=terms, members=members)
        except Refused:
            return False
        return True

    group = {"S0NETOPS": frozenset({BOB})}
    assert [may(user, group) for user in (ALICE, BOB, CAROL, "U0DORA")] == [True, True, True, False]
    assert not may(BOB, {}), "a group that can't be read lets nobody in"


# --- what it looks like ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (WaitCause.BUSY, "vco-p0w5112f is busy"),
        (WaitCause.QUOTA, "the quota of changes in cn-hangzhou is used up for the moment"),
        (WaitCause.THROTTLED, "Alibaba Cloud takes no more calls in cn-hangzhou for the moment"),
        (WaitCause.UNREACHABLE, "Alibaba Cloud does not answer"),
        (WaitCause.SLACK, "Slack does not say whether the approvers are still there"),
        (WaitCause.REPLICAS, "the replicas of the database are behind"),
        (WaitCause.OTHER, "It can't be said"),
    ],
)
def test_what_waits_says_for_what_and_until_when_and_shows_no_bar(
    cause: WaitCause, words: str
) -> None:
    waits = route_change.wait(sent(), 1104.0, "Code", "It can't be said.", cause)
    said = shown(waits, until=1703.0)
    assert f"*Not started*: {words}. Trying until {clock(1703.0)}." in said
    assert "▱" not in said
    assert first_line(waits).startswith("⏳ Approved: delete 10.0.0.0/24")
    assert has_stop(waits)


def test_a_passing_state_of_the_connection_and_a_place_in_the_queue_are_named() -> None:
    state = route_change.wait(approved(), 1104.0, "connection updating", "It is updating.")
    assert "*Not started*: vco-p0w5112f is busy (updating)." in shown(state)
    assert "*Not started*: 1 request is ahead on vco-p0w5112f." in shown(approved(), ahead=1)
    assert "*Not started*: 3 requests are ahead on vco-p0w5112f." in shown(approved(), ahead=3)
    assert "*Not started yet*" in shown(approved())


def test_a_repeated_send_without_its_answer_does_not_make_the_card_flicker() -> None:
    again = route_change.send(busy(), 1110.0)
    assert shown(again) == shown(busy())
    assert has_stop(again)
    assert lifecycle.stop(again, STOPPED) is again, "the answer decides, not the card"


@pytest.mark.parametrize("request_", [sent(), lost(), accepted(), first_deleted()])
def test_where_something_may_have_been_accepted_there_is_no_stop(request_: Request) -> None:
    assert not has_stop(request_)


def test_the_second_route_waits_without_a_bar_and_without_a_stop() -> None:
    waits = busy(first_deleted())
    said = shown(waits, until=1703.0)
    assert f"*10.0.1.0/24 not started*: vco-p0w5112f is busy. Trying until {clock(1703.0)}" in said
    assert "`10.0.1.0/24` · waiting" in said
    assert not has_stop(waits)


def test_after_a_lost_answer_card_and_thread_say_the_same() -> None:
    seen = route_change.observe(lost(), 1105.0, UPDATING)
    waits = route_change.wait(seen, 1105.0, "connection updating", "The connection is updating.")
    assert "no answer from Alibaba Cloud, checking before anything is repeated, " in shown(waits)
    assert "connection is updating" in shown(waits)
    told = [line(waits, event) for event in waits.timeline]
    said = [message[0] for message in told if message]
    assert said[-1] == "Checking, for there was no answer: The connection is updating."
    assert not any(one.startswith("Waiting") for one in said)


def test_card_and_thread_say_who_stopped_it_and_mention_who_asked_where_it_was_another() -> None:
    stopped = lifecycle.stop(busy(), STOPPED)
    assert first_line(stopped).startswith("⚪ Stopped: delete 10.0.0.0/24")
    assert f"Stopped by <@{BOB}> {clock(1200.0)}" in shown(stopped)
    assert "Nothing was changed." in shown(stopped)
    told = line(stopped, stopped.timeline[-1])
    assert told is not None
    said = f"Stopped by <@{BOB}> before anything was accepted. Nothing was changed."
    stays = "*The route stays, and its traffic goes on as before.*"
    assert told[0] == f"{said} {stays} <@{ALICE}>"
    own = lifecycle.stop(approved(), decided(Verdict.STOPPED, by=ALICE))
    told = line(own, own.timeline[-1])
    assert told is not None
    assert told[0].endswith(f"Nothing was sent. {stays}")


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (a_request(), "Nothing to stop: it waits for an approval."),
        (sent(), "Too late to stop: it is on its way to Alibaba Cloud, and no answer has come yet"),
        (lost(), "Too late to stop: it was sent and no answer came, so it may be done already."),
        (accepted(), f"Too late to stop: Alibaba Cloud has accepted it {clock(1103.0)}."),
        (first_deleted(), "Too late to stop: `10.0.0.0/24` is deleted."),
        (in_state(RequestState.DELETED), f"Too late to stop: it ended {clock(1143.0)}."),
        (
            lifecycle.stop(approved(), STOPPED),
            f"<@{BOB}> has stopped this already, {clock(1200.0)}",
        ),
    ],
)
def test_a_stop_that_comes_too_late_is_told_why(request_: Request, why: str) -> None:
    assert not_stopped(request_, ALICE).startswith(why)


def test_what_can_be_undone_afterwards_is_offered_to_whoever_is_too_late() -> None:
    assert "*Restore* on its card undoes it afterwards." in not_stopped(accepted(), ALICE)
    back = accepted(approved(a_request(operation=Operation.RESTORE)))
    assert "*Delete again* on its card undoes it" in not_stopped(back, ALICE)


def test_app_home_offers_a_stop_to_who_asked_and_to_approvers() -> None:
    board = AppHomeData((Row(busy(), CardState()),), {"S0NETOPS": frozenset({BOB})})

    def offered(user: str, shown: AppHomeData) -> bool:
        return find_element(view(shown, user)["blocks"], STOP) is not None

    assert [offered(u, board) for u in (ALICE, BOB, CAROL, "U0DORA")] == [True, True, True, False]
    assert not offered(ALICE, board._replace(rows=(Row(accepted(), CardState()),)))
    unread = board._replace(members={})
    assert [offered(u, unread) for u in (ALICE, BOB)] == [True, False]


def test_a_stopped_request_keeps_its_token_and_says_in_the_receipt_that_it_was_not_changed() -> (
    None
):
    stopped = lifecycle.stop(busy(), STOPPED)
    assert stopped.routes[0].client_token
    assert replace(stopped.routes[0], state=RouteState.SENDING) == busy().routes[0]
