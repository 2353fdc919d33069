"""`/vco-route`: what each command does and is answered with.

Commands were parsed once for the acknowledgement and are parsed again here: one may be handled
by another process, or twice.
"""

import re

import structlog
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command import (
    MAX_TEXT,
    Cancel,
    Command,
    Delete,
    DeleteForm,
    Help,
    History,
    ListRoutes,
    Restore,
    Status,
    help_text,
    parse,
)
from bot.command.commands import spelled
from bot.errors import AlibabaError, CommandError, NoSuchConnection, Unreadable, UserError
from bot.execution.finding import Wanted
from bot.history import is_request
from bot.models import Connection
from bot.policy import check_age
from bot.preview.resolve import obstacle
from bot.slack import payloads
from bot.slack.ended import restore
from bot.slack.forms.break_glass import breaks_glass, open_glass_form
from bot.slack.forms.deleting import open_delete_form
from bot.slack.listeners import NOT_STORED, ListenerContext
from bot.slack.lookups import read_history, read_request, read_shown
from bot.slack.messages import listing, replies
from bot.slack.messages.buttons import CHOOSE
from bot.slack.messages.history import history
from bot.slack.messages.receipt import receipt
from bot.slack.messages.replies import choices, looking, problem
from bot.slack.payload import Body, word
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.slack.stop import cancel
from bot.slack.unknown import Acknowledge, spoken
from bot.store import Claim

log = structlog.get_logger(__name__)

router = Router()

COMMAND = "/vco-route"


class CommandGiven(InboxItem, frozen=True, tag="command"):
    """`/vco-route` and its text."""

    text: str = ""


@router.command(COMMAND)
async def command(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Answer what needs no look-up at once, open a form, or store the command."""
    given = CommandGiven(
        user=word(body, "user_id"),
        channel=word(body, "channel_id"),
        response_url=word(body, "response_url"),
        text=word(body, "text"),
    )
    try:
        typed = parse(given.text, default_region=context.region)
    except CommandError as error:
        await ack(problem(error), choices(error) or None)
        return
    if await _answered(context, body, given, typed, ack):
        return
    # What comes later is said once, when it comes: nothing replaces an acknowledgement.
    if await context.put(body, given, looking(typed)):
        await ack()
    else:
        await ack(NOT_STORED)


@router.action(re.compile(f"^{CHOOSE}_"))
async def chosen(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """A command that was offered: it is read and checked as if the person had typed it."""
    given = CommandGiven(**payloads.who(body), text=payloads.value(body, MAX_TEXT))
    try:
        typed = parse(given.text, default_region=context.region)
    except CommandError:
        typed = None  # whoever handles it says what is wrong
    say = spoken(context, ack, body)
    if typed is None or not await _answered(context, body, given, typed, say):
        await context.keep(ack, body, given)


async def _answered(
    context: ListenerContext, body: Body, given: CommandGiven, typed: Command, say: Acknowledge
) -> bool:
    """Answer what needs no look-up, or open a form; False: it is to be stored."""
    match typed:
        case DeleteForm():
            await open_delete_form(context, body, given, typed, say)
        case Help(topic=topic):
            await say(help_text(topic))
        case Delete() | Restore() if breaks_glass(typed):
            return await open_glass_form(context, body, given, typed, say)
        case _:
            return False
    return True


@router.handles(CommandGiven)
async def run(context: HandlerContext, claim: Claim, given: CommandGiven) -> float | None:
    """Do what was typed; returns when to look again."""
    try:
        match parse(given.text, default_region=context.default_region):
            case Delete(draft=draft):
                return await context.submissions.submit(claim, given, draft)
            case Restore() as wanted:
                return await restore(context, claim, given, wanted)
            case Cancel(request_id=target):
                return await cancel(context, claim, given, target)
            case wanted:
                check_age(given.said_at, claim.now)
                await context.access.check(given.user)
                await _show(context, given, wanted)
    except (UserError, AlibabaError) as error:
        await context.responder.explain(given, error)
    return None


async def _show(context: HandlerContext, given: CommandGiven, command: Command) -> None:
    match command:
        case ListRoutes():
            await _list(context, given, command)
        case Status(request_id=target):
            await _status(context, given, target)
        case History(about=about):
            await _history(context, given, about)
        case _:
            log.warning("command_not_handled")


async def _list(context: HandlerContext, given: CommandGiven, wanted: ListRoutes) -> None:
    connection = await _connection(context, wanted)
    region, connection_id = connection.region, connection.vpn_connection_id
    if why := obstacle(connection):
        await context.responder.tell(given, listing.no_routes(connection, why))
        return
    listed = await context.cloud.routes(region, connection_id)
    await context.responder.tell(given, *listing.routes(connection, listed))


async def _connection(context: HandlerContext, wanted: ListRoutes) -> Connection:
    """The connection that is meant, as it is now."""
    name, region, given_id = wanted.connection_name, wanted.region, wanted.vpn_connection_id

    def command(one: Connection) -> str:
        listing = ListRoutes(vpn_connection_id=one.vpn_connection_id, region=one.region)
        return spelled(listing, context.default_region)

    if not given_id:
        found = await context.finder.connection(Wanted(name=name, region=region), command)
        region, given_id = found.region, found.vpn_connection_id
    try:
        return await context.cloud.connection(region, given_id)
    except NoSuchConnection:
        meant = Wanted(vpn_connection_id=given_id, region=region)
        raise await context.finder.missing(meant, command) from None


async def _status(context: HandlerContext, given: CommandGiven, target: str | None) -> None:
    if target:
        await _receipt(context, given, target)
        return
    rows, unreadable = await read_shown(context.store, await context.store.requests.open_ids())
    await context.responder.tell(given, replies.status(rows, unreadable))


async def _receipt(context: HandlerContext, given: CommandGiven, target: str) -> None:
    try:
        found = await read_request(context.store, target)
    except Unreadable:
        log.error("record_unreadable", request=target)  # noqa: TRY400 - it says enough
        await context.responder.tell(given, replies.status([], [target]))
        return
    if found is None:
        raise _not_known(target)
    await context.responder.tell(given, *receipt(*found))


async def _history(context: HandlerContext, given: CommandGiven, about: str | None) -> None:
    found_history = await read_history(context.store, about)
    if is_request(about) and not found_history.rows and not found_history.unreadable:
        raise _not_known(about)
    await context.responder.tell(given, *history(found_history, about))


def _not_known(target: str) -> UserError:
    return UserError(f"Request {target} is not known.", "See what is in flight: /vco-route status")
