"""People, places, and what people decide."""

from enum import StrEnum

from bot.models.value import Value


class Person(Value, frozen=True):
    """A Slack user as `users.info` shows it at the moment of a decision."""

    id: str
    team: str
    name: str = ""
    deleted: bool = False
    bot: bool = False
    guest: bool = False
    stranger: bool = False


class Place(Value, frozen=True):
    """A Slack channel as `conversations.info` shows it: may the bot post there, who reads it."""

    id: str
    member: bool = False
    shared: bool = False
    archived: bool = False
    direct: bool = False


class Verdict(StrEnum):
    """What a decision says.

    `BROKE_GLASS`: the requester went ahead alone, as the policy allows in an emergency;
    `COUNTERSIGNED`: an approver has looked at that afterwards. `STOPPED`: what was approved is not
    to be done after all, and nothing was accepted yet.
    """

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    BROKE_GLASS = "broke_glass"
    COUNTERSIGNED = "countersigned"
    STOPPED = "stopped"


class Decision(Value, frozen=True):
    """One recorded decision; `by` is a Slack user ID, empty when time decided."""

    verdict: Verdict
    by: str
    at: float
    reason: str = ""
