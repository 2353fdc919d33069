"""Handle what Slack delivered: do it, then answer the person privately.

Each delivery is a step of the engine: killed in the middle, it is done again from the start
by whoever is alive, so everything here may run twice. Commands have been parsed once for the
acknowledgement and are parsed again here; a click is decided by `bot.approval`.
"""

import re
from collections.abc import Awaitable, Callable, Iterable

import msgspec
import structlog

from bot.approval import Approval
from bot.asking import Asking
from bot.command import Cancel, Delete, ListRoutes, Status, parse
from bot.errors import (
    AlibabaError,
    SlackError,
    SlackRateLimited,
    SlackRejected,
    Unreadable,
    UserError,
)
from bot.execution import Cloud
from bot.lifecycle import request_id
from bot.models import Draft, RequestState, Verdict
from bot.slack import inbound
from bot.slack.inbound import Clicked, CommandGiven, Delivery, HomeOpened, Rejecting, Stray
from bot.slack.messages import home, reports
from bot.slack.messages.replies import done, late, problem
from bot.slack.messages.texts import escape
from bot.slack.web import Slack
from bot.store import AlreadyOpen, Claim, Store

log = structlog.get_logger(__name__)

CARD_SECONDS = 10.0
"""For how long an answer waits for the card, so that it can link to it."""

_CARD_LOOK = 0.15

_GIVEN_UP = "This did not work, several times over. Please try again."

_UNREADABLE = (
    "Request `{}` can't be read by this version of the bot. Nothing was recorded; "
    "the bot's operator has to look at it."
)

_REQUEST_ID = re.compile(r"r-[a-z2-7]{1,30}")
"""What our ids look like: a button's value is not repeated to anybody unless it is one."""


