"""Messages with a table, where Slack takes one, and what stands in its place where it does not.

An older workspace may answer `invalid_blocks`. That is no reason to lose a message: what it says is
sent once more in blocks that have always been there.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from bot.errors import SlackRejected, SlackUnavailable
from bot.slack.messages.mrkdwn import Block
from bot.slack.messages.table import without_tables

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

_REFUSED = "invalid_blocks"

_PLAIN_SECONDS = 3600.0
_UNSURE_SECONDS = 60.0
"""For how long no table is sent after one was refused, or had no answer: the fault may be its."""


class Tables:
    """Knows whether Slack takes tables at present."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` is in seconds."""
        self._clock = clock
        self._plain_until = float("-inf")

    async def show(
        self, send: Callable[[list[Block]], Awaitable[Answer]], blocks: Sequence[Block]
    ) -> Answer:
        """Send a message; without its tables where Slack does not take them."""
        whole, plainer = list(blocks), without_tables(blocks)
        if whole == plainer or self._clock() < self._plain_until:
            return await send(plainer)
        try:
            return await send(whole)
        except SlackUnavailable:
            # Nothing is repeated here: it may stand there. Whoever tries again does without.
            self._plain_until = self._clock() + _UNSURE_SECONDS
            raise
        except SlackRejected as error:
            if error.code != _REFUSED:
                raise
            log.info("tables_refused", seconds=_PLAIN_SECONDS)
            self._plain_until = self._clock() + _PLAIN_SECONDS
        return await send(plainer)
