"""What the thread of a request says, event by event."""

import pytest
from builders import (
    ABSENT,
    REFUSED,
    UPDATING,
    a_request,
    a_route,
    approved,
    decided,
    deleted,
    in_state,
    sent,
)
from hypothesis import given
from hypothesis import strategies as st
from reading import HOSTILE, mrkdwn

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import Event, EventKind, Failure, Request, RequestState, RouteState, Verdict
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.timeline import line

STAYS = "*The route stays, and its traffic goes on as before.*"
TWO = (a_route("10.0.0.0/24"), a_route("10.1.0.0/24"))


def thread(request: Request) -> list[str]:
    """The lines of the thread, without their times."""
    messages = [m for e in request.timeline if (m := line(request, e))]
    for _, blocks in messages:
        assert problems_in_blocks(blocks) == []
    return [text_of({"blocks": blocks}).split("  ", 1)[1] for _, blocks in messages]


def test_the_thread_of_an_ordinary_deletion() -> None:
    assert thread(deleted(approved())) == [
        "Approved by <@U0BOB>",
        "Sent to Alibaba Cloud\nrequest `9208DDD8-AAAA`",
        "Connection is updating",
        "Route gone, connection attached: deleted in 41 s",
    ]


def test_each_line_begins_with_its_time() -> None:
    request = approved()
    message = line(request, request.timeline[-1])
    assert message is not None
    assert text_of({"blocks": message[1]}).startswith("<!date^1100^{time_secs}|00:18:20 UTC>  ")
    assert message[0] == "Approved by <@U0BOB>"


def test_several_routes_are_told_apart() -> None:
    told = thread(deleted(deleted(approved(a_request(*TWO))), 1300.0))
    assert told[1].startswith("`10.0.0.0/24` · Sent to Alibaba Cloud")
    assert told[-1] == "`10.1.0.0/24` · Route gone, connection attached: deleted in 41 s"


@pytest.mark.parametrize(
    ("verdict", "by", "words"),
    [
        (
            Verdict.REJECTED,
            "U0BOB",
            f"Rejected by <@U0BOB>. Nothing was sent. {STAYS} <@U0ALICE>\n“not tonight”\nAsk again",
        ),
        (Verdict.CANCELLED, "U0ALICE", "Withdrawn by <@U0ALICE>\n“not tonight”"),
        (Verdict.CANCELLED, "", "Cancelled\n“not tonight”"),
    ],
)
def test_a_decision_is_told_with_its_reason(verdict: Verdict, by: str, words: str) -> None:
    request = lifecycle.record_decision(a_request(), decided(verdict, by, reason="not tonight"))
    assert thread(request) == [words]


def test_an_expiry_calls_the_requester() -> None:
    told = thread(in_state(RequestState.EXPIRED))
    assert told == [
        (f"Expired: too few approvals in time. Nothing was sent. {STAYS} <@U0ALICE>\nAsk again")
    ]


def test_drift_says_what_has_changed_and_calls_whoever_asked_and_approved() -> None:
    assert thread(in_state(RequestState.VOID))[-1] == (
        "Stopped before sending: what was approved has changed. The route is gone already. "
        "<@U0ALICE> <@U0BOB>\nAsk again"
    )
    approver_left = lifecycle.drift(approved(), 1101.0, "Bob has left.", untouched=True)
    assert f"Bob has left. {STAYS} <@U0ALICE>" in thread(approver_left)[-1]


def test_a_long_wait_is_one_line_whatever_was_tried_in_between() -> None:
    request = approved()
    for at in range(1102, 1112):
        request = route_change.wait(
            route_change.send(request, at), at, "Busy", "It is being configured."
        )
    assert thread(request)[1:] == ["Waiting: It is being configured."]


def test_a_wait_without_words_names_its_code() -> None:
    assert (
        thread(route_change.wait(sent(), 1103.0, "Throttling.User"))[-1]
        == "Waiting: Throttling.User"
    )


def test_a_lost_answer_and_the_repetition_with_the_same_token_are_told() -> None:
    request = route_change.send(route_change.lose(sent(), 1110.0, "ReadTimeout"), 1111.0)
    assert thread(request)[-2:] == [
        "No answer from Alibaba Cloud: it may have worked. Checking before anything is repeated.",
        "Sending again with the same token (attempt 2)",
    ]


