"""Where traffic goes when routes go, checked against counting address by address."""

from ipaddress import IPv4Address, IPv6Address, collapse_addresses, ip_address, ip_network
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import LiveRoute, RouteKind, VcoRoute
from bot.preview.impact import addresses, identity, impacts, remaining


def live(
    dest: str, weight: int = 100, hop: str = "vco-a", kind: RouteKind = RouteKind.CUSTOM
) -> LiveRoute:
    route = VcoRoute(vpn_connection_id="vco-a", route_dest=dest, next_hop=hop, weight=weight)
    return LiveRoute(route=route, kind=kind, state="published")


def test_a_lone_route_carries_its_block_and_nothing_takes_over() -> None:
    route = live("192.168.10.0/24")
    (impact,) = impacts([route], [route])
    assert impact.route == route.route
    assert impact.carries == ("192.168.10.0/24",)
    assert impact.takers == ()
    assert impact.inside == ()


def test_the_smallest_containing_block_takes_over() -> None:
    route, near, far = live("10.1.2.0/24"), live("10.1.0.0/16"), live("10.0.0.0/8")
    (impact,) = impacts([route], [far, near, route])
    assert impact.takers == (near,)


def test_the_same_prefix_stays_before_any_containing_block_whatever_its_weight() -> None:
    active, standby, wide = live("10.1.2.0/24"), live("10.1.2.0/24", 0), live("10.0.0.0/8")
    assert impacts([active], [active, standby, wide])[0].takers == (standby,)
    assert impacts([standby], [active, standby, wide])[0].takers == (active,)


def test_nothing_is_claimed_from_a_weight() -> None:
    heavy, light = live("10.1.2.0/24"), live("10.1.2.0/24", 0)
    for target in (heavy, light):
        (impact,) = impacts([target], [heavy, light])
        assert impact.carries == ("10.1.2.0/24",)


def test_of_equal_routes_the_other_one_stays() -> None:
    one, other = live("10.1.2.0/24", hop="vco-a"), live("10.1.2.0/24", hop="vco-b")
    (impact,) = impacts([one], [one, other])
    assert impact.carries == ("10.1.2.0/24",)
    assert impact.takers == (other,)


def test_a_learned_route_can_take_over() -> None:
    custom, learned = live("10.1.2.0/24"), live("10.1.2.0/24", kind=RouteKind.BGP)
    (impact,) = impacts([custom], [custom, learned])
    assert impact.takers == (learned,)


def test_smaller_blocks_within_keep_their_traffic() -> None:
    route, half = live("10.1.2.0/24"), live("10.1.2.0/25")
    (impact,) = impacts([route], [route, half])
    assert impact.carries == ("10.1.2.128/25",)
    assert impact.inside == (half,)


def test_targets_of_one_request_do_not_take_over_from_each_other() -> None:
    route, half, wide = live("10.1.2.0/24"), live("10.1.2.0/25"), live("10.1.0.0/16")
    whole_impact, half_impact = impacts([route, half], [route, half, wide])
    assert whole_impact.carries == ("10.1.2.128/25",)
    assert whole_impact.takers == (wide,)
    assert whole_impact.inside == ()
    assert half_impact.carries == ("10.1.2.0/25",)
    assert half_impact.takers == (wide,)


def test_ip_versions_never_mix() -> None:
    four, six = live("0.0.0.0/0"), live("::/0")
    (impact,) = impacts([four], [four, six])
    assert impact.takers == ()
    assert impact.inside == ()


def test_the_order_in_which_the_cloud_lists_routes_changes_nothing() -> None:
    target = live("10.1.0.0/16")
    others = [
        live("10.1.2.0/24", hop="vco-b"),
        live("10.1.2.0/24"),
        live("10.0.0.0/8", hop="vco-b"),
        live("10.0.0.0/8"),
    ]
    assert impacts([target], [target, *others]) == impacts([target], [*others[::-1], target])


@pytest.mark.parametrize("dest", ["0.0.0.0/0", "100.64.0.0/10", "100.100.0.0/16", "100.0.0.0/8"])
def test_routes_that_could_not_be_created_again_are_told(dest: str) -> None:
    route = live(dest)
    (impact,) = impacts([route], [route])
    assert dest in impact.not_restorable
    assert "can't be restored" in impact.not_restorable


