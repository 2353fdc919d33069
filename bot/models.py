"""The domain's values: what a route, a request, a decision and an outcome are.

Everything here is frozen and does no I/O. Times are seconds since the epoch, read from
Redis (`TIME`), so that all replicas agree on them. Names follow the vendor's API where it
has one (`route_dest`, `next_hop`, `weight`).
"""

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

Network = IPv4Network | IPv6Network


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all domain values: immutable, compared by content, encodable as JSON."""


# --- the cloud -----------------------------------------------------------------------


class VcoRoute(Value, frozen=True):
    """A destination-based route of an IPsec-VPN connection; all four fields identify it."""

    vpn_connection_id: str
    route_dest: str
    next_hop: str
    weight: int

    @property
    def network(self) -> Network:
        """The destination as a network."""
        return ip_network(self.route_dest)


class RouteKind(StrEnum):
    """Where a route comes from. Only custom routes can be deleted through the API."""

    CUSTOM = "custom"
    BGP = "bgp"


class LiveRoute(Value, frozen=True):
    """A route as DescribeVcoRouteEntries shows it now."""

    route: VcoRoute
    kind: RouteKind = RouteKind.CUSTOM
    state: str = ""


class Connection(Value, frozen=True):
    """An IPsec-VPN connection as DescribeVpnConnection shows it; `state` is lower-case."""

    vpn_connection_id: str
    region: str
    state: str
    name: str = ""
    attach_type: str = ""

    @property
    def attached(self) -> bool:
        """Whether the connection is idle and serving, the only state that accepts changes."""
        return self.state == "attached"


# --- what is asked -------------------------------------------------------------------


class DeleteDraft(Value, frozen=True):
    """What a command or a form asks for, checked without I/O; the rest is read live.

    `route_dests` are canonical CIDR blocks without duplicates. `weight` and `next_hop` are
    None where the requester left them to be filled from the live route.
    """

    vpn_connection_id: str
    route_dests: tuple[str, ...]
    region: str
    weight: int | None = None
    next_hop: str | None = None
    overlay_mode: str | None = None
    reason: str = ""


class Impact(Value, frozen=True):
    """What happens to traffic when one route goes.

    `carries` are the blocks for which the route is the best one now (longest prefix, then
    weight). `takers` are the remaining routes that are the best ones for them afterwards;
    empty: nothing on this connection covers them any more. `inside` are remaining routes to
    smaller blocks within the destination: they go on as before.
    """

    route: VcoRoute
    carries: tuple[str, ...] = ()
    takers: tuple[LiveRoute, ...] = ()
    inside: tuple[LiveRoute, ...] = ()
    not_restorable: str = ""


class Snapshot(Value, frozen=True):
    """What the approver saw, and what must still be true when the deletion is sent (G6)."""

    taken_at: float
    connection: Connection
    targets: tuple[LiveRoute, ...]
    impacts: tuple[Impact, ...]
    last_routes: bool = False


# --- people and decisions ------------------------------------------------------------


class Person(Value, frozen=True):
    """A Slack user as `users.info` shows it at the moment of a decision."""

    id: str
    team: str
    name: str = ""
    deleted: bool = False
    bot: bool = False
    guest: bool = False
    stranger: bool = False


class Place(Value, frozen=True):
    """A Slack channel as `conversations.info` shows it: may the bot post there, who reads it."""

    id: str
    member: bool = False
    shared: bool = False
    archived: bool = False
    direct: bool = False


class Verdict(StrEnum):
    """What a decision says."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Decision(Value, frozen=True):
    """One recorded decision; `by` is a Slack user ID, empty when time decided."""

    verdict: Verdict
    by: str
    at: float
    reason: str = ""


# --- a request and its life ----------------------------------------------------------


class RequestState(StrEnum):
    """pending → approved → executing → an outcome; or it ends before anything is sent."""

    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    DELETED = "deleted"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    VOID = "void"

    @property
    def open(self) -> bool:
        """Whether the request still holds its routes: nothing else may delete them."""
        return self in (RequestState.PENDING, RequestState.APPROVED, RequestState.EXECUTING)


class RouteState(StrEnum):
    """queued → sending → deleting → how this route's deletion ended."""

    QUEUED = "queued"
    SENDING = "sending"
    DELETING = "deleting"
    DELETED = "deleted"
    ALREADY_GONE = "already_gone"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"

    @property
    def ended(self) -> bool:
        """Whether nothing more is sent or expected for the route."""
        return self not in (RouteState.QUEUED, RouteState.SENDING, RouteState.DELETING)


class Observation(Value, frozen=True):
    """What one poll saw: the connection's state, and whether the route is still listed.

    `present` is None where the routes were not read (the connection was not `attached`).
    """

    state: str
    present: bool | None = None


class Watch(Value, frozen=True):
    """What all polls of a deletion saw so far; `bot.watching` folds observations into it."""

    updating_seen: bool = False
    absent_reads: int = 0
    polls: int = 0
    state: str = ""
    present: bool | None = None


class Failure(Value, frozen=True):
    """Why a route could not be deleted, in words to act on, and the ids for support."""

    code: str
    meaning: str
    next_step: str
    alibaba_request_id: str = ""


class RouteDeletion(Value, frozen=True):
    """One route of a request and how far its deletion has come.

    `client_token` is stored before the first send and never changes (G2). `in_flight` is set
    before each send and cleared by its answer: found set by another worker, the answer was
    lost. `outcome_unknown` stays set once an answer was lost.
    """

    route: VcoRoute
    state: RouteState = RouteState.QUEUED
    client_token: str = ""
    alibaba_request_id: str = ""
    started_at: float = 0.0
    first_sent_at: float = 0.0
    ended_at: float = 0.0
    sends: int = 0
    waits: int = 0
    in_flight: bool = False
    outcome_unknown: bool = False
    watch: Watch = Watch()
    failure: Failure | None = None


class EventKind(StrEnum):
    """What can happen to a request: the vocabulary of the audit and of the timeline."""

    ASKED = "asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    DRIFTED = "drifted"
    SENDING = "sending"
    SENT = "sent"
    WAITING = "waiting"
    ANSWER_LOST = "answer_lost"
    OBSERVED = "observed"
    UPDATING = "updating"
    ROUTE_ENDED = "route_ended"
    ENDED = "ended"
    RECONCILED = "reconciled"
    TROUBLE = "trouble"


class Event(Value, frozen=True):
    """One thing that happened, for the audit stream and, where people see it, the thread."""

    kind: EventKind
    at: float
    by: str = ""
    route: VcoRoute | None = None
    details: dict[str, str] = {}


class DeleteRequest(Value, frozen=True):
    """One connection, one or more routes, one approval, one card, one thread."""

    id: str
    region: str
    vpn_connection_id: str
    requester: str
    channel: str
    created_at: float
    expires_at: float
    snapshot: Snapshot
    routes: tuple[RouteDeletion, ...]
    reason: str = ""
    overlay_mode: str | None = None
    state: RequestState = RequestState.PENDING
    decisions: tuple[Decision, ...] = ()
    timeline: tuple[Event, ...] = ()
    ended_at: float = 0.0
    why: str = ""

    @property
    def current(self) -> int | None:
        """The index of the route in hand, None when all have ended."""
        return next((i for i, r in enumerate(self.routes) if not r.state.ended), None)
