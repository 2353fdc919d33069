"""Before a send: who asked, who approved and the policy are checked again.

Between an approval and its send there can be minutes, in a queue or before a busy connection.
Somebody may have left meanwhile, a group or the policy may have changed, a route may be protected
by now. What the policy file says is asked before every send; Slack is asked unless it was looked
at just now, for the decision itself or for an earlier send of the request.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress

from msgspec.structs import replace

from bot.errors import RefusalReason, Refused, SlackUnavailable
from bot.models import Members, Person, Request, Terms
from bot.policy import (
    PolicySource,
    Rule,
    Who,
    approved_by,
    rule_now,
    still_stands,
    terms_now,
    tightened,
)
from bot.policy.directory import Directory
from bot.policy.quorum import earlier_still_count

FRESH_SECONDS = 30.0
"""A check that is no older than this still counts."""

_REMEMBERED = 1000
"""How many requests are remembered as checked; the others are checked again."""


class Recheck:
    """Checks again who asked and who approved."""

    def __init__(self, directory: Directory, policy: PolicySource, *, seconds: float) -> None:
        """`seconds`: for how long Slack may take to answer."""
        self._directory = directory
        self._policy = policy
        self._seconds = seconds
        self._checked_at: dict[str, float] = {}

    async def check(self, request: Request, at: float) -> None:
        """Let a send at `at` through.

        Raises:
            Refused: It may not be sent any more, and why.
            SlackError: The policy allows it, but Slack did not say whether all are still there.
        """
        now = self._by_policy(request)
        decided = max((decision.at for decision in request.decisions), default=0.0)
        if at - max(decided, self._checked_at.get(request.id, 0.0)) <= FRESH_SECONDS:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._by_slack(request, now)
        except TimeoutError:
            raise SlackUnavailable("no answer about approvers in time") from None
        self._remember(request.id, at)

    def _by_policy(self, request: Request) -> Terms:
        """What the policy of now asks for, having seen that what is on record satisfies it."""
        try:
            now = terms_now(self._policy.policy, request)
            _satisfies(request, now)
        except Refused as refusal:
            problem = f"The policy has changed since this was approved: {refusal.problem}"
            raise _changed(problem, refusal.mend) from None
        return now

    async def _by_slack(self, request: Request, now: Terms) -> None:
        rule = rule_now(self._policy.policy, request)
        users = dict.fromkeys((request.requester, *request.approvers))
        groups = _groups(request, rule, now)
        home, found, members = await asyncio.gather(
            self._directory.home_team(),
            asyncio.gather(*map(self._directory.person, users)),
            self._directory.confirmed_members(groups),
        )
        people: dict[str, Person | None] = dict(zip(users, found, strict=True))
        # Who has left has left, whatever is known of the groups.
        still_stands(request, Who(anyone=True), people=people, members=members, home_team=home)
        if missing := [group for group in groups if group not in members]:
            raise SlackUnavailable(f"it did not say who is in {', '.join(missing)}")
        try:
            still_stands(request, rule.ask, people=people, members=members, home_team=home)
            if request.glass_broken:
                _may_still_break_the_glass(request, rule, members)
            else:
                earlier_still_count(request, request.terms, now.approvers, members)
        except Refused as refusal:
            if not (empty := [group for group in groups if not members[group]]):
                raise
            # Whoever reads that somebody may not do this any more wants to know why.
            nobody = f"Slack shows nobody in {', '.join(empty)}."
            raise _changed(f"{refusal.problem} {nobody}", refusal.mend) from None

    def _remember(self, request_id: str, at: float) -> None:
        self._checked_at.pop(request_id, None)
        self._checked_at[request_id] = at
        if len(self._checked_at) > _REMEMBERED:
            with suppress(StopIteration):
                del self._checked_at[next(iter(self._checked_at))]


def _satisfies(request: Request, now: Terms) -> None:
    """Whether what is on record is enough for the policy of now too."""
    both = tightened(request.terms, now)
    approved_by(replace(request, terms=both))
    if both.typed != request.terms.typed and not request.glass_broken:
        raise _changed("It asks for more by now: the prefix has to be typed.")
    if request.glass_broken and now.countersign <= 0:
        raise _changed("Break-glass is not allowed here any more.")


def _groups(request: Request, rule: Rule, now: Terms) -> Collection[str]:
    """The groups by which it is known whether all may still do what they did."""
    named = [*rule.ask.people.groups]
    if request.glass_broken:
        named += rule.break_glass.who.people.groups if rule.break_glass else ()
    else:
        named += now.approvers.groups
    return dict.fromkeys(named)


def _may_still_break_the_glass(request: Request, rule: Rule, members: Members) -> None:
    glass = rule.break_glass
    if glass is None or not glass.who.include(request.requester, members):
        raise _changed(f"{request.requester} may not break the glass here any more.")


def _changed(problem: str, mend: str = "") -> Refused:
    return Refused(problem, mend, reason=RefusalReason.CHANGED)
