"""What a call does, step by step, without HTTP and without waiting, and the memory of it."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from math import ceil
from typing import Final

import msgspec

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
from bot.sandbox.vpc.faults import NAMED_FAULTS, TASK, Armed, FaultKind, Faults
from bot.sandbox.vpc.refusals import Overlap, Refusal, invalid
from bot.sandbox.vpc.signatures import Gatekeeper, Wire, decode_pairs
from bot.sandbox.vpc.world import (
    Change,
    RouteRecord,
    Twist,
    World,
    check,
    check_readable,
)

SUCCESS = "OK"


class Call(msgspec.Struct, kw_only=True):
    """One call. It never holds a secret: no signature, no security token, no answer.

    `code` is empty while the call is in hand, then `OK` or the vendor's error code (empty for
    good where a fault left no answer). `fault` is the kind of the last fault that struck.
    `effect`: this very call has started a change; a repeated answer has not. `overlap`: it
    asked for a change while another one was running on the connection.
    """

    at: float
    alibaba_request_id: str
    method: str = ""
    action: str = ""
    params: dict[str, str] = {}
    access_key_id: str = ""
    code: str = ""
    fault: str = ""
    effect: bool = False
    overlap: bool = False
    ended: bool = False

    @property
    def region(self) -> str:
        """The region that the caller names."""
        return self.params.get("RegionId", "")

    @property
    def vpn_connection_id(self) -> str:
        """The connection that the caller names."""
        return self.params.get("VpnConnectionId", "")

    @property
    def client_token(self) -> str:
        """The caller's ClientToken."""
        return self.params.get("ClientToken", "")

    @property
    def summary(self) -> str:
        """What the call is about, in a few words."""
        if "RouteDest" in self.params:
            weight = self.params.get("Weight", "?")
            return f"{self.params['RouteDest']} weight {weight} on {self.vpn_connection_id}"
        return self.vpn_connection_id or self.region


QUOTA_WINDOW_SECONDS: Final = 60.0
# The first four are from the vendor's quota page; it has none for the last two.
QUOTAS: Final[Mapping[str, int]] = {
    "DeleteVcoRouteEntry": 60,
    "DescribeVpnConnection": 600,
    "DescribeVpnConnections": 600,
    "DescribeVcoRouteEntries": 600,
    "CreateVcoRouteEntry": 60,
    "DescribeRegions": 600,
}
JsonObject = dict[str, object]


class _Use(msgspec.Struct):
    """One ClientToken: what it was used for, and the answer once there is one."""

    fingerprint: object
    answer: JsonObject | None = None
    answered_at: float = 0.0
    refusal: Refusal | None = None


class ClientTokens:
    """Answers a repeated change with the first answer, and refuses a token used differently.

    A token belongs to a region. A call that was refused leaves its token unused, unless
    its refusal is kept.
    """

    def __init__(self, lifetime: float) -> None:
        """`lifetime` in seconds from the answer; the vendor's is unknown."""
        self.lifetime = lifetime
        self._uses: dict[tuple[str, str], _Use] = {}

    def begin(self, key: tuple[str, str], fingerprint: object, now: float) -> JsonObject | None:
        """The earlier answer; or None, and the token is being processed from now on."""
        use = self._uses.get(key)
        if use and use.answer is not None and now - use.answered_at > self.lifetime:
            use = None
        if use is None:
            self._uses[key] = _Use(fingerprint)
            return None
        if use.fingerprint != fingerprint:
            raise Refusal("IdempotentParameterMismatch")
        if use.refusal is not None:
            raise use.refusal
        if use.answer is None:
            raise Refusal("LastTokenProcessing")
        return use.answer

    def keep(self, key: tuple[str, str], fingerprint: object, refusal: Refusal) -> None:
        """From now on this token is answered with this refusal."""
        self._uses[key] = _Use(fingerprint, refusal=refusal)

    def end(self, key: tuple[str, str], answer: JsonObject | None, now: float) -> None:
        """The call is over; without an answer the token is as good as unused."""
        if answer is None:
            del self._uses[key]
        else:
            self._uses[key].answer = answer
            self._uses[key].answered_at = now


class Quotas:
    """Counts the calls of each action and region in a sliding minute."""

    def __init__(self) -> None:
        """`limits` are those of the vendor, action by action."""
        self.limits = dict(QUOTAS)
        self._calls: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def count(self, action: str, region: str, now: float) -> None:
        """Counts a call; one too many is refused, not counted, and told when to come back."""
        calls = self._calls[action, region]
        while calls and calls[0] <= now - QUOTA_WINDOW_SECONDS:
            calls.popleft()
        if len(calls) >= self.limits.get(action, QUOTAS["DescribeRegions"]):
            wait = calls[0] + QUOTA_WINDOW_SECONDS - now if calls else QUOTA_WINDOW_SECONDS
            raise Refusal("Throttling.User", retry_after_ms=max(1, ceil(wait * 1000)))
        calls.append(now)


class Service:
    """The API's behaviour; its parts are public, for those who set the scene."""

    def __init__(
        self,
        gatekeeper: Gatekeeper,
        clock: Callable[[], float],
        token_lifetime: float,
    ) -> None:
        """`clock` gives seconds since the epoch, `token_lifetime` is in seconds."""
        self.gatekeeper = gatekeeper
        self.clock = clock
        self.world = World()
        self.tokens = ClientTokens(token_lifetime)
        self.quotas = Quotas()
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
        armed = self.faults.strike(kinds, call.action, call.params, self.clock())
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
                found = [c for c in world.connections.values() if c.region == ask.region]
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
