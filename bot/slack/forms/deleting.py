"""The form for a deletion: opened, clicked in, sent in.

Clicks are acknowledged at once; what they lead to is looked up afterwards, and the form edited.
Searches are answered in time, with something to go on with whatever the cloud does.
"""

import asyncio
from collections.abc import Mapping

import structlog
from msgspec.structs import replace
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command import DeleteForm, help_text
from bot.command.values import connection_id, region_id
from bot.errors import (
    AlibabaError,
    Refused,
    SlackError,
    SlackRejected,
    StoreError,
    Unclear,
    UserError,
)
from bot.execution.finding import Wanted
from bot.slack import payloads
from bot.slack.forms import fields
from bot.slack.forms.checks import Faults, draft_of
from bot.slack.forms.fields import DeleteFormSubmitted, Form, sound
from bot.slack.forms.lookup import ConnectionRoutes, Unavailable
from bot.slack.forms.view import (
    connection_options,
    delete_form,
    lookup_form,
    region_options,
    route_options,
)
from bot.slack.listeners import NO_FORM, ListenerContext
from bot.slack.messages.buttons import NEW
from bot.slack.messages.mrkdwn import Block
from bot.slack.messages.replies import problem
from bot.slack.payload import Body, items, part, word
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.slack.unknown import Acknowledge, spoken
from bot.store import Claim

log = structlog.get_logger(__name__)

router = Router()

ACCESS_SECONDS = 1.0
"""How long the opening of a form waits to learn who opens it; Slack waits 3 seconds in all."""

NO_CHANNEL = "In which channel? The approvers see the card there."
NO_CHOICE = "None of its routes can be chosen yet: wait a moment, or choose or type another."


