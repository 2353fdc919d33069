"""Look-ups that wait together share one read, which began after the last of them asked."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack

from bot.errors import SlackRateLimited, SlackUnavailable
from bot.sandbox.scene import BOT_TOKEN
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, NETOPS
from bot.slack.budget import Priority
from bot.slack.shared_reads import Asker, Key, SharedReads
from bot.slack.web import Slack

GROUP = Key("usergroups.users.list", "usergroup", NETOPS)
CLICK = Asker("click-1", Priority.DECISION)


def user(name: str) -> Key:
    """The look-up of a person."""
    return Key("users.info", "user", name)


@pytest_asyncio.fixture
async def reads(local: StagedSlack) -> AsyncIterator[SharedReads]:
    client = AsyncWebClient(BOT_TOKEN, base_url=local.api_url, timeout=5, retry_handlers=[])
    shared = SharedReads(Slack(client, spread=lambda _: 0.0), turn_seconds=0.3)
    yield shared
    await shared.close()


def asked(local: StagedSlack) -> list[str]:
    """What Slack was asked for and has answered, in order."""
    found = (c for c in local.requests if not c.error)
    return [c.args.get("user") or c.args.get("usergroup") or "" for c in found]


async def limit(local: StagedSlack, reads: SharedReads, key: Key) -> None:
    """Have Slack ask for a pause of a second before anything more of this method."""
    fault = local.faults.add(key.method, "rate_limited")
    with pytest.raises(SlackRateLimited):
        await reads.ask(key, Asker())
    assert fault.times == 0


async def test_who_asks_while_a_read_is_under_way_is_answered_by_a_later_one(
    local: StagedSlack, reads: SharedReads
) -> None:
    local.workspace.groups[NETOPS].users[:] = [BOB]
    local.faults.add(GROUP.method, "lost")  # slow: its answer never comes
    early = asyncio.create_task(reads.ask(GROUP, CLICK))
    await local.until(lambda: local.requests)
    local.workspace.groups[NETOPS].users[:] = [CAROL]
    late = await reads.ask(GROUP, Asker("click-2"))
    assert late["users"] == [CAROL]
    with pytest.raises(SlackUnavailable):
        await early


async def test_those_who_wait_for_their_turn_share_a_read(
    local: StagedSlack, reads: SharedReads
) -> None:
    await limit(local, reads, GROUP)
    waiting = [asyncio.create_task(reads.ask(GROUP, Asker(f"click-{n}"))) for n in range(20)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, SlackRateLimited) for one in found), "each has freed its place"
    await local.until(lambda: asked(local))
    # It was read meanwhile, once, and each of them has it when it comes back.
    again = [await reads.ask(GROUP, Asker(f"click-{n}")) for n in range(20)]
    assert len({tuple(one["users"]) for one in again}) == 1
    assert asked(local) == [NETOPS]


async def test_who_asks_a_moment_after_somebody_else_shares_a_read_with_those_who_come_then(
    local: StagedSlack, reads: SharedReads
) -> None:
    asking = []
    for n in range(20):
        asking.append(asyncio.create_task(reads.ask(user(BOB), Asker(f"click-{n}"))))
        for _ in range(5):
            await asyncio.sleep(0)
    await asyncio.gather(*asking)
    assert asked(local) == [BOB] * 2, "the first did not wait for the others"


async def test_what_a_step_has_found_out_is_kept_for_that_step_alone(
    local: StagedSlack, reads: SharedReads
) -> None:
    for _ in range(3):
        await reads.ask(user(BOB), CLICK)
    assert asked(local) == [BOB]
    await reads.ask(user(BOB), Asker("click-2", Priority.DECISION))
    await reads.ask(user(BOB), Asker())
    await reads.ask(user(BOB), Asker())
    assert asked(local) == [BOB] * 4


async def test_what_a_decision_waits_for_goes_first(local: StagedSlack, reads: SharedReads) -> None:
    await limit(local, reads, user(ALICE))
    first = asyncio.create_task(reads.ask(user(CAROL), Asker("a", Priority.HOME)))
    await asyncio.sleep(0)
    second = asyncio.create_task(reads.ask(user(BOB), CLICK))
    await asyncio.gather(first, second, return_exceptions=True)
    await local.until(lambda: len(asked(local)) == 2)
    assert asked(local) == [BOB, CAROL]


async def test_a_failure_is_everybodys_and_nobody_keeps_it(
    local: StagedSlack, reads: SharedReads
) -> None:
    local.faults.add("users.info", "http")
    with pytest.raises(SlackUnavailable):
        await reads.ask(user(BOB), CLICK)
    assert (await reads.ask(user(BOB), CLICK))["user"]["id"] == BOB


async def test_who_can_not_come_back_for_it_waits_for_their_turn(
    local: StagedSlack, reads: SharedReads
) -> None:
    """The look before a send, for example, has no step of its own to keep anything for."""
    await limit(local, reads, user(ALICE))
    assert (await reads.ask(user(BOB), Asker()))["user"]["id"] == BOB
