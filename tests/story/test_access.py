"""Who may look: full members of the workspace see connections, routes and requests; nobody else."""

import pytest
from stage import Stage, request_id

from bot.config.settings import Settings
from bot.errors import Refused, SlackError
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, DORA, GINA, SAM
from bot.sandbox.vpc import seed
from bot.service.app import App
from bot.slack.access import Access

NOBODY = "Guests can't use vco-route."


@pytest.mark.parametrize("command", ["list {connection}", "status", "status {request}", "history"])
async def test_a_guest_is_told_nothing_of_routes_and_requests(playing: Stage, command: str) -> None:
    request = request_id(await playing.ask())
    calls = len(playing.vpc.calls)
    typed = command.format(connection=seed.ORDINARY, request=request)
    await playing.command(typed, user=GINA)
    await playing.until_told(GINA, NOBODY)
    assert seed.SHADOWED_DEST not in playing.told(GINA)
    assert len(playing.vpc.calls) == calls
    await playing.command(typed, user=BOB)
    await playing.until_told(BOB, seed.SHADOWED_DEST)


async def test_a_guest_who_opens_the_app_home_finds_it_closed(playing: Stage) -> None:
    await playing.ask()
    playing.slack.open_home(GINA)
    home = await playing.slack.until(lambda: playing.slack.home(GINA))
    assert text_of(home) == f"{NOBODY} Ask a full member."
    assert "button" not in str(home)


async def test_strangers_and_people_who_left_may_not_look_either(stage: Stage) -> None:
    app = App(Settings.from_env(stage.environment()))
    access = Access(app.directory)
    for user in (SAM, DORA, "U0NOBODY1", ""):
        with pytest.raises(Refused):
            await access.check(user)
    await access.check(ALICE)
    await app.close()


async def test_a_member_is_believed_to_be_one_for_a_while_and_nobody_without_having_been_asked(
    stage: Stage,
) -> None:
    now = 0.0
    app = App(Settings.from_env(stage.environment()))
    access = Access(app.directory, clock=lambda: now)
    await access.check(ALICE)
    stage.slack.workspace.people[ALICE].guest = True
    now = 299.0
    await access.check(ALICE)
    now = 301.0
    with pytest.raises(Refused, match=NOBODY):
        await access.check(ALICE)
    stage.slack.faults.add("users.info", "http", times=None)
    with pytest.raises(SlackError):
        await access.check(BOB)
    await app.close()
