"""What a card says in every state, and that Slack takes it, whatever it is about."""

from typing import Any

import pytest
from builders import (
    ABSENT,
    ALICE,
    BOB,
    PRESENT,
    UPDATING,
    a_request,
    a_route,
    a_snapshot,
    accepted,
    approved,
    decided,
    deleted,
    in_state,
    live,
    restored,
    sent,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reading import HOSTILE, mrkdwn, objects

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import (
    UNKNOWN_WEIGHT,
    Connection,
    Impact,
    Operation,
    People,
    Request,
    RequestState,
    RouteKind,
    RouteState,
    Terms,
    VcoRoute,
    Verdict,
)
from bot.sandbox.slack.arguments import MOST_BLOCKS_TEXT
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.buttons import (
    AGAIN,
    APPROVE,
    CANCEL,
    CHECK,
    COUNTERSIGN,
    REJECT,
    RESTORE,
    STOP,
)
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.decision_forms import restore_form
from bot.slack.messages.first_line import first_line
from bot.slack.messages.mrkdwn import clock

VIEW = View(now=1120.0)
STAYS = "*The route stays, and its traffic goes on as before.*"
MANY = tuple(a_route(f"10.{n}.0.0/24") for n in range(20))
FOUR_SIX = (a_route("10.0.0.0/24"), a_route("2001:db8:1111:2222:3333:4444:5555:6660/124"))
LONG = a_route("2001:db8:1111:2222:3333:4444:5555:6666/128", connection="vco-" + "x" * 64)


def shown(request: Request, view: View = VIEW) -> str:
    return text_of({"blocks": card(request, view)[1]})


def lines(request: Request, view: View = VIEW) -> list[str]:
    return shown(request, view).splitlines()


def buttons(request: Request) -> list[str]:
    blocks = card(request, VIEW)[1]
    return [o["action_id"] for o in objects(blocks) if o.get("type") == "button"]


# --- what it says --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (RequestState.PENDING, "🟠 Delete {}"),
        (RequestState.APPROVED, "⏳ Approved: delete {}"),
        (RequestState.EXECUTING, "⏳ Deleting {}"),
        (RequestState.DELETED, "✅ Deleted {} · 41 s"),
        (RequestState.RESTORED, "✅ Restored {} · 41 s"),
        (RequestState.FAILED, "❌ Not deleted: {}"),
        (RequestState.UNCONFIRMED, "⚠️ Sent, not confirmed: delete {}"),
        (RequestState.REJECTED, "❌ Rejected: delete {}"),
        (RequestState.EXPIRED, "❌ Expired: delete {}"),
        (RequestState.CANCELLED, "⚪ Withdrawn: delete {}"),
        (RequestState.VOID, "❌ Void: delete {}"),
    ],
)
def test_the_first_line_says_what_happens_to_what(state: RequestState, line: str) -> None:
    request = in_state(state)
    expected = line.format("10.0.0.0/24 · vco-p0w5112f")
    assert lines(request)[0] == first_line(request) == expected


def test_a_pending_card_says_what_goes_what_follows_who_asks_and_who_decides() -> None:
    over = live(a_route("10.0.0.0/16"))
    impact = Impact(route=a_route(), carries=("10.0.0.0/24",), takers=(over,))
    request = a_request(snapshot=a_snapshot(a_route(), impacts=(impact,)))
    assert lines(request) == [
        "🟠 Delete 10.0.0.0/24 · vco-p0w5112f",
        "“leaking prod prefix”",
        "256 addresses stay on this connection: `10.0.0.0/16` covers them.",
        (
            "Asked by <@U0ALICE> · Needs 1 approval from <!subteam^S0NETOPS> <@U0CAROL> · "
            "until <!date^2800^{time}|00:46 UTC>"
        ),
        "Approve and delete now",
        "Reject",
        "Withdraw",
        "`vco-p0w5112f` · cn-hangzhou · weight 100 · `r-abcdefghij`",
    ]


