"""Several replicas, and one after another: each request is done once, and all of it is told."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from chaos import previous
from msgspec.structs import replace
from stage import BRISK, Stage, delete_command
from waiting import until

from bot.models import EventKind, VcoRoute
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.workspace import BOB, CAROL
from bot.sandbox.vpc.world import Pace
from bot.slack.connection import SOCKETS
from bot.slack.messages.buttons import APPROVE

ROOT = Path(__file__).parents[2]
DELETE = "DeleteVcoRouteEntry"
LEASE = 10
UNDER_WAY = Pace(delay=0.1, seconds=600.0)
"""A task that outlasts any restart; the test ends it."""


def new_routes(stage: Stage, how_many: int, pace: Pace = BRISK) -> list[VcoRoute]:
    """Routes on connections of their own."""
    connections = [f"vco-replica{n}" for n in range(how_many)]
    for connection in connections:
        stage.vpc.add_connection(connection, pace=pace)
        stage.vpc.add_route(connection, "172.31.0.0/16")
    return [stage.vpc.add_route(connection, "10.1.0.0/16") for connection in connections]


async def deleted_once_and_told_once(stage: Stage, card: Message, route: VcoRoute) -> None:
    """The end of every story here; nothing in it happened or was said twice."""
    await stage.until_deleted(card)
    thread = stage.thread(card)
    said = Counter(line.split("  ", 1)[1] for line in thread)
    assert set(said.values()) == {1}, said
    sends = [
        c for c in stage.vpc.calls_of(DELETE) if c.vpn_connection_id == route.vpn_connection_id
    ]
    assert stage.vpc.effects(route) == 1
    assert len({call.params["ClientToken"] for call in sends}) == 1


async def each_decided_once(stage: Stage, how_many: int) -> None:
    """What the audit says of all requests together."""
    kinds = Counter(event.kind for _, event in await stage.audit())
    for kind in (EventKind.SUBMITTED, EventKind.APPROVED, EventKind.SENT, EventKind.ENDED):
        assert kinds[kind] == how_many, kind


async def test_deliveries_that_alternate_between_two_replicas(hurried: Stage) -> None:
    """Slack's load balancer sends a command here, its click there, another click elsewhere."""
    urls = [await hurried.start_bot(), await hurried.start_bot()]
    routes = new_routes(hurried, 5)
    cards = [await hurried.ask(delete_command(route)) for route in routes]
    clicks = [(card, person) for card in cards for person in (BOB, CAROL, BOB)]
    await asyncio.gather(
        *(
            hurried.slack.click(person, card.channel, card.ts, APPROVE, stale=True)
            for card, person in clicks
        )
    )
    for card, route in zip(cards, routes, strict=True):
        await deleted_once_and_told_once(hurried, card, route)
    await each_decided_once(hurried, 5)
    assert len(hurried.cards()) == 5
    share = Counter(delivery.to for delivery in hurried.slack.courier.deliveries)
    assert set(share) == {f"{url}/slack/events" for url in urls}
    assert max(share.values()) - min(share.values()) <= 1


async def test_socket_mode_with_several_connections(hurried: Stage) -> None:
    """Slack hands each envelope to one of the connections, whichever."""
    for _ in range(3):
        await hurried.start_bot(socket_mode=True)
    await hurried.slack.until(lambda: len(hurried.slack.courier.sockets) == 3 * SOCKETS)
    routes = new_routes(hurried, 3)
    cards = [await hurried.ask(delete_command(route)) for route in routes]
    for card in cards:
        await hurried.approve(card)
    for card, route in zip(cards, routes, strict=True):
        await deleted_once_and_told_once(hurried, card, route)
    await each_decided_once(hurried, 3)
    assert len({delivery.to for delivery in hurried.slack.courier.deliveries}) == 3 * SOCKETS


async def test_a_socket_that_is_replaced_loses_nothing(hurried: Stage) -> None:
    """Slack refreshes connections every few hours; the operation does not notice."""
    await hurried.start_bot(socket_mode=True)
    [route] = new_routes(hurried, 1)
    card = await hurried.ask(delete_command(route))
    await hurried.slack.courier.sockets.refresh()
    await hurried.slack.until(lambda: len(hurried.slack.courier.sockets) == SOCKETS)
    await hurried.approve(card)
    await deleted_once_and_told_once(hurried, card, route)


