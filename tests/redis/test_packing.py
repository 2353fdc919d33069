"""Old records are kept packed: read as any other, and plain again once they are changed."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from builders import a_request, a_route, in_state
from databases import set_clock
from msgspec.structs import replace

from bot import lifecycle
from bot.config.secret import Secret
from bot.errors import Unreadable
from bot.models import Decision, Event, EventKind, Request, RequestState, Terms, Verdict
from bot.store import Claim, Database, Store
from bot.store.client import Redis, key
from bot.store.packing import AGE
from bot.store.records import INDEX
from bot.store.seal import Seals

CAME = 1000.0
"""When the first version that packs came here."""

ENDED = in_state(RequestState.DELETED, a_route(), id="r-ended")
RECORD = key("request", ENDED.id)
SEALS = Seals([Secret("0123456789abcdefghijklmnopqrstuvwxyz")])


async def stored(store: Store, request: Request, *, at: float = CAME + 1) -> Request:
    """Store a request as it is, made at a time."""
    request = replace(request, created_at=at)
    await store.requests.create(request)
    await store.requests.update(request.id, lambda r: replace(r, why="it ends"))
    return replace(request, why="it ends")


async def is_plain(store: Store, request_id: str) -> bool:
    data = await store.database.command("HGET", key("request", request_id), "data")
    return str(data).startswith("{")


def later(store: Store, seconds: float = AGE + 60) -> None:
    """Some days after the first version that packs came."""
    set_clock(store.database, CAME + seconds)


async def packed(store: Store, request: Request = ENDED) -> Request:
    """A request that has been packed."""
    await store.upkeep()
    request = await stored(store, request)
    later(store)
    await store.upkeep()
    assert not await is_plain(store, request.id)
    return request


async def test_an_old_record_takes_half_the_room_and_is_the_same(db: Database) -> None:
    store = Store(db, seals=SEALS)
    request = await stored(store, ENDED)
    before, room = await store.requests.get(ENDED.id), await db.command("MEMORY", "USAGE", RECORD)
    lives = int(await db.command("TTL", RECORD))
    for _ in range(2):
        await store.packing.pack(ENDED.id)
    assert not await is_plain(store, ENDED.id)
    assert await db.command("MEMORY", "USAGE", RECORD) < room * 0.6
    assert lives - 5 < int(await db.command("TTL", RECORD)) <= lives
    found = await store.requests.get(ENDED.id)
    assert found is not None
    assert found == before
    assert found.request == request
    assert SEALS.wrong(found.request, found.seal) == ""


async def test_a_packed_record_is_read_wherever_a_plain_one_is(store: Store) -> None:
    request = await packed(store)
    assert [s.request for s in (await store.requests.many([ENDED.id])).stored] == [request]
    assert await store.requests.latest_ids(5) == [ENDED.id]
    recorded = await store.recorded(ENDED.id)
    assert recorded is not None
    assert recorded.stored.request == request
    await store.requests.secured(request)
    await store.work.wake(f"tell:{ENDED.id}")
    while isinstance(claim := await store.work.claim(30), Claim):
        if claim.item == f"tell:{ENDED.id}":
            break
    assert isinstance(claim, Claim)
    shown = await store.recorded_now(claim)
    assert shown is not None
    assert shown[0].request == request


async def test_a_packed_record_is_plain_again_once_it_is_changed(store: Store) -> None:
    broke = Decision(verdict=Verdict.BROKE_GLASS, by=ENDED.requester, at=1.0, reason="down")
    alone = in_state(RequestState.DELETED, a_route(), id=ENDED.id, terms=Terms(countersign=60.0))
    alone = replace(alone, decisions=(broke,))
    await packed(store, alone)
    signed = Decision(verdict=Verdict.COUNTERSIGNED, by="U0CAROL", at=CAME)
    await store.requests.update(ENDED.id, lambda r: lifecycle.countersign(r, signed))
    assert await is_plain(store, ENDED.id)
    found = await store.requests.get(ENDED.id)
    assert found is not None
    assert found.request.countersigned
    assert await store.requests.unsigned_ids() == []


async def test_a_packed_record_knows_who_takes_it_back(store: Store) -> None:
    await packed(store)
    back = replace(a_request(a_route(), id="r-back"), origin=ENDED.id)
    await store.requests.create(back)
    assert not await is_plain(store, ENDED.id)
    found = await store.requests.get(ENDED.id)
    assert found is not None
    assert found.rollbacks == ("r-back",)


@pytest.mark.parametrize("cut", [1, 2, 40, -1])
async def test_a_packed_record_that_is_damaged_can_not_be_read(store: Store, cut: int) -> None:
    await packed(store)
    whole = str(await store.database.command("HGET", RECORD, "data"))
    for damaged in (whole[:cut], whole[: cut - 1] + "~" + whole[cut:]):
        await store.database.command("HSET", RECORD, "data", damaged)
        with pytest.raises(Unreadable, match=ENDED.id):
            await store.requests.get(ENDED.id)
        assert (await store.requests.many([ENDED.id])).unreadable == [ENDED.id]


async def test_nothing_younger_than_days_is_packed_and_nothing_that_was_there_before(
    store: Store,
) -> None:
    old = await stored(store, replace(ENDED, id="r-old"))
    later(store, 2 * AGE)
    await store.upkeep()
    young = await stored(store, ENDED, at=CAME + 2 * AGE + 1)
    later(store, 3 * AGE - 60)
    await store.upkeep()
    assert await is_plain(store, young.id)
    later(store, 3 * AGE + 3600)
    await store.upkeep()
    assert not await is_plain(store, young.id)
    assert await is_plain(store, old.id)


async def test_what_is_open_gone_or_unreadable_is_passed_over(store: Store) -> None:
    await store.upkeep()
    opened = a_request(a_route("10.9.0.0/24"), id="r-open")
    await store.requests.create(replace(opened, created_at=CAME + 1))
    await store.database.command("ZADD", INDEX, CAME + 2, "r-gone")
    broken = await stored(store, replace(ENDED, id="r-broken"), at=CAME + 3)
    await store.database.command("HSET", key("request", broken.id), "data", "{")
    ended = await stored(store, ENDED, at=CAME + 4)
    later(store)
    await store.upkeep()
    assert await is_plain(store, opened.id)
    assert await store.database.command("HGET", key("request", broken.id), "data") == "{"
    assert not await is_plain(store, ended.id)


async def test_many_are_packed_a_few_at_a_time(store: Store) -> None:
    await store.upkeep()
    ids = [f"r-{n:02}" for n in range(25)]
    for n, one in enumerate(ids):
        await stored(store, replace(ENDED, id=one), at=CAME + 1 + n / 100)
    later(store)
    left = []
    for _ in range(4):
        left.append(sum([await is_plain(store, one) for one in ids]))
        await store.upkeep()
    assert left == [25, 15, 5, 0]


class Meanwhile:
    """A client between whose reading of a record and what follows somebody else does something."""

    def __init__(self, redis: Redis, act: Callable[[], Awaitable[object]]) -> None:
        self._redis, self._act = redis, act

    async def execute_command(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own signature
        reply = await self._redis.execute_command(*args, **options)
        if args[0] == "HMGET":
            await self._act()
        return reply

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Any]:
        return await self._redis.together(name, *commands)

    async def aclose(self) -> None:
        await self._redis.aclose()


async def test_a_change_that_came_meanwhile_is_kept(db: Database, store: Store) -> None:
    await stored(store, ENDED)
    signed = Event(kind=EventKind.RECOVERED, at=CAME)

    async def change() -> None:
        await store.requests.update(ENDED.id, lambda r: r.with_event(signed))

    beside = Database(Meanwhile(db._redis, change), now=db.fixed_now)  # noqa: SLF001 - the same connection
    await Store(beside).packing.pack(ENDED.id)
    found = await store.requests.get(ENDED.id)
    assert found is not None
    assert found.request.timeline[-1] == signed


async def test_a_change_that_began_before_it_was_packed_goes_through(store: Store) -> None:
    await stored(store, ENDED)
    known = await store.requests.get(ENDED.id)
    await store.packing.pack(ENDED.id)
    changed = await store.requests.update(
        ENDED.id, lambda r: replace(r, why="it was changed"), known=known
    )
    assert changed is not None
    found = await store.requests.get(ENDED.id)
    assert found is not None
    assert found.request.why == "it was changed"


async def test_what_somebody_wrote_over_keeps_no_other_record_from_being_packed(
    db: Database, store: Store
) -> None:
    await store.upkeep()
    await stored(store, ENDED)
    await stored(store, replace(ENDED, id="r-other"), at=CAME + 2)
    later(store)
    await db.command("DEL", RECORD)
    await db.command("SET", RECORD, "somebody's")
    await store.packing.some()
    assert not await is_plain(store, "r-other")
