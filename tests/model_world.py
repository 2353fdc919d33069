"""A world so small that everything that can happen in it is tried, in every order.

One request for two routes of one connection, two workers, a few people and a cloud that loses
answers, hears late, and is changed by others. What workers and people do is the bot's own code
(`bot.execution`, `bot.approval` over `bot.lifecycle`). A worker is what it has heard so far: to go
on, its step runs again from the start, is told the same again, and does the one thing that comes
next. So a state is a plain value, and any other actor may come in between.

Time goes on in steps of `TICK` seconds: the request expires at the first, a token is known
until the next, and a route's deadline comes two after its send.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from math import inf
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

from builders import ALICE, BOB, CAROL, REGION, a_request, a_route, listed, live
from msgspec.structs import replace

from bot import lifecycle
from bot.approval.decide import Approval
from bot.errors import (
    AlibabaError,
    AlreadyGone,
    BotError,
    Busy,
    NotSent,
    OutcomeUnknown,
    Rejected,
    StaleFence,
)
from bot.execution import Execution, Limits
from bot.execution.context import StepContext
from bot.models import (
    Connection,
    Decision,
    People,
    Person,
    Place,
    Request,
    RouteChange,
    RouteList,
    VcoRoute,
    Verdict,
    Watch,
)
from bot.policy import Policy, PolicySource, Rule, Who, terms_now
from bot.store import Claim, OutOfTime
from bot.store.records import Reading, Stored

TICK = 60.0
LIMITS = Limits(operation=1.5 * TICK, token_window=0.5 * TICK)
ROUTES = (a_route("10.0.0.0/24"), a_route("10.0.1.0/24"))
INSIDE = a_route("10.0.1.128/25")
"""What somebody else may add: it changes what the deletion of the second route does."""
OTHER = a_route("172.16.0.0/16")
APPROVERS = (BOB, CAROL)
CONNECTION = ROUTES[0].vpn_connection_id


class At(StrEnum):
    """What an actor is about to do; before each, anybody else may do anything."""

    LOOK = "reads the connection and its routes"
    CALL = "calls for the deletion"
    WRITE = "writes to the record"


class Answer(StrEnum):
    """What becomes of a call or a read; all but `OK` are faults, of which there are few."""

    OK = "as it should"
    LOST_BEFORE = "lost on its way"
    LOST_AFTER = "its answer is lost"
    LATE = "given up, and arrives later"
    REFUSED = "refused"
    NOT_SENT = "not sent"
    ABSENT = "shows no route that is to go"


class Error(NamedTuple):
    """An error as it was heard: raised again each time."""

    kind: type[BotError]
    words: str


class Actor(NamedTuple):
    """A worker in a step, or a person in a click: what it has heard, and what it does next."""

    at: At
    heard: tuple[Any, ...]
    tick: int = 0
    stale: bool = False
    tired: bool = False
    looked: frozenset[VcoRoute] = frozenset()


class Send(NamedTuple):
    """A call for the deletion of a route: which one, under which token."""

    route: VcoRoute
    token: str


class Cloud(NamedTuple):
    """The connection: its routes, the task that works on it, and what it remembers."""

    there: frozenset[VcoRoute] = frozenset()
    task: tuple[VcoRoute, bool] | None = None
    """The route that is being taken away, and whether the connection shows it (`updating`)."""
    known: frozenset[Send] = frozenset()
    """The calls that it answers again in the same way; forgotten as time passes."""
    effects: tuple[VcoRoute, ...] = ()
    air: Send | None = None
    """A call that nobody waits for any more and that has not arrived yet."""


class Left(NamedTuple):
    """What may still go wrong, and how often; and how often time may pass."""

    ticks: int = 0
    faults: int = 0
    flaps: int = 0
    """Reads that miss the route at any time."""
    alternations: int = 0
    """Reads that miss the route after one that showed it: present, absent, present, absent."""
    crashes: int = 0
    takeovers: int = 0
    hangs: int = 0
    surrenders: int = 0
    drifts: int = 0
    silent: int = 0


class World(NamedTuple):
    """Everything at one moment."""

    record: Request
    left: Left
    clicks: tuple[tuple[str, Verdict, Actor | None], ...] = ()
    tick: int = 0
    scheduled: bool = True
    workers: tuple[Actor, ...] = ()
    cloud: Cloud = Cloud()
    sends: frozenset[Send] = frozenset()


class Deed(NamedTuple):
    """What happened between two states, and what its actor knew."""

    words: str
    send: Send | None = None
    looked: frozenset[VcoRoute] = frozenset()
    record: Request | None = None
    """The record as its actor knew it."""
    began: int = 0
    """The moment when its actor began."""
    told: int = 0
    """How many events the change of the record tells of."""


Next = tuple[Deed, World]
Known = dict[Any, Next]


def world(
    *,
    routes: int = 1,
    approvals: int = 1,
    clicks: tuple[tuple[str, Verdict], ...] = (),
    **left: int,
) -> World:
    """A request has just been asked for; where nobody is to decide, it is approved as well."""
    asked = replace(a_request(*ROUTES[-routes:]), created_at=0.0, expires_at=moment(1))
    asked = replace(asked, terms=terms_now(policy(approvals), asked))
    if all(what is Verdict.STOPPED for _, what in clicks):
        asked = lifecycle.record_decision(
            asked, Decision(verdict=Verdict.APPROVED, by=BOB, at=moment(0))
        )
    cloud = Cloud(there=frozenset((*ROUTES[-routes:], OTHER)))
    return World(
        bare(asked), Left(**left), tuple((who, what, None) for who, what in clicks), cloud=cloud
    )


def policy(approvals: int) -> Policy:
    """Anybody asks, and so many of the approvers decide."""
    rule = Rule(
        name="all", ask=Who(anyone=True), approve=People(users=APPROVERS), approvals=approvals
    )
    return Policy(rules=(rule,), expiry=TICK)


def moment(tick: int) -> float:
    """A moment as the store's clock tells it; never 0, which says that something never was."""
    return TICK * (tick + 1)