def test_a_failure_says_what_it_means_what_to_do_and_what_support_wants_to_know() -> None:
    assert thread(in_state(RequestState.FAILED))[-1] == (
        "❌ *Not deleted*: RAM refused the deletion. Grant vpc:DeleteVcoRouteEntry to the bot. "
        f"{STAYS} <@U0ALICE>\n"
        "For a ticket: code `Forbidden.RAM` · Alibaba request `9208DDD8`\nAsk again"
    )


def test_a_failure_before_any_send_has_no_token_to_name() -> None:
    why = Failure(code="OutOfTime", meaning="Not ready in time.", next_step="Ask again.")
    request = route_change.end(approved(), 1700.0, RouteState.FAILED, why)
    assert thread(request)[-1] == (
        f"❌ *Not deleted*: Not ready in time. Ask again. {STAYS} <@U0ALICE>\n"
        "For a ticket: code `OutOfTime`\nAsk again"
    )


def test_unconfirmed_calls_the_requester_and_goes_on() -> None:
    told = thread(in_state(RequestState.UNCONFIRMED))[-1]
    assert told.startswith("⚠️ *Sent, not confirmed* within the time allowed. <@U0ALICE>")
    assert "The bot goes on checking.\nFor a ticket: Alibaba request `9208DDD8-AAAA`" in told


def test_what_was_proven_late_is_told() -> None:
    request = route_change.confirm(in_state(RequestState.UNCONFIRMED), 2000.0, 0)
    assert thread(request)[-1] == "Confirmed after all: route gone, connection attached"


def test_what_somebody_else_deleted_is_not_called_ours() -> None:
    request = route_change.end(sent(), 1104.0, RouteState.ALREADY_GONE, REFUSED)
    said, ids = thread(request)[-1].splitlines()
    assert said == "*Already gone*: there was no such route when it was sent. Nothing was deleted."
    assert ids.startswith("For a ticket: code ")


def test_routes_that_were_left_alone_are_named_at_the_end() -> None:
    second = sent(deleted(approved(a_request(*TWO, a_route("10.2.0.0/24")))), 1200.0)
    assert thread(route_change.end(second, 1201.0, RouteState.FAILED, REFUSED))[-1] == (
        "Stopped here: nothing was sent for `10.2.0.0/24`."
    )


def test_trouble_asks_for_attention() -> None:
    request = lifecycle.trouble(approved(), 1200.0, "the bot has stopped working on this")
    assert thread(request)[-1] == "Needs attention: the bot has stopped working on this <@U0ALICE>"


@pytest.mark.parametrize("kind", EventKind)
def test_no_kind_of_event_stops_the_thread(kind: EventKind) -> None:
    """Also one whose details an older version did not record."""
    request = in_state(RequestState.FAILED)
    line(request, Event(kind=kind, at=1200.0, by="U0BOB", route=a_route()))


@given(words=st.one_of(st.just(HOSTILE), st.text(max_size=300)))
def test_what_people_write_is_shown_and_never_interpreted(words: str) -> None:
    def said(reason: str) -> list[list[str]]:
        decision = decided(Verdict.REJECTED, reason=reason)
        request = lifecycle.record_decision(a_request(reason=reason), decision)
        return [mrkdwn(m) for e in request.timeline if (m := line(request, e))]

    assert said(words) == said("x")


@given(st.text(max_size=300))
def test_what_the_cloud_answers_is_escaped(words: str) -> None:
    why = Failure(code=words, meaning=words, next_step=words, alibaba_request_id=words)
    seen = route_change.observe(route_change.wait(sent(), 1103.0, words, words), 1104.0, UPDATING)
    request = route_change.end(
        route_change.observe(seen, 1105.0, ABSENT), 1106.0, RouteState.FAILED, why
    )
    request = lifecycle.trouble(request, 1107.0, words)
    messages = [m for e in request.timeline if (m := line(request, e))]
    ours = [
        t.replace("<@U0BOB>", "").replace("<@U0ALICE>", "").replace("<!date^", "")
        for m in messages
        for t in mrkdwn(m)
    ]
    assert not any("<" in text for text in ours)
