"""What is asked for out of a request that has ended: to take it back, or the same once more.

Either is a new request like any other; its draft is made in `bot.preview.rollback`. Whoever takes
back is asked why first.
"""

from msgspec.structs import replace
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.approval.submit import Confirmed
from bot.command import Restore
from bot.command.text import plain
from bot.models import Draft, Request
from bot.preview.rollback import can_roll_back, repeated_draft, rollback_draft
from bot.slack import payloads
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import AGAIN, RESTORE
from bot.slack.messages.decision_forms import (
    REASON_ACTION,
    REASON_BLOCK,
    REASON_LIMIT,
    RESTORE_FORM,
    SAY_WHY,
    restore_form,
)
from bot.slack.messages.mrkdwn import Block
from bot.slack.modals import open_or_keep
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


class RestoreSubmitted(AskedFromEnded, frozen=True, tag="restore"):
    """The form that asks why it is to be taken back, sent in."""

    reason: str = ""


class AskAgainClicked(AskedFromEnded, frozen=True, tag="again"):
    """The button that asks once more for what nobody decided."""


@router.action(AGAIN)
async def again(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click."""
    await context.keep(ack, body, AskAgainClicked(**payloads.clicked(body)))


@router.handles(AskAgainClicked)
async def ask_again(context: HandlerContext, claim: Claim, item: AskAgainClicked) -> float | None:
    """Ask for the same, as it is now."""
    return await context.submissions.submit_from(claim, item, item.request_id, repeated_draft)


@router.action(RESTORE)
async def clicked(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Ask why; store the click where it leads to nothing, so that its person hears why."""
    click = RestoreClicked(**payloads.clicked(body))

    def form(request: Request) -> Block | None:
        return restore_form(request) if can_roll_back(request) else None

    await open_or_keep(context, ack, body, click, form)


@router.view(RESTORE_FORM)
async def submitted(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store it with its reason."""
    reason = payloads.typed(body, REASON_BLOCK, REASON_ACTION)
    item = RestoreSubmitted(**payloads.from_metadata(body), reason=plain(reason)[:REASON_LIMIT])
    wrong = {} if item.reason else {REASON_BLOCK: SAY_WHY}
    await context.keep_form(ack, body, item, wrong, REASON_BLOCK)


@router.handles(RestoreClicked)
async def click(context: HandlerContext, claim: Claim, item: RestoreClicked) -> float | None:
    """Do what the command does."""
    return await restore(context, claim, item, Restore(request_id=item.request_id))


@router.handles(RestoreSubmitted)
async def submit(context: HandlerContext, claim: Claim, item: RestoreSubmitted) -> float | None:
    """The same, with a reason."""
    wanted = Restore(request_id=item.request_id, reason=item.reason)
    return await restore(context, claim, item, wanted)


async def restore(
    context: HandlerContext,
    claim: Claim,
    item: InboxItem,
    wanted: Restore,
    confirmed: Confirmed | None = None,
) -> float | None:
    """Ask for a request to be taken back, as `wanted` by a click or a command."""

    def draft(request: Request) -> Draft:
        drafted = rollback_draft(request, reason=wanted.reason)
        return replace(drafted, break_glass=wanted.break_glass)

    target = wanted.request_id
    return await context.submissions.submit_from(claim, item, target, draft, confirmed)