def bare(request: Request) -> Request:
    """The record without what nothing depends on: two states that differ in it alone are one."""
    return replace(
        request,
        routes=tuple(map(_bare_route, request.routes)),
        decisions=tuple(replace(decision, at=0.0) for decision in request.decisions),
        timeline=(),
        ended_at=0.0,
    )


def _bare_route(route: RouteChange) -> RouteChange:
    watch = replace(route.watch, polls=0, settled_reads=min(route.watch.settled_reads, 3))
    looked_at = route.state.watched or route.outcome_unknown
    ended = route.state.ended
    return replace(
        route,
        started_at=1.0 if route.first_sent_at else 0.0 if ended else route.started_at,
        first_sent_at=0.0 if ended else route.first_sent_at,
        ended_at=0.0,
        sends=min(route.sends, 1),
        waits=min(route.waits, 1),
        alibaba_request_id="",
        watch=watch if looked_at and not route.state.done else Watch(),
    )


# --- what may happen next -----------------------------------------------------------------


async def what_next(now: World, known: Known) -> list[Next]:
    """Everything that may happen in this moment; `known` remembers what came of steps."""
    found = [*_cloud_goes_on(now), *_others(now)]
    found += [await _click(now, number, known) for number in range(len(now.clicks))]
    for tired in (False, True):
        if _may_claim(now) and (not tired or now.left.surrenders):
            found.append(await _claim(now, known, tired=tired))
    for worker in now.workers:
        rest = _without(now.workers, worker)
        for answer in _answers(now, worker):
            found.append(await _step(now, worker, rest, answer, known))
        if now.left.crashes:
            killed = now._replace(workers=rest, left=_less(now.left, "crashes"))
            found.append((Deed("kill -9"), killed))
    return found


def _answers(now: World, worker: Actor) -> Iterator[Answer]:
    yield Answer.OK
    alternates = now.left.alternations and any(r.watch.present for r in now.record.routes)
    if (now.left.flaps or alternates) and worker.at is At.LOOK:
        yield Answer.ABSENT
    if now.left.faults:
        if worker.at is At.LOOK:
            yield from (Answer.REFUSED, Answer.NOT_SENT)
        elif worker.at is At.CALL:
            yield from (Answer.LOST_BEFORE, Answer.LOST_AFTER, Answer.REFUSED, Answer.NOT_SENT)
            if now.cloud.air is None:
                yield Answer.LATE


def _cloud_goes_on(now: World) -> Iterator[Next]:
    cloud = now.cloud
    if cloud.task:
        route, shown = cloud.task
        if shown:
            gone = cloud._replace(there=cloud.there - {route}, task=None)
            yield Deed("the task ends"), now._replace(cloud=gone)
        else:
            yield Deed("the task shows"), now._replace(cloud=cloud._replace(task=(route, True)))
        if now.left.silent:
            idle = now._replace(cloud=cloud._replace(task=None), left=_less(now.left, "silent"))
            yield Deed("the task ends and changed nothing"), idle
    if cloud.air:
        landed, _ = _arrive(cloud._replace(air=None), cloud.air)
        yield Deed("a call arrives that was given up"), now._replace(cloud=landed)
    in_step = any(not worker.stale for worker in now.workers) or any(c[2] for c in now.clicks)
    if now.left.ticks and (now.left.hangs or not in_step):
        left = _less(now.left, "ticks")
        left = _less(left, "hangs") if in_step else left
        later = cloud._replace(known=frozenset(), air=None)
        yield Deed("time passes"), now._replace(tick=now.tick + 1, cloud=later, left=left)


