"""What happens at each click in the form for a deletion.

Clicks are acknowledged at once; what they lead to is looked up afterwards, and the form edited.
Searches are answered in time, with something to go on with whatever the cloud does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from msgspec.structs import replace
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.command.values import connection_id, region_id
from bot.errors import Refused, SlackError, SlackRejected, StoreError
from bot.slack.access import Access
from bot.slack.forms import fields
from bot.slack.forms.checks import Faults, draft_of, sound
from bot.slack.forms.fields import Form
from bot.slack.forms.lookup import ConnectionRoutes, Lookup, Unavailable
from bot.slack.messages.delete_form import delete_form
from bot.slack.messages.options import connection_options, region_options, route_options
from bot.slack.messages.replies import problem
from bot.slack.messages.texts import Block
from bot.slack.payload import items, part, word
from bot.slack.payloads import AnyInboxItem
from bot.slack.web import Slack
from bot.store import Clicks

log = structlog.get_logger(__name__)

Body = dict[str, Any]
Keep = Callable[[Body, AnyInboxItem], Awaitable[bool]]
"""Stores a delivery; False where that was not possible."""

Opened = Callable[[Body, Block], Awaitable[bool]]
"""Opens a form in answer to a payload; False where Slack did not take it in time."""

ACCESS_SECONDS = 1.0
"""How long the opening of a form waits to learn who opens it; Slack waits 3 seconds in all."""

NO_FORM = "The form could not be opened. Please click again."
NOT_STORED = "This could not be recorded: the bot's store does not answer. Please try again."
NO_CHANNEL = "In which channel? The approvers see the card there."
NO_CHOICE = "None of its routes can be chosen yet: wait a moment, or choose or type another."


class DeleteForms:
    """The forms for a deletion that people have open."""

    def __init__(  # noqa: PLR0913 - the listeners name each part
        self,
        slack: Slack,
        lookup: Lookup,
        access: Access,
        clicks: Clicks,
        *,
        opened: Opened,
        keep: Keep,
        region: str | None,
        channel: str,
    ) -> None:
        """A form is opened by `opened`, and what is sent in is stored by `keep`.

        `access` says who may look things up, `clicks` which click came last. `region`: of a new
        form; `channel`: where all cards go, empty where the form says it.
        """
        self._slack = slack
        self._lookup = lookup
        self._access = access
        self._clicks = clicks
        self._opened = opened
        self._keep = keep
        self._region = region or ""
        self._channel = channel

    def register(self, app: AsyncApp) -> None:
        """Listen on `app`."""
        for action in (fields.PICK_REGION, fields.PICK_CONNECTION, fields.PICK_ROUTES):
            app.action(action)(self._changed)
        app.action(fields.TYPE_INSTEAD)(self._type_instead)
        app.action(fields.LOOK_INSTEAD)(self._look_instead)
        app.options(fields.PICK_REGION)(self._regions)
        app.options(fields.PICK_CONNECTION)(self._connections)
        app.options(fields.PICK_ROUTES)(self._routes)
        app.view(fields.CALLBACK)(self._sent)

    async def open(
        self, body: Body, user: str, channel: str = "", region: str | None = None
    ) -> str:
        """Open a form for `user`, who did something in `channel`; returns why not, if not."""
        try:
            await asyncio.wait_for(self._access.check(user), ACCESS_SECONDS)
        except Refused as error:
            return problem(error)
        except (SlackError, TimeoutError) as error:
            log.warning("form_not_opened", error=str(error) or "time-out")
            return NO_FORM
        return "" if await self._opened(body, self.new(channel, region)) else NO_FORM

    def new(self, channel: str = "", region: str | None = None) -> Block:
        """A form as it is opened, by a command in `channel` or without one; pure."""
        public = channel.startswith(("C", "G"))
        asking = not self._channel and not public
        where = region or self._region
        return delete_form(Form(channel=channel if public else "", asking=asking, region=where))

    # --- searches ----------------------------------------------------------------------------

    async def _regions(self, ack: AsyncAck, body: Body) -> None:
        found = await self._lookup.regions()
        await ack(options=region_options(found, word(body, "value")))

    async def _connections(self, ack: AsyncAck, body: Body) -> None:
        region, *_ = *fields.about(body), ""
        found = await self._lookup.connections(region)
        await ack(options=connection_options(found, word(body, "value")))

    async def _routes(self, ack: AsyncAck, body: Body) -> None:
        region, connection, *_ = *fields.about(body), "", ""
        found = await self._lookup.routes(region, connection)
        await ack(options=route_options(found, word(body, "value")))

    # --- clicks ------------------------------------------------------------------------------

    async def _changed(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        await self._show(body, fields.read(body))

    async def _type_instead(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        await self._show(body, fields.typing(fields.read(body)))

    async def _look_instead(self, ack: AsyncAck, body: Body) -> None:
        await ack()
        typed = fields.read(body)
        region = sound(region_id, typed.region) or self._region
        connection = sound(connection_id, typed.connection)
        await self._show(body, replace(typed, typing=False, region=region, connection=connection))

    async def _show(self, body: Body, form: Form) -> None:
        view, at = part(body, "view"), fields.clicked_at(body)
        await self._newest(view, at)
        seen = await self._read(form)
        if isinstance(seen, Unavailable):
            shown = delete_form(fields.typing(form), why=seen.why)
        else:
            shown = delete_form(form, seen)
        await self._update(view, shown, at)

    async def _read(self, form: Form) -> ConnectionRoutes | Unavailable | None:
        if form.typing or not (form.region and form.connection):
            return None
        return await self._lookup.routes(form.region, form.connection)

    async def _newest(self, view: Mapping[str, Any], at: float) -> bool | None:
        """Whether no click came after the one `at` that time; None where nobody can say."""
        try:
            return await self._clicks.newest(word(view, "id"), at)
        except StoreError as error:
            log.warning("click_order_unknown", error=str(error))
            return None

    async def _update(self, view: Mapping[str, Any], shown: Block, at: float) -> None:
        """Edit the form, unless another click came after this one: that one's edit is right."""
        for version in (word(view, "hash"), ""):
            newest = await self._newest(view, at)
            if newest is False or (newest is None and not version):
                return
            try:
                await self._slack.update_view(word(view, "id"), shown, version)
            except SlackError as error:
                log.info("form_not_updated", error=str(error))
                # Where an earlier click's edit came in between, this one is the newer.
                if not (isinstance(error, SlackRejected) and error.code == "hash_conflict"):
                    return
            else:
                return

    # --- sent in -----------------------------------------------------------------------------

    async def _sent(self, ack: AsyncAck, body: Body) -> None:
        form, given = fields.read(body), fields.sent(body)
        errors: dict[str, str] = {}
        if form.asking and not form.channel:
            errors[fields.CHANNEL] = NO_CHANNEL
        try:
            draft_of(given)
        except Faults as faults:
            errors |= faults.fields
        if not errors and not await self._keep(body, given):
            errors[fields.REASON] = NOT_STORED
        if errors:
            await ack(response_action="errors", errors=_placed(body, errors))
        else:
            await ack()


def _placed(body: Body, errors: Mapping[str, str]) -> dict[str, str]:
    """Each error below its field as the form has it now.

    Where no routes are shown, what is wrong with them stands below the connection.
    """
    blocks = [word(block, "block_id") for block in items(part(body, "view"), "blocks")]
    shown = {one.partition("|")[0].removeprefix("typed_"): one for one in blocks}
    if fields.ROUTES not in shown and fields.ROUTES in errors:
        errors = {fields.CONNECTION: NO_CHOICE, **errors}
    return {shown[name]: said for name, said in errors.items() if name in shown}
