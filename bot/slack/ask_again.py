"""Ask again: ask once more for what nobody decided."""

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.preview.rollback import repeated_draft
from bot.slack import payloads
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import AGAIN
from bot.slack.payload import Body
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

router = Router()


class AskAgainClicked(InboxItem, frozen=True, tag="again"):
    """The button that asks once more."""

    request_id: str = ""


@router.action(AGAIN)
async def clicked(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click."""
    await context.keep(ack, body, AskAgainClicked(**payloads.clicked(body)))


@router.handles(AskAgainClicked)
async def ask_again(context: HandlerContext, claim: Claim, item: AskAgainClicked) -> float | None:
    """Ask for the same, as it is now."""
    return await context.submissions.submit_from(claim, item, item.request_id, repeated_draft)