def _others(now: World) -> Iterator[Next]:
    """Somebody else works on the same connection."""
    if not now.left.drifts or now.cloud.task:
        return
    less = _less(now.left, "drifts")
    for words, there in (
        ("somebody removes the second route", now.cloud.there - {ROUTES[-1]}),
        ("somebody adds a route inside the second", now.cloud.there | {INSIDE}),
    ):
        yield Deed(words), now._replace(cloud=now.cloud._replace(there=there), left=less)


def _arrive(cloud: Cloud, send: Send) -> tuple[Cloud, object]:
    """A call arrives: the cloud after it, and its answer."""
    if send in cloud.known:
        return cloud, "REQUEST"
    if cloud.task:
        return cloud, Error(Busy, "TaskConflict")
    if send.route not in cloud.there:
        return cloud, Error(AlreadyGone, "InvalidRouteEntry.NotFound")
    taken = cloud._replace(
        task=(send.route, False),
        known=cloud.known | {send},
        effects=(*cloud.effects, send.route),
    )
    return taken, "REQUEST"


# --- workers ------------------------------------------------------------------------------


def _may_claim(now: World) -> bool:
    """Nobody is at it, or the lease of whoever is has run out."""
    busy = [worker for worker in now.workers if not worker.stale]
    free = len(now.workers) < 2 and (not busy or now.left.takeovers > 0)
    return now.scheduled and free


async def _claim(now: World, known: Known, *, tired: bool) -> Next:
    left = now.left
    if any(not worker.stale for worker in now.workers):
        left = _less(left, "takeovers")
    if tired:
        left = _less(left, "surrenders")
    others = tuple(worker._replace(stale=True) for worker in now.workers)
    begun = Actor(At.LOOK, (), tick=now.tick, tired=tired)
    after = now._replace(workers=others, left=left)
    return await _step(after, begun, others, Answer.OK, known, fresh=True)


async def _step(  # noqa: PLR0913 - who, among whom, and what they hear
    now: World,
    worker: Actor,
    rest: tuple[Actor, ...],
    answer: Answer,
    known: Known,
    *,
    fresh: bool = False,
) -> Next:
    """A worker goes on by one thing, and is held up before the next, or done."""
    if answer is not Answer.OK:
        flaps = "flaps" if now.left.flaps else "alternations"
        what = flaps if answer is Answer.ABSENT else "faults"
        now = now._replace(left=_less(now.left, what))
    # What comes of it follows from this alone.
    seen = World(now.record, _NONE, (), now.tick, now.scheduled, (), now.cloud)
    key = (seen, worker, answer, fresh)
    if key not in known:
        known[key] = await _run(*key)
    deed, after = known[key]
    workers = _sorted(*rest, *after.workers)
    sends = now.sends | {deed.send} if deed.send else now.sends
    return deed, after._replace(left=now.left, clicks=now.clicks, workers=workers, sends=sends)


async def _run(seen: World, worker: Actor, answer: Answer, fresh: bool) -> Next:  # noqa: FBT001 - a key
    hands = Hands(seen, worker, answer, acted=fresh)
    claim = Claim("run:" + seen.record.id, "a fence", 1, *_moment(worker))
    execution = Execution(
        StepContext(
            requests=hands,  # type: ignore[arg-type] # the part of it that steps use
            rate_limits=hands,  # type: ignore[arg-type] # the same
            change_quota=hands,
            cloud=hands,
            now=hands.now,
            limits=LIMITS,
        )
    )
    step = execution.give_up if worker.tired else execution.step
    words = f"a {'zombie' if worker.stale else 'worker'} {'begins' if fresh else worker.at}"
    words += "" if answer is Answer.OK else f": {answer}"
    scheduled = True
    try:
        scheduled = await step(claim) is not None
    except HeldUpError as held:
        going_on = worker._replace(at=held.at, heard=tuple(hands.heard), looked=hands.looked)
        return hands.deed(words), hands.world._replace(workers=(going_on,))
    except (StaleFence, AlibabaError) as error:
        words += f" ({type(error).__name__})"
    after = hands.world
    return hands.deed(words), after if worker.stale else after._replace(scheduled=scheduled)


