"""What was said directly is recorded under a claim, forgotten with its request, doubted in need."""

import pytest
from databases import claimed, database
from msgspec.structs import replace

from bot.errors import StaleFence, Unreadable
from bot.store import DirectMessage, DirectState, Store
from bot.store.client import key

ITEM = "dm:r-1"
BOBS = DirectMessage(user="U0BOB", channel="D0BOB", ts="1.2", shown="5f2d")
CAROLS = DirectMessage(user="U0CAROL", posting=True)
SAID = DirectState(chosen=True, messages=(BOBS, CAROLS))


async def test_it_is_kept_while_its_request_is_open_and_forgotten_with_it(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        await store.work.wake(ITEM)
        claim = await claimed(store.work)
        assert await store.direct_states.get("r-1") == DirectState()
        await store.direct_states.save(claim, SAID)
        assert await store.direct_states.get("r-1") == SAID
        assert await db.command("TTL", key("direct", "r-1")) == -1
        await store.direct_states.save(claim, SAID, retain=60)
        assert 0 < await db.command("TTL", key("direct", "r-1")) <= 60


async def test_whoever_was_overtaken_records_nothing(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        await store.work.wake(ITEM)
        claim = await claimed(store.work)
        await store.work.done(claim, None)
        with pytest.raises(StaleFence):
            await store.direct_states.save(claim, SAID)
        assert await store.direct_states.get("r-1") == DirectState()


async def test_in_doubt_every_message_is_shown_again_once(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        await store.work.wake(ITEM)
        claim = await claimed(store.work)
        await store.direct_states.save(claim, SAID)
        await store.direct_states.doubt("r-1")
        unsure = await store.direct_states.get("r-1")
        assert unsure.messages == (replace(BOBS, shown=""), CAROLS)
        again = unsure.with_message(BOBS)
        await store.direct_states.save(claim, again)
        assert await store.direct_states.get("r-1") == again


async def test_who_was_asked_is_said_only_where_that_is_everybody(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        await store.work.wake(ITEM)
        claim = await claimed(store.work)
        assert await store.direct_states.asked("r-1") == ()
        await store.direct_states.save(claim, SAID)
        assert await store.direct_states.asked("r-1") == ("U0BOB", "U0CAROL")
        await store.direct_states.save(claim, replace(SAID, others=True))
        assert await store.direct_states.asked("r-1") == ()


async def test_what_another_version_wrote_is_named_and_no_reminder_fails_for_it(
    valkey_url: str,
) -> None:
    async with database(valkey_url) as db:
        store = Store(db)
        await db.command("SET", key("direct", "r-1"), '{"chosen": "no"}')
        with pytest.raises(Unreadable, match="r-1"):
            await store.direct_states.get("r-1")
        assert await store.direct_states.asked("r-1") == ()
