"""What people are told privately of their clicks and commands, and what forms ask and offer."""

import pytest
from builders import (
    ALICE,
    BOB,
    CAROL,
    a_request,
    a_route,
    a_snapshot,
    accepted,
    approved,
    decided,
    in_state,
    listed,
    live,
)
from msgspec.structs import replace

from bot import lifecycle
from bot.errors import CommandError, Offer, PreviewError, Unclear
from bot.models import Connection, Impact, Operation, People, Request, RequestState, Terms, Verdict
from bot.sandbox.slack.blocks import problems_in_view
from bot.sandbox.slack.messages import text_of
from bot.slack.forms.lookup import ConnectionRoutes
from bot.slack.forms.view import route_options
from bot.slack.messages.card_body import ending
from bot.slack.messages.decision_forms import reject_form
from bot.slack.messages.listing import routes
from bot.slack.messages.mrkdwn import clock
from bot.slack.messages.replies import Row, asked, choices, done, late, status
from bot.store import CardState

TWO = Terms(approvers=People(groups=("S0NETOPS",)), approvals=2, countersign=7200.0)
THREE = replace(TWO, approvals=3)
AT = clock(1100.0)
STOP = "It is in flight and can't be stopped any more; its thread says how it goes."


def approvals(terms: Terms, *people: str) -> Request:
    """A request that these people have approved, a minute apart."""
    request = a_request(terms=terms)
    for number, user in enumerate(people):
        yes = decided(Verdict.APPROVED, by=user, at=1100.0 + 60 * number)
        request = lifecycle.record_decision(request, yes)
    return request


def broken_glass() -> Request:
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason="all of prod")
    return lifecycle.record_decision(a_request(terms=TWO), alone)


# --- asking ----------------------------------------------------------------------------------


def test_who_breaks_the_glass_is_not_told_that_anybody_was_asked() -> None:
    assert asked(a_request(), CardState()).startswith("Asked for approval: 🟠 Delete ")
    assert asked(broken_glass(), CardState()).startswith(
        "Going ahead without an approval: ⏳ Break-glass"
    )


def test_a_choice_is_a_command_of_which_nothing_is_left_out() -> None:
    command = '/vco-route delete vco-a 10.0.0.0/8 --reason "down" --break-glass'
    _, row = choices(PreviewError("Which one?", choices=(command,)))
    assert row["accessory"]["value"] == command
    [_, offered] = choices(Unclear("Which one?", offers=(Offer(command, "the *office*"),)))
    assert offered["accessory"]["value"] == command
    assert "*" not in text_of(offered)
    [_, mended] = choices(CommandError("Unknown.", corrected=command))
    assert command in text_of(mended)
    assert choices(CommandError("Unknown.")) == []


def test_a_list_that_is_too_long_says_where_the_rest_is() -> None:
    some = [live(a_route(f"10.0.{n}.0/24")) for n in range(43)]
    text, _ = routes(a_snapshot(a_route()).connection, listed(some))
    said = text.splitlines()
    assert len(said) == 1 + 40 + 1
    assert said[-1] == "… and 3 more; the form of `/vco-route delete` searches them"


def test_who_let_a_request_expire_is_said_rightly() -> None:
    for request, who in ((a_request(terms=TWO), "Nobody"), (approvals(TWO, BOB), "Too few")):
        expired = lifecycle.record_decision(request, decided(Verdict.EXPIRED, by="", at=9e3))
        [section, *_] = ending(expired)
        assert section["text"]["text"].startswith(f"{who} approved in time. Nothing was sent")


# --- a click that comes late ---------------------------------------------------------------


def test_who_clicks_twice_is_told_when_they_approved_and_how_many_are_missing() -> None:
    one, two = approvals(THREE, BOB), approvals(THREE, BOB, CAROL)
    mine = f"You have approved this already, {AT}"
    assert late(one, BOB) == f"{mine}. 2 more approvals needed."
    assert late(two, BOB) == f"{mine}. 1 more approval needed."
    assert (
        late(two, CAROL)
        == f"You have approved this already, {clock(1160.0)}. 1 more approval needed."
    )
    assert late(approvals(TWO, BOB, CAROL), BOB).startswith(mine)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (approved(), "It has not started yet: *Stop* on its card stops it."),
        (accepted(), f"{STOP} *Restore* on its card undoes it afterwards."),
    ],
    ids=["approved", "executing"],
)
def test_who_comes_too_late_hears_whether_it_can_be_stopped_still(
    request_: Request, said: str
) -> None:
    assert late(request_, ALICE) == f"Already approved by <@{BOB}> {AT}. {said}"
    assert late(request_, BOB) == f"You have approved this already, {AT}. {said}"


def test_what_can_not_be_undone_here_is_not_promised_to_be() -> None:
    back = accepted(approved(a_request(operation=Operation.RESTORE)))
    assert "*Delete again* on its card undoes it afterwards." in late(back, ALICE)
    never = Impact(route=a_route(), carries=("10.0.0.0/24",), not_restorable="Never again.")
    lost = accepted(approved(a_request(snapshot=a_snapshot(a_route(), impacts=(never,)))))
    assert late(lost, ALICE).endswith(STOP)


