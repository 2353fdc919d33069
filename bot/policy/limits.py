"""How much one person, one channel and one connection may have open, and how fast. Pure.

Limits are for floods, by mistake or by malice: nobody who works with their hands meets them. One
person meets their own before a connection or a channel is full for everybody.
"""

from collections.abc import Iterator
from enum import StrEnum

from bot.errors import RefusalReason, Refused
from bot.models import Request, Value

_MINUTE, _HOUR = 60.0, 3600.0

LONGEST = _HOUR
"""For how many seconds it has to be known who asked for what, at least."""


class Limits(Value, frozen=True):
    """So many at most. Cards are those that one person has asked for.

    These are for whoever sets none: a night in which two hundred routes have to go is no flood.
    """

    open_per_person: int = 300
    open_per_channel: int = 1000
    open_per_connection: int = 500
    cards_per_minute: int = 300
    break_glass_per_hour: int = 20


class Asking(Value, frozen=True):
    """Who asks for something, and where."""

    person: str
    channel: str
    connection: str
    glass: bool = False


def asking(request: Request) -> Asking:
    """The same of a request."""
    return Asking(
        person=request.requester,
        channel=request.channel,
        connection=connection(request.region, request.vpn_connection_id),
        glass=request.glass_broken,
    )


def connection(region: str, vpn_connection_id: str) -> str:
    """A connection as it is counted."""
    return f"{region}|{vpn_connection_id}"


class LimitKind(StrEnum):
    """What is counted."""

    PERSON = "open_per_person"
    CHANNEL = "open_per_channel"
    CONNECTION = "open_per_connection"
    CARDS = "cards_per_minute"
    GLASS = "break_glass_per_hour"


class Limit(Value, frozen=True):
    """At most `most` requests whose `field` (of `Asking`) is `value`.

    Those that are open, or where there are `seconds`, those of so many seconds; with `glass` only
    those that broke the glass.
    """

    kind: LimitKind
    field: str
    value: str
    most: int
    seconds: float = 0.0
    glass: bool = False


def limits_on(limits: Limits, asking: Asking) -> tuple[Limit, ...]:
    """What one more request is held to.

    An emergency is not held up by what others have open: break-glass is held to the limits of its
    own person alone.
    """
    return tuple(_broken(limits, asking) if asking.glass else _usual(limits, asking))


def _usual(limits: Limits, asking: Asking) -> Iterator[Limit]:
    yield Limit(LimitKind.CARDS, "person", asking.person, limits.cards_per_minute, _MINUTE)
    yield Limit(LimitKind.PERSON, "person", asking.person, limits.open_per_person)
    yield Limit(LimitKind.CONNECTION, "connection", asking.connection, limits.open_per_connection)
    yield Limit(LimitKind.CHANNEL, "channel", asking.channel, limits.open_per_channel)


def _broken(limits: Limits, asking: Asking) -> Iterator[Limit]:
    most = limits.break_glass_per_hour
    yield Limit(LimitKind.GLASS, "person", asking.person, most, _HOUR, glass=True)


def over(limit: Limit) -> Refused:
    """What whoever asks is told where a limit is reached."""
    problem, mend = _WORDS[limit.kind]
    return Refused(problem.format(limit.most), mend, reason=RefusalReason.LIMIT)


_WORDS = {
    LimitKind.PERSON: (
        "You have as many open requests as one person may have: {}.",
        "Withdraw one that is not needed (/vco-route status lists them), or wait until one ends.",
    ),
    LimitKind.CHANNEL: (
        "This channel has as many open requests as it may have: {}.",
        "Have some of them decided or withdrawn first: /vco-route status",
    ),
    LimitKind.CONNECTION: (
        "This connection has as many open requests as it may have: {}.",
        "Have some of them decided or withdrawn first: /vco-route status",
    ),
    LimitKind.CARDS: (
        "You have asked as often within a minute as one person may: {} times.",
        "Wait a minute, then ask again.",
    ),
    LimitKind.GLASS: (
        "You have broken the glass as often within an hour as one person may: {} times.",
        "Ask without it: somebody has to approve.",
    ),
}
