"""1 to 3: from a draft to a pending request, after every check.

Nothing is stored unless the person may ask, the bot can post the card, the policy allows it,
and the live routes are exactly what was asked for.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from bot import lifecycle
from bot.approval.candidates import Candidates
from bot.approval.refusals import Refusals
from bot.command import Restore, render
from bot.command.commands import spelled
from bot.errors import NoSuchConnection, Offer, RefusalReason, Refused, Unclear
from bot.execution import Cloud
from bot.execution.finding import Finder, Wanted, command_of
from bot.execution.reading import Readings
from bot.metrics import REFUSALS
from bot.models import (
    Decision,
    Draft,
    Event,
    EventKind,
    Person,
    Place,
    Request,
    RequestState,
    Snapshot,
    Terms,
    Verdict,
)
from bot.policy import (
    Matter,
    PolicySource,
    Rule,
    authorize_submission,
    check_age,
    done_by,
    require_colleague,
    rule_for,
    same_block,
    terms_for,
)
from bot.policy.directory import Directory
from bot.policy.limits import Asking, asking, connection, limits_on
from bot.preview.resolve import obstacle
from bot.preview.snapshot import fingerprint, snapshot
from bot.store import Audit, OutOfTime, Requests

log = structlog.get_logger(__name__)


class Confirmed(NamedTuple):
    """What somebody saw in the form of break-glass, by its fingerprint, and typed there."""

    seen: str
    typed: str


class Submitter:
    """Turns drafts into pending requests, and into approved ones where the glass is broken."""

    def __init__(  # noqa: PLR0913, PLR0917 - the composition root hands over each part
        self,
        requests: Requests,
        audit: Audit,
        directory: Directory,
        cloud: Cloud,
        now: Callable[[], Awaitable[float]],
        policy: PolicySource,
        readings: Readings,
        finder: Finder,
        refusals: Refusals | None = None,
        lately: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        """`policy` says who may ask, and what each request has to meet.

        `now` is the store's clock, `lately` the same as it was told a moment ago.
        """
        self._finder = finder
        self._readings = readings
        self._refusals = refusals or Refusals()
        self._requests = requests
        self._audit = audit
        self._directory = directory
        self._cloud = cloud
        self._now = now
        self._lately = lately or now
        self._policy = policy
        self._candidates = Candidates(directory)

    async def submit(  # noqa: PLR0913 - what is asked for, by whom, where and when
        self,
        request_id: str,
        draft: Draft,
        *,
        requester: str,
        channel: str,
        elsewhere: bool = False,
        said_at: float | None = None,
        confirmed: Confirmed | None = None,
    ) -> Request:
        """Preview `draft` and store it as pending, for a card in `channel`.

        `elsewhere`: that is not the channel in which the person asked. `said_at`: when they asked,
        None for now. `confirmed`: what they saw and typed in the form of break-glass, None where
        they have not been shown it.

        Raises:
            Refused: the person, the channel, the policy or a limit does not allow it; audited.
            Unclear: it is not sure which connection is meant, or break-glass needs its form.
            TooLate: it was asked for too long ago.
            PreviewError: the live routes are not what was asked for.
            AlreadyOpen: an open request is about one of these routes.
            AlibabaError, SlackError, StoreError: something could not be read; nothing is stored.
            StillReading: the routes are being read; ask again in a moment.
        """
        check_age(said_at, await self._lately())
        limits = self._policy.policy.limits
        try:
            # Before anything is read for it; and once more when it is stored.
            await self._requests.check_limits(limits_on(limits, _asking(draft, requester, channel)))
            request = await self._prepare(
                request_id,
                draft,
                requester=requester,
                channel=channel,
                elsewhere=elsewhere,
                confirmed=confirmed,
            )
            if request.glass_broken:
                check_age(said_at, await self._now())
                await self._supersede(request)
            created = await self._requests.create(
                request, limits_on(limits, asking(request)), by=done_by(said_at)
            )
        except OutOfTime:
            check_age(said_at, await self._now())
            raise
        except Refused as refusal:
            await self._refused(request_id, requester, _wanted(draft), refusal)
            raise
        rule = request.terms.rule
        log.info("request_submitted", request=request_id, routes=len(request.routes), rule=rule)
        return created

    async def _refused(
        self, request_id: str, requester: str, wanted: str, refusal: Refused
    ) -> None:
        REFUSALS.labels(wanted.replace(" ", "_"), refusal.reason.value).inc()
        details = {"wanted": wanted, "why": refusal.problem}
        if self._refusals.audited(requester):
            event = Event(
                kind=EventKind.REFUSED, at=await self._now(), by=requester, details=details
            )
            await self._audit.append(request_id, event, cause=request_id)

    async def _supersede(self, request: Request) -> None:
        """Cancel what still waits for an approval in favour of what broke the glass.

        Where something that is approved already, or runs, is in the way, all stays as it is: this
        request is the one too many.
        """
        holders = await self._requests.holders(request)
        if any(other.state is not RequestState.PENDING for other in holders):
            return
        said = f"superseded by {request.id}, which broke the glass"
        cancelled = Decision(
            verdict=Verdict.CANCELLED, by=request.requester, at=request.created_at, reason=said
        )
        for other in holders:
            await self._requests.update(other.id, lambda r: lifecycle.record_decision(r, cancelled))

    async def _prepare(  # noqa: PLR0913 - what is asked for, by whom, and where
        self,
        request_id: str,
        draft: Draft,
        *,
        requester: str,
        channel: str,
        elsewhere: bool,
        confirmed: Confirmed | None,
    ) -> Request:
        """The request as it would be stored."""
        policy = self._policy.policy
        person = await self._person(requester, channel, elsewhere=elsewhere)
        # Only now: a name that is looked up shows which connections there are.
        draft = await self._finder.draft(draft)
        rule = rule_for(
            policy,
            Matter(region=draft.region, vpn_connection_id=draft.vpn_connection_id, channel=channel),
        )
        await self._may(person, draft, rule)
        at, seen = await self._read(request_id, draft)
        # What is protected, and what is wide, is known only of routes that are there.
        blocks = [target.route.network for target in seen.targets]
        terms = terms_for(policy, rule, blocks, draft.operation)
        if draft.break_glass:
            _check_confirmed(draft, terms, seen, confirmed)
        else:
            await self._candidates.check(requester, terms)
        return lifecycle.new_request(
            id=request_id,
            draft=draft,
            snapshot=seen,
            requester=requester,
            channel=channel,
            at=at,
            terms=terms,
        )

    async def _person(self, requester: str, channel: str, *, elsewhere: bool) -> Person:
        home = await self._directory.home_team()
        actor = await self._directory.person(requester)
        place = await self._directory.place(channel)
        shared = place is not None and place.shared
        person = require_colleague(actor, home_team=home, channel_shared=shared)
        # A place that can't be seen is refused here, with a better mend.
        if elsewhere:
            check_approval_channel(channel, place)
        check_place(place)
        return person

    async def _may(self, person: Person, draft: Draft, rule: Rule) -> None:
        groups = rule.ask.people.groups
        if draft.break_glass and rule.break_glass:
            groups = (*groups, *rule.break_glass.who.people.groups)
        members = await self._directory.members(dict.fromkeys(groups)) if groups else {}
        authorize_submission(person, draft, rule, members)

    async def _read(self, request_id: str, draft: Draft) -> tuple[float, Snapshot]:
        """When we looked, and what the approver will be shown."""
        try:
            reading = await self._readings.read(
                request_id,
                self._cloud,
                draft.region,
                draft.vpn_connection_id,
                bgp=True,
                # Where there is an obstacle its routes can't be read either: that would hide it.
                readable=lambda connection: not obstacle(connection),
            )
        except NoSuchConnection:
            if draft.exact:
                raise
            wanted = Wanted(vpn_connection_id=draft.vpn_connection_id, region=draft.region)
            raise await self._finder.missing(wanted, command_of(draft)) from None
        at = await self._lately()
        return at, snapshot(draft, reading.connection, reading.listed, at=at)


def _asking(draft: Draft, requester: str, channel: str) -> Asking:
    return Asking(
        person=requester,
        channel=channel,
        connection=connection(draft.region, draft.vpn_connection_id),
        glass=draft.break_glass,
    )


def _check_confirmed(
    draft: Draft, terms: Terms, seen: Snapshot, confirmed: Confirmed | None
) -> None:
    """Nobody goes ahead alone who has not seen what it does, or not typed how wide it is.

    Raises:
        Unclear: they have not seen it, or something else; the form is offered.
        Refused: they have typed something else.
    """
    offered = (Offer(command_for(draft), "The form shows what it does, and asks why."),)
    if confirmed is None:
        raise Unclear(
            "Break-glass runs at once, without an approval, so it is confirmed in a form.",
            "Nothing was recorded.",
            offered,
        )
    if terms.typed and not same_block(confirmed.typed, terms.typed):
        raise Refused(
            f"This is a wide route: for break-glass, {terms.typed} has to be typed.",
            "Nothing was recorded. Open the form once more.",
            reason=RefusalReason.NOT_TYPED,
        )
    if confirmed.seen != fingerprint(seen):
        raise Unclear(
            "The routes have changed since the form was opened.", "Nothing was recorded.", offered
        )


def command_for(draft: Draft) -> str:
    """The command that asks for what a draft says."""
    if not draft.origin:
        return render(draft)
    wanted = Restore(request_id=draft.origin, reason=draft.reason, break_glass=draft.break_glass)
    return spelled(wanted, None)


def _wanted(draft: Draft) -> str:
    return "break glass" if draft.break_glass else "ask"


def check_approval_channel(channel: str, place: Place | None) -> None:
    """Whether a card can be posted in the one channel that is set for all of them.

    Raises:
        Refused: naming it, for the requester is somewhere else.
    """
    if place is not None and place.member and not (place.archived or place.direct):
        return
    why = "which is archived" if place is not None and place.archived else "where I can't post"
    raise Refused(
        f"Cards go to {channel} (VCO_APPROVAL_CHANNEL), {why}, so nobody could approve.",
        "Invite me there (/invite @vco-route), or have the setting changed.",
        reason=RefusalReason.CHANNEL,
    )


def check_place(place: Place | None) -> None:
    """Whether a card can be posted there.

    Raises:
        Refused: with the way to mend it.
    """
    if place is not None and place.archived:
        raise Refused(
            "This channel is archived.",
            "Ask in one that people still read.",
            reason=RefusalReason.CHANNEL,
        )
    if place is None or place.direct or not place.member:
        raise Refused(
            "I can't post here, so nobody could approve.",
            "Ask in a channel I am in, or invite me to this one: /invite @vco-route",
            reason=RefusalReason.CHANNEL,
        )
