"""What happens in a round: who asks and clicks, and what goes wrong when. Values."""

from enum import StrEnum

import msgspec

from bot.models import Value
from bot.sandbox.slack.workspace import BOB, CAROL

APPROVERS = (BOB, CAROL)
"""The people of the user group that may approve."""


class Kind(StrEnum):
    """What goes wrong."""

    BOT_KILLED = "bot: kill -9"
    BOT_KILLED_AT_SEND = "bot: kill -9 at a send"
    BOT_STOPPED = "bot: SIGSTOP past its lease, SIGCONT"
    BOT_STOPPED_AT_SEND = "bot: SIGSTOP at a send, SIGCONT"
    BOT_RESTARTED = "bot: SIGTERM, started again"
    VALKEY_KILLED = "valkey: kill -9, restart"
    REPLY_LOST = "redis: reply lost after the effect"
    REDIS_CUT = "redis: connections cut"
    REDIS_SLOW = "redis: slow"
    WRITE_HELD = "redis: a write arrives after its lease"
    REDIS_FORBIDS = "redis: a command is forbidden for seconds"
    CLOCK_JUMPED = "redis: its clock jumps"
    FAILOVER = "valkey: a failover that forgets writes"
    REFUSED = "api: refused for good"
    LOST_BEFORE = "api: lost before the effect"
    LOST_AFTER = "api: answer lost after the effect"
    RESET = "api: connection reset"
    HTML_BEFORE = "api: 502 page before the effect"
    HTML_AFTER = "api: 502 page after the effect"
    SERVER_ERROR = "api: InternalError"
    THROTTLED = "api: Throttling with retry-after"
    BUSY = "api: TaskConflict for seconds"
    SLOW = "api: slow answer"
    HANG = "api: hangs, nothing done"
    HANG_AFTER = "api: hangs after the effect"
    EMPTY = "api: empty answer"
    TRUNCATED = "api: garbled answer"
    MISSING_FIELDS = "api: answer without its fields"
    NEVER_UPDATING = "api: task never shows"
    FAILS_SILENTLY = "api: task ends and changed nothing"
    ROUTE_ADDED = "elsewhere: route added"
    ROUTE_REMOVED = "elsewhere: our route removed"
    ROUTE_REPLACED = "elsewhere: our route replaced"
    STATE_CHANGED = "elsewhere: connection busy"
    SLACK_500 = "slack: 500"
    SLACK_429 = "slack: 429 with Retry-After"
    SLACK_HANG = "slack: hangs, then does it"
    SLACK_LOST = "slack: answer lost after the effect"
    SLACK_GARBLED = "slack: HTML instead of JSON"
    SLACK_OUTAGE = "slack: outage for seconds"
    REDELIVERED = "slack: everything delivered twice"
    SOCKET_CUT = "socket: all cut"
    SOCKET_REFUSED = "socket: edge refuses for seconds"
    SOCKET_HANGS = "socket: edge hangs for seconds"
    SOCKET_SILENT = "socket: open and silent"
    SOCKET_REFRESHED = "socket: told to come back"


ONLY_CHANGES = frozenset({Kind.REFUSED, Kind.BUSY, Kind.NEVER_UPDATING, Kind.FAILS_SILENTLY})
"""What only a deletion can meet."""


class Mode(StrEnum):
    """How Slack reaches the bots."""

    HTTP = "http"
    SOCKET = "socket"
    BOTH = "both"
    """Every other round by either."""


class Click(StrEnum):
    """What somebody does with a card."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    STOP = "stop"
    STORM = "storm"
    REPEAT = "repeat"


class Fault(Value, frozen=True):
    """One thing that goes wrong `at` seconds after the start.

    `seconds` is how long it lasts, `times` how many calls it hits, `skip` how many it lets
    through first. `target` is a bot or a connection, by its number; `detail` narrows it down to
    an action of the API, a method of Slack or a key of Redis.
    """

    at: float
    kind: Kind
    seconds: float = 0.0
    times: int = 1
    skip: int = 0
    target: int = 0
    detail: str = ""


class Act(Value, frozen=True):
    """Somebody does something `after` seconds from when they see the card."""

    after: float
    who: str
    click: Click


class Ask(Value, frozen=True):
    """Somebody asks for the deletion of routes (by number) of a connection (by number)."""

    at: float
    who: str
    label: str
    connection: int
    routes: tuple[int, ...]
    acts: tuple[Act, ...]


class Plan(Value, frozen=True):
    """A round. Times are in seconds; after `quiet_at` nothing goes wrong any more.

    `task_delay` is how long an accepted task does not show, `task_seconds` how long it then
    runs, `listing_lag` how much later the list of routes follows. `expiry` and `operation` are
    the bots' time-outs, `tiers` whether Slack keeps its rate limits, and `replica` whether Valkey
    has one, so that it can fail over.
    """

    seed: str
    number: int
    replicas: int
    lease: int
    connections: tuple[int, ...]
    task_delay: float
    task_seconds: float
    listing_lag: float
    asks: tuple[Ask, ...]
    faults: tuple[Fault, ...]
    quiet_at: float
    mode: Mode = Mode.HTTP
    expiry: int = 1800
    operation: int = 30
    tiers: bool = False
    replica: bool = False

    @property
    def kinds(self) -> frozenset[Kind]:
        """What goes wrong in it."""
        return frozenset(fault.kind for fault in self.faults)

    def __str__(self) -> str:
        """The plan as a person reads it, in the order of time."""
        head = (
            f"round {self.number} of {self.seed!r}: {self.replicas} replicas, "
            f"{self.mode}, lease {self.lease} s, task {self.task_delay:g}+{self.task_seconds:g} s, "
            f"expiry {self.expiry} s, operation {self.operation} s, "
            f"{'tiers, ' if self.tiers else ''}{'a replica, ' if self.replica else ''}"
            f"quiet at {self.quiet_at:g} s"
        )
        events = [(fault.at, _words(fault)) for fault in self.faults]
        events += [(ask.at, _words(ask)) for ask in self.asks]
        return "\n".join([head, *(f"{at:6.2f}  {words}" for at, words in sorted(events))])


def _words(thing: Fault | Ask) -> str:
    fields = msgspec.to_builtins(thing)
    fields.pop("at")
    acts = fields.pop("acts", ())
    words = " ".join(f"{name}={value}" for name, value in fields.items())
    clicks = "".join(f"\n          +{a['after']:.2f} {a['click']} by {a['who']}" for a in acts)
    return words + clicks
