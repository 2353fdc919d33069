"""What single things cost: an acknowledgement, a send, a start, a record."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
from counting import Commands
from stage import BRISK, Stage, delete_command, request_id
from waiting import until

from bench.deployed import interpreter
from bench.peers import BareBolt, LeastPath
from bench.processes import resident
from bot.follow_up.monitoring import INTERVAL
from bot.models import RequestState
from bot.sandbox.process import BotProcess
from bot.sandbox.vpc.seed import HANGZHOU
from bot.sandbox.vpc.world import Pace
from bot.store.client import DUE, key

_EARLIER = 20


@dataclass(slots=True)
class Beside:
    """Ours and the peer's, taken in turns."""

    ours: list[float] = field(default_factory=list)
    peers: list[float] = field(default_factory=list)

    def of(self, unit: float = 1) -> tuple[list[float], list[float]]:
        """Both, in so many parts of a second or of a MiB."""
        return [one * unit for one in self.ours], [one * unit for one in self.peers]


async def acks(stage: Stage, bot: BotProcess, bare: BareBolt, count: int) -> Beside:
    """Seconds until a command is acknowledged, by the bot and by bare Bolt."""
    seen = Beside()
    for _ in range(count):
        for url, into in ((bot.url, seen.ours), (bare.url, seen.peers)):
            stage.slack.deliver_to(f"{url}/slack/events")
            into.append((await stage.command("help")).seconds)
    return seen


async def acks_at_once(stage: Stage, bot: BotProcess, bare: BareBolt, count: int) -> Beside:
    """The same for so many commands at once."""
    seen = Beside()
    for url, into in ((bare.url, seen.peers), (bot.url, seen.ours)):
        stage.slack.deliver_to(f"{url}/slack/events")
        got = await asyncio.gather(*(stage.command("help") for _ in range(count)))
        into += [ack.seconds for ack in got]
    return seen


async def sends(stage: Stage, bot: BotProcess, count: int) -> Beside:
    """Seconds from an approval's click to the Delete on the wire, one after another."""
    seen, path = Beside(), LeastPath(stage)
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    try:
        await path.go()
        for n in range(count):
            [route] = stage.new_routes(f"send{n}")
            card = await stage.ask(delete_command(route))
            seen.peers.append(await path.go())
            clicked = time.time()
            await stage.approve(card)
            await until(partial(stage.sends_of, route))
            seen.ours.append(stage.sends_of(route)[0].at - clicked)
            await stage.until_shown(card, RequestState.DELETED)
    finally:
        await path.close()
    return seen


async def sends_at_once(stage: Stage, bot: BotProcess, count: int) -> Beside:
    """The same for so many at once."""
    seen, path = Beside(), LeastPath(stage)
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    try:
        await path.go()
        seen.peers += await asyncio.gather(*(path.go() for _ in range(count)))
        routes = [stage.new_routes(f"sends{n}")[0] for n in range(count)]
        cards = [await stage.ask(delete_command(route)) for route in routes]
        clicked = time.time()
        await asyncio.gather(*(stage.approve(card) for card in cards))
        await until(lambda: all(stage.sends_of(route) for route in routes))
        seen.ours += [stage.sends_of(route)[0].at - clicked for route in routes]
        for card in cards:
            await stage.until_shown(card, RequestState.DELETED)
    finally:
        await path.close()
    return seen


async def starts(stage: Stage, log: Path, count: int) -> tuple[Beside, Beside]:
    """Seconds from start to ready, and the resident memory then, in MiB, as in an image."""
    seconds, memory = Beside(), Beside()
    python = interpreter(log.with_name("deployed"))
    for _ in range(count):
        bot = BotProcess(stage.environment(), log=log, python=python)
        began = time.monotonic()
        bot.begin()
        await _ready(f"{bot.url}/readyz", 200)
        seconds.ours.append(time.monotonic() - began)
        memory.ours.append(resident(bot.pid))
        await bot.stop()
        bare = BareBolt(stage, log, python)
        seconds.peers.append(await bare.start())
        memory.peers.append(resident(bare.pid))
        bare.kill()
    return seconds, memory


@dataclass(slots=True)
class Kept:
    """KiB that Redis keeps of requests: when they have just ended, and when they are old."""

    new: list[float] = field(default_factory=list)
    old: list[float] = field(default_factory=list)


async def memory_of_a_finished_request(stage: Stage, bot: BotProcess) -> Kept:
    """What Redis keeps of one: its record, and what was posted of it."""
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    kept = Kept()
    for n in range(3):
        [route] = stage.new_routes(f"memory{n}", pace=BRISK)
        card = await stage.ask(delete_command(route, reason="leaking prod prefix, INC-4211"))
        await stage.approve(card)
        await stage.until_shown(card, RequestState.DELETED)
        await stage.until_quiet(card)
        kept.new.append(await _memory(stage, request_id(card)))
        await stage.store.packing.pack(request_id(card))
        kept.old.append(await _memory(stage, request_id(card)))
    return kept


async def _memory(stage: Stage, name: str) -> float:
    names = [key(kind, name) for kind in ("request", "told")]
    used = [await stage.store.database.command("MEMORY", "USAGE", name) for name in names]
    return sum(map(int, filter(None, used))) / 1024


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """How many commands Redis is sent for one deletion, and how many between click and Delete."""

    all: int
    before_its_delete: int


async def round_trips(stage: Stage, log: Path) -> RoundTrips:
    """Those of one deletion of two seconds, from the command to the end of what its end sets off.

    Of a connection without BGP, in a region where it is known how long such a task takes, by a bot
    that calls nobody directly.
    """
    for _ in range(_EARLIER):
        await stage.store.rate_limits.took(HANGZHOU, "vco-earlier", 2.1)
    [route] = stage.new_routes("trips", pace=Pace(delay=0.1, seconds=2.0), bgp=False)
    bot = BotProcess(stage.environment(VCO_CALL_UP_TO="0"), log=log)
    await bot.start()
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    try:
        # By the one command that no bot sends, the scene itself looks.
        async with Commands(stage.redis_url, besides="ZSCORE") as commands:
            card = await stage.ask(delete_command(route))
            await stage.until_quiet(card)
            clicked = time.time()
            await stage.approve(card)
            await stage.until_thread_says(card, "deleted in")
            await stage.until_card_says(card, "Deleted")

            async def monitored() -> bool:
                item = f"follow:{request_id(card)}"
                due = await stage.store.database.command("ZSCORE", DUE, item)
                return due is not None and float(due) > time.time() + INTERVAL / 2

            await until(monitored)
    finally:
        await bot.stop()
    before = commands.between(clicked, stage.sends_of(route)[0].at)
    return RoundTrips(sum(commands.sent.values()), sum(before.values()))


async def _ready(url: str, status: int) -> None:
    async with asyncio.timeout(20.0), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == status:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)
