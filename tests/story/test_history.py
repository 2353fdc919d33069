"""Memory: who changed what, who approved it, when, and in which thread."""

from ipaddress import IPv4Network, IPv6Network

import pytest
from builders import (
    CONNECTION,
    REFUSED,
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
from msgspec.structs import replace
from reading import HOSTILE, mrkdwn, objects
from stage import Stage, delete_command
from waiting import until

from bot import lifecycle
from bot.history import Found, Kinship, find, kinship
from bot.lifecycle import route_change
from bot.models import Network, People, Request, RequestState, RouteState, Terms, Verdict
from bot.sandbox.slack.arguments import MOST_BLOCKS_TEXT
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.slack import lookups as recalling
from bot.slack.messages.history import HistoryFound, history
from bot.slack.messages.mrkdwn import clock
from bot.slack.messages.table import without_tables
from bot.store import CardState
from bot.store.client import key

# --- how two blocks relate ------------------------------------------------------------

four = st.builds(
    lambda address, length: IPv4Network((address, length), strict=False),
    st.integers(0, 2**8 - 1).map(lambda low: 0x0A000000 + low),
    st.integers(22, 32),
)
six = st.builds(
    lambda address, length: IPv6Network((address, length), strict=False),
    st.integers(0, 2**128 - 1),
    st.integers(0, 128),
)


@given(four, four)
def test_a_block_contains_another_when_it_has_all_of_its_addresses(
    route: IPv4Network, asked: IPv4Network
) -> None:
    mine, its = set(route), set(asked)
    expected = None
    if mine == its:
        expected = Kinship.SAME
    elif mine > its:
        expected = Kinship.CONTAINS
    elif mine < its:
        expected = Kinship.WITHIN
    assert kinship(route, asked) is expected


@given(st.one_of(four, six), st.one_of(four, six))
def test_what_contains_another_has_it_within(one: Network, other: Network) -> None:
    turned = {Kinship.CONTAINS: Kinship.WITHIN, Kinship.WITHIN: Kinship.CONTAINS}
    there, back = kinship(one, other), kinship(other, one)
    assert back is (turned.get(there, there) if there else None)


@given(four, six)
def test_blocks_of_different_versions_have_nothing_to_do_with_each_other(
    one: IPv4Network, other: IPv6Network
) -> None:
    assert kinship(one, other) is None


# --- what is found -----------------------------------------------------------------------


def ids(found: tuple[Found, ...]) -> list[str]:
    return [one.request.id for one in found]


def made(number: int, *dests: str, connection: str = CONNECTION, origin: str = "") -> Request:
    routes = [a_route(dest, connection=connection) for dest in dests or ("10.0.0.0/24",)]
    request = a_request(*routes, id=f"r-{number}")
    return replace(request, created_at=1000.0 + number, origin=origin)


def test_of_nothing_in_particular_everything_is_found_newest_first() -> None:
    assert ids(find([made(1), made(3), made(2)], None)) == ["r-3", "r-2", "r-1"]


def test_a_connection_finds_its_own_requests() -> None:
    assert ids(find([made(1), made(2, connection="vco-other")], "vco-other")) == ["r-2"]


def test_a_block_finds_what_is_the_same_contains_it_or_lies_within_it() -> None:
    requests = [
        made(1, "10.1.0.0/16"),
        made(2, "10.0.0.0/8", "192.168.0.0/16"),
        made(3, "10.1.2.0/24", "10.2.0.0/16"),
        made(4, "10.2.0.0/16"),
        made(5, "2001:db8::/32"),
    ]
    found = find(requests, "10.1.0.0/16")
    related = {
        one.request.id: [(k.change.route.route_dest, k.kinship) for k in one.kin] for one in found
    }
    assert related == {
        "r-1": [("10.1.0.0/16", Kinship.SAME)],
        "r-2": [("10.0.0.0/8", Kinship.CONTAINS)],
        "r-3": [("10.1.2.0/24", Kinship.WITHIN)],
    }


def test_a_request_finds_itself_what_it_undoes_and_what_undoes_it() -> None:
    first, back, again = made(1), made(2, origin="r-1"), made(3, origin="r-2")
    other = made(4)
    everything = [first, back, again, other]
    assert ids(find(everything, "r-1")) == ["r-2", "r-1"]
    assert ids(find(everything, "r-2")) == ["r-3", "r-2", "r-1"]
    assert ids(find(everything, "r-3")) == ["r-3", "r-2"]
    assert ids(find([back, again], "r-1")) == ["r-2"], "the first one is forgotten"
    assert find(everything, "r-5") == ()


def test_a_destination_that_is_no_block_is_found_by_its_connection_and_by_no_block() -> None:
    odd = made(1, "10.0.0.0/24")
    route = replace(odd.routes[0], route=replace(odd.routes[0].route, route_dest="default"))
    odd = replace(odd, routes=(route,))
    assert find([odd], "0.0.0.0/0") == ()
    assert ids(find([odd], CONNECTION)) == ["r-1"]


BLOCKS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "2001:db8::/32"]
requests = st.builds(
    made,
    st.integers(0, 9),
    st.sampled_from(BLOCKS),
    st.sampled_from(BLOCKS),
    connection=st.sampled_from([CONNECTION, "vco-other"]),
    origin=st.sampled_from(["", "r-0", "r-1"]),
)


