"""The state of the local cloud: connections, their routes, and the task of each.

Nothing runs in the background. A task is a few times fixed when it is accepted, and
`settle(now)` carries out whatever is due: what the cloud looks like follows from the clock.
"""

from collections.abc import Mapping
from enum import StrEnum
from math import inf
from typing import Final

import msgspec

from bot.models import RouteKind, Value, VcoRoute
from bot.sandbox.vpc.refusals import Overlap, Refusal

IPSEC: Final = {True: "ipsec_sa_established", False: "ike_sa_not_established"}
BGP: Final = {True: "success", False: "false"}
BGP_ALONE: Final = {True: "success", False: "failed"}
"""The vendor's words for up and down; of BGP another one where a single connection is read."""


class TunnelRecord(msgspec.Struct):
    """A tunnel, and the BGP session that runs over it."""

    id: str
    up: bool = True
    session: bool = True

    @property
    def bgp_up(self) -> bool:
        """Whether BGP works: not without the tunnel."""
        return self.up and self.session

    def turn(self, *, up: bool) -> None:
        """Take it down or bring it up, with its BGP session."""
        self.up = self.session = up


class Lifeline(msgspec.Struct):
    """The route that the tunnels of a connection cannot live without, as in a bad design.

    `seconds` after it is gone they go down, and `seconds` after it is back they come up.
    """

    route_dest: str
    seconds: float
    there: bool = True
    turns_at: float = inf

    def follow(self, tunnels: list[TunnelRecord], at: float, now: float, *, there: bool) -> None:
        """The route is there or not, since `at`; do to the tunnels what is due by now."""
        if there != self.there:
            self.there, self.turns_at = there, at + self.seconds
        if self.turns_at <= now:
            self.turns_at = inf
            for tunnel in tunnels:
                tunnel.turn(up=there)


def new_tunnels(vpn_connection_id: str, count: int) -> list[TunnelRecord]:
    """So many tunnels, all up; the first is named after its connection."""
    name = vpn_connection_id.removeprefix("vco-")
    more = [TunnelRecord(f"tun-{number}-{name}") for number in range(2, count + 1)]
    return [TunnelRecord(f"tun-{name}"), *more]


REGIONS: Final[Mapping[str, tuple[str, str]]] = {
    "cn-hangzhou": ("vpc.aliyuncs.com", "China (Hangzhou)"),
    "cn-shanghai": ("vpc.cn-shanghai.aliyuncs.com", "China (Shanghai)"),
    "ap-southeast-1": ("vpc.ap-southeast-1.aliyuncs.com", "Singapore"),
    "eu-central-1": ("vpc.eu-central-1.aliyuncs.com", "Germany (Frankfurt)"),
}
TRANSIT_ROUTER: Final = "CEN"
PASSING_STATES: Final = frozenset(
    {"provisioning", "attaching", "updating", "upgrading", "detaching"}
)


class Change(StrEnum):
    """What a task does to a route."""

    DELETE = "delete"
    CREATE = "create"


class Pace(Value, frozen=True):
    """How tasks run, in seconds.

    For `delay` an accepted task does not show yet, and the state is still `attached`; then
    the connection is `updating` for `seconds`. The listing of routes follows `listing_lag`
    after the end (before it, if negative).
    """

    delay: float = 0.3
    seconds: float = 3.0
    listing_lag: float = 0.0


class Twist(Value, frozen=True):
    """How one task goes wrong."""

    stuck: bool = False
    fails_silently: bool = False
    never_updating: bool = False


class RouteRecord(Value, frozen=True):
    """A route as the cloud keeps it. `source` says from where a BGP route was learned."""

    route: VcoRoute
    kind: RouteKind = RouteKind.CUSTOM
    created_at: float = 0.0
    source: str = "VPN_BGP"


class Task(Value, frozen=True):
    """An accepted change: when it shows, when it changes the listing, when it is over."""

    change: Change
    record: RouteRecord
    accepted_at: float
    updating_at: float
    effect_at: float
    attached_at: float

    @property
    def over_at(self) -> float:
        """When the connection takes the next change."""
        return max(self.attached_at, self.effect_at if self.effect_at < inf else 0.0)

    def shows(self, now: float) -> bool:
        """Whether the connection is `updating`."""
        return self.updating_at <= now < self.attached_at


