"""Whose App Homes are kept true, and when each is due; also when every script arrives twice."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from builders import ALICE, BOB, CAROL
from databases import HOW_OFTEN, claimed, database, set_clock

from bot.errors import StaleFence
from bot.store import Claim, Database, Store, Viewer
from bot.store.client import DUE
from bot.store.viewers import APART_SECONDS, AT_ONCE, EACH_SECONDS, MOST, REMEMBERED_SECONDS
from bot.store.work import Idle


@pytest_asyncio.fixture(params=HOW_OFTEN)
async def db(valkey_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with database(valkey_url, request.param) as opened:
        yield opened


@pytest.fixture
def store(db: Database) -> Store:
    return Store(db)


async def show(store: Store, shown: str = "page") -> Claim:
    """Do a step: whoever is due sees this."""
    claim = await claimed(store.work)
    await store.viewers.save(claim, shown)
    await store.work.done(claim, None)
    return claim


async def viewer(store: Store, user: str) -> Viewer:
    found = await store.viewers.look(user)
    assert found is not None
    return found


async def test_whoever_opens_their_home_is_due_at_once(store: Store) -> None:
    assert await store.viewers.look(BOB) is None
    await store.viewers.opened(BOB)
    assert (await claimed(store.work)).item == f"home:{BOB}"
    assert await viewer(store, BOB) == Viewer(rank=0, shown="", at=0.0, changes=0)


async def test_what_was_shown_is_remembered_and_when(store: Store) -> None:
    await store.viewers.opened(BOB)
    await show(store)
    assert await viewer(store, BOB) == Viewer(rank=0, shown="page", at=1000.0, changes=0)
    await store.viewers.opened(BOB)
    assert (await viewer(store, BOB)).shown == "", "who looks again is shown it anew"


async def test_those_who_looked_last_come_first(db: Database, store: Store) -> None:
    for second, user in enumerate((ALICE, BOB, CAROL)):
        set_clock(db, 1000.0 + second)
        await store.viewers.opened(user)
    assert [(await viewer(store, u)).rank for u in (CAROL, BOB, ALICE)] == [0, 1, 2]


async def test_a_change_makes_all_of_them_due(store: Store) -> None:
    for user in (ALICE, BOB):
        await store.viewers.opened(user)
        await claimed(store.work)
    assert (await viewer(store, BOB)).changes == 0
    await store.viewers.changed()
    assert (await viewer(store, BOB)).changes > 0


async def test_many_changes_after_a_page_make_one_look_when_the_next_may_come(
    db: Database, store: Store
) -> None:
    await store.viewers.opened(BOB)
    await show(store)
    for tenth in range(10):
        set_clock(db, 1001.0 + tenth / 10)
        await store.viewers.changed()
    idle = await store.work.claim(30)
    assert isinstance(idle, Idle)
    assert idle.wait == pytest.approx(APART_SECONDS - 1.9)
    set_clock(db, 1000.0 + APART_SECONDS)
    await show(store)
    assert await store.work.claim(30) == Idle(None)


async def test_a_change_comes_before_what_was_planned(db: Database, store: Store) -> None:
    await store.viewers.opened(BOB)
    claim = await claimed(store.work)
    await store.viewers.save(claim, "page")
    await store.work.done(claim, 1600.0)
    set_clock(db, 1010.0)
    await store.viewers.changed()
    assert (await claimed(store.work)).item == f"home:{BOB}"


async def crowd(db: Database, store: Store) -> list[str]:
    """As many people as are remembered have been shown their Homes long ago; the latest first."""
    users = [f"U{number:03}" for number in range(MOST)]
    for second, user in enumerate(users):
        set_clock(db, 1000.0 + second)
        await store.viewers.opened(user)
        await show(store)
    set_clock(db, 2000.0)
    return users[::-1]


async def times(db: Database) -> dict[str, float]:
    """When each Home is due, in seconds from now."""
    due = await db.command("ZRANGE", DUE, 0, -1, "WITHSCORES")
    return {u.removeprefix("home:"): float(at) - float(db.fixed_now) for u, at in due}


async def test_a_change_comes_to_the_latest_at_once_and_to_the_others_one_after_another(
    db: Database, store: Store
) -> None:
    latest_first = await crowd(db, store)
    await store.viewers.changed()
    due = await times(db)
    assert [due[user] for user in latest_first[:AT_ONCE]] == [0.0] * AT_ONCE
    others = [due[user] for user in latest_first[AT_ONCE:]]
    assert others == [EACH_SECONDS * n for n in range(1, MOST - AT_ONCE + 1)]
    # Slack allows so many in a minute (tier 4).
    assert sum(at < 60 for at in due.values()) <= 100


async def test_whoever_opens_their_home_in_between_is_due_at_once(
    db: Database, store: Store
) -> None:
    *_, last = await crowd(db, store)
    await store.viewers.changed()
    assert (await times(db))[last] > 60
    await store.viewers.opened(last)
    assert (await times(db))[last] == 0.0


async def test_one_change_after_another_puts_nobody_off(db: Database, store: Store) -> None:
    *_, last = await crowd(db, store)
    await store.viewers.changed()
    before = (await times(db))[last]
    set_clock(db, 2010.0)
    await store.viewers.changed()
    assert (await times(db))[last] == before - 10.0


async def test_a_change_during_a_step_is_looked_at_after_it(store: Store) -> None:
    await store.viewers.opened(BOB)
    claim = await claimed(store.work)
    await store.viewers.changed()
    await store.work.done(claim, None)
    assert (await claimed(store.work)).item == f"home:{BOB}"


async def test_a_change_after_the_lease_of_a_slow_step_is_not_lost_by_its_end(
    db: Database, store: Store
) -> None:
    await store.viewers.opened(BOB)
    await show(store)
    await store.viewers.opened(BOB)
    set_clock(db, 1003.0)
    slow = await claimed(store.work, lease=1.0)
    await store.viewers.save(slow, "page")
    set_clock(db, 1004.5)
    await store.viewers.changed()
    await store.work.done(slow, None)
    assert (await claimed(store.work)).item == f"home:{BOB}"


async def test_a_zombie_does_not_say_what_is_shown(db: Database, store: Store) -> None:
    await store.viewers.opened(BOB)
    zombie = await claimed(store.work, lease=1.0)
    set_clock(db, 1002.0)
    current = await claimed(store.work)
    with pytest.raises(StaleFence):
        await store.viewers.save(zombie, "old page")
    await store.viewers.save(current, "page")
    await store.work.done(current, None)
    # But it may have been shown: so it has to be shown again.
    await store.viewers.doubt(BOB)
    assert (await viewer(store, BOB)).shown == ""
    set_clock(db, 1002.0 + APART_SECONDS)
    assert (await claimed(store.work)).item == f"home:{BOB}"


async def test_a_doubt_brings_nobody_back(store: Store) -> None:
    await store.viewers.doubt(BOB)
    assert await store.viewers.look(BOB) is None
    assert await store.work.claim(30) == Idle(None)


async def test_who_has_not_looked_for_a_day_is_forgotten(db: Database, store: Store) -> None:
    await store.viewers.opened(ALICE)
    await show(store)
    set_clock(db, 2000.0)
    await store.viewers.opened(BOB)
    await show(store)
    set_clock(db, 1000.0 + REMEMBERED_SECONDS)
    await store.viewers.changed()
    assert await store.viewers.look(ALICE) is None
    assert (await claimed(store.work)).item == f"home:{BOB}"
    assert await seen(db) == {f"shown:{BOB}", f"at:{BOB}"}


async def test_of_a_crowd_the_latest_are_remembered(db: Database, store: Store) -> None:
    for number in range(MOST + 5):
        set_clock(db, 1000.0 + number)
        await store.viewers.opened(f"U{number}")
    assert await store.viewers.look("U4") is None
    assert (await viewer(store, "U5")).rank == MOST - 1


async def test_somebody_dropped_leaves_nothing_behind(db: Database, store: Store) -> None:
    await store.viewers.opened(BOB)
    claim = await claimed(store.work)
    await store.viewers.drop(BOB)
    await store.viewers.save(claim, "page")
    await store.work.done(claim, None)
    await store.viewers.changed()
    assert await store.viewers.look(BOB) is None
    assert await store.work.claim(30) == Idle(None)
    assert await seen(db) == set()


async def test_a_clock_that_was_put_back_delays_no_page(db: Database, store: Store) -> None:
    set_clock(db, 9000.0)
    await store.viewers.opened(BOB)
    await show(store)
    set_clock(db, 1000.0)
    await store.viewers.changed()
    assert (await claimed(store.work)).item == f"home:{BOB}"


async def seen(db: Database) -> set[str]:
    return set(await db.command("HKEYS", "{vco}:viewers:seen"))
