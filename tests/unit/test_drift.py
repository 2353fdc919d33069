"""What is no longer as the approver saw it, right before something is sent (G6)."""

from collections.abc import Sequence

import msgspec
from builders import listed
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Connection, Draft, LiveRoute, RouteKind, Snapshot, VcoRoute
from bot.preview.impact import identity, impacts, remaining
from bot.preview.snapshot import drift, snapshot

VCO = "vco-p0w5112f"
ATTACHED = Connection(
    vpn_connection_id=VCO, region="cn-hangzhou", state="attached", attach_type="CEN"
)


def live(
    dest: str, weight: int = 100, hop: str = VCO, kind: RouteKind = RouteKind.CUSTOM
) -> LiveRoute:
    route = VcoRoute(vpn_connection_id=VCO, route_dest=dest, next_hop=hop, weight=weight)
    return LiveRoute(route=route, kind=kind, state="published")


ROUTE, OTHER, WIDE = live("10.1.2.0/24"), live("10.1.3.0/24"), live("10.1.0.0/16")
HALF, FAR = live("10.1.2.0/25"), live("172.16.0.0/12")


def seen(*dests: str, routes: Sequence[LiveRoute], weight: int | None = None) -> Snapshot:
    asked = Draft(vpn_connection_id=VCO, route_dests=dests, region="cn-hangzhou", weight=weight)
    return snapshot(asked, ATTACHED, listed(routes), at=5.0)


def changed(card: Snapshot, routes: Sequence[LiveRoute], **now: str) -> str | None:
    return drift(card, msgspec.structs.replace(ATTACHED, **now), listed(routes))


def test_nothing_has_changed_where_all_is_as_it_was() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE])
    assert changed(card, [WIDE, ROUTE]) is None


def test_a_busy_connection_is_waited_for_and_has_not_changed() -> None:
    assert changed(seen("10.1.2.0/24", routes=[ROUTE]), [ROUTE], state="updating") is None


def test_the_passing_state_of_a_route_is_no_change() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE])
    now = [msgspec.structs.replace(r, state="Active") for r in (ROUTE, WIDE)]
    assert changed(card, now) is None


def test_another_attachment_voids_what_was_approved() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE])
    assert changed(card, [ROUTE], attach_type="VPNGW") == f"{VCO} is attached to a VPN gateway now."
    assert changed(card, [ROUTE], attach_type="") == (
        f"The attach type of {VCO} was CEN and is not known now."
    )


def test_a_detached_connection_voids_what_was_approved() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE])
    assert changed(card, [ROUTE], state="detached") == (
        f"{VCO} is detached from its transit router now."
    )


def test_a_target_that_is_gone_is_told() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE])
    assert changed(card, [WIDE]) == "The route 10.1.2.0/24 (weight 100) is gone already."


def test_a_target_with_another_weight_is_another_route() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE])
    assert changed(card, [live("10.1.2.0/24", 0)]) == (
        "The route 10.1.2.0/24 (weight 100) is gone already; there is 10.1.2.0/24 (weight 0) now."
    )


def test_a_target_that_is_only_learned_now_is_gone() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE])
    sentence = changed(card, [live("10.1.2.0/24", kind=RouteKind.BGP)])
    assert sentence is not None
    assert "(weight 100, learned over BGP) now" in sentence


def test_a_taker_that_is_gone_is_told() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE, FAR])
    assert changed(card, [ROUTE, FAR]) == (
        "The traffic to 10.1.2.0/24 would have gone to 10.1.0.0/16 (weight 100) "
        "and would go to no route of this connection now."
    )


def test_a_new_taker_is_told() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE])
    assert changed(card, [ROUTE, WIDE, live("10.1.2.0/23", 0, "vco-b")]) == (
        "The traffic to 10.1.2.0/24 would have gone to 10.1.0.0/16 (weight 100) "
        "and would go to 10.1.2.0/23 (weight 0, next hop vco-b) now."
    )


def test_many_takers_are_told_by_number() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, FAR])
    sentence = changed(card, [ROUTE, FAR, *(live("10.1.0.0/16", hop=f"vco-{n}") for n in range(4))])
    assert sentence is not None
    assert sentence.endswith("next hop vco-1) and 2 more now.")


def test_a_new_route_inside_is_told_and_so_is_a_lost_one() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE])
    assert changed(card, [ROUTE, WIDE, HALF]) == (
        "Inside 10.1.2.0/24 there is 10.1.2.0/25 (weight 100) now, which was not there before."
    )
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE, HALF])
    assert changed(card, [ROUTE, WIDE]) == (
        "Inside 10.1.2.0/24 there was 10.1.2.0/25 (weight 100), which is gone now."
    )


