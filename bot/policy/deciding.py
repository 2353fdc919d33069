"""Who may ask, who may decide, and is it enough. Pure.

Everything fails closed: whoever can't be placed is refused. Groups and people are read from
Slack at the moment of the click and handed in; nothing is remembered here. Refusals are worded
for the person refused, who sees the card with the approvers' names on it.
"""

from bot.errors import Refused
from bot.models import Draft, Members, People, Person, Request, Terms, Verdict
from bot.policy.blocks import same_block
from bot.policy.rules import SIMPLE, Rule

_ANEW = "Nothing was sent. Ask for it anew."
_FINAL = (Verdict.REJECTED, Verdict.CANCELLED, Verdict.EXPIRED)


def member(actor: Person | None, home_team: str) -> Person:
    """A full member of our own workspace: nobody else may even look.

    Raises:
        Refused: They are none, or it is not known who they are.
    """
    if actor is None or not actor.id:
        raise Refused("Slack could not tell who you are.", "Try again in a moment.")
    if not home_team:
        raise Refused("It is not known which workspace this is.", "Try again in a moment.")
    if actor.team != home_team or actor.stranger:
        raise Refused("You belong to another organisation.", "Ask somebody of this workspace.")
    if actor.deleted:
        raise Refused("Your account is deactivated.", "Ask somebody of this workspace.")
    if actor.bot:
        raise Refused("Bots can't ask, decide or look here.", "A person has to.")
    if actor.guest:
        raise Refused("Guests can't ask, decide or look here.", "Ask a full member.")
    return actor


def colleague(actor: Person | None, *, home_team: str, channel_shared: bool) -> Person:
    """A full member of our own workspace, in a channel that is ours alone.

    Raises:
        Refused: Who it is, or where, does not allow anything.
    """
    person = member(actor, home_team)
    if channel_shared:
        raise Refused(
            "This channel is shared with another organisation.",
            "Use a channel of this workspace alone.",
        )
    return person


def may_ask(person: Person, draft: Draft, rule: Rule, members: Members) -> None:
    """Let a colleague ask for what the draft says, and break the glass where it says so.

    Raises:
        Refused: The rule does not allow it.
    """
    if not rule.ask.include(person.id, members):
        _readable(rule.ask.people, members, "whether you may ask for this")
        raise Refused(
            f"You are not one of those who may ask for this ({_named(rule.name)}).",
            "Ask one of them, or have the policy changed.",
        )
    if not draft.break_glass:
        return
    glass = rule.break_glass
    if glass is None:
        raise Refused(
            f"Break-glass is not allowed here ({_named(rule.name)}).",
            "Ask without it: somebody has to approve.",
        )
    if not glass.who.include(person.id, members):
        _readable(glass.who.people, members, "whether you may break the glass")
        raise Refused(
            f"You may not break the glass here ({_named(rule.name)}).",
            "Ask without it: somebody has to approve.",
        )
    if not draft.reason.strip():
        raise Refused("To break the glass you have to say why.", 'Add --reason "…".')


