"""The local Slack as the tests hold it in their hands: what people read, and what goes wrong."""

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import ClassVar, TypeVar

from aiohttp import web
from aiohttp.typedefs import Middleware
from slack_faults import Faults, Spoiler
from slack_sockets import FragileSockets

from bot.sandbox.scene import BOT_TOKEN, local_slack
from bot.sandbox.slack.deliver import Ack, Courier, Kind, encode, sign
from bot.sandbox.slack.driver import find_in
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.server import LocalSlack
from bot.sandbox.slack.socket_mode import Sockets
from bot.sandbox.slack.views import View, content_of
from bot.sandbox.slack.workspace import Json

T = TypeVar("T")


class StagedCourier(Courier):
    """Delivers over connections that go wrong, twice where it is told so, and what is forged."""

    sockets_type: ClassVar[type[Sockets]] = FragileSockets
    sockets: FragileSockets
    redeliver = False
    """Whether everything is delivered twice at once; the first ack counts."""

    async def send(self, kind: Kind, payload: Json) -> Ack:
        if not self.redeliver:
            return await super().send(kind, payload)
        first, _ = await asyncio.gather(super().send(kind, payload), super().send(kind, payload))
        return first

    async def forge(
        self,
        content_type: str,
        body: bytes,
        *,
        signature: str | None = None,
        timestamp: str | None = None,
    ) -> Ack:
        """Post a body to the next request URL; an empty signature or timestamp is left out."""
        headers = self.signed(content_type, body)
        if timestamp is not None:
            headers["X-Slack-Request-Timestamp"] = timestamp
            headers["X-Slack-Signature"] = sign(self._secret, timestamp, body)
        if signature is not None:
            headers["X-Slack-Signature"] = signature
        url = self.urls[next(self._turn) % len(self.urls)]
        return await self._post(url, body, {name: said for name, said in headers.items() if said})


