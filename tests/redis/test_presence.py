"""How many replicas run: each says so now and then."""

from databases import database, set_clock

from bot.store.presence import HERE_SECONDS, Presence


async def test_each_replica_counts_as_long_as_it_comes_again(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        first, second = Presence(db), Presence(db)
        set_clock(db, 1000.0)
        assert [await first.here(), await second.here(), await first.here()] == [1, 2, 2]
        set_clock(db, 1000.0 + HERE_SECONDS - 1)
        assert await first.here() == 2
        set_clock(db, 1000.0 + HERE_SECONDS)
        assert await first.here() == 1


async def test_a_clock_that_is_put_back_leaves_nobody_behind(valkey_url: str) -> None:
    async with database(valkey_url) as db:
        set_clock(db, 9000.0)
        await Presence(db).here()
        set_clock(db, 1000.0)
        assert await Presence(db).here() == 1
