"""What is remembered, and that it stays true: requests, their queue, the audit, the inbox.

Everything holds as well when every script arrives twice, because its first reply was lost.
"""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
import pytest_asyncio
from builders import (
    ALICE,
    BOB,
    CAROL,
    a_request,
    a_route,
    accepted,
    decide,
    decided,
    deleted,
    in_state,
)
from databases import claimed, set_clock
from msgspec.structs import replace

from bot import lifecycle
from bot.errors import StaleFence, StoreError, Unreadable
from bot.lifecycle import route_change
from bot.models import (
    Decision,
    Event,
    EventKind,
    People,
    Request,
    RequestState,
    RouteState,
    Terms,
    Verdict,
)
from bot.store import AlreadyOpen, CardState, Claim, Database, OutOfTime, Store
from bot.store.client import DUE, Script, key
from bot.store.rate_limit import USUAL_SECONDS
from bot.store.requests import RETENTION_SECONDS
from bot.store.turn import End
from bot.store.viewers import CHANGES, EVERYBODY

OTHER = a_route("10.9.0.0/24")


async def read(store: Store, request_id: str) -> Request:
    stored = await store.requests.get(request_id)
    assert stored is not None
    return stored.request


async def drain(store: Store) -> set[str]:
    """End everything that is due now, by never looking at it again; returns what it was."""
    items = set()
    while isinstance(claim := await store.work.claim(30), Claim):
        items.add(claim.item)
        await store.work.done(claim, None)
    return items


async def kinds(store: Store) -> list[EventKind]:
    return [event.kind for _, event in await store.audit.events()]


# --- a request is made ---------------------------------------------------------------


async def test_a_request_is_read_as_it_was_written(store: Store) -> None:
    request = a_request(a_route(), OTHER, reason="“leaking” \\ <!channel> \x00 é")
    await store.requests.create(request)
    assert await read(store, request.id) == request
    assert await store.requests.get("r-unknown") is None


async def test_making_a_request_twice_makes_it_once(store: Store) -> None:
    await store.requests.create(a_request())
    await store.requests.update(a_request().id, decide(Verdict.APPROVED))
    again = await store.requests.create(a_request())
    assert again.state is RequestState.APPROVED, "the second one reads what became of the first"
    assert await kinds(store) == [EventKind.SUBMITTED, EventKind.APPROVED]


async def test_a_new_request_is_worked_on_and_told(store: Store) -> None:
    request = await store.requests.create(a_request())
    kinds = ("run", "tell", "follow")
    assert await drain(store) == {f"{kind}:{request.id}" for kind in kinds}


async def test_a_route_that_is_asked_for_already_leads_to_the_open_request(store: Store) -> None:
    leader = await store.requests.create(a_request(a_route(), id="r-leader"))
    with pytest.raises(AlreadyOpen) as caught:
        await store.requests.create(a_request(OTHER, a_route(), id="r-second"))
    assert caught.value.request_id == leader.id
    assert await store.requests.get("r-second") is None
    # It has taken nothing, not even the routes that were free.
    await store.requests.create(a_request(OTHER, id="r-third"))
    assert await store.requests.open_ids() == ["r-leader", "r-third"]


async def test_of_twenty_askers_at_once_one_makes_the_request(store: Store) -> None:
    requests = [a_request(id=f"r-{n}") for n in range(20)]
    made = await asyncio.gather(
        *(store.requests.create(r) for r in requests), return_exceptions=True
    )
    assert sum(isinstance(m, Request) for m in made) == 1
    assert sum(isinstance(m, AlreadyOpen) for m in made) == 19


@pytest.mark.parametrize("state", [s for s in RequestState if not s.open])
async def test_a_request_that_has_ended_holds_its_routes_no_longer(
    store: Store, state: RequestState
) -> None:
    await store.requests.create(a_request())
    await store.requests.update(a_request().id, lambda _: in_state(state))
    assert await store.requests.open_ids() == []
    await store.requests.create(a_request(id="r-again"))


# --- a request changes ---------------------------------------------------------------


