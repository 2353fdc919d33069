"""How much a deletion asks of Redis, of Slack and of the cloud: no more than it has to."""

import time

import pytest
from counting import Asked, Commands
from stage import Stage, delete_command, request_id
from waiting import until

from bot.follow_up.monitoring import INTERVAL
from bot.lifecycle import proof
from bot.models import RouteKind
from bot.sandbox.slack.messages import text_of
from bot.sandbox.vpc.seed import HANGZHOU
from bot.sandbox.vpc.world import Pace
from bot.store.client import DUE

_MOST_COMMANDS = 58
_MOST_BEFORE_ITS_DELETE = 16
"""From the click on, whatever else is done meanwhile: the card, a look at what may be lost."""

_MOST_CALLS = {
    # The card, and at most a post for each of the four lines.
    "chat.postMessage": 5,
    # Approved, at work, its bar in two seconds, the end.
    "chat.update": 6,
    # Who asks, who approves and who asked, each once.
    "users.info": 4,
    "usergroups.users.list": 2,
    "conversations.info": 2,
    "conversations.history": 1,
    "chat.getPermalink": 1,
}


async def test_one_deletion_asks_no_more_of_anybody_than_it_has_to(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As often as a deployment does.
    monkeypatch.setattr(proof, "FIRST_POLL", 1.0)
    # What approvers are told directly comes on top, one post and one edit for each.
    await hurried.start_bot(VCO_CALL_UP_TO="0")
    [route] = hurried.new_routes("counted", pace=Pace(delay=0.1, seconds=2.0), bgp=False)
    for _ in range(10):
        await hurried.store.rate_limits.took(HANGZHOU, "vco-earlier", 2.1)
    asked = Asked(hurried)
    async with Commands(hurried.redis_url, besides="ZRANGE") as commands:
        card = await hurried.ask(delete_command(route))
        await until_handled(hurried)
        clicked = time.time()
        await hurried.approve(card)
        await hurried.until_thread_says(card, "deleted in")
        await hurried.slack.until(lambda: text_of(card).startswith("✅ Deleted"))

    async def monitored() -> bool:
        due = await hurried.store.database.command("ZSCORE", DUE, f"follow:{request_id(card)}")
        return due is not None and float(due) > time.time() + INTERVAL / 2

    await until(monitored)
    assert sum(commands.sent.values()) <= _MOST_COMMANDS, commands.sent
    before = commands.between(clicked, hurried.sends_of(route)[0].at)
    assert sum(before.values()) <= _MOST_BEFORE_ITS_DELETE, before
    assert asked.cloud["DeleteVcoRouteEntry"] == 1
    # The preview, the reading before the send, and the one that proves it.
    assert asked.cloud["DescribeVcoRouteEntries"] == 3
    # Two of these have read the connection. Then it is looked whether the task has begun, and
    # again when it is expected to end; the monitoring begins with what that has shown.
    assert asked.cloud["DescribeVpnConnection"] <= 2 + 2 + 2
    assert asked.cloud["DescribeVpnConnections"] == 0
    for method, most in _MOST_CALLS.items():
        assert asked.slack[method] <= most, asked.slack


async def until_handled(stage: Stage) -> None:
    """Wait until all that was delivered is seen to."""

    async def handled() -> bool:
        return not await stage.store.inbox.stored(1)

    await until(handled)


async def test_routes_learned_over_bgp_are_listed_before_the_send_and_not_for_the_proof(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("learned")
    hurried.vpc.add_route(route.vpn_connection_id, "10.0.128.0/24", kind=RouteKind.BGP)
    asked = Asked(hurried)
    card = await hurried.approved(route)
    await hurried.until_ended(card)
    assert asked.cloud["DescribeVcoRouteEntries"] == 2 + 2 + 1
