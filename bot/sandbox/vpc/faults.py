"""Faults on demand: what the service does wrong, to which calls, and how often.

A fault hits calls that are signed and well formed. Those of `INSTEAD` strike before the
effect, those of `TASK` make the task itself go wrong, those of `INSIDE` are odd ways of the
service, those of `AFTER` spoil the answer of a call that succeeded; at each of these points the
fault added first strikes. Everything is
counted, nothing is random.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from bot.models import Value
from bot.sandbox.vpc.world import Twist


class FaultKind(StrEnum):
    """What goes wrong."""

    ERROR = "error"
    """Refused with `code`, `message` and `status`, for each of `times` calls."""
    THROTTLED = "throttled"
    """Refused with `code` or Throttling.User, and `retry_after_ms`."""
    BUSY = "busy"
    """Refused with `code` or TaskConflict; for `seconds` after its first hit, if given."""
    LOST_BEFORE = "lost_before"
    """The connection is closed without an answer, and nothing was done."""
    RESET = "reset"
    """The connection is reset (TCP RST), and nothing was done."""
    HTML_BEFORE = "html_before"
    """A gateway's 502 page, and nothing was done."""
    REDIRECT = "redirect"
    """A 302 to elsewhere, and nothing was done."""
    HANG = "hang"
    """No answer for `seconds`, or as long as the caller waits; nothing is done."""
    SLOW_BEFORE = "slow_before"
    """`seconds` pass, then the call is carried out and answered."""

    STUCK = "stuck"
    """The task never ends."""
    FAILS_SILENTLY = "fails_silently"
    """The task ends and has changed nothing."""
    NEVER_UPDATING = "never_updating"
    """The task works, and the connection shows `attached` all the time."""

    FLAPS = "flaps"
    """A listing of custom routes shows what the latest change was about, lacks it at the next
    call, shows it again, whatever is true; never before a change."""
    KEEPS_REFUSAL = "keeps_refusal"
    """Refused a change for whatever reason: its ClientToken is answered so ever after."""

    LOST_AFTER = "lost_after"
    """The call was carried out, and the connection is closed without an answer."""
    HANG_AFTER = "hang_after"
    """The call was carried out, and no answer comes for `seconds` or ever."""
    SLOW_AFTER = "slow_after"
    """The call was carried out, and the answer comes `seconds` later."""
    FAILED_AFTER = "failed_after"
    """The call was carried out, and is refused with `code`, `status` and `retry_after_ms`."""
    HTML_AFTER = "html_after"
    """The call was carried out, and a gateway answers with its 502 page."""
    EMPTY = "empty"
    """Carried out; 200 with an empty body."""
    MISSING_FIELDS = "missing_fields"
    """Carried out; the answer's JSON lacks `fields` at any depth, or everything."""
    TRUNCATED = "truncated"
    """Carried out; the answer's JSON ends in its middle."""
    WRONG_TOTAL = "wrong_total"
    """A list's TotalCount is wrong by `off_by`."""
    PAGE_TOTAL = "page_total"
    """A list's TotalCount is the number of its rows on this page."""


TASK: Final[Mapping[FaultKind, Twist]] = {
    FaultKind.STUCK: Twist(stuck=True),
    FaultKind.FAILS_SILENTLY: Twist(fails_silently=True),
    FaultKind.NEVER_UPDATING: Twist(never_updating=True),
}
AFTER: Final = frozenset(
    {
        FaultKind.LOST_AFTER,
        FaultKind.HANG_AFTER,
        FaultKind.SLOW_AFTER,
        FaultKind.FAILED_AFTER,
        FaultKind.HTML_AFTER,
        FaultKind.EMPTY,
        FaultKind.MISSING_FIELDS,
        FaultKind.TRUNCATED,
        FaultKind.WRONG_TOTAL,
        FaultKind.PAGE_TOTAL,
    }
)
INSIDE: Final = frozenset({FaultKind.FLAPS, FaultKind.KEEPS_REFUSAL})
INSTEAD: Final = frozenset(FaultKind) - AFTER - INSIDE - frozenset(TASK)


class Fault(Value, frozen=True):
    """One thing to go wrong.

    `action` (a name or a pattern, such as `CHANGES`), `connection` (the VpnConnectionId of the
    call) and `route_type` (the RouteEntryType of a listing) narrow down which calls; `skip` lets
    that many of them through first, then `times` of them are hit (None: all of them). `seconds`
    is how long a wait or a busy time lasts, None: until the fault is removed.
    """

    kind: FaultKind
    action: str | None = None
    connection: str | None = None
    route_type: str | None = None
    times: int | None = 1
    skip: int = 0
    code: str = ""
    message: str = ""
    status: int | None = None
    seconds: float | None = None
    retry_after_ms: int | None = 1000
    off_by: int = 1
    fields: tuple[str, ...] = ()