async def test_of_twenty_decisions_at_once_one_wins_and_all_learn_which(store: Store) -> None:
    await store.requests.create(a_request())
    deciders = [f"U0{n}" for n in range(20)]
    verdicts = [Verdict.APPROVED, Verdict.REJECTED]
    changes = (decide(verdicts[n % 2], by=who) for n, who in enumerate(deciders))
    results = await asyncio.gather(*(store.requests.update(a_request().id, c) for c in changes))
    final = await read(store, a_request().id)
    assert len(final.decisions) == 1
    assert {r.decisions for r in results if r} == {final.decisions}
    assert len(await kinds(store)) == 2


async def test_a_change_is_not_made_later_than_it_may_be(db: Database, store: Store) -> None:
    with pytest.raises(OutOfTime):
        await store.requests.create(a_request(), by=999.0)
    await store.requests.create(a_request(), by=1000.0)
    set_clock(db, 1101.0)
    with pytest.raises(OutOfTime):
        await store.requests.update(a_request().id, decide(Verdict.APPROVED), by=1100.0)
    assert (await read(store, a_request().id)).state is RequestState.PENDING
    assert len(await kinds(store)) == 1


async def test_no_change_of_twenty_at_once_is_lost(store: Store) -> None:
    await store.requests.create(a_request())

    def note(n: int) -> Callable[[Request], Request]:
        return lambda r: lifecycle.trouble(r, 1100.0, str(n))

    await asyncio.gather(*(store.requests.update(a_request().id, note(n)) for n in range(20)))
    noted = [e.details["what"] for e in (await read(store, a_request().id)).timeline[1:]]
    assert sorted(noted, key=int) == [str(n) for n in range(20)]
    audited = [e.details["what"] for _, e in (await store.audit.events())[1:]]
    assert audited == noted, "the audit has them once each, in the same order"


async def test_a_change_of_what_is_not_there_is_told(store: Store) -> None:
    assert await store.requests.update("r-unknown", decide(Verdict.APPROVED)) is None


async def test_a_change_that_never_comes_through_is_an_error_not_a_loop(
    db: Database, store: Store
) -> None:
    await store.requests.create(a_request())
    tries = 0

    def contested(request: Request) -> Request:
        nonlocal tries
        tries += 1
        return lifecycle.trouble(request, 1100.0, "mine")

    await db.command("HSET", key("request", a_request().id), "rev", "1.5")
    with pytest.raises(StoreError):
        await store.requests.update(a_request().id, contested)
    assert tries <= 50


async def test_a_worker_whose_claim_was_taken_over_cannot_write(db: Database, store: Store) -> None:
    await store.requests.create(a_request())
    late = await claimed(store.work)
    while late.kind != "run":
        late = await claimed(store.work)
    set_clock(db, 1030.0)
    current = await claimed(store.work)
    while current.item != late.item:
        current = await claimed(store.work)

    with pytest.raises(StaleFence):
        await store.requests.update(a_request().id, decide(Verdict.APPROVED, CAROL), claim=late)
    await store.requests.update(a_request().id, decide(Verdict.APPROVED, BOB), claim=current)
    assert (await read(store, a_request().id)).decisions[0].by == BOB
    await store.work.done(current, None)
    with pytest.raises(StaleFence):
        await store.requests.update(
            a_request().id, lambda r: route_change.send(r, 1040.0), claim=current
        )


async def test_who_knows_a_change_that_a_failover_forgot_overwrites_none_that_came_in_its_place(
    db: Database, store: Store
) -> None:
    name = key("request", a_request().id)
    await store.requests.create(a_request())
    await store.requests.update(a_request().id, decide(Verdict.APPROVED))
    run = next(c for c in (await store.work.turn(30)).claims if c.kind == "run")
    on_the_replica = await db.command("DUMP", name)
    await store.requests.update(run.id, lambda r: route_change.start(r, 1101.0), claim=run)
    await db.command("RESTORE", name, 0, on_the_replica, "REPLACE")
    stop = decided(Verdict.CANCELLED, at=1102.0)
    await Store(db).requests.update(run.id, lambda r: lifecycle.stop(r, stop))

    found = await store.requests.update(run.id, lambda r: route_change.send(r, 1103.0), claim=run)
    assert found is not None
    assert found.state is RequestState.CANCELLED
    assert not any(route.in_flight for route in found.routes)


async def test_a_change_without_a_claim_wakes_the_worker_and_the_teller(store: Store) -> None:
    request = await store.requests.create(a_request())
    await drain(store)
    await store.requests.update(request.id, decide(Verdict.REJECTED))
    kinds = ("run", "tell", "follow", "dm")
    assert await drain(store) == {f"{kind}:{request.id}" for kind in kinds}
    await store.requests.update(request.id, lambda r: r)
    assert await drain(store) == set(), "nothing changed, so nobody is woken"


