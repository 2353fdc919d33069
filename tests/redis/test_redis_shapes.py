"""Redis in the three shapes that people run: the same story, and what goes wrong in each.

The standalone server is under all other tests; here are Sentinel, Cluster, and a provider's
address that moves, all on real servers that die and are demoted while the bot works.
"""

import asyncio
import gc
import importlib
import pkgutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import pytest_asyncio
from redis_shapes import (
    Cluster,
    MovingAddress,
    Replicated,
    Server,
    cluster,
    in_step,
    replicated,
)
from stage import Stage
from waiting import until, until_ready

from bot import store as package
from bot.config.redis_url import parse
from bot.errors import StoreUnavailable
from bot.models import Event, EventKind, RequestState
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, BOB
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.sandbox.vpc.local import LocalVpc
from bot.store import Database, Store, client
from bot.store.audit import Cut
from bot.store.client import FENCE, Script, key
from bot.store.connect import connect

DELETE = "DeleteVcoRouteEntry"
READ = "DescribeVpnConnection"
LEASE = "2"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three_masters() -> AsyncIterator[Cluster]:
    async with cluster() as nodes:
        yield nodes


@pytest_asyncio.fixture
async def behind_sentinel() -> AsyncIterator[tuple[Stage, Replicated]]:
    """A bot whose database is a master with a replica, watched by three Sentinels."""
    async with replicated() as redis, Stage(redis.redis_url) as stage:
        await stage.start_bot(VCO_LEASE=LEASE)
        yield stage, redis


async def told_and_deleted_once(stage: Stage, card: Message) -> None:
    """The end of every story here."""
    await stage.until_deleted(card)
    assert sum("deleted in" in line for line in stage.thread(card)) == 1
    assert stage.vpc.effects(stage.route) == 1
    assert len({call.params["ClientToken"] for call in stage.vpc.calls_of(DELETE)}) == 1


async def fail_over(redis: Replicated) -> Server:
    """Kill the master and wait for another one; returns the dead."""
    dead = await redis.master()
    dead.kill()

    async def replaced() -> bool:
        return await redis.master() is not dead

    await until(replaced)
    return dead


async def test_the_whole_story_on_a_cluster(three_masters: Cluster) -> None:
    """Every script runs there, and all that we store is in one place, as scripts need it."""
    async with Stage(three_masters.redis_url) as stage:
        await stage.start_bot()
        card = await stage.ask()
        await stage.approve(card)
        await told_and_deleted_once(stage, card)
        # The scripts that the story does not need.
        await stage.store.work.wake("inbox:nothing")
        await stage.store.inbox.unreadable_for("nothing")
        await stage.store.inbox.note("nothing")
        await stage.store.audit.trim(Cut(), Cut(1, "0", "0-1"))
        refused = Event(kind=EventKind.REFUSED, at=1.0, by="U0NOBODY")
        await stage.store.audit.append("r-none", refused)
        stage.slack.open_home(BOB)
        await stage.slack.until(lambda: "How to ask" in text_of(stage.slack.home(BOB)))
        await stage.store.viewers.forget(BOB)
        await stage.store.clicks.newest("V1", 1.0)
        await stage.store.rate_limits.used("cn-hangzhou", DELETE, window=60.0)
        await stage.store.inbox.requeue("inbox:nothing")
        await stage.store.database.command("SET", FENCE, "not a number")
        await stage.store.repair.check()
        finished = await stage.request(card)
        await stage.store.requests.rejoin(finished)
        await stage.store.packing.pack(finished.id)
        await stage.command("history")
        await stage.until_told(ALICE, "The latest requests")

        slot = await three_masters.slot(key(""))
        ours = await three_masters.holder(slot)
        for node in three_masters.nodes:
            keys = await three_masters.keys(node)
            assert {await three_masters.slot(name) for name in keys} == (
                {slot} if node is ours else set()
            )
        known = await ours.ask("SCRIPT", "EXISTS", *(script.sha for script in scripts()))
        assert not [s.text for s, there in zip(scripts(), known, strict=True) if not there]