def _moment(actor: Actor) -> tuple[float, float]:
    return moment(actor.tick), moment(actor.tick) + TICK / 2


# --- people -------------------------------------------------------------------------------


async def _click(now: World, number: int, known: Known) -> Next:
    """Somebody looks at the request, or records what they decided on what they saw."""
    who, verdict, actor = now.clicks[number]
    seen = World(
        now.record, _NONE, ((who, verdict, actor or _begun(now)),), now.tick, now.scheduled
    )
    if seen not in known:
        known[seen] = await _decide(seen)
    deed, after = known[seen]
    rest = now.clicks[:number] + now.clicks[number + 1 :]
    clicks = tuple(sorted((*rest, *after.clicks), key=_whose))
    return deed, now._replace(record=after.record, scheduled=after.scheduled, clicks=clicks)


def _begun(now: World) -> Actor:
    return Actor(At.WRITE, (), tick=now.tick)


async def _decide(seen: World) -> Next:
    [(who, verdict, actor)] = seen.clicks
    assert actor is not None
    hands = Hands(seen, actor, Answer.OK, acted=not actor.heard)
    source = PolicySource(policy(seen.record.terms.approvals))
    approval = Approval(hands, hands, hands, source, hands.now)  # type: ignore[arg-type] # as above
    clicks: tuple[tuple[str, Verdict, Actor], ...] = ()
    words = f"{who} clicks ({verdict})"
    try:
        if verdict is Verdict.STOPPED:
            await approval.stop(seen.record.id, who)
        else:
            await approval.decide(seen.record.id, who, verdict)
    except HeldUpError as held:
        clicks = ((who, verdict, actor._replace(at=held.at, heard=tuple(hands.heard))),)
        words += ", and is looked up"
    except BotError as error:
        words += f" ({type(error).__name__})"
    return hands.deed(words), hands.world._replace(clicks=clicks)


def _whose(click: tuple[str, Verdict, Actor | None]) -> tuple[str, str]:
    return click[0], click[1].value


# --- what both reach for ------------------------------------------------------------------


class HeldUpError(BaseException):
    """The actor has done its one thing; `at` says what it would do next."""

    def __init__(self, at: At) -> None:
        super().__init__(at)
        self.at = at


