"""Handle what Slack delivered, item by item, once it is stored and acknowledged.

Each item is a step of the worker: killed in the middle, it is done again from the start
by whoever is alive, so everything that is done from here may run twice. What is done is in the
module of each behaviour, see `bot.slack.router`.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec
import structlog

from bot import tracing
from bot.errors import SealBroken, SlackRateLimited, SlackRejected
from bot.lifecycle import request_id
from bot.metrics import SEALS_BROKEN
from bot.policy import done_by
from bot.slack import payloads
from bot.slack.directory import looking_up
from bot.slack.payloads import REQUEST_ID, InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

log = structlog.get_logger(__name__)

_GIVEN_UP = "This did not work, several times over. Please try again."

_UNREADABLE = (
    "This was not done: the bot was changed to another version meanwhile, which can't read what "
    "you sent to the earlier one. Please try again."
)

_UNSEALED = (
    "This was not done: what the bot had noted of it does not bear the bot's seal. "
    "Please try again; if it happens once more, tell the bot's operator."
)

UNREADABLE_SECONDS = 60.0
"""For how long what this version can't read waits for another one: what was said longer ago is not
done any more by anybody."""

_LONGEST_PAUSE = 10.0

_PUT_OFF = 0.03
_LONGEST_PUT_OFF = 3.0
"""Seconds after which an item is looked at again of somebody who has enough in hand: the more they
have, the later, so that a flood does not turn round and round."""


class InboxHandler:
    """The worker's handler for `inbox:<item>` items."""

    def __init__(self, context: HandlerContext, router: Router, most_of_one: int) -> None:
        """Let the handlers of `router` work with `context`.

        `most_of_one`: how many items of one person are handled at once, so that some places are
        left to others however much one sends.
        """
        self._most_of_one = most_of_one
        self._in_hand: Counter[str] = Counter()
        self._put_off: Counter[str] = Counter()
        self._context = context
        self._router = router
        self._store = context.store
        self._responder = context.responder

    async def step(self, claim: Claim) -> float | None:
        """Handle one item; it is forgotten as its step ends for good."""
        try:
            content = await self._store.inbox.get(claim.id, claim)
        except SealBroken as error:
            await self._unsealed(claim, error)
            return None
        if content is None:
            return None
        try:
            item = self._router.decode(content)
        except (msgspec.DecodeError, ValueError):
            return await self._unreadable(claim, content)
        if self._in_hand[item.user] >= self._most_of_one:
            self._put_off[item.user] += 1
            return claim.now + min(_PUT_OFF * self._put_off[item.user], _LONGEST_PUT_OFF)
        try:
            with (
                self._handling(item.user),
                looking_up(item.priority, claim.id),
                _traced(claim, item),
            ):
                return await self._router.handle(self._context, claim, item)
        except SlackRateLimited as error:
            now = await self._store.database.now()
            return self._after_pause(now, item, error.retry_after)

    @contextmanager
    def _handling(self, user: str) -> Iterator[None]:
        """Count what is in hand of one person."""
        self._in_hand[user] += 1
        try:
            yield
        finally:
            del self._put_off[user]
            self._in_hand[user] -= 1
            if not self._in_hand[user]:
                del self._in_hand[user]

    async def lost(self, claim: Claim) -> None:
        """Nothing to do: at worst somebody is told the same thing twice."""

    async def give_up(self, claim: Claim) -> float | None:
        """Tell the person that it did not work, and forget the item."""
        try:
            content = await self._store.inbox.get(claim.id)
        except SealBroken as error:
            content = error.content
        if content is not None:
            await self._tell(payloads.sender(content), _GIVEN_UP)
        return None

    async def _unsealed(self, claim: Claim, error: SealBroken) -> None:
        """Act on nothing that may not have come from Slack."""
        log.error("seal_broken", item=claim.id, why=str(error))
        SEALS_BROKEN.labels("delivery").inc()
        await self._tell(payloads.sender(error.content), _UNSEALED)

    async def _unreadable(self, claim: Claim, content: str) -> float | None:
        """Leave it to a replica of another version; too old for that, its sender is told."""
        age = await self._store.inbox.unreadable_for(claim.id)
        if age < UNREADABLE_SECONDS:
            log.warning("inbox_item_unreadable", item=claim.id)
            return claim.now + min(max(age, 1.0), _LONGEST_PAUSE)
        # Not what it says: that can be anybody's text.
        log.error("inbox_item_dropped", item=claim.id, hint="no version that runs can read it")
        await self._tell(payloads.sender(content), _UNREADABLE)
        return None

    async def _tell(self, sender: InboxItem, words: str) -> None:
        """Tell the person, before the item is forgotten: while Slack is away it is tried again."""
        try:
            await self._responder.tell(sender, words)
        except SlackRejected as error:
            log.warning("no_recipient", error=str(error))

    @staticmethod
    def _after_pause(now: float, item: InboxItem, wait: float) -> float:
        """When Slack lets us go on; or when it is too late for that, and its sender is told so."""
        too_late = done_by(item.said_at) + 1
        return min(now + wait, too_late) if now < too_late else now + wait


def _traced(claim: Claim, item: InboxItem) -> AbstractContextManager[object]:
    """In the trace of the request that it is about, or may become."""
    name = f"inbox {type(item).__name__}"
    about = getattr(item, "request_id", "")
    if REQUEST_ID.fullmatch(about):
        return tracing.step(name, about)
    return tracing.delivery(name, request_id(claim.id))