@pytest.mark.parametrize("dest", ["100.128.0.0/9", "10.0.0.0/8", "::/0", "128.0.0.0/1"])
def test_other_routes_can_be_restored(dest: str) -> None:
    route = live(dest)
    assert impacts([route], [route])[0].not_restorable == ""


def test_addresses_counts_each_address_once() -> None:
    assert addresses([]) == 0
    assert addresses(["10.0.0.0/24", "10.0.0.0/25", "10.0.1.0/32", "::/64"]) == 257 + 2**64


def test_five_hundred_nested_routes_take_well_under_a_second() -> None:
    routes = [live("0.0.0.0/0"), live("::/0")]
    routes += [live(f"10.{n}.{n * 7 % 256}.0/{24 + n % 9}") for n in range(249)]
    routes += [live(f"2001:db8:{n:x}::/{48 + n % 80}") for n in range(249)]
    started = process_time()
    found = impacts(routes, routes)
    assert process_time() - started < 1.0
    assert len(found) == 500


# --- against counting ----------------------------------------------------------------

FOUR = ip_network("10.0.0.0/28")
SIX = ip_network("2001:db8::/124")
PROBES = [*FOUR, *SIX, ip_address("10.0.0.77"), ip_address("203.0.113.9"), ip_address("fe80::9")]
DESTS = [
    *("0.0.0.0/0", "10.0.0.0/24", "::/0", "2001:db8::/64"),
    *(str(block) for length in range(28, 33) for block in FOUR.subnets(new_prefix=length)),
    *(str(block) for length in range(124, 129) for block in SIX.subnets(new_prefix=length)),
]
LIVE = st.builds(
    live,
    st.sampled_from(DESTS),
    st.sampled_from([0, 100]),
    st.sampled_from(["vco-a", "vco-b"]),
    st.sampled_from(RouteKind),
)
TABLES = st.lists(LIVE, max_size=14, unique_by=identity)


COVERED = {dest: {probe for probe in PROBES if probe in ip_network(dest)} for dest in DESTS}
LENGTH = {dest: ip_network(dest).prefixlen for dest in DESTS}


def best(routes: list[LiveRoute], address: IPv4Address | IPv6Address) -> set[LiveRoute]:
    """The longest prefix for one address: the rule itself, spelled out."""
    covering = [r for r in routes if address in COVERED[r.route.route_dest]]
    ranks = [LENGTH[r.route.route_dest] for r in covering]
    return {r for r, rank in zip(covering, ranks, strict=True) if rank == max(ranks)}


@given(table=TABLES, data=st.data())
def test_every_address_goes_where_the_impact_says(
    table: list[LiveRoute], data: st.DataObject
) -> None:
    targets = [r for r in table if data.draw(st.booleans())]
    after = [r for r in table if r not in targets]
    for target, impact in zip(targets, impacts(targets, table), strict=True):
        carried = [ip_network(block) for block in impact.carries]
        for address in PROBES:
            carries = any(address in block for block in carried)
            assert carries == (target in best(table, address))
            if carries:
                assert set(impact.takers) == best(after, address)


@given(table=TABLES)
def test_the_blocks_carried_are_as_few_as_can_be(table: list[LiveRoute]) -> None:
    for impact in impacts(table, table):
        blocks = [ip_network(block) for block in impact.carries]
        four = [b for b in blocks if b.version == 4]
        six = [b for b in blocks if b.version == 6]
        assert blocks == [*collapse_addresses(four), *collapse_addresses(six)]
        assert addresses(impact.carries) == sum(b.num_addresses for b in blocks)


@given(table=TABLES, data=st.data())
def test_inside_are_the_smaller_blocks_that_stay(
    table: list[LiveRoute], data: st.DataObject
) -> None:
    targets = [r for r in table if data.draw(st.booleans())]
    for impact in impacts(targets, table):
        dest = impact.route.network
        smaller = {
            r
            for r in table
            if r not in targets
            and r.route.network.prefixlen > dest.prefixlen
            and r.route.network.network_address in dest
        }
        assert set(impact.inside) == smaller
        assert len(impact.inside) == len(smaller)


@given(table=TABLES)
def test_routes_that_the_cloud_lists_twice_count_once(table: list[LiveRoute]) -> None:
    assert impacts(table[:3], table * 2) == impacts(table[:3], table)
    assert remaining(table * 2, table[:3]) == tuple(table[3:])
