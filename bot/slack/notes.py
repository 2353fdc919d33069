"""Whoever commands or clicks hears within three seconds that it is noted, where no answer came yet.

Nothing is said of what is answered at once, which is nearly everything. It is said by the process
that took the delivery, beside the worker, which may be what is slow.
"""

import asyncio

import structlog

from bot.errors import BotError
from bot.slack.payloads import InboxItem
from bot.slack.responder import Responder
from bot.store import Inbox

log = structlog.get_logger(__name__)

AFTER_SECONDS = 2.0

NOTED = (
    "Noted, and waiting for its turn. You hear what comes of it here or on the card, or within a "
    "minute or so that nothing was done."
)


class Notes:
    """Says that a delivery waits."""

    def __init__(self, inbox: Inbox, responder: Responder) -> None:
        """`inbox` knows what was answered."""
        self._inbox = inbox
        self._responder = responder
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, payload_id: str, item: InboxItem, text: str = NOTED) -> None:
        """Say `text` to whoever sent this delivery, unless it is answered soon."""
        task = asyncio.create_task(self._note(payload_id, item, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Say nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _note(self, payload_id: str, item: InboxItem, text: str) -> None:
        await asyncio.sleep(AFTER_SECONDS)
        try:
            if await self._inbox.note(payload_id):
                await self._responder.tell(item, text)
        except BotError as error:
            log.info("wait_notice_failed", error=str(error))
