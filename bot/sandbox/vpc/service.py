"""What a call does, step by step, without HTTP and without waiting."""

from collections.abc import Callable, Iterable, Mapping

from bot.models import RouteKind
from bot.sandbox.vpc import answers
from bot.sandbox.vpc.asks import (
    Ask,
    ChangeRoute,
    ListConnections,
    ListRegions,
    ListRoutes,
    ReadConnection,
    read,
)
from bot.sandbox.vpc.calls import Call
from bot.sandbox.vpc.faults import NAMED_FAULTS, TASK, Armed, FaultKind, Faults
from bot.sandbox.vpc.memory import ClientTokens, JsonObject, Quotas
from bot.sandbox.vpc.refusals import Overlap, Refusal, invalid
from bot.sandbox.vpc.signatures import Gatekeeper, Wire, decode_pairs
from bot.sandbox.vpc.world import (
    Change,
    ConnectionRecord,
    RouteRecord,
    Twist,
    World,
    check,
    check_readable,
)


class Service:
    """The API's behaviour; its parts are public, for those who set the scene."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        clock: Callable[[], float],
        quotas: Mapping[str, int] | None = None,
        token_lifetime: float = 24 * 3600.0,
    ) -> None:
        """`clock` gives seconds since the epoch, `token_lifetime` is in seconds."""
        self.gatekeeper = gatekeeper
        self.clock = clock
        self.world = World()
        self.tokens = ClientTokens(token_lifetime)
        self.quotas = Quotas(quotas)
        self.faults = Faults(NAMED_FAULTS)
        self.calls: list[Call] = []

    def settled(self) -> World:
        """The world as it is now."""
        self.world.settle(self.clock())
        return self.world

    def admit(self, wire: Wire, call: Call) -> Ask:
        """Who is calling, and for what; or a Refusal."""
        if wire.method not in ("GET", "POST"):
            raise Refusal("UnsupportedHTTPMethod")
        call.params = _parameters(wire)
        call.access_key_id = self.gatekeeper.admit(wire, self.clock())
        ask = read(call.action, wire.headers["x-acs-version"], call.params)
        self.quotas.count(call.action, call.region, self.clock())
        return ask

    def strike(self, kinds: Iterable[FaultKind], call: Call) -> Armed | None:
        """The fault of these kinds that strikes the call now, noted in its record."""
        armed = self.faults.strike(kinds, call.action, call.vpn_connection_id, self.clock())
        if armed:
            call.fault = armed.fault.kind.value
        return armed

    def begin(self, ask: Ask, call: Call) -> JsonObject | None:
        """The answer of an earlier call with the same ClientToken, if there was one."""
        if not isinstance(ask, ChangeRoute) or not call.client_token:
            return None
        fingerprint = (call.action, ask)
        return self.tokens.begin((call.region, call.client_token), fingerprint, self.clock())

    def end(self, ask: Ask, call: Call, answer: JsonObject | None) -> None:
        """Settles what `begin` has opened; `answer` is None where nothing was done."""
        if isinstance(ask, ChangeRoute) and call.client_token:
            self.tokens.end((call.region, call.client_token), answer, self.clock())

    def keep_refusal(self, ask: Ask, call: Call, refusal: Refusal) -> None:
        """Where a fault says so, the ClientToken of a refused call is refused ever after."""
        if not isinstance(ask, ChangeRoute) or not call.client_token:
            return
        if self.strike({FaultKind.KEEPS_REFUSAL}, call):
            key = (call.region, call.client_token)
            self.tokens.keep(key, (call.action, ask), refusal)

    def perform(self, ask: Ask, call: Call) -> JsonObject:
        """Does what is asked, or raises the Refusal."""
        try:
            body = self._perform(ask, call)
        except Overlap:
            call.overlap = True
            raise
        return {"RequestId": call.alibaba_request_id, **body}

    def _perform(self, ask: Ask, call: Call) -> JsonObject:
        now, world = self.clock(), self.settled()
        match ask:
            case ChangeRoute():
                return self._change(ask, call, now)
            case ListRoutes():
                connection = world.get(ask.vpn_connection_id, ask.region)
                check_readable(connection)
                routes = [r for r in connection.routes if r.kind is ask.kind]
                return answers.routes(self._flapping(ask, call, routes), ask.page)
            case ReadConnection():
                connection = world.get(ask.vpn_connection_id, ask.region)
                return answers.one_connection(connection, now)
            case ListConnections():
                found = [c for c in world.connections.values() if _lets_through(ask, c)]
                return answers.connections(found, ask.page, now)
            case ListRegions():
                return answers.regions()

    def _flapping(
        self, ask: ListRoutes, call: Call, routes: list[RouteRecord]
    ) -> list[RouteRecord]:
        """The routes as a listing shows them that flaps; as they are without that fault."""
        changed = [
            task.record
            for task in self.world.accepted
            if task.record.route.vpn_connection_id == ask.vpn_connection_id
        ]
        if not changed or ask.kind is not RouteKind.CUSTOM:
            return routes
        armed = self.strike({FaultKind.FLAPS}, call)
        if armed is None:
            return routes
        others = [record for record in routes if record.route != changed[-1].route]
        return [*others, changed[-1]] if armed.hits % 2 else others

    def _change(self, ask: ChangeRoute, call: Call, now: float) -> JsonObject:
        connection = self.world.get(ask.route.vpn_connection_id, ask.region)
        check(connection, ask.change, ask.route, now)
        if ask.dry_run:
            raise Refusal("DryRunOperation")
        armed = self.strike(TASK, call)
        twist = TASK[armed.fault.kind] if armed else Twist()
        task = self.world.accept(connection, ask.change, ask.route, now, twist)
        call.effect = True
        if ask.change is Change.DELETE:
            return {}
        return answers.created(task.record, ask.description)


def _parameters(wire: Wire) -> dict[str, str]:
    """The parameters of the query and of a form; each may be given once."""
    pairs = decode_pairs(wire.query)
    if wire.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        pairs += decode_pairs(wire.body.decode(errors="replace"))
    parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise invalid("query", "a parameter is given twice")
    return parameters


def _lets_through(ask: ListConnections, connection: ConnectionRecord) -> bool:
    return (
        connection.region == ask.region
        and ask.vpn_connection_id in ("", connection.vpn_connection_id)
        and ask.vpn_gateway_id in ("", connection.vpn_gateway_id)
        and ask.customer_gateway_id in ("", connection.customer_gateway_id)
        and ask.resource_group_id in ("", connection.resource_group_id)
        and ask.tags.items() <= connection.tags.items()
    )
