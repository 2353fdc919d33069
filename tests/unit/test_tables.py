"""Tables: of which messages, with what in them, and what stands there where Slack takes none."""

from typing import Any

import pytest
from builders import (
    REFUSED,
    a_request,
    a_route,
    a_snapshot,
    approved,
    deleted,
    in_state,
    live,
    sent,
)
from golden_messages import golden
from msgspec.structs import replace
from reading import HOSTILE, objects

from bot.history import Found
from bot.lifecycle import route_change
from bot.models import Impact, Operation, Request, RequestState, RouteKind, RouteList, RouteState
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.history import HistoryFound, history
from bot.slack.messages.listing import routes
from bot.slack.messages.mrkdwn import Block
from bot.slack.messages.table import NOTHING, Column, Table, raw, table, without_tables
from bot.store import CardState

FOUR = tuple(a_route(f"10.{n}.0.0/24") for n in range(4))
VIEW = View(now=1143.0)
LINK = "https://acme.slack.com/archives/C0NETOPS/p1"


def tables(blocks: list[Block]) -> list[Table]:
    return [block for block in blocks if isinstance(block, Table)]


def rows_of(blocks: list[Block]) -> list[list[str]]:
    """What is read in each row of the one table."""
    [found] = tables(blocks)
    return [[text_of(cell).replace("\n", "") for cell in row] for row in found["rows"]]


def column(blocks: list[Block], title: str) -> list[str]:
    head, *rows = rows_of(blocks)
    return [row[head.index(title)] for row in rows]


def listed(*some: Any, **more: Any) -> tuple[str, list[Block]]:  # noqa: ANN401 - fields of a list
    return routes(a_snapshot(a_route()).connection, RouteList(routes=some, **more))


# --- in general ------------------------------------------------------------------------------


def test_what_would_be_more_than_slack_takes_is_no_table() -> None:
    instead = [{"type": "divider"}]
    one = (Column("Route"),)
    assert tables(table(one, [[raw("x" * 90)]] * 99, instead))
    assert table(one, [[raw("x")]] * 100, instead) == instead
    assert table(one, [[raw("x" * 200)]] * 99, instead) == instead


def test_a_cell_is_never_empty_and_hides_nothing() -> None:
    assert raw(" ") == {"type": "raw_text", "text": NOTHING}
    assert raw("a\nb\u202ec")["text"] == "a b\ufffdc"
    assert len(raw("x" * 5000)["text"]) == 1000


@pytest.mark.parametrize("one", [g for g in golden() if g.kind == "message"], ids=lambda g: g.name)
def test_slack_takes_what_stands_in_the_place_of_every_table(one: Any) -> None:  # noqa: ANN401 - a Golden
    plainer = without_tables(one.shown["blocks"])
    assert problems_in_blocks(plainer) == []
    assert tables(plainer) == []


# --- list ------------------------------------------------------------------------------------


def test_several_routes_are_a_table_with_the_columns_that_differ() -> None:
    learned = replace(live(a_route("10.1.0.0/16")), kind=RouteKind.BGP)
    _, blocks = listed(live(a_route()), learned)
    assert rows_of(blocks) == [
        ["Route", "Weight", "Kind", "State"],
        ["10.0.0.0/24", "100", "custom", "published"],
        ["10.1.0.0/16", "100", "BGP", "published"],
    ]
    away = live(replace(a_route(), next_hop="vpn-other"), state="")
    assert rows_of(listed(away, live(a_route("10.1.0.0/16"), state=""))[1]) == [
        ["Route", "Weight", "Next hop", "Kind"],
        ["10.0.0.0/24", "100", "vpn-other", "custom"],
        ["10.1.0.0/16", "100", NOTHING, "custom"],
    ]


def test_one_route_is_a_line() -> None:
    text, blocks = listed(live(a_route()))
    assert tables(blocks) == []
    assert text_of({"blocks": blocks}) == text
    assert "• `10.0.0.0/24` · weight 100 · custom, published" in text


def test_the_text_of_a_list_says_all_that_is_in_its_table() -> None:
    text, blocks = listed(*(live(a_route(f"10.{n}.0.0/24")) for n in range(43)), bgp_known=False)
    assert [f"`{dest}`" in text for dest in column(blocks, "Route")] == [True] * 40
    plainer = text_of({"blocks": without_tables(blocks)})
    assert plainer == text
    assert "… and 3 more" in text_of({"blocks": blocks})