async def test_what_an_approval_sends_goes_before_what_shows_it(db: Database, store: Store) -> None:
    db.fixed_now = "1000.0"
    request = await store.requests.create(a_request())
    await drain(store)
    await store.requests.update(request.id, decide(Verdict.APPROVED))
    assert await drain(store) == {f"run:{request.id}"}
    db.fixed_now = "1000.2"
    assert await drain(store) == {f"{kind}:{request.id}" for kind in ("tell", "follow", "dm")}


async def test_the_audit_gets_exactly_the_new_events_of_each_change(store: Store) -> None:
    await store.requests.create(a_request())
    for change in (decide(Verdict.APPROVED), accepted, lambda r: route_change.start(r, 1200.0)):
        await store.requests.update(a_request().id, change)
    refused = Event(kind=EventKind.REFUSED, at=1300.0, by=ALICE, details={"why": "own request"})
    await store.audit.append(a_request().id, refused)
    audited = await store.audit.events()
    assert [e for _, e in audited] == [*(await read(store, a_request().id)).timeline, refused]
    assert {id_ for id_, _ in audited} == {a_request().id}


# --- the queue of a connection -------------------------------------------------------


@pytest_asyncio.fixture
async def queue(store: Store) -> list[Request]:
    """Three approved requests for one connection, in the order of their approvals."""
    requests = [a_request(a_route(f"10.{n}.0.0/24"), id=f"r-{n}") for n in range(3)]
    for request in requests:
        await store.requests.create(request)
    for request in requests:
        await store.requests.update(request.id, decide(Verdict.APPROVED))
    await drain(store)
    return requests


async def test_the_first_approved_comes_first(store: Store, queue: list[Request]) -> None:
    assert [await store.requests.position(r) for r in queue] == [0, 1, 2]


async def test_an_outcome_wakes_the_next_and_tells_all_who_wait(
    store: Store, queue: list[Request]
) -> None:
    await store.requests.update(queue[0].id, deleted)
    assert [await store.requests.position(r) for r in queue[1:]] == [0, 1]
    woken = await drain(store)
    assert {"run:r-1", "tell:r-1", "tell:r-2"} <= woken
    assert "run:r-2" not in woken


async def test_whoever_leaves_from_the_middle_lets_the_rest_move_up(
    store: Store, queue: list[Request]
) -> None:
    await store.requests.update(queue[1].id, lambda r: lifecycle.drift(r, 1200.0, "gone"))
    assert await store.requests.position(queue[0]) == 0
    assert await store.requests.position(queue[2]) == 1


async def test_progress_moves_nobody_in_the_queue(store: Store, queue: list[Request]) -> None:
    await store.requests.update(queue[0].id, accepted)
    assert [await store.requests.position(r) for r in queue] == [0, 1, 2]


async def test_connections_do_not_wait_for_each_other(store: Store, queue: list[Request]) -> None:
    elsewhere = a_request(a_route(connection="vco-other"), id="r-elsewhere")
    await store.requests.create(elsewhere)
    await store.requests.update(elsewhere.id, decide(Verdict.APPROVED))
    assert await store.requests.position(elsewhere) == 0
    assert await store.requests.position(queue[2]) == 2


async def test_what_is_proven_late_disturbs_no_queue(store: Store, queue: list[Request]) -> None:
    first = queue[0].id
    unconfirmed = RouteState.UNCONFIRMED
    await store.requests.update(first, lambda r: route_change.end(accepted(r), 1700.0, unconfirmed))
    await drain(store)
    await store.requests.update(first, lambda r: route_change.confirm(r, 1800.0, 0))
    assert [await store.requests.position(r) for r in queue[1:]] == [0, 1]
    assert "run:r-1" not in await drain(store)


# --- how long things are kept --------------------------------------------------------


@pytest.mark.parametrize("state", RequestState)
async def test_only_a_finished_request_is_ever_forgotten(
    db: Database, store: Store, state: RequestState
) -> None:
    await store.requests.create(a_request())
    await store.requests.update(
        a_request().id, lambda r: r if state is r.state else in_state(state)
    )
    ttl = int(await db.command("TTL", key("request", a_request().id)))
    if state.open:
        assert ttl == -1, "live keys bear no TTL"
    else:
        assert RETENTION_SECONDS - 60 < ttl <= RETENTION_SECONDS


