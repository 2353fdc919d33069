"""The receipt: all that is recorded of a request, in Slack and in a terminal."""

import re

import pytest
from builders import (
    ABSENT,
    PRESENT,
    REFUSED,
    a_request,
    a_route,
    a_snapshot,
    accepted,
    approved,
    decided,
    deleted,
    in_state,
    live,
    sent,
)
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reading import HOSTILE, as_read, mrkdwn
from stage import Stage, delete_command

from bot import lifecycle
from bot.follow_up import monitoring
from bot.lifecycle import route_change
from bot.models import (
    Connection,
    Event,
    EventKind,
    Impact,
    People,
    Request,
    RequestState,
    RouteState,
    Terms,
    Tunnel,
    VcoRoute,
    Verdict,
)
from bot.sandbox.slack.arguments import MOST_BLOCKS_TEXT
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.slack.messages.mrkdwn import literal, place, printable, shares
from bot.slack.messages.receipt import parts, receipt, receipt_text
from bot.slack.messages.style import SLACK, TERMINAL
from bot.slack.messages.timeline import line as thread_line
from bot.store import CardState, Stored
from bot.store.client import key

LINK = "https://acme.slack.com/archives/C0NETOPS/p1"
HASH = "0123456789abcdef0123456789abcdef01234567"
MANY = tuple(a_route(f"10.{n}.0.0/24") for n in range(20))


def stored(request: Request) -> Stored:
    return Stored(request, rev=7, audit=f"42 {HASH}")


def shown(request: Request) -> str:
    message = receipt(stored(request), CardState(link=LINK))
    assert problems_in_blocks(message[1]) == []
    return text_of({"blocks": message[1]})


def plain(request: Request) -> list[str]:
    return receipt_text(stored(request), CardState(link=LINK))


# --- what it says ------------------------------------------------------------------------


def test_the_receipt_of_a_deletion_has_everything_in_the_order_in_which_one_asks() -> None:
    assert plain(deleted()) == [
        "✅ Deleted 10.0.0.0/24 · vco-p0w5112f · 41 s",
        "",
        "r-abcdefghij · deleted",
        "Asked by U0ALICE 1970-01-01 00:16:40 UTC in C0NETOPS",
        "Ended 1970-01-01 00:19:03 UTC",
        f"Card and thread: {LINK}",
        "“leaking prod prefix”",
        "",
        "Decisions",
        "Approved by U0BOB 1970-01-01 00:18:20 UTC",
        "Required: 1 approval of S0NETOPS U0CAROL, within 30 min",
        "",
        "Shown for approval, as read 1970-01-01 00:16:40 UTC",
        "Connection vco-p0w5112f attached",
        "",
        "10.0.0.0/24 · weight 100 · deleted",
        f"Client token {deleted().routes[0].client_token}",
        "Alibaba request 9208DDD8-AAAA",
        "Sent 1970-01-01 00:18:22 UTC; ended 1970-01-01 00:19:03 UTC",
        "Read 2 times: updating seen; last attached, route absent",
        "Confirmed: the route is gone and the connection is attached again.",
        "Listed as: custom route, published",
        "⛔ 256 addresses lose their route.",
        "",
        f"Audit: entry 42, hash {HASH}",
    ]


def test_slack_shows_the_same_with_people_times_and_a_link() -> None:
    message = shown(deleted())
    assert "Approved by <@U0BOB> <!date^1100^" in message
    assert "1 approval of <!subteam^S0NETOPS> <@U0CAROL>" in message
    assert f"<{LINK}|Card and thread>" in message
    assert [as_read(line) for line in message.splitlines()] == [
        one for one in plain(deleted()) if one
    ]