# --- cards -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", RequestState)
def test_a_card_has_a_table_where_its_first_line_can_not_name_the_routes(
    state: RequestState,
) -> None:
    few, many = (card(in_state(state, *FOUR[:n]), VIEW)[1] for n in (3, 4))
    assert tables(few) == []
    named = text_of({"blocks": many})
    assert [r.route_dest in named for r in FOUR] == [True] * 4
    said = text_of({"blocks": without_tables(many)})
    assert [r.route_dest in said for r in FOUR] == [True] * 4
    nothing_sent = state in (
        *(RequestState.REJECTED, RequestState.EXPIRED, RequestState.CANCELLED, RequestState.VOID),
    )
    assert len(tables(many)) == (0 if nothing_sent else 1)


def test_who_approves_many_reads_first_how_many_lose_their_route() -> None:
    bare, *covered = a_snapshot(*FOUR).impacts
    over = live(a_route("10.0.0.0/8"))
    impacts = (bare, *(replace(one, takers=(over,)) for one in covered))
    request = a_request(*FOUR, snapshot=a_snapshot(*FOUR, impacts=impacts, bgp_unknown=True))
    _, blocks = card(request, VIEW)
    said = text_of({"blocks": blocks})
    assert said.index("⛔ *Traffic of 1 of 4 routes loses its route.*") < said.index("Traffic")
    first, second, *_ = column(blocks, "Traffic")
    assert first == "⛔ 256 addresses lose their route."
    assert second == "256 addresses stay on this connection: 10.0.0.0/8 covers them."
    # What is true of all of them is said once.
    assert said.count("Routes learned over BGP could not be read") == 1
    back = a_request(*FOUR, operation=Operation.RESTORE)
    assert "of 4 routes" not in text_of({"blocks": card(back, VIEW)[1]})


def test_each_row_says_how_far_it_is_and_then_where_its_traffic_goes() -> None:
    request = deleted(approved(a_request(*FOUR)))
    under_way = route_change.accept(sent(request, 1200.0), 1201.0, "9208DDD8-AAAA")
    said = column(card(under_way, VIEW)[1], "State")
    assert said == ["✅ deleted", "⏳ deleting", "waiting", "waiting"]
    failed = route_change.end(sent(request, 1200.0), 1201.0, RouteState.FAILED, REFUSED)
    _, blocks = card(failed, VIEW)
    assert column(blocks, "State")[:2] == ["✅ deleted", "❌ not deleted"]
    assert column(blocks, "Traffic")[:2] == [
        "⛔ 256 addresses have no route on this connection now.",
        NOTHING,
    ]
    maybe = in_state(RequestState.UNCONFIRMED, *FOUR)
    first, *others = column(card(maybe, VIEW)[1], "Traffic")
    assert first.startswith("If it was done: ⛔ 256")
    assert others == [NOTHING] * 3, "they were not sent"


def test_what_somebody_else_wrote_stands_in_cells_that_interpret_nothing() -> None:
    one = Impact(route=FOUR[0], carries=(FOUR[0].route_dest,), not_restorable=HOSTILE[:60])
    rest = a_snapshot(*FOUR).impacts[1:]
    request = a_request(*FOUR, snapshot=a_snapshot(*FOUR, impacts=(one, *rest)))
    [found] = tables(card(request, VIEW)[1])
    kinds = {cell["type"] for row in found["rows"] for cell in row}
    assert kinds == {"raw_text"}
    assert "<!channel>" in text_of(found)


# --- history ---------------------------------------------------------------------------------


def found(*requests: Request, link: str = LINK) -> HistoryFound:
    return HistoryFound([(Found(one), CardState(link=link)) for one in requests])


def test_several_requests_are_a_table_that_leads_to_their_cards() -> None:
    done = replace(in_state(RequestState.DELETED), origin="r-before")
    text, blocks = history(found(done, replace(a_request(), id="r-2")), None)
    head, first, second = rows_of(blocks)
    assert head == ["Request", "Who", "When", "Why"]
    line = "✅ Deleted 10.0.0.0/24 · vco-p0w5112f · 41 s"
    assert first[0] == f"{line}r-abcdefghij, undoes r-before"
    assert first[3] == "leaking prod prefix"
    assert "approved by" in first[1]
    assert "r-2" in second[0]
    [shown] = tables(blocks)
    [leaf, *_] = shown["rows"][1][0]["elements"][0]["elements"]
    assert (leaf["type"], leaf["url"]) == ("link", LINK)
    people = [one["user_id"] for one in objects(shown["rows"][1][1]) if "user_id" in one]
    assert people == ["U0ALICE", "U0BOB"]
    assert problems_in_blocks(blocks) == []
    assert line in text
    assert "🟠 Delete 10.0.0.0/24" in text


def test_one_request_stands_as_on_its_card() -> None:
    assert tables(history(found(a_request()), None)[1]) == []
