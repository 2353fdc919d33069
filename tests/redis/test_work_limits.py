"""Claims that leave out kinds for which there is no room; also when every script arrives twice."""

from databases import claimed, set_clock

from bot.store import Claim, Database, Work
from bot.store.work import Idle


async def claim_but(work: Work, *full: str) -> str:
    """Claim something of another kind; returns the item."""
    claim = await work.claim(30, full=full)
    assert isinstance(claim, Claim)
    return claim.item


async def test_a_kind_without_room_is_passed_over_however_much_of_it_is_due(work: Work) -> None:
    for n in range(300):
        await work.wake(f"home:{n:03}")
    await work.wake("inbox:a")
    await work.wake("run:a")
    assert await claim_but(work, "home") == "inbox:a"
    assert await claim_but(work, "home", "inbox") == "run:a"
    assert await work.claim(30, full=["home"]) == Idle(30.0)


async def test_what_was_passed_over_keeps_its_place(db: Database, work: Work) -> None:
    for second, item in enumerate(("home:b", "run:a", "home:a")):
        set_clock(db, 1000.0 + second)
        await work.wake(item)
    assert await claim_but(work, "home") == "run:a"
    first = await claimed(work)
    assert (first.item, first.tries) == ("home:b", 1)
    assert (await claimed(work)).item == "home:a"


async def test_nothing_else_is_due_until_something_else_is(db: Database, work: Work) -> None:
    await work.wake("run:a")
    await work.done(await claimed(work), 1007.5)
    await work.wake("home:a")
    assert await work.claim(30, full=["home"]) == Idle(7.5)
    assert await work.claim(30, full=["home", "run"]) == Idle(7.5)
    set_clock(db, 1007.5)
    assert await work.claim(30, full=["home", "run"]) == Idle(None)
    assert await claim_but(work, "home") == "run:a"


async def test_a_kind_is_its_whole_name(work: Work) -> None:
    await work.wake("home:a")
    assert await claim_but(work, "homes", "ome", "hom", "a") == "home:a"