def test_the_same_prefix_that_stayed_and_is_gone_is_told() -> None:
    active, standby = live("10.1.2.0/24"), live("10.1.2.0/24", 0)
    card = seen("10.1.2.0/24", routes=[active, standby, WIDE], weight=0)
    assert changed(card, [standby, WIDE]) == (
        "The traffic to 10.1.2.0/24 would have gone to 10.1.2.0/24 (weight 100) "
        "and would go to 10.1.0.0/16 (weight 100) now."
    )


def test_routes_elsewhere_may_come_and_go() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE])
    assert changed(card, [ROUTE, WIDE, FAR, live("::/0"), OTHER]) is None


LEARNED = live("10.1.0.0/16", hop="", kind=RouteKind.BGP)


def test_a_route_learned_over_bgp_is_missed_only_where_their_listing_was_read() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, OTHER, LEARNED])
    assert drift(card, ATTACHED, listed([ROUTE, OTHER], bgp_known=False)) is None
    assert drift(card, ATTACHED, listed([ROUTE, OTHER])) is not None


def test_custom_routes_are_compared_where_the_listing_of_bgp_routes_fails() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, WIDE, LEARNED])
    now = [ROUTE, OTHER, live("10.1.2.0/25")]
    assert drift(card, ATTACHED, listed(now, bgp_known=False)) is not None
    gone = drift(card, ATTACHED, listed([WIDE], bgp_known=False))
    assert gone is not None
    assert "gone already" in gone


def test_nobody_relied_on_bgp_routes_that_were_not_known_when_the_card_was_made() -> None:
    asked = Draft(vpn_connection_id=VCO, route_dests=("10.1.2.0/24",), region="cn-hangzhou")
    card = snapshot(asked, ATTACHED, listed([ROUTE, OTHER], bgp_known=False), at=5.0)
    assert card.bgp_unknown
    assert changed(card, [ROUTE, OTHER, LEARNED]) is None
    assert changed(card, [ROUTE, OTHER, HALF]) is not None


def test_becoming_the_last_route_is_told_and_so_is_no_longer_being_it() -> None:
    card = seen("10.1.2.0/24", routes=[ROUTE, FAR])
    assert changed(card, [ROUTE]) == f"{VCO} would now be left without any route."
    card = seen("10.1.2.0/24", routes=[ROUTE])
    assert changed(card, [ROUTE, FAR]) == (
        f"{VCO} would have been left without any route, and now others stay."
    )


def test_a_route_that_was_put_back_counts_as_one_that_stays() -> None:
    card = seen("10.1.0.0/16", "10.1.2.0/24", routes=[ROUTE, WIDE, FAR])
    assert drift(card, ATTACHED, listed([ROUTE, FAR]), done=[WIDE.route]) is None
    assert drift(card, ATTACHED, listed([ROUTE, WIDE, FAR]), done=[WIDE.route]) == (
        "The traffic to 10.1.2.0/24 would have gone to no route of this connection "
        "and would go to 10.1.0.0/16 (weight 100) now."
    )


DESTS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.128/25", "::/0"]
LIVE = st.builds(
    live,
    st.sampled_from(DESTS),
    st.sampled_from([0, 100]),
    st.sampled_from([VCO, "vco-b"]),
    st.sampled_from(RouteKind),
)
TABLES = st.lists(LIVE, max_size=10, unique_by=identity)


@given(table=TABLES, data=st.data())
def test_our_own_deletions_one_after_another_are_no_drift(
    table: list[LiveRoute], data: st.DataObject
) -> None:
    targets = [r for r in table if r.kind is RouteKind.CUSTOM and data.draw(st.booleans())]
    card = taken(targets, table)
    for count in range(len(targets) + 1):
        gone = targets[:count]
        done = [r.route for r in gone]
        now = data.draw(st.permutations([r for r in table if r not in gone]))
        assert drift(card, ATTACHED, listed(now), done=done) is None


@given(before=TABLES, now=TABLES, data=st.data())
def test_drift_is_told_exactly_where_a_new_card_would_say_something_else(
    before: list[LiveRoute], now: list[LiveRoute], data: st.DataObject
) -> None:
    targets = [r for r in before if r.kind is RouteKind.CUSTOM and data.draw(st.booleans())]
    now = data.draw(st.sampled_from([now, [*now, *(t for t in targets if t not in now)]]))
    was, new = taken(targets, before), taken(targets, now)
    same = was.impacts == new.impacts and was.last_routes == new.last_routes
    told = drift(was, ATTACHED, listed(now))
    assert (told is None) == (same and set(targets) <= set(now))


def taken(targets: Sequence[LiveRoute], routes: Sequence[LiveRoute]) -> Snapshot:
    return Snapshot(
        taken_at=1.0,
        connection=ATTACHED,
        targets=tuple(targets),
        impacts=impacts(targets, routes),
        last_routes=not remaining(routes, targets),
    )
