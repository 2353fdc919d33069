"""Work against a naive model: any order of claims, ends, wakes and passing time.

Two things must hold whatever happens: no two live claims on one item, and nothing that was
woken, planned or left unfinished is ever forgotten.
"""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any

import pytest
from databases import HOW_OFTEN, Twice, number, set_clock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    multiple,
    rule,
    run_state_machine_as_test,
)

from bot.config.redis_url import parse
from bot.errors import StaleFence
from bot.store import Claim, Database, Work
from bot.store.connect import connect
from bot.store.work import Idle

LEASE = 10.0
ITEMS = st.sampled_from(["run:a", "run:b", "tell:a"])


class WorkMachine(RuleBasedStateMachine):
    """What the claims in `claims` may do, and what is known of each item."""

    claims = Bundle("claims")

    def __init__(self, url: str, how_often: str) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.redis = connect(parse(url))
        self.wait(self.redis.execute_command("FLUSHALL"))
        self.db = Database(Twice(self.redis) if how_often == "twice" else self.redis)
        self.work = Work(self.db)
        self.now = 1000.0
        set_clock(self.db, self.now)
        self.ended: set[str] = set()
        self.held: dict[str, Claim] = {}  # the newest claim of an item, until it is ended
        self.earliest: dict[str, float] = {}  # when an item may be claimed next: it must be, then
        self.woken: set[str] = set()  # items woken since they were claimed

    def wait(self, call: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever is awaited
        return self.loop.run_until_complete(call)

    def live(self, item: str) -> bool:
        return item in self.held and self.held[item].until > self.now

    @rule(seconds=st.sampled_from([0.5, 3.0, LEASE, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        set_clock(self.db, self.now)

    @rule(item=ITEMS)
    def wake(self, item: str) -> None:
        self.wait(self.work.wake(item))
        if item in self.held:
            # Also where the lease is over: whoever is late may end it all the same.
            self.woken.add(item)
        if not self.live(item):
            self.earliest[item] = self.now

    @rule(target=claims)
    def claim(self) -> Any:  # noqa: ANN401 - hypothesis's own type
        claim = self.wait(self.work.claim(LEASE))
        due = {item for item, at in self.earliest.items() if at <= self.now}
        if isinstance(claim, Idle):
            assert not due, "something due was not handed out"
            soonest = min(self.earliest.values(), default=None)
            assert claim.wait == (None if soonest is None else soonest - self.now)
            return multiple()
        assert claim.item in due
        assert not self.live(claim.item), "two live claims on one item"
        before = self.held.get(claim.item)
        assert before is None or number(claim) > number(before)
        self.held[claim.item] = claim
        self.earliest[claim.item] = claim.until
        return claim

    @rule(claim=claims, after=st.sampled_from([None, 0.0, 5.0, 100.0]), failed=st.booleans())
    def done(self, claim: Claim, after: float | None, failed: bool) -> None:  # noqa: FBT001 - a rule's value
        again_at = None if after is None else self.now + after
        holder = self.held.get(claim.item)
        if holder != claim and claim.fence not in self.ended:
            with pytest.raises(StaleFence):
                self.wait(self.work.done(claim, again_at, failed=failed))
            return
        self.wait(self.work.done(claim, again_at, failed=failed))
        if holder != claim:
            return  # it had ended already: nothing changes
        self.ended.add(claim.fence)
        del self.held[claim.item]
        del self.earliest[claim.item]
        if claim.item in self.woken:
            self.woken.remove(claim.item)
            self.earliest[claim.item] = self.now
        elif again_at is not None:
            self.earliest[claim.item] = again_at

    def teardown(self) -> None:
        """In the end all that is still to be done is handed out, and nothing else."""
        expected = set(self.earliest)
        self.now += 10_000.0
        set_clock(self.db, self.now)
        handed_out = set()
        while isinstance(claim := self.wait(self.work.claim(LEASE)), Claim):
            handed_out.add(claim.item)
            self.wait(self.work.done(claim, None))
        self.wait(self.db.close())
        self.loop.close()
        # What was woken during a claim that never ended runs once more after it: the same item.
        assert handed_out == expected


@pytest.mark.parametrize("how_often", HOW_OFTEN)
def test_work_behaves_like_its_model(valkey_url: str, how_often: str) -> None:
    run_state_machine_as_test(
        partial(WorkMachine, valkey_url, how_often),  # type: ignore[arg-type] # any callable will do
        settings=settings(stateful_step_count=30),
    )