def test_the_rule_says_how_many_of_whom_and_what_they_had_to_type() -> None:
    terms = Terms(
        rule="wide prefixes",
        approvers=People(groups=("S0NETOPS",)),
        approvals=2,
        typed="10.0.0.0/8",
        self_approval=True,
        expiry=3600.0,
    )
    once = lifecycle.record_decision(a_request(terms=terms), decided(Verdict.APPROVED))
    message = "\n".join(plain(once))
    assert "1 approval is missing" in message
    assert (
        "Rule wide prefixes: 2 approvals of S0NETOPS, each typing 10.0.0.0/8, "
        "their own requests too, within 1 h"
    ) in message


def test_a_broken_glass_is_there_with_whoever_has_countersigned() -> None:
    terms = Terms(approvers=People(groups=("S0NETOPS",)), countersign=7200.0)
    alone = decided(Verdict.BROKE_GLASS, by="U0ALICE", at=1000.0, reason="leaking prod prefix")
    request = lifecycle.record_decision(a_request(terms=terms), alone)
    message = "\n".join(plain(request))
    assert "⚠️ Break-glass: U0ALICE alone 1970-01-01 00:16:40 UTC" in message
    assert "⚠️ Not countersigned yet; due 1970-01-01 02:16:40 UTC" in message
    assert "Required: a countersignature of S0NETOPS within 2 h" in plain(request)
    assert "1 approval" not in message
    assert message.count("leaking prod prefix") == 1
    signed = decided(Verdict.COUNTERSIGNED, at=1200.0, reason="looked at it")
    message = "\n".join(plain(lifecycle.countersign(deleted(request), signed)))
    assert "Countersigned by U0BOB 1970-01-01 00:20:00 UTC" in message
    assert "“looked at it”" in message
    assert "Not countersigned" not in message


def test_what_was_approved_did_not_require_a_countersignature() -> None:
    terms = Terms(rule="prod", approvers=People(groups=("S0NETOPS",)), countersign=7200.0)
    message = plain(deleted(approved(a_request(terms=terms))))
    assert "Rule prod: 1 approval of S0NETOPS, within 30 min" in message


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RequestState.PENDING, ("Expires 1970-01-01 00:46:40", "1 approval is missing", "queued")),
        (RequestState.APPROVED, ("queued",)),
        (RequestState.EXECUTING, ("deleting", "Client token vco-", "Alibaba request 9208DDD8")),
        (RequestState.RESTORED, ("restored", "the route is back and the connection is attached")),
        (RequestState.FAILED, ("failed", "Code Forbidden.RAM: RAM refused the deletion. Grant")),
        (RequestState.UNCONFIRMED, ("⚠️ Not proven that it was deleted, nor that it was not",)),
        (RequestState.REJECTED, ("Rejected by U0BOB", "“not tonight”", "not sent")),
        (RequestState.EXPIRED, ("Expired 1970-01-01 00:46:40", "not sent")),
        (RequestState.CANCELLED, ("Withdrawn by U0BOB", "“not tonight”", "not sent")),
        (RequestState.VOID, ("Nothing was sent: The route is gone already.", "not sent")),
    ],
)
def test_every_state_says_how_it_stands(state: RequestState, words: tuple[str, ...]) -> None:
    message = "\n".join(plain(in_state(state)))
    assert [word for word in words if word not in message] == []


def test_lost_answers_waits_and_repeated_sends_are_told() -> None:
    request = route_change.lose(sent(), 1104.0, "ReadTimeout")
    request = route_change.wait(route_change.send(request, 1110.0), 1111.0, "TaskConflict")
    request = route_change.send(request, 1120.0)
    message = "\n".join(plain(request))
    assert (
        "First sent 1970-01-01 00:18:22 UTC, 3 times; told to wait once; an answer was lost; "
        "no answer yet"
    ) in message


def test_ids_of_every_answer_are_kept_for_a_ticket() -> None:
    request = route_change.end(accepted(), 1105.0, RouteState.FAILED, REFUSED)
    assert "Alibaba requests 9208DDD8-AAAA, 9208DDD8" in plain(request)


