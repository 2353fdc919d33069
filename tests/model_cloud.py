"""A small model of the vendor's cloud, in the process and under the test's own clock.

What it shows follows from the clock alone: a change that was accepted starts after `LAG`
(until then the connection is still `attached`), works for `WORK` (`updating`), and takes the
route away, or adds it, at its end. A connection takes one task at a time; a ClientToken that had
success answers the same again, without an effect. Who calls is told by `ACTING`, and whoever
calls can be held up on the way (`Pause`), so that a worker's call or its answer comes too late.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from enum import StrEnum

from builders import live
from msgspec import Struct

from bot.errors import (
    AlibabaError,
    AlreadyGone,
    AlreadyThere,
    Busy,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Throttled,
)
from bot.models import Connection, Request, RouteList, VcoRoute

LAG = 2.0
WORK = 6.0


class Place(StrEnum):
    """Where somebody can be held up."""

    NOWHERE = "nowhere"
    CALL = "before the call arrives"
    ANSWER = "before the answer arrives"
    WRITE = "before a write to the store"


class Pause:
    """Holds up, once, whoever comes to `place`, having let `skip` visits pass."""

    def __init__(self, place: Place, skip: int = 0) -> None:
        self._place = place
        self._skip = skip
        self.reached = asyncio.Event()
        self.over = asyncio.Event()

    async def at(self, place: Place) -> None:
        if place is not self._place or self.reached.is_set():
            return
        if self._skip:
            self._skip -= 1
            return
        self.reached.set()
        await self.over.wait()


ACTING: ContextVar[str] = ContextVar("ACTING", default="")
"""The request on whose behalf something is done."""

PAUSE: ContextVar[Pause | None] = ContextVar("PAUSE", default=None)


async def reach(place: Place) -> None:
    """Be held up here if a pause says so."""
    if pause := PAUSE.get():
        await pause.at(place)


class Answer(StrEnum):
    """What becomes of a call for a change; what it finds when it arrives is told besides."""

    OK = "ok"
    NOT_SENT = "not sent"
    LOST_BEFORE = "lost before it arrived"
    LOST_AFTER = "lost after the effect"
    LATE = "given up, and arrives later"
    BUSY = "busy"
    THROTTLED = "throttled"
    REJECTED = "rejected"


class Call(Struct, frozen=True):
    """A call that was begun for `request`, whether or not it ever arrives."""

    request: str
    route: VcoRoute
    token: str
    at: float


class _Line(Struct):
    """A connection: its routes, and the one task that works on it from `begins` to `ends`."""

    routes: set[VcoRoute]
    begins: float = 0.0
    ends: float = 0.0
    adds: VcoRoute | None = None
    takes: VcoRoute | None = None


class ModelCloud:
    """The VPC API of one region as `bot.execution` needs it."""

    def __init__(self, region: str, now: Callable[[], float], routes: Sequence[VcoRoute]) -> None:
        self._region = region
        self._now = now
        self._lines: dict[str, _Line] = {}
        for route in routes:
            self._lines.setdefault(route.vpn_connection_id, _Line(set())).routes.add(route)
        self._done: dict[str, Call] = {}
        self.deletes = True
        self.answers: deque[Answer] = deque()
        self.unreadable: deque[type[AlibabaError]] = deque()
        self.calls: list[Call] = []
        self.effects: list[Call] = []
        self.late: deque[Call] = deque()
        self.read: dict[str, frozenset[VcoRoute]] = {}

    async def reserve(self, request: Request) -> float:
        """There is always a place."""
        assert request.region == self._region
        return 0.0

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        if self.unreadable:
            raise self.unreadable.popleft()("ReadFailed")
        line = self._line(vpn_connection_id)
        state = "updating" if line.begins <= self._now() < line.ends else "attached"
        return Connection(vpn_connection_id=vpn_connection_id, region=region, state=state)

    async def connections(self, region: str) -> tuple[Connection, ...]:
        assert region == self._region
        return tuple([await self.connection(region, line) for line in self._lines])

    async def routes(self, region: str, vpn_connection_id: str, *, bgp: bool = True) -> RouteList:
        assert region == self._region
        there = self.there(vpn_connection_id)
        self.read[ACTING.get()] = there
        listed = map(live, sorted(there, key=lambda r: r.route_dest))
        return RouteList(routes=tuple(listed), bgp_known=bgp)

    async def delete_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        assert (region, overlay_mode, self.deletes) == (self._region, None, True)
        return await self._ask(route, client_token)

    async def create_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        assert (region, overlay_mode, self.deletes) == (self._region, None, False)
        return await self._ask(route, client_token)

    async def _ask(self, route: VcoRoute, client_token: str) -> str:
        answer = self.answers.popleft() if self.answers else Answer.OK
        call = Call(ACTING.get(), route, client_token, self._now())
        self.calls.append(call)
        await reach(Place.CALL)
        try:
            return self._answer(call, answer)
        finally:
            await reach(Place.ANSWER)

    def there(self, vpn_connection_id: str) -> frozenset[VcoRoute]:
        """The routes of a connection as they are."""
        return frozenset(self._line(vpn_connection_id).routes)

    def toggle(self, route: VcoRoute) -> None:
        """Somebody else removes the route, or puts it back, if the connection is idle."""
        gone = route not in self.there(route.vpn_connection_id)
        if not self._busy(route.vpn_connection_id):
            adds, takes = (route, None) if gone else (None, route)
            self._begin(route.vpn_connection_id, adds=adds, takes=takes)

    def land(self) -> None:
        """A call that was given up long ago arrives after all."""
        with suppress(AlibabaError):  # nobody is there to hear it
            self._change(self.late.popleft())

    def _answer(self, call: Call, answer: Answer) -> str:
        match answer:
            case Answer.OK:
                return self._change(call)
            case Answer.LOST_AFTER:
                with suppress(AlibabaError):
                    self._change(call)
                raise OutcomeUnknown("Lost")
            case Answer.LATE:
                self.late.append(call)
                raise OutcomeUnknown("Lost")
            case Answer.LOST_BEFORE:
                raise OutcomeUnknown("Lost")
            case Answer.NOT_SENT:
                raise NotSent("ConnectFailed")
            case Answer.BUSY:
                raise Busy("TaskConflict")
            case Answer.THROTTLED:
                raise Throttled("Throttling", retry_after=3.0)
            case Answer.REJECTED:
                raise Rejected("Forbidden")

    def _change(self, call: Call) -> str:
        line = call.route.vpn_connection_id
        if before := self._done.get(call.token):
            if before.route != call.route:
                raise Rejected("IdempotentParameterMismatch")
            return f"REQUEST-{call.token}"
        if self._busy(line):
            raise Busy("TaskConflict")
        if self.deletes:
            if call.route not in self.there(line):
                raise AlreadyGone("InvalidRouteEntry.NotFound")
            self._begin(line, takes=call.route)
        else:
            if call.route in self.there(line):
                raise AlreadyThere("VpnRouteEntry.AlreadyExists")
            self._begin(line, adds=call.route)
        self._done[call.token] = call
        self.effects.append(call)
        return f"REQUEST-{call.token}"

    def _begin(
        self, line: str, *, adds: VcoRoute | None = None, takes: VcoRoute | None = None
    ) -> None:
        begins = self._now() + LAG
        routes = self._lines[line].routes
        self._lines[line] = _Line(routes, begins, begins + WORK, adds, takes)

    def _busy(self, vpn_connection_id: str) -> bool:
        return self._now() < self._line(vpn_connection_id).ends

    def _line(self, vpn_connection_id: str) -> _Line:
        line = self._lines[vpn_connection_id]
        if self._now() >= line.ends:
            if line.adds:
                line.routes.add(line.adds)
            if line.takes:
                line.routes.discard(line.takes)
            line.adds = line.takes = None
        return line
