"""Break-glass is confirmed: a command with `--break-glass` opens a form that shows what it does.

The form opens within Slack's three seconds; what it shows is read afterwards. What is sent in is
read and checked anew: the policy, what was typed, and that the routes are still those shown.
"""

from typing import ClassVar, NamedTuple

import structlog
from msgspec.structs import replace
from slack_bolt.context.ack.async_ack import AsyncAck

from bot import lifecycle
from bot.approval.submit import Confirmed, command_for
from bot.command import Delete, Restore, parse
from bot.command.text import plain
from bot.errors import AlibabaError, Refused, StoreError, UserError
from bot.execution.finding import Wanted, command_of
from bot.models import Draft, Request
from bot.policy import (
    Matter,
    authorize_break_glass,
    rule_for,
    same_block,
    says_something,
    terms_for,
)
from bot.policy.rules import Rule
from bot.preview.rollback import rollback_draft
from bot.preview.snapshot import snapshot
from bot.slack import payloads
from bot.slack.budget import Priority
from bot.slack.ended import restore
from bot.slack.forms import glass_view
from bot.slack.forms.lookup import TOO_SLOW, ConnectionRoutes
from bot.slack.listeners import NOT_STORED, ListenerContext
from bot.slack.messages.decision_forms import (
    NOT_TYPED,
    REASON_ACTION,
    REASON_BLOCK,
    REASON_LIMIT,
    TYPED_ACTION,
    TYPED_BLOCK,
)
from bot.slack.messages.mrkdwn import Block
from bot.slack.messages.replies import problem
from bot.slack.modals import known_request, may_look
from bot.slack.payload import Body, part, word
from bot.slack.payloads import InboxItem
from bot.slack.router import HandlerContext, Router
from bot.slack.unknown import Acknowledge
from bot.store import Claim

log = structlog.get_logger(__name__)

router = Router()

TRIES = 4
"""How often a slow cloud is waited for, each time as long as a form waits."""

NEEDS_REASON = "Break-glass needs a reason."


class GlassConfirmed(InboxItem, frozen=True, tag="glass"):
    """The form, sent in: the command, why, what was typed, and what had been shown."""

    priority: ClassVar[Priority] = Priority.DECISION

    command: str = ""
    reason: str = ""
    typed: str = ""
    seen: str = ""


def breaks_glass(typed: object) -> bool:
    """Whether a command asks for what its form has to be opened for."""
    match typed:
        case Delete(draft=draft):
            return draft.break_glass
        case Restore(break_glass=broken):
            return broken
    return False


async def open_glass_form(
    context: ListenerContext,
    body: Body,
    given: InboxItem,
    wanted: Delete | Restore,
    acknowledge: Acknowledge,
) -> bool:
    """Open the form for `wanted`; False where it is to be stored as it is instead.

    That is so where it would be refused anyway: then the refusal is said and audited. And where
    Slack is slow: then its person is offered the form with a button.
    """
    if await may_look(context, given.user) is not True:
        return False
    if isinstance(wanted, Delete) and _surely_refused(context, given, wanted.draft):
        return False
    opened = await context.open_form(body, glass_view.looking_form(_word(wanted)))
    if opened is None:
        return False
    await acknowledge()
    shown = await _shown(context, given, wanted)
    await context.fill_form(opened, shown.view)
    if shown.refused:
        # So that it is audited, as any other refusal is.
        await context.put(body, given)
    return True


class _Shown(NamedTuple):
    """The form as it is filled in; `refused`: the policy does not allow it."""

    view: Block
    refused: bool = False


async def _shown(context: ListenerContext, given: InboxItem, wanted: Delete | Restore) -> _Shown:
    try:
        channel = context.channel or given.channel
        draft = await _draft(context, wanted)
        seen = await _read(context, draft)
        request = _request(context, draft, seen, given.user, channel)
    except Refused as refusal:
        return _Shown(glass_view.failed_form(problem(refusal)), refused=True)
    except (UserError, AlibabaError) as error:
        return _Shown(glass_view.failed_form(problem(error)))
    except (StoreError, TimeoutError) as error:
        log.info("form_not_filled", error=str(error) or "time-out")
        return _Shown(glass_view.failed_form(NOT_STORED))
    return _Shown(glass_view.confirm_form(request, command_for(draft)))


