"""Answer one person privately, by whichever way is open: where they asked, or directly."""

from collections.abc import Sequence

import structlog

from bot.errors import BotError, SlackError, SlackRejected
from bot.slack.messages.replies import choices, problem
from bot.slack.messages.texts import Block, paragraphs
from bot.slack.payloads import Inbound
from bot.slack.web import Slack

log = structlog.get_logger(__name__)


class Replier:
    """What a delivery is answered with."""

    def __init__(self, slack: Slack) -> None:
        """Answer through `slack`."""
        self._slack = slack

    async def tell(
        self, delivery: Inbound, text: str, blocks: Sequence[Block] = (), *, channel: str = ""
    ) -> None:
        """Answer whoever sent `delivery`; `channel` is where, if the delivery does not say.

        Raises:
            SlackError: it could not be said anywhere.
        """
        # As a block: Slack makes links of whatever looks like an address in a mere text.
        blocks = blocks or paragraphs(text)
        if delivery.response_url:
            try:
                await self._slack.respond(delivery.response_url, text, blocks)
            except SlackError as error:
                log.info("response_url_failed", error=str(error))
            else:
                return
        if not delivery.user:
            log.warning("nobody_to_tell")
            return
        # Who is in their App Home does not see what is whispered in a channel.
        where = "" if delivery.at_home else delivery.channel or channel
        if where:
            try:
                await self._slack.whisper(where, delivery.user, text, blocks)
            except SlackRejected as error:
                # Where we are not a member, or the person is not any more: directly then.
                log.info("not_told_there", code=error.code)
            else:
                return
        await self._slack.post(delivery.user, text, list(blocks))

    async def explain(self, delivery: Inbound, error: BotError, *, channel: str = "") -> None:
        """Say what is wrong and what to do; where there is a choice, with buttons."""
        await self.tell(delivery, problem(error), choices(error), channel=channel)
