"""Whether somebody may decide is asked of Slack, of an approver at once, of all others in turn."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from builders import a_request
from msgspec.structs import replace
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack

from bot.approval.eligibility import Eligibility, ProposedVerdict
from bot.approval.refusals import Refusals
from bot.errors import Refused
from bot.models import People, Terms, Verdict
from bot.policy import PolicySource
from bot.sandbox.scene import BOT_TOKEN
from bot.sandbox.slack.workspace import ALICE, BOB, NETOPS, NETWORK_OPS
from bot.slack.directory import SlackDirectory
from bot.slack.web import Slack

TERMS = Terms(approvers=People(groups=(NETOPS,)))
GROUP = "usergroups.users.list"


@pytest_asyncio.fixture
async def eligibility(local: StagedSlack) -> AsyncIterator[Eligibility]:
    client = AsyncWebClient(BOT_TOKEN, base_url=local.api_url, timeout=5, retry_handlers=[])
    directory = SlackDirectory(Slack(client, spread=lambda _: 0.0))
    await directory.identify()
    yield Eligibility(directory, PolicySource.of(TERMS.approvers, None, 1800), Refusals())
    await directory.close()


def approval(by: str = BOB) -> ProposedVerdict:
    request = replace(a_request(terms=TERMS), requester=ALICE, channel=NETWORK_OPS)
    return ProposedVerdict(request, by, Verdict.APPROVED, TERMS, "")


def asked(local: StagedSlack) -> list[str]:
    """The methods that Slack was asked for, in order, from the first group on."""
    methods = [call.method for call in local.requests if call.method != "auth.test"]
    local.requests.clear()
    return methods


async def test_of_an_approver_all_is_asked_at_once(
    local: StagedSlack, eligibility: Eligibility
) -> None:
    await eligibility.check(approval())
    assert asked(local)[0] == GROUP, "nobody is known yet: the groups go first"
    local.faults.add(GROUP, "lost")  # slow: its answer never comes
    again = asyncio.create_task(eligibility.check(approval()))
    await local.until(lambda: len(local.requests) == 4, timeout=2.0)
    assert sorted(asked(local)) == ["conversations.info", GROUP, "users.info", "users.info"]
    again.cancel()


async def test_who_is_no_approver_any_more_is_refused_by_what_the_groups_say_now(
    local: StagedSlack, eligibility: Eligibility
) -> None:
    await eligibility.check(approval())
    local.workspace.groups[NETOPS].users.remove(BOB)
    local.faults.add("conversations.info", "http")
    with pytest.raises(Refused, match="approver"):
        await eligibility.check(approval())
    asked(local)
    with pytest.raises(Refused, match="approver"):
        await eligibility.check(approval())
    assert "conversations.info" not in asked(local), "the next time the groups go first again"