class ConnectionRecord(msgspec.Struct, kw_only=True):
    """An IPsec-VPN connection as the cloud keeps it; `state` is the one without a task.

    One of the older kind does not list its only tunnel. Without `bgp` there are no sessions, and
    no routes are learned.
    """

    vpn_connection_id: str
    region: str
    name: str = ""
    state: str = "attached"
    attach_type: str = "CEN"
    note: str = ""
    pace: Pace = Pace()
    routes: list[RouteRecord] = []
    task: Task | None = None
    tags: dict[str, str] = {}
    tunnels: list[TunnelRecord] = []
    lists_tunnels: bool = True
    bgp: bool = True
    lifeline: Lifeline | None = None
    created_at: float = 0.0

    def state_at(self, now: float) -> str:
        """The state that a read shows."""
        return "updating" if self.task and self.task.shows(now) else self.state

    @property
    def bgp_up(self) -> bool:
        """Whether BGP works over any tunnel."""
        return self.bgp and any(tunnel.bgp_up for tunnel in self.tunnels)

    def find(self, route: VcoRoute) -> RouteRecord | None:
        """The custom route, if there is one; BGP routes can't be changed by a call."""
        found = (r for r in self.routes if r.route == route and r.kind is RouteKind.CUSTOM)
        return next(found, None)

    def leads_to(self, route_dest: str) -> bool:
        """Whether any route leads to exactly this block."""
        return any(r.route.route_dest == route_dest for r in self.routes)


class World:
    """All connections, and every change that was ever accepted."""

    def __init__(self) -> None:
        """An empty cloud."""
        self.connections: dict[str, ConnectionRecord] = {}
        self.accepted: list[Task] = []

    def settle(self, now: float) -> None:
        """Carries out what is due by now."""
        for connection in self.connections.values():
            since, task = now, connection.task
            if task and task.effect_at <= now:
                _apply(connection, task)
                since = task.effect_at
            if task and task.over_at <= now:
                connection.task = None
            if lifeline := connection.lifeline:
                there = connection.leads_to(lifeline.route_dest)
                lifeline.follow(connection.tunnels, since, now, there=there)

    def get(self, vpn_connection_id: str, region: str = "") -> ConnectionRecord:
        """A connection by its id, and in its region only."""
        found = self.connections.get(vpn_connection_id)
        if found is None or region not in ("", found.region):
            raise Refusal("InvalidVpnConnectionInstanceId.NotFound")
        return found

    def accept(
        self,
        connection: ConnectionRecord,
        change: Change,
        route: VcoRoute,
        now: float,
        twist: Twist,
    ) -> Task:
        """Starts the task of a change that `check` let through."""
        record = connection.find(route) or RouteRecord(route=route, created_at=now)
        task = _plan(connection.pace, change, record, now, twist)
        connection.task = task
        self.accepted.append(task)
        return task


def check(connection: ConnectionRecord, change: Change, route: VcoRoute, now: float) -> None:
    """Raises the Refusal with which the cloud would answer this change now."""
    _check_state(connection.state.lower())
    if connection.task is not None:
        shows = connection.task.shows(now)
        raise Overlap("VpnConnection.Configuring" if shows else "TaskConflict")
    exists = connection.find(route) is not None
    if change is Change.CREATE and exists:
        raise Refusal("VpnRouteEntry.AlreadyExists")
    if change is Change.DELETE and not exists:
        raise Refusal("InvalidRouteEntry.NotFound")


def check_readable(connection: ConnectionRecord) -> None:
    """Raises the Refusal with which the cloud answers a listing of routes that it can't give.

    That a connection of another kind has no such routes is the vendor's word; which states are
    unfit is inferred, and that they can be listed while the connection is `updating`, too.
    """
    fit = connection.state.lower() in PASSING_STATES | {"attached", "financiallocked"}
    if connection.attach_type != TRANSIT_ROUTER or not fit:
        raise Refusal("Vco.StatusNotSupport")


def _check_state(state: str) -> None:
    if state == "financiallocked":
        raise Refusal("VpnConnection.FinancialLocked")
    if state in PASSING_STATES:
        raise Refusal("VpnConnection.Configuring")
    if state != "attached":
        raise Refusal("IncorrectStatus.VpnConnection")


def _plan(pace: Pace, change: Change, record: RouteRecord, now: float, twist: Twist) -> Task:
    updating_at = now + pace.delay
    attached_at = inf if twist.stuck else updating_at + pace.seconds
    return Task(
        change=change,
        record=record,
        accepted_at=now,
        updating_at=inf if twist.never_updating else updating_at,
        effect_at=inf if twist.fails_silently else max(now, attached_at + pace.listing_lag),
        attached_at=attached_at,
    )


def _apply(connection: ConnectionRecord, task: Task) -> None:
    others = [r for r in connection.routes if r.route != task.record.route or r.kind != "custom"]
    connection.routes = [*others, task.record] if task.change is Change.CREATE else others
