"""Bolt's listeners: store what Slack delivered, acknowledge it, wake the worker. No more.

An acknowledgement waits for nothing but our own store, and for that only briefly: once it is
given, the delivery survives any crash; where it could not be stored, the person is told at
once that nothing was. Everything slow happens in `bot.slack.inbox`.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from msgspec.structs import replace
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command import (
    DeleteForm,
    Help,
    help_text,
    parse,
)
from bot.errors import CommandError, SlackError, StoreError, Unreadable
from bot.metrics import DELIVERIES
from bot.models import Request, RequestState, Verdict
from bot.policy import same_block
from bot.slack import payloads
from bot.slack.access import Access
from bot.slack.forms.deleting import NO_FORM, DeleteForms
from bot.slack.forms.fields import SHORTCUT
from bot.slack.forms.lookup import Lookup
from bot.slack.messages.approve_form import CALLBACK as APPROVE_FORM
from bot.slack.messages.approve_form import NOT_TYPED, approve_form
from bot.slack.messages.buttons import (
    AGAIN,
    APPROVE,
    CANCEL,
    CHOOSE,
    COUNTERSIGN,
    NEW,
    REJECT,
    RESTORE,
)
from bot.slack.messages.reject_form import CALLBACK as REJECT_FORM
from bot.slack.messages.reject_form import reject_form
from bot.slack.messages.replies import looking, problem
from bot.slack.messages.texts import Block
from bot.slack.notes import NOTED, Notes
from bot.slack.payloads import AnyInboxItem, HomeOpened, UnknownPayload
from bot.slack.said import SignedAt, seconds_ago
from bot.slack.unknown import Serves, UnknownPayloads
from bot.slack.web import Slack
from bot.store import Store

log = structlog.get_logger(__name__)

COMMAND = "/vco-route"

STORE_SECONDS = 1.0
"""How long an acknowledgement waits for the store; Slack waits 3 seconds for us."""

PUTS_AT_ONCE = 8
TURN_SECONDS = 2.0
"""How many deliveries are stored at once, and how long one waits until it is its turn. Of two
hundred at the same instant each is stored quickly, one after the other; all at once they would
share this process's time so evenly that each one's second is over before any is stored."""

SLACK_SECONDS = 1.0
"""How long an acknowledgement waits for Slack, where it has to: for a form, or to say that
nothing was stored. With the store's second it leaves one of the three."""

NOT_STORED = (
    "This could not be recorded: the bot's store does not answer. Please try again in a "
    "moment; what you see here is what holds."
)