class Hands:
    """The store, the cloud, Slack and the clock, for an actor that goes on by one thing."""

    fenced = True
    compared = True
    """Safety mechanisms of the store, which a test switches off."""

    def __init__(self, world: World, actor: Actor, answer: Answer, *, acted: bool) -> None:
        self.world = world
        self.heard = list(actor.heard)
        self.looked = actor.looked
        self._actor = actor
        self._answer = answer
        self._acted = acted
        self._again = iter(actor.heard)
        self._send: Send | None = None
        self._told = 0

    def deed(self, words: str) -> Deed:
        known = [heard for heard in self.heard if isinstance(heard, Request)]
        record = known[-1] if known else None
        return Deed(words, self._send, self.looked, record, self._actor.tick, self._told)

    def _do(self, at: At | None, deed: Callable[[], object]) -> Any:  # noqa: ANN401 - what was heard
        """What was heard before is heard again; then one thing is done, and no other."""
        heard = next(self._again, _NOTHING)
        if heard is _NOTHING:
            if at is not None:
                if self._acted:
                    raise HeldUpError(at)
                self._acted = True
            heard = deed()
            self.heard.append(heard)
        if isinstance(heard, Error):
            raise heard.kind(heard.words)
        return heard

    # The store.

    async def get(self, request_id: str, *, claim: Claim | None = None) -> Stored:  # noqa: ARG002 - whoever writes is told the record of now
        assert request_id == self.world.record.id
        return Stored(self._do(None, lambda: self.world.record), 0)

    async def update(
        self,
        _: str,
        change: Callable[[Request], Request],
        *,
        claim: Claim | None = None,
        sealed: bool = False,  # noqa: ARG002 - nobody forges anything here
        known: Stored | None = None,  # noqa: ARG002 - what is changed is what is stored, or read anew
        by: float = inf,
    ) -> Request:
        # Nothing has been learned since the claim: it is one with what came before.
        only_begun = claim is not None and all(isinstance(h, Request | int) for h in self.heard)
        return self._do(None if only_begun else At.WRITE, lambda: self._change(change, claim, by))  # type: ignore[no-any-return] # what was changed

    def _change(
        self, change: Callable[[Request], Request], claim: Claim | None, by: float
    ) -> object:
        if moment(self.world.tick) > by:
            return Error(OutOfTime, "")
        if self.fenced and claim is not None and self._actor.stale:
            return Error(StaleFence, claim.item)
        seen = [heard for heard in self.heard if isinstance(heard, Request)]
        found = self.world.record if self.compared else seen[-1]
        new = change(found)
        if new is not found:
            self._told += len(new.timeline)
            woken = claim is None or self.world.scheduled
            self.world = self.world._replace(record=bare(new), scheduled=woken)
        return self.world.record

    async def secured(self, _: Request) -> None:
        """No failover here."""

    async def position(self, _: Request, claim: Claim | None = None) -> int:  # noqa: ARG002 - its own read
        return 0

    async def latest_ids(self, _: int) -> list[str]:
        """No other request is there that could have changed anything."""
        return []

    async def many(self, _: Sequence[str]) -> Reading:
        return Reading([], [])

    async def append(self, *_: object, **__: object) -> None:
        """Refusals are audited elsewhere."""

    async def now(self) -> float:
        return moment(self._do(None, lambda: self.world.tick))

    # Rate limits.

    async def paused_until(self, _: str) -> float:
        return 0.0

    async def pause(self, *_: object) -> None:
        """Time is not that fine here."""

    async def took(self, *_: object) -> None:
        """The same."""

    async def durations(self, *_: object) -> tuple[float, ...]:
        """Nothing is known of earlier ones."""
        return ()

    async def reserve(self, _: Request) -> float:
        """There is always a place."""
        return 0.0

    # The cloud.

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        there = self._do(At.LOOK, self._look)
        state = "updating" if there is None else "attached"
        return Connection(vpn_connection_id=vpn_connection_id, region=region, state=state)

    def _look(self) -> object:
        if self._answer is Answer.REFUSED:
            return Error(Rejected, "Forbidden")
        if self._answer is Answer.NOT_SENT:
            return Error(NotSent, "ConnectFailed")
        cloud = self.world.cloud
        shown = None if cloud.task and cloud.task[1] else cloud.there
        if shown and self._answer is Answer.ABSENT:
            shown = shown - set(ROUTES)
        self.looked = shown or frozenset()
        return shown

    async def routes(self, *_: str, bgp: bool = True) -> RouteList:
        shown = [heard for heard in self.heard if isinstance(heard, frozenset)][-1]
        return listed(map(live, sorted(shown, key=lambda r: r.route_dest)), bgp_known=bgp)

    async def connections(self, region: str) -> NoReturn:
        raise NotImplementedError(region)

    async def create_route(self, region: str, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError(region)

    async def delete_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        assert (region, overlay_mode) == (REGION, None)
        return str(self._do(At.CALL, lambda: self._call(Send(route, client_token))))

    def _call(self, send: Send) -> object:
        self._send = send
        now = self.world._replace(sends=self.world.sends | {send})
        cloud, answer = now.cloud, self._answer
        heard: object = Error(OutcomeUnknown, "Lost")
        if answer in (Answer.OK, Answer.LOST_AFTER):
            cloud, said = _arrive(cloud, send)
            heard = said if answer is Answer.OK else heard
        elif answer is Answer.LATE:
            cloud = cloud._replace(air=send)
        elif answer is not Answer.LOST_BEFORE:
            kinds: Mapping[Answer, type[AlibabaError]]
            kinds = {Answer.REFUSED: Rejected, Answer.NOT_SENT: NotSent}
            heard = Error(kinds[answer], answer)
        self.world = now._replace(cloud=cloud)
        return heard

    # Slack.

    async def home_team(self) -> str:
        return "T0HOME"

    async def person(self, user_id: str) -> Person:
        return Person(id=user_id, team="T0HOME")

    async def members(self, _: object) -> Mapping[str, tuple[str, ...]]:
        return {}

    async def confirmed_members(self, _: object) -> Mapping[str, tuple[str, ...]]:
        return {}

    async def place(self, channel_id: str) -> Place:
        return Place(id=channel_id, member=True)


_NOTHING = SimpleNamespace()
_NONE = Left()


def _without(workers: tuple[Actor, ...], worker: Actor) -> tuple[Actor, ...]:
    at = workers.index(worker)
    return workers[:at] + workers[at + 1 :]


def _sorted(*workers: Actor) -> tuple[Actor, ...]:
    """Two workers are the same two workers the other way round."""
    return tuple(sorted(workers, key=lambda w: (w.stale, w.at, w.tick, hash(w))))


def _less(left: Left, what: str) -> Left:
    return left._replace(**{what: getattr(left, what) - 1})


def eligible(who: str) -> bool:
    """Whether somebody may approve: an approver, and not who asked."""
    return who in APPROVERS and who != ALICE
