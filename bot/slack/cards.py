"""5 Status: keep the card and the thread of a request true.

What is to be shown follows from the record. A step does one Slack call: post the card, edit
it when it looks different, or say the next line of the thread. When Slack is away, steps wait
and the record goes on; when it is back, the latest card and every line are still to come.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import structlog
from msgspec.structs import replace

from bot import lifecycle
from bot.errors import ScopeMissing, SlackError, SlackRateLimited, SlackRejected, SlackUnavailable
from bot.lifecycle import route_change
from bot.metrics import ALARMS, STAGE_SECONDS
from bot.models import Decision, Request, RequestState, Verdict
from bot.slack.bars import REFRESH_SECONDS, Bars
from bot.slack.budget import Priority
from bot.slack.messages.card import card
from bot.slack.messages.card_body import View
from bot.slack.messages.mrkdwn import Message
from bot.slack.messages.timeline import broadcast, forgotten, lines
from bot.slack.posted import CARD, PostedMessages, content_hash, metadata
from bot.slack.related import related, unlinked
from bot.slack.web import Slack
from bot.store import CardState, Claim, Store, Stored
from bot.store.viewers import EVERYBODY

log = structlog.get_logger(__name__)

_NO_EDITS = frozenset({"edit_window_closed", "cant_update_message"})
"""Answers to an edit alone: the card stays as it is, and its thread can still be written in."""

_FORGOTTEN = "outcome_forgotten"
"""Why a card is not edited any more: it shows an outcome of which the store knows nothing."""

_OUTCOMES = frozenset(
    (
        RequestState.DELETED,
        RequestState.RESTORED,
        RequestState.FAILED,
        RequestState.UNCONFIRMED,
    )
)

_PROGRESSING = (RequestState.APPROVED, RequestState.EXECUTING)

_NOT_SENT = "not_sent"
"""What the card of a request shows that failed before anything was sent: no outcome."""

_IN_A_STEP = 2.0
_PART_OF_LEASE = 8
"""Seconds in which a step goes on to what comes next, and at most such a part of its lease: the
call that it begins last has time left."""

_LINE = "line "
"""How the name of a post in the thread begins; the number of its last event follows."""


class PostedMessage(NamedTuple):
    """Where a message stands; `earlier`: an earlier try has posted it, as things were then."""

    channel: str
    ts: str
    earlier: bool


async def call_by_call(
    claim: Claim, call: Callable[[Claim], Awaitable[float | None]]
) -> float | None:
    """Go on to what is due at once, as long as there is time; returns when the next is due.

    What is due at once is done at once: another claim would read the same again.
    """
    until = time.monotonic() + min(_IN_A_STEP, (claim.until - claim.now) / _PART_OF_LEASE)
    while True:
        again_at = await call(claim)
        if again_at != claim.now or time.monotonic() > until:
            return again_at


class CardPublisher:
    """The worker's handler for `tell:<request>` items."""

    def __init__(
        self,
        slack: Slack,
        posted_messages: PostedMessages,
        store: Store,
        operation: float,
    ) -> None:
        """Tell through `slack` what `store` knows; `operation`: how long a change may take."""
        self._operation = operation
        self._slack = slack
        self._posted_messages = posted_messages
        self._store = store
        self._bars = Bars()

    async def step(self, claim: Claim) -> float | None:
        """Bring Slack closer to the record, call by call as long as there is time."""
        return await call_by_call(claim, self._call)

    async def _call(self, claim: Claim) -> float | None:
        found = await self._store.recorded_now(claim)
        if found is None:
            return None
        stored, posted = found
        if posted.lost:
            # Once more, so that it is forgotten with a request that has ended since.
            await self._save(claim, stored.request, posted)
            return None
        try:
            return await self._bring_closer(claim, stored, posted)
        except SlackRateLimited as error:
            return await self._store.database.lately() + error.retry_after
        except ScopeMissing:
            # That is the bot's and not the channel's: the worker tries again, later and later.
            raise
        except SlackRejected as error:
            return await self._rejected(claim, stored.request, posted, error)

    async def lost(self, claim: Claim) -> None:
        """A late edit may stand over a newer one: the card has to be shown again."""
        await self._store.card_states.doubt(claim.id)
        await self._store.work.wake(claim.item)

    async def give_up(self, claim: Claim) -> float | None:
        """Never: Slack comes back, and until then this costs a call now and then."""
        await self.step(claim)
        return claim.now

    async def _bring_closer(self, claim: Claim, stored: Stored, posted: CardState) -> float | None:
        request = stored.request
        view = await self._view(claim, stored)
        message = card(request, view)
        shown = content_hash(message)
        if posted.link:
            self._check_held_back(request, posted, shown)
        if not request.state.open:
            # What is said of an end is never taken back, so a failover must not forget it.
            await self._store.requests.secured(request)
        if not posted.card_ts:
            place = await self._post_once(claim, request, posted, CARD, message)
            STAGE_SECONDS.labels("card").observe(max(0.0, claim.now - request.created_at))
            posted = _placed(request, posted, place, shown)
        if not posted.link:
            await self._link(claim, request, posted)
            return claim.now
        if posted.shown != shown and not posted.fixed:
            await self._change(claim, request, posted, message, shown)
            return claim.now
        if posted.said < len(request.timeline):
            await self._post_lines(claim, request, posted)
            return claim.now
        untold = posted.fixed == _FORGOTTEN and _shows(request) not in _OUTCOMES
        if posted.shown != shown and not request.state.open and not untold:
            # It can't be edited: how it ended stands below it, with the buttons that there are.
            await self._post_once(claim, request, posted, f"{CARD} {shown}", message)
            done = replace(posted, shown=shown, posting="")
            await self._save(claim, request, done, last=False)
            return claim.now
        return self._look_again(claim, request, view)

    def _check_held_back(self, request: Request, posted: CardState, shown: str) -> None:
        """Return if a call that is due may be made: otherwise the store need not hear of it.

        Raises:
            SlackRateLimited: it is so.
        """
        calls = []
        if posted.shown != shown and not posted.fixed:
            calls.append(("chat.update", edit_priority(request, posted), ""))
        if posted.said < len(request.timeline):
            calls.append(("chat.postMessage", _post_priority(request, posted), posted.channel))
        self._slack.check_any(*calls)

    def _look_again(self, claim: Claim, request: Request, view: View) -> float | None:
        """When what is shown may be something else, though nobody says so."""
        if request.state in _PROGRESSING:
            return claim.now + self._bars.pause(claim.id)
        return claim.now + REFRESH_SECONDS if unlinked(view, claim.now) else None

    async def _change(
        self, claim: Claim, request: Request, posted: CardState, message: Message, shown: str
    ) -> None:
        """Edit the card and say the next lines; these also where edits alone are held back."""
        if outcome := await self._forgotten(request, posted):
            await self._leave(claim, request, posted, outcome)
            return
        try:
            edited = await self._edit(request, posted, message, shown)
        except SlackRateLimited:
            # The thread is limited by itself: a line doesn't wait for the card's edit.
            if posted.said == len(request.timeline):
                raise
            edited = posted
        except SlackUnavailable:
            # It may show that by now, or what it did: next it is edited, whatever it is to show.
            await self._save(claim, request, replace(posted, shown=""))
            raise
        else:
            if request.ended_at and request.state.value != posted.state:
                STAGE_SECONDS.labels("told").observe(max(0.0, claim.now - request.ended_at))
        # What the edit has shown is saved with the lines, or with their announcement.
        await self._post_lines(claim, request, edited)

    async def _forgotten(self, request: Request, posted: CardState) -> str:
        """The outcome that the card shows and the store has forgotten; empty: there is none.

        A database that went back (a failover that lost writes, a restored backup) has a request as
        it was before, and what was posted too. So the card is looked at before its first edit away
        from `pending`, and before one that says that nothing was done; an outcome that is known is
        shown without a look.
        """
        shows = _shows(request)
        at_risk = posted.state in ("", RequestState.PENDING) or not request.state.open
        if shows in _OUTCOMES or not at_risk:
            return ""
        found = await self._posted_messages.shows(posted.channel, posted.card_ts, request.id)
        return found if found in _OUTCOMES else ""

    async def _leave(self, claim: Claim, request: Request, posted: CardState, shows: str) -> None:
        """Leave a card that shows an outcome as it is, and say below it why."""
        await self._post_once(claim, request, posted, _FORGOTTEN, forgotten(request, shows))
        # Not before: whoever was taken over posts nothing, and the outcome is their successor's.
        log.error("outcome_forgotten", request=request.id, shows=shows, state=str(request.state))
        ALARMS.labels(_FORGOTTEN).inc()
        left = replace(posted, fixed=_FORGOTTEN, posting="")
        await self._save(claim, request, left, last=False)

    async def _edit(
        self, request: Request, posted: CardState, message: Message, shown: str
    ) -> CardState:
        urgency = edit_priority(request, posted)
        bears = metadata(request.id, CARD, _shows(request))
        where = (posted.channel, posted.card_ts)
        try:
            await self._slack.update(*where, *message, metadata=bears, priority=urgency)
        except SlackRejected as error:
            if error.code not in _NO_EDITS:
                raise
            log.warning("card_not_editable", request=request.id, code=error.code)
            return replace(posted, fixed=error.code)
        return replace(posted, shown=shown, state=str(request.state))

    async def _link(self, claim: Claim, request: Request, posted: CardState) -> None:
        """Save where the card stands, with the link to it if Slack says so now."""
        try:
            link = await self._slack.permalink(posted.channel, posted.card_ts)
        except SlackRejected as error:
            link = f"(no link: {error.code})"
        except SlackError:
            await self._save(claim, request, posted)
            raise
        # App Homes link to the card, and its approvers are called.
        calls = [f"dm:{request.id}"] if request.state is RequestState.PENDING else []
        linked = replace(posted, link=link)
        await self._save(claim, request, linked, wake=[*calls, EVERYBODY], last=False)

    async def _post_lines(self, claim: Claim, request: Request, posted: CardState) -> None:
        """Say all that is due in one post; of one that may be there already, just the same."""
        until = None
        if posted.posting.startswith(_LINE):
            until = int(posted.posting.removeprefix(_LINE))
        said, message = lines(request, posted.said, until)
        if message:
            await self._post_once(
                claim,
                request,
                posted,
                f"{_LINE}{said}",
                message,
                broadcast=broadcast(request.timeline[said - 1]),
            )
        told = replace(posted, said=said, posting="")
        await self._save(claim, request, told, last=False)

    async def _post_once(  # noqa: PLR0913 - what is posted, where, and how
        self,
        claim: Claim,
        request: Request,
        posted: CardState,
        part: str,
        message: Message,
        *,
        broadcast: bool = False,
    ) -> PostedMessage:
        """Post the card or a line of its thread, unless an earlier try turns out to have."""
        channel = posted.channel or request.channel
        if posted.posting == part:
            since = str(request.created_at)
            place = {"channel": channel, "thread_ts": posted.card_ts, "since": since}
            if found := await self._posted_messages.find(place, request.id, part):
                return PostedMessage(channel, found, earlier=True)
        else:
            await self._save(claim, request, replace(posted, posting=part))
        try:
            where = await self._slack.post(
                channel,
                *message,
                thread_ts=posted.card_ts,
                broadcast=broadcast,
                metadata=metadata(request.id, part, _shows(request) if part == CARD else ""),
                priority=_post_priority(request, posted),
            )
        except SlackRateLimited:
            # Surely nothing was posted: there is nothing to look for the next time.
            await self._save(claim, request, replace(posted, posting=""))
            raise
        return PostedMessage(*where, earlier=False)

    async def _view(self, claim: Claim, stored: Stored) -> View:
        view, request = await related(self._store, stored, claim), stored.request
        if request.state not in _PROGRESSING:
            return view
        waits = request.state is RequestState.APPROVED
        return replace(
            view,
            # In steps, so that a card is not edited for a second's difference.
            now=claim.now - claim.now % REFRESH_SECONDS,
            ahead=(await self._store.requests.position(request, claim) or 0) if waits else 0,
            usual=await self._store.rate_limits.usual(request.region),
            until=route_change.deadline(request, self._operation),
        )

    async def _rejected(
        self, claim: Claim, request: Request, posted: CardState, error: SlackRejected
    ) -> float | None:
        """Slack will not have it there: a new card goes to the requester directly."""
        log.warning("card_refused", request=request.id, code=error.code)
        if request.state is RequestState.PENDING and not posted.card_ts:
            why = f"The card could not be posted ({error.code}), so nobody could approve."
            no = Decision(verdict=Verdict.CANCELLED, by="", at=claim.now, reason=why)
            await self._store.requests.update(
                request.id, lambda r: lifecycle.record_decision(r, no)
            )
        if posted.channel == request.requester or posted.channel.startswith("D"):
            await self._save(claim, request, replace(posted, lost=error.code))
            return None
        direct = CardState(channel=request.requester, said=posted.said, doubt=posted.doubt)
        await self._save(claim, request, direct)
        return claim.now

    async def _save(
        self,
        claim: Claim,
        request: Request,
        posted: CardState,
        *,
        wake: Sequence[str] = (),
        last: bool = True,
    ) -> None:
        """Save what was posted; unless it is the `last` call of the step, all is read again."""
        retain = None if request.state.open else self._store.requests.retention
        states = self._store.card_states
        await states.save(claim, posted, retain=retain, wake=wake, then=None if last else request)


def edit_priority(request: Request, posted: CardState) -> Priority:
    """How urgent it is that a card changes: its end, its state, or only its bar."""
    if not request.state.open:
        return Priority.OUTCOME
    return Priority.CARD if posted.said < len(request.timeline) else Priority.PROGRESS


def _post_priority(request: Request, posted: CardState) -> Priority:
    """How urgent a post is: a card or an end, or a line on the way."""
    return Priority.LINE if request.state.open and posted.card_ts else Priority.OUTCOME


def _shows(request: Request) -> str:
    """What the card of a request says of it, in one word."""
    if request.state is RequestState.FAILED and not any(r.sends for r in request.routes):
        return _NOT_SENT
    return str(request.state)


def _placed(request: Request, posted: CardState, place: PostedMessage, shown: str) -> CardState:
    known, stands = ("", "") if place.earlier else (shown, str(request.state))
    said, line = lines(request, posted.said)
    return replace(
        posted,
        channel=place.channel,
        card_ts=place.ts,
        shown=known,
        state=stands,
        # Of what makes no line the card says enough.
        said=posted.said if line else said,
        posting="",
    )
