"""What stands where in an App Home, and that Slack takes it, whatever it is about."""

from typing import Any

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
    deleted,
    in_state,
    live,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reading import HOSTILE, mrkdwn, objects

from bot import lifecycle
from bot.models import (
    Decision,
    Impact,
    Members,
    People,
    Request,
    RequestState,
    Terms,
    Verdict,
)
from bot.sandbox.slack.arguments import checked_view
from bot.sandbox.slack.blocks import problems_in_view
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.app_home import view
from bot.slack.messages.buttons import (
    AGAIN,
    APPROVE,
    CANCEL,
    COUNTERSIGN,
    NEW,
    REJECT,
    RESTORE,
)
from bot.slack.messages.concerns import MOST_ENDED, MOST_MINE, AppHomeData, places
from bot.slack.messages.replies import Row
from bot.store import CardState

DORA = "U0DORA"
LINK = "https://acme.slack.com/archives/C0NETOPS/p1000"
MEMBERS = {"S0NETOPS": frozenset({BOB, DORA})}
NETOPS = People(users=(CAROL,), groups=("S0NETOPS",))
GLASS = Terms(approvers=NETOPS, countersign=7200.0)
PARTS = ["Waits for you", "In flight", "Waits for others", "You asked for", "Recent outcomes"]


def row(request: Request) -> Row:
    return Row(request, CardState(link=LINK))


def home(
    *requests: Request | Row,
    user: str = BOB,
    members: Members = MEMBERS,
    unreadable: tuple[str, ...] = (),
) -> dict[str, Any]:
    rows = tuple(r if isinstance(r, Row) else row(r) for r in requests)
    return view(AppHomeData(rows, members, unreadable), user)


def parts(page: dict[str, Any]) -> dict[str, str]:
    """What stands under each header of a Home."""
    found: dict[str, str] = {}
    title = "top"
    for block in page["blocks"]:
        if block["type"] == "header":
            title = block["text"]["text"]
            found[title] = ""
        elif block["type"] != "divider":
            title = "end" if "How to ask" in text_of(block) else title
            found[title] = found.get(title, "") + text_of(block) + "\n"
    return {name: said.strip() for name, said in found.items()}


def buttons(page: dict[str, Any]) -> list[str]:
    found = [o["action_id"] for o in objects(page["blocks"]) if o.get("type") == "button"]
    return [action for action in found if action != NEW]


def broken_glass() -> Request:
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason="all of prod")
    return lifecycle.record_decision(a_request(terms=GLASS), alone)


# --- what stands where ---------------------------------------------------------------


def test_an_empty_home_says_so_and_how_to_begin() -> None:
    page = home()
    said = parts(page)
    assert [said[name] for name in PARTS if name in said] == ["Nothing."] * 4
    assert "Waits for others" not in said
    assert "`/vco-route delete office-shanghai 192.168.10.0/24" in said["end"]
    assert page["blocks"][0]["elements"][0]["style"] == "primary"
    assert page["blocks"][0]["elements"][0]["action_id"] == NEW
    assert page["blocks"][1]["text"]["text"] == "Waits for you"


def test_what_waits_says_what_follows_who_asks_and_why_with_the_buttons_of_the_card() -> None:
    over = live(a_route("10.0.0.0/16"))
    impact = Impact(route=a_route(), carries=("10.0.0.0/24",), takers=(over,))
    page = home(a_request(snapshot=a_snapshot(a_route(), impacts=(impact,))))
    asked_at = "<!date^1000^{date_short_pretty} {time}|1970-01-01 00:16 UTC>"
    until = "<!date^2800^{date_short_pretty} {time}|1970-01-01 00:46 UTC>"
    assert parts(page)["Waits for you"].splitlines() == [
        f"*<{LINK}|🟠 Delete 10.0.0.0/24 · vco-p0w5112f>*",
        "256 addresses stay on this connection: `10.0.0.0/16` covers them.",
        f"Asked by <@{ALICE}> {asked_at} · expires {until} · `r-abcdefghij`",
        "“leaking prod prefix”",
        "Approve and delete now",
        "Reject",
    ]
    approve = next(o for o in objects(page["blocks"]) if o.get("action_id") == APPROVE)
    assert approve["value"] == "r-abcdefghij"
    assert "nothing" not in approve["confirm"]["text"]["text"]
    assert "10.0.0.0/16 covers them." in approve["confirm"]["text"]["text"]


