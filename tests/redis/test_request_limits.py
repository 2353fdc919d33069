"""Limits are counted in the script that stores a request, so that no two slip through at once."""

import asyncio

import pytest
from builders import a_request, a_route, decide
from databases import set_clock

from bot.errors import Refused
from bot.models import Verdict
from bot.policy.limits import Limits, asking, limits_on
from bot.store import Database, Store
from bot.store.limits import ASKED

FEW = Limits(open_per_person=3)


async def ask(store: Store, number: int, limits: Limits = FEW) -> object:
    request = a_request(a_route(f"10.{number}.0.0/24"), id=f"r-{number}")
    return await store.requests.create(request, limits_on(limits, asking(request)))


async def test_of_many_at_once_no_more_come_in_than_may(store: Store) -> None:
    made = await asyncio.gather(*(ask(store, n) for n in range(8)), return_exceptions=True)
    refused = [one for one in made if isinstance(one, Refused)]
    assert len(refused) == 5
    assert {r.problem for r in refused} == {
        "You have as many open requests as one person may have: 3."
    }
    assert len(await store.requests.open_ids()) == 3


async def test_what_has_ended_counts_no_more(store: Store) -> None:
    for number in range(3):
        await ask(store, number)
    await store.requests.update("r-0", decide(Verdict.REJECTED))
    await ask(store, 3)
    with pytest.raises(Refused):
        await ask(store, 4)


async def test_each_limit_counts_what_it_is_about(store: Store) -> None:
    await ask(store, 0)
    for limits in (
        Limits(open_per_person=1),
        Limits(open_per_channel=1),
        Limits(open_per_connection=1),
        Limits(cards_per_minute=1),
    ):
        with pytest.raises(Refused):
            await ask(store, 1, limits)
    await ask(store, 1, Limits(break_glass_per_hour=1))


async def test_a_minute_later_there_is_room_for_another_card(db: Database, store: Store) -> None:
    slow = Limits(cards_per_minute=1)
    await ask(store, 0, slow)
    with pytest.raises(Refused, match="within a minute"):
        await ask(store, 1, slow)
    set_clock(db, 1061.0)
    await ask(store, 1, slow)


async def test_it_can_be_asked_beforehand_whether_there_is_room(store: Store) -> None:
    limits = limits_on(FEW, asking(a_request()))
    await store.requests.check_limits(limits)
    for number in range(3):
        await ask(store, number)
    with pytest.raises(Refused, match="as many open requests"):
        await store.requests.check_limits(limits)


async def test_who_asked_is_forgotten_when_it_counts_for_nothing_any_more(
    db: Database, store: Store
) -> None:
    await ask(store, 0)
    await ask(store, 1)
    await store.requests.update("r-0", decide(Verdict.REJECTED))
    set_clock(db, 1000.0 + 3601.0)
    await ask(store, 2)
    kept = await db.command("ZRANGE", ASKED, 0, -1)
    assert sorted(one.split('"')[3] for one in kept) == ["r-1", "r-2"]


async def test_what_somebody_else_has_put_there_stops_nobody(db: Database, store: Store) -> None:
    for text in ("no json", "7", "[]", '{"id":7}', "null"):
        await db.command("ZADD", ASKED, 1000, text)
    await ask(store, 0)
    await ask(store, 1)
    with pytest.raises(Refused):
        await ask(store, 2, Limits(open_per_person=2))
