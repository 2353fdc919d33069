"""Who may ask, and who may decide. Pure; everything fails closed.

Groups and people are read from Slack at the moment of the click and handed in; nothing is
remembered here. Refusals are worded for the person refused, who sees the card with the approvers'
names on it.
"""

from bot.errors import RefusalReason, Refused
from bot.models import Draft, Members, Person, Request, Terms, Verdict
from bot.policy.blocks import same_block
from bot.policy.membership import require_colleague, require_readable
from bot.policy.quorum import OVER, earlier_still_count, named_rule, says_something
from bot.policy.rules import Rule
from bot.policy.terms import tightened


def authorize_submission(person: Person, draft: Draft, rule: Rule, members: Members) -> None:
    """Let a colleague ask for what the draft says, and break the glass where it says so.

    Raises:
        Refused: The rule does not allow it.
    """
    if not rule.ask.include(person.id, members):
        require_readable(rule.ask.people, members, "whether you may ask for this")
        raise Refused(
            f"You are not one of those who may ask for this ({named_rule(rule.name)}).",
            "Ask one of them, or have the policy changed.",
            reason=RefusalReason.NOT_ALLOWED,
        )
    if not draft.break_glass:
        return
    authorize_break_glass(person.id, rule, members)
    if not says_something(draft.reason):
        raise Refused(
            "To break the glass you have to say why.",
            'Add --reason "…".',
            reason=RefusalReason.NO_REASON,
        )


def authorize_break_glass(user: str, rule: Rule, members: Members | None) -> None:
    """Let somebody break the glass.

    `members` is None where no group was read yet: then only what needs none is checked.

    Raises:
        Refused: The rule does not allow it, or not them.
    """
    glass = rule.break_glass
    if glass is None:
        raise Refused(
            f"Break-glass is not allowed here ({named_rule(rule.name)}).",
            "Ask without it: somebody has to approve.",
            reason=RefusalReason.NOT_ALLOWED,
        )
    people = glass.who.people
    if members is None and people.groups:
        return
    if not glass.who.include(user, members or {}):
        require_readable(people, members or {}, "whether you may break the glass")
        raise Refused(
            f"You may not break the glass here ({named_rule(rule.name)}).",
            "Ask without it: somebody has to approve.",
            reason=RefusalReason.NOT_ALLOWED,
        )


def authorize_on_record(  # noqa: PLR0913 - all that it rests on, each given by name
    request: Request,
    actor_id: str,
    verdict: Verdict,
    *,
    terms: Terms,
    members: Members | None,
    typed: str = "",
) -> None:
    """Refuse a verdict by what the record and the groups say, whoever the actor is otherwise.

    `members` is None where no group was read yet: then only what needs none is checked.

    Raises:
        Refused: The policy does not allow this verdict.
    """
    match verdict:
        case Verdict.APPROVED:
            both = tightened(request.terms, terms)
            _second_person(request, actor_id, alone=both.self_approval)
            if members is not None:
                _approver_then_and_now(request, actor_id, terms, members)
                earlier_still_count(request, both, terms.approvers, members)
                _confirmed(both, typed)
        case Verdict.REJECTED | Verdict.COUNTERSIGNED:
            alone = terms.self_approval and verdict is Verdict.REJECTED
            _second_person(request, actor_id, alone=alone)
            if members is not None:
                _approver(actor_id, terms, members)
        case Verdict.CANCELLED:
            _requester(request, actor_id)
        case Verdict.STOPPED:
            if actor_id != request.requester and members is not None:
                _approver(actor_id, terms, members)
        case Verdict.EXPIRED:
            raise Refused(
                "Nobody can let a request expire; time does.",
                "Reject it instead.",
                reason=RefusalReason.NOT_ALLOWED,
            )
        case Verdict.BROKE_GLASS:
            raise Refused(
                "The glass is broken when asking, or not at all.",
                "Ask for it anew.",
                reason=RefusalReason.NOT_ALLOWED,
            )


def authorize_verdict(  # noqa: PLR0913 - all that a decision rests on, each given by name
    request: Request,
    actor: Person | None,
    verdict: Verdict,
    *,
    terms: Terms,
    members: Members,
    home_team: str,
    channel_shared: bool,
    typed: str = "",
) -> None:
    """Let the actor's verdict on the request through, or refuse it in words.

    `terms` are those of the policy as it is now; an approval has to meet those on record too.
    Whether the request is still open is for the store to say, atomically, not for this.

    Raises:
        Refused: The actor, the place or the policy does not allow this verdict.
    """
    person = require_colleague(actor, home_team=home_team, channel_shared=channel_shared)
    authorize_on_record(request, person.id, verdict, terms=terms, members=members, typed=typed)


def _requester(request: Request, actor_id: str) -> None:
    if actor_id != request.requester:
        raise Refused(
            f"Only the person who asked for this {_noun(request)} can cancel it.",
            "An approver can reject it.",
            reason=RefusalReason.NOT_ALLOWED,
        )


def _second_person(request: Request, actor_id: str, *, alone: bool) -> None:
    if not request.requester:
        raise Refused(
            "It is not on record who asked for this.",
            "Ask for it anew.",
            reason=RefusalReason.NOT_ON_RECORD,
        )
    if actor_id == request.requester and not alone:
        raise Refused(
            f"You asked for this {_noun(request)}, so somebody else has to decide on it.",
            "You can cancel it, or ask one of the approvers named on the card.",
            reason=RefusalReason.OWN_REQUEST,
        )


def _approver(actor_id: str, terms: Terms, members: Members) -> None:
    approvers = terms.approvers
    if approvers.include(actor_id, members):
        return
    require_readable(approvers, members, "whether you may decide on this")
    if not approvers.users and not any(members.get(group) for group in approvers.groups):
        raise Refused(
            "There is nobody who may decide on this: no approver is set, or the groups are empty.",
            f"Ask an operator of this bot to look at {named_rule(terms.rule)}.",
            reason=RefusalReason.NO_APPROVERS,
        )
    raise Refused(
        "You are not one of the approvers.",
        "Ask one of those named on the card.",
        reason=RefusalReason.NOT_APPROVER,
    )


def _approver_then_and_now(request: Request, actor_id: str, terms: Terms, members: Members) -> None:
    both = (request.terms.approvers, terms.approvers)
    may = [one.include(actor_id, members) for one in both]
    unknown = any(one.unread(members) for one in both)
    if any(may) and not all(may) and not unknown:
        raise Refused(
            "The approvers have changed since this was asked, and you were not one of them, "
            "or are not any more.",
            OVER,
            reason=RefusalReason.CHANGED,
        )
    _approver(actor_id, terms, members)
    _approver(actor_id, request.terms, members)


def _confirmed(terms: Terms, typed: str) -> None:
    if terms.typed and not same_block(typed, terms.typed):
        raise Refused(
            f"This is a wide route: to approve it, {terms.typed} has to be typed.",
            "Click Approve once more and type it into the form.",
            reason=RefusalReason.NOT_TYPED,
        )


def _noun(request: Request) -> str:
    return {"delete": "deletion", "restore": "restoration"}[request.operation]
