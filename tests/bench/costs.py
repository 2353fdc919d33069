"""What single things cost: an acknowledgement, a send, a start, a record, a full quota."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean

import aiohttp
from stage import BRISK, DELETE, Stage, delete_command, request_id
from waiting import until

from bench.peers import BareBolt, LeastPath
from bot.execution.rate_limit import CHANGES_A_MINUTE, SHARE
from bot.models import RequestState
from bot.sandbox.process import BotProcess
from bot.store.client import key

_TIMEOUT = 300.0


@dataclass(slots=True)
class Beside:
    """Ours and the peer's, taken in turns."""

    ours: list[float] = field(default_factory=list)
    peers: list[float] = field(default_factory=list)


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
    """Seconds from start to ready, and the resident memory then, in MiB."""
    seconds, memory = Beside(), Beside()
    for _ in range(count):
        bot = BotProcess(stage.environment(), log=log)
        began = time.monotonic()
        bot.begin()
        await _ready(f"{bot.url}/readyz", 200)
        seconds.ours.append(time.monotonic() - began)
        memory.ours.append(resident(bot.pid))
        await bot.stop()
        bare = BareBolt(stage, log)
        seconds.peers.append(await bare.start())
        memory.peers.append(resident(bare.pid))
        bare.kill()
    return seconds, memory


def resident(pid: int | None) -> float:
    """The resident memory of a process and its children, in MiB."""
    assert pid is not None
    found = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        if pid in (int(fields["Pid"]), int(fields["PPid"])) and "VmRSS" in fields:
            found = max(found, int(fields["VmRSS"].split()[0]) / 1024)
    return found


async def memory_of_a_finished_request(stage: Stage, bot: BotProcess) -> float:
    """Bytes that Redis keeps of one: its record, and what was posted of it."""
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    sizes = []
    for n in range(3):
        [route] = stage.new_routes(f"memory{n}", pace=BRISK)
        card = await stage.ask(delete_command(route, reason="leaking prod prefix, INC-4211"))
        await stage.approve(card)
        await stage.until_shown(card, RequestState.DELETED)
        names = [key(kind, request_id(card)) for kind in ("request", "told")]
        used = [await stage.store.database.command("MEMORY", "USAGE", name) for name in names]
        sizes.append(sum(map(int, filter(None, used))))
    return mean(sizes)


@dataclass(frozen=True, slots=True)
class Queue:
    """How long many deletions on some connections took, and the least that the quota allows."""

    seconds: float
    bound: float


async def full_quota(stage: Stage, bot: BotProcess, deletions: int, connections: int) -> Queue:
    """Approve so many deletions at once, with the vendor's quotas on, and wait for the last."""
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    each = deletions // connections
    lines = [stage.new_routes(f"quota{n}", each, pace=BRISK) for n in range(connections)]
    routes = [line[turn] for turn in range(each) for line in lines]
    cards = [await stage.ask(delete_command(route)) for route in routes]
    before, began = stage.sends(), time.time()
    await asyncio.gather(*(stage.approve(card) for card in cards))
    await until(
        lambda: sum(c.effect for c in stage.vpc.calls_of(DELETE)[before:]) == deletions, _TIMEOUT
    )
    share = CHANGES_A_MINUTE * SHARE // 100
    return Queue(time.time() - began, (deletions - 1) // share * 60.0)


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
