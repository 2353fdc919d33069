"""Decisions: the buttons of a card that decide, and the modals of those that ask for more.

A click is recorded by `bot.approval`, and answered where the card does not say all.
"""

from typing import ClassVar

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command.text import plain
from bot.errors import StoreError, Unreadable, UserError
from bot.models import Request, RequestState, Verdict
from bot.policy import same_block
from bot.slack import payloads
from bot.slack.budget import Priority
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import APPROVE, CANCEL, REJECT
from bot.slack.messages.decision_forms import (
    APPROVE_FORM,
    NOT_TYPED,
    REASON_ACTION,
    REASON_BLOCK,
    REASON_LIMIT,
    REJECT_FORM,
    SAY_WHY,
    TYPED_ACTION,
    TYPED_BLOCK,
    approve_form,
    reject_form,
)
from bot.slack.messages.first_line import first_line
from bot.slack.messages.mrkdwn import Block
from bot.slack.messages.replies import done, late
from bot.slack.modals import known_request, open_or_keep, surely_refused
from bot.slack.payload import Body
from bot.slack.payloads import REQUEST_ID, InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

log = structlog.get_logger(__name__)

router = Router()

NO_REQUEST = "This does not name a request. Please ask again."
_UNREADABLE = (
    "Request `{}` can't be read by this version of the bot. Nothing was recorded; "
    "the bot's operator has to look at it."
)


class DecisionClicked(InboxItem, frozen=True, tag="click"):
    """A button that decides; `request_id` is its value, whatever it claims to be.

    `typed` is what was typed to confirm, in the form that stands in for a button's dialog.
    """

    priority: ClassVar[Priority] = Priority.DECISION

    verdict: Verdict = Verdict.APPROVED
    request_id: str = ""
    typed: str = ""


class RejectionSubmitted(InboxItem, frozen=True, tag="reject"):
    """The form that asks for a reason, sent in."""

    priority: ClassVar[Priority] = Priority.DECISION

    request_id: str = ""
    reason: str = ""


# --- listened to -------------------------------------------------------------------------


@router.action(APPROVE)
async def approve(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click; or ask the approver to type something, where the policy says so."""
    click = _clicked(body, Verdict.APPROVED)

    def form(request: Request) -> Block | None:
        asked = request.state is RequestState.PENDING and request.terms.typed
        refused = surely_refused(request, click.user, Verdict.APPROVED)
        return approve_form(request) if asked and not refused else None

    await open_or_keep(context, ack, body, click, form)


@router.action(CANCEL)
async def cancel(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click."""
    await context.keep(ack, body, _clicked(body, Verdict.CANCELLED))


@router.action(REJECT)
async def reject(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Show what would be rejected and ask for the reason."""
    click = _clicked(body, Verdict.REJECTED)

    def form(request: Request) -> Block | None:
        pending = request.state is RequestState.PENDING
        refused = surely_refused(request, click.user, Verdict.REJECTED)
        return reject_form(request) if pending and not refused else None

    await open_or_keep(context, ack, body, click, form)


@router.view(APPROVE_FORM)
async def approval_submitted(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the approval, if what is typed is right."""
    click = DecisionClicked(
        **payloads.from_metadata(body),
        verdict=Verdict.APPROVED,
        typed=payloads.typed(body, TYPED_BLOCK, TYPED_ACTION).strip()[:100],
    )
    try:
        request = await known_request(context, click.request_id)
    except (StoreError, TimeoutError):
        request = None
    wanted = request.terms.typed if request and request.state is RequestState.PENDING else ""
    right = not wanted or same_block(click.typed, wanted)
    wrong = {} if right else {TYPED_BLOCK: NOT_TYPED.format(wanted)}
    await context.keep_form(ack, body, click, wrong, TYPED_BLOCK)


@router.view(REJECT_FORM)
async def rejection_submitted(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the rejection with its reason."""
    reason = payloads.typed(body, REASON_BLOCK, REASON_ACTION)
    submitted = RejectionSubmitted(
        **payloads.from_metadata(body), reason=plain(reason)[:REASON_LIMIT]
    )
    wrong = {} if submitted.reason else {REASON_BLOCK: SAY_WHY}
    await context.keep_form(ack, body, submitted, wrong, REASON_BLOCK)


def _clicked(body: Body, verdict: Verdict) -> DecisionClicked:
    return DecisionClicked(**payloads.clicked(body), verdict=verdict)


# --- handled -----------------------------------------------------------------------------


@router.handles(DecisionClicked)
async def click_decides(context: HandlerContext, claim: Claim, item: DecisionClicked) -> None:
    """Record what was clicked."""
    await decide(context, claim, item, item.request_id, item.verdict, typed=item.typed)


@router.handles(RejectionSubmitted)
async def form_rejects(context: HandlerContext, claim: Claim, item: RejectionSubmitted) -> None:
    """Record the rejection."""
    await decide(context, claim, item, item.request_id, Verdict.REJECTED, item.reason)


async def decide(  # noqa: PLR0913, PLR0917 - what was clicked, and what was said with it
    context: HandlerContext,
    claim: Claim,
    item: InboxItem,
    target: str,
    verdict: Verdict,
    reason: str = "",
    typed: str = "",
) -> None:
    """Record a verdict, or say why not."""
    if not REQUEST_ID.fullmatch(target):
        await context.responder.tell(item, NO_REQUEST)
        return
    try:
        if verdict is Verdict.COUNTERSIGNED:
            result = await context.approval.countersign(
                target, item.user, reason, delivery=claim.id, said_at=item.said_at
            )
        else:
            result = await context.approval.decide(
                target,
                item.user,
                verdict,
                reason,
                typed=typed,
                delivery=claim.id,
                said_at=item.said_at,
            )
    except Unreadable:
        await tell_unreadable(context, item, target)
        return
    except UserError as error:
        await _explain(context, item, target, error)
        return
    text = done(result.request) if result.decided else late(result.request, item.user)
    if text:
        await context.responder.tell(item, text, channel=result.request.channel)


async def tell_unreadable(context: HandlerContext, item: InboxItem, target: str) -> None:
    """Say that another version wrote the request, and that nothing came of the click."""
    log.error("record_unreadable", request=target)
    await context.responder.tell(item, _UNREADABLE.format(target))


async def _explain(context: HandlerContext, item: InboxItem, target: str, error: UserError) -> None:
    """Say why nothing was recorded, and of which request: there may be several on the screen."""
    try:
        stored = await context.store.requests.get(target)
    except StoreError:
        stored = None
    about = first_line(stored.request) if stored is not None else ""
    channel = stored.request.channel if stored is not None else ""
    await context.responder.explain(item, error, about=about, channel=channel)
