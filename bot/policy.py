"""3 approval, the policy: who may ask, who may decide, and is it enough.

Everything fails closed: whoever can't be placed is refused. Groups and people are read from
Slack at the moment of the click and handed in; nothing is remembered here. Refusals are worded
for the person refused, who sees the card with the approvers' names on it.
"""

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_network
from typing import Self

from bot.errors import Refused
from bot.models import Person, Request, Value, Verdict

_USER = re.compile(r"[UW][A-Z0-9]+")
_GROUP = re.compile(r"S[A-Z0-9]+")

Members = Mapping[str, Collection[str]]
"""User-group ID → the user IDs in it just now; a group that could not be read is missing."""


class Approvers(Value, frozen=True):
    """Who may approve or reject: users and the members of user groups, by their Slack IDs."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `VCO_APPROVERS`: IDs of users (U…, W…) and user groups (S…), comma-separated.

        Raises:
            ValueError: An item is no such ID, or there is none at all: unset means refuse.
        """
        items = dict.fromkeys(item for part in text.split(",") if (item := part.strip()))
        if not items:
            raise ValueError("names nobody: give IDs of users (U…, W…) or user groups (S…)")
        for item in items:
            if not _USER.fullmatch(item) and not _GROUP.fullmatch(item):
                raise ValueError(f"{item!r} is no ID of a user (U…, W…) or a user group (S…)")
        return cls(
            users=tuple(item for item in items if _USER.fullmatch(item)),
            groups=tuple(item for item in items if _GROUP.fullmatch(item)),
        )

    def include(self, user: str, members: Members) -> bool:
        """Whether the user is named, or is a member of a group that is and could be read."""
        return user in self.users or any(user in members.get(group, ()) for group in self.groups)

    def unread(self, members: Members) -> tuple[str, ...]:
        """The groups whose members could not be read."""
        return tuple(group for group in self.groups if group not in members)


def may_ask(actor: Person | None, *, home_team: str, channel_shared: bool) -> None:
    """Let a known colleague ask for a deletion in a channel of our own.

    Raises:
        Refused: Who it is, or where, does not allow it.
    """
    _known_colleague(actor, home_team)
    _own_channel(shared=channel_shared)


def decide(  # noqa: PLR0913 - all that a decision rests on, each given by name
    request: Request,
    actor: Person | None,
    verdict: Verdict,
    *,
    approvers: Approvers,
    members: Members,
    home_team: str,
    channel_shared: bool,
) -> None:
    """Let the actor's verdict on the request through, or refuse it in words.

    Whether the request is still open is for the store to say, atomically, not for this.

    Raises:
        Refused: The actor, the place or the policy does not allow this verdict.
    """
    person = _known_colleague(actor, home_team)
    _own_channel(shared=channel_shared)
    match verdict:
        case Verdict.APPROVED | Verdict.REJECTED | Verdict.COUNTERSIGNED:
            _second_person(request, person)
            _approver(person, approvers, members)
        case Verdict.CANCELLED:
            _requester(request, person)
        case _:
            raise Refused("Nobody can let a request expire; time does.", "Reject it instead.")


def confirmed(request: Request, typed: str) -> None:
    """Let an approval through if what its terms want typed was typed.

    Raises:
        Refused: It was not.
    """
    wanted = request.terms.typed
    if wanted and not same_block(typed, wanted):
        raise Refused(
            f"This is a wide route: to approve it, {wanted} has to be typed.",
            "Click Approve once more and type it into the form.",
        )


def approved_by(request: Request) -> tuple[str, ...]:
    """Who approved the request, asked again right before something is sent for it (G1).

    Raises:
        Refused: The recorded decisions are not enough.
    """
    mend = "Nothing was sent. Ask for the deletion anew."
    against = [d for d in request.decisions if d.verdict is not Verdict.APPROVED]
    if against:
        raise Refused(f"This request was {against[0].verdict}.", mend)
    approvers = tuple(dict.fromkeys(d.by for d in request.decisions))
    if not approvers:
        raise Refused("Nobody has approved this request.", mend)
    if len(approvers) < request.terms.approvals:
        needed = request.terms.approvals
        raise Refused(f"Only {len(approvers)} of {needed} approvals are on record.", mend)
    if not request.requester or not all(approvers):
        raise Refused("It is not on record who asked for this, or who approved it.", mend)
    if request.requester in approvers:
        raise Refused("The approval on record is the requester's own.", mend)
    return approvers


def _known_colleague(actor: Person | None, home_team: str) -> Person:
    if actor is None or not actor.id:
        raise Refused("Slack could not tell who you are.", "Try again in a moment.")
    if not home_team:
        raise Refused("It is not known which workspace this is.", "Try again in a moment.")
    if actor.team != home_team or actor.stranger:
        raise Refused("You belong to another organisation.", "Ask somebody of this workspace.")
    if actor.deleted:
        raise Refused("Your account is deactivated.", "Ask somebody of this workspace.")
    if actor.bot:
        raise Refused("Bots can't ask for deletions or decide on them.", "A person has to.")
    if actor.guest:
        raise Refused("Guests can't ask for deletions or decide on them.", "Ask a full member.")
    return actor


def _own_channel(*, shared: bool) -> None:
    if shared:
        raise Refused(
            "This channel is shared with another organisation.",
            "Use a channel of this workspace alone.",
        )


def _second_person(request: Request, person: Person) -> None:
    if not request.requester:
        raise Refused("It is not on record who asked for this.", "Ask for the deletion anew.")
    if person.id == request.requester:
        raise Refused(
            "You asked for this deletion, so somebody else has to decide on it.",
            "You can cancel it, or ask one of the approvers named on the card.",
        )


def _approver(person: Person, approvers: Approvers, members: Members) -> None:
    if approvers.include(person.id, members):
        return
    if unread := approvers.unread(members):
        raise Refused(
            f"Slack did not say who is in the user group {', '.join(unread)}, "
            "so it is not known whether you may decide on this.",
            "Try again in a moment, or ask an approver who is named in person.",
        )
    if not approvers.users and not any(members.get(group) for group in approvers.groups):
        raise Refused(
            "There is nobody who may decide on this: no approver is set, or the groups are empty.",
            "Ask an operator of this bot to look at VCO_APPROVERS.",
        )
    raise Refused("You are not one of the approvers.", "Ask one of those named on the card.")


def _requester(request: Request, person: Person) -> None:
    if person.id != request.requester:
        raise Refused(
            "Only the person who asked for this deletion can cancel it.",
            "An approver can reject it.",
        )


def same_block(typed: str, wanted: str) -> bool:
    """Whether what was typed is the block that had to be typed."""
    try:
        return ip_network(typed.strip()) == ip_network(wanted)
    except ValueError:
        return False
