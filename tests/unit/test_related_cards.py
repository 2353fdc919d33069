"""What requests know of each other: on one connection, taken back, made void by another one."""

import pytest
from builders import (
    ALICE,
    BOB,
    CAROL,
    a_request,
    a_route,
    a_snapshot,
    approved,
    deleted,
    in_state,
    live,
)
from msgspec.structs import replace
from reading import objects

from bot import lifecycle
from bot.follow_up import monitoring
from bot.models import Impact, LiveRoute, Operation, Request, RequestState, Tunnel, VcoRoute
from bot.preview.crossing import would_void
from bot.preview.impact import impacts
from bot.sandbox.slack.blocks import problems_in_blocks
from bot.sandbox.slack.messages import text_of
from bot.slack.messages.app_home import view
from bot.slack.messages.buttons import RESTORE
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.concerns import AppHomeData
from bot.slack.messages.related import MOST_BESIDE, Related, closest
from bot.slack.messages.replies import Row
from bot.slack.messages.timeline import line
from bot.store import CardState

LINK = "https://acme.slack.com/archives/C0NETOPS/p1"
WIDE, NARROW, AWAY = a_route("10.0.0.0/16"), a_route("10.0.7.0/24"), a_route("10.9.0.0/16")


def on_connection(
    *targets: VcoRoute,
    id: str = "r-abcdefghij",  # noqa: A002 - the field's name
    there: tuple[VcoRoute, ...] = (WIDE, NARROW, AWAY),
    operation: Operation = Operation.DELETE,
    by: str = ALICE,
) -> Request:
    """A request about `targets`, previewed while all of these routes are there."""
    going: list[LiveRoute] = [live(t) for t in targets]
    seen = impacts(going, [live(r) for r in dict.fromkeys((*there, *targets))])
    snapshot = a_snapshot(*targets, impacts=seen)
    request = a_request(*targets, id=id, snapshot=snapshot, operation=operation)
    return replace(request, requester=by)


def shown(request: Request, **others: object) -> str:
    blocks = card(request, View(now=0.0, **others))[1]  # type: ignore[arg-type] # fields of View
    assert problems_in_blocks(blocks) == []
    return text_of({"blocks": blocks})


def buttons(request: Request, rollback: Related) -> list[str]:
    blocks = card(request, View(now=0.0, rollback=rollback))[1]
    return [o["action_id"] for o in objects(blocks) if o.get("type") == "button"]


# --- do they get in each other's way ------------------------------------------------------


def test_what_lies_within_what_goes_voids_it_and_the_other_way_round() -> None:
    wide, narrow, away = map(on_connection, (WIDE, NARROW, AWAY))
    assert would_void(wide, narrow)
    assert would_void(narrow, wide)
    assert not would_void(wide, away)
    assert not would_void(away, wide)


def test_a_covering_route_that_is_not_the_next_one_changes_nothing() -> None:
    there = (a_route("10.0.0.0/8"), WIDE, NARROW)
    eight, narrow = on_connection(there[0], there=there), on_connection(NARROW, there=there)
    assert not would_void(narrow, eight), "the /16 takes over, whatever becomes of the /8"
    assert would_void(eight, narrow), "what lies within it is named on its card"


def test_a_route_that_comes_back_voids_what_it_would_take_over() -> None:
    narrow = on_connection(NARROW, there=(NARROW,))
    back = on_connection(WIDE, there=(NARROW,), operation=Operation.RESTORE)
    assert would_void(narrow, back)
    assert not would_void(narrow, on_connection(AWAY, operation=Operation.RESTORE))


def test_only_what_was_changed_of_several_routes_counts() -> None:
    wide, both = on_connection(WIDE), on_connection(NARROW, AWAY)
    assert would_void(wide, both, [NARROW])
    assert not would_void(wide, both, [AWAY])


# --- two on one connection -----------------------------------------------------------------


def test_each_card_says_what_the_other_would_change_and_that_they_void_each_other() -> None:
    wide, narrow = on_connection(WIDE), on_connection(NARROW, id="r-other", by=CAROL)
    said = shown(wide, beside=(Related(narrow, LINK),)).splitlines()
    start = said.index("*Open on this connection too*")
    assert said[start + 1] == (
        f"⚠️ <{LINK}|🟠 Delete 10.0.7.0/24> · asked by <@{CAROL}>. 256 addresses stay on this "
        "connection: 10.0.0.0/16 covers them. *Whichever runs first voids the other.*"
    )
    assert "⛔" in shown(narrow, beside=(Related(wide),))


def test_what_is_under_way_comes_first() -> None:
    wide, narrow = on_connection(WIDE), on_connection(NARROW, id="r-other")
    running = replace(narrow, state=RequestState.EXECUTING)
    assert "Once that is done, this request is void." in shown(wide, beside=(Related(running),))
    assert "Once this is done, that one is void." in shown(
        replace(approved(wide), state=RequestState.EXECUTING), beside=(Related(narrow),)
    )


def test_what_touches_other_addresses_is_named_without_a_warning() -> None:
    said = shown(on_connection(AWAY, there=(AWAY,)), beside=(Related(on_connection(WIDE)),))
    assert "\n🟠 Delete 10.0.0.0/16 · asked by" in said
    assert "void" not in said


