"""What the local Slack holds, and a way to wait for its changes."""

import asyncio
import secrets
from collections.abc import Callable
from typing import TypeVar

import msgspec

from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.views import Trigger, View, new_hash, new_id, text_in
from bot.sandbox.slack.workspace import Channel, Json, Workspace

T = TypeVar("T")

HOOK_USES = 5
HOOK_SECONDS = 30 * 60


class WebCall(msgspec.Struct, kw_only=True):
    """One call of the app's: a Web API method, or `response_url`. No token is kept."""

    at: float
    method: str
    args: Json
    error: str = ""
    status: int = 200


class Hook(msgspec.Struct, kw_only=True):
    """A response_url: five uses within thirty minutes. `origin_ts` is what it may replace.

    `pending` until the ack of the interaction has been shown; `said` are the texts posted to it.
    """

    user: str
    channel: str
    at: float
    origin_ts: str = ""
    uses: int = 0
    pending: bool = False
    said: list[str] = []


class State:
    """Messages, views, triggers, response_urls and the record of the app's calls."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float]) -> None:
        self.workspace = workspace
        self.clock = clock
        self.origin = ""
        self.closing = False
        self.requests: list[WebCall] = []
        self.triggers: dict[str, Trigger] = {}
        self.hooks: dict[str, Hook] = {}
        self.tickets: dict[str, float] = {}
        self.views: dict[str, View] = {}
        self.homes: dict[str, View] = {}
        self._messages: list[Message] = []
        self._stacks: dict[str, list[View]] = {}
        self._last_ts = 0
        self._version = 0
        self._waiting: list[asyncio.Future[None]] = []

    # --- changes -----------------------------------------------------------------------

    @property
    def version(self) -> int:
        """A number that grows with every change."""
        return self._version

    def changed(self) -> None:
        """Wake everybody who waits for a change."""
        self._version += 1
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def change(self) -> None:
        """Return at the next change."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

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
                    await self.change()
        except TimeoutError:
            said = f"not so within {timeout:g} s; there was:\n{self}"
            raise TimeoutError(said) from missing

    def __str__(self) -> str:
        """What there is, for the message of a failing test."""
        lines = [
            f"{self._place(message)} {message.user}: {text_of(message)!r}"
            for message in self._messages
            if not message.deleted
        ]
        lines += [f"modal of {v.user}: {text_in(v)!r}" for v in self.views.values()]
        lines += [f"{c.method} → {c.error or 'ok'}" for c in self.requests[-12:]]
        return "\n".join(lines) or "nothing at all"

    def _place(self, message: Message) -> str:
        name = self.workspace.channels[message.channel].name or message.channel
        thread = f" thread {message.thread_ts}" if message.reply else ""
        seen = f" only to {message.ephemeral_to}" if message.ephemeral_to else ""
        return f"#{name}{thread}{seen}"

    # --- messages ----------------------------------------------------------------------

    def new_ts(self) -> str:
        """A timestamp that no message has: seconds and microseconds, always growing."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def add(self, message: Message) -> Message:
        """Post a message."""
        self._messages.append(message)
        self.changed()
        return message

    def find(self, channel: str, ts: str, *, ephemeral: bool = False) -> Message | None:
        """The message with this timestamp that still exists."""
        for message in self._messages:
            if (message.channel, message.ts) == (channel, ts) and not message.deleted:
                return message if ephemeral or not message.ephemeral_to else None
        return None

    def in_channel(self, channel: str, user: str = "") -> list[Message]:
        """All that was said there, oldest first; ephemeral messages only those to `user`."""
        return [
            message
            for message in self._messages
            if message.channel == channel
            and not message.deleted
            and message.ephemeral_to in ("", user)
        ]

    def ephemerals(self, user: str, channel: str | None = None) -> list[Message]:
        """What only this person sees, oldest first."""
        return [
            message
            for message in self._messages
            if message.ephemeral_to == user
            and not message.deleted
            and channel in (None, message.channel)
        ]

    # --- interactions ------------------------------------------------------------------

    def new_trigger(self, user: str, view_id: str = "", viewing: Channel | None = None) -> str:
        """A `trigger_id` for what this person has just done, looking at a conversation."""
        made = f"{self._last_ts}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self.triggers[made] = Trigger(user=user, at=self.clock(), view_id=view_id, viewing=viewing)
        return made

    def new_hook(self, user: str, channel: str, origin_ts: str = "") -> tuple[str, Hook]:
        """A response_url for an interaction in this channel, and what stands behind it."""
        opaque = secrets.token_urlsafe(24)
        hook = Hook(user=user, channel=channel, at=self.clock(), origin_ts=origin_ts)
        self.hooks[opaque] = hook
        return f"{self.origin}/response/{opaque}", hook

    # --- views -------------------------------------------------------------------------

    def stack(self, user: str) -> list[View]:
        """The person's open modals, the one on top last."""
        return self._stacks.setdefault(user, [])

    def open_view(
        self, user: str, view: Json, *, push: bool = False, viewing: Channel | None = None
    ) -> View:
        """Show a modal, on top of the person's stack or instead of it."""
        if not push:
            self.close_views(user)
        below = self.stack(user)
        made = View(id=new_id("V"), user=user, view={}, hash="", root="", viewing=viewing)
        made.root = below[0].id if below else made.id
        made.previous = below[-1].id if below else ""
        made.show(view, self.clock())
        below.append(made)
        self.views[made.id] = made
        self.changed()
        return made

    def close_top(self, user: str) -> None:
        """Close the modal on top; the one below shows again."""
        if self.stack(user):
            del self.views[self.stack(user).pop().id]
        self.changed()

    def close_views(self, user: str) -> None:
        """Close all of the person's modals."""
        while self.stack(user):
            self.close_top(user)

    def publish_home(self, user: str, view: Json) -> View:
        """Show the app's Home tab to a person."""
        home = self.homes.get(user)
        if home is None:
            home = View(id=new_id("V"), user=user, view={}, hash="", root="")
            home.root = home.id
            self.homes[user] = home
        home.show(view, self.clock())
        home.hash = new_hash(self.clock())
        self.changed()
        return home