@given(
    st.lists(requests, max_size=9, unique_by=lambda r: r.id),
    st.sampled_from([None, "r-0", "r-1", CONNECTION, *BLOCKS]),
    st.integers(1, 4),
)
def test_page_by_page_the_same_is_found_as_at_once(
    everything: list[Request], about: str | None, size: int
) -> None:
    asked = [r for r in everything if r.id == about]
    asked += [r for r in everything if asked and r.id == asked[0].origin]
    pages = [everything[start : start + size] for start in range(0, len(everything), size)]
    found = {one.request.id: one for page in pages for one in find([*asked, *page], about)}
    assert found == {one.request.id: one for one in find(everything, about)}


# --- what it says --------------------------------------------------------------------------


def said(*found: Found, about: str | None = None, link: str = "", **more: int) -> str:
    message = history(HistoryFound([(one, CardState(link=link)) for one in found], **more), about)
    plainer = without_tables(message[1])
    assert problems_in_blocks(message[1]) == problems_in_blocks(plainer) == []
    return text_of({"blocks": plainer})


def test_a_row_says_who_asked_and_approved_when_and_why_and_links_to_the_thread() -> None:
    request = replace(in_state(RequestState.DELETED), origin="r-before")
    shown = said(Found(request), link="https://acme.slack.com/p1")
    line = "✅ Deleted 10.0.0.0/24 · vco-p0w5112f · 41 s"
    who = "asked by <@U0ALICE> · approved by <@U0BOB>"
    assert shown.splitlines() == [
        "*The latest requests*",
        f"*<https://acme.slack.com/p1|{line}>*",
        f"ended {clock(1143.0, day=True)} · {who} · `r-abcdefghij` · undoes `r-before`",
        "“leaking prod prefix”",
    ]


def test_everybody_who_decided_is_named() -> None:
    two = Terms(approvers=People(groups=("S0NETOPS",)), approvals=2, countersign=60.0)
    once = lifecycle.record_decision(a_request(terms=two), decided(Verdict.APPROVED))
    both = lifecycle.record_decision(once, decided(Verdict.APPROVED, by="U0CAROL"))
    asked = f"*pending* · asked by <@U0ALICE> {clock(1000.0, day=True)}"
    assert f"{asked} · approved by <@U0BOB> ·" in said(Found(once))
    assert "approved by <@U0BOB> · approved by <@U0CAROL> ·" in said(Found(both))
    rejected = lifecycle.record_decision(once, decided(Verdict.REJECTED, by="U0CAROL"))
    assert "approved by <@U0BOB> · rejected by <@U0CAROL> ·" in said(Found(rejected))
    alone = lifecycle.record_decision(
        a_request(terms=two), decided(Verdict.BROKE_GLASS, by="U0ALICE")
    )
    signed = lifecycle.countersign(deleted(alone), decided(Verdict.COUNTERSIGNED))
    assert "*break-glass* · countersigned by <@U0BOB> ·" in said(Found(signed))


def test_of_a_block_each_row_says_how_its_routes_relate_to_it() -> None:
    (wide,) = find([made(1, "10.0.0.0/8")], "10.1.0.0/16")
    (many,) = find([made(2, *(f"10.1.{n}.0/24" for n in range(7)))], "10.1.0.0/16")
    (same,) = find([made(3, "10.1.0.0/16")], "10.1.0.0/16")
    shown = said(wide, many, same, about="10.1.0.0/16")
    assert shown.startswith("*History of `10.1.0.0/16`, newest first*")
    assert "contains it: `10.0.0.0/8`" in shown
    assert "within it: `10.1.0.0/24`, `10.1.1.0/24`" in shown
    assert "`10.1.4.0/24` and 2 more" in shown
    assert "the same" not in shown


