"""Keep the App Homes true of everybody who has looked at theirs lately.

What is to be shown follows from the requests. Slack is called only where a page looks different
from what its person has seen, and while it does not answer or wants a pause, no page asks for more.
"""

import hashlib
import time
from collections.abc import Callable
from typing import ClassVar

import msgspec
import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import (
    Refused,
    SlackRateLimited,
    SlackRejected,
    SlackTokenRefused,
    SlackUnavailable,
)
from bot.slack.access import Access
from bot.slack.app_home_rows import GROUP_SECONDS, AppHomeReader
from bot.slack.listeners import ListenerContext
from bot.slack.messages.home import closed, view
from bot.slack.messages.home_data import AppHomeData, groups_of
from bot.slack.messages.mrkdwn import Block
from bot.slack.payload import Body, part, word
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.slack.web import Slack
from bot.store import Claim, Viewer, Viewers
from bot.store.viewers import APART_SECONDS, AT_ONCE, EACH_SECONDS

log = structlog.get_logger(__name__)

router = Router()

REFRESH_SECONDS = 5.0
"""How often a progress bar moves for those who have looked last."""

_LAST = 4
"""How many people these are. Nobody knows who is still looking, and Slack allows some 100 pages
a minute (tier 4): the next four see the bar move every 20 s, the next every 45 s, and so on,
which makes 79 a minute at most. What has happened they see sooner, see `bot.store.viewers`."""

_AWAY_SECONDS = 60.0
"""The pause of one page with which Slack has failed us many times in a row."""

_LONGEST_REST = 15.0
"""The longest pause of all pages while Slack fails us."""


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
async def remember(context: HandlerContext, claim: Claim, item: HomeOpened) -> None:  # noqa: ARG001 - a handler's arguments
    """Have the person's page published, and kept true for a while."""
    await context.store.viewers.opened(item.user)


class AppHomePublisher:
    """The worker's handler for `home:<user>` items."""

    def __init__(
        self,
        slack: Slack,
        viewers: Viewers,
        home_reader: AppHomeReader,
        access: Access,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show `viewers` what is on the board, as far as `access` lets them look."""
        self._slack = slack
        self._viewers = viewers
        self._reader = home_reader
        self._access = access
        self._pause = _Pause(clock)

    async def step(self, claim: Claim) -> float | None:
        """Show one person their page, if it has changed; returns when to look again."""
        viewer = await self._viewers.look(claim.id)
        if viewer is None:
            return None
        try:
            return self._not_before(claim, viewer) or await self._edit(claim, viewer)
        except Refused as refusal:
            # Whoever may not look is shown that they may not, and forgotten.
            await self._slack.publish_home(claim.id, closed(refusal))
            await self._viewers.drop(claim.id)
        except SlackRateLimited as error:
            self._pause.asked(error.retry_after)
            return self._after_rest(claim, viewer)
        except SlackRejected as error:
            log.warning("home_refused", user=claim.id, code=error.code)
            await self._viewers.drop(claim.id)
        return None

    async def _edit(self, claim: Claim, viewer: Viewer) -> float | None:
        await self._access.check(claim.id)
        data, outdated = await self._reader.read(viewer.changes, claim.now)
        # In steps, so that a page is not edited for a second's difference.
        page = view(data, claim.id, claim.now - claim.now % REFRESH_SECONDS)
        await self._show(claim, viewer, page)
        if outdated:
            return claim.now + outdated + _turn(viewer)
        return _next_look(claim, viewer, data)

    async def lost(self, claim: Claim) -> None:
        """A late page may stand over a newer one: it has to be shown again."""
        await self._viewers.doubt(claim.id)

    async def give_up(self, claim: Claim) -> float | None:
        """Slack is away: go on, with a longer pause."""
        return claim.now + _AWAY_SECONDS

    async def _show(self, claim: Claim, viewer: Viewer, page: Block) -> None:
        shown = _hash(page)
        if shown != viewer.shown:
            try:
                await self._slack.publish_home(claim.id, page)
            except (SlackUnavailable, SlackTokenRefused):
                self._pause.failed()
                raise
            self._pause.answered()
            await self._viewers.save(claim, shown)

    def _not_before(self, claim: Claim, viewer: Viewer) -> float | None:
        wait = viewer.at + APART_SECONDS - claim.now
        if 0 < wait <= APART_SECONDS:
            return claim.now + wait
        return self._after_rest(claim, viewer) if self._pause.left > 0 else None

    def _after_rest(self, claim: Claim, viewer: Viewer) -> float:
        """Whoever has just opened theirs comes first, then one after another, the latest first."""
        behind = (viewer.rank + 1) * EACH_SECONDS if viewer.shown else _turn(viewer)
        return claim.now + self._pause.left + behind


class _Pause:
    """The time for which no page of this process is published."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until = clock()
        self._failures = 0

    @property
    def left(self) -> float:
        """How many seconds it still lasts; 0 or less: it is over."""
        return self._until - self._clock()

    def asked(self, seconds: float) -> None:
        """Slack wants a pause."""
        self._until = max(self._until, self._clock() + seconds)

    def failed(self) -> None:
        """Slack did not answer: rest, each time longer. Pages that hang together count once."""
        if self.left <= 0:
            self._until = self._clock() + min(2.0**self._failures, _LONGEST_REST)
            self._failures = min(self._failures + 1, 10)

    def answered(self) -> None:
        """Slack is there."""
        self._failures = 0


def _turn(viewer: Viewer) -> float:
    """By how much the page of a person comes after those of who looked later, in seconds."""
    return max(0, viewer.rank - AT_ONCE) * EACH_SECONDS


def _next_look(claim: Claim, viewer: Viewer, data: AppHomeData) -> float | None:
    """Soon, while something is in flight; later, where a group could not be read; else never."""
    if any(row.running for row in data.rows):
        return claim.now + REFRESH_SECONDS * (1 + viewer.rank // _LAST) ** 2
    unread = groups_of(row.request for row in data.rows) - data.members.keys()
    return claim.now + GROUP_SECONDS if unread else None


def _hash(page: Block) -> str:
    return hashlib.sha256(msgspec.json.encode(page)).hexdigest()[:16]
