"""The domain's values: what a route, a request, a decision and an outcome are.

Everything here is frozen and does no I/O. Times are seconds since the epoch, read from
Redis (`TIME`), so that all replicas agree on them. Names follow the vendor's API where it
has one (`route_dest`, `next_hop`, `weight`).

- `value`     the base of all of them
- `cloud`     connections and routes, as the VPC API shows them
- `preview`   what is asked, its impact, and the snapshot that an approval binds to
- `people`    who somebody is, and what they decided
- `terms`     what the policy asks of a request
- `request`   a request, its routes, and everything that happens to them
"""

from bot.models.cloud import (
    UNKNOWN_WEIGHT,
    Connection,
    LiveRoute,
    Network,
    RouteKind,
    RouteList,
    Tunnel,
    VcoRoute,
)
from bot.models.people import Decision, Person, Place, Verdict
from bot.models.preview import Draft, Impact, Operation, Snapshot
from bot.models.request import (
    Event,
    EventKind,
    Failure,
    Observation,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    WaitCause,
    Watch,
)
from bot.models.terms import Members, People, Terms
from bot.models.value import Value

__all__ = [
    "UNKNOWN_WEIGHT",
    "Connection",
    "Decision",
    "Draft",
    "Event",
    "EventKind",
    "Failure",
    "Impact",
    "LiveRoute",
    "Members",
    "Network",
    "Observation",
    "Operation",
    "People",
    "Person",
    "Place",
    "Request",
    "RequestState",
    "RouteChange",
    "RouteKind",
    "RouteList",
    "RouteState",
    "Snapshot",
    "Terms",
    "Tunnel",
    "Value",
    "VcoRoute",
    "Verdict",
    "WaitCause",
    "Watch",
]
