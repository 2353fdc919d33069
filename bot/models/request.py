"""A request and its life."""

from enum import StrEnum

import msgspec

from bot.models.cloud import VcoRoute
from bot.models.people import Decision
from bot.models.preview import Snapshot
from bot.models.value import Value


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


class RouteChange(Value, frozen=True):
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
    details: dict[str, str] = msgspec.field(default_factory=dict)


class Request(Value, frozen=True):
    """One connection, one or more routes, one approval, one card, one thread."""

    id: str
    region: str
    vpn_connection_id: str
    requester: str
    channel: str
    created_at: float
    expires_at: float
    snapshot: Snapshot
    routes: tuple[RouteChange, ...]
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
