"""Clicks that decide: recorded by `bot.approval`, and answered where the card does not say all."""

import re

import structlog

from bot.approval.decide import Approval
from bot.errors import Unreadable, UserError
from bot.models import Verdict
from bot.slack.messages.replies import done, late
from bot.slack.payloads import InboxItem
from bot.slack.responder import Responder
from bot.store import Claim

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(r"r-[a-z2-7]{1,30}")
"""What our ids look like: a button's value is not repeated to anybody unless it is one."""

_UNREADABLE = (
    "Request `{}` can't be read by this version of the bot. Nothing was recorded; "
    "the bot's operator has to look at it."
)


class Decisions:
    """Decides on requests and tells whoever clicked what came of it."""

    def __init__(self, approval: Approval, responder: Responder) -> None:
        """Record through `approval`."""
        self._approval = approval
        self._responder = responder

    async def decide(  # noqa: PLR0913, PLR0917 - what was clicked, and what was said with it
        self,
        claim: Claim,
        item: InboxItem,
        target: str,
        verdict: Verdict,
        reason: str = "",
        typed: str = "",
    ) -> None:
        """Record a verdict, or say why not."""
        if not REQUEST_ID.fullmatch(target):
            await self._responder.tell(item, "This does not name a request. Please ask again.")
            return
        try:
            if verdict is Verdict.COUNTERSIGNED:
                result = await self._approval.countersign(
                    target, item.user, delivery=claim.id, said_at=item.said_at
                )
            else:
                result = await self._approval.decide(
                    target,
                    item.user,
                    verdict,
                    reason,
                    typed=typed,
                    delivery=claim.id,
                    said_at=item.said_at,
                )
        except Unreadable:
            log.error("record_unreadable", request=target)  # noqa: TRY400 - it says enough
            await self._responder.tell(item, _UNREADABLE.format(target))
            return
        except UserError as error:
            await self._responder.explain(item, error)
            return
        text = done(result.request) if result.decided else late(result.request, item.user)
        if text:
            await self._responder.tell(item, text, channel=result.request.channel)