def test_a_route_that_ended_otherwise_than_its_request_says_so() -> None:
    request = approved(a_request(a_route("10.1.0.0/24"), a_route("10.2.0.0/24")))
    request = deleted(request)
    request = route_change.end(sent(request, 1200.0), 1201.0, RouteState.FAILED, REFUSED)
    assert request.state is RequestState.FAILED
    (found,) = find([request], "10.0.0.0/8")
    assert "within it: `10.1.0.0/24` (deleted), `10.2.0.0/24`" in said(found, about="10.0.0.0/8")


def test_the_request_that_was_asked_about_is_marked() -> None:
    found = find([made(1), made(2, origin="r-1")], "r-1")
    marked = [line for line in said(*found, about="r-1").splitlines() if line.startswith("→")]
    assert len(marked) == 1


def test_what_is_not_shown_is_counted() -> None:
    shown = said(Found(made(1)), more=1200, unreadable=1, searched=2000)
    assert "… and 1,200 more" in shown
    assert "Only the newest 2,000 requests were looked through." in shown
    assert "1 record can't be read by this version" in shown


def test_nothing_found_is_said() -> None:
    assert said(about="10.9.0.0/16") == "*Nothing is remembered about `10.9.0.0/16`.*"
    assert said() == "*Nothing yet.*"


def test_the_fallback_makes_sense_by_itself() -> None:
    row = (Found(in_state(RequestState.DELETED)), CardState())
    assert history(HistoryFound([row], more=2), "vco-p0w5112f")[0] == (
        "History of `vco-p0w5112f`: 3 requests. ✅ Deleted 10.0.0.0/24 · vco-p0w5112f · 41 s"
    )


@given(st.text(max_size=300) | st.just(HOSTILE))
def test_reasons_are_shown_and_never_interpreted(reason: str) -> None:
    one, other = (
        history(HistoryFound([(Found(a_request(reason=words)), CardState())]), None)
        for words in (reason, "x")
    )
    assert mrkdwn(one) == mrkdwn(other)
    assert problems_in_blocks(one[1]) == []


def test_rows_that_slack_would_not_take_are_left_out_whole_and_counted() -> None:
    long = "vco-" + "x" * 64
    dests = [f"2001:db8:1111:2222:3333:4444:{n:x}:0/112" for n in range(0xA000, 0xA014)]
    wordy = replace(made(1, *dests, connection=long), reason="x" * 300)
    many = People(users=tuple(f"U0{n:07}" for n in range(40)))
    wordy = replace(wordy, terms=Terms(approvers=many, approvals=40))
    for user in many.users:
        wordy = lifecycle.record_decision(wordy, decided(Verdict.APPROVED, by=user))
    rows = [replace(wordy, id=f"r-{n}") for n in range(15)]
    found = find(rows, "2001:db8::/32")
    link = "https://acme.slack.com/archives/" + "x" * 200
    shown = said(*found, about="2001:db8::/32", link=link)
    assert len(shown) <= MOST_BLOCKS_TEXT
    (left_out,) = [line for line in shown.splitlines() if line.startswith("… and ")]
    assert shown.count(f"<{link}|") + int(left_out.split()[2]) == 15


# --- the command --------------------------------------------------------------------------


async def done(stage: Stage, command: str, approver: str = BOB) -> Message:
    """The card of what was asked for by `command`, approved, at its end, with its link known."""
    card = await stage.ask(command)
    await stage.approve(card, user=approver)
    request = await stage.until_ended(card)

    async def linked() -> bool:
        return bool((await stage.store.card_states.get(request.id)).link)

    await until(linked)
    return card


async def answered(stage: Stage, about: str, words: str, user: str = CAROL) -> Message:
    """What `history` answers: the newest private message, which has these words in it."""
    before = len(stage.slack.ephemerals(user))
    await stage.command(f"history {about}", user=user)
    said = await stage.slack.until(lambda: stage.slack.ephemerals(user)[before:])
    (found,) = [m for m in said if words in text_of(m)]
    return found


async def answer(stage: Stage, about: str, words: str, user: str = CAROL) -> str:
    """What is read in it."""
    return text_of(await answered(stage, about, words, user))


