"""What undoes a request, and what it takes to put a route back just as it was."""

import pytest
from builders import REGION, a_request, a_route, approved, deleted, in_state, listed, live, restored
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.errors import PreviewError, UserError
from bot.lifecycle import route_change
from bot.lifecycle.proof import fold, proven
from bot.models import (
    Connection,
    Draft,
    LiveRoute,
    Observation,
    Operation,
    RequestState,
    RouteKind,
    RouteState,
    Watch,
)
from bot.preview.rollback import can_roll_back, repeated_draft, rollback_draft
from bot.preview.snapshot import drift, snapshot

CONNECTION = Connection(
    vpn_connection_id=a_route().vpn_connection_id, region=REGION, state="attached"
)
STANDBY = replace(a_route(), weight=0, next_hop="vco-another")
OTHER = live(a_route("10.0.0.0/16"))


def preview_of(draft: Draft, *routes: LiveRoute) -> tuple[LiveRoute, ...]:
    return snapshot(draft, CONNECTION, listed(routes), at=2000.0).targets


def test_what_was_deleted_is_put_back_with_its_next_hop_and_weight() -> None:
    draft = rollback_draft(in_state(RequestState.DELETED, STANDBY))
    assert draft.operation is Operation.RESTORE
    assert draft.exact == (STANDBY,)
    assert draft.origin == "r-abcdefghij"
    assert [t.route for t in preview_of(draft, OTHER)] == [STANDBY]


def test_a_restoration_of_a_restoration_is_a_deletion_like_any_other() -> None:
    draft = rollback_draft(restored())
    assert draft.operation is Operation.DELETE
    assert preview_of(draft, live(a_route()), OTHER) == (live(a_route()),)
    with pytest.raises(PreviewError, match="has no route to"):
        preview_of(draft, OTHER)


def test_only_routes_that_went_are_put_back() -> None:
    three = [a_route(f"10.{n}.0.0/24") for n in range(3)]
    request = deleted(approved(a_request(*three)))
    refused = route_change.end(route_change.send(request, 1200.0), 1201.0, RouteState.FAILED)
    assert refused.state is RequestState.FAILED
    assert rollback_draft(refused).exact == (three[0],)


@pytest.mark.parametrize("state", [RequestState.PENDING, RequestState.EXECUTING])
def test_what_is_still_open_can_not_be_undone(state: RequestState) -> None:
    assert not can_roll_back(in_state(state))
    with pytest.raises(UserError, match="is still"):
        rollback_draft(in_state(state))


@pytest.mark.parametrize("state", [RequestState.REJECTED, RequestState.VOID, RequestState.FAILED])
def test_what_changed_nothing_can_not_be_undone(state: RequestState) -> None:
    assert not can_roll_back(in_state(state))
    with pytest.raises(UserError, match="changed nothing"):
        rollback_draft(in_state(state))


def test_what_somebody_put_back_by_hand_is_told_and_nothing_is_asked() -> None:
    with pytest.raises(PreviewError, match=r"10\.0\.0\.0/24 .* is on vco-p0w5112f already"):
        preview_of(rollback_draft(deleted()), live(a_route()), OTHER)


def test_the_same_destination_with_another_weight_is_another_route() -> None:
    twin = live(replace(a_route(), weight=0))
    assert [t.route for t in preview_of(rollback_draft(deleted()), twin)] == [a_route()]


@pytest.mark.parametrize("dest", ["0.0.0.0/0", "100.64.0.0/10", "100.64.7.0/24", "100.0.0.0/8"])
def test_what_nobody_may_create_is_refused_before_anybody_approves(dest: str) -> None:
    draft = Draft(
        vpn_connection_id=CONNECTION.vpn_connection_id,
        route_dests=(dest,),
        region=REGION,
        operation=Operation.RESTORE,
        exact=(a_route(dest),),
    )
    with pytest.raises(PreviewError, match="can't be restored"):
        preview_of(draft)


# --- what was approved is what runs (G6) ----------------------------------------------------


def restoring(*routes: LiveRoute) -> str | None:
    seen = snapshot(rollback_draft(deleted()), CONNECTION, listed([OTHER]), at=2000.0)
    return drift(seen, CONNECTION, listed(routes), operation=Operation.RESTORE)


def test_a_restoration_that_finds_all_as_it_was_goes_on() -> None:
    assert restoring(OTHER) is None


def test_a_route_that_is_back_already_stops_a_restoration() -> None:
    assert "is there already" in (restoring(OTHER, live(a_route())) or "")


def test_traffic_that_would_come_from_elsewhere_stops_a_restoration() -> None:
    nearer = live(a_route("10.0.0.0/20"))
    assert "would" in (restoring(OTHER, nearer) or "")
    assert "would" in (restoring() or "")


def test_routes_put_back_by_this_request_are_no_drift() -> None:
    pair = (a_route("10.0.0.0/24"), a_route("10.0.1.0/24"))
    draft = rollback_draft(in_state(RequestState.DELETED, *pair))
    seen = snapshot(draft, CONNECTION, listed([OTHER]), at=2000.0)
    half = (OTHER, live(pair[0], state="published"))
    assert drift(seen, CONNECTION, listed(half), done=pair[:1], operation=Operation.RESTORE) is None


# --- the proof -----------------------------------------------------------------------------


def test_a_restoration_is_proven_by_the_route_in_an_attached_connection() -> None:
    present = Observation(state="attached", present=True)
    watch = fold(fold(Watch(), Observation(state="updating"), present=True), present, present=True)
    assert proven(watch)
    assert not proven(fold(Watch(), present, present=True)), "one read proves nothing"


SEEN = st.builds(
    Observation,
    state=st.sampled_from(["updating", "attached"]),
    present=st.sampled_from([True, False, None]),
)


@given(st.lists(SEEN))
def test_no_row_of_reads_proves_a_deletion_and_a_restoration(seen: list[Observation]) -> None:
    gone = back = Watch()
    for one in seen:
        gone, back = fold(gone, one), fold(back, one, present=True)
    assert not (proven(gone) and proven(back))


# --- asking again --------------------------------------------------------------------------


def test_asking_again_names_the_same_routes_and_the_same_reason() -> None:
    expired = in_state(RequestState.EXPIRED, STANDBY)
    draft = repeated_draft(expired)
    assert (draft.exact, draft.reason) == ((STANDBY,), expired.reason)
    bgp = live(STANDBY, kind=RouteKind.BGP)
    assert preview_of(draft, live(STANDBY), bgp) == (live(STANDBY),)
