"""4 Execution: what becomes of a request for each thing that the cloud can answer or do.

Each request has a connection of its own, so that many of them run in one scene at once.
"""

from stage import DELETE, Stage, delete_command

from bot.models import EventKind, RequestState, RouteState
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.world import Pace

BUSY = (
    "VpnConnection.Configuring",
    "VpnGateway.Configuring",
    "VpnRouteEntry.Configuring",
    "TaskConflict",
    "VpnTask.CONFLICT",
    "Appliance.Configuring",
    "OperationConflict",
    "IncorrectStatus.VpnConnection",
    "SystemBusy",
    "LastTokenProcessing",
    "OperationFailed.LastTokenProcessing",
    "Operation.Blocking",
    "Conflict.Lock",
    "Vco.StatusNotSupport",
    "OperationFailed.IdempotentTokenProcessing",
    "OperationFailed.DistibuteLock",
    "OperationFailed.ConcurrentOperation",
)


async def test_what_means_busy_is_waited_for_and_sent_again_with_the_same_token(
    brisk: Stage,
) -> None:
    routes = {code: brisk.new_routes(f"busy{n}")[0] for n, code in enumerate(BUSY)}
    for code, route in routes.items():
        brisk.fault(route, FaultKind.ERROR, code=code, times=2)
    for code, (request, card) in (await brisk.all_ended(routes)).items():
        sends = brisk.sends_of(routes[code])
        assert request.state is RequestState.DELETED, code
        assert [call.code for call in sends] == [code, code, "OK"]
        assert {call.client_token for call in sends} == {request.routes[0].client_token}
        # The thread says once that it waits, and what for; a copy at work may have done it.
        await brisk.until_deleted(card)
        words = ("Waiting:", "Checking, for there was no answer:")
        assert sum(any(w in line for w in words) for line in brisk.thread(card)) == 1, code


async def test_what_is_throttled_waits_as_long_as_it_is_told_and_nothing_else_does(
    brisk: Stage,
) -> None:
    """Other deletions in the region wait as well; what was sent is watched, proven and told."""
    first, second = (brisk.new_routes(f"throttled{n}")[0] for n in range(2))
    (sent,) = brisk.new_routes("sent", pace=Pace(delay=0.1, seconds=1.0))
    brisk.fault(first, FaultKind.THROTTLED, retry_after_ms=4000)
    before = await brisk.approved(sent)
    await brisk.until_event(before, EventKind.SENT)
    other = await brisk.ask(delete_command(second))
    card = await brisk.approved(first)
    told_to_wait = (await brisk.until_event(card, EventKind.WAITING)).at
    await brisk.approve(other)
    proven = await brisk.until_ended(before)
    assert proven.state is RequestState.DELETED
    assert proven.ended_at < told_to_wait + 3.9
    for one in (card, other):
        assert (await brisk.until_ended(one)).state is RequestState.DELETED
    later = [call.at for call in brisk.vpc.calls_of(DELETE) if call.at > told_to_wait]
    assert len(later) == 2
    assert min(later) >= told_to_wait + 3.9
    assert len({call.client_token for call in brisk.sends_of(first)}) == 1


async def test_however_long_a_region_wants_to_be_left_alone_the_deadline_is_kept(
    hurried: Stage,
) -> None:
    await hurried.start_bot(operation_timeout=1)
    (route,) = hurried.new_routes("throttled")
    hurried.fault(route, FaultKind.THROTTLED, retry_after_ms=3_600_000, times=None)
    card = await hurried.approved(route)
    request = await hurried.until_ended(card)
    assert request.state is RequestState.FAILED
    said = await hurried.until_card_says(card, "Nothing was changed.")
    assert "last with Throttling.User; sent once." in said


FINAL = {
    "VpnConnection.FinancialLocked": ("overdue payment", "Have the bill"),
    "Resource.QuotaFull": ("quota of the account is used up", "Quota Center"),
    "VpnRouteEntry.Conflict": ("conflicts with another one", "settle those first"),
    "InvalidVpnConnectionInstanceId.NotFound": ("no such IPsec-VPN connection", "Check the id"),
    "InvalidParameter": ("did not accept a parameter", "Compare the connection"),
    "IdempotentParameterMismatch": ("used before with other parameters", "ask anew"),
    "Forbidden": (
        "RAM refused",
        "`vpc:DeleteVcoRouteEntry on acs:vpc:cn-hangzhou:*:vpnconnection/",
    ),
    "Forbidden.RAM": ("RAM refused", "allow `vpc:DeleteVcoRouteEntry"),
    "Forbbiden.SubUser": ("created by another user", "allow `vpc:DeleteVcoRouteEntry"),
    "InvalidAccessKeyId.NotFound": ("does not know the bot's access key", "ALIBABA_CLOUD_ACCESS"),
    "InvalidSecurityToken.Expired": ("temporary credentials were refused", "renew"),
    "SignatureDoesNotMatch": ("The signature was refused", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
    "Something.New": ("a code that this bot does not know", "open a ticket"),
}


async def test_a_final_refusal_says_what_it_means_what_to_do_and_the_ids(brisk: Stage) -> None:
    routes = {code: brisk.new_routes(f"final{n}")[0] for n, code in enumerate(FINAL)}
    for code, route in routes.items():
        brisk.fault(route, FaultKind.ERROR, code=code)
    for code, (request, card) in (await brisk.all_ended(routes)).items():
        assert request.state is RequestState.FAILED, code
        (call,) = brisk.sends_of(routes[code])
        said = await brisk.until_card_says(card, f"code `{code}`")
        assert said.startswith("❌ Not deleted: 10.0.0.0/16 · ")
        thread = "\n".join(await brisk.until_thread_says(card, "For a ticket:"))
        meaning, next_step = FINAL[code]
        for place in (said, thread):
            assert meaning in place, code
            assert next_step in place, code
            assert call.alibaba_request_id in place
        assert request.routes[0].client_token not in thread
        assert brisk.vpc.route_present(routes[code])


async def test_a_refused_read_is_as_final_as_a_refused_deletion(brisk: Stage) -> None:
    """Permission to read was taken away between the card and the approval."""
    (route,) = brisk.new_routes("unreadable")
    card = await brisk.ask(delete_command(route))
    brisk.vpc.faults.add(Fault(kind=FaultKind.ERROR, code="Forbidden", times=None))
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.FAILED
    await brisk.until_card_says(card, "vpc:DescribeVpnConnection on acs:vpc:cn-hangzhou")
    assert brisk.sends() == 0


async def test_a_route_that_is_not_found_at_the_first_attempt_is_no_success_of_ours(
    brisk: Stage,
) -> None:
    (route,) = brisk.new_routes("notfound")
    brisk.fault(route, FaultKind.ERROR, code="InvalidRouteEntry.NotFound")
    card = await brisk.approved(route)
    request = await brisk.until_ended(card)
    assert request.state is RequestState.FAILED
    assert request.routes[0].state is RouteState.ALREADY_GONE
    said = await brisk.until_card_says(card, "There is no such route on this connection.")
    assert said.startswith("❌ Not deleted:")
    await brisk.until_thread_says(card, "Nothing was deleted.")
