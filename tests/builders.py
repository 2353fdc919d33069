"""Small builders of the domain's values, for tests that need one and care about little of it."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import (
    Connection,
    Decision,
    Draft,
    Failure,
    Impact,
    LiveRoute,
    Observation,
    Operation,
    People,
    Request,
    RequestState,
    RouteList,
    RouteState,
    Snapshot,
    Terms,
    VcoRoute,
    Verdict,
)

REGION = "cn-hangzhou"
CONNECTION = "vco-p0w5112f"
ALICE, BOB, CAROL = "U0ALICE", "U0BOB", "U0CAROL"

UPDATING = Observation(state="updating")
PRESENT = Observation(state="attached", present=True)
ABSENT = Observation(state="attached", present=False)

REFUSED = Failure(
    code="Forbidden.RAM",
    meaning="RAM refused the deletion.",
    next_step="Grant vpc:DeleteVcoRouteEntry to the bot.",
    alibaba_request_id="9208DDD8",
)


def a_route(dest: str = "10.0.0.0/24", *, connection: str = CONNECTION) -> VcoRoute:
    """A route of weight 100 over its own connection."""
    return VcoRoute(vpn_connection_id=connection, route_dest=dest, next_hop=connection, weight=100)


def live(route: VcoRoute, **changes: Any) -> LiveRoute:  # noqa: ANN401 - fields of LiveRoute
    """The same as the API lists it."""
    return LiveRoute(route=route, **({"state": "published"} | changes))


def listed(routes: Iterable[LiveRoute], **changes: Any) -> RouteList:  # noqa: ANN401 - fields
    """The same, as a whole list of routes."""
    return RouteList(routes=tuple(routes), **changes)


def a_snapshot(*routes: VcoRoute, **changes: Any) -> Snapshot:  # noqa: ANN401 - fields of Snapshot
    """What an approver sees of these routes: each carries its block, and nothing takes over."""
    connection = routes[0].vpn_connection_id
    seen = Snapshot(
        taken_at=1000.0,
        connection=Connection(vpn_connection_id=connection, region=REGION, state="attached"),
        targets=tuple(live(r) for r in routes),
        impacts=tuple(Impact(route=r, carries=(r.route_dest,)) for r in routes),
    )
    return replace(seen, **changes)


def a_request(
    *routes: VcoRoute,
    id: str = "r-abcdefghij",  # noqa: A002 - the field's name
    reason: str = "leaking prod prefix",
    snapshot: Snapshot | None = None,
    terms: Terms | None = None,
    operation: Operation = Operation.DELETE,
) -> Request:
    """A pending request, asked by Alice at 1000 and open until 2800."""
    routes = routes or (a_route(),)
    draft = Draft(
        vpn_connection_id=routes[0].vpn_connection_id,
        route_dests=tuple(r.route_dest for r in routes),
        region=REGION,
        reason=reason,
        operation=operation,
    )
    return lifecycle.new_request(
        id=id,
        draft=draft,
        snapshot=snapshot or a_snapshot(*routes),
        requester=ALICE,
        channel="C0NETOPS",
        at=1000.0,
        terms=terms or Terms(approvers=People(users=("U0CAROL",), groups=("S0NETOPS",))),
    )


def decided(verdict: Verdict, by: str = BOB, at: float = 1100.0, reason: str = "") -> Decision:
    """A decision, Bob's unless said otherwise."""
    return Decision(verdict=verdict, by=by, at=at, reason=reason)


def decide(verdict: Verdict, by: str = BOB, at: float = 1100.0) -> Callable[..., Request]:
    """The transition that records such a decision."""
    return lambda request: lifecycle.record_decision(request, decided(verdict, by, at))


def approved(request: Request | None = None) -> Request:
    """Bob approved it at 1100."""
    return lifecycle.record_decision(request or a_request(), decided(Verdict.APPROVED))


def sent(request: Request | None = None, at: float = 1102.0) -> Request:
    """The route in hand was sent, and no answer has come yet."""
    started = route_change.start(request or approved(), at - 1)
    return route_change.send(started, at)


def accepted(request: Request | None = None, at: float = 1103.0) -> Request:
    """The route in hand was sent and accepted, and is being watched."""
    return route_change.accept(sent(request, at - 1), at, "9208DDD8-AAAA")


def deleted(request: Request | None = None, at: float = 1143.0) -> Request:
    """The route in hand was deleted, and proven gone."""
    seen = route_change.observe(accepted(request, at - 40), at - 30, UPDATING)
    return route_change.end(route_change.observe(seen, at, ABSENT), at, RouteState.DELETED)


def restored(request: Request | None = None, at: float = 1143.0) -> Request:
    """The route in hand was put back, and is proven to be there."""
    request = request or approved(a_request(operation=Operation.RESTORE))
    seen = route_change.observe(accepted(request, at - 40), at - 30, UPDATING)
    return route_change.end(route_change.observe(seen, at, PRESENT), at, RouteState.RESTORED)


def in_state(state: RequestState, *routes: VcoRoute, **more: Any) -> Request:  # noqa: ANN401 - arguments of a_request
    """A request that came to `state` in the ordinary way."""
    if state is RequestState.RESTORED:
        more["operation"] = Operation.RESTORE
    asked = a_request(*routes, **more)
    yes = approved(asked)
    everything = yes
    done = restored if state is RequestState.RESTORED else deleted
    for _ in asked.routes:
        everything = done(everything)
    known = {
        RequestState.PENDING: asked,
        RequestState.APPROVED: yes,
        RequestState.EXECUTING: accepted(yes),
        RequestState.DELETED: everything,
        RequestState.RESTORED: everything,
        RequestState.FAILED: route_change.end(sent(yes), 1105.0, RouteState.FAILED, REFUSED),
        RequestState.UNCONFIRMED: route_change.end(accepted(yes), 1703.0, RouteState.UNCONFIRMED),
        RequestState.VOID: lifecycle.drift(yes, 1101.0, "The route is gone already."),
        RequestState.EXPIRED: lifecycle.record_decision(
            asked, decided(Verdict.EXPIRED, by="", at=asked.expires_at)
        ),
    }
    no = Verdict.REJECTED if state is RequestState.REJECTED else Verdict.CANCELLED
    return known.get(state) or lifecycle.record_decision(asked, decided(no, reason="not tonight"))
