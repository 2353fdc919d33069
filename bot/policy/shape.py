"""What a policy file may say: its tables, and for each key its type, its range and its mend.

A key that is wrong is noted and taken out, a wrong item of a list gives way to None (TOML has no
null): so everything here has a default, and all that is wrong is found at once.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.models.terms import WATCH_SECONDS
from bot.policy.limits import Limits

_IDS = "give a list of IDs of users (U…, W…) or user groups (S…)"
_GLOBS = "give a list of ids or globs in lower case, such as"
_NOT_EMPTY = Meta(min_length=1)
"""Nobody writes an empty list on purpose, and it could mean nobody as well as everybody."""

Ids = Annotated[
    list[Annotated[str, Meta(pattern=r"^[UWS][A-Z0-9]+\Z")] | None],
    Meta(min_length=1, description=_IDS),
]
AnyoneOrIds = Annotated[
    Literal["anyone"] | Ids, Meta(description=f'{_IDS}, or "anyone" without brackets')
]
# `!` and brackets are part of globs.
Globs = Annotated[list[Annotated[str, Meta(pattern=r"^[a-z0-9*?\[\]!-]+\Z")] | None], _NOT_EMPTY]
Channels = Annotated[
    list[Annotated[str, Meta(pattern=r"^[CG][A-Z0-9]+\Z")] | None],
    Meta(
        min_length=1,
        description="give a list of channel IDs (C… or G…; a name such as #ops is none)",
    ),
]
Prefixes = Annotated[
    list[str | None],
    Meta(min_length=1, description='give a list of texts, such as ["10.1.0.0/16 le 32"]'),
]
VISIBLE = "give a text of up to 100 signs, all of which can be seen"


USUAL = Limits()


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class WideTable(Table, frozen=True):
    """`wide = { ipv4 = 16, ipv6 = 32, approvals = 3 }`."""

    ipv4: Annotated[int, Meta(ge=0, le=32)] | None = None
    ipv6: Annotated[int, Meta(ge=0, le=128)] | None = None
    approvals: Annotated[int, Meta(ge=1, le=50)] | None = None


class GlassTable(Table, frozen=True):
    """`break_glass = { who = ["S0ONCALL"], countersign_hours = 12 }`."""

    who: AnyoneOrIds = []
    countersign_hours: Annotated[int, Meta(ge=1, le=30 * 24)] = 24


class RuleTable(Table, frozen=True):
    """One `[[rule]]`."""

    name: Annotated[str, Meta(max_length=100, description=VISIBLE)] = ""
    connections: Annotated[Globs, Meta(description=f'{_GLOBS} ["vco-p0w*"]')] = []
    regions: Annotated[Globs, Meta(description=f'{_GLOBS} ["cn-hangzhou"]')] = []
    channels: Channels = []
    ask: AnyoneOrIds = "anyone"
    approve: Ids = []
    approvals: Annotated[int, Meta(ge=1, le=50)] = 1
    wide: Annotated[WideTable, Meta(description="give a table, such as { ipv4 = 16 }")] | None = (
        None
    )
    protected: Prefixes = []
    self_approval: Annotated[bool, Meta(description="give true or false, without quotes")] = False
    break_glass: (
        Annotated[GlassTable, Meta(description='give a table, such as { who = ["S0ONCALL"] }')]
        | None
    ) = None
    expiry_minutes: Annotated[int, Meta(ge=1, le=24 * 60)] | None = None
    watch_minutes: Annotated[int, Meta(ge=0, le=120)] = int(WATCH_SECONDS) // 60


class LimitsTable(Table, frozen=True):
    """`[limits]`: so many at most, whatever the rules say."""

    open_per_person: Annotated[int, Meta(ge=1, le=10_000)] = USUAL.open_per_person
    open_per_channel: Annotated[int, Meta(ge=1, le=10_000)] = USUAL.open_per_channel
    open_per_connection: Annotated[int, Meta(ge=1, le=10_000)] = USUAL.open_per_connection
    cards_per_minute: Annotated[int, Meta(ge=1, le=10_000)] = USUAL.cards_per_minute
    break_glass_per_hour: Annotated[int, Meta(ge=1, le=10_000)] = USUAL.break_glass_per_hour


class PolicyTable(Table, frozen=True):
    """The whole file."""

    limits: Annotated[
        LimitsTable, Meta(description="give a table, such as [limits] with open_per_person = 20")
    ] = LimitsTable()
    rule: Annotated[list[RuleTable | None], Meta(description="begin each rule with [[rule]]")] = []
