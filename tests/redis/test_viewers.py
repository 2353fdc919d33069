"""Who has opened their App Home lately, and what makes their pages due."""

from functools import partial

from builders import ALICE, BOB, CAROL, a_request, decided
from databases import claimed, set_clock

from bot import lifecycle
from bot.lifecycle.route_change import accept, send, start
from bot.models import People, Terms, Verdict
from bot.store import Database, Store
from bot.store.client import DUE
from bot.store.viewers import EVERYBODY, MOST, REMEMBERED_SECONDS


async def opened(db: Database, store: Store, *users: str) -> None:
    """They open their App Homes, a second after one another."""
    for second, user in enumerate(users):
        set_clock(db, 1000.0 + second)
        await store.viewers.opened(user)


async def test_those_who_looked_last_come_first(db: Database, store: Store) -> None:
    await opened(db, store, ALICE, BOB, CAROL, ALICE)
    assert await store.viewers.latest() == [ALICE, CAROL, BOB]
    assert await store.viewers.opened_at(ALICE) == 1003.0
    assert await store.viewers.opened_at("U0NOBODY") == 0.0


async def test_of_a_crowd_the_latest_are_kept_up_to_date(db: Database, store: Store) -> None:
    users = [f"U{number}" for number in range(MOST + 5)]
    await opened(db, store, *users)
    assert await store.viewers.latest() == users[: -MOST - 1 : -1]


async def test_who_has_not_looked_for_a_day_is_forgotten(db: Database, store: Store) -> None:
    await opened(db, store, ALICE, BOB)
    set_clock(db, 1000.0 + REMEMBERED_SECONDS)
    await store.viewers.opened(CAROL)
    assert await store.viewers.latest() == [CAROL, BOB]


async def test_somebody_forgotten_is_shown_nothing_more(db: Database, store: Store) -> None:
    await opened(db, store, ALICE, BOB)
    await store.viewers.forget(BOB)
    assert await store.viewers.latest() == [ALICE]


async def test_a_new_request_a_decision_and_an_end_make_all_pages_due(store: Store) -> None:
    await store.viewers.opened(ALICE)
    terms = Terms(approvers=People(users=(BOB, CAROL)), approvals=2)
    request = await store.requests.create(a_request(terms=terms))
    assert await pages_due(store)
    for user in (BOB, CAROL):
        made = decided(Verdict.APPROVED, by=user)
        await store.requests.update(request.id, partial(lifecycle.record_decision, decision=made))
        assert await pages_due(store), "also where another approval is needed"
    await store.requests.update(request.id, lambda r: send(start(r, 1200.0), 1200.0))
    assert await pages_due(store)
    await store.requests.update(request.id, lambda r: accept(r, 1201.0, "9208DDD8"))
    assert not await pages_due(store), "how far it is shows its card"


async def test_a_change_while_they_are_seen_to_makes_them_due_again(store: Store) -> None:
    await store.viewers.opened(ALICE)
    await store.work.wake(EVERYBODY)
    claim = await claimed(store.work)
    request = await store.requests.create(a_request())
    await store.work.done(claim, None)
    assert await pages_due(store)
    assert request.state.open


async def test_where_nobody_looks_nothing_is_due_and_who_opens_theirs_finds_it_changed(
    store: Store,
) -> None:
    before = await store.viewers.changes()
    await store.requests.create(a_request())
    assert not await pages_due(store)
    assert await store.viewers.changes() > before


async def pages_due(store: Store) -> bool:
    """Whether all pages are to be seen to; now they no longer are."""
    return bool(int(await store.database.command("ZREM", DUE, EVERYBODY)))
