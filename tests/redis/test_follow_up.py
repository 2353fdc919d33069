"""Follow-up: reminders, countersignatures, monitoring after a change."""

from itertools import pairwise

import pytest
from builders import (
    ALICE,
    BOB,
    CAROL,
    REGION,
    a_request,
    a_route,
    a_snapshot,
    approved,
    decided,
    deleted,
    in_state,
    restored,
)
from databases import claimed, database, set_clock
from hypothesis import given
from hypothesis import strategies as st
from model_cloud import ModelCloud
from msgspec.structs import replace

from bot import lifecycle
from bot.config.redis_url import parse
from bot.execution import Limits
from bot.execution.context import StepContext
from bot.follow_up import FollowUp, countersignatures, monitoring, reminders
from bot.models import (
    Connection,
    Event,
    EventKind,
    People,
    Request,
    RequestState,
    Terms,
    Tunnel,
    Verdict,
)
from bot.store import Claim, Database, Store
from bot.store.client import key
from bot.store.connect import connect

HOUR = 3600.0
GLASS = Terms(approvers=People(groups=("S0NETOPS",)), countersign=2 * HOUR)
UP = Tunnel(id="tun-1", status="ipsec_sa_established", up=True, bgp_status="success", bgp_up=True)
DOWN = replace(UP, status="ike_sa_not_established", up=False)
NO_BGP = replace(UP, bgp_status="fail", bgp_up=False)


def glass_broken(countersign: float = GLASS.countersign) -> Request:
    alone = decided(Verdict.BROKE_GLASS, by=ALICE, at=1000.0, reason="INC-4211")
    return lifecycle.record_decision(
        a_request(terms=replace(GLASS, countersign=countersign)), alone
    )


def changed(*before: Tunnel) -> Request:
    connection = replace(a_snapshot(a_route()).connection, tunnels=before)
    snapshot = a_snapshot(a_route(), connection=connection)
    return in_state(RequestState.DELETED, snapshot=snapshot)


def seen(*tunnels: Tunnel) -> Connection:
    return replace(a_snapshot(a_route()).connection, tunnels=tunnels)


def kinds(request: Request) -> list[EventKind]:
    return [event.kind for event in request.timeline]


# --- the reminder -----------------------------------------------------------------------------


def test_the_approvers_are_reminded_at_a_quarter_a_half_and_three_quarters() -> None:
    request, times = a_request(), []
    while (at := reminders.due_at(request)) is not None:
        assert reminders.remind(request, at - 1) is request, "not before it is due"
        request = reminders.remind(request, at)
        times.append(at)
    assert times == [1450.0, 1900.0, 2350.0]
    assert kinds(request) == [EventKind.SUBMITTED, *[EventKind.APPROVAL_REMINDER] * 3]
    assert reminders.remind(request, 2799.0) is request


@given(st.floats(60.0, 86_400.0), st.lists(st.floats(0.0, 1.0), max_size=8))
def test_whenever_it_is_looked_none_comes_twice_and_none_after_the_end(
    seconds: float, moments: list[float]
) -> None:
    request = a_request()
    request = replace(request, expires_at=request.created_at + seconds)
    for part in sorted(moments):
        at = request.created_at + part * seconds
        before, due = request, reminders.due_at(request)
        request = reminders.remind(request, at)
        said = request is not before
        assert said is (due is not None and due <= at < request.expires_at)
        later = reminders.due_at(request)
        assert not said or later is None or later > at
    assert len(kinds(request)) <= 4


def test_where_several_are_overdue_only_the_latest_comes() -> None:
    reminded = reminders.remind(a_request(), 2000.0)
    assert reminded.timeline[-1].details == {"quarters": "2"}
    assert reminders.due_at(reminded) == 2350.0


def test_one_of_the_version_before_was_at_half() -> None:
    """It said one, and did not say when."""
    request = a_request().with_event(Event(kind=EventKind.APPROVAL_REMINDER, at=1900.0))
    assert reminders.due_at(request) == 2350.0


def test_that_others_may_decide_is_said_once_and_takes_no_reminder_away() -> None:
    called = reminders.called(a_request(), 1001.0, 5)
    assert reminders.called(called, 1002.0, 5) is called
    assert reminders.due_at(called) == 1450.0
    assert reminders.called(in_state(RequestState.APPROVED), 1001.0, 5).state.value == "approved"


@pytest.mark.parametrize("state", [s for s in RequestState if s is not RequestState.PENDING])
def test_nobody_is_nudged_about_what_is_decided(state: RequestState) -> None:
    assert reminders.due_at(in_state(state)) is None


# --- the countersignature ------------------------------------------------------------------