def test_of_several_routes_what_is_bad_about_them_is_said() -> None:
    routes = [a_route(f"10.{n}.0.0/24") for n in range(3)]
    impacts = (
        Impact(route=routes[0], carries=("10.0.0.0/24",), not_restorable="Never again."),
        Impact(route=routes[1], carries=("10.1.0.0/24",)),
        Impact(route=routes[2]),
    )
    said = parts(home(a_request(*routes, snapshot=a_snapshot(*routes, impacts=impacts))))
    waiting = said["Waits for you"]
    assert "`10.0.0.0/24`, `10.1.0.0/24`, `10.2.0.0/24`" in waiting
    assert "⛔ *Nothing on this connection covers 2 of them any more.*" in waiting
    assert "⚠️ 1 of them can't be restored." in waiting


@pytest.mark.parametrize(
    ("user", "part", "clickable"),
    [
        (BOB, "Waits for you", [APPROVE, REJECT]),
        (CAROL, "Waits for you", [APPROVE, REJECT]),
        (ALICE, "You asked for", [CANCEL]),
        ("U0NOBODY", "Waits for others", []),
    ],
    ids=["in the group", "named", "requester", "somebody else"],
)
def test_a_pending_request_stands_where_it_matters(
    user: str, part: str, clickable: list[str]
) -> None:
    page = home(a_request(), user=user)
    assert "Delete 10.0.0.0/24" in parts(page)[part]
    assert text_of(page).count("Delete 10.0.0.0/24") == 1
    assert buttons(page) == clickable


def test_it_waits_for_the_requester_only_where_the_rule_says_so() -> None:
    alone = Terms(approvers=People(users=(ALICE,)))
    assert buttons(home(a_request(terms=alone), user=ALICE)) == [CANCEL]
    lax = replace(alone, self_approval=True)
    assert buttons(home(a_request(terms=lax), user=ALICE)) == [APPROVE, REJECT, CANCEL]


def test_who_has_approved_already_waits_for_the_others() -> None:
    two = a_request(terms=Terms(approvers=NETOPS, approvals=2))
    once = lifecycle.record_decision(two, decided(Verdict.APPROVED, by=BOB))
    for_bob = parts(home(once, user=BOB))
    assert for_bob["Waits for you"] == "Nothing."
    assert "approved by <@U0BOB> · 1 of 2 approvals from" in for_bob["Waits for others"]
    assert "approved by <@U0BOB>" in parts(home(once, user=DORA))["Waits for you"]


def test_the_connections_name_stands_with_every_row() -> None:
    named = replace(a_snapshot(a_route()).connection, name="<!here> *office*")
    for state in RequestState:
        request = in_state(state, snapshot=a_snapshot(a_route(), connection=named))
        for user in (ALICE, BOB):
            assert "<!here> *office*" in text_of(home(request, user=user))


def test_an_outcome_says_when_it_came() -> None:
    at = "<!date^1100^{date_short_pretty} {time}|1970-01-01 00:18 UTC>"
    rejected = parts(home(in_state(RequestState.REJECTED)))["Recent outcomes"]
    assert f"rejected by <@{BOB}> {at} · `r-abcdefghij`\n" in rejected
    expired = parts(home(in_state(RequestState.EXPIRED)))["Recent outcomes"]
    assert " · ended <!date^2800^" in expired


@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("user", [ALICE, BOB])
def test_every_row_with_buttons_or_progress_shows_its_id(state: RequestState, user: str) -> None:
    assert text_of(home(in_state(state), user=user)).count("`r-abcdefghij`") == 1


def test_whoever_hears_a_button_hears_what_it_acts_on() -> None:
    other = replace(a_request(a_route("10.1.0.0/24")), id="r-second")
    page = home(a_request(), other)
    labels = [o.get("accessibility_label") for o in objects(page["blocks"]) if "value" in o]
    assert labels[1:5] == [
        f"{verb}: 10.{n}.0.0/24 from vco-p0w5112f"
        for n in (0, 1)
        for verb in ("Approve and delete now", "Reject")
    ]


def test_what_has_to_be_typed_is_asked_for_by_the_form_instead_of_the_confirm() -> None:
    wide = a_request(terms=Terms(approvers=NETOPS, typed="10.0.0.0/8"))
    assert not any("confirm" in o for o in objects(home(wide)["blocks"]))