def scripts() -> list[Script]:
    """Every Lua script of the store."""
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in modules_of_store()]
    return [found for m in modules for found in vars(m).values() if isinstance(found, Script)]


def modules_of_store() -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules(package.__path__))


async def test_our_slot_may_move_to_another_master_while_we_work(three_masters: Cluster) -> None:
    """Resharding: MOVED, ASK and TRYAGAIN in the middle of a deletion."""
    async with Stage(three_masters.redis_url) as stage:
        await stage.start_bot(VCO_LEASE=LEASE)
        card = await stage.ask()
        await stage.approve(card)
        await stage.until_event(card, EventKind.SENT)
        slot = await three_masters.slot(key(""))
        ours = await three_masters.holder(slot)
        other = next(node for node in three_masters.nodes if node is not ours)
        await three_masters.move(slot, other)
        await told_and_deleted_once(stage, card)
        assert await three_masters.holder(slot) is other


async def test_a_master_of_the_cluster_may_die_and_come_back(three_masters: Cluster) -> None:
    async with Stage(three_masters.redis_url) as stage:
        url = await stage.start_bot(VCO_LEASE=LEASE)
        card = await stage.ask()
        await stage.approve(card)
        await stage.until_event(card, EventKind.SENT)
        ours = await three_masters.holder(await three_masters.slot(key("")))
        ours.kill()
        await until_ready(url, 503)
        await leaves_nothing_open(three_masters)
        await ours.start()
        await told_and_deleted_once(stage, card)
        await until_ready(url, 200)


async def leaves_nothing_open(nodes: Cluster) -> None:
    """A client that is closed while it looks for a node that is gone; a warning is an error."""
    database = Database(connect(parse(nodes.redis_url)))
    with pytest.raises(StoreUnavailable):
        await database.now()
    await database.close()
    del database
    gc.collect()


async def test_a_failover_while_the_route_is_deleted(
    behind_sentinel: tuple[Stage, Replicated],
) -> None:
    stage, redis = behind_sentinel
    card = await stage.ask()
    await stage.approve(card)
    await stage.until_event(card, EventKind.SENT)
    await fail_over(redis)
    await told_and_deleted_once(stage, card)


async def test_a_failover_between_the_approval_and_the_send(
    behind_sentinel: tuple[Stage, Replicated],
) -> None:
    stage, redis = behind_sentinel
    card = await stage.ask()
    looked = len(stage.vpc.calls_of(READ))
    # The look before the send is still waited for when the master dies.
    stage.vpc.faults.add(Fault(kind=FaultKind.SLOW_BEFORE, action=READ, seconds=0.4))
    await stage.approve(card)
    await until_looking(stage.vpc, looked)
    assert stage.sends() == 0
    await fail_over(redis)
    await told_and_deleted_once(stage, card)


async def until_looking(vpc: LocalVpc, looked: int) -> None:
    await until(lambda: len(vpc.calls_of(READ)) > looked)


async def until_looked(vpc: LocalVpc, looked: int) -> None:
    await until(lambda: vpc.calls_of(READ)[looked].code != "")


async def test_the_old_master_comes_back_as_a_replica(
    behind_sentinel: tuple[Stage, Replicated],
) -> None:
    """Sentinel demotes it; nothing that it may say any more is believed."""
    stage, redis = behind_sentinel
    old = await fail_over(redis)
    await old.start()
    card = await stage.ask()
    await stage.approve(card)
    await told_and_deleted_once(stage, card)


async def test_sentinels_that_are_dead_delay_nothing(
    behind_sentinel: tuple[Stage, Replicated],
) -> None:
    """The machine that dies with the master on it often has a Sentinel too."""
    _, redis = behind_sentinel
    redis.sentinels[0].kill()
    await fail_over(redis)
    database = Database(connect(parse(redis.redis_url)))
    began = time.monotonic()
    await database.now()
    assert time.monotonic() - began < 2
    await database.close()


