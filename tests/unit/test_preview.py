"""Which routes are meant, and what the approver sees."""

from collections.abc import Sequence

import msgspec
import pytest
from builders import listed
from hypothesis import given
from hypothesis import strategies as st

from bot.command import Delete, parse, render
from bot.errors import PreviewError
from bot.models import Connection, Draft, LiveRoute, RouteKind, Snapshot, VcoRoute
from bot.preview.impact import identity, impacts
from bot.preview.snapshot import resolve, snapshot

VCO = "vco-p0w5112f"
ATTACHED = Connection(
    vpn_connection_id=VCO, region="cn-hangzhou", state="attached", attach_type="CEN"
)


def live(
    dest: str, weight: int = 100, hop: str = VCO, kind: RouteKind = RouteKind.CUSTOM
) -> LiveRoute:
    route = VcoRoute(vpn_connection_id=VCO, route_dest=dest, next_hop=hop, weight=weight)
    return LiveRoute(route=route, kind=kind, state="published")


def draft(*dests: str, weight: int | None = None, next_hop: str | None = None) -> Draft:
    return Draft(
        vpn_connection_id=VCO,
        route_dests=dests,
        region="cn-hangzhou",
        weight=weight,
        next_hop=next_hop,
        reason="INC-4211",
    )


def refused(
    asked: Draft, routes: Sequence[LiveRoute], connection: Connection = ATTACHED
) -> PreviewError:
    with pytest.raises(PreviewError) as error:
        resolve(asked, connection, routes)
    return error.value


# --- the route meant -----------------------------------------------------------------


def test_weight_and_next_hop_come_from_the_live_route() -> None:
    route = live("192.168.10.0/24", 0, "vco-other")
    assert resolve(draft("192.168.10.0/24"), ATTACHED, [route]) == (route,)


def test_routes_are_found_in_the_order_asked() -> None:
    one, other = live("10.1.0.0/16"), live("10.2.0.0/16")
    assert resolve(draft("10.2.0.0/16", "10.1.0.0/16"), ATTACHED, [one, other]) == (other, one)


def test_weight_and_next_hop_choose_among_routes_to_one_destination() -> None:
    active, standby, other = (
        live("10.1.0.0/16"),
        live("10.1.0.0/16", 0),
        live("10.1.0.0/16", 0, "vco-other"),
    )
    routes = [active, standby, other]
    assert resolve(draft("10.1.0.0/16", weight=100), ATTACHED, routes) == (active,)
    exact = draft("10.1.0.0/16", weight=0, next_hop="vco-other")
    assert resolve(exact, ATTACHED, routes) == (other,)


def test_a_custom_route_is_meant_rather_than_a_learned_one() -> None:
    custom, learned = live("10.1.0.0/16"), live("10.1.0.0/16", kind=RouteKind.BGP)
    assert resolve(draft("10.1.0.0/16"), ATTACHED, [learned, custom]) == (custom,)


def test_a_destination_is_found_however_the_cloud_spells_it() -> None:
    long, loose = live("2001:DB8:0:0::/64"), live("10.1.2.3/24")
    assert resolve(draft("2001:db8::/64", "10.1.2.0/24"), ATTACHED, [long, loose]) == (long, loose)


def test_a_route_of_another_connection_is_never_meant() -> None:
    route = live("10.1.0.0/16")
    foreign = msgspec.structs.replace(
        route, route=msgspec.structs.replace(route.route, vpn_connection_id="vco-other")
    )
    error = refused(draft("10.1.0.0/16"), [foreign])
    assert error.problem == f"{VCO} has no route to 10.1.0.0/16."
    assert error.choices == ()


# --- several fit ---------------------------------------------------------------------