class Listeners:
    """What happens when Slack calls."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        slack: Slack,
        store: Store,
        wake: Callable[[], None],
        lookup: Lookup,
        access: Access,
        *,
        serves: Serves,
        notes: Notes,
        region: str | None,
        channel: str,
    ) -> None:
        """Store deliveries in the inbox of `store` and `wake` the worker of this process.

        `access` says who may look connections up, `serves` which workspace is ours, `notes` says
        what waits. `region`: of a command that names none; `channel`: where all cards go, if there
        is one.
        """
        self._slack = slack
        self._inbox = store.inbox
        self._now: Callable[[], Awaitable[float]] = store.database.now
        self._notes = notes
        self._requests = store.requests
        self._wake = wake
        self._default_region = region
        self._forms = DeleteForms(
            slack,
            lookup,
            access,
            store.clicks,
            opened=self._opened,
            keep=self._store,
            region=region,
            channel=channel,
        )
        self.unknown_payloads = UnknownPayloads(self._store, self._tell, serves)
        self._turns = asyncio.Semaphore(PUTS_AT_ONCE)

    def register(self, app: AsyncApp) -> None:
        """Listen on `app`."""
        app.use(SignedAt())
        app.command(COMMAND)(self._command)
        app.action(APPROVE)(self._approve)
        app.action(CANCEL)(self._cancel)
        app.action(REJECT)(self._reject)
        app.action(COUNTERSIGN)(self._countersign)
        app.action(RESTORE)(self._restore)
        app.action(AGAIN)(self._again)
        app.action(re.compile(f"^{CHOOSE}_"))(self._choose)
        app.view(REJECT_FORM)(self._rejected)
        app.view(APPROVE_FORM)(self._approved)
        app.shortcut(SHORTCUT)(self._new)
        app.action(NEW)(self._new)
        self._forms.register(app)
        app.event("app_home_opened")(self._home)
        app.error(self.unknown_payloads.failed)

    async def _command(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        given = payloads.command_given(body)
        try:
            command = parse(given.text, default_region=self._default_region)
        except CommandError as error:
            await ack(problem(error))
            return
        match command:
            case DeleteForm(region=region):
                words = await self._forms.open(body, given.user, given.channel, region)
                await ack(help_text("delete") if words == NO_FORM else words)
            case Help(topic=topic):
                await ack(help_text(topic))
            case _:
                # What comes later is said once, when it comes: nothing replaces an acknowledgement.
                if await self._store(body, given, looking(command)):
                    await ack()
                else:
                    await ack(NOT_STORED)

    async def _approve(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        click = payloads.decision_clicked(body, Verdict.APPROVED)
        try:
            request = await self._to_be_typed(click.request_id)
        except (StoreError, TimeoutError):
            # Nor could it be stored; and of the three seconds there is only one left.
            if await self._tell(click.response_url, NOT_STORED):
                await ack()
            return
        if request is None:
            await self._keep(ack, body, click)
        else:
            await self._ask(ack, body, click, approve_form(request))

    async def _cancel(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._keep(ack, body, payloads.decision_clicked(body, Verdict.CANCELLED))

    async def _countersign(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._keep(ack, body, payloads.decision_clicked(body, Verdict.COUNTERSIGNED))

    async def _restore(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._keep(ack, body, payloads.restore_clicked(body))

    async def _again(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._keep(ack, body, payloads.ask_again_clicked(body))

    async def _choose(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        await self._keep(ack, body, payloads.chosen(body))

    async def _keep(self, ack: AsyncAck, body: dict[str, Any], click: AnyInboxItem) -> None:
        # Neither stored nor told: without an acknowledgement Slack itself shows that it failed.
        if await self._store(body, click) or await self._tell(click.response_url, NOT_STORED):
            await ack()

    async def _reject(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        click = payloads.decision_clicked(body, Verdict.REJECTED)
        await self._ask(ack, body, click, reject_form(click.request_id))

    async def _ask(
        self, ack: AsyncAck, body: dict[str, Any], click: AnyInboxItem, form: Block
    ) -> None:
        form = payloads.opened_at_home(form) if click.at_home else form
        if await self._opened(body, form) or await self._tell(click.response_url, NO_FORM):
            await ack()

    async def _new(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        words = await self._forms.open(body, payloads.unknown_payload(body).user)
        if not words or await self._store(body, payloads.unknown_payload(body, words)):
            await ack()

    async def _opened(self, body: dict[str, Any], form: Block) -> bool:
        trigger_id = str(body.get("trigger_id") or "")
        try:
            await asyncio.wait_for(self._slack.open_view(trigger_id, form), SLACK_SECONDS)
        except (SlackError, TimeoutError) as error:
            log.warning("form_not_opened", error=str(error) or "time-out")
            return False
        return True

    async def _rejected(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        submitted = payloads.rejection_submitted(body)
        if not submitted.reason:
            await ack(response_action="errors", errors={payloads.REASON_BLOCK: "Please say why."})
        elif await self._store(body, submitted):
            await ack()
        else:
            await ack(response_action="errors", errors={payloads.REASON_BLOCK: NOT_STORED[:150]})

    async def _approved(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        click = payloads.approval_submitted(body)
        said = NOT_STORED[:150]
        try:
            request = await self._to_be_typed(click.request_id)
        except (StoreError, TimeoutError):
            request = None
        if request is not None and not same_block(click.typed, request.terms.typed):
            said = NOT_TYPED.format(request.terms.typed)
        elif await self._store(body, click):
            await ack()
            return
        await ack(response_action="errors", errors={payloads.TYPED_BLOCK: said})

    async def _to_be_typed(self, request_id: str) -> Request | None:
        """The request, where its approver has to type something; None where a click will do.

        Where this version can't read it, None: whoever decides says so.
        """
        try:
            stored = await asyncio.wait_for(self._requests.get(request_id), STORE_SECONDS)
        except Unreadable:
            return None
        if stored is None or stored.request.state is not RequestState.PENDING:
            return None
        return stored.request if stored.request.terms.typed else None

    async def _home(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        opened = payloads.home_opened(body)
        if opened is not None:
            await self._store(body, opened)
        await ack()

    async def _store(self, body: dict[str, Any], item: AnyInboxItem, noted: str = NOTED) -> bool:
        """Store a delivery; `noted` is what its sender hears if its answer is long in coming."""
        payload_id, ago = payloads.payload_id(body), seconds_ago(body)
        try:
            await self._put(payload_id, item, ago)
        except (StoreError, TimeoutError) as error:
            log.error("payload_not_stored", error=type(error).__name__, user=item.user)  # noqa: TRY400 - no traceback wanted
            DELIVERIES.labels("no").inc()
            return False
        DELIVERIES.labels("yes").inc()
        # Who still waits for an acknowledgement goes first; the worker claims by itself soon.
        if not self._turns.locked():
            self._wake()
        if not isinstance(item, HomeOpened | UnknownPayload):
            self._notes.expect(payload_id, item, noted)
        return True

    async def _put(self, payload_id: str, item: AnyInboxItem, ago: float) -> None:
        await asyncio.wait_for(self._turns.acquire(), TURN_SECONDS)
        try:
            async with asyncio.timeout(STORE_SECONDS):
                # By the clock that everything else goes by.
                dated = replace(item, said_at=await self._now() - ago)
                await self._inbox.put(payload_id, payloads.encode(dated))
        finally:
            self._turns.release()

    async def _tell(self, response_url: str, text: str) -> bool:
        if not response_url:
            return False
        try:
            await asyncio.wait_for(self._slack.respond(response_url, text), SLACK_SECONDS)
        except (SlackError, TimeoutError) as error:
            log.warning("reply_failed", error=str(error) or "time-out")
            return False
        return True