async def test_a_master_without_replicas_refuses_what_a_failover_would_lose(
    behind_sentinel: tuple[Stage, Replicated],
) -> None:
    """With `min-replicas-to-write 1`, an approval that only one server would have is none."""
    stage, redis = behind_sentinel
    master, replica = redis.data
    await master.ask("CONFIG", "SET", "min-replicas-to-write", 1)
    card = await stage.ask()
    replica.kill()
    await until(partial(refuses_writes, stage))
    await stage.approve(card)
    await stage.until_told(BOB, "could not be recorded")
    assert (await stage.request(card)).state is RequestState.PENDING

    await replica.start()
    await until(partial(in_step, replica))
    await stage.approve(card)
    await told_and_deleted_once(stage, card)


async def refuses_writes(stage: Stage) -> bool:
    try:
        await stage.store.work.wake("inbox:nothing")
        await stage.store.inbox.unreadable_for("nothing")
        await stage.store.inbox.note("nothing")
        await stage.store.audit.trim(Cut(), Cut(1, "0", "0-1"))
    except StoreUnavailable as error:
        return "NOREPLICAS" in str(error)
    return False


async def test_nothing_is_sent_that_a_failover_would_forget() -> None:
    """With `min-replicas-to-write 1`: what is not replicated is not stored, and so not sent.

    Without it the bot would send here, and its new master would know nothing of that: one
    effect all the same, but told as `void`, for a route that is gone already.
    """
    async with replicated() as redis, Stage(redis.redis_url) as stage:
        await stage.start_bot(VCO_LEASE="4")
        master, _ = redis.data
        await master.ask("CONFIG", "SET", "min-replicas-to-write", 1)
        card = await stage.ask()
        looked = len(stage.vpc.calls_of(READ))
        stage.vpc.faults.add(Fault(kind=FaultKind.SLOW_BEFORE, action=READ, seconds=0.8))
        await stage.approve(card)
        await until_looking(stage.vpc, looked)
        # Now nothing reaches the replica any more; and only then does the bot want to send.
        await master.ask("ACL", "SETUSER", "default", "-psync", "-sync")
        await master.ask("CLIENT", "KILL", "TYPE", "replica")
        await until_looked(stage.vpc, looked)
        assert await refuses_writes(stage)
        assert stage.sends() == 0
        await fail_over(redis)
        await told_and_deleted_once(stage, card)


async def test_an_address_that_moves_at_a_failover_is_looked_up_again() -> None:
    """A provider's failover: the old server is demoted and keeps our connections open."""
    async with replicated() as redis, MovingAddress(redis.data[0]) as address:
        old, new = redis.data
        for sentinel in redis.sentinels:
            sentinel.kill()
        store = Store(Database(connect(parse(address.redis_url))))
        await store.inbox.put("before", "{}")
        await until_same(old, new)
        await new.ask("REPLICAOF", "NO", "ONE")
        address.target = new
        await old.ask("REPLICAOF", "127.0.0.1", new.port)
        await store.inbox.put("after", "{}")
        assert await store.inbox.get("before") == await store.inbox.get("after") == "{}"
        assert await new.ask("EXISTS", key("inbox", "after")) == 1
        await store.database.close()


async def until_same(master: Server, replica: Server) -> None:
    async def same() -> bool:
        return bool(await master.ask("DBSIZE") == await replica.ask("DBSIZE"))

    await until(same)


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel", "redis+cluster"])
async def test_a_database_that_is_away_is_told_as_such_and_soon(scheme: str) -> None:
    path = "/vco" if scheme == "redis+sentinel" else ""
    database = Database(connect(parse(f"{scheme}://127.0.0.1:1{path}")))
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await database.now()
    assert time.monotonic() - began < 2
    await database.close()


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port where somebody listens and never says a word."""
    over = asyncio.Event()

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()


@pytest.mark.parametrize("scheme", ["redis", "redis+sentinel", "redis+cluster"])
async def test_a_database_that_hangs_is_given_up(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one time for all that is tried: time-outs of single tries add up to minutes."""
    monkeypatch.setattr(client, "COMMAND_SECONDS", 1.0)
    path = "/vco" if scheme == "redis+sentinel" else ""
    async with silent() as port:
        database = Database(connect(parse(f"{scheme}://127.0.0.1:{port}{path}")))
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await database.now()
        assert time.monotonic() - began < 3
        await database.close()