def test_where_weights_differ_the_choices_name_weights() -> None:
    error = refused(draft("10.1.0.0/16"), [live("10.1.0.0/16"), live("10.1.0.0/16", 0)])
    assert error.problem == f"2 routes of {VCO} lead to 10.1.0.0/16."
    assert error.mend == "Say which one:"
    assert error.choices == (
        render(draft("10.1.0.0/16", weight=100)),
        render(draft("10.1.0.0/16", weight=0)),
    )


def test_where_next_hops_differ_the_choices_name_next_hops() -> None:
    error = refused(draft("10.1.0.0/16"), [live("10.1.0.0/16"), live("10.1.0.0/16", hop="vco-b")])
    assert error.choices == (
        render(draft("10.1.0.0/16", next_hop=VCO)),
        render(draft("10.1.0.0/16", next_hop="vco-b")),
    )


def test_of_several_blocks_a_choice_is_for_the_unclear_one_alone() -> None:
    routes = [live("10.1.0.0/16"), live("10.2.0.0/16"), live("10.2.0.0/16", 0)]
    error = refused(draft("10.1.0.0/16", "10.2.0.0/16"), routes)
    assert "each command is for that one route" in error.mend
    assert error.choices[0] == render(draft("10.2.0.0/16", weight=100))


def test_a_route_that_the_cloud_lists_twice_is_one_route() -> None:
    route = live("10.1.0.0/16")
    assert resolve(draft("10.1.0.0/16"), ATTACHED, [route, route]) == (route,)


# --- none fits -----------------------------------------------------------------------


def test_the_nearest_routes_are_offered_the_most_alike_first() -> None:
    far, near, inside, around = (
        live("172.16.0.0/12"),
        live("10.1.3.0/24"),
        live("10.1.2.128/25"),
        live("10.0.0.0/8"),
    )
    error = refused(draft("10.1.2.0/24"), [far, near, inside, around, live("2001:db8::/32")])
    assert error.problem == f"{VCO} has no route to 10.1.2.0/24."
    assert error.mend == "The nearest are these:"
    nearest = ["10.0.0.0/8", "10.1.2.128/25", "10.1.3.0/24", "172.16.0.0/12"]
    assert error.choices == tuple(render(draft(dest)) for dest in nearest)


def test_the_same_destination_with_another_weight_is_nearest_of_all() -> None:
    asked = draft("10.1.2.0/24", weight=0, next_hop="vco-b")
    error = refused(asked, [live("10.1.0.0/16", 0, "vco-b"), live("10.1.2.0/24")])
    assert error.problem == f"{VCO} has no route to 10.1.2.0/24 with weight 0 and next hop vco-b."
    assert error.choices[0] == render(draft("10.1.2.0/24", weight=100, next_hop=VCO))


def test_only_the_few_nearest_are_offered() -> None:
    error = refused(draft("10.0.0.0/24"), [live(f"10.0.{n}.0/24") for n in range(1, 100)])
    assert error.choices == tuple(render(draft(f"10.0.{n}.0/24")) for n in range(1, 6))


def test_learned_routes_are_never_offered() -> None:
    error = refused(draft("10.1.2.0/24"), [live("10.1.0.0/16", kind=RouteKind.BGP)])
    assert error.choices == ()
    assert error.mend == "It has no IPv4 routes that could be deleted here."


def test_a_learned_route_has_to_be_withdrawn_on_the_peer() -> None:
    error = refused(draft("10.1.0.0/16"), [live("10.1.0.0/16", kind=RouteKind.BGP)])
    assert "learned from the peer over BGP and can't be deleted here" in error.problem
    assert error.mend == "Withdraw it on the peer."


def test_a_custom_route_beside_a_learned_one_is_offered_where_its_weight_was_mistaken() -> None:
    routes = [live("10.1.0.0/16", 0), live("10.1.0.0/16", kind=RouteKind.BGP)]
    error = refused(draft("10.1.0.0/16", weight=100), routes)
    assert error.choices == (render(draft("10.1.0.0/16", weight=0)),)


