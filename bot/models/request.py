"""A request and its life."""

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from bot.models.cloud import VcoRoute
from bot.models.people import Decision, Verdict
from bot.models.preview import Operation, Snapshot
from bot.models.terms import Terms
from bot.models.value import Value


class RequestState(StrEnum):
    """pending → approved → executing → an outcome; or it ends before anything is sent."""

    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    DELETED = "deleted"
    RESTORED = "restored"
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
    """queued → sending → deleting or restoring → how this route's change ended."""

    QUEUED = "queued"
    SENDING = "sending"
    DELETING = "deleting"
    RESTORING = "restoring"
    DELETED = "deleted"
    RESTORED = "restored"
    ALREADY_GONE = "already_gone"
    ALREADY_THERE = "already_there"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"

    @property
    def ended(self) -> bool:
        """Whether nothing more is sent or expected for the route."""
        return not (self.watched or self in (RouteState.QUEUED, RouteState.SENDING))

    @property
    def watched(self) -> bool:
        """Whether a change was asked for and is not proven yet."""
        return self in (RouteState.DELETING, RouteState.RESTORING)

    @property
    def done(self) -> bool:
        """Whether what was asked for is proven."""
        return self in (RouteState.DELETED, RouteState.RESTORED)

    @property
    def changed(self) -> bool:
        """Whether the change was made, or may have been, and has ended."""
        return self.done or self is RouteState.UNCONFIRMED


class Observation(Value, frozen=True):
    """What one poll saw: the connection's state, and whether the route is still listed.

    `present` is None where the routes were not read (the connection was not `attached`). `paged`:
    the list came on several pages, read one after the other.
    """

    state: str
    present: bool | None = None
    paged: bool = False


class Watch(Value, frozen=True):
    """What all polls of a change saw so far; `bot.lifecycle.proof` folds observations into it.

    `settled_reads` are the reads in a row that saw the connection attached and the route as it
    should be: absent after a deletion, present after a restoration. `paged`: in one of these
    reads the list came on several pages. `settled_before`: there were such reads
    before, in a row that has ended; `contradicted`: a read showed the opposite when `updating` or
    such a read had come before. `at`: when the latest poll saw it, 0 where an earlier version saw
    it.
    """

    updating_seen: bool = False
    settled_reads: int = 0
    polls: int = 0
    state: str = ""
    present: bool | None = None
    paged: bool = False
    settled_before: bool = False
    contradicted: bool = False
    at: float = 0.0


class Failure(Value, frozen=True):
    """Why a route could not be changed, in words to act on, and the ids for support."""

    code: str
    meaning: str
    next_step: str
    alibaba_request_id: str = ""


class RouteChange(Value, frozen=True):
    """One route of a request and how far its change has come.

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

    @property
    def perhaps_accepted(self) -> bool:
        """Whether the change of this route was accepted, or may have been."""
        return self.in_flight or self.outcome_unknown or self.state.watched or self.state.changed

    @property
    def begun(self) -> bool:
        """The same as people are shown it.

        A send that follows a refusal and has no answer yet is no news: most are refused again,
        within a second.
        """
        answered = replace(self, in_flight=False) if self.waits else self
        return answered.perhaps_accepted


class EventKind(StrEnum):
    """What can happen to a request: the vocabulary of the audit and of the timeline."""

    SUBMITTED = "asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
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
    BROKE_GLASS = "broke_glass"
    COUNTERSIGNED = "countersigned"
    APPROVAL_REMINDER = "nudged"
    COUNTERSIGN_REMINDER = "reminded"
    DEGRADED = "degraded"
    RECOVERED = "recovered"
    MONITORED = "watched"
    TERMS_CHANGED = "terms_changed"


class WaitCause(StrEnum):
    """What a route waits for before its change is accepted: the detail `cause` of such an event."""

    BUSY = "busy"
    QUOTA = "quota"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    SLACK = "slack"
    REPLICAS = "replicas"
    OTHER = "other"


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
    operation: Operation = Operation.DELETE
    origin: str = ""
    terms: Terms = Terms()
    state: RequestState = RequestState.PENDING
    decisions: tuple[Decision, ...] = ()
    timeline: tuple[Event, ...] = ()
    ended_at: float = 0.0
    why: str = ""

    @property
    def approvers(self) -> tuple[str, ...]:
        """The distinct people who have approved, in their order."""
        by = (d.by for d in self.decisions if d.verdict is Verdict.APPROVED)
        return tuple(dict.fromkeys(by))

    @property
    def glass_broken(self) -> bool:
        """Whether the requester went ahead alone."""
        return any(d.verdict is Verdict.BROKE_GLASS for d in self.decisions)

    @property
    def countersigned(self) -> bool:
        """Whether an approver has looked at a broken glass since."""
        return any(d.verdict is Verdict.COUNTERSIGNED for d in self.decisions)

    @property
    def unsigned(self) -> bool:
        """Whether a broken glass waits for its countersignature."""
        return self.glass_broken and not self.countersigned

    @property
    def undecided(self) -> bool:
        """Whether it waits for an approval, or for a countersignature."""
        return self.state is RequestState.PENDING or self.unsigned

    @property
    def stopped(self) -> bool:
        """Whether somebody stopped it after its approval."""
        return any(d.verdict is Verdict.STOPPED for d in self.decisions)

    @property
    def stoppable(self) -> bool:
        """Whether it is approved, and surely nothing of it was accepted yet."""
        under_way = self.state in (RequestState.APPROVED, RequestState.EXECUTING)
        return under_way and not any(route.perhaps_accepted for route in self.routes)

    @property
    def waiting(self) -> bool:
        """Whether it is approved and nothing of it has begun, as people are shown it."""
        under_way = self.state in (RequestState.APPROVED, RequestState.EXECUTING)
        return under_way and not any(route.begun for route in self.routes)

    @property
    def held_up(self) -> bool:
        """Whether it waits, and was told to: most of what is approved begins within a second."""
        return self.waiting and any(route.waits for route in self.routes)

    @property
    def current(self) -> int | None:
        """The index of the route in hand, None when all have ended."""
        return next((i for i, r in enumerate(self.routes) if not r.state.ended), None)

    def happened(self, kind: EventKind) -> bool:
        """Whether an event of this kind is in the timeline."""
        return any(event.kind is kind for event in self.timeline)

    @property
    def degraded(self) -> tuple[Event, ...]:
        """What became worse after the change and has not recovered, oldest first."""
        worse: tuple[Event, ...] = ()
        for event in self.timeline:
            if event.kind is EventKind.DEGRADED:
                worse = (*worse, event)
            elif event.kind is EventKind.RECOVERED:
                worse = ()
        return worse

    @property
    def monitored_until(self) -> float | None:
        """Until when the connection is still read for this request's sake; None: it is not."""
        changed = any(r.state.done for r in self.routes) and not self.state.open
        if not changed or self.terms.watch <= 0 or self.happened(EventKind.MONITORED):
            return None
        return self.ended_at + self.terms.watch

    def with_event(self, event: Event) -> "Request":
        """The same with one event more in the timeline."""
        return replace(self, timeline=(*self.timeline, event))
