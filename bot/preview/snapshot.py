"""2 preview: the live routes and state → the exact routes, their impact, a snapshot.

The snapshot is what the approver sees; `drift` says what is no longer so when the deletion is
about to be sent (G6).
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from bot.models import (
    Connection,
    Draft,
    Impact,
    LiveRoute,
    Operation,
    RouteKind,
    RouteList,
    Snapshot,
    VcoRoute,
)
from bot.preview.impact import addresses, identity, impacts, remaining
from bot.preview.resolve import obstacle, resolve

__all__ = ["drift", "resolve", "snapshot"]


def snapshot(draft: Draft, connection: Connection, listed: RouteList, *, at: float) -> Snapshot:
    """What the approver is shown; `at` is in seconds since the epoch, by Redis.

    Raises:
        PreviewError: See `bot.preview.resolve.resolve`.
    """
    routes = listed.routes
    targets = resolve(draft, connection, routes)
    if draft.operation is Operation.RESTORE:
        # What would go if they went again: just what comes back with them.
        present = (*routes, *targets)
        return Snapshot(
            taken_at=at,
            connection=connection,
            targets=targets,
            impacts=impacts(targets, present),
            bgp_unknown=not listed.bgp_known,
        )
    return Snapshot(
        taken_at=at,
        connection=connection,
        targets=targets,
        impacts=impacts(targets, routes),
        last_routes=listed.bgp_known and not remaining(routes, targets),
        bgp_unknown=not listed.bgp_known,
    )


def fingerprint(seen: Snapshot) -> str:
    """The same for two snapshots that say the same of the same routes, whenever they were taken."""
    said = [
        (
            impact.route,
            impact.carries,
            sorted(map(str, (identity(taker) for taker in impact.takers))),
            sorted(map(str, (identity(inside) for inside in impact.inside))),
        )
        for impact in seen.impacts
    ]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:16]


def drift(
    snapshot: Snapshot,
    connection: Connection,
    listed: RouteList,
    *,
    done: Sequence[VcoRoute] = (),
    operation: Operation = Operation.DELETE,
) -> str | None:
    """What is no longer as the approver saw it, in one sentence, or None.

    `done` are the routes of this request that are deleted already: they are counted as if they
    were still there and about to go, as on the card. One that somebody put back counts as a
    route that stays. A connection that is merely `updating` is waited for and no drift.

    Routes learned over BGP count where they were listed both times. Where their listing fails now,
    those that were on the card are taken to be there still; where it had failed before, the card
    says so, and nobody has relied on them.
    """
    routes = _comparable(snapshot, listed)
    not_done = [t for t in snapshot.targets if t.route not in done]
    if operation is Operation.RESTORE:
        return (
            _connection_drift(snapshot.connection, connection)
            or _return_drift(not_done, routes)
            or _gain_drift(snapshot, routes)
        )
    return (
        _connection_drift(snapshot.connection, connection)
        or _target_drift(not_done, routes)
        or _impact_drift(snapshot, routes, done, bgp_known=listed.bgp_known)
    )


def _comparable(seen: Snapshot, now: RouteList) -> Sequence[LiveRoute]:
    custom = tuple(live for live in now.routes if live.kind is RouteKind.CUSTOM)
    if seen.bgp_unknown:
        return custom
    if now.bgp_known:
        return now.routes
    shown = (live for impact in seen.impacts for live in (*impact.takers, *impact.inside))
    return *custom, *(live for live in shown if live.kind is RouteKind.BGP)


def _connection_drift(seen: Connection, now: Connection) -> str | None:
    if problem := obstacle(now):
        return f"{now.vpn_connection_id} {problem} now."
    if seen.attach_type.upper() != now.attach_type.upper():
        return (
            f"The attach type of {now.vpn_connection_id} was {seen.attach_type or 'not known'} "
            f"and is {now.attach_type or 'not known'} now."
        )
    return None


def _target_drift(targets: Iterable[LiveRoute], routes: Sequence[LiveRoute]) -> str | None:
    there = {identity(live) for live in routes}
    for target in targets:
        if identity(target) in there:
            continue
        block = target.route.network
        instead = [live for live in routes if live.route.network == block]
        ending = f"; there is {_names(instead)} now" if instead else ""
        return f"The route {_name(target)} is gone already{ending}."
    return None


def _return_drift(targets: Iterable[LiveRoute], routes: Sequence[LiveRoute]) -> str | None:
    there = {live.route for live in routes if live.kind is RouteKind.CUSTOM}
    back = next((t for t in targets if t.route in there), None)
    return f"The route {_name(back)} is there already." if back else None


def _gain_drift(seen: Snapshot, routes: Sequence[LiveRoute]) -> str | None:
    """What a restoration would change for traffic, compared with what the card said."""
    there = {live.route for live in routes if live.kind is RouteKind.CUSTOM}
    missing = [t for t in seen.targets if t.route not in there]
    known = {t.route: t for t in seen.targets}
    # A route that is back already may be listed with a state; the snapshot's stands for it.
    now = impacts(seen.targets, [*(known.get(r.route, r) for r in routes), *missing])
    pairs = zip(seen.impacts, now, strict=True)
    return next(filter(None, (_difference(was, then) for was, then in pairs)), None)


def _impact_drift(
    seen: Snapshot, routes: Sequence[LiveRoute], done: Sequence[VcoRoute], *, bgp_known: bool
) -> str | None:
    there = {identity(live) for live in routes}
    going = [t for t in seen.targets if t.route not in done or identity(t) not in there]
    before = (*routes, *going)
    now = {impact.route: impact for impact in impacts(going, before)}
    for impact in seen.impacts:
        if impact.route in done:
            continue
        if difference := _difference(impact, now[impact.route]):
            return difference
    last = not remaining(before, going)
    if last != seen.last_routes and bgp_known and not seen.bgp_unknown:
        name = seen.connection.vpn_connection_id
        return (
            f"{name} would now be left without any route."
            if last
            else f"{name} would have been left without any route, and now others stay."
        )
    return None


def _difference(seen: Impact, now: Impact) -> str | None:
    """What of an impact differs from what the card said; the cause comes before its effect."""
    dest = seen.route.route_dest
    was, live = _by_identity(seen.inside), _by_identity(now.inside)
    if new := [live[key] for key in live if key not in was]:
        return f"Inside {dest} there is {_names(new)} now, which was not there before."
    if lost := [was[key] for key in was if key not in live]:
        return f"Inside {dest} there was {_names(lost)}, which is gone now."
    if seen.carries != now.carries:
        return (
            f"{dest} carried {addresses(seen.carries)} addresses "
            f"and carries {addresses(now.carries)} now."
        )
    if _by_identity(seen.takers).keys() != _by_identity(now.takers).keys():
        return (
            f"The traffic to {dest} would have gone to {_names(seen.takers)} "
            f"and would go to {_names(now.takers)} now."
        )
    return None


def _by_identity(routes: Iterable[LiveRoute]) -> dict[tuple[VcoRoute, str], LiveRoute]:
    return {identity(live): live for live in routes}


def _names(routes: Sequence[LiveRoute]) -> str:
    """Routes in words: two by name, of more the number; none is no route on this connection."""
    if not routes:
        return "no route of this connection"
    shown, more = routes[:2], routes[2:]
    names = " and ".join(map(_name, shown))
    return f"{names} and {len(more)} more" if more else names


def _name(live: LiveRoute) -> str:
    route = live.route
    hop = f", next hop {route.next_hop}" if route.next_hop != route.vpn_connection_id else ""
    learned = ", learned over BGP" if live.kind is RouteKind.BGP else ""
    return f"{route.route_dest} (weight {route.shown_weight}{hop}{learned})"