async def test_a_record_that_this_version_cannot_read_is_said_to_be_so(
    db: Database, store: Store
) -> None:
    for data in ("{", '{"id": "r-1"}', "[]", '{"state": "teleported"}'):
        await db.command("HSET", key("request", "r-1"), "data", data, "rev", 1)
        with pytest.raises(Unreadable, match="r-1"):
            await store.requests.get("r-1")


async def test_a_record_whose_parts_do_not_belong_together_can_not_be_read_either(
    db: Database, store: Store
) -> None:
    """Whoever reads a request relies on it: a card has an impact for each of its routes."""
    request = a_request()
    for broken in (
        replace(request, routes=()),
        replace(request, snapshot=replace(request.snapshot, impacts=())),
        replace(request, created_at=1e18),
        replace(request, ended_at=-1.0),
        replace(request, timeline=(replace(request.timeline[0], at=float("1e300")),)),
    ):
        data = msgspec.json.encode(broken).decode()
        await db.command("HSET", key("request", "r-1"), "data", data, "rev", 1)
        with pytest.raises(Unreadable, match="r-1"):
            await store.requests.get("r-1")


async def test_bytes_that_are_no_text_spoil_their_own_record_alone(
    db: Database, store: Store
) -> None:
    await store.requests.create(a_request())
    no_text = b"\xff\xfe".decode(errors="surrogateescape")
    for name in (key("request", "r-1"), key("request", "r-2")):
        await db.command("HSET", name, "data", f'{{"id": "{no_text}"}}', "rev", 1)
    reading = await store.requests.many(["r-1", a_request().id, "r-2"])
    assert reading.unreadable == ["r-1", "r-2"]
    assert [stored.request.id for stored in reading.stored] == [a_request().id]
    await db.command("SET", key("told", "r-1"), no_text)
    with pytest.raises(Unreadable, match="r-1"):
        await store.card_states.get("r-1")


async def test_a_broken_glass_is_known_until_it_is_countersigned_however_old(store: Store) -> None:
    terms = Terms(approvers=People(users=("U0BOB",)), countersign=60.0)
    await store.requests.create(a_request(id="r-asked"))
    alone = a_request(a_route("10.9.0.0/24"), id="r-alone", terms=terms)
    await store.requests.create(alone)
    assert await store.requests.unsigned_ids() == []
    broke = Decision(verdict=Verdict.BROKE_GLASS, by=alone.requester, at=1.0, reason="down")
    await store.requests.update("r-alone", lambda r: lifecycle.record_decision(r, broke))
    assert await store.requests.unsigned_ids() == ["r-alone"]
    signed = Decision(verdict=Verdict.COUNTERSIGNED, by="U0BOB", at=2.0)
    await store.requests.update("r-alone", lambda r: lifecycle.countersign(r, signed))
    assert await store.requests.unsigned_ids() == []


# --- what Slack delivered, what Slack was shown --------------------------------------


async def test_a_delivery_is_kept_until_it_was_handled(store: Store) -> None:
    await store.inbox.put("d-1", "approve")
    claim = await claimed(store.work)
    assert claim.item == "inbox:d-1"
    await store.work.done(claim, 1000.0)
    assert await store.inbox.get("d-1") == "approve"
    assert await store.inbox.stored(1) == ["inbox:d-1"]
    await store.work.done(await claimed(store.work), None)
    assert await store.inbox.get("d-1") is None
    assert await store.inbox.stored(1) == []


async def test_a_delivery_whose_handler_was_too_slow_is_kept(db: Database, store: Store) -> None:
    await store.inbox.put("d-1", "approve")
    late = await claimed(store.work)
    set_clock(db, 1030.0)
    other = await claimed(store.work)
    with pytest.raises(StaleFence):
        await store.work.done(late, None)
    assert await store.inbox.get("d-1", other) == "approve"


async def test_however_many_steps_end_at_once_each_delivery_is_forgotten(store: Store) -> None:
    for n in range(12):
        await store.inbox.put(f"d-{n}", "approve")
    claims = [await claimed(store.work) for _ in range(12)]
    turn = await store.work.turn(30, ended=[End(claim, None) for claim in claims])
    assert list(turn.ended) == [1] * 12
    assert await store.inbox.stored(12) == []