def test_a_broken_glass_is_reminded_of_ever_later_until_somebody_countersigns() -> None:
    request, times = glass_broken(), []
    for _ in range(9):
        at = countersignatures.reminder_at(request)
        assert at is not None
        assert countersignatures.remind(request, at - 1) is request, "not before it is due"
        request = countersignatures.remind(request, at)
        times.append(at - request.created_at)
    assert times[:4] == [0.25 * HOUR, 0.75 * HOUR, 1.75 * HOUR, 2 * HOUR]
    assert times[-1] - times[-2] == 24 * HOUR, "at most a day apart"
    signed = lifecycle.countersign(request, decided(Verdict.COUNTERSIGNED, by=BOB, at=9e5))
    assert countersignatures.reminder_at(signed) is None
    assert countersignatures.remind(signed, 1e9) is signed


def test_a_reminder_says_when_the_time_to_countersign_is_over() -> None:
    request = glass_broken()
    in_time = countersignatures.remind(request, 1000.0 + HOUR)
    assert in_time.timeline[-1].details == {}
    late = countersignatures.remind(in_time, 1000.0 + 3 * HOUR)
    assert late.timeline[-1].details == {"overdue": "yes"}


@pytest.mark.parametrize("hours", [1, 2, 24, 48, 168])
def test_that_it_is_over_is_told_the_moment_it_is(hours: int) -> None:
    request = glass_broken(countersign=hours * HOUR)
    while "overdue" not in request.timeline[-1].details:
        at = countersignatures.reminder_at(request)
        assert at is not None
        request = countersignatures.remind(request, at)
    assert request.timeline[-1].at == request.created_at + hours * HOUR


def test_what_was_approved_needs_no_countersignature() -> None:
    assert countersignatures.reminder_at(deleted()) is None
    request = in_state(RequestState.APPROVED)
    assert lifecycle.countersign(request, decided(Verdict.COUNTERSIGNED)) is request


# --- the watch -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "words", "tunnels", "sessions"),
    [
        (DOWN, "tunnel tun-1 is down (ike_sa_not_established)", "1", "0"),
        (NO_BGP, "BGP over tunnel tun-1 is down (fail)", "0", "1"),
    ],
)
def test_what_was_up_before_and_is_down_now_is_told_once(
    now: Tunnel, words: str, tunnels: str, sessions: str
) -> None:
    worse = monitoring.observe(changed(UP), 1200.0, seen(now))
    assert worse.timeline[-1].kind is EventKind.DEGRADED
    counted = {"tunnels": tunnels, "sessions": sessions}
    assert worse.timeline[-1].details == {"what": words} | counted
    assert monitoring.observe(worse, 1230.0, seen(now)) is worse


def test_that_it_is_well_again_is_told_too() -> None:
    worse = monitoring.observe(changed(UP), 1200.0, seen(DOWN))
    better = monitoring.observe(worse, 1230.0, seen(UP))
    assert better.timeline[-1].kind is EventKind.RECOVERED
    assert monitoring.observe(better, 1260.0, seen(UP)) is better


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((DOWN,), (DOWN,)),
        ((), (DOWN,)),
        ((UP,), ()),
        ((UP,), (replace(UP, up=None, bgp_up=None),)),
        ((replace(UP, id="tun-2"),), (DOWN,)),
    ],
    ids=["down before", "not known before", "gone", "says nothing", "another tunnel"],
)
def test_only_what_was_surely_up_can_become_worse(
    before: tuple[Tunnel, ...], now: tuple[Tunnel, ...]
) -> None:
    request = changed(*before)
    assert monitoring.observe(request, 1200.0, seen(*now)) is request


def test_the_end_of_the_watch_says_how_it_ended_once() -> None:
    worse = monitoring.observe(changed(UP), 1200.0, seen(DOWN))
    over = monitoring.end(worse, 1800.0)
    assert over.timeline[-1].details["degraded"].startswith("tunnel tun-1")
    assert not monitoring.monitored(over)
    assert monitoring.end(over, 1801.0) is over


def test_what_changed_nothing_is_not_watched() -> None:
    for state in (RequestState.PENDING, RequestState.FAILED, RequestState.REJECTED):
        assert not monitoring.monitored(in_state(state))
    assert monitoring.monitored(restored())
    unwatched = replace(deleted(), terms=Terms(watch=0.0))
    assert not monitoring.monitored(unwatched)


TUNNELS = st.lists(
    st.builds(
        Tunnel,
        id=st.sampled_from(["tun-1", "tun-2"]),
        up=st.sampled_from([True, False, None]),
        bgp_up=st.sampled_from([True, False, None]),
    ),
    unique_by=lambda tunnel: tunnel.id,
)


