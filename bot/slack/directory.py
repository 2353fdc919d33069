"""Who people are and what channels are, asked of Slack afresh each time, see `shared_reads`.

What can't be found out is not guessed: an unknown user is None, an unreadable group is
missing, a channel we can't see is None. Whoever decides treats each of these as a no.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import structlog

from bot.errors import (
    SlackError,
    SlackRateLimited,
    SlackRejected,
    SlackTokenRefused,
    SlackUnavailable,
)
from bot.models import Person, Place
from bot.slack.budget import Priority
from bot.slack.payload import Body, Json
from bot.slack.shared_reads import TURN_SECONDS, Asker, Key, SharedReads
from bot.slack.web import Slack

log = structlog.get_logger(__name__)


class Identity(NamedTuple):
    """Who the bot token is."""

    team_id: str
    user_id: str
    bot_id: str
    enterprise_id: str = ""


_NOBODY = Asker()
_asker: ContextVar[Asker] = ContextVar("asker", default=_NOBODY)


@contextmanager
def looking_up(priority: Priority, step: str = "") -> Iterator[None]:
    """What is looked up in here is this urgent, and kept for `step` for a moment."""
    token = _asker.set(Asker(step, priority))
    try:
        yield
    finally:
        _asker.reset(token)


class SlackDirectory:
    """Users, user groups and channels of the workspace that the bot token belongs to."""

    def __init__(self, slack: Slack, turn_seconds: float = TURN_SECONDS) -> None:
        """Ask `slack`; `turn_seconds`: how many seconds a look-up may wait for its turn."""
        self._slack = slack
        self._reads = SharedReads(slack, turn_seconds)
        self.identity: Identity | None = None

    async def identify(self) -> Identity:
        """Ask Slack who this token is; also a check that Slack answers and knows it."""
        answer = await self._slack.read("auth.test")
        team, user = answer.get("team_id"), answer.get("user_id")
        if not isinstance(team, str) or not isinstance(user, str) or not team or not user:
            raise SlackUnavailable("auth.test: no team_id or user_id")
        bot, enterprise = (str(answer.get(name) or "") for name in ("bot_id", "enterprise_id"))
        self.identity = Identity(team, user, bot, enterprise)
        return self.identity

    @property
    def missing_scopes(self) -> frozenset[str]:
        """The scopes that the bot's token lacked when it was last identified."""
        return self._slack.missing

    def own_user(self) -> str:
        """The bot's own user ID, empty while it is not known."""
        return self.identity.user_id if self.identity else ""

    async def home_team(self) -> str:
        """The ID of the bot's own workspace; a token never changes workspace."""
        return (self.identity or await self.identify()).team_id

    async def person(self, user_id: str) -> Person | None:
        """A user as `users.info` shows them now, None when there is no such user."""
        try:
            answer = await self._look_up("users.info", "user", user_id)
        except SlackRejected as error:
            log.info("unknown_person", user=user_id, code=error.code)
            return None
        user = answer.get("user")
        if not isinstance(user, dict) or user.get("id") != user_id:
            return None
        return _person(user, await self.home_team())

    async def members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The users of each group; a group that can't be read is missing."""
        return await self._groups(group_ids, refused=None)

    async def confirmed_members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """The users of each group; nobody where Slack refuses to say, missing where it is silent.

        A group that was deleted, or that the token may not read, is an answer and stays so.
        """
        return await self._groups(group_ids, refused=frozenset())

    async def _groups(
        self, group_ids: Collection[str], refused: Collection[str] | None
    ) -> Mapping[str, Collection[str]]:
        groups = list(group_ids)
        found = await asyncio.gather(*(self._members(g, refused) for g in groups))
        return {g: users for g, users in zip(groups, found, strict=True) if users is not None}

    async def _members(
        self, group_id: str, refused: Collection[str] | None
    ) -> Collection[str] | None:
        try:
            answer = await self._look_up("usergroups.users.list", "usergroup", group_id)
        except (SlackRateLimited, SlackTokenRefused):
            # In a storm of clicks, or with a bad token: it says nothing about the group, and can
            # be read again, so nobody is refused for it.
            raise
        except SlackError as error:
            log.warning("group_unreadable", group=group_id, error=str(error))
            return refused if isinstance(error, SlackRejected) else None
        users = answer.get("users")
        if not isinstance(users, list):
            return None
        return frozenset(u for u in users if isinstance(u, str))

    async def place(self, channel_id: str) -> Place | None:
        """A channel as `conversations.info` shows it now, None when the bot can't see it."""
        try:
            answer = await self._look_up("conversations.info", "channel", channel_id)
        except SlackRejected as error:
            log.info("unknown_place", channel=channel_id, code=error.code)
            return None
        channel = answer.get("channel")
        return _place(channel) if isinstance(channel, dict) else None

    async def close(self) -> None:
        """Give up look-ups that wait for their turn."""
        await self._reads.close()

    async def _look_up(self, method: str, name: str, value: str) -> Json:
        return await self._reads.ask(Key(method, name, value), _asker.get())


def _person(user: Body, home: str) -> Person:
    profile = user.get("profile")
    shown = profile.get("display_name") if isinstance(profile, dict) else ""
    return Person(
        id=str(user["id"]),
        team=_team(user, home),
        name=str(shown or user.get("real_name") or user.get("name") or ""),
        deleted=bool(user.get("deleted")),
        bot=bool(user.get("is_bot")) or user["id"] == "USLACKBOT",
        guest=bool(user.get("is_restricted") or user.get("is_ultra_restricted")),
        stranger=bool(user.get("is_stranger")),
    )


def _team(user: Body, home: str) -> str:
    """The workspace of a user: ours, where it is one of theirs.

    On Enterprise Grid a member of several workspaces is shown without a `team_id`, and with a list.
    """
    grid = user.get("enterprise_user")
    teams = grid.get("teams") if isinstance(grid, dict) else None
    if isinstance(teams, list) and home in teams:
        return home
    return str(user.get("team_id") or "")


def _place(channel: Body) -> Place:
    flags = ("is_ext_shared", "is_pending_ext_shared")
    return Place(
        id=str(channel.get("id") or ""),
        member=bool(channel.get("is_member")),
        shared=any(channel.get(f) for f in flags) or bool(channel.get("pending_shared")),
        archived=bool(channel.get("is_archived")),
        direct=bool(channel.get("is_im") or channel.get("is_mpim")),
    )
