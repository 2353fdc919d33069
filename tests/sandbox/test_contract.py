"""What the bot shows, judged by the local Slack, and the command that asks the real one."""

import contract
import pytest
from golden_messages import Golden, golden
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack

from bot.models import EventKind
from bot.sandbox.scene import BOT_TOKEN
from bot.sandbox.slack.methods import MOST_UPDATED_TEXT

EVERYTHING = list(golden())
UNTOLD = {EventKind.SUBMITTED, EventKind.REFUSED, EventKind.OBSERVED, EventKind.SENDING}
"""What the card shows, or nobody is told: it has no line in the thread."""


async def examined(local: StagedSlack, *shown: Golden, token: str = BOT_TOKEN) -> int:
    return await contract.examine(token, local.api_url, shown)


async def test_slack_takes_all_that_the_bot_shows(
    local: StagedSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examined(local, *EVERYTHING) == 0
    said = capsys.readouterr().out
    assert said == f"contract: {len(EVERYTHING)} messages, forms and pages looked at, 0 faults\n"
    asked = [call for call in local.requests if call.method == "blocks.validate"]
    assert len(asked) == len(EVERYTHING)
    # Nothing was posted or opened for it.
    assert {call.method for call in local.requests} == {"auth.test", "blocks.validate"}


def test_each_has_a_name_of_its_own_and_a_text_that_an_edit_takes() -> None:
    assert len({one.name for one in EVERYTHING}) == len(EVERYTHING)
    for one in EVERYTHING:
        assert one.kind == "view" or 0 < len(one.shown["text"]) <= MOST_UPDATED_TEXT


@pytest.mark.parametrize("kind", [k for k in EventKind if k not in UNTOLD])
def test_every_kind_of_line_is_among_them(kind: EventKind) -> None:
    assert f"line: {kind.value}" in {one.name for one in EVERYTHING}


async def test_what_slack_refuses_is_named_with_the_place_where_it_is_wrong(
    local: StagedSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    wrong = [
        Golden("too long", "message", {"text": "x", "blocks": [section]}),
        Golden("no title", "view", {"type": "modal", "blocks": []}),
    ]
    assert await examined(local, *wrong) == 1
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.startswith("contract: too long: invalid_message: must be less than 3001")
    assert first.endswith("at /blocks/0/text/text")
    assert second == "contract: no title: invalid_view: missing required field: title at /view"
    assert last == "contract: 2 messages, forms and pages looked at, 2 faults"


@pytest.mark.parametrize("arguments", [{}, {"blocks": "[]", "view": "{}"}])
async def test_one_thing_is_validated_at_a_time(
    local: StagedSlack, arguments: dict[str, str]
) -> None:
    client = AsyncWebClient(BOT_TOKEN, base_url=local.api_url, retry_handlers=[])
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await client.api_call("blocks.validate", data=arguments)


async def test_scopes_that_differ_from_the_manifest_are_named(
    local: StagedSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    local.web_api.scopes = (local.web_api.scopes - {"groups:read"}) | {"mpim:write"}
    assert await examined(local) == 1
    said = capsys.readouterr().out
    assert "scope groups:read: in manifest.yml, and not granted" in said
    assert "scope mpim:write: granted, and not in manifest.yml" in said


async def test_a_limit_is_waited_for_and_a_refused_token_is_said(
    local: StagedSlack, capsys: pytest.CaptureFixture[str]
) -> None:
    local.faults.add("blocks.validate", "rate_limited", retry_after=1)
    assert await examined(local, EVERYTHING[0]) == 0
    capsys.readouterr()
    assert await examined(local, token="xoxb-nobody-knows") == 1
    assert capsys.readouterr().out == "contract: Slack does not answer: invalid_auth\n"


def test_without_a_token_it_says_that_it_was_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert contract.main({}) == 0
    assert capsys.readouterr().out.strip() == contract.NOT_RUN
