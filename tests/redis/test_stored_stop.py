"""A stop against the worker that holds the step: one of them is recorded, never both."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from builders import ALICE, a_request, a_route, approved, decided
from databases import HOW_OFTEN, claimed, database

from bot import lifecycle
from bot.lifecycle import route_change
from bot.models import EventKind, Request, RequestState, Verdict
from bot.store import Claim, Store
from bot.store.client import key

STOPPED = decided(Verdict.STOPPED, by=ALICE, at=1200.0)


@pytest_asyncio.fixture(params=HOW_OFTEN)
async def store(valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with database(valkey_url, request.param) as opened:
        yield Store(opened)


async def recorded(store: Store, request_id: str) -> Request:
    stored = await store.requests.get(request_id)
    assert stored is not None
    return stored.request


async def two_in_the_queue(store: Store) -> tuple[Request, Request]:
    """Two approved requests of one connection, the first at its head."""
    first = a_request(a_route())
    second = a_request(a_route("10.0.1.0/24"), id="r-second")
    for one in (first, second):
        await store.requests.create(one)
        await store.requests.update(one.id, approved)
    return first, second


async def step_of(store: Store, request: Request) -> Claim:
    """The claim of the request's step."""
    while (claim := await claimed(store.work)).item != f"run:{request.id}":
        pass
    return claim


def stop(request: Request) -> Request:
    return lifecycle.stop(request, STOPPED)


def send(request: Request) -> Request:
    return route_change.send(request, 1201.0)


async def test_a_stop_is_audited_and_frees_route_and_queue_for_whoever_is_next(
    store: Store,
) -> None:
    first, second = await two_in_the_queue(store)
    assert await store.requests.position(second) == 1
    await store.requests.update(first.id, stop)
    assert (await recorded(store, first.id)).state is RequestState.CANCELLED
    assert await store.requests.position(first) is None
    assert await store.requests.position(second) == 0
    assert first.id not in await store.requests.open_ids()
    told = [e.kind for i, e in await store.audit.events() if i == first.id]
    assert told[-1] is EventKind.STOPPED
    assert told.count(EventKind.STOPPED) == 1
    again = a_request(a_route(), id="r-again")
    assert await store.requests.create(again) == again


async def test_a_worker_that_holds_the_step_records_no_send_after_a_stop(store: Store) -> None:
    first, _ = await two_in_the_queue(store)
    claim = await step_of(store, first)
    await store.requests.update(first.id, start, claim=claim)
    await store.requests.update(first.id, stop)
    left = await store.requests.update(first.id, send, claim=claim, sealed=True)
    assert left is not None
    assert not left.routes[0].in_flight
    assert left.state is RequestState.CANCELLED
    assert (await recorded(store, first.id)) == left


async def test_a_stop_is_not_recorded_after_a_send(store: Store) -> None:
    first, second = await two_in_the_queue(store)
    claim = await step_of(store, first)
    await store.requests.update(first.id, send, claim=claim, sealed=True)
    left = await store.requests.update(first.id, stop)
    assert left is not None
    assert left.state is RequestState.EXECUTING
    assert await store.requests.position(second) == 1


async def test_what_was_stopped_is_not_put_back_into_the_queue(store: Store) -> None:
    first, second = await two_in_the_queue(store)
    await store.requests.update(first.id, stop)
    await store.requests.rejoin(first)
    assert await store.requests.position(first) is None
    queue = key("queue", second.region, second.vpn_connection_id)
    await store.database.command("DEL", queue)
    await store.requests.rejoin(second)
    assert await store.requests.position(second) == 0


def start(request: Request) -> Request:
    return route_change.start(request, 1200.0)