@pytest.mark.parametrize("state", RequestState)
def test_every_card_shows_its_id_once(state: RequestState) -> None:
    assert shown(in_state(state)).count("`r-abcdefghij`") == 1
    restore_clicked = shown(replace(in_state(state), origin="r-before"))
    assert restore_clicked.endswith("weight 100 · undoes `r-before` · `r-abcdefghij`")


def test_the_notification_of_a_pending_card_says_what_is_wanted_and_by_whom() -> None:
    where = "10.0.0.0/24 · vco-p0w5112f"
    wanted = "approval wanted, asked by <@U0ALICE>"
    assert card(a_request(), VIEW)[0] == f"🟠 Delete {where} · {wanted}"
    back = card(a_request(operation=Operation.RESTORE), VIEW)[0]
    assert back == f"🟠 Restore {where} · {wanted}"
    assert card(in_state(RequestState.EXECUTING), VIEW)[0] == f"⏳ Deleting {where}"


@pytest.mark.parametrize("state", RequestState)
def test_the_first_line_has_the_name_that_people_know_as_it_is(state: RequestState) -> None:
    named = replace(a_snapshot(a_route()).connection, name="<!here> *office*")
    request = in_state(state, snapshot=a_snapshot(a_route(), connection=named))
    assert "10.0.0.0/24 · <!here> *office*" in lines(request)[0]
    assert all("<!here>" not in text for text in mrkdwn(card(request, VIEW)))
    assert all("*office*" not in text for text in mrkdwn(card(request, VIEW)))


@pytest.mark.parametrize("state", RequestState)
def test_what_identifies_the_route_stays_on_the_card(state: RequestState) -> None:
    hop = replace(a_route(), next_hop="vco-another", weight=0)
    assert " · weight 0 · next hop vco-another · `r-" in lines(in_state(state, hop))[-1]
    assert "next hop" not in shown(in_state(state))
    assert "weight" not in lines(in_state(state, *MANY[:2]))[-1]


def test_the_weight_is_in_the_first_line_where_the_same_prefix_is_there_twice() -> None:
    standby = live(replace(a_route(), weight=0))
    impact = Impact(route=a_route(), carries=("10.0.0.0/24",), takers=(standby,))
    twice = a_request(snapshot=a_snapshot(a_route(), impacts=(impact,)))
    assert first_line(twice) == "🟠 Delete 10.0.0.0/24 (weight 100) · vco-p0w5112f"


def test_several_routes_are_named_and_many_are_counted() -> None:
    names = "10.0.0.0/24, 10.1.0.0/24 and 10.2.0.0/24"
    assert first_line(a_request(*MANY[:3])) == f"🟠 Delete {names} · vco-p0w5112f"
    assert names in confirm_of(a_request(*MANY[:3]))
    assert first_line(a_request(*MANY)) == "🟠 Delete 20 routes · vco-p0w5112f"
    assert "They are 10.0.0.0/24, 10.1.0.0/24, " in confirm_of(a_request(*MANY, reason=""))


def test_the_impact_stays_and_at_the_end_says_where_traffic_goes_now() -> None:
    over = live(a_route("10.0.0.0/16"))
    impact = Impact(route=a_route(), carries=("10.0.0.0/24",), takers=(over,))
    covered = a_snapshot(a_route(), impacts=(impact,))
    before = "256 addresses stay on this connection: `10.0.0.0/16` covers them."
    assert before in shown(in_state(RequestState.EXECUTING, snapshot=covered))
    alone = decided(Verdict.BROKE_GLASS, by=ALICE)
    assert before in shown(lifecycle.record_decision(a_request(snapshot=covered), alone))
    ended = in_state(RequestState.DELETED, snapshot=covered)
    assert "256 addresses now follow `10.0.0.0/16`." in shown(ended)
    bare = "⛔ *256 addresses have no route on this connection now.*"
    assert bare in shown(in_state(RequestState.DELETED))
    assert "256 addresses follow this route again." in shown(in_state(RequestState.RESTORED))


