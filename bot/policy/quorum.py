"""Is it enough: what was decided, and those on whose word it rests. Pure; fails closed."""

from collections.abc import Mapping

from bot.errors import RefusalReason, Refused
from bot.models import Members, People, Person, Request, Terms, Verdict
from bot.policy.membership import require_member, require_readable
from bot.policy.rules import SIMPLE, Who

_ANEW = "Nothing was sent. Ask for it anew."
OVER = "Cancel or reject this request, and ask anew."
_FINAL = (Verdict.REJECTED, Verdict.CANCELLED, Verdict.EXPIRED, Verdict.STOPPED)


def approved_by(request: Request) -> tuple[str, ...]:
    """Who answers for the request, asked again right before something is sent for it (G1).

    These are the people who approved, or the one who broke the glass.

    Raises:
        Refused: The recorded decisions are not enough for the recorded terms.
    """
    if against := next((d for d in request.decisions if d.verdict in _FINAL), None):
        raise _not_enough(f"This request was {against.verdict}.")
    if not request.requester:
        raise _not_enough("It is not on record who asked for this.")
    if not request.terms.approvers.ids:
        raise _not_enough("It is not on record who might approve this.")
    return _alone(request) if request.glass_broken else _by_others(request)


def still_stands(
    request: Request,
    ask: Who,
    *,
    people: Mapping[str, Person | None],
    members: Members,
    home_team: str,
) -> None:
    """Whether those count still on whose word an approval rests: who asked, who approved before.

    `people` are they, as Slack shows them now; `ask`: who may ask by the policy of now.

    Raises:
        Refused: One of them has left, or may not ask any more.
    """
    for user in dict.fromkeys((request.requester, *request.approvers)):
        try:
            require_member(people.get(user), home_team)
        except Refused:
            what = "asked for this" if user == request.requester else "approved earlier"
            raise Refused(
                f"{user} {what} and is no member of this workspace now.",
                OVER,
                reason=RefusalReason.CHANGED,
            ) from None
    if not ask.include(request.requester, members):
        require_readable(ask.people, members, f"whether {request.requester} may still ask for this")
        raise Refused(
            f"{request.requester} may not ask for this any more.",
            OVER,
            reason=RefusalReason.CHANGED,
        )


def earlier_still_count(request: Request, terms: Terms, now: People, members: Members) -> None:
    """Whoever approved before has to be an approver by the policy and the groups of now."""
    for earlier in request.approvers:
        own = earlier == request.requester and not terms.self_approval
        if own or not now.include(earlier, members):
            require_readable(now, members, f"whether the approval of {earlier} still counts")
            raise Refused(
                f"{earlier} approved earlier and is no approver any more: "
                "the policy or a user group has changed since.",
                OVER,
                reason=RefusalReason.CHANGED,
            )
    if request.approvers and terms.typed and terms.typed != request.terms.typed:
        raise Refused(
            "The policy asks for more by now than it did when the first approval came.",
            OVER,
            reason=RefusalReason.CHANGED,
        )


def can_approve(requester: str, terms: Terms, members: Members) -> tuple[str, ...]:
    """Who is named to approve a request of `requester`, by person or by group, each once."""
    approvers = terms.approvers
    named = (*approvers.users, *(u for g in approvers.groups for u in sorted(members.get(g, ()))))
    alone = terms.self_approval
    return tuple(user for user in dict.fromkeys(named) if alone or user != requester)


def too_few_approvers(terms: Terms) -> Refused:
    """What whoever asks is told where too few of those named are members of the workspace."""
    who = "Nobody" if terms.approvals == 1 else f"No {terms.approvals} people"
    return Refused(
        f"{who} could approve this: of the approvers, too few are members of this workspace "
        "(not counting you, guests, bots and people who have left).",
        f"Ask an operator of this bot to look at {named_rule(terms.rule)} and its user groups.",
        reason=RefusalReason.NO_APPROVERS,
    )


def named_rule(rule: str) -> str:
    """A rule, in words."""
    return rule if rule == SIMPLE else f'rule "{rule}" of the policy'


def says_something(reason: str) -> bool:
    """Whether somebody could read it: a dot or an invisible sign is no reason."""
    return any(sign.isalnum() for sign in reason)


def _alone(request: Request) -> tuple[str, ...]:
    broke = [d for d in request.decisions if d.verdict is Verdict.BROKE_GLASS]
    if any(d.by != request.requester for d in broke):
        raise _not_enough("The glass was broken by somebody who did not ask for this.")
    if request.terms.countersign <= 0:
        raise _not_enough("The glass was broken where the policy does not allow that.")
    if not any(says_something(d.reason) for d in broke):
        raise _not_enough("The glass was broken without a reason.")
    return (request.requester,)


def _by_others(request: Request) -> tuple[str, ...]:
    approvers = request.approvers
    if not approvers:
        raise _not_enough("Nobody has approved this request.")
    if not all(approvers):
        raise _not_enough("It is not on record who approved this.")
    if request.requester in approvers and not request.terms.self_approval:
        raise _not_enough("The approval on record is the requester's own.")
    needed = max(1, request.terms.approvals)
    if len(approvers) < needed:
        raise _not_enough(f"Only {len(approvers)} of {needed} approvals are on record.")
    return approvers


def _not_enough(problem: str) -> Refused:
    return Refused(problem, _ANEW, reason=RefusalReason.NOT_ON_RECORD)