def test_what_the_polls_saw_is_told_when_nothing_is_proven_yet() -> None:
    request = accepted()
    for at, seen in ((1104.0, PRESENT), (1105.0, ABSENT), (1106.0, ABSENT)):
        request = route_change.observe(request, at, seen)
    line = "Read 3 times: updating never seen; last attached, route absent, so 2 times in a row"
    assert line in plain(request)


def test_what_the_approver_saw_of_the_connection_is_there() -> None:
    tunnel = Tunnel(id="tun-1", status="ike_sa_not_established", up=False, bgp_status="false")
    seen = Connection(
        vpn_connection_id="vco-p0w5112f",
        region="cn-hangzhou",
        state="updating",
        name="office",
        tunnels=(tunnel,),
    )
    request = replace(
        a_request(snapshot=a_snapshot(a_route(), connection=seen)), overlay_mode="Ipsec"
    )
    message = plain(request)
    assert "Connection vco-p0w5112f updating" in message
    assert "Tunnel tun-1 ike_sa_not_established, BGP false" in message
    assert "Overlay mode Ipsec" in message
    assert "“office”" in message


def test_what_was_seen_afterwards_is_told_in_the_threads_words() -> None:
    before = Tunnel(id="tun-1", status="ipsec_sa_established", up=True)
    connection = replace(a_snapshot(a_route()).connection, tunnels=(before,))
    request = deleted(approved(a_request(snapshot=a_snapshot(a_route(), connection=connection))))
    down = replace(connection, tunnels=(replace(before, up=False, status="down"),))
    message = "\n".join(plain(monitoring.observe(request, 1200.0, down)))
    assert "Worse than before this change: tunnel tun-1 is down (down)" in message
    troubled = lifecycle.trouble(request, 1150.0, "it failed 20 times")
    assert "1970-01-01 00:19:10 UTC: Needs attention: it failed 20 times U0ALICE" in plain(troubled)


AFTERWARDS: list[tuple[EventKind, dict[str, str]]] = [
    (EventKind.TROUBLE, {"what": "it failed <!here> `20` times"}),
    (EventKind.COUNTERSIGN_REMINDER, {}),
    (EventKind.COUNTERSIGN_REMINDER, {"overdue": "yes"}),
    (EventKind.DEGRADED, {"what": "tunnel tun-1 is down"}),
    (EventKind.RECOVERED, {}),
    (EventKind.MONITORED, {"known": "yes"}),
    (EventKind.MONITORED, {"known": "yes", "degraded": "BGP *is* down"}),
]


@pytest.mark.parametrize(("kind", "details"), AFTERWARDS)
def test_the_receipt_says_what_the_thread_said(kind: EventKind, details: dict[str, str]) -> None:
    event = Event(at=1200.0, kind=kind, details=details)
    request = deleted()
    request = replace(request, timeline=(*request.timeline, event))
    told = thread_line(request, event)
    assert told is not None
    assert f": {told[0]}\n" in shown(request)


def test_what_was_watched_without_a_result_is_not_told() -> None:
    event = Event(at=1200.0, kind=EventKind.MONITORED)
    request = replace(deleted(), timeline=(*deleted().timeline, event))
    assert "Also" not in plain(request)


def test_an_origin_and_a_record_without_an_audit_entry_are_told() -> None:
    request = replace(a_request(), origin="r-before", channel="D0ALICE")
    lines = receipt_text(Stored(request, 1), CardState())
    assert "Undoes r-before" in lines
    assert "No entry of the audit is noted with it." in lines
    assert "Asked by U0ALICE 1970-01-01 00:16:40 UTC" in lines


def test_the_fallback_says_what_who_and_by_whose_leave() -> None:
    assert receipt(stored(deleted()), CardState())[0] == (
        "Receipt of `r-abcdefghij`: ✅ Deleted 10.0.0.0/24 · vco-p0w5112f · 41 s, "
        "asked by <@U0ALICE>, approved by <@U0BOB>"
    )


