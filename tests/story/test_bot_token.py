"""A bot token that Slack does not take any more: everything waits for it, and nothing is lost.

A revoked token, a disabled app, a token that has expired say something about the bot and
nothing about a channel, a card or a person.
"""

import asyncio

import aiohttp
import pytest
from leftovers import no_traceback
from stage import Stage

from bot.models import EventKind, RequestState
from bot.sandbox.slack.workspace import ALICE, BOB
from bot.sandbox.vpc import seed

__all__ = ["no_traceback"]

DEST = seed.SHADOWED_DEST
REFUSALS = ["token_revoked", "invalid_auth", "account_inactive", "token_expired", "not_authed"]


def refused(stage: Stage, *methods: str) -> bool:
    """Whether a call of one of these methods has met the refusal of the token."""
    code = stage.slack.token_error
    return any(c.method in methods and c.error == code for c in stage.slack.requests)


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_token_refused_in_flight_delays_the_story_and_loses_none_of_it(
    hurried: Stage, code: str
) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("revoked")
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.APPROVED)
    hurried.slack.token_error = code
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    await hurried.slack.until(lambda: refused(hurried, "chat.update"))
    hurried.slack.token_error = ""
    await hurried.until_deleted(card)
    thread = hurried.thread(card)
    told = [line.split("  ", 1)[1].splitlines()[0] for line in thread]
    assert told[:2] == [f"Approved by <@{BOB}>", "Sent to Alibaba Cloud"]
    assert len(set(told)) == len(told)
    # Nothing went to the requester instead: it was never the channel's fault.
    assert hurried.slack.dms(ALICE) == []


async def test_a_request_whose_card_meets_a_refused_token_stays_pending_and_is_posted_later(
    playing: Stage,
) -> None:
    playing.slack.faults.add("chat.postMessage", "error", error="token_revoked", times=2)
    card = await playing.ask()
    assert (await playing.request(card)).state is RequestState.PENDING
    assert playing.slack.dms(ALICE) == []
    await playing.approve(card)
    assert (await playing.until_ended(card)).state is RequestState.DELETED


async def test_a_click_waits_for_the_token_and_its_sender_is_taken_for_no_stranger(
    playing: Stage,
) -> None:
    card = await playing.ask()
    playing.slack.token_error = "token_revoked"
    await playing.approve(card)
    looked_up = ("users.info", "usergroups.users.list", "conversations.info")
    await playing.slack.until(lambda: refused(playing, *looked_up))
    playing.slack.token_error = ""
    await playing.until_event(card, EventKind.APPROVED)
    refusals = [e for _, e in await playing.audit() if e.kind is EventKind.REFUSED]
    assert refusals == []


async def test_nobody_is_refused_because_the_token_can_not_read_the_approvers(
    playing: Stage,
) -> None:
    card = await playing.ask()
    playing.slack.faults.add("usergroups.users.list", "error", error="token_revoked", times=2)
    await playing.approve(card)
    await playing.until_event(card, EventKind.APPROVED)
    refusals = [e for _, e in await playing.audit() if e.kind is EventKind.REFUSED]
    assert refusals == []


async def test_a_home_that_meets_a_refused_token_is_shown_when_it_is_mended(
    playing: Stage,
) -> None:
    playing.slack.open_home(ALICE)
    await playing.slack.until(lambda: playing.slack.home(ALICE))
    playing.slack.faults.add("views.publish", "error", error="account_inactive", times=2)
    await playing.ask()
    playing.slack.token_error = "account_inactive"
    playing.slack.open_home(BOB)
    await playing.slack.until(lambda: refused(playing, "users.info"))
    playing.slack.token_error = ""
    for user in (ALICE, BOB):
        await playing.slack.until(lambda user=user: DEST in playing.slack.home_text(user))  # type: ignore[misc] # mypy can't infer a lambda with a default


async def test_a_scope_that_was_taken_away_delays_the_story_too(hurried: Stage) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("scope")
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.APPROVED)
    scopes = hurried.slack.web_api.scopes
    hurried.slack.web_api.scopes = scopes - {"chat:write"}
    await hurried.until_ended(card)
    await hurried.slack.until(
        lambda: any(c.error == "missing_scope" for c in hurried.slack.requests)
    )
    url = hurried.bots[0][2]
    lacks = "the bot's token lacks chat:write: install the app again"
    assert lacks in await _ready(url, 503)
    hurried.slack.web_api.scopes = scopes - {"groups:history"}
    assert "warning: the bot's token lacks groups:history" in await _ready(url, 200)
    hurried.slack.web_api.scopes = scopes
    await hurried.until_deleted(card)
    assert hurried.slack.dms(ALICE) == []


async def _ready(url: str, wanted: int) -> str:
    """What /readyz says as soon as it answers with this status."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            async with session.get(f"{url}/readyz") as answer:
                if answer.status == wanted:
                    return await answer.text()
            await asyncio.sleep(0.05)


async def test_readiness_says_that_slack_refuses_the_token_and_that_it_is_mended(
    stage: Stage,
) -> None:
    url = await stage.start_bot()
    stage.slack.token_error = "token_revoked"
    assert "refuses SLACK_BOT_TOKEN (token_revoked)" in await _ready(url, 503)
    stage.slack.token_error = ""
    await _ready(url, 200)


async def test_a_bot_that_is_started_with_a_new_token_tells_what_the_old_one_could_not(
    hurried: Stage,
) -> None:
    await hurried.start_bot()
    [route] = hurried.new_routes("rotated")
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.APPROVED)
    hurried.slack.token_error = "token_revoked"
    await hurried.until_ended(card)
    await hurried.stop_bots()
    hurried.slack.token_error = ""
    await hurried.start_bot()
    await hurried.until_deleted(card)
    thread = hurried.thread(card)
    assert len(set(thread)) == len(thread)
