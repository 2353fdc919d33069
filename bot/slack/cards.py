"""5 Status: keep the card and the thread of a request true.

What is to be shown follows from the record. A step does one Slack call: post the card, edit
it when it looks different, or say the next line of the thread. When Slack is away, steps wait
and the record goes on; when it is back, the latest card and every line are still to come.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
import structlog
from msgspec.structs import replace

from bot import lifecycle
from bot.errors import ScopeMissing, SlackRateLimited, SlackRejected
from bot.models import Decision, Request, RequestState, Verdict
from bot.slack.budget import Priority
from bot.slack.messages.card import Message, View, card
from bot.slack.messages.timeline import line
from bot.slack.posted import CARD, Traces, metadata
from bot.slack.web import Slack
from bot.store import Claim, Store, Told

log = structlog.get_logger(__name__)

_NO_EDITS = frozenset({"edit_window_closed", "cant_update_message"})
"""Answers to an edit alone: the card stays as it is, and its thread can still be written in."""

REFRESH_SECONDS = 3.0
"""How often a progress bar moves: slow enough for Slack's limit of about 50 edits a minute."""


class Posted(NamedTuple):
    """Where a message stands; `earlier`: an earlier try has posted it, as things were then."""

    channel: str
    ts: str
    earlier: bool


class Teller:
    """The engine's handler for `tell:<request>` items."""

    def __init__(
        self,
        slack: Slack,
        traces: Traces,
        store: Store,
        now: Callable[[], Awaitable[float]],
    ) -> None:
        """Tell through `slack` what `store` knows."""
        self._slack = slack
        self._traces = traces
        self._store = store
        self._now = now

    async def step(self, claim: Claim) -> float | None:
        """Bring Slack one call closer to the record."""
        stored = await self._store.requests.get(claim.id)
        if stored is None:
            return None
        told = await self._store.tellings.get(claim.id)
        if told.lost:
            # Once more, so that it is forgotten with a request that has ended since.
            await self._save(claim, stored.request, told)
            return None
        try:
            return await self._tell(claim, stored.request, told)
        except SlackRateLimited as error:
            return await self._now() + error.retry_after
        except ScopeMissing:
            # That is the bot's and not the channel's: the engine tries again, later and later.
            raise
        except SlackRejected as error:
            return await self._rejected(claim, stored.request, told, error)

    async def lost(self, claim: Claim) -> None:
        """A late edit may stand over a newer one: the card has to be shown again."""
        await self._store.tellings.doubt(claim.id)
        await self._store.work.wake(claim.item)

    async def give_up(self, claim: Claim) -> float | None:
        """Never: Slack comes back, and until then this costs a call now and then."""
        await self.step(claim)
        return claim.now

    async def _tell(self, claim: Claim, request: Request, told: Told) -> float | None:
        message = card(request, await self._view(claim, request))
        shown = _hash(message)
        if not told.card_ts:
            place = await self._post_once(claim, request, told, CARD, message)
            await self._save(claim, request, _placed(told, place, shown))
            return claim.now
        if not told.link:
            link = await self._link(told)
            await self._save(claim, request, replace(told, link=link))
            await self._store.viewers.changed()
            return claim.now
        if not request.state.open:
            # What is said of an end is never taken back, so a failover must not forget it.
            await self._store.requests.secured()
        if told.shown != shown and not told.fixed:
            if told.said < len(request.timeline):
                # More than the bar has moved. Homes don't wait for the card.
                await self._store.viewers.changed()
            await self._edit(claim, request, told, message, shown)
            return claim.now
        if told.said < len(request.timeline):
            await self._say(claim, request, told)
            return claim.now
        if told.shown != shown and not request.state.open:
            # It can't be edited: how it ended stands below it, with the buttons that there are.
            await self._post_once(claim, request, told, f"{CARD} {shown}", message)
            await self._save(claim, request, replace(told, shown=shown, posting=""))
            return claim.now
        progressing = request.state in (RequestState.APPROVED, RequestState.EXECUTING)
        return claim.now + REFRESH_SECONDS if progressing else None

    async def _edit(
        self, claim: Claim, request: Request, told: Told, message: Message, shown: str
    ) -> None:
        try:
            urgency = urgency_of_edit(request, told)
            await self._slack.update(told.channel, told.card_ts, *message, priority=urgency)
        except SlackRejected as error:
            if error.code not in _NO_EDITS:
                raise
            log.warning("card_not_editable", request=request.id, code=error.code)
            await self._save(claim, request, replace(told, fixed=error.code))
        else:
            await self._save(claim, request, replace(told, shown=shown))

    async def _link(self, told: Told) -> str:
        try:
            return await self._slack.permalink(told.channel, told.card_ts)
        except SlackRejected as error:
            return f"(no link: {error.code})"

    async def _say(self, claim: Claim, request: Request, told: Told) -> None:
        events = request.timeline[told.said :]
        lines = ((n, line(request, e)) for n, e in enumerate(events, start=told.said + 1))
        said, message = next(((n, m) for n, m in lines if m), (len(request.timeline), None))
        if message:
            await self._post_once(claim, request, told, f"line {said}", message)
        await self._save(claim, request, replace(told, said=said, posting=""))

    async def _post_once(
        self, claim: Claim, request: Request, told: Told, part: str, message: Message
    ) -> Posted:
        """Post the card or a line of its thread, unless an earlier try turns out to have."""
        channel = told.channel or request.channel
        if told.posting == part:
            since = str(request.created_at)
            place = {"channel": channel, "thread_ts": told.card_ts, "since": since}
            if found := await self._traces.find(place, request.id, part):
                return Posted(channel, found, earlier=True)
        else:
            await self._save(claim, request, replace(told, posting=part))
        try:
            where = await self._slack.post(
                channel,
                *message,
                thread_ts=told.card_ts,
                metadata=metadata(request.id, part),
                priority=Priority.LINE if request.state.open and told.card_ts else Priority.OUTCOME,
            )
        except SlackRateLimited:
            # Surely nothing was posted: there is nothing to look for the next time.
            await self._save(claim, request, replace(told, posting=""))
            raise
        return Posted(*where, earlier=False)

    async def _view(self, claim: Claim, request: Request) -> View:
        if request.state not in (RequestState.APPROVED, RequestState.EXECUTING):
            return View(now=0.0)
        return View(
            # In steps, so that a card is not edited for a second's difference.
            now=claim.now - claim.now % REFRESH_SECONDS,
            ahead=await self._store.requests.position(request) or 0,
            usual=await self._store.pace.usual(request.region),
        )

    async def _rejected(
        self, claim: Claim, request: Request, told: Told, error: SlackRejected
    ) -> float | None:
        """Slack will not have it there: a new card goes to the requester directly."""
        log.warning("card_refused", request=request.id, code=error.code)
        if request.state is RequestState.PENDING and not told.card_ts:
            why = f"The card could not be posted ({error.code}), so nobody could approve."
            no = Decision(verdict=Verdict.CANCELLED, by="", at=claim.now, reason=why)
            await self._store.requests.update(request.id, lambda r: lifecycle.decide(r, no))
        if told.channel == request.requester or told.channel.startswith("D"):
            await self._save(claim, request, replace(told, lost=error.code))
            return None
        direct = Told(channel=request.requester, said=told.said, doubt=told.doubt)
        await self._save(claim, request, direct)
        return claim.now

    async def _save(self, claim: Claim, request: Request, told: Told) -> None:
        retain = None if request.state.open else self._store.requests.retention
        await self._store.tellings.save(claim, told, retain=retain)


def urgency_of_edit(request: Request, told: Told) -> Priority:
    """How urgent it is that a card changes: its end, its state, or only its bar."""
    if not request.state.open:
        return Priority.OUTCOME
    return Priority.CARD if told.said < len(request.timeline) else Priority.PROGRESS


def _placed(told: Told, place: Posted, shown: str) -> Told:
    known = "" if place.earlier else shown
    return replace(told, channel=place.channel, card_ts=place.ts, shown=known, posting="")


def _hash(message: Message) -> str:
    return hashlib.sha256(msgspec.json.encode(message)).hexdigest()[:16]
