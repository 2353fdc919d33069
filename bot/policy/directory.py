"""What has to be known of people and channels, by whoever can look it up."""

from collections.abc import Collection, Mapping
from typing import Protocol

from bot.models import Person, Place


class Directory(Protocol):
    """Who people are and what channels are, as Slack says right now."""

    async def home_team(self) -> str:
        """The workspace that this bot serves."""
        ...

    async def person(self, user_id: str) -> Person | None:
        """A user, None when Slack does not know them."""
        ...

    async def members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The users of each group that could be read; the others are missing."""
        ...

    async def confirmed_members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The same, but nobody where Slack says that there is no such group for us.

        Missing is only a group about which Slack gave no answer.
        """
        ...

    async def place(self, channel_id: str) -> Place | None:
        """A channel, None when the bot can't see it."""
        ...