def test_only_what_takes_away_is_red() -> None:
    def styles(request: Request) -> set[object]:
        return {o.get("style") for o in objects(card(request, VIEW)[1])} - {None}

    assert styles(a_request()) == {"danger"}
    assert styles(a_request(operation=Operation.RESTORE)) == {"primary"}


def impact_of(**impact: Any) -> str:  # noqa: ANN401 - fields of Impact
    route = impact.pop("route", a_route())
    snapshot = a_snapshot(route, impacts=(Impact(route=route, **impact),))
    return shown(a_request(route, snapshot=snapshot))


def test_traffic_that_nothing_takes_over_is_a_warning() -> None:
    said = impact_of(carries=("10.0.0.0/24",))
    assert "⛔ *256 addresses lose their route.*" in said


def test_a_route_that_carries_nothing_moves_no_traffic() -> None:
    assert "No traffic moves" in impact_of()


def test_of_what_covers_the_addresses_afterwards_it_is_said_where_it_hangs_on_the_peer() -> None:
    bgp = live(a_route("10.0.0.0/8"), kind=RouteKind.BGP)
    both = (live(a_route("10.0.0.0/8")), bgp)
    standby = live(replace(a_route("10.0.0.0/8"), weight=0))
    said = impact_of(carries=("10.0.0.0/24",), takers=both)
    assert "`10.0.0.0/8` (learned over BGP, and a custom route) covers them." in said
    assert "(learned over BGP) covers" in impact_of(carries=("10.0.0.0/24",), takers=(bgp,))
    alone = impact_of(carries=("10.0.0.0/24",), takers=(both[0], standby))
    assert "`10.0.0.0/8` covers them." in alone, "their weights say nothing"


def test_of_the_same_prefix_it_is_said_that_it_stays_and_nothing_of_what_its_weight_does() -> None:
    standby = live(replace(a_route(), weight=0))
    said = impact_of(carries=("10.0.0.0/24",), takers=(standby,))
    assert "256 addresses stay on this connection: the same prefix stays (weight 0)." in said
    unknown = live(replace(a_route(), weight=UNKNOWN_WEIGHT))
    said = impact_of(carries=("10.0.0.0/24",), takers=(unknown,))
    assert "the same prefix stays (weight unknown)." in said


def test_what_could_not_be_read_over_bgp_is_said() -> None:
    request = a_request()
    unread = replace(request, snapshot=replace(request.snapshot, bgp_unknown=True))
    assert "Routes learned over BGP could not be read" in shown(unread)
    assert "over BGP" not in shown(request)


def test_smaller_routes_inside_go_on_as_before() -> None:
    inside = tuple(live(a_route(f"10.0.0.{n}/32")) for n in range(7))
    said = impact_of(carries=("10.0.0.128/25",), inside=inside)
    assert "⛔ *128 of 256 addresses lose their route.*" in said
    assert "Unaffected, more specific: 10.0.0.0/32, " in said
    assert "10.0.0.4/32 and 2 more." in said


@pytest.mark.parametrize(
    ("dest", "words"),
    [
        ("10.0.0.1/32", "1 address loses its route."),
        ("0.0.0.0/0", "4,294,967,296 addresses lose their route."),
        ("2001:db8::/64", "2^64 addresses lose their route."),
    ],
)
def test_addresses_are_counted_as_people_can_read_it(dest: str, words: str) -> None:
    assert f"⛔ *{words}*" in impact_of(route=a_route(dest), carries=(dest,))


