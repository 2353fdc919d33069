"""Many App Homes, and a Slack that hangs, fails or wants a pause: the pages wait, nothing else.

The step of a page is done here by hand, with the clocks stopped; Slack's answers are real.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio
from databases import set_clock
from stage import Stage, delete_command

from bot.config.settings import Settings
from bot.models import RequestState
from bot.sandbox.slack.state import WebCall
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, Person
from bot.service import app
from bot.service import run as serving
from bot.slack.access import Access
from bot.slack.app_home import APART_SECONDS, EACH_SECONDS, JUST_OPENED_SECONDS, AppHomePublisher
from bot.slack.web import Slack
from bot.store import Claim
from bot.store.client import DUE
from bot.store.viewers import EVERYBODY, MOST


def pages(stage: Stage) -> list[WebCall]:
    """The calls that showed somebody their Home, or should have."""
    return [call for call in stage.slack.requests if call.method == "views.publish"]


class Crowd:
    """People with open Homes, and one clock for the database and for this process."""

    def __init__(self, stage: Stage) -> None:
        self.slack = stage.slack
        self._built = app.App(Settings.from_env(stage.environment()))
        self.store = self._built.store
        self.now = 0.0
        slack = Slack(self._built.slack_client, self, spread=lambda _: 0.0)
        access = Access(self._built.directory, self)
        self._publisher = AppHomePublisher(slack, self.store, self._built.directory, access)
        self.wait(1000.0)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        set_clock(self.store.database, self.now)

    async def open(self, *users: str) -> None:
        """They look at their Homes, one after another, so that the last one is the latest."""
        for user in users:
            self.wait(0.01)
            known = Person(id=user, name=user.lower(), real_name=user)
            self.slack.workspace.people.setdefault(user, known)
            await self.store.viewers.opened(user)

    async def step(self, user: str) -> float | None:
        """Have the page of one person done; returns in how many seconds to look again."""
        at = await self._publisher.step(Claim(f"home:{user}", "1-a", 1, self.now, self.now + 30))
        return None if at is None else round(at - self.now, 3)

    async def due(self) -> list[str]:
        """Whose pages are due."""
        items = await self.store.database.command("ZRANGE", DUE, 0, -1)
        return [str(item).removeprefix("home:") for item in items]

    async def aclose(self) -> None:
        await self._built.close()


@pytest_asyncio.fixture
async def crowd(stage: Stage) -> AsyncIterator[Crowd]:
    async with aclosing(Crowd(stage)) as people:
        yield people


async def test_a_deletion_is_asked_for_approved_and_done_while_all_pages_hang(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SLACK_SECONDS", 60)
    monkeypatch.setattr(serving, "DRAINED_AT", 0.1)
    for number in range(MOST):
        await hurried.store.viewers.opened(f"U0VIEWER{number}")
    await hurried.store.work.wake(EVERYBODY)
    hurried.slack.faults.add("views.publish", "hang", times=None, seconds=600.0)
    await hurried.start_bot()
    await hurried.slack.until(lambda: len(pages(hurried)) == app.CONCURRENCY["home"])
    [route] = hurried.new_routes("amid")
    card = await hurried.ask(delete_command(route))
    await hurried.approve(card)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    await hurried.until_deleted(card)
    assert len(pages(hurried)) == app.CONCURRENCY["home"], "not one of them has come to its end"
    await hurried.stop_bots()


async def test_a_change_makes_the_pages_due_of_all_who_looked_lately(crowd: Crowd) -> None:
    await crowd.open(ALICE, BOB)
    assert await crowd.step("all") is None
    assert sorted(await crowd.due()) == sorted([ALICE, BOB])
    assert await crowd.step("all") == APART_SECONDS, "many changes are seen to at once"


async def test_one_page_comes_two_seconds_after_the_other_and_shows_what_has_changed_since(
    stage: Stage, crowd: Crowd
) -> None:
    await crowd.open(BOB)
    await crowd.step(BOB)
    crowd.wait(0.5)
    assert await crowd.step(BOB) == APART_SECONDS - 0.5
    crowd.wait(APART_SECONDS - 0.5)
    assert await crowd.step(BOB) is None
    assert len(pages(stage)) == 2


async def test_a_clock_that_was_put_back_delays_no_page(stage: Stage, crowd: Crowd) -> None:
    await crowd.open(BOB)
    await crowd.step(BOB)
    crowd.wait(-500.0)
    await crowd.open(BOB)
    assert await crowd.step(BOB) is None
    assert len(pages(stage)) == 2


async def test_a_pause_that_slack_asks_for_is_one_of_all_pages(stage: Stage, crowd: Crowd) -> None:
    await crowd.open(ALICE, BOB, CAROL)
    stage.slack.faults.add("views.publish", "rate_limited", retry_after=30)
    assert await crowd.step(ALICE) == 30.0
    crowd.wait(10.0)
    waits = [await crowd.step(user) for user in (BOB, CAROL)]
    assert waits == [20.0 + EACH_SECONDS, 20.0 + 2 * EACH_SECONDS], "one after another"
    assert len(pages(stage)) == 1, "nobody else has asked"
    crowd.wait(20.0 + 2 * EACH_SECONDS)
    await crowd.open(ALICE, BOB, CAROL)
    for user in (ALICE, BOB, CAROL):
        assert await crowd.step(user) is None
    assert {c.args["user_id"] for c in pages(stage)[1:]} == {ALICE, BOB, CAROL}


async def test_whoever_has_just_opened_theirs_finds_a_call_left_for_it(
    stage: Stage, crowd: Crowd
) -> None:
    users = [f"U{number}" for number in range(MOST)]
    await crowd.open(*users)
    crowd.wait(JUST_OPENED_SECONDS)
    waits = [await crowd.step(user) for user in users]
    held = [wait for wait in waits if wait is not None]
    assert 0 < len(held) < 30, "a minute's pages may come at once, but for a few"
    await crowd.open(CAROL)
    assert await crowd.step(CAROL) is None
    assert len(pages(stage)) == MOST - len(held) + 1


async def test_a_whole_crowd_does_not_come_back_all_at_once(stage: Stage, crowd: Crowd) -> None:
    users = [f"U{number}" for number in range(MOST)]
    await crowd.open(*users)
    stage.slack.faults.add("views.publish", "rate_limited", retry_after=30)
    for _ in range(3):
        times = sorted([await crowd.step(user) or 0.0 for user in users])
        assert times[0] >= 30.0
        assert times[-1] <= 30.0 + 2 * MOST * EACH_SECONDS, "nor ever later"
    assert len(pages(stage)) == 1


async def test_all_pages_are_made_of_what_was_read_once_until_something_changes(
    crowd: Crowd, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = 0
    latest_ids = crowd.store.requests.latest_ids

    async def counted(most: int) -> list[str]:
        nonlocal readings
        readings += 1
        return await latest_ids(most)

    monkeypatch.setattr(crowd.store.requests, "latest_ids", counted)
    users = [f"U{number}" for number in range(10)]
    await crowd.open(*users)
    for user in users:
        await crowd.step(user)
    assert readings == 1
    crowd.wait(APART_SECONDS)
    await crowd.step("all")
    for user in users:
        await crowd.step(user)
    assert readings == 2
    assert len(pages(stage)) == 20
