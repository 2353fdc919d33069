"""Answer one person privately, by whichever way is open: where they asked, or directly."""

from collections.abc import Sequence

import structlog

from bot.errors import BotError, SlackError, SlackRejected
from bot.slack.messages.mrkdwn import Block, literal, paragraphs, section
from bot.slack.messages.replies import choices, problem
from bot.slack.payloads import InboxItem
from bot.slack.web import Slack

log = structlog.get_logger(__name__)


class Responder:
    """What a delivery is answered with."""

    def __init__(self, slack: Slack) -> None:
        """Answer through `slack`."""
        self._slack = slack

    async def tell(
        self, item: InboxItem, text: str, blocks: Sequence[Block] = (), *, channel: str = ""
    ) -> None:
        """Answer whoever sent `delivery`; `channel` is where, if the delivery does not say.

        Raises:
            SlackError: it could not be said anywhere.
        """
        # As a block: Slack makes links of whatever looks like an address in a mere text.
        blocks = blocks or paragraphs(text)
        if item.response_url:
            try:
                await self._slack.respond(item.response_url, text, blocks)
            except SlackError as error:
                log.info("response_url_failed", error=str(error))
            else:
                return
        if not item.user:
            log.warning("no_recipient")
            return
        # Who is in their App Home does not see what is whispered in a channel.
        where = "" if item.at_home else item.channel or channel
        if where:
            try:
                await self._slack.post_ephemeral(where, item.user, text, blocks)
            except SlackRejected as error:
                # Where we are not a member, or the person is not any more: directly then.
                log.info("ephemeral_refused", code=error.code)
            else:
                return
        await self._slack.post(item.user, text, list(blocks))

    async def explain(
        self, item: InboxItem, error: BotError, *, about: str = "", channel: str = ""
    ) -> None:
        """Say what is wrong and what to do; where there is a choice, with buttons.

        `about` is what it is about, in plain text.
        """
        head = f"*{literal(about)}*" if about else ""
        text = "\n".join(filter(None, [head, problem(error)]))
        blocks = choices(error)
        more = [section(head)] if head and blocks else []
        await self.tell(item, text, [*more, *blocks], channel=channel)
