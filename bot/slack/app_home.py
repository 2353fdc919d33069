"""Publish App Homes: when somebody opens theirs, and when what it shows has changed.

Whoever has opened theirs within a day is kept up to date. A change of a request makes `home:all`
due, which makes `home:<user>` due for each of them. What has changed meanwhile is in the page that
is published next, so many changes make one page.
"""

import asyncio
from collections.abc import Collection
from typing import ClassVar

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import Refused, SlackRateLimited, SlackRejected
from bot.models import Members
from bot.policy.directory import Directory
from bot.slack.access import Access
from bot.slack.budget import Priority
from bot.slack.directory import looking_up
from bot.slack.listeners import ListenerContext
from bot.slack.lookups import read_shown
from bot.slack.messages.app_home import closed, view
from bot.slack.messages.concerns import AppHomeData, groups_of
from bot.slack.payload import Body, part, word
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.slack.web import Slack
from bot.store import Claim, Store
from bot.store.viewers import EVERYBODY, MOST

log = structlog.get_logger(__name__)

router = Router()

APART_SECONDS = 2.0
"""The least time between two pages of one person."""

EACH_SECONDS = 0.6
"""The time between those whose pages wait for Slack's limit, 100 pages a minute (tier 4)."""

JUST_OPENED_SECONDS = 30.0
"""Whoever opened theirs since is waiting for it, and comes before the others."""

GROUP_SECONDS = 60.0
"""For how long the members of a group are believed. It is only for show: a click has them read
anew, and Slack allows but 20 such reads a minute (tier 2)."""

_AWAY_SECONDS = 60.0
"""The pause of a page with which Slack has failed us many times in a row."""

_LATEST = 100
"""How far back is looked for what has ended, in requests."""


class HomeOpened(InboxItem, frozen=True, tag="home"):
    """Somebody looks at the App Home."""

    awaited: ClassVar[bool] = False


@router.event("app_home_opened")
async def opened(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store who opened it; nothing where nobody did, or looks at its other tab.

    It is acknowledged once it is stored: a page that was never shown stays empty until somebody
    opens it again, so what could not be stored is left to Slack, which sends it again.
    """
    event = part(body, "event")
    user = word(event, "user")
    if (
        not user
        or word(event, "tab") == "messages"
        or await context.put(body, HomeOpened(user=user))
    ):
        await ack()


@router.handles(HomeOpened)
async def remember(context: HandlerContext, _: Claim, item: HomeOpened) -> None:
    """Have the person's page published, and kept true for a while."""
    await context.store.viewers.opened(item.user)
    await context.store.work.wake(f"home:{item.user}")


class AppHomePublisher:
    """The worker's handler for `home:<user>` and `home:all`."""

    def __init__(self, slack: Slack, store: Store, directory: Directory, access: Access) -> None:
        """Show what `store` knows, as far as `access` lets people look."""
        self._slack = slack
        self._store = store
        self._access = access
        self._reader = AppHomeReader(store, directory)
        self._done: dict[str, float] = {}
        self._queue_end = 0.0

    async def step(self, claim: Claim) -> float | None:
        """Show one person their page, or have it shown to everybody; returns when to go on."""
        wait = self._done.get(claim.id, 0.0) + APART_SECONDS - claim.now
        if 0 < wait <= APART_SECONDS:
            return claim.now + wait
        try:
            again_at = await self._do(claim)
        except SlackRateLimited as error:
            return self._queued(claim.now, error.retry_after)
        except SlackRejected as error:
            log.warning("home_refused", user=claim.id, code=error.code)
            await self._store.viewers.forget(claim.id)
            return None
        now = await self._store.database.lately()
        lately = {i: at for i, at in self._done.items() if 0 <= now - at < APART_SECONDS}
        self._done = lately | {claim.id: now}
        return again_at

    async def lost(self, claim: Claim) -> None:
        """A late page may stand over a newer one: it has to be shown again."""
        await self._store.work.wake(claim.item)

    async def give_up(self, claim: Claim) -> float | None:
        """Slack is away: go on, with a longer pause."""
        return claim.now + _AWAY_SECONDS

    async def _do(self, claim: Claim) -> float | None:
        if claim.item != EVERYBODY:
            return await self._publish(claim.id, claim.now)
        for user in await self._store.viewers.changed():
            await self._store.work.wake(f"home:{user}")
        return None

    async def _publish(self, user: str, now: float) -> float | None:
        opened_at = await self._store.viewers.opened_at(user)
        waits = now - opened_at < JUST_OPENED_SECONDS
        priority = Priority.ANSWER if waits else Priority.HOME
        try:
            await self._access.check(user)
        except Refused as refusal:
            # Not kept up to date: it stays as it is until they look again.
            await self._store.viewers.forget(user)
            await self._slack.publish_home(user, closed(refusal), priority)
            return None
        data = await self._reader.read(now)
        await self._slack.publish_home(user, view(data, user), priority)
        unread = groups_of(row.request for row in data.rows) - data.members.keys()
        return now + GROUP_SECONDS if unread else None

    def _queued(self, now: float, wait: float) -> float:
        """One page after another, as Slack allows them."""
        last = min(self._queue_end, now + wait + MOST * EACH_SECONDS)
        self._queue_end = max(now + wait, last + EACH_SECONDS)
        return self._queue_end


class AppHomeReader:
    """Reads what all App Homes are made from: once for everybody, as long as nothing changes."""

    def __init__(self, store: Store, directory: Directory) -> None:
        """Read from `store`; `directory` knows who is in the groups."""
        self._store = store
        self._directory = directory
        self._groups: dict[str, tuple[Collection[str] | None, float]] = {}
        self._data = AppHomeData()
        self._changes = -1
        self._read_at = 0.0
        self._lock = asyncio.Lock()

    async def read(self, now: float) -> AppHomeData:
        """Everything that App Homes show, as it is at `now` or was since the last change."""
        async with self._lock:
            changes = await self._store.viewers.changes()
            if changes != self._changes or not 0 <= now - self._read_at < GROUP_SECONDS:
                self._data = await self._read()
                self._changes, self._read_at = changes, now
            members = await self._members(groups_of(row.request for row in self._data.rows), now)
            return self._data._replace(members=members, now=now)

    async def _read(self) -> AppHomeData:
        requests = self._store.requests
        owed = [*await requests.open_ids(), *await requests.unsigned_ids()]
        ids = list(dict.fromkeys([*owed, *await requests.latest_ids(_LATEST)]))
        rows, unreadable = await read_shown(self._store, ids)
        return AppHomeData(tuple(rows), unreadable=tuple(sorted(unreadable)))

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
