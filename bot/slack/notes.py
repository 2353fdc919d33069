"""Whoever commands or clicks hears within three seconds that it is noted, where no answer came yet.

Nothing is said of what is answered at once, which is nearly everything. It is said by the process
that took the delivery, beside the engine, which may be what is slow.
"""

import asyncio

import structlog

from bot.errors import BotError
from bot.slack.payloads import Inbound
from bot.slack.responder import Replier
from bot.store import Inbox

log = structlog.get_logger(__name__)

AFTER_SECONDS = 2.0

NOTED = (
    "Noted, and waiting for its turn. You hear what comes of it here or on the card, or within a "
    "minute or so that nothing was done."
)


class Notes:
    """Says that a delivery waits."""

    def __init__(self, inbox: Inbox, replier: Replier) -> None:
        """`inbox` knows what was answered."""
        self._inbox = inbox
        self._replier = replier
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, delivery_id: str, delivery: Inbound, text: str = NOTED) -> None:
        """Say `text` to whoever sent this delivery, unless it is answered soon."""
        task = asyncio.create_task(self._note(delivery_id, delivery, text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Say nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _note(self, delivery_id: str, delivery: Inbound, text: str) -> None:
        await asyncio.sleep(AFTER_SECONDS)
        try:
            if await self._inbox.note(delivery_id):
                await self._replier.tell(delivery, text)
        except BotError as error:
            log.info("not_noted", error=str(error))