def test_a_single_address_is_one_in_every_sentence() -> None:
    alone = a_route("10.0.0.1/32")
    lost = Impact(route=alone, carries=(alone.route_dest,))
    taken = replace(lost, takers=(live(a_route("10.0.0.0/16")),))
    uncovered = a_request(alone, snapshot=a_snapshot(alone, impacts=(lost,)))
    moved = a_request(alone, snapshot=a_snapshot(alone, impacts=(taken,)))
    assert "⛔ *1 address loses its route.*" in shown(uncovered)
    assert "⛔ 1 address loses its route." in confirm_of(uncovered)
    stays = "1 address stays on this connection:"
    assert f"{stays} `10.0.0.0/16` covers it." in shown(moved)
    assert f"{stays} 10.0.0.0/16 covers it." in confirm_of(moved)


def test_a_count_that_is_no_power_of_two_says_so() -> None:
    said = impact_of(
        route=a_route("2001:db8::/32"), carries=("2001:db8::/33", "2001:db8:8000::/34")
    )
    assert "more than 2^95 of 2^96 addresses" in said


def test_what_cannot_be_restored_and_the_last_route_are_warnings() -> None:
    impact = Impact(route=a_route(), carries=("10.0.0.0/24",), not_restorable="It can't be back.")
    seen = a_snapshot(a_route(), impacts=(impact,), last_routes=True)
    said = shown(a_request(snapshot=seen))
    assert "⚠️ It can't be back." in said
    assert "⛔ *256 addresses lose their route: no route is left on this connection.*" in said


def test_a_connection_that_is_not_attached_is_told_not_hidden() -> None:
    busy = Connection(vpn_connection_id="vco-p0w5112f", region="cn-hangzhou", state="updating")
    said = shown(a_request(snapshot=a_snapshot(a_route(), connection=busy)))
    assert "The connection is *updating* now; the deletion waits until it is attached." in said


def confirm_of(request: Request) -> str:
    confirm = next(o["confirm"] for o in objects(card(request, VIEW)[1]) if "confirm" in o)
    return str(confirm["text"]["text"])


def test_the_confirm_restates_the_sentence_and_what_traffic_does_next() -> None:
    sentence = "Delete 10.0.0.0/24 from vco-p0w5112f (cn-hangzhou). It runs at once."
    uncovered = "⛔ 256 addresses lose their route."
    assert confirm_of(a_request(reason="")) == f"{sentence} {uncovered}"
    assert confirm_of(a_request()) == f"{sentence} {uncovered} Why: “leaking prod prefix”"
    taken = Impact(
        route=a_route(), carries=("10.0.0.0/24",), takers=(live(a_route("10.0.0.0/16")),)
    )
    request = a_request(reason="", snapshot=a_snapshot(a_route(), impacts=(taken,)))
    moves = "256 addresses stay on this connection: 10.0.0.0/16 covers them."
    assert confirm_of(request) == f"{sentence} {moves}"
    idle = a_request(reason="", snapshot=a_snapshot(a_route(), impacts=(Impact(route=a_route()),)))
    assert confirm_of(idle) == (
        f"{sentence} No traffic moves: more specific routes carry all of its addresses."
    )
    assert "covers 20 of them any more. They are" in confirm_of(a_request(*MANY, reason=""))


def test_those_who_wait_see_how_many_are_ahead() -> None:
    assert "1 request is ahead" in shown(approved(), View(now=1120.0, ahead=1))
    assert "3 requests are ahead" in shown(approved(), View(now=1120.0, ahead=3))


def test_the_bar_shows_how_far_it_is_against_the_usual() -> None:
    request = route_change.observe(accepted(approved(), at=1101.0), 1110.0, UPDATING)
    said = lines(request, View(now=1125.0, usual=40.0))
    assert said[1] == "▰▰▰▰▰▰▱▱▱▱  24 s, usually 40 s · connection is updating"


@given(now=st.floats(0, 1e9), usual=st.floats(0, 1e5))
def test_the_bar_is_never_full_before_the_proof(now: float, usual: float) -> None:
    for request in (sent(), accepted()):
        assert "▱" in shown(request, View(now=now, usual=usual))