def test_those_that_get_in_its_way_come_first_and_of_many_some_are_named() -> None:
    wide = on_connection(WIDE)
    others = [on_connection(a_route(f"10.{n}.0.0/16"), id=f"r-{n}") for n in range(20, 26)]
    order = closest(wide, [*others, on_connection(NARROW, id="r-last")])
    assert order[0].id == "r-last"
    said = shown(wide, beside=tuple(map(Related, order[: MOST_BESIDE + 1])))
    assert said.count("asked by") == MOST_BESIDE
    assert "… and more: `/vco-route status`" in said


# --- void, by which request ----------------------------------------------------------------


def test_a_void_request_says_which_one_did_it() -> None:
    wide, narrow = on_connection(WIDE), on_connection(NARROW, id="r-other", by=CAROL)
    void = lifecycle.drift(approved(wide), 1200.0, "It changed.", by="r-other", untouched=True)
    cause = Related(deleted(approved(narrow)), LINK)
    said = shown(void, voided_by=cause)
    assert f"That was <{LINK}|✅ Deleted 10.0.7.0/24>, `r-other`, asked by <@{CAROL}>." in said
    told = line(void, void.timeline[-1])
    assert told is not None
    assert "Request `r-other` did that. *The route stays, and its traffic" in told[0]
    partly = lifecycle.drift(
        deleted(approved(on_connection(WIDE, AWAY))), 1300.0, "It changed.", by="r-other"
    )
    assert "That was " in shown(partly, voided_by=cause)


# --- taken back ------------------------------------------------------------------------------


def rollback(state: RequestState) -> Related:
    """The restoration of an ordinary deletion; `deleted` stands for its end, `restored`."""
    back = in_state(state, id="r-odkodkodko", operation=Operation.RESTORE)
    return Related(replace(back, origin="r-abcdefghij"), LINK)


def test_a_deletion_that_was_restored_says_so_and_has_no_button() -> None:
    before, back = in_state(RequestState.DELETED), rollback(RequestState.RESTORED)
    said = shown(before, rollback=back).splitlines()
    assert said[0] == "⚪ Deleted, then restored: 10.0.0.0/24 · vco-p0w5112f"
    when = "<!date^1143^{time}|00:19 UTC>"
    assert said[1] == f"*Restored* {when} by <{LINK}|r-odkodkodko>, asked by <@{ALICE}>."
    assert "now" not in "\n".join(said), "where traffic goes now says the other card"
    assert buttons(before, back) == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RequestState.PENDING, "🟠 Restore 10.0.0.0/24"),
        (RequestState.APPROVED, "⏳ Approved: restore 10.0.0.0/24"),
        (RequestState.EXECUTING, "⏳ Restoring 10.0.0.0/24"),
    ],
)
def test_one_in_flight_is_shown_in_the_place_of_the_button(state: RequestState, words: str) -> None:
    before, back = in_state(RequestState.DELETED), rollback(state)
    said = shown(before, rollback=back)
    assert f"*Restore*: <{LINK}|{words}> · asked by <@{ALICE}> · `r-odkodkodko`" in said
    assert said.startswith("✅ Deleted 10.0.0.0/24")
    assert buttons(before, back) == []


@pytest.mark.parametrize(
    "state", [RequestState.REJECTED, RequestState.EXPIRED, RequestState.FAILED]
)
def test_one_that_came_to_nothing_is_shown_and_the_button_is_back(state: RequestState) -> None:
    before, back = in_state(RequestState.DELETED), rollback(state)
    assert "*Restore*: " in shown(before, rollback=back)
    assert buttons(before, back) == [RESTORE]


def test_a_restoration_is_taken_back_by_a_deletion() -> None:
    again = Related(in_state(RequestState.DELETED, id="r-again"), "")
    said = shown(in_state(RequestState.RESTORED), rollback=again)
    assert said.startswith("⚪ Restored, then deleted again: 10.0.0.0/24")
    assert "by `r-again`, asked by" in said


def test_what_was_taken_back_is_no_emergency_any_more() -> None:
    up = Tunnel(id="tun-1", up=True)
    connection = replace(a_snapshot(a_route()).connection, tunnels=(up,))
    before = in_state(RequestState.DELETED, snapshot=a_snapshot(a_route(), connection=connection))
    fallen = replace(connection, tunnels=(replace(up, up=False),))
    worse = monitoring.observe(before, 1200.0, fallen)
    assert shown(worse).startswith("⚠️")
    pending = rollback(RequestState.PENDING)
    assert "a tunnel is down" in shown(worse, rollback=pending)
    assert buttons(worse, pending) == []
    restored = shown(worse, rollback=rollback(RequestState.RESTORED))
    assert restored.startswith("⚪ Deleted, then restored")
    assert "is down" not in restored


def test_app_home_offers_no_second_restoration() -> None:
    before, back = in_state(RequestState.DELETED), rollback(RequestState.RESTORED).request
    rows = tuple(Row(r, CardState()) for r in (before, back))
    page = view(AppHomeData(rows), BOB)
    assert "⚪ Deleted, then restored: 10.0.0.0/24" in text_of(page)
    values = [o["value"] for o in objects(page["blocks"]) if o.get("action_id") == RESTORE]
    assert values == [back.id], "only what was done last can be undone"


def test_hostile_names_stay_in_their_place() -> None:
    named = replace(a_snapshot(WIDE).connection, name="<!here> *x*")
    other = a_request(WIDE, id="r-other", snapshot=a_snapshot(WIDE, connection=named))
    impact = Impact(route=WIDE, carries=("10.0.0.0/16",))
    odd = replace(other, snapshot=replace(other.snapshot, impacts=(impact,)))
    said = shown(on_connection(NARROW), beside=(Related(odd, LINK),))
    assert "<!here>" not in said
