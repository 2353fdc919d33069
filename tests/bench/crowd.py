"""Many deletions at once: when each is told, what it asked of others, and what the peers would do.

Slack's limits and the vendor's quotas are enforced from the approvals on.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from statistics import mean

from counting import Asked
from stage import Stage, delete_command
from waiting import until

from bench.peers import PLAIN, TERRAFORM, gone_at
from bench.processes import busy
from bot.models import VcoRoute
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.workspace import ALICE, BOB, BOT, NETWORK_OPS, Channel
from bot.sandbox.vpc.seed import HANGZHOU
from bot.sandbox.vpc.world import Pace

SHORTEST, LONGEST, DELAY = 12.0, 20.0, 0.3
"""Seconds that the tasks take, and after which they show."""

_EARLIER = 20

_TIMEOUT = 500.0
_READS = ("DescribeVpnConnection", "DescribeVpnConnections", "DescribeVcoRouteEntries")


@dataclass(slots=True)
class Crowd:
    """What was seen of some deletions at once; times in seconds.

    `last`: from the first that was gone until the last one was told; `last_bound`: at best.
    """

    told: list[float] = field(default_factory=list)
    card: list[float] = field(default_factory=list)
    bound: list[float] = field(default_factory=list)
    provable: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    terraform: list[float] = field(default_factory=list)
    reads: float = 0.0
    plain_reads: float = 0.0
    terraform_reads: float = 0.0
    limited: float = 0.0
    posts: float = 0.0
    edits: float = 0.0
    busy: float = 0.0
    last: float = 0.0
    last_bound: float = 0.0


async def remember(stage: Stage) -> None:
    """Give the bots a past: how long such tasks took in the region of the scenes."""
    for n in range(_EARLIER):
        took = DELAY + SHORTEST + (LONGEST - SHORTEST) * (n + 0.5) / _EARLIER
        await stage.store.rate_limits.took(HANGZHOU, "vco-earlier", took)


def spread_over(stage: Stage, count: int) -> list[str]:
    """So many channels in which Alice, Bob and the bot are: a post a second is for each."""
    made = [f"C0BENCH{n:02}" for n in range(count - 1)]
    for name in made:
        channel = Channel(id=name, name=name.lower(), members={ALICE, BOB, BOT})
        stage.slack.workspace.channels[name] = channel
    return [NETWORK_OPS, *made]


async def crowd(  # noqa: PLR0913 - the scene, who plays it, and how
    stage: Stage,
    bot: BotProcess,
    name: str,
    count: int,
    *,
    channels: int = 1,
    region: str = HANGZHOU,
    parts: Sequence[float] = (),
) -> Crowd:
    """Ask for so many deletions, approve them at once, and wait until all threads say so.

    `channels`: in how many they are asked for. `parts`: where between the shortest and the longest
    each task lies; else chance says.
    """
    limits = stage.slack.limits
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    dice = random.Random(count)  # noqa: S311 - no secret
    parts = parts or [dice.random() for _ in range(count)]
    paces = [Pace(DELAY, SHORTEST + (LONGEST - SHORTEST) * part) for part in parts]
    routes = [
        stage.new_routes(f"{name}x{n}", pace=pace, bgp=False, region=region)[0]
        for n, pace in enumerate(paces)
    ]
    limits.enabled = False
    where = spread_over(stage, channels)
    cards = [
        await stage.ask(delete_command(route, region=region), channel=where[n % channels])
        for n, route in enumerate(routes)
    ]
    for card in cards:
        # What the cards still want of Slack is no part of this.
        await stage.until_quiet(card)
    limits.enabled = True
    return await _played(stage, bot, routes, cards)


async def _played(
    stage: Stage, bot: BotProcess, routes: list[VcoRoute], cards: list[Message]
) -> Crowd:
    seen, asked, first, before = Crowd(), Asked(stage), len(stage.vpc.calls), busy(bot.pid)
    await asyncio.gather(*(stage.approve(card) for card in cards))
    said: dict[str, float] = {}
    shown: dict[str, float] = {}

    def all_told() -> bool:
        for call in stage.slack.requests[asked.slack_from :]:
            if call.method == "chat.postMessage" and not call.error and _ends(call.args["text"]):
                said.setdefault(call.args["thread_ts"], call.at)
            if call.method == "chat.update" and not call.error and "Deleted" in call.args["text"]:
                shown.setdefault(call.args["ts"], call.at)
        return all(card.ts in said and card.ts in shown for card in cards)

    try:
        await until(all_told, _TIMEOUT)
    except TimeoutError:
        now = time.time()
        for card in cards:
            said.setdefault(card.ts, now)
            shown.setdefault(card.ts, now)
    seen.busy = (busy(bot.pid) - before) / len(routes)
    calls = stage.vpc.calls[first:]
    for route, card in zip(routes, cards, strict=True):
        sent, gone = gone_at(stage, route)
        seen.told.append(said[card.ts] - gone)
        seen.card.append(shown[card.ts] - gone)
        mine = [c for c in calls if c.vpn_connection_id == route.vpn_connection_id]
        listed = [c.at for c in mine if c.action == "DescribeVcoRouteEntries" and c.at >= gone]
        seen.provable.append(min(listed, default=said[card.ts]) - gone)
        for waiter, late in ((PLAIN, seen.plain), (TERRAFORM, seen.terraform)):
            late.append(waiter.knows(sent, gone)[0])
    ends = [gone_at(stage, route) for route in routes]
    first_gone = min(gone for _, gone in ends)
    seen.last = max(said.values()) - first_gone
    for channel in {card.channel for card in cards}:
        here = [
            gone for card, (_, gone) in zip(cards, ends, strict=True) if card.channel == channel
        ]
        late = least(here)
        seen.bound += late
        last = max(gone + later for gone, later in zip(sorted(here), late, strict=True))
        seen.last_bound = max(seen.last_bound, last - first_gone)
    seen.plain_reads = mean(PLAIN.knows(*one)[1] for one in ends)
    seen.terraform_reads = mean(TERRAFORM.knows(*one)[1] for one in ends)
    seen.reads = sum(c.action in _READS for c in calls) / len(routes)
    seen.limited = asked.limited
    seen.posts = asked.slack["chat.postMessage"] / len(routes)
    seen.edits = asked.slack["chat.update"] / len(routes)
    return seen


async def reads_afterwards(stage: Stage, seconds: float) -> float:
    """How many reads a minute the monitoring of what was deleted asks for."""
    first = len(stage.vpc.calls)
    await asyncio.sleep(seconds)
    return sum(c.action in _READS for c in stage.vpc.calls[first:]) * 60 / seconds


def both(seen: Sequence[Crowd]) -> Crowd:
    """What was seen in several scenes, as of one; of what was counted the mean."""
    together = Crowd()
    for part in fields(Crowd):
        values = [getattr(one, part.name) for one in seen]
        lists = isinstance(values[0], list)
        setattr(together, part.name, [*chain(*values)] if lists else mean(values))
    return together


def least(ends: list[float], burst: int = 5) -> list[float]:
    """How late each end could be told at best: one post a second in a channel, some at once."""
    late, left, at = [], float(burst), min(ends)
    for end in sorted(ends):
        left = min(burst, left + max(0.0, end - at))
        at = max(at, end)
        if left < 1:
            at, left = at + 1 - left, 1.0
        left -= 1
        late.append(at - end)
    return late


def _ends(text: str) -> bool:
    return "deleted in" in text