@pytest.mark.parametrize(
    ("request_", "doing"),
    [
        (sent(), "· sending"),
        (route_change.lose(sent(), 1103.0, "ReadTimeout"), "· no answer from Alibaba Cloud, check"),
        (accepted(), "· sent"),
        (route_change.observe(accepted(), 1104.0, PRESENT), "checking that the route is gone"),
    ],
)
def test_it_says_what_is_being_done_right_now(request_: Request, doing: str) -> None:
    assert doing in shown(request_)


def test_each_of_several_routes_has_its_state() -> None:
    said = lines(accepted(deleted(approved(a_request(*MANY[:3])))))
    assert said[2:5] == [
        "`10.0.0.0/24` · deleted",
        "`10.1.0.0/24` · deleting",
        "`10.2.0.0/24` · waiting",
    ]


def test_the_proof_is_named() -> None:
    assert "Confirmed: the route is gone and the connection is attached again." in shown(
        deleted(approved())
    )
    unseen = accepted()
    for _ in range(3):
        unseen = route_change.observe(unseen, 1110.0, ABSENT)
    unseen = route_change.end(unseen, 1111.0, RouteState.DELETED)
    assert (
        "Confirmed: the route is gone and the connection is attached, three reads in a row"
        in shown(unseen)
    )


def test_a_failure_says_what_happened_what_to_do_and_the_ids() -> None:
    assert lines(in_state(RequestState.FAILED))[1:4] == [
        "*RAM refused the deletion.*",
        f"Grant vpc:DeleteVcoRouteEntry to the bot. {STAYS}",
        "code `Forbidden.RAM` · Alibaba request `9208DDD8`",
    ]


def test_what_went_partly_is_not_called_undone() -> None:
    request = lifecycle.drift(deleted(approved(a_request(*MANY[:2]))), 1300.0, "It changed.")
    assert first_line(request).startswith("⚠️ Only partly deleted: 10.0.0.0/24 and")
    assert "`10.0.0.0/24` · deleted" in shown(request)
    assert "*It changed.*" in shown(request)


def test_unconfirmed_is_neither_success_nor_failure() -> None:
    said = lines(in_state(RequestState.UNCONFIRMED))
    sent_off = "Sent to Alibaba Cloud, not confirmed: it may or may not have been done."
    until = f"Checking until {clock(1703.0 + 24 * 3600, day=True)}."
    console = "<https://vpc.console.alibabacloud.com/vpn/cn-hangzhou/vpns|console>"
    assert said[1] == f"{sent_off} {until} Look in the {console}."
    watched = route_change.observe(accepted(), 1110.0, PRESENT)
    seen = shown(route_change.end(watched, 1703.0, RouteState.UNCONFIRMED))
    assert f"done. Last seen {clock(1110.0)}: connection attached, route still listed. Ch" in seen


def test_undoing_what_is_unconfirmed_says_that_it_looks_first() -> None:
    hint = "looks first: where the route is {}, there is nothing to undo."
    gone = in_state(RequestState.UNCONFIRMED)
    assert lines(gone)[2] == f"*Restore* {hint.format('still there')}"
    only = "This only asks: it needs an approval, as the deletion did."
    assert f"{only} It {hint.format('still there')}" in text_of(restore_form(gone))
    back = route_change.end(
        accepted(approved(a_request(operation=Operation.RESTORE))), 1703.0, RouteState.UNCONFIRMED
    )
    assert lines(back)[2] == f"*Delete again* {hint.format('not there')}"
    never = Impact(route=a_route(), carries=("10.0.0.0/24",), not_restorable="Never again.")
    lost = in_state(RequestState.UNCONFIRMED, snapshot=a_snapshot(a_route(), impacts=(never,)))
    for sure in (lost, in_state(RequestState.DELETED)):
        assert "looks first" not in shown(sure)
    assert "looks first" not in text_of(restore_form(in_state(RequestState.DELETED)))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RequestState.REJECTED, "Nothing was sent."),
        (RequestState.CANCELLED, "Nothing was sent."),
        (RequestState.EXPIRED, "Nobody approved in time. Nothing was sent"),
        (RequestState.VOID, "Nothing was sent: The route is gone already.\nAsk again"),
    ],
)
def test_what_ended_before_the_send_says_that_nothing_was_sent(
    state: RequestState, words: str
) -> None:
    several = shown(in_state(state, *MANY[:2]))
    assert words in several
    assert "`10.0.0.0/24`, `10.1.0.0/24`" in several
    assert "waiting" not in several
    [first, *_] = [b for b in card(in_state(state), VIEW)[1] if b["type"] == "section"]
    assert first["text"]["text"].startswith(words)


