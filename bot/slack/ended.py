"""What is asked for out of a request that has ended: to take it back, or the same once more.

Either is a new request like any other; its draft is made in `bot.preview.rollback`.
"""

from collections.abc import Callable

from msgspec.structs import replace
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command import Restore
from bot.models import Draft, Request
from bot.preview.rollback import repeated_draft, rollback_draft
from bot.slack import payloads
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import AGAIN, RESTORE
from bot.slack.payload import Body
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

router = Router()


class AskedFromEnded(InboxItem, frozen=True):
    """A button of a request that has ended."""

    request_id: str = ""


class RestoreClicked(AskedFromEnded, frozen=True, tag="undo"):
    """The button that asks for a request to be taken back."""


class AskAgainClicked(AskedFromEnded, frozen=True, tag="again"):
    """The button that asks once more for what nobody decided."""


def _button(
    action_id: str, stored: type[AskedFromEnded], draft: Callable[[Request], Draft]
) -> None:
    """Register a button, which asks for what `draft` makes of its request."""

    @router.action(action_id)
    async def clicked(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
        await context.keep(ack, body, stored(**payloads.clicked(body)))

    @router.handles(stored)
    async def asked(context: HandlerContext, claim: Claim, item: AskedFromEnded) -> float | None:
        return await context.submissions.submit_from(claim, item, item.request_id, draft)


_button(RESTORE, RestoreClicked, rollback_draft)
_button(AGAIN, AskAgainClicked, repeated_draft)


async def restore(
    context: HandlerContext, claim: Claim, item: InboxItem, wanted: Restore
) -> float | None:
    """Ask for a request to be taken back, as a command says."""

    def draft(request: Request) -> Draft:
        drafted = rollback_draft(request, reason=wanted.reason)
        return replace(drafted, break_glass=wanted.break_glass)

    return await context.submissions.submit_from(claim, item, wanted.request_id, draft)
