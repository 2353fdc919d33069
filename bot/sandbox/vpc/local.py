"""`LocalVpc`: the local VPC API, as the sandbox and the tests hold it in their hands."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from math import inf

from bot.models import RouteKind, VcoRoute
from bot.sandbox.vpc.faults import Faults
from bot.sandbox.vpc.server import Server
from bot.sandbox.vpc.service import Call, JsonObject, Service
from bot.sandbox.vpc.signatures import Gatekeeper
from bot.sandbox.vpc.world import (
    REGIONS,
    Change,
    ConnectionRecord,
    Lifeline,
    Pace,
    RouteRecord,
    Task,
    TunnelRecord,
    new_tunnels,
)

_LATEST_CALLS = 30


def cloud(service: Service) -> JsonObject:
    """Connections with routes and tasks, the latest calls first, and the switches."""
    now = service.clock()
    connections = service.settled().connections.values()
    return {
        "connections": [_connection(c, now) for c in connections],
        "calls": [_call(c) for c in islice(reversed(service.calls), _LATEST_CALLS)],
        "faults": [
            {
                "name": name,
                "label": named.label,
                "about": named.about,
                "active": service.faults.active(name, now),
            }
            for name, named in service.faults.named.items()
        ],
    }


def _connection(connection: ConnectionRecord, now: float) -> JsonObject:
    task = connection.task
    rows = [_route(record, task) for record in connection.routes]
    if task and task.change is Change.CREATE:
        rows.append(_route(task.record, task))
    return {
        "id": connection.vpn_connection_id,
        "region": connection.region,
        "name": connection.name,
        "state": connection.state_at(now),
        "attach_type": connection.attach_type,
        "note": connection.note,
        "tunnels": [{"id": t.id, "up": t.up, "bgp_up": t.bgp_up} for t in connection.tunnels],
        "routes": rows,
        "task": _task(task, now) if task else None,
    }


def _route(record: RouteRecord, task: Task | None) -> JsonObject:
    state = "Active" if record.kind is RouteKind.BGP else "published"
    if task and task.record == record:
        state = "deleting" if task.change is Change.DELETE else "creating"
    return {
        "dest": record.route.route_dest,
        "next_hop": record.route.next_hop,
        "weight": record.route.weight,
        "kind": record.kind.value,
        "state": state,
    }


def _task(task: Task, now: float) -> str:
    doing = "deleting" if task.change is Change.DELETE else "creating"
    route = task.record.route
    return f"{doing} {route.route_dest} (weight {route.weight}), {now - task.accepted_at:.0f} s"


def _call(call: Call) -> JsonObject:
    code = call.code or ("no answer" if call.ended else "in hand")
    if call.fault:
        code = f"{code} ({call.fault.replace('_', ' ')})"
    return {"at": call.at, "action": call.action, "summary": call.summary, "code": code}


class LocalVpc:
    """A VPC API on loopback, with its cloud, its faults and the record of its calls.

    Set `on_change` to hear, without arguments and in the event loop, that something in
    `snapshot()` may be different now.
    """

    def __init__(  # noqa: PLR0913 - the knobs of a scene, all by name and with a default
        self,
        access_keys: Mapping[str, str],
        *,
        security_tokens: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        task_seconds: float = 3.0,
        task_delay: float = 0.3,
        token_lifetime: float = 24 * 3600.0,
    ) -> None:
        """`access_keys` maps ids to secrets, `security_tokens` ids to STS tokens.

        Times are in seconds.
        """
        gatekeeper = Gatekeeper(access_keys, security_tokens)
        self.service = Service(gatekeeper, clock, token_lifetime)
        self.pace = Pace(delay=task_delay, seconds=task_seconds)
        self.on_change: Callable[[], None] | None = None
        self._server = Server(self.service, self._call_changed)
        self._announced = 0
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:40001`."""
        return self._server.url

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.service.faults

    @property
    def calls(self) -> list[Call]:
        """Every call that came in, in their order; also refused ones."""
        return self.service.calls

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listens on loopback."""
        await self._server.start(host, port)

    async def close(self) -> None:
        """Drops what is in hand and stops listening."""
        for timer in self._timers:
            timer.cancel()
        await self._server.close()

    # --- setting the scene, and what "somebody else" does to it ----------------------

    def add_connection(  # noqa: PLR0913 - what a connection is, all by name
        self,
        vpn_connection_id: str,
        *,
        region: str = "cn-hangzhou",
        name: str = "",
        state: str = "attached",
        attach_type: str = "CEN",
        note: str = "",
        pace: Pace | None = None,
        tags: Mapping[str, str] | None = None,
        tunnels: int = 1,
        bgp: bool = True,
    ) -> ConnectionRecord:
        """Adds a connection without routes; `pace` is how its tasks run, `bgp` whether it uses it.

        With 0 `tunnels` it is of the older kind, which does not list the one that it has.
        """
        if region not in REGIONS:
            raise ValueError(f"unknown region {region}")
        connection = ConnectionRecord(
            vpn_connection_id=vpn_connection_id,
            region=region,
            name=name or vpn_connection_id,
            state=state,
            attach_type=attach_type,
            note=note,
            pace=pace or self.pace,
            tags=dict(tags or {}),
            tunnels=new_tunnels(vpn_connection_id, tunnels or 1),
            lists_tunnels=tunnels > 0,
            bgp=bgp,
            created_at=self.service.clock(),
        )
        self.service.world.connections[vpn_connection_id] = connection
        self._changed()
        return connection

    def add_route(
        self,
        vpn_connection_id: str,
        route_dest: str,
        weight: int = 100,
        *,
        kind: RouteKind = RouteKind.CUSTOM,
    ) -> VcoRoute:
        """Adds a route at once, without a task; the next hop is the connection itself."""
        route = VcoRoute(
            vpn_connection_id=vpn_connection_id,
            route_dest=route_dest,
            next_hop=vpn_connection_id,
            weight=weight,
        )
        record = RouteRecord(route=route, kind=kind, created_at=self.service.clock())
        connection = self.connection(vpn_connection_id)
        if kind is RouteKind.BGP and not connection.bgp:
            raise ValueError(f"{vpn_connection_id} uses no BGP")
        connection.routes.append(record)
        self._routes_changed(vpn_connection_id)
        return route

    def remove_route(self, route: VcoRoute) -> None:
        """Removes a route at once, without a task; no matter if it is not there."""
        connection = self.connection(route.vpn_connection_id)
        connection.routes = [record for record in connection.routes if record.route != route]
        self._routes_changed(route.vpn_connection_id)

    def set_state(self, vpn_connection_id: str, state: str) -> None:
        """Sets the state that the connection shows while no task runs."""
        self.connection(vpn_connection_id).state = state
        self._changed()

    def break_tunnel(
        self, vpn_connection_id: str, tunnel_id: str = "", *, only_bgp: bool = False
    ) -> None:
        """Takes a tunnel down, or `only_bgp` over it; without an id all of the connection's."""
        for tunnel in self.tunnels(vpn_connection_id, tunnel_id):
            tunnel.session = False
            tunnel.up = tunnel.up and only_bgp
        self._changed()

    def mend_tunnel(self, vpn_connection_id: str, tunnel_id: str = "") -> None:
        """Brings a tunnel and its BGP session up; without an id all of the connection's."""
        for tunnel in self.tunnels(vpn_connection_id, tunnel_id):
            tunnel.turn(up=True)
        self._changed()

    def hang_tunnels(self, vpn_connection_id: str, route: VcoRoute, seconds: float) -> None:
        """From now on the connection's tunnels go down and come up `seconds` after the route."""
        connection = self.connection(vpn_connection_id)
        connection.lifeline = Lifeline(route.route_dest, seconds)
        self._changed()

    # --- what is the case now ----------------------------------------------------------

    def connection(self, vpn_connection_id: str) -> ConnectionRecord:
        """The connection as it is now; KeyError if there is none."""
        return self.service.settled().connections[vpn_connection_id]

    def state(self, vpn_connection_id: str) -> str:
        """The state that a read would show now."""
        return self.connection(vpn_connection_id).state_at(self.service.clock())

    def routes(self, vpn_connection_id: str) -> list[VcoRoute]:
        """The routes of every kind that are listed now."""
        return [record.route for record in self.connection(vpn_connection_id).routes]

    def tunnels(self, vpn_connection_id: str, tunnel_id: str = "") -> list[TunnelRecord]:
        """The tunnels as they are now, or the one with this id; KeyError if there is none."""
        found = self.connection(vpn_connection_id).tunnels
        if not tunnel_id:
            return found
        return [{tunnel.id: tunnel for tunnel in found}[tunnel_id]]

    def route_present(self, route: VcoRoute) -> bool:
        """Whether the route is listed now."""
        return route in self.routes(route.vpn_connection_id)

    def effects(self, route: VcoRoute, change: Change = Change.DELETE) -> int:
        """How often such a change of the route was accepted: its real effects."""
        accepted = self.service.world.accepted
        return sum(1 for t in accepted if t.record.route == route and t.change is change)

    def creations(self, route: VcoRoute) -> int:
        """How often a creation of the route was accepted."""
        return self.effects(route, Change.CREATE)

    def overlaps(self) -> list[Call]:
        """Calls for a change while another ran on the connection; they were all refused."""
        return [call for call in self.calls if call.overlap]

    def calls_of(self, *actions: str) -> list[Call]:
        """The calls of these actions."""
        return [call for call in self.calls if call.action in actions]

    def snapshot(self) -> dict[str, object]:
        """Connections, latest calls and switches, as the sandbox's page shows them."""
        return cloud(self.service)

    def switch_fault(self, name: str, *, on: bool) -> None:
        """Turns a named fault on or off; KeyError for an unknown name."""
        self.faults.switch(name, on=on)
        self._changed()

    def _changed(self) -> None:
        if self.on_change:
            self.on_change()

    def _routes_changed(self, vpn_connection_id: str) -> None:
        lifeline = self.connection(vpn_connection_id).lifeline
        if lifeline and lifeline.turns_at < inf:
            self._announce((lifeline.turns_at,))
        self._changed()

    def _call_changed(self, _: Call) -> None:
        accepted = self.service.world.accepted
        for task in accepted[self._announced :]:
            self._announce((task.updating_at, task.effect_at, task.attached_at))
            lifeline = self.connection(task.record.route.vpn_connection_id).lifeline
            if lifeline:
                self._announce((task.effect_at + lifeline.seconds,))
        self._announced = len(accepted)
        self._changed()

    def _announce(self, moments: Iterable[float]) -> None:
        """Says that something has changed when a task shows, has its effect, or ends."""
        loop, now = asyncio.get_running_loop(), self.service.clock()
        self._timers = [t for t in self._timers if not t.cancelled() and t.when() > loop.time()]
        for moment in moments:
            if moment < inf:
                # A little later, so that it is so by both clocks.
                wait = max(0.0, moment - now) + 0.01
                self._timers.append(loop.call_later(wait, self._changed))