def test_a_reason_is_told_once_whoever_cancelled() -> None:
    assert shown(in_state(RequestState.CANCELLED)).count("not tonight") == 1
    no = decided(Verdict.CANCELLED, by="", reason="The card could not be posted.")
    said = shown(lifecycle.record_decision(a_request(), no))
    assert "Nothing was sent: The card could not be posted." in said
    assert said.count("could not be posted") == 1


def test_who_decided_stays_on_the_card_with_the_reason() -> None:
    assert f"Approved by <@{BOB}>" in shown(accepted())
    rejected = lines(in_state(RequestState.REJECTED))
    assert rejected[-4:-1] == [
        f"Rejected by <@{BOB}> <!date^1100^{{time}}|00:18 UTC>",
        "“not tonight”",
        "Ask again",
    ]
    assert f"Asked by <@{ALICE}>" in rejected


def test_nobody_is_said_to_have_decided_where_it_was_time_or_the_bot() -> None:
    assert "by <@>" not in shown(in_state(RequestState.EXPIRED))
    alone = lifecycle.record_decision(a_request(), decided(Verdict.CANCELLED, by=""))
    assert "by <@>" not in shown(alone)


def test_a_crowd_of_approvers_is_mentioned_in_part() -> None:
    crowd = Terms(approvers=People(users=tuple(f"U{n:010}" for n in range(500))))
    assert "and 480 more · until" in shown(a_request(terms=crowd))
    assert problems_in_blocks(card(a_request(terms=crowd), VIEW)[1]) == []


# --- what Slack takes ----------------------------------------------------------------


@pytest.mark.parametrize("routes", [(), MANY, FOUR_SIX, (LONG,)], ids=["one", "many", "v6", "long"])
@pytest.mark.parametrize("reason", ["", HOSTILE[:300]], ids=["plain", "hostile"])
@pytest.mark.parametrize("state", RequestState)
def test_slack_takes_the_card_of_every_state(
    state: RequestState, reason: str, routes: tuple[VcoRoute, ...]
) -> None:
    request = in_state(state, *routes, reason=reason)
    text, blocks = card(request, VIEW)
    assert text
    assert problems_in_blocks(blocks) == []


def test_slack_takes_twenty_routes_with_the_most_there_can_be_to_say_of_each() -> None:
    connection = "vco-" + "x" * 25
    block = "2001:db8:1111:2222:3333:4444:5555:{:x}/128"
    routes = [a_route(block.format(0xFF00 + n), connection=connection) for n in range(20)]
    others = [live(a_route(block.format(0xEE00 + n), connection=connection)) for n in range(30)]
    impacts = tuple(
        Impact(
            route=r,
            carries=tuple(o.route.route_dest for o in others),
            takers=tuple(others),
            inside=tuple(others),
            not_restorable="Alibaba Cloud lets nobody create a route that overlaps 100.64.0.0/10: "
            f"{r.route_dest} can't be restored.",
        )
        for r in routes
    )
    request = a_request(*routes, snapshot=a_snapshot(*routes, impacts=impacts), reason=HOSTILE)
    _, blocks = card(request, VIEW)
    assert problems_in_blocks(blocks) == []
    assert len(text_of({"blocks": blocks})) <= MOST_BLOCKS_TEXT
    assert shown(request).count(" covers them.") == 20