class StagedSlack(LocalSlack):
    """A local Slack with everything that only tests do to it and ask of it."""

    courier_type: ClassVar[type[Courier]] = StagedCourier
    courier: StagedCourier

    def middlewares(self) -> list[Middleware]:
        return [*super().middlewares(), web.middleware(self.spoiler)]

    # --- what goes wrong ---------------------------------------------------------------

    @cached_property
    def spoiler(self) -> Spoiler:
        """What stands before the Web API."""
        return Spoiler(self.web_api)

    @property
    def faults(self) -> Faults:
        """What the Web API is to do wrong."""
        return self.spoiler.faults

    @property
    def outage(self) -> bool:
        """Whether every call of the app's fails with 503."""
        return self.spoiler.outage

    @outage.setter
    def outage(self, down: bool) -> None:
        self.spoiler.outage = down

    @property
    def no_tables(self) -> bool:
        """Whether this workspace has no table block yet."""
        return self.spoiler.no_tables

    @no_tables.setter
    def no_tables(self, refuse: bool) -> None:
        self.spoiler.no_tables = refuse

    @property
    def token_error(self) -> str:
        """What Slack answers to the bot's token, such as `token_revoked`; empty: it is good."""
        return self.web_api.refused.get(BOT_TOKEN, "")

    @token_error.setter
    def token_error(self, code: str) -> None:
        self.web_api.refused.pop(BOT_TOKEN, None)
        if code:
            self.web_api.refused[BOT_TOKEN] = code

    @property
    def redeliver(self) -> bool:
        """Whether everything is delivered twice."""
        return self.courier.redeliver

    @redeliver.setter
    def redeliver(self, twice: bool) -> None:
        self.courier.redeliver = twice

    @property
    def sockets(self) -> FragileSockets:
        """The app's Socket Mode connections."""
        return self.courier.sockets

    async def deliver(
        self,
        kind: Kind | str,
        payload: Json | bytes,
        *,
        signature: str | None = None,
        timestamp: str | None = None,
    ) -> Ack:
        """Send anything to the request URL: forged, unsigned ("" leaves out), stale, malformed."""
        content_type, body = encode(Kind(kind), payload if isinstance(payload, dict) else {})
        body = payload if isinstance(payload, bytes) else body
        return await self.courier.forge(
            content_type, body, signature=signature, timestamp=timestamp
        )

    # --- what people see ---------------------------------------------------------------

    def messages(self, channel: str) -> list[Message]:
        """What everybody sees in a channel, oldest first, without the threads."""
        return [message for message in self.state.in_channel(channel) if not message.reply]

    def broadcasts(self, channel: str) -> list[Message]:
        """The replies that were sent to the channel as well, oldest first."""
        return [message for message in self.state.in_channel(channel) if message.broadcast]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies below a message, oldest first."""
        return [m for m in self.state.in_channel(channel) if m.reply and m.thread_ts == ts]

    def ephemerals(self, user: str, channel: str | None = None) -> list[Message]:
        """What only this person sees, oldest first."""
        return [
            message
            for message in self.state.messages
            if message.ephemeral_to == user
            and not message.deleted
            and channel in (None, message.channel)
        ]

    def dms(self, user: str) -> list[Message]:
        """The direct messages between the app and a person, oldest first."""
        return self.state.in_channel(self.workspace.dm_of(user).id)

    def home(self, user: str) -> Json | None:
        """The app's Home tab of the person."""
        home = self.state.homes.get(user)
        return None if home is None else home.view

    def modal_text(self, user: str) -> str:
        """What the person reads in their modal, as `text_in`; empty where none is open."""
        view = self.modal(user)
        return "" if view is None else text_in(view)

    def home_text(self, user: str) -> str:
        """What the person reads in the app's Home tab; empty where it was never published."""
        home = self.state.homes.get(user)
        return "" if home is None else text_in(home)

    async def until(self, condition: Callable[[], T | None], timeout: float = 60.0) -> T:  # noqa: ASYNC109 - part of what the tests say
        """What `condition` returns once it is true; it is asked again after each change.

        A LookupError of the condition means "not yet". Raises TimeoutError, with a picture of
        what was there and the last LookupError, when it stays false for `timeout` seconds.
        """
        missing: LookupError | None = None
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        value, missing = condition(), None
                    except LookupError as error:
                        value, missing = None, error
                    if value:
                        return value
                    await self.state.change()
        except TimeoutError:
            said = f"not so within {timeout:g} s; there was:\n{self}"
            raise TimeoutError(said) from missing

    def __str__(self) -> str:
        """What there is, for the message of a failing test."""
        lines = [
            f"{self._place(message)} {message.user}: {text_of(message)!r}"
            for message in self.state.messages
            if not message.deleted
        ]
        lines += [f"modal of {v.user}: {text_in(v)!r}" for v in self.state.views.values()]
        lines += [f"{c.method} → {c.error or 'ok'}" for c in self.requests[-12:]]
        return "\n".join(lines) or "nothing at all"

    def _place(self, message: Message) -> str:
        name = self.workspace.channels[message.channel].name or message.channel
        thread = f" thread {message.thread_ts}" if message.reply else ""
        seen = f" only to {message.ephemeral_to}" if message.ephemeral_to else ""
        return f"#{name}{thread}{seen}"

    # --- what they do in forms -----------------------------------------------------------

    async def choose(  # noqa: PLR0913 - where, what, how
        self,
        user: str,
        view_id: str,
        action_id: str,
        value: object,
        *,
        block_id: str | None = None,
        typed: str | None = None,
    ) -> Ack | None:
        """Fill one field in: a text, an option's value, an id; a list of them where many may be.

        `typed` is what is typed into a search first. An option can be chosen only when the app
        has offered it. Returns the Ack where the app is told of the change, else None.
        """
        view = self._modal(user, view_id)
        if typed is not None:
            await self.suggest(user, view_id, action_id, block_id=block_id, typed=typed)
        found = find_in(view, action_id, block_id)
        if found[0]["type"] != "input" or found[0].get("dispatch_action"):
            return await self._act_in(view, found, value)
        self._hold(view, found, value)
        self.state.changed()
        return None


def text_in(view: View) -> str:
    """All that a person reads in a view, in order: texts, what fields hold, errors, buttons.

    A field is one line, `Label: what it holds`; its hint and its error stand below it.
    """
    lines = [text_of(view.view.get("title"))]
    for block in view.blocks:
        lines += _field(view, block) if block["type"] == "input" else _other(view, block)
    lines += [text_of(view.view.get(key)) for key in ("close", "submit")]
    lines.append(view.errors.get("", ""))
    return "\n".join(line for line in lines if line)


def _field(view: View, block: Json) -> list[str]:
    label, hint = text_of(block["label"]), text_of(block.get("hint"))
    error = view.errors.get(block["block_id"], "")
    return [": ".join([label, *_held(view, block)]), hint, error]


def _other(view: View, block: Json) -> list[str]:
    return [text_of(block), *_held(view, block)]


def _held(view: View, block: Json) -> list[str]:
    held = view.state.get(block["block_id"], {})
    return [words for words in map(_held_text, held.values()) if words]


def _held_text(value: Json) -> str:
    content = content_of(value)
    several = content if isinstance(content, list) else [content]
    words = [one["text"]["text"] if isinstance(one, dict) else one for one in several]
    return ", ".join(str(word) for word in words if word not in (None, ""))


def staged_slack() -> StagedSlack:
    """A local Slack with the app installed; start it before use."""
    return local_slack(StagedSlack)