DESTS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.128/25", "::/0"]
LIVE = st.builds(
    live,
    st.sampled_from(DESTS),
    st.sampled_from([0, 100]),
    st.sampled_from([VCO, "vco-b"]),
    st.sampled_from(RouteKind),
)
TABLES = st.lists(LIVE, max_size=10, unique_by=identity)


@given(
    TABLES,
    st.sampled_from([*DESTS, "10.9.0.0/16"]),
    st.sampled_from([None, 0, 100]),
    st.sampled_from([None, VCO, "vco-b"]),
)
def test_what_is_found_is_the_only_fit_and_every_command_offered_finds_one_route(
    table: list[LiveRoute], dest: str, weight: int | None, hop: str | None
) -> None:
    asked = draft(dest, weight=weight, next_hop=hop)
    fits = [
        r
        for r in table
        if r.kind is RouteKind.CUSTOM
        and r.route.route_dest == dest
        and weight in (None, r.route.weight)
        and hop in (None, r.route.next_hop)
    ]
    if len(fits) == 1:
        assert resolve(asked, ATTACHED, table) == tuple(fits)
        return
    choices = refused(asked, table).choices
    assert len(set(choices)) == len(choices)
    assert len(choices) >= len(fits)
    for choice in choices:
        command = parse(choice, default_region=None)
        assert isinstance(command, Delete)
        assert len(resolve(command.draft, ATTACHED, table)) == 1


# --- the connection ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attach_type", "words"),
    [
        ("VPNGW", "is attached to a VPN gateway"),
        ("NO_ASSOCIATED", "is attached to nothing"),
        ("NEW_KIND", "has the attach type NEW_KIND"),
    ],
)
def test_only_connections_of_a_transit_router_have_such_routes(
    attach_type: str, words: str
) -> None:
    connection = msgspec.structs.replace(ATTACHED, attach_type=attach_type)
    error = refused(draft("10.1.0.0/16"), [live("10.1.0.0/16")], connection)
    assert error.problem == f"{VCO} {words}."
    assert "transit router" in error.mend


@pytest.mark.parametrize("state", ["deleted", "detached", "detaching", "financialLocked"])
def test_a_connection_that_will_never_accept_the_deletion_is_refused(state: str) -> None:
    connection = msgspec.structs.replace(ATTACHED, state=state)
    assert VCO in refused(draft("10.1.0.0/16"), [live("10.1.0.0/16")], connection).problem


@pytest.mark.parametrize("state", ["updating", "attaching", "provisioning"])
def test_a_connection_that_is_busy_can_be_asked_for(state: str) -> None:
    connection = msgspec.structs.replace(ATTACHED, state=state)
    route = live("10.1.0.0/16")
    assert resolve(draft("10.1.0.0/16"), connection, [route]) == (route,)


# --- what the approver sees ----------------------------------------------------------

ROUTE, OTHER, WIDE = live("10.1.2.0/24"), live("10.1.3.0/24"), live("10.1.0.0/16")
HALF = live("10.1.2.0/25")


def seen(*dests: str, routes: Sequence[LiveRoute]) -> Snapshot:
    return snapshot(draft(*dests), ATTACHED, listed(routes), at=5.0)


def test_a_snapshot_holds_the_targets_and_what_happens_when_all_of_them_go() -> None:
    routes = [ROUTE, HALF, WIDE]
    card = seen("10.1.2.0/24", "10.1.2.0/25", routes=routes)
    assert card.taken_at == 5.0
    assert card.connection == ATTACHED
    assert card.targets == (ROUTE, HALF)
    assert card.impacts == impacts([ROUTE, HALF], routes)
    assert not card.last_routes


def test_a_snapshot_tells_that_no_route_at_all_would_stay() -> None:
    assert seen("10.1.2.0/24", "10.1.3.0/24", routes=[ROUTE, OTHER]).last_routes
    learned = live("10.9.0.0/16", kind=RouteKind.BGP)
    assert not seen("10.1.2.0/24", routes=[ROUTE, learned]).last_routes
