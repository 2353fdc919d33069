"""What a step needs of its request comes with its claim; what can't come is read by the step."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
from builders import a_request, a_route, decide
from databases import database

from bot.errors import StoreFault
from bot.models import Verdict
from bot.store import Claim, Database, Store
from bot.store.client import DUE, Script, key
from bot.store.reading import connection_keys


class Counted(Database):
    """Knows what it was asked."""

    def __init__(self, opened: Database) -> None:
        super().__init__(opened._redis, now=opened.fixed_now)  # noqa: SLF001 - the same connection
        self.asked = 0

    async def command(self, *args: str | float) -> object:
        self.asked += 1
        return await super().command(*args)

    async def run(self, script: Script, keys: object, *args: str | float) -> object:
        self.asked += 1
        return await super().run(script, keys, *args)  # type: ignore[arg-type] # passed on


@pytest_asyncio.fixture
async def db(valkey_url: str) -> AsyncIterator[Counted]:
    async with database(valkey_url) as opened:
        yield Counted(opened)


@pytest.fixture
def store(db: Counted) -> Store:
    return Store(db)


async def claims(store: Store) -> dict[str, Claim]:
    """All that is due, claimed in one turn."""
    return {c.kind: c for c in (await store.work.turn(30)).claims}


async def test_what_the_steps_of_a_request_need_comes_with_their_claims(
    db: Counted, store: Store
) -> None:
    request = await store.requests.create(a_request(a_route()))
    beside = await store.requests.create(a_request(a_route("10.9.0.0/24"), id="r-beside"))
    approved = await store.requests.update(request.id, decide(Verdict.APPROVED))
    assert approved is not None
    db.asked = 0
    turn = await store.work.turn(30)
    mine = {c.kind: c for c in turn.claims if c.id == request.id}
    assert db.asked == 1
    for kind in ("run", "tell", "follow"):
        found = await store.requests.get(request.id, claim=mine[kind])
        assert found is not None
        assert found.request == approved
    assert await store.requests.position(request, mine["run"]) == 0
    assert await store.requests.beside(request, mine["tell"]) == [beside.id]
    assert db.asked == 1
    # What is read again is read anew.
    assert await store.requests.get(request.id, claim=mine["run"]) is not None
    assert db.asked == 2


async def test_of_a_claim_whose_answer_was_lost_it_is_read_once_more(valkey_url: str) -> None:
    async with database(valkey_url, "twice") as opened:
        store = Store(Counted(opened))
        request = await store.requests.create(a_request(a_route()))
        found = await claims(store)
        stored = await store.requests.get(request.id, claim=found["run"])
        assert stored is not None
        assert stored.request == request


async def test_another_process_reads_it_in_one_more_round_trip(db: Counted, store: Store) -> None:
    request = await store.requests.create(a_request(a_route()))
    other = Store(Counted(db))
    assert isinstance(other.database, Counted)
    found = (await claims(other))["tell"]
    assert other.database.asked == 2
    read = await other.recorded_now(found)
    assert read is not None
    assert read[0].request == request
    assert other.database.asked == 2


async def test_a_key_that_somebody_wrote_over_keeps_nobody_from_claiming(
    db: Counted, store: Store
) -> None:
    request = await store.requests.create(a_request(a_route()))
    await db.command("RPUSH", key("told", request.id), "somebody's")
    found = await claims(store)
    assert {"run", "tell", "follow"} <= found.keys()
    assert await store.requests.get(request.id, claim=found["run"]) is not None
    with pytest.raises(StoreFault):
        await store.recorded_now(found["tell"])


async def test_who_is_beside_follows_from_who_is_open(store: Store) -> None:
    one = await store.requests.create(a_request(a_route(), id="r-1"))
    two = await store.requests.create(a_request(a_route("10.9.0.0/24"), id="r-2"))
    assert await store.requests.beside(one) == ["r-2"]
    await store.requests.update(two.id, decide(Verdict.CANCELLED))
    assert await store.requests.beside(one) == []


async def test_who_is_beside_is_found_again_where_it_was_lost_or_never_noted(store: Store) -> None:
    one = await store.requests.create(a_request(a_route(), id="r-1"))
    await store.requests.create(a_request(a_route("10.9.0.0/24"), id="r-2"))
    await store.database.command("DEL", connection_keys(one).beside)
    assert await store.requests.beside(one) == []
    await store.repair.check()
    assert await store.requests.beside(one) == ["r-2"]


async def test_of_a_connection_that_is_learned_meanwhile_it_is_not_said_that_nobody_is_beside(
    valkey_url: str,
) -> None:
    class Learning(Database):
        """While a turn is under way, something else reads the request."""

        async def run(self, script: Script, keys: Sequence[str], *args: str | float) -> object:
            reply = await super().run(script, keys, *args)
            if DUE in keys and self.in_hand.connection("r-1") is None:
                await beside.requests.get("r-1")
            return reply

    async with database(valkey_url) as opened:
        first = Store(opened)
        one = await first.requests.create(a_request(a_route(), id="r-1"))
        await first.requests.create(a_request(a_route("10.9.0.0/24"), id="r-2"))
        learning = Learning(opened._redis, now=opened.fixed_now)  # noqa: SLF001 - the same connection
        store = beside = Store(learning)
        learning.in_hand.expect(["tell:r-1"])
        claim = next(c for c in (await store.work.turn(30)).claims if c.item == "tell:r-1")
        assert await store.requests.beside(one, claim) == ["r-2"]
