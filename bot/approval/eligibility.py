"""Whether somebody may decide, as Slack and the policy say at this moment.

What can be refused without asking Slack is refused without it. Then the groups are asked, which
are few, and only then the people, who are many: whoever is in no group of approvers costs one read
of the groups, which all share who ask at the same time. Of whoever was in them the last time the
people are asked at the same moment as the groups: all of it is as fresh, and none of it counts
before the groups do.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from bot.approval.refusals import Refusals
from bot.errors import RefusalReason, Refused, SlackError
from bot.models import Members, People, Person, Place, Request, Terms, Verdict
from bot.policy import (
    PolicySource,
    Who,
    authorize_on_record,
    authorize_verdict,
    require_member,
    require_visible,
    rule_now,
    still_stands,
)
from bot.policy.directory import Directory


class ProposedVerdict(NamedTuple):
    """What somebody wants to decide, and what for."""

    request: Request
    actor_id: str
    verdict: Verdict
    terms: Terms
    typed: str

    @property
    def outsider(self) -> tuple[object, ...]:
        """By what a refusal of somebody who is no approver is counted."""
        return self.actor_id, self.terms.approvers, self.request.terms.approvers


_MOST_KNOWN = 1000
"""How many people are remembered as approvers, to ask of them at once the next time."""


class _Seen(NamedTuple):
    """What Slack says of the people and of the channel."""

    home: str
    people: dict[str, Person | None]
    place: Place | None


class Eligibility:
    """Reads everything about people and channels that a verdict rests on."""

    def __init__(self, directory: Directory, policy: PolicySource, refusals: Refusals) -> None:
        """`refusals` says who is looked up no more for a while."""
        self._directory = directory
        self._policy = policy
        self._refusals = refusals
        self._were_approvers: dict[tuple[object, ...], None] = {}

    async def check(self, proposed: ProposedVerdict) -> None:
        """Return if the verdict may be recorded.

        Raises:
            Refused: It may not.
            SlackError: It could not be found out.
        """
        request, actor_id, verdict, terms, _ = proposed
        authorize_on_record(request, actor_id, verdict, terms=terms, members=None)
        early = None
        if proposed.outsider in self._were_approvers:
            early = asyncio.create_task(self._ask_people(proposed))
            early.add_done_callback(_heard)
        try:
            members, ask = await self._ask_groups(proposed)
            seen = await (early or self._ask_people(proposed))
        finally:
            if early is not None:
                early.cancel()
        self._judge(proposed, members, ask, seen)

    async def _ask_groups(self, proposed: ProposedVerdict) -> tuple[Members, Who]:
        """Who is in the groups, by which this verdict may be recorded; and who may ask now."""
        request, actor_id, verdict, terms, _ = proposed
        approving = verdict is Verdict.APPROVED
        ask = rule_now(self._policy.policy, request).ask if approving else Who()
        own = verdict is Verdict.STOPPED and actor_id == request.requester
        alone = own or verdict is Verdict.CANCELLED
        approvers = () if alone else (terms.approvers, request.terms.approvers)
        groups = [group for people in (*approvers, ask.people) for group in people.groups]
        wait = self._refusals.wait(proposed.outsider)
        if approvers and wait > 0:
            raise Refused(
                "You were refused several times just now, so this click was not looked into.",
                f"Click again in {wait:.0f} s if you may decide on this.",
                reason=RefusalReason.LIMIT,
            )
        members = await self._directory.members(dict.fromkeys(groups))
        if all(group in members for group in groups):
            # Otherwise Slack may be away: then it is no refusal, and the next look-up says so.
            try:
                self._may(proposed, members, approvers)
            except Refused as refusal:
                if refusal.reason is RefusalReason.NOT_APPROVER:
                    await self._require_member(actor_id)
                raise
        return members, ask

    async def _require_member(self, actor_id: str) -> None:
        """Guests hear that they are guests: to them it does not matter who the approvers are.

        It is only for the words, so where Slack does not say, they are refused all the same.
        """
        with suppress(SlackError):
            home = await self._directory.home_team()
            require_member(await self._directory.person(actor_id), home)

    def _may(
        self, proposed: ProposedVerdict, members: Members, approvers: Collection[People]
    ) -> None:
        request, actor_id, verdict, terms, typed = proposed
        try:
            authorize_on_record(
                request, actor_id, verdict, terms=terms, members=members, typed=typed
            )
        except Refused:
            if not any(people.include(actor_id, members) for people in approvers):
                self._refusals.looked_up(proposed.outsider)
                self._were_approvers.pop(proposed.outsider, None)
            raise
        if approvers:
            self._were_approvers[proposed.outsider] = None
            if len(self._were_approvers) > _MOST_KNOWN:
                del self._were_approvers[next(iter(self._were_approvers))]

    async def _ask_people(self, proposed: ProposedVerdict) -> _Seen:
        """What Slack says now of everybody who has to do with it, and of the channel."""
        request, actor_id, verdict, _, _ = proposed
        approving = verdict is Verdict.APPROVED
        asked = [actor_id, request.requester, *request.approvers] if approving else [actor_id]
        return _Seen(
            *await asyncio.gather(
                self._directory.home_team(),
                self._people(dict.fromkeys(asked)),
                self._directory.place(request.channel),
            )
        )

    @staticmethod
    def _judge(proposed: ProposedVerdict, members: Members, ask: Who, seen: _Seen) -> None:
        """Have the verdict let through by what Slack says."""
        request, actor_id, verdict, terms, typed = proposed
        approving = verdict is Verdict.APPROVED
        home, people, place = seen
        if approving:
            require_visible(place)
        authorize_verdict(
            request,
            people[actor_id],
            verdict,
            terms=terms,
            members=members,
            home_team=home,
            channel_shared=place is not None and place.shared,
            typed=typed,
        )
        if approving:
            still_stands(request, ask, people=people, members=members, home_team=home)

    async def _people(self, users: Collection[str]) -> dict[str, Person | None]:
        found = await asyncio.gather(*map(self._directory.person, users))
        return dict(zip(users, found, strict=True))


def _heard(early: asyncio.Task[_Seen]) -> None:
    """Where the groups have refused already, nobody has to hear of its error."""
    if not early.cancelled():
        early.exception()