def test_whoever_went_ahead_alone_is_named_in_words() -> None:
    glass = broken_glass()
    assert late(glass, ALICE).startswith(f"You used break-glass {clock(1000.0)}. It has not")
    assert late(glass, BOB).startswith(f"<@{ALICE}> used break-glass {clock(1000.0)}")
    signed = lifecycle.countersign(glass, decided(Verdict.COUNTERSIGNED, at=1200.0))
    assert late(signed, ALICE).startswith("You used break-glass")
    enough = "One countersignature is enough."
    assert late(signed, BOB) == f"You have countersigned this already, {clock(1200.0)}. {enough}"
    assert late(signed, CAROL) == f"Already countersigned by <@{BOB}> {clock(1200.0)}. {enough}"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RequestState.REJECTED, f"Already rejected by <@{BOB}> {AT}. Nothing was sent."),
        (RequestState.CANCELLED, f"Already withdrawn by <@{BOB}> {AT}. Nothing was sent."),
        (
            RequestState.EXPIRED,
            f"the request expired {clock(2800.0)}. Nothing was sent; ask again.",
        ),
        (RequestState.VOID, "It is void. Nothing was sent: The route is gone already."),
        (RequestState.FAILED, "It has ended since: ❌ Not deleted: 10.0.0.0/24 ·"),
        (RequestState.UNCONFIRMED, "It has ended since: ⚠️ Sent, not confirmed: delete 10.0.0.0/24"),
        (RequestState.DELETED, "It has ended since: ✅ Deleted 10.0.0.0/24 ·"),
        (RequestState.RESTORED, "It has ended since: ✅ Restored 10.0.0.0/24 ·"),
    ],
)
def test_a_click_on_what_is_over_is_told_how_it_ended(state: RequestState, words: str) -> None:
    assert words in late(in_state(state), CAROL)


def test_whoever_approved_what_another_rejected_is_told_who_rejected_it() -> None:
    no = decided(Verdict.REJECTED, by=CAROL, at=1200.0)
    rejected = lifecycle.record_decision(approvals(TWO, BOB), no)
    assert late(rejected, BOB).startswith(f"Already rejected by <@{CAROL}> {clock(1200.0)}")
    by_the_bot = lifecycle.record_decision(a_request(), decided(Verdict.CANCELLED, by=""))
    assert late(by_the_bot, BOB).startswith("Already cancelled by the bot")


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("user", [ALICE, BOB, CAROL])
def test_no_late_click_is_told_what_the_record_calls_things(state: RequestState, user: str) -> None:
    """Nor what does not read as a sentence."""
    said = late(in_state(state), user)
    assert "_" not in said
    assert said.endswith(".")
    assert ".." not in said


def test_one_more_approval_is_needed_and_two_are() -> None:
    assert done(approvals(TWO, BOB)) == "Approved. 1 more approval needed."
    assert done(approvals(THREE, BOB)) == "Approved. 2 more approvals needed."
    assert done(approved()) == ""


# --- status ---------------------------------------------------------------------------------


def test_the_list_begins_with_what_is_in_flight_and_with_the_newest() -> None:
    found = {
        "r-old": in_state(RequestState.PENDING),
        "r-new": in_state(RequestState.PENDING),
        "r-approved": in_state(RequestState.APPROVED),
        "r-flying": in_state(RequestState.EXECUTING),
    }
    rows = [
        Row(replace(request, id=id_, created_at=1000.0 + n), CardState())
        for n, (id_, request) in enumerate(found.items())
    ]
    order = [line.rsplit("`", 2)[1] for line in status(rows).splitlines()]
    assert order == ["r-flying", "r-approved", "r-new", "r-old"]


def test_what_is_in_flight_is_not_among_those_that_are_only_counted() -> None:
    many = [
        Row(replace(a_request(), id=f"r-{n}", created_at=2000.0 + n), CardState())
        for n in range(50)
    ]
    said = status([*many, Row(replace(accepted(), id="r-flying"), CardState())])
    assert said.splitlines()[0].endswith("`r-flying`")
    assert said.splitlines()[-1] == "… and 11 more"


# --- forms ----------------------------------------------------------------------------------


def test_the_form_that_asks_why_fits_a_deletion_and_a_restoration() -> None:
    for request, title in (
        (a_request(), "Reject deletion"),
        (a_request(operation=Operation.RESTORE), "Reject restoration"),
    ):
        form = reject_form(request)
        assert problems_in_view(form) == []
        assert form["title"]["text"] == title
        assert "Why should this not be done?" in text_of(form)
        assert "10.0.0.0/24" in text_of(form)
        assert "leaking prod prefix" in text_of(form)


def test_a_route_that_is_no_block_hides_no_other_from_whoever_types_an_address() -> None:
    odd = live(replace(a_route(), route_dest="default"))
    connection = Connection(
        vpn_connection_id="vco-p0w5112f", region="cn-hangzhou", state="attached"
    )
    seen = ConnectionRoutes(connection, listed([odd, live(a_route("10.0.0.0/8"))]))
    assert [o["value"] for o in route_options(seen, "10.8.5.1")] == ["10.0.0.0/8|100"]
    assert [o["value"] for o in route_options(seen, "def")] == ["default|100"]
