"""What people see in the workspace, for assertions and for the page."""

from collections.abc import Callable
from typing import TypeVar

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View, text_in
from bot.sandbox.slack.workspace import Json, Workspace

T = TypeVar("T")


class CannotDo(Exception):
    """There is nothing to click, the channel is not theirs, the form is not open …."""


class Reader:
    """Reads what is there now; `until` waits for what will be."""

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def workspace(self) -> Workspace:
        """The people and channels; change them in place."""
        return self.state.workspace

    def messages(self, channel: str) -> list[Message]:
        """What everybody sees in a channel, oldest first, without the threads."""
        return [message for message in self.state.in_channel(channel) if not message.reply]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies below a message, oldest first."""
        return [m for m in self.state.in_channel(channel) if m.reply and m.thread_ts == ts]

    def ephemerals(self, user: str, channel: str | None = None) -> list[Message]:
        """What only this person sees, oldest first."""
        return self.state.ephemerals(user, channel)

    def dms(self, user: str) -> list[Message]:
        """The direct messages between the app and a person, oldest first."""
        return self.state.in_channel(self.workspace.dm_of(user).id)

    def modal(self, user: str) -> View | None:
        """The modal on top of what the person sees."""
        return self.state.stack(user)[-1] if self.state.stack(user) else None

    def home(self, user: str) -> Json | None:
        """The app's Home tab of the person."""
        home = self.state.homes.get(user)
        return None if home is None else home.view

    def modal_text(self, user: str) -> str:
        """What the person reads in the modal on top, as `text_in`; empty where none is open."""
        view = self.modal(user)
        return "" if view is None else text_in(view)

    def home_text(self, user: str) -> str:
        """What the person reads in the app's Home tab; empty where it was never published."""
        home = self.state.homes.get(user)
        return "" if home is None else text_in(home)

    async def until(self, condition: Callable[[], T | None], timeout: float = 10.0) -> T:  # noqa: ASYNC109 - part of what the tests say
        """What `condition` returns once it is true; see `State.until`."""
        return await self.state.until(condition, timeout)