@given(before=TUNNELS, looks=st.lists(TUNNELS, max_size=8))
def test_worse_and_well_again_take_turns(before: list[Tunnel], looks: list[list[Tunnel]]) -> None:
    request = changed(*before)
    for number, look in enumerate(looks):
        request = monitoring.observe(request, 1200.0 + number, seen(*look))
    told = [e for e in request.timeline if e.kind in (EventKind.DEGRADED, EventKind.RECOVERED)]
    for one, following in pairwise(told):
        assert following.details != one.details, "the same is never told twice in a row"
    assert not told or told[0].kind is EventKind.DEGRADED


# --- all of it, on the clock of the store ---------------------------------------------------


def in_a_quiet_cloud(store: Store) -> StepContext:
    cloud = ModelCloud(REGION, lambda: 1000.0, [a_route()])
    return StepContext(
        requests=store.requests,
        rate_limits=store.rate_limits,
        change_quota=cloud,
        cloud=cloud,
        now=store.database.now,
        limits=Limits(),
    )


async def test_the_item_waits_and_reminds_three_times_of_those_who_were_asked(
    valkey_url: str,
) -> None:
    db = Database(connect(parse(valkey_url)))
    store = Store(db)
    set_clock(db, 1000.0)
    request = await store.requests.create(a_request())
    context = in_a_quiet_cloud(store)

    async def asked(request_id: str) -> tuple[str, ...]:
        assert request_id == request.id
        return (BOB, CAROL)

    handler = FollowUp(context, asked)

    async def step() -> float | None:
        while isinstance(claim := await store.work.claim(30.0), Claim):
            again_at = await handler.step(claim) if claim.kind == "follow" else None
            await store.work.done(claim, again_at)
            if claim.kind == "follow":
                return again_at
        return None

    for due in (1450.0, 1900.0, 2350.0):
        assert await step() == due
        set_clock(db, due)
    assert await step() is None
    stored = await store.requests.get(request.id)
    assert stored is not None
    assert kinds(stored.request) == [EventKind.SUBMITTED, *[EventKind.APPROVAL_REMINDER] * 3]
    assert {e.details["asked"] for e in stored.request.timeline[1:]} == {f"{BOB} {CAROL}"}
    assert kinds(stored.request) == [event.kind for _, event in await store.audit.events()]
    await db.close()


async def test_reminders_of_a_countersignature_make_no_request_stay_longer_than_others(
    valkey_url: str,
) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        request = await store.requests.create(glass_broken())
        await store.requests.update(request.id, deleted)
        record = key("request", request.id)
        await db.command("EXPIRE", record, 5000)  # most of its time is over
        reminded = await store.requests.update(
            request.id, lambda r: countersignatures.remind(r, 9e5)
        )
        assert reminded is not None
        assert reminded.timeline[-1].kind is EventKind.COUNTERSIGN_REMINDER
        assert 0 < await db.command("TTL", record) <= 5000
        assert await store.requests.unsigned_ids() == [request.id]
        await db.command("DEL", record)  # as at the end of its time
        context = in_a_quiet_cloud(store)
        while (claim := await claimed(store.work)).kind != "follow":
            await store.work.done(claim, None)
        assert await FollowUp(context, store.direct_states.asked).step(claim) is None
        assert await store.requests.unsigned_ids() == []


async def test_what_was_read_of_connections_that_nobody_watches_is_not_kept(
    valkey_url: str,
) -> None:
    async with database(valkey_url) as db:
        context = in_a_quiet_cloud(Store(db))
        for number in range(20):
            set_clock(db, 1000.0 + 20 * number)
            await context.read(approved(a_request(id=f"r-{number}")), bgp=False)
        assert len(context._just_read) == 1  # noqa: SLF001 - what is kept of it shows nowhere else
        await context.close()


async def test_a_reminder_does_not_begin_what_waits_in_the_queue(valkey_url: str) -> None:
    """Its time to be done in counts from its turn, however long it has waited for that."""
    async with database(valkey_url) as db:
        store = Store(db)
        request = await store.requests.create(glass_broken())
        while (claim := await claimed(store.work)).kind != "follow":
            await store.work.done(claim, None)
        late = claim._replace(now=1000.0 + countersignatures.FIRST_PAUSE)
        await FollowUp(in_a_quiet_cloud(store), store.direct_states.asked).step(late)
        stored = await store.requests.get(request.id)
        assert stored is not None
        assert stored.request.happened(EventKind.COUNTERSIGN_REMINDER)
        assert stored.request.waiting
        assert not stored.request.routes[0].started_at
