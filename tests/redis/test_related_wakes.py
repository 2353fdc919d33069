"""Whoever changes a request makes the cards that show it due, in the same script."""

from builders import a_request, a_route, decide, in_state
from databases import claimed, database
from msgspec.structs import replace

from bot.models import Request, RequestState, Verdict
from bot.store import Database, Store
from bot.store.client import DUE, key

ELSEWHERE = a_route("10.0.0.0/24", connection="vco-elsewhere")


async def nothing_due(db: Database) -> None:
    await db.command("DEL", DUE)


async def due(db: Database) -> set[str]:
    items = await db.command("ZRANGE", DUE, 0, -1)
    return {str(i).removeprefix("tell:") for i in items if str(i).startswith("tell:")}


def asked(request_id: str, dest: str, *, origin: str = "") -> Request:
    return replace(a_request(a_route(dest), id=request_id), origin=origin)


async def test_all_open_requests_on_a_connection_hear_when_one_comes_and_when_it_ends(
    valkey_url: str,
) -> None:
    async with database(valkey_url) as db:
        requests = Store(db).requests
        one = await requests.create(asked("r-one", "10.1.0.0/24"))
        await requests.create(a_request(ELSEWHERE, id="r-elsewhere"))
        await nothing_due(db)
        await requests.create(asked("r-two", "10.2.0.0/24"))
        assert await due(db) == {"r-one", "r-two"}
        assert await requests.beside(one) == ["r-two"]
        await nothing_due(db)
        await requests.update("r-two", decide(Verdict.REJECTED))
        assert await due(db) == {"r-one", "r-two"}
        assert await requests.beside(one) == []


async def test_what_moves_no_state_wakes_nobody_else(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        requests = Store(db).requests
        for number in range(2):
            await requests.create(asked(f"r-{number}", f"10.{number}.0.0/24"))
        await nothing_due(db)
        await requests.update("r-0", lambda r: replace(r, why="something"))
        assert await due(db) == {"r-0"}


async def test_a_request_knows_what_takes_it_back_the_newest_first(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        requests = Store(db).requests
        await requests.create(in_state(RequestState.DELETED, id="r-old"))
        await requests.create(asked("r-back1", "10.1.0.0/24", origin="r-old"))
        await requests.update("r-back1", decide(Verdict.REJECTED))
        await nothing_due(db)
        await requests.create(asked("r-back2", "10.2.0.0/24", origin="r-old"))
        assert "r-old" in await due(db)
        old = await requests.get("r-old")
        assert old is not None
        assert old.rollbacks == ("r-back2", "r-back1")
        assert (await requests.many(["r-old"])).stored == [old]
        await nothing_due(db)
        await requests.update("r-back2", decide(Verdict.APPROVED))
        assert "r-old" in await due(db)


async def test_a_record_that_is_gone_is_not_begun_anew(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        await Store(db).requests.create(asked("r-back", "10.1.0.0/24", origin="r-gone"))
        assert not await db.command("EXISTS", key("request", "r-gone"))


async def test_where_all_that_is_due_was_lost_the_card_of_the_origin_is_due_again(
    valkey_url: str,
) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        await store.requests.create(in_state(RequestState.DELETED, id="r-old"))
        await store.requests.create(asked("r-back", "10.1.0.0/24", origin="r-old"))
        await nothing_due(db)
        await store.repair.check()
        assert "r-old" in await due(db)
        assert (await claimed(store.work)).id in {"r-old", "r-back", "all"}
