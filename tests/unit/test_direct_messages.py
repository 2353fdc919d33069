"""The direct message to an approver: it asks with buttons, and says when nobody waits any more."""

import pytest
from builders import (
    ALICE,
    BOB,
    CAROL,
    a_request,
    accepted,
    approved,
    decided,
    deleted,
    in_state,
    sent,
)
from msgspec.structs import replace
from reading import HOSTILE

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import Request, RequestState, Terms, Verdict, WaitCause
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import find_element, text_of
from bot.slack.messages.buttons import APPROVE, CANCEL, COUNTERSIGN, REJECT, STOP
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.direct import direct_message

LINK = "https://acme.slack.com/archives/C0NETOPS/p1"


def shown(request: Request, user: str = CAROL, link: str = LINK) -> str:
    said, blocks = direct_message(request, user, link)
    assert problems_in_blocks(blocks) == []
    assert said
    return text_of({"blocks": blocks})


def buttons(request: Request, user: str = CAROL) -> list[str]:
    blocks = direct_message(request, user, LINK)[1]
    return [a for a in (APPROVE, REJECT, CANCEL) if find_element(blocks, a)]


def test_it_asks_with_the_facts_of_the_card_and_its_two_deciding_buttons() -> None:
    request = a_request()
    on_card = text_of({"blocks": card(request, View(now=0.0))[1]}).replace("\nWithdraw", "")
    assert shown(request) == f"{on_card}\n<{LINK}|Card and thread>"
    assert buttons(request) == [APPROVE, REJECT]
    ours, theirs = direct_message(request, CAROL, LINK)[1], card(request, View(now=0.0))[1]
    for action in (APPROVE, REJECT):
        found, wanted = find_element(ours, action), find_element(theirs, action)
        assert found is not None
        assert wanted is not None
        assert found[1] == wanted[1]


def test_a_lock_screen_shows_what_is_wanted_and_until_when() -> None:
    said, _ = direct_message(a_request(), CAROL, LINK)
    line, asked = said.split(" · <@", 1)
    assert line == "🟠 Delete 10.0.0.0/24 · vco-p0w5112f"
    assert asked.startswith(f"{ALICE}> asks for your approval, until <!date^2800^")


@pytest.mark.parametrize("state", [s for s in RequestState if s is not RequestState.PENDING])
def test_whatever_was_decided_it_has_no_buttons_and_leads_to_the_card(state: RequestState) -> None:
    request = in_state(state, reason=HOSTILE[:200])
    assert buttons(request) == []
    assert f"<{LINK}|How it goes: card and thread>" in shown(request)


@pytest.mark.parametrize(
    ("verdict", "by", "words"),
    [
        (
            Verdict.APPROVED,
            BOB,
            "⚪ Decided: delete 10.0.0.0/24 · vco-p0w5112f\nApproved by <@U0BOB> <!date^1100^",
        ),
        (
            Verdict.REJECTED,
            BOB,
            "❌ Rejected: delete 10.0.0.0/24 · vco-p0w5112f\nRejected by <@U0BOB> <!date^1100^",
        ),
        (
            Verdict.CANCELLED,
            ALICE,
            "⚪ Withdrawn: delete 10.0.0.0/24 · vco-p0w5112f\nWithdrawn by <@U0ALICE> <!date^1100^",
        ),
        (
            Verdict.EXPIRED,
            "",
            "❌ Expired: delete 10.0.0.0/24 · vco-p0w5112f\nThe time was over <!date^2800^",
        ),
    ],
)
def test_it_says_what_was_decided_by_whom_and_when(verdict: Verdict, by: str, words: str) -> None:
    request = lifecycle.record_decision(a_request(), decided(verdict, by))
    assert shown(request).startswith(words)
    assert ("Nothing was sent." in shown(request)) is (verdict is not Verdict.APPROVED)


