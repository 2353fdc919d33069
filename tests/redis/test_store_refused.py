"""A database that forbids one command, or holds one key of the wrong type.

Redis takes nothing back that a script wrote before it failed. Whatever is forbidden, and whenever:
a change is made whole or not at all, it can be made later, and the audit is whole throughout.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from builders import BOB, a_request, a_route, decide, sent
from databases import claimed, database
from msgspec.structs import replace
from redis.asyncio import Redis
from stage import DELETE, Stage, delete_command
from waiting import until

from bot import store as package
from bot.errors import StoreFault, StoreRefused, StoreUnavailable
from bot.lifecycle import route_change
from bot.models import Event, EventKind, RequestState, RouteState, Verdict
from bot.sandbox.slack import workspace
from bot.sandbox.valkey import EmbeddedValkey
from bot.sandbox.vpc.world import Pace
from bot.slack.messages.buttons import APPROVE
from bot.store import Claim, Database, Store
from bot.store.audit import verify
from bot.store.client import CLAIMS, DUE, TAG, Script, key
from bot.store.health import OK, Health
from bot.store.turn import FAILED, FINISHED, GIVEN_BACK, End

SOURCE = "\n".join(
    file.read_text() for file in sorted(Path(str(package.__file__)).parent.glob("*.py"))
)
IN_SCRIPTS = sorted(set(re.findall(r"redis\.p?call\('([A-Z]+)'", SOURCE)))
BY_THEMSELVES = sorted(set(re.findall(r"\.command\(\s*\"([A-Z]+)\"", SOURCE)))
FOR_ADVICE = {"INFO", "CONFIG", "WAIT"}
"""What the bot does without where it is forbidden."""

State = Mapping[str, object]


@pytest_asyncio.fixture
async def server() -> AsyncIterator[EmbeddedValkey]:
    """A server whose rights the test may change."""
    async with EmbeddedValkey() as own:
        async with Redis.from_url(own.url) as redis:
            await redis.execute_command("ACL", "SETUSER", "admin", "on", "nopass", "~*", "+@all")  # type: ignore[no-untyped-call] # redis-py leaves it so
        yield own


@pytest_asyncio.fixture
async def admin(server: EmbeddedValkey) -> AsyncIterator[Database]:
    """Whoever may do everything, always."""
    async with database(server.url.replace("://", "://admin:x@"), now=0) as opened:
        yield opened


@pytest_asyncio.fixture
async def db(server: EmbeddedValkey) -> AsyncIterator[Database]:
    async with database(server.url) as opened:
        yield opened


async def forbid(admin: Database, command: str) -> None:
    await admin.command("ACL", "SETUSER", "default", f"-{command.lower()}")


async def allow_all(admin: Database) -> None:
    await admin.command("ACL", "SETUSER", "default", "+@all")


async def contents(admin: Database) -> State:
    """All that is stored, but for when it was last looked at what is due."""
    found: dict[str, object] = {}
    for name in sorted(await admin.command("KEYS", f"{TAG}:*")):
        kind = await admin.command("TYPE", name)
        found[name] = await {
            "string": lambda name=name: admin.command("GET", name),
            "hash": lambda name=name: admin.command("HGETALL", name),
            "list": lambda name=name: admin.command("LRANGE", name, 0, -1),
            "set": lambda name=name: admin.command("SMEMBERS", name),
            "zset": lambda name=name: admin.command("ZRANGE", name, 0, -1, "WITHSCORES"),
            "stream": lambda name=name: admin.command("XRANGE", name, "-", "+"),
        }[str(kind)]()
    claims = dict(found.get(CLAIMS) or {})  # type: ignore[call-overload] # a hash
    claims.pop("clock", None)
    return found | {CLAIMS: claims}


async def audit_is_whole(store: Store) -> None:
    found = verify([entry async for entry in store.audit.entries()], await store.audit.head())
    assert not found.problem


# --- one change of the store ---------------------------------------------------------

REFUSAL = Event(kind=EventKind.REFUSED, at=1000.0, by=BOB)
Change = Callable[[Store], Awaitable[object]]


async def _create(store: Store) -> object:
    return await store.requests.create(a_request(a_route("10.9.0.0/24"), id="r-new"))


async def _take_back(store: Store) -> object:
    back = replace(a_request(a_route("10.9.0.0/24"), id="r-back"), origin="r-next")
    return await store.requests.create(back)


async def _approve(store: Store) -> object:
    return await store.requests.update("r-pending", decide(Verdict.APPROVED))


async def _break_glass(store: Store) -> object:
    return await store.requests.update("r-pending", decide(Verdict.BROKE_GLASS))


async def _end(store: Store) -> object:
    return await store.requests.update(
        "r-head", lambda r: route_change.end(sent(r), 1105.0, RouteState.FAILED)
    )


async def _refuse(store: Store) -> None:
    await store.audit.append("r-pending", REFUSAL, cause="a click")


async def _deliver(store: Store) -> None:
    await store.inbox.put("a-delivery", "{}")


async def _claim(store: Store) -> object:
    return await store.work.claim(30)


CHANGES: dict[str, Change] = {
    "create": _create,
    "take back": _take_back,
    "approve": _approve,
    "break the glass": _break_glass,
    "end": _end,
    "refuse": _refuse,
    "deliver": _deliver,
    "claim": _claim,
}


async def scene(store: Store) -> None:
    """One request that is pending, two in the queue of a connection; Bob looks at his App Home."""
    await store.viewers.opened(BOB)
    await store.requests.create(a_request(a_route("10.1.0.0/24"), id="r-pending"))
    for name, dest in (("r-head", "10.2.0.0/24"), ("r-next", "10.3.0.0/24")):
        await store.requests.create(a_request(a_route(dest), id=name))
        await store.requests.update(name, decide(Verdict.APPROVED))


async def called_by(change: Change, store: Store, admin: Database) -> list[str]:
    """The commands that a change calls in its scripts; it needs none of the others."""
    await scene(store)
    await admin.command("CONFIG", "RESETSTAT")
    await change(store)
    counted = await admin.command("INFO", "commandstats")
    return [name for name in IN_SCRIPTS if f"cmdstat_{name.lower()}" in counted]


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_whole_or_is_not_whichever_command_is_forbidden(
    db: Database, admin: Database, name: str
) -> None:
    store, change = Store(db), CHANGES[name]
    refused = 0
    for command in await called_by(change, store, admin):
        await admin.command("FLUSHALL")
        await scene(store)
        before = await contents(admin)
        await forbid(admin, command)
        try:
            await change(store)
        except StoreRefused:
            refused += 1
            assert await contents(admin) == before, command
            await allow_all(admin)
            await change(store)
        await allow_all(admin)
        assert await contents(admin) != before, command
        await audit_is_whole(store)
    assert refused >= 2, "most changes need more than one command"


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_is_whole_or_is_not_whichever_key_is_of_the_wrong_type(
    db: Database, admin: Database, name: str
) -> None:
    store, change = Store(db), CHANGES[name]
    await scene(store)
    for spoiled in await admin.command("KEYS", "*"):
        await admin.command("FLUSHALL")
        await scene(store)
        kept = key("kept")
        await admin.command("RENAME", spoiled, kept)
        wrong = "RPUSH" if await admin.command("TYPE", kept) == "string" else "SET"
        await admin.command(wrong, spoiled, "somebody's")
        before = await contents(admin)
        try:
            await change(store)
        except StoreFault:
            assert await contents(admin) == before, spoiled
            await admin.command("RENAME", kept, spoiled)
            await change(store)
            await audit_is_whole(store)


async def test_a_claim_is_ended_or_is_not_whichever_command_is_forbidden(
    db: Database, admin: Database
) -> None:
    store = Store(db)
    for command in IN_SCRIPTS:
        await admin.command("FLUSHALL")
        await store.work.wake("run:r-1")
        claim = await claimed(store.work)
        before = await contents(admin)
        await forbid(admin, command)
        try:
            await store.work.done(claim, 2000.0)
        except StoreRefused:
            assert await contents(admin) == before, command
            await allow_all(admin)
            await store.work.done(claim, 2000.0)
        await allow_all(admin)
        assert await admin.command("ZSCORE", DUE, "run:r-1") == 2000.0, command


@pytest.mark.parametrize("how", [FINISHED, FAILED, GIVEN_BACK])
@pytest.mark.parametrize("again_at", [None, 2000.0])
async def test_a_turn_is_whole_or_is_not_whichever_command_is_forbidden(
    db: Database, admin: Database, how: str, again_at: float | None
) -> None:
    store = Store(db)
    for command in IN_SCRIPTS:
        await admin.command("FLUSHALL")
        await store.work.wake("run:r-1")
        ended = [End(await claimed(store.work), again_at, how)]
        await store.work.wake("run:r-2")
        before = await contents(admin)
        await forbid(admin, command)
        try:
            turn = await store.work.turn(30, ended=ended)
        except StoreRefused:
            assert await contents(admin) == before, command
            await allow_all(admin)
            turn = await store.work.turn(30, ended=ended)
        await allow_all(admin)
        assert (list(turn.ended), [c.item for c in turn.claims]) == ([1], ["run:r-2"]), command


async def test_a_delivery_is_forgotten_with_its_claim_whichever_command_is_forbidden(
    db: Database, admin: Database
) -> None:
    store = Store(db)
    for command in IN_SCRIPTS:
        await admin.command("FLUSHALL")
        await store.inbox.put("d-1", "{}")
        claim = await claimed(store.work)
        before = await contents(admin)
        await forbid(admin, command)
        try:
            await store.work.done(claim, None)
        except StoreRefused:
            assert await contents(admin) == before, command
            await allow_all(admin)
            await store.work.done(claim, None)
        await allow_all(admin)
        assert await admin.command("ZSCORE", DUE, claim.item) is None, command
        assert await store.inbox.get("d-1") is None, command
        assert await store.inbox.stored(1) == [], command


async def test_what_somebody_wrote_over_the_names_of_deliveries_stops_no_work(
    db: Database, admin: Database
) -> None:
    store = Store(db)
    await store.inbox.put("d-1", "{}")
    await store.work.wake("run:r-1")
    await admin.command("SET", key("stored"), "somebody's")
    while isinstance(claim := await store.work.claim(30), Claim):
        await store.work.done(claim, None)
    assert await admin.command("ZCARD", DUE) == 0
    assert await store.inbox.get("d-1") is None


async def test_without_memory_nothing_is_changed_by_halves(db: Database, admin: Database) -> None:
    store = Store(db)
    await scene(store)
    before = await contents(admin)
    await admin.command("CONFIG", "SET", "maxmemory", "1")
    for change in CHANGES.values():
        with pytest.raises(StoreUnavailable, match="OutOfMemory"):
            await change(store)
    await admin.command("CONFIG", "SET", "maxmemory", "0")
    assert await contents(admin) == before


# --- what is said of it --------------------------------------------------------------


async def test_a_fault_is_no_outage_and_an_outage_no_fault(db: Database, admin: Database) -> None:
    broken = Script("return redis.call(ARGV[1], KEYS[1], 'a secret')")
    with pytest.raises(StoreRefused, match="Unknown command"):
        await db.run(broken, (DUE,), "NOSUCH")
    with pytest.raises(StoreRefused, match=r"unknown command 'NOSUCH'$"):
        await db.command("NOSUCH", "a secret")
    with pytest.raises(StoreFault, match="arithmetic"):
        await db.run(Script("return nil + 1"), (DUE,))
    await admin.command("SET", DUE, "text")
    with pytest.raises(StoreFault, match="WRONGTYPE"):
        await db.command("ZCARD", DUE)
    await forbid(admin, "GET")
    with pytest.raises(StoreRefused, match="no permissions to run the 'get' command"):
        await db.command("GET", "a secret")
    await admin.command("CONFIG", "SET", "min-replicas-to-write", "1")
    with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
        await db.command("SET", "a", "b")


async def test_whoever_is_not_let_in_hears_that_and_not_of_an_outage(
    server: EmbeddedValkey, admin: Database
) -> None:
    await admin.command("ACL", "SETUSER", "default", "resetpass", ">another")
    for url in (server.url, server.url.replace("://", "://:wrong@")):
        async with database(url, now=0) as opened:
            with pytest.raises(StoreRefused):
                await opened.now()
            assert (await Health(opened).answers()).startswith("refuses us")


@pytest.mark.parametrize("command", sorted({*IN_SCRIPTS, *BY_THEMSELVES} - FOR_ADVICE - {"TYPE"}))
async def test_readiness_names_the_command_that_is_forbidden(
    db: Database, admin: Database, command: str
) -> None:
    assert await Health(db).answers() == OK
    await forbid(admin, command)
    said = await Health(db).answers()
    assert said.startswith("refuses")
    assert command.lower() in said.lower()
    await allow_all(admin)
    assert await Health(db).answers() == OK, "and nothing is left over from the check"


async def test_readiness_names_the_key_that_is_of_the_wrong_type(
    db: Database, admin: Database
) -> None:
    await admin.command("SET", DUE, "text")
    assert await Health(db).answers() == f"{DUE} is a string and should be a zset"


# --- the story -----------------------------------------------------------------------

_SAID = ("store_refused", "payload_not_stored")


@pytest.mark.parametrize("command", ["xadd", "hset", "zadd", "rpush", "set", "lrem", "hdel"])
async def test_an_approval_while_a_command_is_forbidden_is_made_later_or_not_at_all(
    server: EmbeddedValkey, admin: Database, command: str
) -> None:
    async with Stage(server.url) as stage:
        stage.hurry()
        await stage.start_bot(VCO_LEASE="1")
        [route] = stage.new_routes("forbidden")
        card = await stage.ask(delete_command(route))
        with structlog.testing.capture_logs() as logs:
            await forbid(admin, command)
            await stage.slack.click(workspace.BOB, card.channel, card.ts, APPROVE, stale=True)
            await until(lambda: any(entry["event"] in _SAID for entry in logs))
            assert not stage.vpc.calls_of(DELETE)
            await allow_all(admin)
        await stage.slack.click(workspace.BOB, card.channel, card.ts, APPROVE, stale=True)
        assert (await stage.until_ended(card)).state is RequestState.DELETED
        assert stage.vpc.effects(route) == 1
        kinds = [event.kind for _, event in await stage.audit()]
        assert kinds.count(EventKind.APPROVED) == 1
        assert kinds.index(EventKind.APPROVED) < kinds.index(EventKind.SENDING)
        await audit_is_whole(stage.store)


# --- a place in the queue that is lost -----------------------------------------------


async def test_a_request_that_is_not_in_its_queue_is_not_at_its_head(brisk: Stage) -> None:
    [route] = brisk.new_routes("unqueued")
    brisk.vpc.set_state(route.vpn_connection_id, "updating")
    card = await brisk.approved(route)
    await brisk.until_event(card, EventKind.WAITING)
    request = await brisk.request(card)
    queue = key("queue", request.region, request.vpn_connection_id)
    await brisk.store.database.command("DEL", queue)
    ended = await brisk.until_ended(card)
    brisk.vpc.set_state(route.vpn_connection_id, "attached")
    assert ended.state is RequestState.FAILED
    assert not brisk.vpc.calls_of(DELETE)
    await brisk.until_card_says(card, "lost this request's place in the queue")


async def test_what_was_sent_holds_its_connection_though_its_place_is_lost(brisk: Stage) -> None:
    [route, other] = brisk.new_routes("holding", 2, pace=Pace(delay=0.05, seconds=2.0))
    card = await brisk.approved(route)
    await brisk.until_event(card, EventKind.SENT)
    request = await brisk.request(card)
    queue = key("queue", request.region, request.vpn_connection_id)
    await brisk.store.database.command("DEL", queue)
    await until_in(brisk.store, queue, request.id)
    second = await brisk.approved(other)
    assert (await brisk.until_ended(card)).state is RequestState.DELETED
    assert (await brisk.until_ended(second)).state is RequestState.DELETED
    assert brisk.vpc.effects(route) == brisk.vpc.effects(other) == 1


async def until_in(store: Store, queue: str, request_id: str) -> None:
    async def queued() -> bool:
        return bool(await store.database.command("LRANGE", queue, 0, -1) == [request_id])

    await until(queued)