class Armed(msgspec.Struct, eq=False):
    """A fault at work, and how often it has been met and has struck."""

    fault: Fault
    met: int = 0
    hits: int = 0
    first_hit_at: float | None = None
    removed: bool = False

    def strikes(self, now: float) -> bool:
        """Whether it strikes a call that it has met now; counts both."""
        self.met += 1
        if self.met <= self.fault.skip or self.spent(now):
            return False
        self.first_hit_at = now if self.first_hit_at is None else self.first_hit_at
        self.hits += 1
        return True

    def spent(self, now: float) -> bool:
        """Whether it will never strike again."""
        over = self.fault.times is not None and self.hits >= self.fault.times
        return self.removed or over or self._outlived(now)

    def _outlived(self, now: float) -> bool:
        if self.fault.kind is not FaultKind.BUSY or self.fault.seconds is None:
            return False
        return self.first_hit_at is not None and now - self.first_hit_at >= self.fault.seconds


class NamedFault(Value, frozen=True):
    """A switch on the sandbox's page, and what will happen when it is on."""

    label: str
    about: str
    fault: Fault


class Faults:
    """The faults at work, and those that can be switched on and off by name."""

    def __init__(self, named: Mapping[str, NamedFault]) -> None:
        """`named` are the switches of the sandbox's page."""
        self.named = named
        self._armed: list[Armed] = []
        self._switched: dict[str, Armed] = {}

    def add(self, fault: Fault) -> Armed:
        """Puts a fault to work; its counters can be read from what is returned."""
        armed = Armed(fault)
        self._armed.append(armed)
        return armed

    def remove(self, armed: Armed) -> None:
        """Ends a fault, and the waits that it has caused."""
        armed.removed = True
        self._armed = [other for other in self._armed if other is not armed]

    def clear(self) -> None:
        """Ends all faults."""
        for armed in list(self._armed):
            self.remove(armed)
        self._switched.clear()

    def switch(self, name: str, *, on: bool) -> None:
        """Turns a named fault on or off; KeyError for an unknown name."""
        fault = self.named[name].fault
        if name in self._switched:
            self.remove(self._switched.pop(name))
        if on:
            self._switched[name] = self.add(fault)

    def active(self, name: str, now: float) -> bool:
        """Whether a named fault is on and may still strike."""
        return name in self._switched and not self._switched[name].spent(now)

    def strike(
        self, kinds: Iterable[FaultKind], action: str, params: Mapping[str, str], now: float
    ) -> Armed | None:
        """The fault of one of these kinds that strikes a call of `action` with `params`."""
        for armed in self._armed:
            fault = armed.fault
            if (
                fault.kind in kinds
                and (fault.action is None or fnmatchcase(action, fault.action))
                and fault.connection in (None, params.get("VpnConnectionId"))
                and fault.route_type in (None, params.get("RouteEntryType"))
                and armed.strikes(now)
            ):
                return armed
        return None


CHANGES: Final = "*VcoRouteEntry"
"""The action of a fault that hits deletions and creations."""

NAMED_FAULTS: Final[Mapping[str, NamedFault]] = {
    "api_hangs": NamedFault(
        label="API hangs",
        about="Calls get no answer. The bot gives up on each after a while and tries again.",
        fault=Fault(kind=FaultKind.HANG, seconds=120, times=None),
    ),
    "busy": NamedFault(
        label="Connections are busy",
        about="Changes are refused with TaskConflict. An approved deletion waits and says so.",
        fault=Fault(kind=FaultKind.BUSY, action=CHANGES, times=None),
    ),
    "answer_lost": NamedFault(
        label="Next answer is lost",
        about="The next change is carried out, but nobody is told. The bot looks before it repeats "
        "anything: still one deletion.",
        fault=Fault(kind=FaultKind.LOST_AFTER, action=CHANGES),
    ),
    "throttled": NamedFault(
        label="Throttled",
        about="Every call is refused with Throttling.User. The bot slows down and goes on later.",
        fault=Fault(kind=FaultKind.THROTTLED, times=None, retry_after_ms=2000),
    ),
    "html_502": NamedFault(
        label="Gateway answers 502",
        about="Every call gets a web page in place of an answer. Nothing is done meanwhile.",
        fault=Fault(kind=FaultKind.HTML_BEFORE, times=None),
    ),
    "forbidden": NamedFault(
        label="Changes are forbidden",
        about="Alibaba Cloud denies permission. The deletion fails, and the card says why.",
        fault=Fault(kind=FaultKind.ERROR, action=CHANGES, code="Forbidden", times=None),
    ),
    "stuck": NamedFault(
        label="Next task never ends",
        about="The connection stays in updating. After ten minutes the route is unconfirmed.",
        fault=Fault(kind=FaultKind.STUCK, action=CHANGES),
    ),
    "fails_silently": NamedFault(
        label="Next task changes nothing",
        about="Accepted, and the route is still there afterwards. The card must not say deleted.",
        fault=Fault(kind=FaultKind.FAILS_SILENTLY, action=CHANGES),
    ),
}