def test_a_reason_of_the_decision_stands_below_it() -> None:
    no = lifecycle.record_decision(a_request(), decided(Verdict.REJECTED, reason="not tonight"))
    assert "“not tonight”" in shown(no)


def test_what_comes_of_an_approval_is_told_by_the_card_alone() -> None:
    """So that each direct message is edited once, whatever happens afterwards."""
    assert shown(deleted()) == shown(approved()) == shown(in_state(RequestState.EXECUTING))


def test_what_was_void_or_stopped_after_an_approval_is_told_all_the_same() -> None:
    void = in_state(RequestState.VOID)
    assert shown(void).startswith("❌ Void: delete 10.0.0.0/24")
    assert "Nothing was sent: " in shown(void)


def test_what_is_held_up_can_be_stopped_from_there() -> None:
    busy = route_change.wait(sent(), 1104.0, "TaskConflict", "", WaitCause.BUSY)
    assert find_element(direct_message(busy, BOB, LINK)[1], STOP)
    assert shown(busy).startswith("⚪ ")
    assert not find_element(direct_message(approved(), BOB, LINK)[1], STOP)
    stopped = lifecycle.stop(busy, decided(Verdict.STOPPED, ALICE, at=1105.0))
    assert "Nothing was changed." in shown(stopped)


def test_whoever_has_approved_is_not_asked_again_and_the_others_are() -> None:
    terms = replace(Terms(approvers=a_request().terms.approvers), approvals=2)
    one = lifecycle.record_decision(a_request(terms=terms), decided(Verdict.APPROVED, BOB))
    assert buttons(one, BOB) == []
    assert shown(one, BOB).startswith(
        "⚪ Approved by you: delete 10.0.0.0/24 · vco-p0w5112f\n1 more approval is needed until"
    )
    assert buttons(one, CAROL) == [APPROVE, REJECT]
    assert "1 of 2 approvals" in shown(one, CAROL)


def broken_glass() -> Request:
    glass = replace(a_request().terms, countersign=7200.0)
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason="all of prod")
    return lifecycle.record_decision(a_request(terms=glass), alone)


def test_of_a_broken_glass_it_asks_for_the_countersignature_however_the_work_goes() -> None:
    glass = broken_glass()
    said = shown(glass)
    assert said.startswith("⚠️ Break-glass: delete 10.0.0.0/24 · vco-p0w5112f\n*<@U0ALICE> goes")
    assert "256 addresses lose their route" in said
    assert "“leaking prod prefix”" in said
    assert find_element(direct_message(glass, CAROL, LINK)[1], COUNTERSIGN)
    assert buttons(glass) == []
    # One message, and no edit before somebody has countersigned.
    assert shown(accepted(glass)) == shown(deleted(glass)) == said


def test_once_it_is_countersigned_it_says_by_whom_and_what_they_made_of_it() -> None:
    yes = decided(Verdict.COUNTERSIGNED, reason="seen, was right", at=1200.0)
    signed = lifecycle.countersign(deleted(broken_glass()), yes)
    line = "⚪ Countersigned: delete 10.0.0.0/24 · vco-p0w5112f"
    assert shown(signed).startswith(f"{line}\nCountersigned by <@U0BOB> <!date^1200^")
    assert "“seen, was right”" in shown(signed)
    assert not find_element(direct_message(signed, CAROL, LINK)[1], COUNTERSIGN)


def test_without_a_link_there_is_none() -> None:
    assert "Card and thread" not in shown(a_request(), link="(no link: message_not_found)")


def test_what_was_stopped_after_its_approval_says_by_whom() -> None:
    stopped = lifecycle.stop(approved(), decided(Verdict.STOPPED, ALICE, at=1101.0))
    assert shown(stopped).startswith("⚪ Stopped: delete 10.0.0.0/24 · vco-p0w5112f\nStopped by")
    assert f"<@{ALICE}>" in shown(stopped)
    assert "Nothing was sent." in shown(stopped)