@pytest.mark.parametrize("state", RequestState)
def test_there_are_buttons_only_where_there_is_something_to_do(state: RequestState) -> None:
    expected = {
        RequestState.PENDING: [APPROVE, REJECT, CANCEL],
        RequestState.APPROVED: [STOP],
        RequestState.DELETED: [RESTORE],
        RequestState.RESTORED: [RESTORE],
        RequestState.UNCONFIRMED: [CHECK, RESTORE],
        RequestState.FAILED: [AGAIN],
        RequestState.REJECTED: [AGAIN],
        RequestState.EXPIRED: [AGAIN],
        RequestState.VOID: [AGAIN],
    }
    assert buttons(in_state(state)) == expected.get(state, [])


def test_what_can_not_be_created_again_has_no_restore_button() -> None:
    default = a_route("0.0.0.0/0")
    impact = Impact(route=default, carries=("0.0.0.0/0",), not_restorable="Nobody may create it.")
    snapshot = a_snapshot(default, impacts=(impact,))
    assert buttons(in_state(RequestState.DELETED, default, snapshot=snapshot)) == []


def test_a_quorum_says_who_has_approved_and_how_many_are_missing() -> None:
    two = a_request(terms=Terms(approvers=People(groups=("S0NETOPS",)), approvals=2))
    assert "0 of 2 approvals from <!subteam^S0NETOPS>" in shown(two)
    one_more = lifecycle.record_decision(two, decided(Verdict.APPROVED))
    assert one_more.state is RequestState.PENDING
    assert "Approved by <@U0BOB> <!date^1100^{time}|00:18 UTC>" in shown(one_more)
    assert "1 of 2 approvals from <!subteam^S0NETOPS>" in shown(one_more)
    assert buttons(one_more) == [APPROVE, REJECT, CANCEL]
    assert "Approve (1 of 2)" in lines(two)
    assert "1 more approval is needed after yours." in confirm_of(two)
    assert "Approve and delete now" in lines(one_more)
    assert "It runs at once." in confirm_of(one_more)


def test_where_something_has_to_be_typed_the_form_stands_in_for_the_confirm() -> None:
    wide = a_request(terms=Terms(approvers=People(groups=("S0NETOPS",)), typed="10.0.0.0/8"))
    assert not any("confirm" in o for o in objects(card(wide, VIEW)[1]))


def test_a_broken_glass_is_loud_until_somebody_has_countersigned() -> None:
    terms = Terms(approvers=People(groups=("S0NETOPS",)), countersign=7200.0)
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason="leaking prod prefix")
    request = lifecycle.record_decision(a_request(terms=terms), alone)
    assert request.state is RequestState.APPROVED
    assert lines(request)[0].startswith("⏳ Break-glass: About to delete 10.0.0.0/24")
    assert "One of <!subteam^S0NETOPS> has to countersign by" in shown(request)
    assert buttons(request) == [STOP, COUNTERSIGN]
    signed = lifecycle.countersign(deleted(request), decided(Verdict.COUNTERSIGNED, at=1200.0))
    assert "has to countersign" not in shown(signed)
    assert "Countersigned by <@U0BOB>" in shown(signed)
    assert buttons(signed) == [RESTORE]


def test_a_restoration_says_what_comes_back_and_where_traffic_is_now() -> None:
    over = live(a_route("10.0.0.0/16"))
    impact = Impact(route=a_route(), carries=("10.0.0.0/24",), takers=(over,))
    snapshot = a_snapshot(a_route(), impacts=(impact,))
    said = shown(a_request(snapshot=snapshot, operation=Operation.RESTORE))
    assert said.startswith("🟠 Restore 10.0.0.0/24 · vco-p0w5112f")
    assert "256 addresses move to this route, away from `10.0.0.0/16`." in said
    assert "Approve and restore now" in said
    assert "Confirmed: the route is back and the connection is attached again." in shown(restored())


