"""G4 where the cloud takes longer to answer than the bot lives."""

import asyncio
from typing import Never

import pytest
from builders import REGION, a_request, a_route, decide
from databases import claimed, database, set_clock
from model_cloud import ModelCloud

from bot.execution import Limits
from bot.execution.context import StepContext
from bot.execution.executor import Execution
from bot.execution.reading import Readings
from bot.models import RequestState, Verdict
from bot.store import Store


class SilentCloud(ModelCloud):
    """Takes questions and answers none."""

    async def connection(self, region: str, vpn_connection_id: str) -> Never:  # noqa: ARG002
        await asyncio.Event().wait()
        pytest.fail("nothing ends this")


async def test_the_time_of_a_route_counts_from_a_reading_that_nobody_lived_to_end(
    valkey_url: str,
) -> None:
    """However often its process is killed meanwhile: the deadline does not begin anew."""
    limits = Limits()
    async with database(valkey_url, now=1000.0) as db:
        store = Store(db)
        request = await store.requests.create(a_request())
        await store.requests.update(request.id, decide(Verdict.APPROVED))
        for at in (1100.0, 1101.0 + limits.operation):
            set_clock(db, at)
            while (claim := await claimed(store.work)).kind != "run":
                await store.work.done(claim, None)
            cloud = SilentCloud(REGION, lambda: 1100.0, [a_route()])
            context = StepContext(
                requests=store.requests,
                rate_limits=store.rate_limits,
                change_quota=cloud,
                cloud=cloud,
                now=db.now,
                limits=limits,
                readings=Readings(step=0.0),
            )
            await store.work.done(claim, await Execution(context).step(claim))
            await context.close()
        stored = await store.requests.get(request.id)
        assert stored is not None
        assert stored.request.state is RequestState.FAILED
