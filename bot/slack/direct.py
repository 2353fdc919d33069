"""5 Call approvers: a direct message to each who can decide, with the buttons, kept true.

It is sent once the card is there, and edited when the decision is made: then it says so and has no
buttons. What it shows follows from the record, as with the card. Whoever can't be written to keeps
nobody else from being called. All of it goes after everything else that Slack is asked for.
"""

from collections.abc import Iterator, Sequence

import structlog
from msgspec.structs import replace

from bot.errors import (
    Refused,
    ScopeMissing,
    SlackRateLimited,
    SlackRejected,
    SlackUnavailable,
)
from bot.follow_up import reminders
from bot.models import Request, RequestState
from bot.slack.approvers import Approvers
from bot.slack.budget import Priority
from bot.slack.cards import call_by_call
from bot.slack.messages.direct import asks, direct_message
from bot.slack.messages.mrkdwn import Message
from bot.slack.messages.related import Related
from bot.slack.posted import DIRECT, PostedMessages, content_hash, metadata
from bot.slack.related import related
from bot.slack.web import Slack
from bot.store import Claim, DirectMessage, DirectState, Store, Stored

log = structlog.get_logger(__name__)

_LATE_SECONDS = 30.0
_AGAIN_SECONDS = 5.0
"""Slack may post long after a call has timed out. For so long after a decision it is looked for,
again and again, what asks somebody who is not asked any more."""

_CARD_SECONDS = 1.0
"""When to look again whether the card is there."""

_LATER = 60.0
"""When to try again what takes an operator's hand: a scope, a policy."""

_SILENT_SECONDS = 10.0
"""When to try again where Slack did not say who is in a group."""

_MOST_CHANNELS = 1000


