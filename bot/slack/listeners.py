"""Store what Slack delivered, acknowledge it, wake the worker. No more.

An acknowledgement waits for nothing but our own store, and for that only briefly: once it is
given, the item survives any crash; where it could not be stored, the person is told at
once that nothing was. Everything slow happens in `bot.slack.inbox`.
"""

import asyncio
from collections.abc import Callable, Mapping

import structlog
from msgspec.structs import replace
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import SlackError, StoreError
from bot.execution.finding import Finder
from bot.metrics import DELIVERIES
from bot.policy import PolicySource
from bot.slack import payloads
from bot.slack.access import Access
from bot.slack.forms.lookup import Lookup
from bot.slack.messages.mrkdwn import Block
from bot.slack.notes import NOTED, Notes
from bot.slack.payload import Body, word
from bot.slack.payloads import InboxItem
from bot.slack.said import seconds_ago
from bot.slack.web import OpenView, Slack
from bot.store import Store

log = structlog.get_logger(__name__)

STORE_SECONDS = 1.0
"""How long an acknowledgement waits for the store; Slack waits 3 seconds for us."""

PUTS_AT_ONCE = 8
TURN_SECONDS = 2.0
"""How many items are stored at once, and how long one waits until it is its turn. Of two
hundred at the same instant each is stored quickly, one after the other; all at once they would
share this process's time so evenly that each one's second is over before any is stored."""

SLACK_SECONDS = 1.0
"""How long an acknowledgement waits for Slack, where it has to: for a form, or to say that
nothing was stored. With the store's second it leaves one of the three."""

NOT_STORED = (
    "This could not be recorded: the bot's store does not answer. Please try again in a "
    "moment; what you see here is what holds."
)

NO_FORM = "The form could not be opened. Please click again."


class ListenerContext:
    """What listeners work with, and how they store what was delivered."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        slack: Slack,
        store: Store,
        wake: Callable[[], None],
        lookup: Lookup,
        access: Access,
        *,
        finder: Finder,
        policy: PolicySource,
        notes: Notes,
        region: str | None,
        channel: str,
    ) -> None:
        """Store items in the inbox of `store` and `wake` the worker of this process.

        `access` says who may look connections up with `lookup`, `finder` finds them by name,
        `policy` says what a request would need, `notes` says what waits. `region`: of a command
        that names none; `channel`: where all cards go, empty where a form asks.
        """
        self.slack = slack
        self.store = store
        self.lookup = lookup
        self.access = access
        self.finder = finder
        self.policy = policy
        self.region = region
        self.channel = channel
        self._wake = wake
        self._notes = notes
        self._turns = asyncio.Semaphore(PUTS_AT_ONCE)

    async def keep(self, ack: AsyncAck, body: Body, item: InboxItem) -> None:
        """Store an item and acknowledge it; or say that it could not be stored."""
        # Neither stored nor told: without an acknowledgement Slack itself shows that it failed.
        if await self.put(body, item) or await self.reply(item.response_url, NOT_STORED):
            await ack()

    async def keep_form(
        self, ack: AsyncAck, body: Body, item: InboxItem, wrong: Mapping[str, str], field: str
    ) -> None:
        """Store a form that was sent in; or say below its fields what is `wrong`.

        That it could not be stored stands below `field`.
        """
        if wrong:
            await ack(response_action="errors", errors=dict(wrong))
        elif await self.put(body, item):
            await ack()
        else:
            await ack(response_action="errors", errors={field: NOT_STORED})

    async def put(self, body: Body, item: InboxItem, noted: str = NOTED) -> bool:
        """Store an item; `noted` is what its sender hears if its answer is long in coming."""
        payload_id, ago = payloads.payload_id(body), seconds_ago(body)
        try:
            await self._put(payload_id, item, ago)
        except (StoreError, TimeoutError) as error:
            not_stored(item, error)
            return False
        DELIVERIES.labels("yes").inc()
        # Who still waits for an acknowledgement goes first; the worker claims by itself soon.
        if not self._turns.locked():
            self._wake()
        if item.awaited:
            self._notes.expect(payload_id, item, noted)
        return True

    async def open_form(self, body: Body, form: Block) -> OpenView | None:
        """Open a form in answer to a payload; None where Slack did not take it in time."""
        try:
            opening = self.slack.open_view(word(body, "trigger_id"), form)
            return await asyncio.wait_for(opening, SLACK_SECONDS)
        except (SlackError, TimeoutError) as error:
            log.warning("form_not_opened", error=str(error) or "time-out")
            return None

    async def fill_form(self, opened: OpenView, form: Block) -> None:
        """Show in an open form what was looked up, unless its person was faster."""
        try:
            await self.slack.update_view(opened.id, form, opened.version)
        except SlackError as error:
            log.info("form_not_updated", error=str(error))

    async def reply(self, response_url: str, text: str) -> bool:
        """Answer at once, within what is left of the three seconds; False where that failed."""
        if not response_url:
            return False
        try:
            await asyncio.wait_for(self.slack.respond(response_url, text), SLACK_SECONDS)
        except (SlackError, TimeoutError) as error:
            log.warning("reply_failed", error=str(error) or "time-out")
            return False
        return True

    async def _put(self, payload_id: str, item: InboxItem, ago: float) -> None:
        await asyncio.wait_for(self._turns.acquire(), TURN_SECONDS)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                # By the clock that everything else goes by.
                dated = replace(item, said_at=await self.store.database.lately() - ago)
                await self.store.inbox.put(payload_id, payloads.encode(dated))
        finally:
            self._turns.release()


def not_stored(item: InboxItem, error: Exception) -> None:
    """Log and count what could not be recorded; its sender is told."""
    log.error("payload_not_stored", error=type(error).__name__, user=item.user)
    DELIVERIES.labels("no").inc()
