"""The whole story with a database that loses the first reply of every script.

redis-py sends a script again when its reply was lost. Nothing may happen twice by that: not a
card, not a line in the thread, not an entry of the audit, least of all a deletion.
"""

from collections import Counter

import pytest
from databases import Twice
from stage import Stage

from bot.config.redis_url import RedisTarget
from bot.models import RequestState
from bot.store.client import Redis
from bot.store.connect import connect


async def test_a_deletion_happens_once_when_every_script_arrives_twice(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(target: RedisTarget) -> Redis:
        return Twice(connect(target))

    monkeypatch.setattr("bot.service.app.connect", losing)
    await stage.start_bot()
    card = await stage.ask()
    await stage.approve(card)
    await stage.until_deleted(card)

    assert stage.sends() == 1
    assert stage.vpc.effects(stage.route) == 1
    assert len(stage.cards()) == 1
    assert max(Counter(stage.thread(card)).values()) == 1
    kinds = Counter(event.kind for _, event in await stage.audit())
    assert max(kinds.values()) == 1
    assert (await stage.request(card)).state is RequestState.DELETED