async def test_history_finds_who_deleted_a_route_and_who_put_it_back(brisk: Stage) -> None:
    (route,) = brisk.new_routes("memory")
    gone = await done(brisk, delete_command(route, reason="INC-4211"))
    first = await brisk.request(gone)
    back = await done(brisk, f"restore {first.id}", approver=CAROL)
    second = await brisk.request(back)
    (other,) = brisk.new_routes("elsewhere")
    await done(brisk, delete_command(replace(other, route_dest="10.0.0.0/16")))

    table = await answered(brisk, "vco-memory", "History of `vco-memory`")
    rows = next(block for block in table.blocks if block["type"] == "table")["rows"][1:]
    for row, card, request, approver in (
        (rows[0], back, second, CAROL),
        (rows[1], gone, first, BOB),
    ):
        assert card.ts.replace(".", "") in str(row[0]), "the row links to the card"
        assert request.id in text_of(row[0])
        assert [e["user_id"] for e in objects(row[1]) if "user_id" in e] == [ALICE, approver]
    assert f"undoes {first.id}" in text_of(rows[0][0])
    assert text_of(rows[1][3]) == "INC-4211"

    # Any address within says which routes led there; any block around, which lay in it.
    inside = await answer(brisk, "10.0.7.7", "History of `10.0.7.7/32`")
    assert inside.count("contains it: 10.0.0.0/16") == 3
    around = await answer(brisk, "10.0.0.0/8", "History of `10.0.0.0/8`")
    assert around.count("within it: 10.0.0.0/16") == 3

    # A workspace that has no tables is told the same.
    brisk.slack.no_tables = True
    of_connection = await answer(brisk, "vco-memory", "History of `vco-memory`")
    said = [line for line in of_connection.splitlines() if line.startswith("*<")]
    assert ["Restored" in said[0], "Deleted" in said[1]] == [True, True]
    assert len(said) == 2
    assert (
        f"asked by <@{ALICE}> · approved by <@{CAROL}> · `{second.id}` · undoes `{first.id}`"
        in of_connection
    )
    assert f"approved by <@{BOB}> · `{first.id}`" in of_connection
    latest = await answer(brisk, "", "The latest requests")
    assert "vco-elsewhere" in latest.splitlines()[1]
    of_request = await answer(brisk, first.id, f"History of `{first.id}`")
    assert "vco-elsewhere" not in of_request
    assert f"undoes `{first.id}`" in of_request


async def test_what_nobody_remembers_is_said(brisk: Stage) -> None:
    await answer(brisk, "", "Nothing yet.")
    await answer(brisk, "10.9.0.0/16", "Nothing is remembered about `10.9.0.0/16`.")
    await answer(brisk, "r-aaaaaaaaaa", "Request r-aaaaaaaaaa is not known.")


async def test_records_that_can_not_be_read_are_counted_and_hide_no_others(brisk: Stage) -> None:
    good, bad = brisk.new_routes("damage", 2)
    await done(brisk, delete_command(good))
    damaged = await brisk.request(await done(brisk, delete_command(bad)))
    await brisk.store.database.command("HSET", key("request", damaged.id), "data", "{")
    shown = await answer(brisk, "vco-damage", "History of `vco-damage`")
    assert "10.0.0.0/16" in shown
    assert "1 record can't be read by this version" in shown


async def test_a_search_has_bounds_and_says_so(
    brisk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = brisk.new_routes("bounds", 2)
    old = await brisk.request(await done(brisk, delete_command(first)))
    await done(brisk, delete_command(second))
    monkeypatch.setattr(recalling, "MOST_READ", 1)
    monkeypatch.setattr(recalling, "MOST_ROWS", 1)
    shown = await answer(brisk, "vco-bounds", "History of `vco-bounds`")
    assert "Only the newest 1 requests were looked through." in shown
    assert "10.1.0.0/16" in shown
    assert "10.0.0.0/16" not in shown
    # A request is found by its id however old it is.
    assert "10.0.0.0/16" in await answer(brisk, old.id, f"History of `{old.id}`")


async def test_the_latest_are_shown_and_the_rest_is_counted(
    brisk: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for route in brisk.new_routes("latest", 3):
        await done(brisk, delete_command(route))
    monkeypatch.setattr(recalling, "MOST_ROWS", 2)
    shown = await answer(brisk, "", "The latest requests")
    assert [dest in shown for dest in ("10.2.0.0/16", "10.1.0.0/16")] == [True, True]
    assert "10.0.0.0/16" not in shown
    assert "… and 1 more" in shown
