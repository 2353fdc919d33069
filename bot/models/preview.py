"""What is asked, and what is shown before anybody decides."""

from enum import StrEnum

from bot.models.cloud import Connection, LiveRoute, VcoRoute
from bot.models.value import Value


class Operation(StrEnum):
    """What a request does to its routes. A restoration puts back what a deletion took."""

    DELETE = "delete"
    RESTORE = "restore"


class Draft(Value, frozen=True):
    """What a command or a form asks for, checked without I/O; the rest is read live.

    `route_dests` are canonical CIDR blocks without duplicates. `weight` and `next_hop` are
    None where the requester left them to be filled from the live route. `exact` names the
    routes in full, where they were chosen from what is there (or was): then nothing is filled
    in. `origin` is the id of the request that this one rolls back.

    `connection_name`: what people call the connection, where they did not give its id. Then
    `vpn_connection_id` is empty until it is found, and so is `region` where none was named.
    """

    vpn_connection_id: str
    route_dests: tuple[str, ...]
    region: str
    weight: int | None = None
    next_hop: str | None = None
    overlay_mode: str | None = None
    reason: str = ""
    break_glass: bool = False
    operation: Operation = Operation.DELETE
    exact: tuple[VcoRoute, ...] = ()
    origin: str = ""
    connection_name: str = ""


class Impact(Value, frozen=True):
    """What happens to traffic when one route goes.

    `carries` are the addresses for which no longer prefix exists now: traffic to them may use this
    route. `takers` are the remaining routes with the longest prefix that covers them afterwards,
    among them those with the same prefix, whatever their weight (which has no actual effect at
    present, says the vendor); empty: nothing on this connection covers them any more. `inside` are
    remaining routes to smaller blocks within the destination: they go on as before.
    """

    route: VcoRoute
    carries: tuple[str, ...] = ()
    takers: tuple[LiveRoute, ...] = ()
    inside: tuple[LiveRoute, ...] = ()
    not_restorable: str = ""


class Snapshot(Value, frozen=True):
    """What the approver saw, and what must still be true when the deletion is sent (G6).

    `bgp_unknown`: the routes learned over BGP could not be read, so they are not counted.
    """

    taken_at: float
    connection: Connection
    targets: tuple[LiveRoute, ...]
    impacts: tuple[Impact, ...]
    last_routes: bool = False
    bgp_unknown: bool = False