def test_a_broken_glass_waits_for_an_approver_until_it_is_countersigned() -> None:
    done = deleted(broken_glass())
    for request in (broken_glass(), done):
        page = home(request)
        assert "Break-glass: " in parts(page)["Waits for you"]
        assert "countersign by" in parts(page)["Waits for you"]
        assert buttons(page) == [COUNTERSIGN]
        assert parts(home(request, user=ALICE))["Waits for you"] == "Nothing."
    signed = lifecycle.countersign(done, decided(Verdict.COUNTERSIGNED, at=1200.0))
    assert parts(home(signed))["Waits for you"] == "Nothing."
    assert "countersigned by <@U0BOB>" in parts(home(signed))["Recent outcomes"]


def test_what_is_in_flight_is_shown_to_everybody_and_how_far_it_is_on_its_card() -> None:
    flying = accepted(approved())
    queued = replace(approved(a_request(a_route("10.1.0.0/24"))), id="r-second")
    for user in (ALICE, BOB, "U0NOBODY"):
        said = parts(home(flying, queued, user=user))["In flight"]
        assert "Deleting 10.0.0.0/24 ·" in said
        assert "10.1.0.0/24 ·" in said
        assert "▱" not in said
        assert "approved by <@U0BOB>" in said


def test_a_requester_finds_the_last_few_of_their_own_before_those_of_others() -> None:
    mine = [replace(in_state(RequestState.DELETED), id=f"r-{n}", ended_at=n) for n in range(9)]
    said = parts(home(*mine, user=ALICE))
    assert said["You asked for"].count("Deleted 10.0.0.0/24") == MOST_MINE
    assert said["Recent outcomes"].count("Deleted 10.0.0.0/24") == 9 - MOST_MINE
    found = places(AppHomeData(tuple(map(row, mine))), ALICE)
    assert [r.request.ended_at for r in [*found.asked, *found.ended]] == list(range(8, -1, -1))


@pytest.mark.parametrize(
    ("state", "words", "clickable"),
    [
        (RequestState.DELETED, "approved by <@U0BOB>", [RESTORE]),
        (RequestState.RESTORED, "Restored 10.0.0.0/24 ·", [RESTORE]),
        (RequestState.FAILED, "RAM refused the deletion.", [AGAIN]),
        (
            RequestState.UNCONFIRMED,
            "It may or may not have been done. Look in the console",
            [RESTORE],
        ),
        (RequestState.REJECTED, "“not tonight”", [AGAIN]),
        (RequestState.EXPIRED, "Expired: delete", [AGAIN]),
        (RequestState.CANCELLED, "“not tonight”", []),
        (RequestState.VOID, "Nothing was sent: The route is gone already.", [AGAIN]),
    ],
)
def test_an_outcome_says_how_it_went_and_offers_what_can_be_done(
    state: RequestState, words: str, clickable: list[str]
) -> None:
    page = home(in_state(state))
    assert words in parts(page)["Recent outcomes"]
    assert buttons(page) == clickable
    assert words in parts(home(in_state(state), user=ALICE))["You asked for"]


def test_nobody_is_told_more_than_the_last_outcomes() -> None:
    many = [replace(in_state(RequestState.DELETED), id=f"r-{n}") for n in range(30)]
    said = parts(home(*many))["Recent outcomes"]
    assert said.count("Deleted 10.0.0.0/24") == MOST_ENDED


def test_rows_that_do_not_fit_are_counted() -> None:
    many = [replace(a_request(), id=f"r-{n}") for n in range(30)]
    assert "… and 25 more: `/vco-route status`" in parts(home(*many))["Waits for you"]
    assert "… and 20 more" in parts(home(*many, user="U0NOBODY"))["Waits for others"]


def test_what_has_ended_and_does_not_fit_is_looked_for_in_the_history() -> None:
    signed_by_nobody = [replace(deleted(broken_glass()), id=f"r-{n}") for n in range(6)]
    waiting = parts(home(*signed_by_nobody))["Waits for you"]
    assert waiting.endswith("… and 1 more: `/vco-route history`")
    pending = [replace(a_request(), id=f"r-{n}") for n in range(6)]
    rejected = replace(in_state(RequestState.REJECTED), id="r-no")
    both = parts(home(*pending, rejected, user=ALICE))["You asked for"]
    assert both.endswith("… and 2 more: `/vco-route status`, `/vco-route history`")


# --- what is not known ---------------------------------------------------------------


def test_a_group_that_can_not_be_read_lets_nothing_wait_and_says_so() -> None:
    page = home(a_request(), members={})
    assert parts(page)["Waits for you"].startswith("Nothing.\n⚠️ Slack does not say who")
    assert "<!subteam^S0NETOPS>" in parts(page)["Waits for you"]
    assert buttons(page) == []


