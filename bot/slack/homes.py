"""Keep the App Homes true of everybody who has looked at theirs lately.

What is to be shown follows from the requests. Slack is called only where a page looks different
from what its person has seen.
"""

import hashlib

import msgspec
import structlog

from bot.errors import SlackRateLimited, SlackRejected
from bot.slack.boards import GROUP_SECONDS, Boards
from bot.slack.messages.board import Board, groups_of
from bot.slack.messages.home import view
from bot.slack.messages.texts import Block
from bot.slack.web import Slack
from bot.store import Claim, Viewer, Viewers
from bot.store.viewers import APART_SECONDS

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 5.0
"""How often a progress bar moves for those who have looked last."""

_LAST = 4
"""How many people these are. Nobody knows who is still looking, and Slack allows some 100 pages
a minute (tier 4): the next four see the bar move every 20 s, the next every 45 s, and so on,
which makes 79 a minute at most. What has happened they all see at once."""

_AWAY_SECONDS = 60.0
"""The pause where Slack has failed us many times in a row."""


class Homes:
    """The engine's handler for `home:<user>` items."""

    def __init__(self, slack: Slack, viewers: Viewers, boards: Boards) -> None:
        """Show `viewers` what is on the board."""
        self._slack = slack
        self._viewers = viewers
        self._boards = boards

    async def step(self, claim: Claim) -> float | None:
        """Show one person their page, if it has changed; returns when to look again."""
        viewer = await self._viewers.look(claim.id)
        if viewer is None:
            return None
        wait = viewer.at + APART_SECONDS - claim.now
        if 0 < wait <= APART_SECONDS:
            return claim.now + wait
        board = await self._boards.read(viewer.changes, claim.now)
        # In steps, so that a page is not edited for a second's difference.
        page = view(board, claim.id, claim.now - claim.now % REFRESH_SECONDS)
        try:
            await self._show(claim, viewer, page)
        except SlackRateLimited as error:
            return claim.now + error.retry_after
        except SlackRejected as error:
            log.warning("home_refused", user=claim.id, code=error.code)
            await self._viewers.drop(claim.id)
            return None
        return _next_look(claim, viewer, board)

    async def lost(self, claim: Claim) -> None:
        """A late page may stand over a newer one: it has to be shown again."""
        await self._viewers.doubt(claim.id)

    async def give_up(self, claim: Claim) -> float | None:
        """Slack is away: go on, with a longer pause."""
        return claim.now + _AWAY_SECONDS

    async def _show(self, claim: Claim, viewer: Viewer, page: Block) -> None:
        shown = _hash(page)
        if shown != viewer.shown:
            await self._slack.publish_home(claim.id, page)
            await self._viewers.save(claim, shown)


def _next_look(claim: Claim, viewer: Viewer, board: Board) -> float | None:
    """Soon, while something is in flight; later, where a group could not be read; else never."""
    if any(row.running for row in board.rows):
        return claim.now + REFRESH_SECONDS * (1 + viewer.rank // _LAST) ** 2
    unread = groups_of(row.request for row in board.rows) - board.members.keys()
    return claim.now + GROUP_SECONDS if unread else None


def _hash(page: Block) -> str:
    return hashlib.sha256(msgspec.json.encode(page)).hexdigest()[:16]
