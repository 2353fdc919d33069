"""Who somebody is, and whether it is known: a full member of our own workspace. Pure.

Everything fails closed: whoever can't be placed is refused.
"""

from bot.errors import RefusalReason, Refused
from bot.models import Members, People, Person, Place


def require_member(actor: Person | None, home_team: str) -> Person:
    """A full member of our own workspace: nobody else may even look.

    Raises:
        Refused: They are none, or it is not known who they are.
    """
    if actor is None or not actor.id:
        raise Refused(
            "Slack could not tell who you are.",
            "Try again in a moment.",
            reason=RefusalReason.UNKNOWN_PERSON,
        )
    if not home_team:
        raise Refused(
            "It is not known which workspace this is.",
            "Try again in a moment.",
            reason=RefusalReason.UNKNOWN_PERSON,
        )
    if actor.team != home_team or actor.stranger:
        raise Refused(
            "You belong to another organisation.",
            "Ask somebody of this workspace.",
            reason=RefusalReason.NOT_A_MEMBER,
        )
    if actor.deleted:
        raise Refused(
            "Your account is deactivated.",
            "Ask somebody of this workspace.",
            reason=RefusalReason.NOT_A_MEMBER,
        )
    if actor.bot:
        raise Refused(
            "Bots can't ask, decide or look here.",
            "A person has to.",
            reason=RefusalReason.NOT_A_MEMBER,
        )
    if actor.guest:
        raise Refused(
            "Guests can't use vco-route.", "Ask a full member.", reason=RefusalReason.NOT_A_MEMBER
        )
    return actor


def is_member(actor: Person | None, home_team: str) -> bool:
    """Whether that is a full member of our own workspace."""
    try:
        require_member(actor, home_team)
    except Refused:
        return False
    return True


def require_colleague(actor: Person | None, *, home_team: str, channel_shared: bool) -> Person:
    """A full member of our own workspace, in a channel that is ours alone.

    Raises:
        Refused: Who it is, or where, does not allow anything.
    """
    person = require_member(actor, home_team)
    if channel_shared:
        raise Refused(
            "This channel is shared with another organisation.",
            "Use a channel of this workspace alone.",
            reason=RefusalReason.CHANNEL,
        )
    return person


def require_visible(place: Place | None) -> None:
    """An approval needs a channel that is known to be ours alone.

    Raises:
        Refused: It can't be seen (any more).
    """
    if place is None:
        raise Refused(
            "I can't see the channel of this request any more, so I can't tell who reads along.",
            "Invite me there again: /invite @vco-route",
            reason=RefusalReason.CHANNEL,
        )


def require_readable(people: People, members: Members, unknown: str) -> None:
    """Say so where it is a group that could not be read that makes the difference."""
    if unread := people.unread(members):
        raise Refused(
            f"Slack did not say who is in the user group {', '.join(unread)}, "
            f"so it is not known {unknown}.",
            "Try again in a moment, or ask somebody who is named in person.",
            reason=RefusalReason.UNKNOWN_PERSON,
        )
