"""A machine that does to requests whatever can be done: clicks, steps, kills, late answers.

It plays people, workers, the clock and the vendor. Workers are real steps over a real Valkey;
each may be held up at its call, at its answer or at a write, while time passes its lease and
another goes on, and come back as a zombie, or never. After every rule it is checked from
outside what the cloud, the records and the audit say (`check`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from builders import ALICE, BOB, REGION, a_request, a_route, decided
from databases import set_clock
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from model_cloud import ACTING, PAUSE, Answer, ModelCloud, Pause, Place, reach
from msgspec.structs import replace

from bot import lifecycle
from bot.config.redis_url import parse
from bot.errors import AlibabaError, OutcomeUnknown, Rejected, StaleFence, Throttled
from bot.execution import Execution, Limits
from bot.execution.context import StepContext
from bot.execution.worker import MAX_TRIES
from bot.models import Operation, Request, RequestState, RouteState, VcoRoute, Verdict
from bot.store import AlreadyOpen, Claim, Database, Store
from bot.store.client import Reply, Script
from bot.store.connect import connect

LEASE = 30.0
EXPIRY = 900.0
LIMITS = Limits(operation=120.0, token_window=60.0)
LINES = ("vco-a", "vco-b")
DESTS = ("10.0.0.0/24", "10.0.1.0/24")
ROUTES = [a_route(dest, connection=line) for line in LINES for dest in DESTS]
SOME_ROUTES = st.sampled_from([tuple(ROUTES[:2]), *((route,) for route in ROUTES)])

NOTHING_SENT = {RequestState.REJECTED, RequestState.EXPIRED}
NOTHING_DONE = {
    RouteState.QUEUED,
    RouteState.FAILED,
    RouteState.ALREADY_GONE,
    RouteState.ALREADY_THERE,
}


class StallingDatabase(Database):
    """Where a worker or a click can be held up before it writes."""

    async def run(self, script: Script, keys: Any, *args: str | float) -> Reply:  # noqa: ANN401 - passed on
        await reach(Place.WRITE)
        return await super().run(script, keys, *args)


class Errand(NamedTuple):
    """Somebody who is held up."""

    task: asyncio.Task[None]
    pause: Pause


class ExecutionMachine(RuleBasedStateMachine):
    """Requests on two connections, of two routes each, and all that may happen to them."""

    asked = Bundle("asked")
    errands = Bundle("errands")

    def __init__(self, url: str, operation: Operation = Operation.DELETE) -> None:
        super().__init__()
        self.operation = operation
        self.loop = asyncio.new_event_loop()
        self.redis = connect(parse(url))
        self.wait(self.redis.execute_command("FLUSHALL"))
        self.db = StallingDatabase(self.redis)
        self.store = Store(self.db)
        self.now = 1000.0
        set_clock(self.db, self.now)
        others = [a_route("172.16.0.0/24", connection=line) for line in LINES]
        there = ROUTES if operation is Operation.DELETE else []
        self.cloud = ModelCloud(REGION, lambda: self.now, there + others)
        self.cloud.deletes = operation is Operation.DELETE
        self.execution = Execution(
            StepContext(
                requests=self.store.requests,
                rate_limits=self.store.rate_limits,
                change_quota=self.cloud,
                cloud=self.cloud,
                now=self.db.now,
                limits=LIMITS,
            )
        )
        self.ids: list[str] = []
        self.held_up: list[Errand] = []
        self.before: dict[str, Request] = {}

    def wait(self, call: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever is awaited
        async def awaited() -> Any:  # noqa: ANN401 - the same
            return await call

        return self.loop.run_until_complete(awaited())

    # What people do.

    @initialize(target=asked, asked_for=st.lists(SOME_ROUTES, min_size=1, max_size=3))
    def begin(self, asked_for: list[tuple[VcoRoute, ...]]) -> Any:  # noqa: ANN401 - hypothesis's own type
        """Most machines should have something to execute."""
        ids = [id_ for routes in asked_for if isinstance(id_ := self.ask(routes), str)]
        for id_ in ids:
            self.click(id_, Verdict.APPROVED)
        return multiple(*ids)

    @rule(target=asked, routes=SOME_ROUTES)
    def ask(self, routes: tuple[VcoRoute, ...]) -> Any:  # noqa: ANN401 - hypothesis's own type
        there = self.cloud.there(routes[0].vpn_connection_id)
        apt = set(routes) <= there if self.cloud.deletes else not set(routes) & there
        if len(self.ids) >= 4 or not apt:
            return multiple()
        request = a_request(*routes, id=f"r-{len(self.ids)}", operation=self.operation)
        request = replace(request, created_at=self.now, expires_at=self.now + EXPIRY)
        try:
            self.wait(self.store.requests.create(request))
        except AlreadyOpen as open_already:
            holder = self.before[open_already.request_id]
        else:
            self.ids.append(request.id)
            self.before[request.id] = request
            return request.id
        assert holder.state.open, "held by a request that has ended"
        return multiple()

    @rule(target=errands, id=asked, verdict=st.sampled_from(Verdict), slow=st.booleans())
    def click(self, id: str, verdict: Verdict, slow: bool = False) -> Any:  # noqa: A002, ANN401, FBT001, FBT002 - a rule's values
        by = ALICE if verdict is Verdict.CANCELLED else BOB
        decision = decided(verdict, by=by, at=self.now)
        record = lifecycle.stop if verdict is Verdict.STOPPED else lifecycle.record_decision
        click = self.store.requests.update(id, lambda r: record(r, decision))
        return self._send(click, id, Place.WRITE if slow else Place.NOWHERE, 0)

    # What workers do.

    @rule(target=errands, place=st.sampled_from(Place), skip=st.sampled_from([0, 0, 1, 2, 3]))
    def work(self, place: Place = Place.NOWHERE, skip: int = 0) -> Any:  # noqa: ANN401 - hypothesis's own type
        claim = self._claim()
        return multiple() if claim is None else self._send(self._step(claim), claim.id, place, skip)

    @rule(target=errands, answer=st.sampled_from(Answer), place=st.sampled_from(Place))
    def work_and_hear(self, answer: Answer, place: Place = Place.NOWHERE) -> Any:  # noqa: ANN401 - hypothesis's own type
        """The next send that anybody does has this answer."""
        self.cloud.answers.append(answer)
        return self.work(place)

    @rule(times=st.integers(1, 4))
    def work_on(self, times: int) -> None:
        """A worker does what is due, every other second, undisturbed."""
        for _ in range(times):
            self.time_passes(2.0)
            self.work()
            self.check()

    @precondition(lambda self: self.held_up)
    @rule(target=errands, place=st.sampled_from(Place), skip=st.sampled_from([0, 1, 2, 3]))
    def take_over(self, place: Place = Place.NOWHERE, skip: int = 0) -> Any:  # noqa: ANN401 - hypothesis's own type
        """The lease of whoever is held up ends, and another worker goes on."""
        self.time_passes(LEASE + 1)
        return self.work(place, skip)

    @rule(errand=consumes(errands))
    def resume(self, errand: Errand) -> None:
        """A zombie goes on, to its end."""
        self.held_up.remove(errand)
        errand.pause.over.set()
        self.wait(errand.task)

    @rule(errand=consumes(errands))
    def kill(self, errand: Errand) -> None:
        self.held_up.remove(errand)
        errand.task.cancel()
        self.wait(asyncio.wait([errand.task]))

    # What the world does.

    @rule(seconds=st.sampled_from([1.0, 3.0, 10.0, LEASE + 1, LIMITS.operation + 1, EXPIRY]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        set_clock(self.db, self.now)

    @rule(errors=st.lists(st.sampled_from([OutcomeUnknown, Throttled, Rejected]), max_size=3))
    def reads_fail(self, errors: list[type[AlibabaError]]) -> None:
        self.cloud.unreadable.extend(errors)

    @rule(route=st.sampled_from(ROUTES))
    def somebody_else_changes(self, route: VcoRoute) -> None:
        self.cloud.toggle(route)

    @precondition(lambda self: self.cloud.late)
    @rule()
    def land(self) -> None:
        self.cloud.land()

    # What must hold.

    @invariant()
    def check(self) -> None:
        told = defaultdict(list)
        for id_, event in self.wait(self.store.audit.events()):
            told[id_].append(event)
        for id_ in self.ids:
            request = self.wait(self.store.requests.get(id_)).request
            self._goes_on(self.before[id_], request)
            assert told[id_] == list(request.timeline), "audit and record differ"
            self._agrees_with_the_cloud(request)
            self.before[id_] = request
        executing = [
            r.vpn_connection_id for r in self.before.values() if r.state is RequestState.EXECUTING
        ]
        assert len(executing) == len(set(executing)), "two requests at once on a connection"

    def _goes_on(self, old: Request, new: Request) -> None:
        assert new.timeline[: len(old.timeline)] == old.timeline, "the timeline was rewritten"
        assert new.decisions[: len(old.decisions)] == old.decisions, "a decision was changed"
        verdicts = [d.verdict for d in new.decisions]
        went_ahead = (Verdict.APPROVED, Verdict.BROKE_GLASS)
        stopped = len(verdicts) == 2 and verdicts[0] in went_ahead and new.stopped
        assert len(verdicts) <= 1 or stopped, "decided twice"
        if not old.state.open and new.state is not old.state:
            assert old.state is RequestState.UNCONFIRMED, f"{old.state} became {new.state}"
        for was, now in zip(old.routes, new.routes, strict=True):
            if now.state is was.state:
                continue
            late_proof = was.state is RouteState.UNCONFIRMED and now.state.done
            assert not was.state.ended or late_proof, "ended twice"
            there = self.cloud.there(new.vpn_connection_id)
            if now.state is RouteState.DELETED:
                seen = there & self.cloud.read[new.id]
                assert now.route not in seen, "told as deleted, and it is there"
            if now.state is RouteState.RESTORED:
                seen = there | self.cloud.read[new.id]
                assert now.route in seen, "told as restored, and it is not there"

    def _agrees_with_the_cloud(self, request: Request) -> None:
        calls = [call for call in self.cloud.calls if call.request == request.id]
        approved = [d.at for d in request.decisions if d.verdict is Verdict.APPROVED]
        for call in calls:
            assert approved, "sent without approval"
            assert approved[0] <= call.at, "sent before its approval"
        assert not (calls and request.state in NOTHING_SENT), f"sent, and told as {request.state}"
        if request.stopped:
            assert all(c.at <= request.ended_at for c in calls), "sent after it was stopped"
        mine = [effect.route for effect in self.cloud.effects if effect.request == request.id]
        for route in request.routes:
            tokens = {call.token for call in calls if call.route == route.route}
            assert len(tokens) <= 1, "two tokens for one route"
            assert tokens <= {route.client_token}, "a token that was not stored"
            effects = mine.count(route.route)
            assert effects <= 1, "two effects for one route"
            assert not (effects and route.state in NOTHING_DONE), f"done, and told as {route.state}"

    def teardown(self) -> None:
        """In the end the world behaves, and everything comes to an end."""
        try:
            self._end_well()
        finally:
            self.close()

    def close(self) -> None:
        for errand in list(self.held_up):
            self.kill(errand)
        self.wait(self.db.close())
        self.loop.close()

    def _end_well(self) -> None:
        self.cloud.answers.clear()
        self.cloud.unreadable.clear()
        for errand in self.held_up[::2]:
            self.resume(errand)
            self.check()
        self._work_until(lambda: not self.wait(self.store.requests.open_ids()))
        self.check()
        while self.held_up:
            self.resume(self.held_up[0])
        while self.cloud.late:
            self.land()
        self.check()
        self.time_passes(EXPIRY)
        self._work_until(lambda: not self.wait(self._gone_unnoticed()))
        self.check()
        assert not self.wait(self.redis.execute_command("KEYS", "{vco}:queue:*")), (
            "a queue is not empty"
        )

    async def _gone_unnoticed(self) -> list[VcoRoute]:
        """What is unconfirmed although it could be proven by now."""
        stored = [await self.store.requests.get(id_) for id_ in self.ids]
        routes = [r for s in stored if s for r in s.request.routes]
        unconfirmed = [r.route for r in routes if r.state is RouteState.UNCONFIRMED]
        wanted = self.operation is Operation.RESTORE
        return [r for r in unconfirmed if (r in self.cloud.there(r.vpn_connection_id)) is wanted]

    def _work_until(self, reached: Callable[[], bool]) -> None:
        for _ in range(300):
            if reached():
                return
            idle = self.wait(self.store.work.claim(LEASE))
            if isinstance(idle, Claim):
                self._send(self._step(idle), idle.id, Place.NOWHERE, 0)
                self.check()  # before the world goes on: what was proven may be undone
            else:
                assert idle.wait is not None, "something was forgotten"
                self.time_passes(idle.wait + 0.001)
        raise AssertionError("it never ends")

    # How it is done.

    def _claim(self) -> Claim | None:
        while isinstance(claim := self.wait(self.store.work.claim(LEASE)), Claim):
            if claim.kind == "run":
                return claim
            self.wait(self.store.work.done(claim, None))
        return None

    async def _step(self, claim: Claim) -> None:
        """What the worker does with a claim."""
        tired = claim.tries > MAX_TRIES
        step = self.execution.give_up if tired else self.execution.step
        try:
            again_at = None if claim.kind in ("tell", "home") else await step(claim)
            await self.store.work.done(claim, again_at)
        except StaleFence:
            await self.execution.lost(claim)

    def _send(self, job: Coroutine[Any, Any, Any], acting: str, place: Place, skip: int) -> Any:  # noqa: ANN401 - hypothesis's own type
        pause = Pause(place, skip)

        async def run() -> None:
            ACTING.set(acting)
            PAUSE.set(pause)
            await job

        async def until_held_up() -> asyncio.Task[None]:
            task = asyncio.create_task(run())
            reached = asyncio.create_task(pause.reached.wait())
            await asyncio.wait({task, reached}, return_when=asyncio.FIRST_COMPLETED)
            reached.cancel()
            return task

        task = self.wait(until_held_up())
        if task.done():
            task.result()
            return multiple()
        errand = Errand(task, pause)
        self.held_up.append(errand)
        return errand