# --- it always fits, and does nothing ---------------------------------------------------------


@given(words=st.text(min_size=1, max_size=300) | st.just(HOSTILE[:300]))
@pytest.mark.parametrize("state", RequestState)
def test_what_people_write_is_shown_and_never_interpreted(words: str, state: RequestState) -> None:
    def written(text: str) -> Request:
        target = live(a_route(), description=text)
        named = replace(a_snapshot(a_route()).connection, name=text)
        seen = a_snapshot(a_route(), targets=(target,), connection=named)
        if state is not RequestState.REJECTED:
            return in_state(state, snapshot=seen, reason=text)
        no = decided(Verdict.REJECTED, reason=f"no: {text}")
        return lifecycle.record_decision(a_request(snapshot=seen, reason=text), no)

    hostile, harmless = (receipt(stored(written(text)), CardState()) for text in (words, "x"))
    # The name of the connection is in the fallback text's first line, escaped.
    (name, *shown), (x, *usual) = mrkdwn(hostile), mrkdwn(harmless)
    assert name.replace(f" · {literal(place(written(words)))}", " · x", 1) == x
    assert shown == usual
    assert problems_in_blocks(hostile[1]) == []


def crowded(words: str, routes: int, decisions: int) -> Request:
    """As much as can be recorded of one request, all of it long."""
    long = "vco-" + "x" * 64
    made = [
        VcoRoute(
            vpn_connection_id=long,
            route_dest=f"2001:db8:1111:2222:3333:4444:{0xA000 + n:x}:0/112",
            next_hop=f"vco-{n:064}",
            weight=100,
        )
        for n in range(routes)
    ]
    takers = tuple(live(route, state="published") for route in made)
    impacts = tuple(
        Impact(
            route=route,
            carries=(route.route_dest,),
            takers=takers,
            inside=takers,
            not_restorable="It can't be restored here. " * 5,
        )
        for route in made
    )
    named = replace(a_snapshot(made[0]).connection, name=words)
    targets = tuple(live(route, description=words) for route in made)
    seen = a_snapshot(*made, impacts=impacts, targets=targets, connection=named)
    people = People(users=tuple(f"U0{n:09}" for n in range(40)), groups=("S0NETOPS",))
    terms = Terms(rule="r" * 60, approvers=people, approvals=decisions, countersign=60.0)
    request = a_request(*made, snapshot=seen, reason=words, terms=terms)
    for user in people.users[:decisions]:
        yes = decided(Verdict.APPROVED, by=user, reason=f"{words} {user}")
        request = lifecycle.record_decision(request, yes)
    for number in range(routes - 1):
        request = deleted(request, at=1200.0 + 60 * number)
        request = lifecycle.trouble(request, 1200.0, words[:100])
    return route_change.end(sent(request), 9000.0, RouteState.FAILED, REFUSED)


@given(
    words=st.sampled_from(["x", "x" * 300, HOSTILE[:300]]),
    routes=st.integers(1, 20),
    decisions=st.integers(1, 40),
)
def test_whatever_is_recorded_slack_takes_the_receipt(
    words: str, routes: int, decisions: int
) -> None:
    request = crowded(words, routes, decisions)
    blocks = receipt(stored(request), CardState(link=LINK))[1]
    assert problems_in_blocks(blocks) == []
    assert len(text_of({"blocks": blocks})) <= MOST_BLOCKS_TEXT
    sections = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    said = parts(SLACK, stored(request), CardState(link=LINK))
    assert {*"\n".join(sections).splitlines()} <= {"…", *(one for p in said for one in p.lines)}


def test_what_does_not_fit_goes_by_whole_lines_and_that_is_said() -> None:
    message = shown(crowded("x" * 300, 20, 40))
    assert message.count("Client token `vco-") == 20
    assert message.count("2001:db8:1111:2222:3333:4444:a013:0/112* · weight 100") == 1
    assert "Cut to what Slack takes. On the bot's host: `vco-route-bot requests show" in message
    assert HASH in message
    assert "Cut to" not in shown(in_state(RequestState.DELETED, *MANY))


