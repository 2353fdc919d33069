"""The stage on which the tests play: the real bot between a local Slack and a local cloud.

Only Slack's and Alibaba Cloud's servers are stood in for, over HTTP. The bot, its database
and every request, signature and button are real.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Self

from msgspec.structs import replace
from staged_slack import staged_slack
from waiting import TIMEOUT, until, until_ready

from bot.config.settings import Settings
from bot.errors import StoreUnavailable
from bot.models import Event, EventKind, Request, RequestState, VcoRoute
from bot.sandbox.scene import environment, local_vpc
from bot.sandbox.slack import payloads
from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import ALICE, BOB, NETWORK_OPS, Json
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Armed, Fault, FaultKind
from bot.sandbox.vpc.service import Call
from bot.sandbox.vpc.world import Pace
from bot.service.run import run
from bot.slack.messages.buttons import APPROVE, CANCEL, COUNTERSIGN, REJECT, RESTORE
from bot.slack.posted import DIRECT
from bot.store import Database, Store
from bot.store.client import DUE
from bot.store.connect import connect

TASK_SECONDS = 1.4  # long enough to be seen by the first poll
TASK_DELAY = 0.1

DELETE = "DeleteVcoRouteEntry"

BRISK = Pace(delay=0.05, seconds=0.4)

DELETE_ONE = f'delete {seed.ORDINARY} {seed.SHADOWED_DEST} --reason "leaking prod prefix, INC-4211"'


class Stage:
    """A scene with people in it; what they do and see, in their words."""

    def __init__(self, redis_url: str) -> None:
        self.slack = staged_slack()
        self.vpc = local_vpc(task_seconds=TASK_SECONDS, task_delay=TASK_DELAY)
        self.redis_url = redis_url
        self.bots: list[tuple[asyncio.Task[None], asyncio.Event, str]] = []
        self.route = VcoRoute(
            vpn_connection_id=seed.ORDINARY,
            route_dest=seed.SHADOWED_DEST,
            next_hop=seed.ORDINARY,
            weight=100,
        )

    async def __aenter__(self) -> Self:
        await self.slack.start()
        await self.vpc.start()
        # What the bot remembers, read directly: to look from outside, never to act.
        settings = Settings.from_env(self.environment())
        self.store = Store(Database(connect(settings.redis)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_bots()
        await self.store.database.close()
        await self.slack.close()
        await self.vpc.close()

    def environment(self, *, socket_mode: bool = False, **changes: str) -> dict[str, str]:
        """The environment of a bot in this scene."""
        env = environment(self.slack, self.vpc, self.redis_url, socket_mode=socket_mode)
        return env | changes

    async def start_bot(
        self, *, socket_mode: bool = False, operation_timeout: int | None = None, **changes: str
    ) -> str:
        """Start a bot in this process and wait until it is ready; returns its address.

        `operation_timeout` may be shorter than a deployment can set it: tests don't wait so long.
        """
        env = self.environment(socket_mode=socket_mode, **changes)
        settings = Settings.from_env(env)
        if operation_timeout is not None:
            settings = dataclasses.replace(settings, operation_timeout=operation_timeout)
        stop = asyncio.Event()
        task = asyncio.create_task(run(settings, stop))
        url = f"http://127.0.0.1:{env['PORT']}"
        self.bots.append((task, stop, url))
        await self._ready(task, url)
        if not socket_mode:
            self.slack.deliver_to(*(f"{u}/slack/events" for _, _, u in self.bots))
        return url

    async def stop_bots(self) -> None:
        """Stop all bots as SIGTERM does."""
        bots, self.bots = self.bots, []
        for _, stop, _ in bots:
            stop.set()
        for task, _, _ in bots:
            await task

    def hurry(self) -> None:
        """Make the cloud's tasks short and lift all limits: for many requests in one scene."""
        self.vpc.pace = BRISK
        for connection in self.vpc.service.world.connections.values():
            connection.pace = BRISK
        quotas = self.vpc.service.quotas
        quotas.limits = dict.fromkeys(quotas.limits, 1_000_000)
        self.slack.limits.enabled = False

    async def _ready(self, task: asyncio.Task[None], url: str) -> None:
        ready = asyncio.create_task(until_ready(url))
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            ready.cancel()
            task.result()
        await ready

    # --- the scene -------------------------------------------------------------------

    def new_routes(
        self,
        name: str,
        count: int = 1,
        pace: Pace = BRISK,
        *,
        bgp: bool = True,
        region: str = seed.HANGZHOU,
    ) -> list[VcoRoute]:
        """Routes of a new connection that have nothing to do with each other; one more stays."""
        connection = f"vco-{name.replace('_', '')}"
        self.vpc.add_connection(connection, pace=pace, bgp=bgp, region=region)
        self.vpc.add_route(connection, "172.31.0.0/16")
        return [self.vpc.add_route(connection, f"10.{n}.0.0/16") for n in range(count)]

    def fault(self, route: VcoRoute, kind: FaultKind, **more: object) -> Armed:
        """Let deletions on the route's connection go wrong, once unless it says otherwise."""
        made = Fault(kind=kind, action=DELETE, connection=route.vpn_connection_id)
        return self.vpc.faults.add(replace(made, **more))

    def end_task(self, vpn_connection_id: str) -> None:
        """Let the task that runs on a connection end now."""
        connection, now = self.vpc.connection(vpn_connection_id), self.vpc.service.clock()
        assert connection.task is not None
        connection.task = replace(connection.task, attached_at=now, effect_at=now)

    # --- what people do --------------------------------------------------------------

    async def command(self, text: str, user: str = ALICE, channel: str = NETWORK_OPS) -> Ack:
        """Type `/vco-route <text>`."""
        return await self.slack.command(user, channel, "/vco-route", text)

    async def ask(
        self, text: str = DELETE_ONE, user: str = ALICE, channel: str = NETWORK_OPS
    ) -> Message:
        """Ask for a deletion; returns the new card."""
        if "--break-glass" in text:
            return await self.card_of(self._go_ahead(text, user, channel), channel)
        return await self.card_of(self.command(text, user, channel), channel)

    async def _go_ahead(self, text: str, user: str, channel: str) -> Ack:
        await self.command(text, user, channel)
        return await self.go_ahead(user)

    async def card_of(self, act: Awaitable[object], channel: str = NETWORK_OPS) -> Message:
        """Do something that asks for a change; returns the new card."""
        before = {m.ts for m in self.cards(channel)}
        await act
        return await self.slack.until(
            lambda: next((m for m in self.cards(channel) if m.ts not in before), None)
        )

    async def go_ahead(self, user: str = ALICE, typed: str = "") -> Ack:
        """Confirm the form of break-glass, as soon as it shows what it does."""
        view = await self.form(user, "reason")
        return await self.slack.submit(user, view.id, {"typed": {"text": typed}} if typed else None)

    async def form(self, user: str, block_id: str) -> View:
        """The modal that somebody has open, as soon as it has this field."""

        def ready() -> View | None:
            view = self.slack.modal(user)
            blocks = view.blocks if view is not None else []
            return view if any(b.get("block_id") == block_id for b in blocks) else None

        return await self.slack.until(ready)

    async def restore(self, card: Message, user: str = ALICE, why: str = "it was right") -> Message:
        """Click Restore and say why; returns the card that asks for it."""
        return await self.card_of(self._say_why(card, user, why), card.channel)

    async def _say_why(self, card: Message, user: str, why: str) -> Ack:
        await self.slack.click(user, card.channel, card.ts, RESTORE)
        return await self.say_why(user, why)

    async def say_why(self, user: str, why: str = "it was right") -> Ack:
        """Give the reason that an open modal asks for."""
        view = await self.form(user, "reason")
        return await self.slack.submit(user, view.id, {"reason": {"text": why}})

    async def countersign(self, card: Message, user: str = BOB, word: str = "right") -> Ack:
        """Click Countersign and say what one makes of it."""
        await self.slack.click(user, card.channel, card.ts, COUNTERSIGN)
        return await self.give_word(user, word)

    async def give_word(self, user: str, word: str = "right") -> Ack:
        """Choose what an open countersignature says, and send it."""
        view = await self.form(user, "word")
        return await self.slack.submit(user, view.id, {"word": {"choice": word}})

    async def approve(self, card: Message, user: str = BOB) -> Ack:
        """Click Approve (and its confirm)."""
        return await self.slack.click(user, card.channel, card.ts, APPROVE)

    async def approved(self, *routes: VcoRoute) -> Message:
        """A request for these routes of one connection, asked for and approved."""
        card = await self.ask(delete_command(*routes))
        await self.approve(card)
        return card

    async def cancel(self, card: Message, user: str = ALICE) -> Ack:
        """Click Cancel."""
        return await self.slack.click(user, card.channel, card.ts, CANCEL)

    async def reject(self, card: Message, why: str, user: str = BOB) -> Ack:
        """Click Reject, say why, send."""
        await self.slack.click(user, card.channel, card.ts, REJECT)
        view = await self.slack.until(lambda: self.slack.modal(user))
        return await self.slack.submit(user, view.id, {"reason": {"text": why}})

    def payload_of_click(self, card: Message, user: str = BOB, action_id: str = APPROVE) -> Json:
        """What Slack would send for a click, to be forged or repeated."""
        found = find_element(card.blocks, action_id)
        assert found is not None
        action = payloads.action_of(self.slack.state, *found, {"value": found[1]["value"]})
        return payloads.message_action(self.slack.state, user, card, action)

    # --- what people see -------------------------------------------------------------

    def cards(self, channel: str = NETWORK_OPS) -> list[Message]:
        """All cards in a channel, oldest first."""
        messages = self.slack.messages(channel)
        return [m for m in messages if not m.reply and not m.ephemeral_to and not m.deleted]

    def told(self, user: str) -> str:
        """All that one person was told privately."""
        return "\n".join(text_of(m) for m in self.slack.ephemerals(user))

    def told_directly(self, user: str) -> list[Message]:
        """The direct messages that tell somebody something: not those that ask for a decision."""
        return [m for m in self.slack.dms(user) if part_of(m) != DIRECT]

    def thread(self, card: Message) -> list[str]:
        """The lines below a card."""
        posts = [m for m in self.slack.thread(card.channel, card.ts) if m.reply]
        return [line for post in posts for line in lines_of(post)]

    async def until_card_says(self, card: Message, words: str, seconds: float = TIMEOUT) -> str:
        """Wait until a card shows `words`; returns all that it shows then."""
        await self.slack.until(lambda: words in text_of(card), timeout=seconds)
        return text_of(card)

    async def until_quiet(self, card: Message, seconds: float = TIMEOUT) -> None:
        """Wait until the bot has nothing more to show of a request: it writes no record of it."""
        item = f"tell:{request_id(card)}"

        async def shown() -> bool:
            return await self.store.database.command("ZSCORE", DUE, item) is None

        await until(shown, seconds)

    async def until_told(self, user: str, words: str) -> str:
        """Wait until somebody is told `words` privately."""
        await self.slack.until(lambda: words in self.told(user))
        return self.told(user)

    async def until_thread_says(self, card: Message, words: str) -> list[str]:
        """Wait until a thread has a line with `words`."""
        await self.slack.until(lambda: any(words in line for line in self.thread(card)))
        return self.thread(card)

    # --- what is true ----------------------------------------------------------------

    def sends(self) -> int:
        """How many DeleteVcoRouteEntry calls reached the cloud."""
        return len(self.vpc.calls_of(DELETE))

    def sends_of(self, route: VcoRoute) -> list[Call]:
        """The calls that asked for deletions on the route's connection."""
        calls = self.vpc.calls_of(DELETE)
        return [call for call in calls if call.vpn_connection_id == route.vpn_connection_id]

    async def request(self, card: Message) -> Request:
        """The request behind a card, as it is stored."""
        stored = await self.store.requests.get(request_id(card))
        assert stored is not None
        return stored.request

    async def until_ended(self, card: Message, seconds: float = TIMEOUT) -> Request:
        """Wait until a request is no longer open; returns it."""

        async def ended() -> Request | None:
            request = await self.request(card)
            return None if request.state.open else request

        return await until(ended, seconds)

    async def until_deleted(self, card: Message, seconds: float = TIMEOUT) -> str:
        """Wait until the routes are proven gone and Slack shows it; returns what the card says."""
        return await self.until_shown(card, RequestState.DELETED, seconds)

    async def until_shown(
        self, card: Message, state: RequestState, seconds: float = TIMEOUT
    ) -> str:
        """Wait until a request is in `state` and its card and thread say all; returns the card."""

        async def reached() -> bool:
            try:
                return (await self.request(card)).state is state
            except StoreUnavailable:  # in some scenes it is away for a while
                return False

        await until(reached, seconds)
        await self.until_quiet(card, seconds)
        return text_of(card)

    async def all_ended(self, routes: Mapping[str, VcoRoute]) -> dict[str, tuple[Request, Message]]:
        """Approved requests for these routes, all at once, at their ends, with their cards."""
        cards = {name: await self.approved(route) for name, route in routes.items()}
        ended = await asyncio.gather(*map(self.until_ended, cards.values()))
        return {name: (r, cards[name]) for name, r in zip(cards, ended, strict=True)}

    async def until_event(self, card: Message, kind: EventKind, seconds: float = TIMEOUT) -> Event:
        """Wait until something has happened to a request; returns the event."""

        async def happened() -> Event | None:
            timeline = (await self.request(card)).timeline
            return next((event for event in timeline if event.kind is kind), None)

        return await until(happened, seconds)

    async def audit(self) -> list[tuple[str, Event]]:
        """The whole audit."""
        return await self.store.audit.events()


