"""Check now: have what is unconfirmed read at once, and not when its turn comes."""

from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import Unreadable, UserError
from bot.models import Request, RequestState
from bot.policy import check_age
from bot.slack import payloads
from bot.slack.decisions import NO_REQUEST, tell_unreadable
from bot.slack.listeners import ListenerContext
from bot.slack.messages.buttons import CHECK
from bot.slack.messages.unconfirmed import checked_lately, checking, nothing_to_check
from bot.slack.payload import Body
from bot.slack.payloads import REQUEST_ID, InboxItem
from bot.slack.router import HandlerContext, Router
from bot.store import Claim

router = Router()

APART_SECONDS = 10.0
"""A connection that was read so short a time ago is not read again, however many people press."""


class CheckClicked(InboxItem, frozen=True, tag="check"):
    """The button that has an unconfirmed change read again."""

    request_id: str = ""


@router.action(CHECK)
async def clicked(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the click."""
    await context.keep(ack, body, CheckClicked(**payloads.clicked(body)))


@router.handles(CheckClicked)
async def check(context: HandlerContext, claim: Claim, item: CheckClicked) -> None:
    """Make its next reading due; the card tells what was seen."""
    if not REQUEST_ID.fullmatch(item.request_id):
        await context.responder.tell(item, NO_REQUEST)
        return
    try:
        check_age(item.said_at, claim.now)
        await context.access.check(item.user)
        stored = await context.store.requests.get(item.request_id)
    except Unreadable:
        await tell_unreadable(context, item, item.request_id)
        return
    except UserError as error:
        await context.responder.explain(item, error)
        return
    request = stored.request if stored else None
    await context.responder.tell(item, await _answer(context, claim, request))


async def _answer(context: HandlerContext, claim: Claim, request: Request | None) -> str:
    if request is None or request.state is not RequestState.UNCONFIRMED:
        return nothing_to_check(request)
    seen_at = max(route.watch.at for route in request.routes)
    if 0 <= claim.now - seen_at < APART_SECONDS:
        return checked_lately(request)
    await context.store.work.wake(f"run:{request.id}")
    return checking(request)
