"""When Alibaba Cloud answers a preview badly, people learn it, and nothing is recorded."""

import pytest
from leftovers import no_traceback, nothing_is_left
from stage import DELETE_ONE, Stage

from bot.models import RequestState
from bot.sandbox.slack.workspace import ALICE
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.slack.messages.impacts import BGP_UNKNOWN

__all__ = ["no_traceback"]

READS = ("DescribeVpnConnection", "DescribeVcoRouteEntries")


@pytest.mark.parametrize("action", READS)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": FaultKind.MISSING_FIELDS}, id="missing fields"),
        pytest.param({"kind": FaultKind.HTML_BEFORE}, id="HTML"),
        pytest.param({"kind": FaultKind.EMPTY}, id="empty"),
        pytest.param({"kind": FaultKind.TRUNCATED}, id="truncated"),
        pytest.param({"kind": FaultKind.REDIRECT}, id="redirect"),
        pytest.param({"kind": FaultKind.RESET}, id="reset"),
        pytest.param({"kind": FaultKind.ERROR, "code": "<!channel>"}, id="a ping as a code"),
    ],
)
async def test_a_preview_that_can_not_be_read_is_told_and_nothing_is_recorded(
    playing: Stage, action: str, fault: dict[str, str]
) -> None:
    playing.vpc.faults.add(Fault(action=action, times=None, **fault))  # type: ignore[arg-type]
    await playing.command(DELETE_ONE)
    told = await playing.until_told(ALICE, "Nothing was recorded")
    assert "<!channel>" not in told
    await nothing_is_left(playing)


@pytest.mark.parametrize("off_by", [1, -1])
async def test_a_page_that_lies_about_its_total_is_not_believed(
    playing: Stage, off_by: int
) -> None:
    playing.vpc.faults.add(
        Fault(kind=FaultKind.WRONG_TOTAL, action=READS[1], times=None, off_by=off_by)
    )
    await playing.command(DELETE_ONE)
    assert "do not fit together" in await playing.until_told(ALICE, "Nothing was recorded")
    await nothing_is_left(playing)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": FaultKind.RESET},
        {"kind": FaultKind.ERROR, "code": "InvalidParameter", "status": 400},
        {"kind": FaultKind.WRONG_TOTAL},
        {"kind": FaultKind.TRUNCATED},
    ],
    ids=lambda fault: str(fault["kind"]),
)
async def test_where_bgp_routes_can_not_be_listed_the_card_says_so_and_the_deletion_is_proven(
    brisk: Stage, fault: dict[str, str]
) -> None:
    bgp = Fault(action=READS[1], route_type="bgp", times=None, **fault)  # type: ignore[arg-type]
    brisk.vpc.faults.add(bgp)
    card = await brisk.ask(DELETE_ONE)
    assert BGP_UNKNOWN in await brisk.until_card_says(card, BGP_UNKNOWN)
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED


async def test_a_total_that_counts_one_page_alone_hides_no_route(brisk: Stage) -> None:
    brisk.vpc.faults.add(Fault(kind=FaultKind.PAGE_TOTAL, action=READS[1], times=None))
    routes = brisk.new_routes("many", 120)
    card = await brisk.approved(routes[-1])
    request = await brisk.until_ended(card)
    assert request.state is RequestState.DELETED
    assert not brisk.vpc.route_present(routes[-1])


async def test_an_api_that_hangs_is_given_up_and_told(stage: Stage) -> None:
    await stage.start_bot(VCO_LEASE="4")
    stage.vpc.faults.add(Fault(kind=FaultKind.HANG, times=None))
    await stage.command(DELETE_ONE)
    await stage.until_told(ALICE, "Alibaba Cloud timed out. Nothing was changed.")
    stage.vpc.faults.clear()
    await nothing_is_left(stage)


async def test_a_list_that_can_not_be_read_is_told(playing: Stage) -> None:
    playing.vpc.faults.add(Fault(kind=FaultKind.TRUNCATED, action=READS[1], times=None))
    await playing.command(f"list {seed.ORDINARY}")
    await playing.until_told(ALICE, "The answer was no JSON")