@router.action(NEW)
@router.shortcut(fields.SHORTCUT)
async def new(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Open an empty form; where that was not possible, its person hears why."""
    # It is not about the channel in which a button or a shortcut happens to be clicked.
    nobody = InboxItem(user=payloads.who(body)["user"])
    say = spoken(context, ack, body)
    await open_delete_form(context, body, nobody, DeleteForm(), say, NO_FORM)


async def open_delete_form(  # noqa: PLR0913, PLR0917 - what was delivered, and how to answer
    context: ListenerContext,
    body: Body,
    asked: InboxItem,
    wanted: DeleteForm,
    acknowledge: Acknowledge,
    otherwise: str = "",
) -> None:
    """Open a form for whoever `asked`, filled in as far as they said what they want.

    Where it can't be opened they hear why, or `otherwise` how to do without it.
    """
    if why := await may_not_look(context, asked.user):
        await acknowledge(why if why != NO_FORM else otherwise or help_text("delete"))
        return
    form = new_form(context, asked.channel, wanted)
    word_ = wanted.vpn_connection_id or wanted.connection_name
    first = lookup_form(form, f"Looking for `{word_}` …") if word_ else delete_form(form)
    opened = await context.open_form(body, first)
    if opened is None:
        await acknowledge(otherwise or help_text("delete"))
        return
    await acknowledge()
    if word_:
        await context.fill_form(opened, await _filled(context, form, wanted))


async def may_not_look(context: ListenerContext, user: str) -> str:
    """Why no form is opened for `user`, within what is left of the three seconds; else empty."""
    try:
        await asyncio.wait_for(context.access.check(user), ACCESS_SECONDS)
    except Refused as error:
        return problem(error)
    except (SlackError, TimeoutError) as error:
        log.warning("form_not_opened", error=str(error) or "time-out")
        return NO_FORM
    return ""


def new_form(context: ListenerContext, channel: str, wanted: DeleteForm) -> Form:
    """A form as it is opened, by a command in `channel` or without one; pure."""
    public = channel.startswith(("C", "G"))
    return Form(
        channel=channel if public else "",
        asking=not context.channel and not public,
        region=wanted.region or context.region or "",
        connection=wanted.vpn_connection_id,
        reason=wanted.reason,
    )


async def _filled(context: ListenerContext, form: Form, wanted: DeleteForm) -> Block:
    """The form with the routes of the connection that is meant, or with those that may be."""
    try:
        if not form.connection:
            named = Wanted(name=wanted.connection_name, region=wanted.region or "")
            found = await context.finder.connection(named, fields.connection_value)
            form = replace(form, region=found.region, connection=found.vpn_connection_id)
        seen = await _read(context, form)
        if isinstance(seen, Unavailable) and seen.missing:
            meant = Wanted(vpn_connection_id=form.connection, region=form.region)
            raise await context.finder.missing(meant, fields.connection_value)
    except Unclear as error:
        return lookup_form(replace(form, connection=""), error.problem, error)
    except (UserError, AlibabaError, StoreError) as error:
        log.info("form_not_filled", error=str(error))
        return delete_form(fields.typing(form), why=Unavailable.of(error).why)
    return _shown(context, form, seen)


# --- searches ----------------------------------------------------------------------------


@router.options(fields.PICK_REGION)
async def regions(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Offer the regions that match."""
    found = await context.lookup.regions()
    await ack(options=region_options(found, word(body, "value")))


@router.options(fields.PICK_CONNECTION)
async def connections(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Offer the connections that match."""
    region, *_ = *fields.about(body), ""
    found = await context.lookup.connections(region)
    await ack(options=connection_options(found, word(body, "value")))


@router.options(fields.PICK_ROUTES)
async def routes(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Offer the routes that match."""
    region, connection, *_ = *fields.about(body), "", ""
    found = await context.lookup.routes(region, connection)
    await ack(options=route_options(found, word(body, "value")))


# --- clicks ------------------------------------------------------------------------------


@router.action(fields.PICK_REGION, fields.PICK_CONNECTION, fields.PICK_ROUTES)
async def changed(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Show what follows from a choice."""
    await ack()
    await _show(context, body, fields.read(body))


@router.action(fields.TYPE_INSTEAD)
async def type_instead(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Let them type what they could not choose."""
    await ack()
    await _show(context, body, fields.typing(fields.read(body)))


@router.action(fields.TAKE_CONNECTION)
async def take(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Go on with one of the connections that were offered."""
    await ack()
    region, connection = fields.taken(body)
    form = replace(fields.read(body), region=region, connection=connection)
    await _show(context, body, form)


@router.action(fields.LOOK_INSTEAD)
async def look_instead(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Let them choose again."""
    await ack()
    typed = fields.read(body)
    region = sound(region_id, typed.region) or context.region or ""
    connection = sound(connection_id, typed.connection)
    await _show(context, body, replace(typed, typing=False, region=region, connection=connection))


async def _show(context: ListenerContext, body: Body, form: Form) -> None:
    view, at = part(body, "view"), fields.clicked_at(body)
    await _newest(context, view, at)
    await _update(context, view, _shown(context, form, await _read(context, form)), at)


def _shown(
    context: ListenerContext, form: Form, seen: ConnectionRoutes | Unavailable | None
) -> Block:
    """The form with what was read for it; to be typed where nothing could be."""
    if isinstance(seen, Unavailable):
        return delete_form(fields.typing(form), why=seen.why)
    return delete_form(form, seen, policy=context.policy.policy, channel=context.channel)


async def _read(context: ListenerContext, form: Form) -> ConnectionRoutes | Unavailable | None:
    if form.typing or not (form.region and form.connection):
        return None
    return await context.lookup.routes(form.region, form.connection)


async def _newest(context: ListenerContext, view: Body, at: float) -> bool | None:
    """Whether no click came after the one `at` that time; None where nobody can say."""
    try:
        return await context.store.clicks.newest(word(view, "id"), at)
    except StoreError as error:
        log.warning("click_order_unknown", error=str(error))
        return None


async def _update(context: ListenerContext, view: Body, shown: Block, at: float) -> None:
    """Edit the form, unless another click came after this one: that one's edit is right."""
    for version in (word(view, "hash"), ""):
        newest = await _newest(context, view, at)
        if newest is False or (newest is None and not version):
            return
        try:
            await context.slack.update_view(word(view, "id"), shown, version)
        except SlackError as error:
            log.info("form_not_updated", error=str(error))
            # Where an earlier click's edit came in between, this one is the newer.
            if not (isinstance(error, SlackRejected) and error.code == "hash_conflict"):
                return
        else:
            return


# --- sent in -----------------------------------------------------------------------------


@router.view(fields.CALLBACK)
async def sent(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store the form, if it is right."""
    form, given = fields.read(body), fields.sent(body)
    errors: dict[str, str] = {}
    if form.asking and not form.channel:
        errors[fields.CHANNEL] = NO_CHANNEL
    try:
        draft_of(given)
    except Faults as faults:
        errors |= faults.fields
    wrong = _placed(body, errors) if errors else {}
    await context.keep_form(ack, body, given, wrong, fields.REASON)


def _placed(body: Body, errors: Mapping[str, str]) -> dict[str, str]:
    """Each error below its field as the form has it now.

    Where no routes are shown, what is wrong with them stands below the connection.
    """
    blocks = [word(block, "block_id") for block in items(part(body, "view"), "blocks")]
    shown = {one.partition("|")[0].removeprefix("typed_"): one for one in blocks}
    if fields.ROUTES not in shown and fields.ROUTES in errors:
        errors = {fields.CONNECTION: NO_CHOICE, **errors}
    placed = {shown[name]: said for name, said in errors.items() if name in shown}
    # Where none of them is shown yet, below the one that always is.
    return placed or {fields.REASON: next(iter(errors.values()))[:150]}


@router.handles(DeleteFormSubmitted)
async def submit(context: HandlerContext, claim: Claim, item: DeleteFormSubmitted) -> float | None:
    """Ask for what the form says."""
    try:
        draft = draft_of(item)
    except UserError as error:
        await context.responder.explain(item, error)
        return None
    return await context.submissions.submit(claim, item, draft)