def delete_command(*routes: VcoRoute, region: str = seed.HANGZHOU, reason: str = "") -> str:
    """The command that asks for the deletion of these routes of one connection."""
    first = routes[0]
    dests = " ".join(route.route_dest for route in routes)
    why = f' --reason "{reason}"' if reason else ""
    return (
        f"delete {first.vpn_connection_id} {dests} --weight {first.weight} --region {region}{why}"
    )


def versions(card: Message) -> list[str]:
    """All that a card has said, oldest first."""
    return ["\n".join(text_of(block) for block in blocks) for blocks in [*card.past, card.blocks]]


def lines_of(post: Message) -> list[str]:
    """The lines of the timeline that one post says: those that were due together are one post."""
    payload = post.metadata.get("event_payload", {})
    if not str(payload.get("part", "")).startswith("line "):
        return [text_of(post)]
    lines: list[list[Json]] = []
    for block in post.blocks:
        if block["type"] == "section":
            lines.append([])
        lines[-1].append(block)
    return ["\n".join(text_of(block) for block in line) for line in lines]


def part_of(message: Message) -> str:
    """Which part of its request a message is, as its metadata says; empty for an answer."""
    return str(message.metadata.get("event_payload", {}).get("part", ""))


def request_id(card: Message) -> str:
    """The id that a card's buttons bear, or bore."""
    for blocks in [card.blocks, *reversed(card.past)]:
        for block in blocks:
            for element in block.get("elements", []):
                if "value" in element:
                    return str(element["value"])
    raise AssertionError("the card never had a button")


@asynccontextmanager
async def stage(redis_url: str) -> AsyncIterator[Stage]:
    """A scene without a bot yet."""
    async with Stage(redis_url) as scene:
        yield scene
