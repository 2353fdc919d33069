"""Read what all App Homes are made from: once for everybody who asks at about the same time."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterable

from bot.errors import SlackRateLimited
from bot.models import Members
from bot.policy.directory import Directory
from bot.slack.budget import Priority
from bot.slack.directory import looking_up
from bot.slack.messages.home_data import AppHomeData, Row, groups_of
from bot.slack.messages.replies import Row as Shown
from bot.store import Store

_LATEST = 100
"""How far back it looks for what has ended, in requests."""

_AT_ONCE = 8
"""How many requests are read at the same time."""

_SHARED_SECONDS = 2.0
"""How old a board may be: the queue and the states of connections change without being told."""

_SHARE = 4.0
"""How often the time that it took to read a board passes before the next one is read, whatever has
changed: so this is at most a fifth of what the process does, however much is open."""

GROUP_SECONDS = 60.0
"""For how long the members of a group are believed. It is only for show: a click has them read
anew, and Slack allows but 20 such reads a minute (tier 2)."""

Rows = Callable[[Iterable[str]], Awaitable[tuple[list[Shown], list[str]]]]
"""Reads requests by their ids, with what was told of them; and which of them can't be read."""


class AppHomeReader:
    """Reads the board where the one that was read last will not do."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        rows: Rows,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read from `store` and through `rows`; `directory` knows who is in the groups."""
        self._store = store
        self._directory = directory
        self._rows = rows
        self._clock = clock
        self._groups: dict[str, tuple[Collection[str] | None, float]] = {}
        self._data = AppHomeData()
        self._changes = -1
        self._read_at = -math.inf
        self._took = 0.0
        self._lock = asyncio.Lock()

    async def read(self, changes: int, now: float) -> tuple[AppHomeData, float]:
        """The board after so many `changes`, as it is at `now` or was a moment before.

        And 0; or, where that is an older one, in how many seconds to ask again. It is shown all the
        same: were it not, some would see nothing for as long as things go on changing.
        """
        async with self._lock:
            changed = changes != self._changes
            least = self._took * _SHARE
            shared = least if changed else max(least, _SHARED_SECONDS)
            left = self._read_at + shared - self._clock()
            if left > 0:
                return self._data, left if changed else 0.0
            self._data = await self._read(now)
            self._read_at = self._clock()
            self._changes = changes
            return self._data, 0.0

    async def _read(self, now: float) -> AppHomeData:
        begun = self._clock()
        requests = self._store.requests
        owed = [*await requests.open_ids(), *await requests.unsigned_ids()]
        ids = list(dict.fromkeys([*owed, *await requests.latest_ids(_LATEST)]))
        parts = await asyncio.gather(*(self._rows(ids[n::_AT_ONCE]) for n in range(_AT_ONCE)))
        rows = [await self._row(shown) for found, _ in parts for shown in found]
        # What comes now is Slack's time, not ours.
        self._took = self._clock() - begun
        members = await self._members(groups_of(row.request for row in rows), now)
        unreadable = sorted(one for _, broken in parts for one in broken)
        return AppHomeData(tuple(rows), members, tuple(unreadable))

    async def _row(self, shown: Shown) -> Row:
        row = Row(*shown)
        if not row.running:
            return row
        ahead = await self._store.requests.position(row.request)
        usual = await self._store.rate_limits.usual(row.request.region)
        return row._replace(ahead=ahead or 0, usual=usual)

    async def _members(self, wanted: Collection[str], now: float) -> Members:
        due = [group for group in wanted if self._groups.get(group, (None, 0.0))[1] <= now]
        until = now + GROUP_SECONDS
        try:
            with looking_up(Priority.HOME):
                found = dict(await self._directory.members(due))
        except SlackRateLimited as error:
            # What was known is better than nothing.
            found, until = self._believed(due), now + error.retry_after
        self._groups |= {group: (found.get(group), until) for group in due}
        return self._believed(wanted)

    def _believed(self, groups: Collection[str]) -> dict[str, Collection[str]]:
        known = ((group, self._groups.get(group, (None, 0.0))[0]) for group in groups)
        return {group: users for group, users in known if users is not None}
