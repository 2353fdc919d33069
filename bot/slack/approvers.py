"""Whom to call for a decision, as Slack and the policy say now.

It is only for calling: a click has all of it read anew. So what was read within a minute is
believed, and it is read when nothing more urgent wants to be.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, NamedTuple, TypeVar

from bot.errors import SlackUnavailable
from bot.models import Person, Request
from bot.policy import PolicySource, terms_now
from bot.policy.called import candidates, reachable
from bot.policy.directory import Directory
from bot.slack.budget import Priority
from bot.slack.directory import looking_up

MOST_LOOKUPS = 20
"""How many people are looked up at most to find those who can be called."""

BELIEVED_SECONDS = 60.0

_MOST_BELIEVED = 1000

Found = TypeVar("Found")


class Called(NamedTuple):
    """Who is called, and whether there are others who may decide."""

    users: tuple[str, ...]
    others: bool


class Approvers:
    """Looks for those who can be called."""

    def __init__(self, directory: Directory, policy: PolicySource) -> None:
        """`directory` knows who people are, `policy` who may decide."""
        self._directory = directory
        self._policy = policy
        self._groups = _Believed[Collection[str]]()
        self._people = _Believed[Person | None]()

    async def to_call(self, request: Request, most: int, *, now: float, step: str) -> Called:
        """At most so many of those who can decide on a request; `step` is who asks.

        Raises:
            Refused: By the policy of now nobody can.
            SlackRateLimited: It is not this step's turn to ask Slack.
            SlackUnavailable: Slack did not say.
        """
        terms = terms_now(self._policy.policy, request)
        groups = dict.fromkeys((*request.terms.approvers.groups, *terms.approvers.groups))
        with looking_up(Priority.DIRECT, step):
            home = await self._directory.home_team()
            members = {group: await self._members(group, now) for group in groups}
            left = candidates(request, terms, members)
            found: tuple[str, ...] = ()
            looked_up = 0
            while left and len(found) < most and looked_up < MOST_LOOKUPS:
                wanted = most - len(found)
                some, left = left[:wanted], left[wanted:]
                people = await asyncio.gather(*(self._person(user, now) for user in some))
                found += reachable(some, dict(zip(some, people, strict=True)), home)
                looked_up += len(some)
        return Called(found, others=bool(left))

    async def _members(self, group: str, now: float) -> Collection[str]:
        async def read() -> Collection[str]:
            members = await self._directory.confirmed_members([group])
            if group not in members:
                raise SlackUnavailable(f"who is in {group} was not said")
            return members[group]

        return await self._groups.get(group, now, read)

    async def _person(self, user: str, now: float) -> Person | None:
        return await self._people.get(user, now, lambda: self._directory.person(user))


class _Believed(Generic[Found]):
    """What was read lately, by its name."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Found, float]] = {}

    async def get(self, name: str, now: float, read: Callable[[], Awaitable[Found]]) -> Found:
        known = self._known.get(name)
        if known is not None and 0 <= now - known[1] < BELIEVED_SECONDS:
            return known[0]
        found = await read()
        if len(self._known) >= _MOST_BELIEVED:
            self._known.clear()
        self._known[name] = (found, now)
        return found
