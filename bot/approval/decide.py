"""3 Approval: record a decision, once, by somebody who may make it.

Who the person is, who is in the groups and what kind of channel it is are asked of Slack
afresh for every decision, and the policy is asked as it is at that moment. What was looked at is
what is decided on: the record is changed by compare-and-set, so that of any number of clicks one
wins and all others learn who was first.
"""

from collections.abc import Awaitable, Callable
from math import inf
from typing import NamedTuple

import structlog

from bot import lifecycle
from bot.approval.eligibility import Eligibility, ProposedVerdict
from bot.approval.refusals import Refusals
from bot.errors import RefusalReason, Refused, StoreError, UserError
from bot.metrics import REFUSALS
from bot.models import (
    Decision,
    Event,
    EventKind,
    Request,
    RequestState,
    Terms,
    Verdict,
)
from bot.policy import PolicySource, check_age, done_by, terms_now, tightened
from bot.policy.directory import Directory
from bot.store import Audit, OutOfTime, Requests, Stored

log = structlog.get_logger(__name__)

_ATTEMPTS = 20
"""How often a decision is checked anew because others decide at the same time."""


class Result(NamedTuple):
    """A request after a click, and whether that click's decision is on record."""

    request: Request
    decided: bool


class _Checked(NamedTuple):
    """The request that was read, and the terms under which a verdict may be recorded."""

    request: Request
    terms: Terms


class _OvertakenError(Exception):
    """The request has changed since it was read: read it again."""