@given(st.lists(st.integers(0, 5000), max_size=30), st.integers(0, 20_000))
def test_room_is_shared_so_that_whoever_wants_little_gets_it(
    wanted: list[int], budget: int
) -> None:
    given_ = shares(wanted, budget)
    assert sum(given_) <= budget
    assert all(got <= want for got, want in zip(given_, wanted, strict=True))
    cut = [got for got, want in zip(given_, wanted, strict=True) if got < want]
    if cut:
        assert max(given_) - min(cut) <= 1, "nobody who was cut gets less than another"
        assert budget - sum(given_) < len(wanted)
    else:
        assert given_ == wanted


# --- as plain text ---------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_what_others_wrote_reads_in_a_terminal_as_it_was(text: str) -> None:
    assert TERMINAL.literal(text) == text
    assert TERMINAL.code(text) == (text or "(nothing)")
    assert TERMINAL.mention(text) == text


@given(st.text())
def test_no_text_can_move_the_cursor_of_a_terminal_or_hide_anything(text: str) -> None:
    assert printable(text).isprintable()
    assert printable("\x1b[2J\u202egone") == "�[2J�gone"


@pytest.mark.parametrize("state", RequestState)
def test_no_markup_of_slack_is_left_in_plain_text(state: RequestState) -> None:
    said = "\n".join(plain(in_state(state)))
    assert re.search(r"<[@!#]|\*|`|&\w+;|:warning:", said) is None


# --- the command ---------------------------------------------------------------------------------


async def test_status_of_a_request_is_its_receipt(brisk: Stage) -> None:
    (route,) = brisk.new_routes("receipt")
    card = await brisk.ask(delete_command(route, reason="INC-4211"))
    await brisk.approve(card)
    request = await brisk.until_ended(card)
    await brisk.until_deleted(card)
    await brisk.command(f"status {request.id}", user=CAROL)
    said = await brisk.until_told(CAROL, "Decisions")
    assert f"Asked by <@{ALICE}>" in said
    assert f"Approved by <@{BOB}>" in said
    assert "“INC-4211”" in said
    assert card.ts.replace(".", "") in said
    (call,) = brisk.sends_of(route)
    assert f"Client token `{call.client_token}`" in said
    sent_event = await brisk.until_event(card, EventKind.SENT)
    assert f"Alibaba request `{sent_event.details['alibaba_request_id']}`" in said
    found = await brisk.store.requests.get(request.id)
    assert found is not None
    number, link = found.audit.split()
    assert f"*Audit*: entry {number}, hash `{link}`" in said


async def test_status_alone_shows_everything_in_flight_in_the_workspace(brisk: Stage) -> None:
    one, two = brisk.new_routes("flight", 2)
    cards = [await brisk.ask(delete_command(route)) for route in (one, two)]
    await brisk.command("status", user=CAROL)
    for card in cards:
        await brisk.until_told(CAROL, (await brisk.request(card)).id)


async def test_a_request_that_is_unknown_or_unreadable_is_told_as_such(brisk: Stage) -> None:
    (route,) = brisk.new_routes("broken")
    card = await brisk.ask(delete_command(route))
    request = await brisk.request(card)
    await brisk.command("status r-aaaaaaaaaa")
    await brisk.until_told(ALICE, "Request r-aaaaaaaaaa is not known.")
    await brisk.until_quiet(card)
    await brisk.store.database.command("SET", key("told", request.id), "{")
    await brisk.command(f"status {request.id}", user=CAROL)
    assert "Card and thread" not in await brisk.until_told(CAROL, "Decisions")
    await brisk.store.database.command("HSET", key("request", request.id), "data", "{")
    await brisk.command(f"status {request.id}")
    await brisk.until_told(ALICE, f"`{request.id}` can't be read by this version of the bot")