async def test_a_delivery_that_comes_again_is_handled_once(store: Store) -> None:
    for _ in range(3):
        await store.inbox.put("d-1", "approve")
    assert await drain(store) == {"inbox:d-1"}
    await store.inbox.put("d-1", "approve")
    assert await store.inbox.get("d-1") is None, "also after it was handled"
    assert await drain(store) == set()


async def test_what_was_told_is_written_by_whoever_tells_now(db: Database, store: Store) -> None:
    await store.work.wake("tell:r-1")
    late = await claimed(store.work)
    set_clock(db, 1030.0)
    current = await claimed(store.work)
    await store.card_states.save(current, CardState(card_ts="2.0", said=3))
    with pytest.raises(StaleFence):
        await store.card_states.save(late, CardState(card_ts="1.0"))
    assert await store.card_states.get("r-1") == CardState(card_ts="2.0", said=3)
    assert await store.card_states.get("r-2") == CardState()


async def test_what_was_told_is_kept_as_long_as_its_request(db: Database, store: Store) -> None:
    await store.work.wake("tell:r-1")
    claim = await claimed(store.work)
    await store.card_states.save(claim, CardState(said=1))
    assert await db.command("TTL", key("told", "r-1")) == -1
    await store.card_states.save(claim, CardState(said=2), retain=int(RETENTION_SECONDS))
    assert 0 < await db.command("TTL", key("told", "r-1")) <= RETENTION_SECONDS


async def test_a_count_of_changes_that_is_none_keeps_no_card_from_being_saved(
    db: Database, store: Store
) -> None:
    await store.work.wake("tell:r-1")
    claim = await claimed(store.work)
    await db.command("SET", CHANGES, "somebody's")
    await store.card_states.save(claim, CardState(said=1), wake=[EVERYBODY])
    assert await store.viewers.changes() > 0


# --- how fast to go ------------------------------------------------------------------


async def test_the_usual_duration_is_the_median_of_the_last_ones(store: Store) -> None:
    assert await store.rate_limits.usual("cn-hangzhou") == USUAL_SECONDS
    for seconds in (500.0, *[30.0] * 15, *[60.0] * 5, 44.0):
        await store.rate_limits.took("cn-hangzhou", "vco-1", seconds)
    assert await store.rate_limits.usual("cn-hangzhou") == 30.0
    assert await store.rate_limits.usual("eu-central-1") == USUAL_SECONDS


async def test_a_connection_has_its_own_durations_or_those_of_its_region(store: Store) -> None:
    limits = store.rate_limits
    assert list(await limits.durations("cn-hangzhou", "vco-1")) == []
    for seconds in (10.0, 11.0, 12.0, 13.0, 14.0, 15.0):
        await limits.took("cn-hangzhou", "vco-1", seconds)
    await limits.took("cn-hangzhou", "vco-2", 20.0)
    assert sorted(await limits.durations("cn-hangzhou", "vco-1")) == [11.0, 12.0, 13.0, 14.0, 15.0]
    assert list(await limits.durations("cn-hangzhou", "vco-2")) == [20.0]
    assert len(await limits.durations("cn-hangzhou", "vco-3")) == 7
    assert list(await limits.durations("eu-central-1", "vco-1")) == []


def test_a_script_that_names_what_it_is_not_given_is_not_built() -> None:
    part = "redis.call('SET', KEYS.seen, ARGV.limit)"
    assert Script(part, keys=("due", "seen"), args=("limit",)).text == (
        "redis.call('SET', KEYS[2], ARGV[1])"
    )
    with pytest.raises(LookupError, match=r"KEYS\.seen"):
        Script(part, keys=("due",), args=("limit",))
    with pytest.raises(LookupError, match=r"ARGV\.limit"):
        Script(part, keys=("seen",), args=("now",))
    with pytest.raises(LookupError, match="a number"):
        Script("return ARGV[4]", keys=("seen",), args=("now",))


async def test_a_script_with_names_is_called_with_all_of_them_or_not_at_all(store: Store) -> None:
    script = Script("return ARGV.item", keys=("due",), args=("item",))
    assert await store.database.run(script, (DUE,), "one") == "one"
    with pytest.raises(TypeError, match="not 1 and 2"):
        await store.database.run(script, (DUE,), "one", "more")