class Approval:
    """Decides on pending requests."""

    def __init__(  # noqa: PLR0913, PLR0917 - the composition root hands over each part
        self,
        requests: Requests,
        audit: Audit,
        directory: Directory,
        policy: PolicySource,
        now: Callable[[], Awaitable[float]],
        refusals: Refusals | None = None,
        lately: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        """Record in `requests` what `policy` lets people decide; `now` is the store's clock.

        `lately`: the same as it was told a moment ago. What is too late by the clock itself is
        found as it is written.
        """
        self._refusals = refusals or Refusals()
        self._requests = requests
        self._audit = audit
        self._eligibility = Eligibility(directory, policy, self._refusals)
        self._policy = policy
        self._now = now
        self._lately = lately or now

    async def decide(  # noqa: PLR0913 - what was clicked, and what was said with it
        self,
        request_id: str,
        actor_id: str,
        verdict: Verdict,
        reason: str = "",
        *,
        typed: str = "",
        delivery: str = "",
        said_at: float | None = None,
    ) -> Result:
        """Record `verdict` by `actor_id` if they may, and if nobody was first.

        `typed` is what was typed to confirm, where the policy asks for that. `delivery` names
        the click: a refusal of it is audited once, however often it is handled. `said_at`: when
        it was clicked, None for now.

        Raises:
            UserError: the request is not known, or the click is too old.
            Refused: this person may not; the refusal is audited.
            SlackError, StoreError: it could not be found out or written; nothing was recorded.
        """
        for _ in range(_ATTEMPTS):
            stored = await self._stored(request_id)
            request = stored.request
            if request.state is not RequestState.PENDING:
                return Result(request, decided=False)
            if any((d.by, d.verdict) == (actor_id, verdict) for d in request.decisions):
                return Result(request, decided=False)
            check_age(said_at, await self._lately())
            checked = await self._check(request, actor_id, verdict, delivery, typed)
            at = await self._lately()
            check_age(said_at, at)
            mine = Decision(verdict=verdict, by=actor_id, at=at, reason=reason)
            by = min(request.expires_at, done_by(said_at))
            if at >= request.expires_at:
                mine, by = Decision(verdict=Verdict.EXPIRED, by="", at=at), inf
            try:
                result = await self._decide(checked, mine, stored, by)
            except _OvertakenError:
                continue
            except OutOfTime:
                # It was later than was thought: look again, by the store's clock.
                await self._now()
                continue
            decided = mine in result.decisions and mine.by == actor_id
            log.info("decision", request=request_id, verdict=verdict.value, decided=decided)
            return Result(result, decided=decided)
        raise StoreError(f"request {request_id} changes too often to be decided on")

    async def countersign(
        self,
        request_id: str,
        actor_id: str,
        reason: str = "",
        *,
        delivery: str = "",
        said_at: float | None = None,
    ) -> Result:
        """Record that an approver has looked at a request that broke the glass, in any state.

        `reason` says what they made of it.

        Raises:
            UserError, Refused, SlackError, StoreError: as `decide` does.
        """
        request = await self._known(request_id)
        if not request.glass_broken:
            raise UserError(f"There is nothing to countersign for {request_id}.")
        if request.countersigned:
            return Result(request, decided=False)
        check_age(said_at, await self._now())
        await self._check(request, actor_id, Verdict.COUNTERSIGNED, delivery)
        at = await self._now()
        check_age(said_at, at)
        mine = Decision(verdict=Verdict.COUNTERSIGNED, by=actor_id, at=at, reason=reason)
        result = await self._record(request_id, lambda r: lifecycle.countersign(r, mine))
        log.info("countersigned", request=request_id, decided=mine in result.decisions)
        return Result(result, decided=mine in result.decisions)

    async def stop(
        self, request_id: str, actor_id: str, *, delivery: str = "", said_at: float | None = None
    ) -> Result:
        """Stop what was approved, as long as nothing of it was accepted or may have been.

        Of a stop and a send at the same instant one is recorded first, and the other is not done.

        Raises:
            UserError, Refused, SlackError, StoreError: as `decide` does.
        """
        request = await self._known(request_id)
        if not request.stoppable:
            return Result(request, decided=False)
        check_age(said_at, await self._now())
        await self._check(request, actor_id, Verdict.STOPPED, delivery)
        at = await self._now()
        check_age(said_at, at)
        mine = Decision(verdict=Verdict.STOPPED, by=actor_id, at=at)
        result = await self._record(request_id, lambda r: lifecycle.stop(r, mine))
        decided = mine in result.decisions
        log.info("stop_asked", request=request_id, decided=decided)
        if decided:
            # What is said of an end is never taken back, so a failover must not forget it.
            await self._requests.secured(result)
        return Result(result, decided=decided)

    async def _known(self, request_id: str) -> Request:
        return (await self._stored(request_id)).request

    async def _stored(self, request_id: str) -> Stored:
        stored = await self._requests.get(request_id)
        if stored is None:
            raise _unknown(request_id)
        return stored

    async def _record(
        self,
        request_id: str,
        change: Callable[[Request], Request],
        known: Stored | None = None,
        by: float = inf,
    ) -> Request:
        request = await self._requests.update(request_id, change, known=known, by=by)
        if request is None:
            raise _unknown(request_id)
        return request

    async def _decide(self, checked: _Checked, mine: Decision, known: Stored, by: float) -> Request:
        """Record a decision on the very request that was read, at the time `by` at the latest.

        Raises:
            OutOfTime: It is later.
            _OvertakenError: Meanwhile somebody else has decided too, or more is asked for.
        """
        seen = checked.request

        def change(found: Request) -> Request:
            same = (found.decisions, found.terms) == (seen.decisions, seen.terms)
            if found.state is RequestState.PENDING and not same:
                raise _OvertakenError
            return lifecycle.record_decision(found, mine, checked.terms)

        return await self._record(seen.id, change, known, by)

    async def _check(
        self, request: Request, actor_id: str, verdict: Verdict, delivery: str, typed: str = ""
    ) -> _Checked:
        """Read everything that this verdict rests on.

        Raises:
            Refused: It may not be recorded.
        """
        try:
            terms = self._terms(request, verdict)
            request = await self._adopt(request, tightened(request.terms, terms))
            await self._eligibility.check(ProposedVerdict(request, actor_id, verdict, terms, typed))
        except Refused as refusal:
            event = await self._refused(actor_id, verdict, refusal)
            if self._refusals.audited(actor_id):
                await self._audit.append(request.id, event, cause=delivery)
            raise
        return _Checked(request, tightened(request.terms, terms))

    def _terms(self, request: Request, verdict: Verdict) -> Terms:
        """What the policy asks now; what it asked then, for what only ever makes things safer.

        Raises:
            Refused: It does not allow this any more.
        """
        try:
            return terms_now(self._policy.policy, request)
        except Refused as refusal:
            if verdict is not Verdict.APPROVED:
                return request.terms
            raise Refused(
                f"The policy has changed since this was asked: {refusal.problem}",
                "Reject or cancel this request.",
                reason=RefusalReason.CHANGED,
            ) from None

    async def _adopt(self, request: Request, terms: Terms) -> Request:
        """Let the card ask for all that is asked for by now, as long as nobody has approved."""
        if request.state is not RequestState.PENDING or terms == request.terms:
            return request
        at = await self._now()
        return await self._record(request.id, lambda r: lifecycle.demand(r, terms, at))

    async def _refused(self, actor_id: str, verdict: Verdict, refusal: Refused) -> Event:
        REFUSALS.labels(verdict.value, refusal.reason.value).inc()
        log.info("refused", by=actor_id, wanted=verdict.value, why=refusal.problem)
        details = {"wanted": verdict.value, "why": refusal.problem}
        return Event(kind=EventKind.REFUSED, at=await self._now(), by=actor_id, details=details)


def _unknown(request_id: str) -> UserError:
    # A card that is older than the records, or a database that has lost them.
    log.warning("request_unknown", request=request_id)
    return UserError(
        f"Request {request_id} is not known any more. Nothing was done by this.",
        "Please ask again; where its card says that something is under way, nobody is at it: "
        "look at the route in the console first.",
    )