class Answers:
    """The engine's handler for `inbox:<delivery>` items."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        *,
        slack: Slack,
        store: Store,
        asking: Asking,
        approval: Approval,
        cloud: Cloud,
        default_region: str | None,
        channel: str,
        now: Callable[[], Awaitable[float]],
    ) -> None:
        """`channel`: where cards go; empty: to the channel of the command."""
        self._slack = slack
        self._store = store
        self._asking = asking
        self._approval = approval
        self._cloud = cloud
        self._default_region = default_region
        self._channel = channel
        self._now = now

    async def step(self, claim: Claim) -> float | None:
        """Handle one delivery; it is forgotten once it has been answered."""
        content = await self._store.inbox.get(claim.id)
        if content is None:
            return None
        try:
            delivery = inbound.decode(content)
        except msgspec.DecodeError:
            log.error("delivery_unreadable", delivery=claim.id)  # noqa: TRY400 - it can hold user text
            await self._store.inbox.remove(claim.id)
            return None
        try:
            again_at = await self._handle(claim, delivery)
        except SlackRateLimited as error:
            return claim.now + error.retry_after
        if again_at is None:
            await self._store.inbox.remove(claim.id)
        return again_at

    async def lost(self, claim: Claim) -> None:
        """Nothing to do: at worst somebody is told the same thing twice."""

    async def give_up(self, claim: Claim) -> float | None:
        """Tell the person that it did not work, and forget the delivery."""
        content = await self._store.inbox.get(claim.id)
        if content is not None:
            # Told first: while Slack is away this is tried again, once a minute.
            try:
                await self._answer(inbound.decode(content), _GIVEN_UP)
            except SlackRejected as error:
                log.warning("nobody_to_tell", error=str(error))
            await self._store.inbox.remove(claim.id)
        return None

    async def _handle(self, claim: Claim, delivery: Delivery) -> float | None:
        match delivery:
            case CommandGiven():
                return await self._command(claim, delivery)
            case Clicked(request_id=target, verdict=verdict):
                await self._decide(claim, delivery, target, verdict)
            case Rejecting(request_id=target, reason=reason):
                await self._decide(claim, delivery, target, Verdict.REJECTED, reason)
            case HomeOpened(user=user):
                await self._home(user)
            case Stray(words=words):
                await self._answer(delivery, words)
        return None

    # --- commands --------------------------------------------------------------------

    async def _command(self, claim: Claim, given: CommandGiven) -> float | None:
        try:
            match parse(given.text, default_region=self._default_region):
                case Delete(draft=draft):
                    return await self._delete(claim, given, draft)
                case ListRoutes(vpn_connection_id=connection, region=region):
                    await self._list(given, connection, region)
                case Status(request_id=target):
                    await self._status(given, target)
                case Cancel(request_id=target):
                    await self._decide(claim, given, target, Verdict.CANCELLED)
                case _:
                    log.warning("command_not_handled")
        except AlreadyOpen as error:
            await self._already_open(given, error.request_id)
        except (UserError, AlibabaError) as error:
            await self._answer(given, problem(error))
        return None

    async def _delete(self, claim: Claim, given: CommandGiven, draft: Draft) -> float | None:
        target = request_id(claim.id)
        stored = await self._store.requests.get(target)
        if stored is None:
            channel = self._channel or given.channel
            await self._asking.ask(
                target,
                draft,
                requester=given.user,
                channel=channel,
                elsewhere=channel != given.channel,
            )
            return claim.now + _CARD_LOOK
        told = await self._store.tellings.get(target)
        request = stored.request
        # Cancelled by the bot itself: the card could not be posted.
        if request.state is RequestState.CANCELLED and not request.decisions[-1].by:
            await self._answer(given, f":warning: {escape(request.why)}")
        elif told.link or claim.now - request.created_at > CARD_SECONDS:
            await self._answer(given, reports.asked(request, told))
        else:
            return claim.now + _CARD_LOOK
        return None

    async def _already_open(self, given: CommandGiven, leading: str) -> None:
        rows, _ = await self._rows([leading])
        if rows:
            await self._answer(given, reports.already_open(*rows[0]))
        else:
            await self._answer(given, f"Request `{leading}` is already about this route.")

    async def _list(self, given: CommandGiven, connection_id: str, region: str) -> None:
        connection = await self._cloud.connection(region, connection_id)
        routes = await self._cloud.routes(region, connection_id)
        await self._answer(given, reports.routes(connection, routes))

    async def _status(self, given: CommandGiven, target: str | None) -> None:
        ids = [target] if target else await self._store.requests.open_ids()
        rows, unreadable = await self._rows(ids)
        if target and not rows and not unreadable:
            raise UserError(
                f"Request {target} is not known.", "See what is open: /vco-route status"
            )
        await self._answer(given, reports.status(rows, unreadable))

    async def _rows(self, ids: Iterable[str]) -> tuple[list[reports.Row], list[str]]:
        """The requests by these ids, and the ids of those that this version can't read."""
        rows, unreadable = [], []
        for one in ids:
            try:
                stored = await self._store.requests.get(one)
                if stored is not None:
                    rows.append((stored.request, await self._store.tellings.get(one)))
            except Unreadable:
                log.error("record_unreadable", request=one)  # noqa: TRY400 - it says enough
                unreadable.append(one)
        return rows, unreadable

    # --- decisions -------------------------------------------------------------------

    async def _decide(
        self, claim: Claim, delivery: Delivery, target: str, verdict: Verdict, reason: str = ""
    ) -> None:
        if not _REQUEST_ID.fullmatch(target):
            await self._answer(delivery, "This does not name a request. Please ask again.")
            return
        try:
            result = await self._approval.decide(
                target, delivery.user, verdict, reason, delivery=claim.id
            )
        except Unreadable:
            log.error("record_unreadable", request=target)  # noqa: TRY400 - it says enough
            await self._answer(delivery, _UNREADABLE.format(target))
            return
        except UserError as error:
            await self._answer(delivery, problem(error))
            return
        text = done(result.request) if result.decided else late(result.request, delivery.user)
        if text:
            await self._answer(delivery, text, channel=result.request.channel)

    async def _home(self, user: str) -> None:
        rows, unreadable = await self._rows(await self._store.requests.open_ids())
        try:
            await self._slack.publish_home(user, home.view(rows, unreadable))
        except SlackError as error:
            # The next look at the page tries again.
            log.warning("home_not_shown", error=str(error))

    async def _answer(self, delivery: Delivery, text: str, channel: str = "") -> None:
        """Answer privately, by whichever way is open."""
        if delivery.response_url:
            try:
                replace = isinstance(delivery, CommandGiven)
                await self._slack.respond(delivery.response_url, text, replace=replace)
            except SlackError as error:
                log.info("response_url_failed", error=str(error))
            else:
                return
        if not delivery.user:
            log.warning("nobody_to_tell")
            return
        where = delivery.channel or channel
        if where:
            try:
                await self._slack.whisper(where, delivery.user, text)
            except SlackRejected as error:
                # Where we are not a member, or the person is not any more: directly then.
                log.info("not_told_there", code=error.code)
            else:
                return
        await self._slack.post(delivery.user, text, [])
