"""What is measured: one deletion left alone, and one whose bot is killed (SIGKILL).

All times are read outside the bot: the local Slack shows a card, the local cloud records a call.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from stage import Stage, delete_command
from waiting import until

from bot.models import RequestState, VcoRoute
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.messages import Message, find_element
from bot.sandbox.vpc.faults import FaultKind
from bot.sandbox.vpc.service import Call
from bot.sandbox.vpc.world import Pace
from bot.slack.messages.buttons import APPROVE
from bot.store.client import CLAIMS, DUE

LEASE = 10
"""Of the replicas of which one is killed in a step; the other scenes have the default, 30 s."""

TASK = Pace(delay=0.1, seconds=2.0)
_MARGIN = 0.2
"""Seconds that are left to kill a bot before its next step begins."""
_TIMEOUT = 60.0


@dataclass(slots=True)
class Samples:
    """Everything measured, in seconds."""

    card: list[float] = field(default_factory=list)
    edited: list[float] = field(default_factory=list)
    undisturbed: list[float] = field(default_factory=list)
    restart: list[float] = field(default_factory=list)
    extra: list[float] = field(default_factory=list)
    restarted: list[float] = field(default_factory=list)
    in_step: list[float] = field(default_factory=list)


class Scenes:
    """Plays the scenes on one stage, one after another, each on a connection of its own."""

    def __init__(self, stage: Stage, log: Path) -> None:
        """`log`: a file for what the bots print."""
        stage.hurry()
        self.samples = Samples()
        self._stage = stage
        self._log = log
        self._made = 0

    def bot(self, **changes: str) -> BotProcess:
        """A bot that does not run yet."""
        return BotProcess(self._stage.environment() | changes, log=self._log)

    async def undisturbed(self, bot: BotProcess) -> None:
        """Ask, approve, wait for the proof."""
        route = self._route()
        self._deliver_to(bot)
        asked = time.time()
        card = await self._stage.ask(delete_command(route))
        self.samples.card.append(time.time() - asked)
        clicked = time.time()
        await self._stage.approve(card)
        await self._stage.slack.until(lambda: find_element(card.blocks, APPROVE) is None)
        self.samples.edited.append(time.time() - clicked)
        await self._proven(card, route)
        self.samples.undisturbed.append(time.time() - clicked)

    async def killed_between_steps(self, bot: BotProcess) -> None:
        """Kill the only bot while it waits for its next poll, start it again at once."""
        route = self._route()
        self._deliver_to(bot)
        card = await self._stage.ask(delete_command(route))
        clicked = time.time()
        await self._stage.approve(card)
        due = await self._waiting(card)
        bot.kill()
        killed, seen = time.time(), len(self._stage.vpc.calls)
        in_hand = await self._in_hand()
        assert not in_hand, f"killed in a step: {in_hand}"
        await bot.start()
        ready = time.time()
        acted = await self._next_call(route, seen)
        await self._proven(card, route)
        self.samples.restarted.append(time.time() - clicked)
        self.samples.restart.append(ready - killed)
        # A poll may come before the bot says that it is ready: no delay then.
        self.samples.extra.append(max(0.0, acted - max(ready, due)))

    async def killed_in_a_step(self, doomed: BotProcess, other: BotProcess) -> None:
        """Kill a replica while the API hangs on its deletion; the other one takes over.

        The other one is held (SIGSTOP) until then, so that it is known whose step it is.
        """
        route = self._route()
        hang = self._stage.fault(route, FaultKind.HANG)
        self._deliver_to(doomed)
        card = await self._stage.ask(delete_command(route))
        assert other.pid is not None
        os.kill(other.pid, signal.SIGSTOP)
        try:
            await self._stage.approve(card)
            await until(lambda: hang.hits > 0)
            doomed.kill()
            killed, seen = time.time(), len(self._stage.vpc.calls)
        finally:
            os.kill(other.pid, signal.SIGCONT)
        acted = await self._next_call(route, seen)
        self.samples.in_step.append(acted - killed)
        await asyncio.gather(self._proven(card, route), doomed.start())

    def _route(self) -> VcoRoute:
        self._made += 1
        return self._stage.new_routes(f"bench{self._made}", pace=TASK)[0]

    def _deliver_to(self, bot: BotProcess) -> None:
        self._stage.slack.deliver_to(f"{bot.url}/slack/events")

    async def _proven(self, card: Message, route: VcoRoute) -> None:
        """Wait until the card says so. A figure of a deletion gone wrong would be worthless."""
        await self._stage.until_deleted(card, seconds=_TIMEOUT)
        assert (await self._stage.request(card)).state is RequestState.DELETED
        assert self._stage.vpc.effects(route) == 1

    async def _next_call(self, route: VcoRoute, seen: int) -> float:
        """When the first call about the route's connection came, after the `seen` ones."""
        connection = route.vpn_connection_id

        def call() -> Call | None:
            calls = self._stage.vpc.calls[seen:]
            return next((c for c in calls if c.vpn_connection_id == connection), None)

        return (await until(call)).at

    async def _waiting(self, card: Message) -> float:
        """Wait until a poll is over and nothing is in hand or due; returns when the next one is."""
        database = self._stage.store.database

        async def waiting() -> float | None:
            polled = (await self._stage.request(card)).routes[0].watch.polls > 0
            first = await database.command("ZRANGE", DUE, 0, 0)
            due = float(await database.command("ZSCORE", DUE, *first) or 0) if first else 0.0
            quiet = polled and due > time.time() + _MARGIN and not await self._in_hand()
            return due if quiet else None

        return await until(waiting)

    async def _in_hand(self) -> list[str]:
        """The steps, of deletions and of telling, that somebody does or died in."""
        claims = await self._stage.store.database.command("HKEYS", CLAIMS)
        return [name for name in claims if name.startswith("lease:")]
