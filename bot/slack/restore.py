"""Restore: ask for what takes a request back; see `bot.preview.rollback`."""

from msgspec.structs import replace
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command import Restore
from bot.models import Draft, Request
from bot.preview.rollback import rollback_draft
from bot.slack import payloads
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import RESTORE
from bot.slack.payload import Body
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

router = Router()


class RestoreClicked(InboxItem, frozen=True, tag="undo"):
    """The button that asks for a request to be taken back."""

    request_id: str = ""


@router.action(RESTORE)
async def clicked(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click."""
    await context.keep(ack, body, RestoreClicked(**payloads.clicked(body)))


@router.handles(RestoreClicked)
async def click(context: HandlerContext, claim: Claim, item: RestoreClicked) -> float | None:
    """Do what the command does."""
    return await restore(context, claim, item, Restore(request_id=item.request_id))


async def restore(
    context: HandlerContext, claim: Claim, item: InboxItem, wanted: Restore
) -> float | None:
    """Ask for a request to be taken back, as `wanted` by a click or a command."""

    def draft(request: Request) -> Draft:
        drafted = rollback_draft(request, reason=wanted.reason)
        return replace(drafted, break_glass=wanted.break_glass)

    return await context.submissions.submit_from(claim, item, wanted.request_id, draft)
