"""Stop: the button for what is approved and has not begun; the command `cancel` does the same."""

from typing import ClassVar

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import Unreadable, UserError
from bot.models import RequestState, Verdict
from bot.slack import payloads
from bot.slack.budget import Priority
from bot.slack.decisions import NO_REQUEST, decide, tell_unreadable
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import STOP
from bot.slack.messages.stops import answer_awaited, not_stopped, stopped
from bot.slack.payload import Body
from bot.slack.payloads import REQUEST_ID, InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

router = Router()

_ANSWER_SECONDS = 10.0
"""How long a stop waits for the answer to a send that is on its way: most are there in a second."""

_PAUSE = 0.5
"""Seconds between looks whether it has come."""


class StopClicked(InboxItem, frozen=True, tag="stop"):
    """The button that stops what has not begun."""

    priority: ClassVar[Priority] = Priority.DECISION

    request_id: str = ""


@router.action(STOP)
async def clicked(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click."""
    await context.keep(ack, body, StopClicked(**payloads.clicked(body)))


@router.handles(StopClicked)
async def click(context: HandlerContext, claim: Claim, item: StopClicked) -> float | None:
    """Stop it, or say why that can't be."""
    return await stop(context, claim, item, item.request_id)


async def cancel(
    context: HandlerContext, claim: Claim, item: InboxItem, target: str
) -> float | None:
    """Withdraw a request that waits for an approval; stop one that has it and has not begun."""
    if await _approved(context, target):
        return await stop(context, claim, item, target)
    await decide(context, claim, item, target, Verdict.CANCELLED)
    return None


async def stop(context: HandlerContext, claim: Claim, item: InboxItem, target: str) -> float | None:
    """Stop a request, or say why not; returns when to look again where a send decides that."""
    if not REQUEST_ID.fullmatch(target):
        await context.responder.tell(item, NO_REQUEST)
        return None
    try:
        result = await context.approval.stop(
            target, item.user, delivery=claim.id, said_at=item.said_at
        )
    except Unreadable:
        await tell_unreadable(context, item, target)
        return None
    except UserError as error:
        await context.responder.explain(item, error)
        return None
    request = result.request
    if answer_awaited(request) and claim.now < item.said_at + _ANSWER_SECONDS:
        return claim.now + _PAUSE
    text = stopped(request) if result.decided else not_stopped(request, item.user)
    await context.responder.tell(item, text, channel=request.channel)
    return None


async def _approved(context: HandlerContext, target: str) -> bool:
    """Whether it has its approval; False where this version can't read it: `decide` says so."""
    if not REQUEST_ID.fullmatch(target):
        return False
    try:
        stored = await context.store.requests.get(target)
    except Unreadable:
        return False
    under_way = (RequestState.APPROVED, RequestState.EXECUTING)
    return stored is not None and stored.request.state in under_way
