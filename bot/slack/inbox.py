"""Handle what Slack delivered: do it, then answer the person privately.

Each delivery is a step of the worker: killed in the middle, it is done again from the start
by whoever is alive, so everything that is done from here may run twice.
"""

import msgspec
import structlog

from bot.command import Restore
from bot.errors import SealBroken, SlackRateLimited, SlackRejected, UserError
from bot.metrics import SEALS_BROKEN
from bot.models import Verdict
from bot.policy.age import MAX_AGE_SECONDS
from bot.slack import payloads
from bot.slack.budget import Priority
from bot.slack.commands import Commands
from bot.slack.decisions import Decisions
from bot.slack.directory import looking_up
from bot.slack.forms.checks import draft_of
from bot.slack.payloads import (
    AnyInboxItem,
    AskAgainClicked,
    CommandGiven,
    DecisionClicked,
    DeleteFormSubmitted,
    HomeOpened,
    InboxItem,
    RejectionSubmitted,
    RestoreClicked,
    UnknownPayload,
)
from bot.slack.responder import Responder
from bot.slack.submissions import Submissions
from bot.store import Claim, Store

log = structlog.get_logger(__name__)

_GIVEN_UP = "This did not work, several times over. Please try again."

_UNREADABLE = (
    "This was not done: the bot was changed to another version meanwhile, which can't read what "
    "you sent to the earlier one. Please try again."
)

_UNSEALED = (
    "This was not done: what the bot had noted of it does not bear the bot's seal. "
    "Please try again; if it happens once more, tell the bot's operator."
)

UNREADABLE_SECONDS = 60.0
"""For how long what this version can't read waits for another one: what was said longer ago is not
done any more by anybody."""

_LONGEST_PAUSE = 10.0


class InboxHandler:
    """The worker's handler for `inbox:<delivery>` items."""

    def __init__(
        self,
        *,
        store: Store,
        submissions: Submissions,
        commands: Commands,
        decisions: Decisions,
        responder: Responder,
    ) -> None:
        """Answer deliveries from the inbox of `store`."""
        self._store = store
        self._submissions = submissions
        self._commands = commands
        self._decisions = decisions
        self._responder = responder

    async def step(self, claim: Claim) -> float | None:
        """Handle one delivery; it is forgotten once it has been answered."""
        try:
            content = await self._store.inbox.get(claim.id)
        except SealBroken as error:
            await self._unsealed(claim, error)
            return None
        if content is None:
            return None
        try:
            item = payloads.decode(content)
        except (msgspec.DecodeError, ValueError):
            return await self._unreadable(claim, content)
        try:
            with looking_up(_priority(item), claim.id):
                again_at = await self._handle(claim, item)
        except SlackRateLimited as error:
            now = await self._store.database.now()
            return self._after_pause(now, item, error.retry_after)
        if again_at is None:
            await self._store.inbox.remove(claim.id)
        return again_at

    async def lost(self, claim: Claim) -> None:
        """Nothing to do: at worst somebody is told the same thing twice."""

    async def give_up(self, claim: Claim) -> float | None:
        """Tell the person that it did not work, and forget the delivery."""
        try:
            content = await self._store.inbox.get(claim.id)
        except SealBroken as error:
            content = error.content
        if content is not None:
            await self._end(claim, payloads.sender(content), _GIVEN_UP)
        return None

    async def _unsealed(self, claim: Claim, error: SealBroken) -> None:
        """Act on nothing that may not have come from Slack."""
        log.error("seal_broken", item=claim.id, why=str(error))
        SEALS_BROKEN.labels("delivery").inc()
        await self._end(claim, payloads.sender(error.content), _UNSEALED)

    async def _unreadable(self, claim: Claim, content: str) -> float | None:
        """Leave it to a replica of another version; too old for that, its sender is told."""
        age = await self._store.inbox.unreadable_for(claim.id)
        if age < UNREADABLE_SECONDS:
            log.warning("inbox_item_unreadable", item=claim.id)
            return claim.now + min(max(age, 1.0), _LONGEST_PAUSE)
        # Not what it says: that can be anybody's text.
        log.error("inbox_item_dropped", item=claim.id, hint="no version that runs can read it")
        await self._end(claim, payloads.sender(content), _UNREADABLE)
        return None

    async def _end(self, claim: Claim, sender: InboxItem, words: str) -> None:
        """Tell the person, and forget the delivery."""
        # Told first: while Slack is away this is tried again, once a minute.
        try:
            await self._responder.tell(sender, words)
        except SlackRejected as error:
            log.warning("no_recipient", error=str(error))
        await self._store.inbox.remove(claim.id)

    @staticmethod
    def _after_pause(now: float, item: AnyInboxItem, wait: float) -> float:
        """When Slack lets us go on; or when it is too late for that, and its sender is told so."""
        too_late = item.said_at + MAX_AGE_SECONDS + 1
        return min(now + wait, too_late) if now < too_late else now + wait

    async def _handle(self, claim: Claim, item: AnyInboxItem) -> float | None:
        match item:
            case CommandGiven():
                return await self._commands.run(claim, item)
            case RestoreClicked(request_id=target):
                return await self._commands.rollback(claim, item, Restore(request_id=target))
            case AskAgainClicked():
                return await self._commands.ask_again(claim, item)
            case DecisionClicked(request_id=target, verdict=verdict, typed=typed):
                await self._decisions.decide(claim, item, target, verdict, typed=typed)
            case RejectionSubmitted(request_id=target, reason=reason):
                await self._decisions.decide(claim, item, target, Verdict.REJECTED, reason)
            case DeleteFormSubmitted():
                return await self._form(claim, item)
            case HomeOpened(user=user):
                await self._store.viewers.opened(user)
            case UnknownPayload(words=words):
                await self._responder.tell(item, words)
        return None

    async def _form(self, claim: Claim, sent: DeleteFormSubmitted) -> float | None:
        try:
            draft = draft_of(sent)
        except UserError as error:
            await self._responder.explain(sent, error)
            return None
        return await self._submissions.ask(claim, sent, draft)


def _priority(item: AnyInboxItem) -> Priority:
    """How urgent it is what is looked up for a delivery."""
    deciding = isinstance(item, DecisionClicked | RejectionSubmitted)
    return Priority.DECISION if deciding else Priority.ANSWER
