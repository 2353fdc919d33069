"""Handle what Slack delivered: do it, then answer the person privately.

Each delivery is a step of the engine: killed in the middle, it is done again from the start
by whoever is alive, so everything that is done from here may run twice.
"""

import msgspec
import structlog

from bot.command import Restore
from bot.errors import SlackRateLimited, SlackRejected, UserError
from bot.models import Verdict
from bot.slack import inbound
from bot.slack.asks import Asks
from bot.slack.commands import Commands
from bot.slack.decisions import Decisions
from bot.slack.forms.checks import draft_of
from bot.slack.inbound import (
    AskingAgain,
    Clicked,
    CommandGiven,
    Delivery,
    FormSent,
    HomeOpened,
    Rejecting,
    Stray,
    Undoing,
)
from bot.slack.replier import Replier
from bot.store import Claim, Store

log = structlog.get_logger(__name__)

_GIVEN_UP = "This did not work, several times over. Please try again."


class Answers:
    """The engine's handler for `inbox:<delivery>` items."""

    def __init__(
        self,
        *,
        store: Store,
        asks: Asks,
        commands: Commands,
        decisions: Decisions,
        replier: Replier,
    ) -> None:
        """Answer deliveries from the inbox of `store`."""
        self._store = store
        self._asks = asks
        self._commands = commands
        self._decisions = decisions
        self._replier = replier

    async def step(self, claim: Claim) -> float | None:
        """Handle one delivery; it is forgotten once it has been answered."""
        content = await self._store.inbox.get(claim.id)
        if content is None:
            return None
        try:
            delivery = inbound.decode(content)
        except (msgspec.DecodeError, ValueError):
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
                await self._replier.tell(inbound.decode(content), _GIVEN_UP)
            except SlackRejected as error:
                log.warning("nobody_to_tell", error=str(error))
            await self._store.inbox.remove(claim.id)
        return None

    async def _handle(self, claim: Claim, delivery: Delivery) -> float | None:
        match delivery:
            case CommandGiven():
                return await self._commands.run(claim, delivery)
            case Undoing(request_id=target):
                return await self._commands.undo(claim, delivery, Restore(request_id=target))
            case AskingAgain():
                return await self._commands.again(claim, delivery)
            case Clicked(request_id=target, verdict=verdict, typed=typed):
                await self._decisions.decide(claim, delivery, target, verdict, typed=typed)
            case Rejecting(request_id=target, reason=reason):
                await self._decisions.decide(claim, delivery, target, Verdict.REJECTED, reason)
            case FormSent():
                return await self._form(claim, delivery)
            case HomeOpened(user=user):
                await self._store.viewers.opened(user)
            case Stray(words=words):
                await self._replier.tell(delivery, words)
        return None

    async def _form(self, claim: Claim, sent: FormSent) -> float | None:
        try:
            draft = draft_of(sent)
        except UserError as error:
            await self._replier.explain(sent, error)
            return None
        return await self._asks.ask(claim, sent, draft)
