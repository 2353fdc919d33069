"""A click that asks for more: its modal is opened, or it is stored as it is.

A modal is for whoever may go on with it, as far as that is known within Slack's three seconds. For
all others the click is stored: whoever handles it says why it leads to nothing, where the person is
looking, and refusals are audited there.
"""

import asyncio
from collections.abc import Callable

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import Refused, SlackError, StoreError, Unreadable
from bot.models import Members, Request, Verdict
from bot.policy import authorize_on_record
from bot.slack import payloads
from bot.slack.listeners import NO_FORM, NOT_STORED, STORE_SECONDS, ListenerContext, not_stored
from bot.slack.messages.mrkdwn import Block
from bot.slack.payload import Body
from bot.slack.payloads import REQUEST_ID, InboxItem

log = structlog.get_logger(__name__)

ACCESS_SECONDS = 0.8
"""How long the opening of a modal waits to learn who opens it: with the store's second, and the
one that Slack has to open it, less than the 3 seconds that Slack waits in all."""

Form = Callable[[Request], Block | None]
"""The modal for a request as it is now; None where there is nothing to ask."""


async def open_or_keep(
    context: ListenerContext, ack: AsyncAck, body: Body, click: InboxItem, form: Form
) -> None:
    """Open the modal of a click on a request, or store the click."""
    target = payloads.value(body, 100)
    try:
        request = await known_request(context, target)
    except (StoreError, TimeoutError) as error:
        # Nor could it be stored; and of the three seconds there is only one left.
        not_stored(click, error)
        if await context.reply(click.response_url, NOT_STORED):
            await ack()
        return
    asked = form(request) if request is not None else None
    if asked is None or await may_look(context, click.user) is False:
        await context.keep(ack, body, click)
        return
    shown = payloads.opened_by(asked, click)
    if await context.open_form(body, shown) or await context.reply(click.response_url, NO_FORM):
        await ack()


async def known_request(context: ListenerContext, request_id: str) -> Request | None:
    """A request; None where there is none that this version can read.

    Raises:
        StoreError, TimeoutError: it could not be found out.
    """
    if not REQUEST_ID.fullmatch(request_id):
        return None
    try:
        stored = await asyncio.wait_for(context.store.requests.get(request_id), STORE_SECONDS)
    except Unreadable:
        return None
    return stored.request if stored is not None else None


async def may_look(context: ListenerContext, user: str) -> bool | None:
    """Whether `user` is somebody who may look; None where Slack does not say in time."""
    try:
        await asyncio.wait_for(context.access.check(user), ACCESS_SECONDS)
    except Refused:
        return False
    except (SlackError, TimeoutError) as error:
        log.info("person_not_known_in_time", error=str(error) or "time-out")
        return None
    return True


def surely_refused(request: Request, user: str, verdict: Verdict) -> bool:
    """Whether the record alone refuses this verdict, whatever Slack says of people and groups."""
    terms = request.terms
    members: Members | None = None if terms.approvers.groups else {}
    try:
        authorize_on_record(request, user, verdict, terms=terms, members=members)
    except Refused:
        return True
    return False