class DirectMessagePublisher:
    """The worker's handler for `dm:<request>` items."""

    def __init__(
        self,
        slack: Slack,
        posted_messages: PostedMessages,
        store: Store,
        approvers: Approvers,
        *,
        up_to: int,
    ) -> None:
        """Call at most `up_to` of the `approvers` of each request; 0: nobody."""
        self._slack = slack
        self._posted_messages = posted_messages
        self._store = store
        self._approvers = approvers
        self._up_to = up_to
        self._channels: dict[str, str] = {}

    async def step(self, claim: Claim) -> float | None:
        """Bring what approvers are shown closer to the record, as long as there is time."""
        return await call_by_call(claim, self._once)

    async def _once(self, claim: Claim) -> float | None:
        stored = await self._store.requests.get(claim.id, claim=claim)
        if stored is None:
            return None
        state = await self._store.direct_states.get(claim.id, claim)
        try:
            return await self._bring_closer(claim, stored, state)
        except SlackRateLimited as error:
            return await self._store.database.lately() + error.retry_after
        except ScopeMissing as error:
            log.warning("direct_message_not_allowed", request=claim.id, error=str(error))
            return claim.now + _LATER

    async def lost(self, claim: Claim) -> None:
        """A late edit may stand over a newer one: the messages have to be shown again."""
        await self._store.direct_states.doubt(claim.id)
        await self._store.work.wake(claim.item)

    async def give_up(self, claim: Claim) -> float | None:
        """Never: Slack comes back, and until then this costs a call now and then."""
        return await self.step(claim)

    async def _bring_closer(self, claim: Claim, stored: Stored, state: DirectState) -> float | None:
        request = stored.request
        if not (state.chosen or (request.undecided and self._up_to)):
            return None
        card = await self._store.card_states.get(claim.id, claim)
        if not state.chosen:
            if not card.link:
                return None if card.lost else claim.now + _CARD_SECONDS
            found = await self._choose(claim, request)
            if not isinstance(found, DirectState):
                return found
            state = found
        others = await self._others(claim, stored)
        if todo := next(_todo(request, state, card.link, others), None):
            state = await self._tend(claim, request, state, *todo)
            if _may_come_late(request, state.of(todo[0].user), claim.now):
                return claim.now + _AGAIN_SECONDS
        elif not request.state.open:
            # Once more, so that it is forgotten with its request.
            await self._save(claim, request, state)
        return claim.now if next(_todo(request, state, card.link, others), None) else None

    async def _others(self, claim: Claim, stored: Stored) -> list[Related]:
        """The other open requests on its connection, where somebody is asked to decide.

        Not linked: the card links them, and a message would be edited again for each link.
        """
        if stored.request.state is not RequestState.PENDING:
            return []
        return [Related(one.request) for one in (await related(self._store, stored, claim)).beside]

    async def _choose(self, claim: Claim, request: Request) -> DirectState | float:
        """Decide once who is called, and say in the thread where that is not everybody.

        Or when to try again, where that is not known.
        """
        try:
            users, others = await self._approvers.to_call(
                request, self._up_to, now=claim.now, step=claim.item
            )
        except Refused:
            return claim.now + _LATER
        except SlackUnavailable as error:
            log.info("approver_lookup_failed", error=str(error))
            return claim.now + _SILENT_SECONDS
        if others:
            # First of all: done again after a crash, it finds that it was said.
            await self._store.requests.update(
                request.id, lambda r: reminders.called(r, claim.now, len(users))
            )
        messages = tuple(DirectMessage(user=user) for user in users)
        state = DirectState(chosen=True, others=others, messages=messages)
        await self._save(claim, request, state)
        return state

    async def _tend(
        self,
        claim: Claim,
        request: Request,
        state: DirectState,
        message: DirectMessage,
        wanted: Message,
    ) -> DirectState:
        """Bring one message one call closer; what is wrong with it is its own."""
        try:
            done = await self._call(claim, request, state, message, wanted)
        except ScopeMissing:
            raise
        except SlackRejected as error:
            known = {"request": request.id, "user": message.user, "code": error.code}
            log.info("direct_message_refused", **known)
            done = replace(message, posting=False, lost=error.code)
        except SlackUnavailable:
            state = await self._store.direct_states.get(claim.id)
            found = state.of(message.user)
            # The others come first the next time. It may show what it was to, or what it did.
            failed = replace(found, failures=found.failures + 1, shown="")
            await self._save(claim, request, state.with_message(failed))
            raise
        state = state.with_message(done)
        await self._save(claim, request, state)
        return state

    async def _call(
        self,
        claim: Claim,
        request: Request,
        state: DirectState,
        message: DirectMessage,
        wanted: Message,
    ) -> DirectMessage:
        """Do what comes next for a message; returns what is known of it then."""
        bears = metadata(request.id, DIRECT)
        if message.ts:
            where = (message.channel, message.ts)
            await self._slack.update(*where, *wanted, metadata=bears, priority=Priority.DIRECT)
            return replace(message, shown=content_hash(wanted))
        if not message.channel:
            if (known := self._channels.get(message.user)) is None:
                return replace(message, channel=await self._open(message.user))
            message = replace(message, channel=known)
        if message.posting:
            place = {"channel": message.channel, "since": str(request.created_at)}
            if found := await self._posted_messages.find(place, request.id, DIRECT):
                return replace(message, ts=found, posting=False)
        if _may_come_late(request, message, claim.now):
            # The others come first the next time.
            return replace(message, failures=message.failures + 1)
        if not request.undecided:
            return replace(message, posting=False, lost=str(request.state))
        await self._save(claim, request, state.with_message(replace(message, posting=True)))
        try:
            channel, ts = await self._slack.post(
                message.channel, *wanted, metadata=bears, priority=Priority.DIRECT
            )
        except SlackRateLimited:
            # Surely nothing was posted: there is nothing to look for the next time.
            await self._save(claim, request, state.with_message(replace(message, posting=False)))
            raise
        return replace(message, channel=channel, ts=ts, shown=content_hash(wanted), posting=False)

    async def _open(self, user: str) -> str:
        channel = await self._slack.open_direct(user)
        if len(self._channels) >= _MOST_CHANNELS:
            self._channels.clear()
        self._channels[user] = channel
        return channel

    async def _save(self, claim: Claim, request: Request, state: DirectState) -> None:
        retain = None if request.state.open else self._store.requests.retention
        await self._store.direct_states.save(claim, state, retain=retain)


def _todo(
    request: Request, state: DirectState, link: str, others: Sequence[Related]
) -> Iterator[tuple[DirectMessage, Message]]:
    """The messages with which something is left to do, and what they are to show."""
    for message in sorted(state.messages, key=lambda m: m.failures):
        wanted = direct_message(request, message.user, link, others)
        if _due(request, message, wanted):
            yield message, wanted


def _due(request: Request, message: DirectMessage, wanted: Message) -> bool:
    """Whether something is left to do for a message."""
    if message.lost:
        return False
    if message.ts:
        return message.shown != content_hash(wanted)
    return asks(request, message.user) or message.posting


def _may_come_late(request: Request, message: DirectMessage, now: float) -> bool:
    """Whether a message with buttons may yet appear, although nobody is asked any more."""
    decided_at = max((d.at for d in request.decisions), default=request.ended_at)
    over = not request.undecided
    return message.posting and over and now < decided_at + _LATE_SECONDS