def test_a_button_carries_the_requests_id_and_nothing_else() -> None:
    blocks = card(a_request(), VIEW)[1]
    assert {o["value"] for o in objects(blocks) if o.get("type") == "button"} == {"r-abcdefghij"}


def labels(request: Request) -> list[str]:
    return [o["accessibility_label"] for o in objects(card(request, VIEW)[1]) if "value" in o]


def test_whoever_hears_a_button_hears_what_it_acts_on() -> None:
    where = "10.0.0.0/24 from vco-p0w5112f"
    assert labels(a_request()) == [
        f"{verb}: {where}" for verb in ("Approve and delete now", "Reject", "Withdraw")
    ]
    restoring = labels(a_request(operation=Operation.RESTORE))
    assert restoring[0] == "Approve and restore now: 10.0.0.0/24 to vco-p0w5112f"
    assert labels(in_state(RequestState.DELETED)) == ["Restore 10.0.0.0/24 to vco-p0w5112f"]
    assert labels(in_state(RequestState.RESTORED)) == [f"Delete again {where}"]
    assert labels(in_state(RequestState.VOID)) == ["Ask again for deletion of 10.0.0.0/24"]
    terms = Terms(countersign=7200.0)
    alone = decided(Verdict.BROKE_GLASS, by=ALICE)
    glass = lifecycle.record_decision(a_request(terms=terms), alone)
    assert labels(glass) == [f"Stop: {where}", f"Countersign: {where}"]


@pytest.mark.parametrize("state", RequestState)
def test_a_label_begins_with_the_words_on_the_button(state: RequestState) -> None:
    """Whoever speaks to their computer says what they read."""
    for button in (o for o in objects(card(in_state(state, LONG), VIEW)[1]) if "value" in o):
        assert button["accessibility_label"].startswith(button["text"]["text"])


# --- what people wrote can do nothing ------------------------------------------------


@given(words=st.text(min_size=1, max_size=300), state=st.sampled_from(RequestState))
def test_what_people_write_is_shown_and_never_interpreted(words: str, state: RequestState) -> None:
    """Their words change nothing of what Slack interprets, but for escaped text."""
    decision = decided(Verdict.REJECTED, reason=words)
    rejected = state is RequestState.REJECTED
    hostile = a_request(reason=words) if rejected else in_state(state, reason=words)
    harmless = a_request(reason="x") if rejected else in_state(state, reason="x")
    if rejected:
        hostile = lifecycle.record_decision(hostile, decision)
        harmless = lifecycle.record_decision(harmless, replace(decision, reason="x"))
    assert mrkdwn(card(hostile, VIEW)) == mrkdwn(card(harmless, VIEW))
    assert problems_in_blocks(card(hostile, VIEW)[1]) == []


@pytest.mark.parametrize("state", [RequestState.PENDING, RequestState.FAILED, RequestState.VOID])
def test_what_the_cloud_says_is_escaped_as_well(state: RequestState) -> None:
    route = VcoRoute(
        vpn_connection_id="vco-<!here>", route_dest="10.0.0.0/24", next_hop="<!here>", weight=0
    )
    other = replace(route, route_dest="10.0.0.0/25")
    impact = Impact(
        route=route,
        carries=("10.0.0.0/25",),
        takers=(live(other),),
        inside=(live(other, state="<!here>"),),
    )
    seen = a_snapshot(route, impacts=(impact,), targets=(live(route, state="<!here>"),))
    request = in_state(state, route, snapshot=seen)
    assert all("<!here>" not in text for text in mrkdwn(card(request, VIEW)))