class Fleet:
    """Bot processes behind Slack's deliveries, as a deployment runs them."""

    def __init__(self, stage: Stage, log: Path) -> None:
        self._stage = stage
        self._log = log
        self.running: list[BotProcess] = []

    async def start(self, code: Path = ROOT) -> BotProcess:
        """Start one more, with the code in a directory; deliveries reach it once it is ready."""
        env = self._stage.environment(VCO_LEASE=str(LEASE))
        bot = BotProcess(env, log=self._log, directory=code)
        self.running.append(bot)
        await bot.start()
        self._deliver()
        return bot

    async def stop(self, bot: BotProcess) -> int | None:
        """Take one out of service and stop it (SIGTERM); returns its exit status."""
        self.running.remove(bot)
        self._deliver()
        return await bot.stop()

    def kill(self, bot: BotProcess) -> None:
        """Crash one (SIGKILL); Slack's deliveries go to those that are left."""
        self.running.remove(bot)
        bot.kill()
        self._deliver()

    def _deliver(self) -> None:
        self._stage.slack.deliver_to(*(f"{bot.url}/slack/events" for bot in self.running))


@pytest_asyncio.fixture
async def fleet(stage: Stage, tmp_path: Path) -> AsyncIterator[Fleet]:
    """No process yet."""
    stage.slack.limits.enabled = False
    fleet = Fleet(stage, tmp_path / "bot.log")
    yield fleet
    await asyncio.gather(*(bot.stop() for bot in fleet.running))


async def test_a_rolling_restart_while_operations_are_in_flight(stage: Stage, fleet: Fleet) -> None:
    """Every process is replaced while connections are being changed; nobody notices."""
    old = await asyncio.gather(fleet.start(), fleet.start())
    routes = new_routes(stage, 4, UNDER_WAY)
    cards = [await stage.ask(delete_command(route)) for route in routes]
    pending = cards.pop()
    for card in cards:
        await stage.approve(card)
    for card in cards:
        await stage.until_event(card, EventKind.SENT)

    for bot in old:
        await fleet.start()
        assert await fleet.stop(bot) == 0
    assert fleet.running
    assert not set(fleet.running) & set(old)

    # What was asked of the old ones is approved by the new ones.
    await stage.approve(pending)
    await stage.until_event(pending, EventKind.SENT)
    finish_tasks(stage, routes)
    for card, route in zip([*cards, pending], routes, strict=True):
        await deleted_once_and_told_once(stage, card, route)
    await each_decided_once(stage, 4)


@pytest.mark.parametrize("way", ["upgrade", "rollback"])
async def test_another_version_takes_over_while_operations_are_in_flight(
    stage: Stage, fleet: Fleet, tmp_path: Path, way: str
) -> None:
    """From the version before to this one, and the way back: what is under way goes on."""
    other = tmp_path / "before"
    other.mkdir()
    if problem := await previous.check_out(other, previous.LATEST):
        pytest.skip(problem)
    first, then = (other, ROOT) if way == "upgrade" else (ROOT, other)
    leaving = await fleet.start(first)
    routes = new_routes(stage, 3, UNDER_WAY)
    cards = [await stage.ask(delete_command(route)) for route in routes]
    pending = cards.pop()
    for card in cards:
        await stage.approve(card)
    for card in cards:
        await stage.until_event(card, EventKind.SENT)

    # For a while both are there, as during any deployment.
    await fleet.start(then)
    finish_tasks(stage, routes[:1])
    await deleted_once_and_told_once(stage, cards[0], routes[0])
    assert await fleet.stop(leaving) == 0

    await stage.approve(pending)
    await stage.until_event(pending, EventKind.SENT)
    finish_tasks(stage, routes[1:])
    for card, route in zip([*cards, pending], routes, strict=True):
        await deleted_once_and_told_once(stage, card, route)
    await each_decided_once(stage, 3)


async def test_what_a_dead_replica_had_begun_is_finished_by_another(
    stage: Stage, fleet: Fleet
) -> None:
    """kill -9 of one of two while both are at it."""
    doomed, _ = await asyncio.gather(fleet.start(), fleet.start())
    routes = new_routes(stage, 4, UNDER_WAY)
    cards = [await stage.ask(delete_command(route)) for route in routes]
    await asyncio.gather(*(stage.approve(card) for card in cards))
    await stage.until_event(cards[0], EventKind.APPROVED)
    fleet.kill(doomed)
    # The cloud's word, not ours: of one that was killed at its send nobody has heard the answer.
    await until(lambda: all(map(partial(under_way, stage), routes)))
    finish_tasks(stage, routes)
    for card, route in zip(cards, routes, strict=True):
        await deleted_once_and_told_once(stage, card, route)
    await each_decided_once(stage, 4)


def under_way(stage: Stage, route: VcoRoute) -> bool:
    """Whether the cloud is at work on a route."""
    return stage.vpc.connection(route.vpn_connection_id).task is not None


def finish_tasks(stage: Stage, routes: Iterable[VcoRoute]) -> None:
    """Let the cloud be done with these routes."""
    for route in routes:
        connection = stage.vpc.connection(route.vpn_connection_id)
        task = connection.task
        assert task is not None
        connection.task = replace(task, effect_at=task.accepted_at, attached_at=task.accepted_at)
