"""Can the database be trusted with what was approved and sent?"""

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
import pytest_asyncio
from databases import database
from stage import Stage
from waiting import until_ready

from bot.sandbox.valkey import EmbeddedValkey
from bot.service.readiness import ready
from bot.store import Database
from bot.store.health import OK, WARNING, Health, judged

LIMITED = {"maxmemory": "1000000"}


@pytest_asyncio.fixture
async def own_server() -> AsyncIterator[EmbeddedValkey]:
    """A server that the test may spoil."""
    async with EmbeddedValkey(appendonly=True) as server:
        yield server


@pytest_asyncio.fixture
async def own(own_server: EmbeddedValkey) -> AsyncIterator[Database]:
    async with database(own_server.url, now=0) as opened:
        yield opened


async def readyz(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
        return answer.status, await answer.text()


# --- what its own words mean ---------------------------------------------------------


@pytest.mark.parametrize(
    ("memory", "disk", "begins"),
    [
        pytest.param({}, {}, OK, id="says nothing"),
        pytest.param({"maxmemory_policy": "allkeys-lru"}, {}, OK, id="no limit known"),
        pytest.param({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, {}, OK, id="no limit"),
        pytest.param({"maxmemory": "0", "maxmemory_policy": "allkeys-lru"}, {}, OK, id="text 0"),
        pytest.param(LIMITED | {"maxmemory_policy": "noeviction"}, {}, OK, id="refuses instead"),
        # Live keys bear no TTL, so these have nothing of ours to take.
        pytest.param(LIMITED | {"maxmemory_policy": "volatile-lru"}, {}, OK, id="volatile"),
        pytest.param(LIMITED | {"maxmemory_policy": "allkeys-lru"}, {}, "evicts", id="lru"),
        pytest.param(LIMITED | {"maxmemory_policy": "allkeys-random"}, {}, "evicts", id="random"),
        pytest.param({}, {"aof_enabled": 1, "aof_last_write_status": "ok"}, OK, id="kept"),
        pytest.param({}, {"aof_last_write_status": "err"}, "can't write", id="disk full"),
        pytest.param({}, {"aof_enabled": 0}, f"{WARNING}appendonly is off", id="number 0"),
        pytest.param({}, {"aof_enabled": "0"}, f"{WARNING}appendonly is off", id="text 0, disk"),
        pytest.param(
            LIMITED | {"maxmemory_policy": "allkeys-lfu"},
            {"aof_enabled": 0},
            "evicts",
            id="the worse comes first",
        ),
    ],
)
def test_what_the_server_tells_of_itself_is_judged(
    memory: Mapping[str, object], disk: Mapping[str, object], begins: str
) -> None:
    said = judged(memory, disk)
    assert said == OK if begins == OK else said.startswith(begins)


@pytest.mark.parametrize(
    ("words", "is_ready"),
    [
        ((OK, OK), True),
        ((OK, f"{WARNING}appendonly is off"), True),
        ((OK, "does not answer (TimeoutError)"), False),
        ((f"{WARNING}appendonly is off", "refuses writes (OOM)"), False),
    ],
)
def test_a_warning_keeps_the_bot_ready_and_nothing_else_does(
    words: tuple[str, str],
    is_ready: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    assert ready(dict(zip(("redis", "storage"), words, strict=True))) is is_ready


# --- a real server -------------------------------------------------------------------


async def test_a_server_as_it_should_be_is_well(own: Database) -> None:
    assert await Health(own).answers() == OK
    assert await Health(own).keeps() == OK


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [("maxmemory", 1, "OutOfMemory"), ("min-replicas-to-write", 1, "NOREPLICAS")],
)
async def test_a_server_that_takes_nothing_is_told_from_one_that_is_away(
    own: Database, own_server: EmbeddedValkey, setting: str, value: int, word: str
) -> None:
    await own.command("CONFIG", "SET", setting, value)
    said = await Health(own).answers()
    assert said.startswith("refuses writes")
    assert word in said
    await own_server.kill()
    assert (await Health(own).answers()).startswith("does not answer")
    assert await Health(own).keeps() == OK, "that it is away is said by the other check"


async def test_a_database_that_evicts_live_requests_is_not_ready(
    own: Database, own_server: EmbeddedValkey
) -> None:
    async with Stage(own_server.url) as stage:
        url = await stage.start_bot()
        await own.command("CONFIG", "SET", "maxmemory", "100mb")
        await own.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        said = await until_ready(url, 503)
        assert "evicts live requests when memory is short: allkeys-lru; set noeviction" in said
        await own.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        await until_ready(url, 200)


async def test_a_database_that_keeps_nothing_on_disk_is_warned_of(
    own: Database, own_server: EmbeddedValkey
) -> None:
    await own.command("CONFIG", "SET", "appendonly", "no")
    async with Stage(own_server.url) as stage:
        status, said = await readyz(await stage.start_bot())
    assert status == 200
    assert "warning: appendonly is off" in said
