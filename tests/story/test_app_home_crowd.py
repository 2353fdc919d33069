"""Many App Homes, and a Slack that hangs, fails or wants a pause: the pages wait, nothing else.

The step of a Home is done here by hand, with the clocks stopped; Slack's answers are real.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

import pytest
import pytest_asyncio
from databases import set_clock
from stage import Stage, delete_command

from bot.config.settings import Settings
from bot.errors import SlackUnavailable
from bot.models import RequestState
from bot.sandbox.slack.state import WebCall
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, Person
from bot.service import app
from bot.service import run as serving
from bot.slack.access import Access
from bot.slack.app_home import AppHomePublisher
from bot.slack.app_home_rows import AppHomeReader
from bot.slack.messages.replies import Row
from bot.slack.web import Slack
from bot.store import Claim
from bot.store.viewers import APART_SECONDS, AT_ONCE, EACH_SECONDS, MOST


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
        self.reading_takes = 0.0
        home_reader = AppHomeReader(self.store, self._built.directory, self._rows, self)
        slack = Slack(self._built.slack_client, self, spread=lambda _: 0.0)
        access = Access(self._built.directory, self)
        self._publisher = AppHomePublisher(slack, self.store.viewers, home_reader, access, self)
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
        claim = Claim(f"home:{user}", "1-a", 1, self.now, self.now + 30)
        await self.store.database.command("HSET", "{vco}:claims", f"fence:{claim.item}", "1-a")
        at = await self._publisher.step(claim)
        return None if at is None else round(at - self.now, 3)

    async def _rows(self, ids: Iterable[str]) -> tuple[list[Row], list[str]]:
        self.now += self.reading_takes / 8  # in so many parts it is read
        return await self._built.submissions.rows(ids)

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


async def test_a_pause_that_slack_asks_for_is_one_of_all_pages(stage: Stage, crowd: Crowd) -> None:
    await crowd.open(ALICE, BOB, CAROL)
    stage.slack.faults.add("views.publish", "rate_limited", retry_after=30)
    assert await crowd.step(ALICE) == 30.0
    crowd.wait(10.0)
    assert [await crowd.step(user) for user in (BOB, CAROL)] == [20.0, 20.0]
    assert len(pages(stage)) == 1, "nobody else has asked"
    crowd.wait(20.0)
    for user in (ALICE, BOB, CAROL):
        await crowd.step(user)
    assert {c.args["user_id"] for c in pages(stage)[1:]} == {ALICE, BOB, CAROL}


async def test_after_a_pause_come_those_who_have_just_opened_theirs_and_then_the_latest(
    stage: Stage, crowd: Crowd
) -> None:
    await crowd.open("U0FORMER", ALICE, BOB)
    for user in (ALICE, BOB):
        await crowd.step(user)
    await crowd.open(CAROL)
    stage.slack.faults.add("views.publish", "rate_limited", retry_after=30)
    crowd.wait(APART_SECONDS)
    assert await crowd.step(CAROL) == 30.0
    order = {user: await crowd.step(user) for user in ("U0FORMER", ALICE, BOB)}
    assert order == {
        "U0FORMER": 30.0,
        BOB: 30.0 + 2 * EACH_SECONDS,
        ALICE: 30.0 + 3 * EACH_SECONDS,
    }


async def test_a_whole_crowd_does_not_come_back_all_at_once(stage: Stage, crowd: Crowd) -> None:
    users = [f"U{number}" for number in range(MOST)]
    await crowd.open(*users)
    stage.slack.faults.add("views.publish", "rate_limited", retry_after=30)
    times = sorted([await crowd.step(user) or 0.0 for user in users])
    assert times[AT_ONCE] == 30.0
    for minute in range(3):
        begun = 30.0 + 60 * minute
        assert sum(begun <= at < begun + 60 for at in times) <= 101
    assert len(pages(stage)) == 1


async def test_while_slack_does_not_answer_one_page_asks_after_ever_longer_pauses(
    stage: Stage, crowd: Crowd
) -> None:
    await crowd.open(ALICE, BOB)
    stage.slack.faults.add("views.publish", "http", times=None)
    pauses = []
    for _ in range(6):
        with pytest.raises(SlackUnavailable):
            await crowd.step(ALICE)
        pauses.append(await crowd.step(BOB))
        crowd.wait(pauses[-1] or 0.0)
    assert pauses == [1, 2, 4, 8, 15, 15]
    assert len(pages(stage)) == 6
    stage.slack.faults.clear()
    assert await crowd.step(ALICE) is None
    stage.slack.faults.add("views.publish", "http")
    with pytest.raises(SlackUnavailable):
        await crowd.step(BOB)
    assert await crowd.step(BOB) == 1.0, "counted anew"


async def test_pages_that_fail_together_lengthen_the_pause_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SLACK_SECONDS", 1)
    users = [ALICE, BOB, CAROL]
    async with aclosing(Crowd(stage)) as crowd:
        await crowd.open(*users)
        stage.slack.faults.add("views.publish", "hang", times=None, seconds=600.0)
        results = await asyncio.gather(*map(crowd.step, users), return_exceptions=True)
        assert [type(result) for result in results] == [SlackUnavailable] * 3
        assert await crowd.step(BOB) == 1.0


async def test_a_page_from_a_board_that_is_too_costly_to_read_again_is_looked_at_later(
    stage: Stage, crowd: Crowd
) -> None:
    crowd.reading_takes = 2.4
    await crowd.open(ALICE)
    await crowd.step(ALICE)
    crowd.wait(APART_SECONDS)
    await crowd.store.viewers.changed()
    assert await crowd.step(ALICE) == pytest.approx(4 * 2.4 - APART_SECONDS)
    await crowd.open(BOB)
    await crowd.step(BOB)
    assert [c.args["user_id"] for c in pages(stage)] == [ALICE, BOB], "an old page before none"
    crowd.wait(4 * 2.4)
    assert await crowd.step(ALICE) is None
