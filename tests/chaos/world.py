"""One scene: bots, Valkey behind a proxy, a local Slack and a local cloud."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import aiohttp
from staged_slack import staged_slack

from bot.config import redis_url
from bot.models import VcoRoute
from bot.sandbox.scene import environment
from bot.sandbox.valkey import EmbeddedValkey
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.local import LocalVpc
from bot.sandbox.vpc.world import Pace
from bot.store import Database, Store
from bot.store.connect import connect
from chaos.bots import Bot, Zygote, unusual_port
from chaos.plan import Mode, Plan
from chaos.proxy import RedisProxy
from chaos.replica import Replica, port_of

REGIONS = (seed.HANGZHOU, seed.SINGAPORE)


class World:
    """Everything that a round needs, from its start to its end."""

    def __init__(
        self,
        plan: Plan,
        zygotes: Sequence[Zygote],
        valkey: EmbeddedValkey,
        directory: Path,
        broken: str = "",
    ) -> None:
        """`zygotes`: replicas come from each of them in turn."""
        self.plan = plan
        self.directory = directory
        self.valkey = valkey
        self.replica = Replica(valkey) if plan.replica else None
        self.proxy = RedisProxy(lambda: port_of(self.valkey))
        self.slack = staged_slack()
        self.vpc = LocalVpc({seed.ACCESS_KEY_ID: seed.ACCESS_KEY_SECRET})
        self.bots: list[Bot] = []
        self._zygotes = zygotes
        self.mixed = len(zygotes) > 1
        """Whether bots of another version work beside."""
        self._broken = broken

    async def __aenter__(self) -> Self:
        """Set the scene up; the bots are ready."""
        await self.valkey.start()
        # What the bots remember, read past the proxy: to look from outside, never to act.
        self.store = self._store()
        await self.store.database.command("FLUSHALL")
        if self.replica:
            await self.replica.start()
        await self.proxy.start()
        await self.slack.start()
        await self.vpc.start()
        self.slack.limits.enabled = self.plan.tiers
        self._build()
        for number in range(self.plan.replicas):
            self.add_bot(number)
        await asyncio.gather(*(bot.start() for bot in self.bots))
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(*(bot.ready(session) for bot in self.bots))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take everything down but Valkey."""
        await asyncio.gather(*(bot.kill() for bot in self.bots))
        await self.store.database.close()
        await self.slack.close()
        await self.vpc.close()
        await self.proxy.close()
        if self.replica:
            await self.replica.close()

    @property
    def clock(self) -> Path:
        """The file that says how far the store's clock is off."""
        return self.directory / "clock"

    async def fail_over(self, forget: float) -> None:
        """Lose the master, and with it what it acknowledged in the last seconds."""
        assert self.replica is not None
        self.valkey = await self.replica.promote(forget)
        await self.proxy.cut()
        await self.store.database.close()
        self.store = self._store()
        await self.replica.rejoin()

    def _store(self) -> Store:
        return Store(Database(connect(redis_url.parse(self.valkey.url))))

    def add_bot(self, number: int) -> Bot:
        """One more replica, not started yet."""
        socket_mode = self.plan.mode is Mode.SOCKET
        env = environment(self.slack, self.vpc, self.proxy.url, socket_mode=socket_mode) | {
            "PORT": str(unusual_port()),
            "VCO_LEASE": str(self.plan.lease),
            "VCO_OPERATION_TIMEOUT": str(self.plan.operation),
            "VCO_APPROVAL_TIMEOUT": str(self.plan.expiry),
            "LOG_FORMAT": "json",
        }
        zygote = self._zygotes[number % len(self._zygotes)]
        bot = Bot(zygote, env, self.directory / f"bot{number}.log", self._broken)
        self.bots.append(bot)
        if not socket_mode:
            self.slack.deliver_to(*(f"{b.url}/slack/events" for b in self.bots))
        return bot

    def _build(self) -> None:
        plan = self.plan
        pace = Pace(delay=plan.task_delay, seconds=plan.task_seconds, listing_lag=plan.listing_lag)
        for number, routes in enumerate(plan.connections):
            connection = connection_id(number)
            self.vpc.add_connection(connection, region=region(number), pace=pace)
            self.vpc.add_route(connection, f"10.{number}.0.0/16")
            for route in range(routes):
                self.vpc.add_route(connection, dest(number, route))


def region(connection: int) -> str:
    """The region of a connection, by its number."""
    return REGIONS[connection % len(REGIONS)]


def connection_id(connection: int) -> str:
    """The id of a connection, by its number."""
    return f"vco-chaos{connection:02d}"


def dest(connection: int, route: int) -> str:
    """The destination of a route of a connection, by their numbers."""
    return f"10.{connection}.{route + 1}.0/24"


def the_route(connection: int, route: int) -> VcoRoute:
    """A route, by its numbers."""
    name = connection_id(connection)
    return VcoRoute(
        vpn_connection_id=name, route_dest=dest(connection, route), next_hop=name, weight=100
    )
