"""What is listened to, and who handles what was stored: each behaviour registers its own.

A behaviour is one module: the ids that it listens to, what it reads from Slack's body, the inbox
item that it stores, and its handler. It has a router, and `bot.slack.routes` puts them together.

    router = Router()

    @router.action(CANCEL)
    async def cancel(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
        await context.keep(ack, body, DecisionClicked(**payloads.clicked(body)))

    @router.handles(DecisionClicked)
    async def decide(context: HandlerContext, claim: Claim, item: DecisionClicked) -> None:
        ...
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, Union, cast

import msgspec
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from bot.approval.decide import Approval
from bot.execution import Cloud
from bot.execution.finding import Finder
from bot.slack.access import Access
from bot.slack.listeners import ListenerContext
from bot.slack.payload import Body, Json
from bot.slack.payloads import InboxItem
from bot.slack.responder import Responder
from bot.slack.submissions import Submissions
from bot.store import Claim, Store

log = structlog.get_logger(__name__)

Listener = Callable[[ListenerContext, AsyncAck, Body], Awaitable[None]]
"""Stores what Slack delivered and acknowledges it, within Slack's three seconds."""

ACK_SECONDS = 3.0
"""For how long Slack waits for an acknowledgement."""

Id = str | re.Pattern[str]

HEARD = "vco_route_heard"
"""Set in Bolt's context once a listener has begun: Bolt calls a request unhandled, too, whose
listener has not acknowledged it in time."""


@dataclass(frozen=True, kw_only=True)
class HandlerContext:
    """What handlers work with; `default_region`: of a command that names none."""

    store: Store
    submissions: Submissions
    approval: Approval
    responder: Responder
    cloud: Cloud
    access: Access
    finder: Finder
    default_region: str | None


Item = TypeVar("Item", bound=InboxItem)
Handler = Callable[[HandlerContext, Claim, Item], Awaitable[float | None]]
"""Handles an item of the inbox, and returns when to go on, or None: it is done.

It may run twice: a worker that is killed leaves it to the next.
"""


class Router:
    """Listeners by Slack's ids, handlers by what they handle."""

    def __init__(self, *others: "Router") -> None:
        """All that the `others` have."""
        self.listeners: list[tuple[str, Id, Listener]] = []
        self.handlers: dict[type[InboxItem], Handler[Any]] = {}
        for other in others:
            self.listeners += other.listeners
            self.handlers |= other.handlers

    def command(self, name: str) -> Callable[[Listener], Listener]:
        """Listen to a slash command."""
        return self._listens("command", name)

    def action(self, *ids: Id) -> Callable[[Listener], Listener]:
        """Listen to buttons and menus by their `action_id`."""
        return self._listens("action", *ids)

    def options(self, *ids: str) -> Callable[[Listener], Listener]:
        """Listen to searches in menus by their `action_id`."""
        return self._listens("options", *ids)

    def view(self, callback_id: str) -> Callable[[Listener], Listener]:
        """Listen to a modal that is sent in."""
        return self._listens("view", callback_id)

    def shortcut(self, callback_id: str) -> Callable[[Listener], Listener]:
        """Listen to a global shortcut."""
        return self._listens("shortcut", callback_id)

    def event(self, name: str) -> Callable[[Listener], Listener]:
        """Listen to an event."""
        return self._listens("event", name)

    def handles(self, type_: type[Item]) -> Callable[[Handler[Item]], Handler[Item]]:
        """Handle items of this type; what is stored of them stays readable, see their tag."""

        def register(handler: Handler[Item]) -> Handler[Item]:
            self.handlers[type_] = handler
            return handler

        return register

    @property
    def items(self) -> tuple[type[InboxItem], ...]:
        """All types of items that are handled."""
        return tuple(self.handlers)

    def listen(self, app: AsyncApp, context: ListenerContext) -> None:
        """Listen on `app`."""
        for kind, id_, listener in self.listeners:
            if kind == "event":
                app.event(id_, middleware=[_for_event(listener, context)])(_nothing)
            else:
                getattr(app, kind)(id_)(for_bolt(listener, context))

    async def handle(self, context: HandlerContext, claim: Claim, item: InboxItem) -> float | None:
        """Handle an item; returns when to go on, or None."""
        return await self.handlers[type(item)](context, claim, item)

    def decode(self, content: str) -> InboxItem:
        """An item from the inbox.

        Raises:
            msgspec.DecodeError, ValueError: it was not written by this version.
        """
        item: InboxItem = msgspec.json.decode(content, type=Union[self.items])  # noqa: UP007 - built
        return item

    def _listens(self, kind: str, *ids: Id) -> Callable[[Listener], Listener]:
        def register(listener: Listener) -> Listener:
            self.listeners += [(kind, id_, listener) for id_ in ids]
            return listener

        return register


def for_bolt(
    listener: Listener, context: ListenerContext
) -> Callable[[AsyncAck, Json, AsyncBoltRequest], Awaitable[BoltResponse | None]]:
    """The listener as Bolt calls it: Slack hears the acknowledgement as soon as it is given.

    Without one, a listener that is over could not even say that it failed: Slack shows it.
    """
    late: set[asyncio.Task[None]] = set()

    def over(listening: asyncio.Task[None]) -> None:
        late.discard(listening)
        if not listening.cancelled() and (error := listening.exception()) is not None:
            log.error("listener_failed", type=listener.__name__, exc_info=error)

    # Bolt hands over what the names of the arguments ask for.
    async def listen(ack: AsyncAck, body: Json, request: AsyncBoltRequest) -> BoltResponse | None:
        request.context[HEARD] = True
        given = _Given()
        listening = asyncio.create_task(_listening(listener, context, given.by(ack), body))
        listening.add_done_callback(given.over)
        with suppress(TimeoutError):
            await asyncio.wait_for(given.wait(), ACK_SECONDS)
        if listening.done():
            listening.result()
            return _response(ack)
        # It goes on: with what it leads to, or with an acknowledgement that is late.
        late.add(listening)
        listening.add_done_callback(over)
        return None

    return listen


class _Given:
    """Whether an acknowledgement was given: Slack hears it then, whatever comes after it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.wait = self._event.wait

    def by(self, ack: AsyncAck) -> AsyncAck:
        async def acknowledge(*said: Any, **more: Any) -> BoltResponse:  # noqa: ANN401 - Bolt's
            response = await ack(*said, **more)
            self._event.set()
            return response

        return cast("AsyncAck", acknowledge)

    def over(self, listening: asyncio.Task[None]) -> None:  # noqa: ARG002 - a callback's argument
        self._event.set()


async def _listening(
    listener: Listener, context: ListenerContext, ack: AsyncAck, body: Body
) -> None:
    await listener(context, ack, body)


def _for_event(
    listener: Listener, context: ListenerContext
) -> Callable[[AsyncAck, Json], Awaitable[BoltResponse]]:
    """The listener as a middleware: Bolt acknowledges an event before its listener runs.

    What it does not acknowledge, because it could not be stored, Slack sends again.
    """

    async def hear(ack: AsyncAck, body: Json) -> BoltResponse:
        await listener(context, ack, body)
        return _response(ack)

    return hear


def _response(ack: AsyncAck) -> BoltResponse:
    """What Slack hears of a listener that is over."""
    return ack.response or BoltResponse(status=503, body="")


async def _nothing() -> None:
    """All has been done by the middleware."""