def decide(  # noqa: PLR0913 - all that a decision rests on, each given by name
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

    `terms` are those of the policy as it is now. Whether the request is still open is for the
    store to say, atomically, not for this.

    Raises:
        Refused: The actor, the place or the policy does not allow this verdict.
    """
    person = colleague(actor, home_team=home_team, channel_shared=channel_shared)
    match verdict:
        case Verdict.APPROVED:
            _second_person(request, person, alone=terms.self_approval)
            _approver(person, terms, members)
            _confirmed(terms, typed)
            _earlier_still_count(request, terms, members)
        case Verdict.REJECTED:
            _second_person(request, person, alone=terms.self_approval)
            _approver(person, terms, members)
        case Verdict.COUNTERSIGNED:
            _second_person(request, person, alone=False)
            _approver(person, terms, members)
        case Verdict.CANCELLED:
            _requester(request, person)
        case Verdict.EXPIRED:
            raise Refused("Nobody can let a request expire; time does.", "Reject it instead.")
        case Verdict.BROKE_GLASS:
            raise Refused("The glass is broken when asking, or not at all.", "Ask for it anew.")


def approved_by(request: Request) -> tuple[str, ...]:
    """Who answers for the request, asked again right before something is sent for it (G1).

    These are the people who approved, or the one who broke the glass.

    Raises:
        Refused: The recorded decisions are not enough for the recorded terms.
    """
    if against := next((d for d in request.decisions if d.verdict in _FINAL), None):
        raise Refused(f"This request was {against.verdict}.", _ANEW)
    if not request.requester:
        raise Refused("It is not on record who asked for this.", _ANEW)
    if not request.terms.approvers.ids:
        raise Refused("It is not on record who might approve this.", _ANEW)
    return _alone(request) if request.glass_broken else _by_others(request)


# --- who somebody is -------------------------------------------------------------------


def _requester(request: Request, person: Person) -> None:
    if person.id != request.requester:
        raise Refused(
            f"Only the person who asked for this {_noun(request)} can cancel it.",
            "An approver can reject it.",
        )


def _second_person(request: Request, person: Person, *, alone: bool) -> None:
    if not request.requester:
        raise Refused("It is not on record who asked for this.", "Ask for it anew.")
    if person.id == request.requester and not alone:
        raise Refused(
            f"You asked for this {_noun(request)}, so somebody else has to decide on it.",
            "You can cancel it, or ask one of the approvers named on the card.",
        )


def _approver(person: Person, terms: Terms, members: Members) -> None:
    approvers = terms.approvers
    if approvers.include(person.id, members):
        return
    _readable(approvers, members, "whether you may decide on this")
    if not approvers.users and not any(members.get(group) for group in approvers.groups):
        raise Refused(
            "There is nobody who may decide on this: no approver is set, or the groups are empty.",
            f"Ask an operator of this bot to look at {_named(terms.rule)}.",
        )
    raise Refused("You are not one of the approvers.", "Ask one of those named on the card.")


def _readable(people: People, members: Members, unknown: str) -> None:
    """Say so where it is a group that could not be read that makes the difference."""
    if unread := people.unread(members):
        raise Refused(
            f"Slack did not say who is in the user group {', '.join(unread)}, "
            f"so it is not known {unknown}.",
            "Try again in a moment, or ask somebody who is named in person.",
        )


# --- is it enough ----------------------------------------------------------------------


def _confirmed(terms: Terms, typed: str) -> None:
    if terms.typed and not same_block(typed, terms.typed):
        raise Refused(
            f"This is a wide route: to approve it, {terms.typed} has to be typed.",
            "Click Approve once more and type it into the form.",
        )


def _earlier_still_count(request: Request, terms: Terms, members: Members) -> None:
    """Whoever approved before has to be an approver by the policy and the groups of now."""
    mend = "Cancel or reject this request, and ask anew."
    for earlier in request.approvers:
        own = earlier == request.requester and not terms.self_approval
        if own or not terms.approvers.include(earlier, members):
            _readable(terms.approvers, members, f"whether the approval of {earlier} still counts")
            raise Refused(
                f"{earlier} approved earlier and is no approver any more: "
                "the policy or a user group has changed since.",
                mend,
            )
    if request.approvers and terms.typed and terms.typed != request.terms.typed:
        raise Refused(
            "The policy asks for more by now than it did when the first approval came.", mend
        )


def _alone(request: Request) -> tuple[str, ...]:
    broke = [d for d in request.decisions if d.verdict is Verdict.BROKE_GLASS]
    if any(d.by != request.requester for d in broke):
        raise Refused("The glass was broken by somebody who did not ask for this.", _ANEW)
    if request.terms.countersign <= 0:
        raise Refused("The glass was broken where the policy does not allow that.", _ANEW)
    if not any(d.reason.strip() for d in broke):
        raise Refused("The glass was broken without a reason.", _ANEW)
    return (request.requester,)


def _by_others(request: Request) -> tuple[str, ...]:
    approvers = request.approvers
    if not approvers:
        raise Refused("Nobody has approved this request.", _ANEW)
    if not all(approvers):
        raise Refused("It is not on record who approved this.", _ANEW)
    if request.requester in approvers and not request.terms.self_approval:
        raise Refused("The approval on record is the requester's own.", _ANEW)
    needed = max(1, request.terms.approvals)
    if len(approvers) < needed:
        raise Refused(f"Only {len(approvers)} of {needed} approvals are on record.", _ANEW)
    return approvers


def _named(rule: str) -> str:
    return rule if rule == SIMPLE else f'rule "{rule}" of the policy'


def _noun(request: Request) -> str:
    return {"delete": "deletion", "restore": "restoration"}[request.operation]
