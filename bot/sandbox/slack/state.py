"""What the local Slack holds, and a way to wait for its changes."""

import asyncio
import secrets
from collections.abc import Callable

import msgspec

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.views import Trigger, View, new_hash, new_id
from bot.sandbox.slack.workspace import Channel, Json, Workspace

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
        self.messages: list[Message] = []
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

    # --- messages ----------------------------------------------------------------------

    def new_ts(self) -> str:
        """A timestamp that no message has: seconds and microseconds, always growing."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def add(self, message: Message) -> Message:
        """Post a message."""
        self.messages.append(message)
        self.changed()
        return message

    def find(self, channel: str, ts: str, *, ephemeral: bool = False) -> Message | None:
        """The message with this timestamp that still exists."""
        for message in self.messages:
            if (message.channel, message.ts) == (channel, ts) and not message.deleted:
                return message if ephemeral or not message.ephemeral_to else None
        return None

    def in_channel(self, channel: str, user: str = "") -> list[Message]:
        """All that was said there, oldest first; ephemeral messages only those to `user`."""
        return [
            message
            for message in self.messages
            if message.channel == channel
            and not message.deleted
            and message.ephemeral_to in ("", user)
        ]

    # --- interactions ------------------------------------------------------------------

    def new_trigger(self, user: str, viewing: Channel | None = None) -> str:
        """A `trigger_id` for what this person has just done, looking at a conversation."""
        made = f"{self._last_ts}.{secrets.randbelow(10**10)}.{secrets.token_hex(16)}"
        self.triggers[made] = Trigger(user=user, at=self.clock(), viewing=viewing)
        return made

    def new_hook(self, user: str, channel: str, origin_ts: str = "") -> tuple[str, Hook]:
        """A response_url for an interaction in this channel, and what stands behind it."""
        opaque = secrets.token_urlsafe(24)
        hook = Hook(user=user, channel=channel, at=self.clock(), origin_ts=origin_ts)
        self.hooks[opaque] = hook
        return f"{self.origin}/response/{opaque}", hook

    # --- views -------------------------------------------------------------------------

    def modal(self, user: str) -> View | None:
        """The person's open modal."""
        return next((view for view in self.views.values() if view.user == user), None)

    def open_view(self, user: str, view: Json, *, viewing: Channel | None = None) -> View:
        """Show a modal, instead of what the person had open."""
        self.close_view(user)
        made = View(id=new_id("V"), user=user, view={}, hash="", viewing=viewing)
        made.show(view, self.clock())
        self.views[made.id] = made
        self.changed()
        return made

    def close_view(self, user: str) -> None:
        """Close the person's modal."""
        if (shown := self.modal(user)) is not None:
            del self.views[shown.id]
        self.changed()

    def publish_home(self, user: str, view: Json) -> View:
        """Show the app's Home tab to a person."""
        home = self.homes.get(user)
        if home is None:
            home = View(id=new_id("V"), user=user, view={}, hash="")
            self.homes[user] = home
        home.show(view, self.clock())
        home.hash = new_hash(self.clock())
        self.changed()
        return home