async def _draft(context: ListenerContext, wanted: Delete | Restore) -> Draft:
    """What is asked for, with its connection found."""
    if isinstance(wanted, Delete):
        return await context.finder.draft(wanted.draft)
    request = await known_request(context, wanted.request_id)
    if request is None:
        raise UserError(f"Request {wanted.request_id} is not known.")
    return replace(rollback_draft(request, reason=wanted.reason), break_glass=True)


async def _read(context: ListenerContext, draft: Draft) -> ConnectionRoutes:
    why = TOO_SLOW
    for number in range(TRIES):
        seen = await context.lookup.routes(draft.region, draft.vpn_connection_id, fresh=number == 0)
        if isinstance(seen, ConnectionRoutes):
            return seen
        if seen.missing and not draft.exact:
            meant = Wanted(vpn_connection_id=draft.vpn_connection_id, region=draft.region)
            raise await context.finder.missing(meant, command_of(draft))
        why = seen.why
        if why != TOO_SLOW:
            break
    raise UserError(why, "Try again in a moment.")


def _request(
    context: ListenerContext, draft: Draft, seen: ConnectionRoutes, user: str, channel: str
) -> Request:
    """The request as it would be asked for, not going ahead yet."""
    shown = snapshot(draft, seen.connection, seen.listed, at=0.0)
    rule = _rule(context, draft, channel)
    authorize_break_glass(user, rule, None)
    blocks = [target.route.network for target in shown.targets]
    terms = terms_for(context.policy.policy, rule, blocks, draft.operation)
    asked = replace(draft, break_glass=False)
    return lifecycle.new_request(
        id="", draft=asked, snapshot=shown, requester=user, channel=channel, at=0.0, terms=terms
    )


def _surely_refused(context: ListenerContext, given: InboxItem, draft: Draft) -> bool:
    """Whether the policy refuses it, whatever Slack says of groups; no name is looked up for it."""
    if not draft.vpn_connection_id:
        return False
    try:
        rule = _rule(context, draft, context.channel or given.channel)
        authorize_break_glass(given.user, rule, None)
    except Refused:
        return True
    return False


def _rule(context: ListenerContext, draft: Draft, channel: str) -> Rule:
    matter = Matter(region=draft.region, vpn_connection_id=draft.vpn_connection_id, channel=channel)
    return rule_for(context.policy.policy, matter)


def _word(wanted: Delete | Restore) -> str:
    if isinstance(wanted, Restore):
        return wanted.request_id
    return wanted.draft.vpn_connection_id or wanted.draft.connection_name


@router.view(glass_view.CALLBACK)
async def sent(context: ListenerContext, ack: AsyncAck, body: Body) -> None:
    """Store it, if it says why, and what is typed is right."""
    carried = glass_view.kept(word(part(body, "view"), "private_metadata"))
    item = GlassConfirmed(
        user=word(part(body, "user"), "id"),
        channel=carried.channel,
        command=carried.command,
        seen=carried.seen,
        reason=plain(payloads.typed(body, REASON_BLOCK, REASON_ACTION))[:REASON_LIMIT],
        typed=payloads.typed(body, TYPED_BLOCK, TYPED_ACTION).strip()[:100],
    )
    errors: dict[str, str] = {}
    if not says_something(item.reason):
        errors[REASON_BLOCK] = NEEDS_REASON
    if carried.typed and not same_block(item.typed, carried.typed):
        errors[TYPED_BLOCK] = NOT_TYPED.format(carried.typed)
    await context.keep_form(ack, body, item, errors, REASON_BLOCK)


@router.handles(GlassConfirmed)
async def go_ahead(context: HandlerContext, claim: Claim, item: GlassConfirmed) -> float | None:
    """Ask for it; it is checked as if it had been typed, and goes ahead if the policy lets it."""
    confirmed = Confirmed(seen=item.seen, typed=item.typed)
    try:
        wanted = parse(item.command, default_region=context.default_region)
    except UserError as error:
        await context.responder.explain(item, error)
        return None
    match wanted:
        case Delete(draft=draft) if draft.break_glass:
            said = replace(draft, reason=item.reason)
            return await context.submissions.submit(claim, item, said, confirmed)
        case Restore(break_glass=True):
            said_why = replace(wanted, reason=item.reason)
            return await restore(context, claim, item, said_why, confirmed)
        case _:
            stale = UserError("This form is out of date.", "Ask anew.")
            await context.responder.explain(item, stale)
    return None