@pytest.mark.parametrize("user", [ALICE, CAROL], ids=["requester", "named"])
def test_whoever_need_not_be_looked_up_is_not_troubled_by_it(user: str) -> None:
    assert "Slack does not say" not in text_of(home(a_request(), user=user, members={}))


def test_a_record_that_can_not_be_read_is_named() -> None:
    page = home(unreadable=("r-newer",))
    assert "`r-newer` can't be read by this version" in parts(page)["top"]
    many = home(unreadable=tuple(f"r-{n}" for n in range(500)))
    assert "and 490 more can't be read" in parts(many)["top"]
    assert problems_in_view(many) == []


@pytest.mark.parametrize("link", ["", "(no link: channel_not_found)"])
def test_a_card_that_has_no_link_is_named_all_the_same(link: str) -> None:
    said = parts(home(Row(a_request(), CardState(link=link))))["Waits for you"]
    assert said.startswith("*🟠 Delete 10.0.0.0/24 · vco-p0w5112f*\n")


# --- what Slack takes ----------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request in any state, of one route or of many, with any words of people."""
    number = draw(st.integers(0, 10**6))
    routes = [a_route(f"10.{n}.0.0/24") for n in range(draw(st.sampled_from([1, 2, 20])))]
    terms = Terms(
        approvers=People(users=draw(st.sampled_from([(CAROL,), (), (ALICE, BOB)]))),
        approvals=draw(st.integers(1, 3)),
        typed=draw(st.sampled_from(["", "10.0.0.0/8"])),
        self_approval=draw(st.booleans()),
        countersign=7200.0,
    )
    words = draw(st.sampled_from(["", HOSTILE[:300], "x"]) | st.text(max_size=300))
    state = draw(st.sampled_from(RequestState))
    made = in_state(state, *routes, reason=words, terms=replace(terms, approvals=1))
    glass = (Decision(verdict=Verdict.BROKE_GLASS, by=ALICE, at=1.0),)
    return replace(
        made,
        id=f"r-{number}",
        terms=terms,
        requester=draw(st.sampled_from([ALICE, BOB, CAROL])),
        decisions=glass if draw(st.booleans()) else made.decisions,
        created_at=float(number),
        why=words,
    )


@given(
    found=st.lists(requests(), max_size=60),
    user=st.sampled_from([ALICE, BOB, CAROL, DORA]),
    link=st.sampled_from(["", LINK]),
)
def test_slack_takes_the_home_of_anybody_whatever_there_is(
    found: list[Request], user: str, link: str
) -> None:
    rows = [Row(request, CardState(link=link)) for request in found]
    page = home(*rows, user=user, unreadable=("r-newer",))
    assert problems_in_view(page) == []
    assert checked_view(page, "home") == page


@pytest.mark.parametrize("user", [ALICE, BOB, DORA])
def test_the_fullest_home_fits(user: str) -> None:
    crowd = Terms(approvers=People(users=tuple(f"U{n:010}" for n in range(200)), groups=("S0A",)))
    many = [a_route(f"10.{n}.0.0/24") for n in range(20)]
    full = {state: in_state(state, *many, reason=HOSTILE[:300]) for state in RequestState}
    found = [
        replace(request, id=f"{state}-{n}", terms=terms)
        for state, request in full.items()
        for terms in (crowd, GLASS)
        for n in range(15)
    ]
    found += [replace(broken_glass(), id=f"r-{n}") for n in range(10)]
    page = home(*found, user=user, unreadable=("r-newer",) * 50)
    assert problems_in_view(page) == []
    assert checked_view(page, "home") == page


@given(words=st.text(min_size=1, max_size=300), state=st.sampled_from(RequestState))
def test_what_people_write_is_shown_and_never_interpreted(words: str, state: RequestState) -> None:
    """Their words change nothing of what Slack interprets."""

    def interpreted(reason: str, user: str) -> list[str]:
        made = in_state(state, reason=reason)
        if state in (RequestState.REJECTED, RequestState.CANCELLED):
            no = decided(Verdict(state.value), reason=reason)
            made = lifecycle.record_decision(a_request(), no)
        return mrkdwn(("", home(made, user=user)["blocks"]))

    for user in (ALICE, BOB, "U0NOBODY"):
        assert interpreted(words, user) == interpreted("x", user)


def test_what_the_cloud_says_is_escaped() -> None:
    hostile = a_route(connection="vco-<!here>")
    for state in RequestState:
        for user in (ALICE, BOB, "U0NOBODY"):
            page = home(in_state(state, hostile), user=user)
            assert all("<!here>" not in text for text in mrkdwn(("", page["blocks"])))
