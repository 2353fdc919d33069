"""Calls stay inside the vendor's quotas: by region, by call, over all replicas."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from builders import REGION, a_route
from databases import database, set_clock
from model_cloud import ModelCloud

from bot.errors import Throttled
from bot.models import Operation, VcoRoute
from bot.pacing import CONNECTIONS, CREATE, DELETE, PacedCloud
from bot.store import Database, Store

EACH = {Operation.DELETE: DELETE, Operation.RESTORE: CREATE}


@pytest_asyncio.fixture
async def db(valkey_url: str) -> AsyncIterator[Database]:
    async with database(valkey_url) as opened:
        yield opened


def paced(db: Database, *routes: VcoRoute, background: bool = False) -> PacedCloud:
    cloud = ModelCloud(REGION, lambda: 1000.0, routes or (a_route(),))
    return PacedCloud(cloud, Store(db).pace, background=background)


def many_connections(count: int) -> list[VcoRoute]:
    return [a_route(connection=f"vco-{n}") for n in range(count)]


async def admitted(cloud: PacedCloud, operation: Operation, tries: int = 100) -> int:
    """How many changes are admitted at once."""
    for count in range(tries):
        try:
            await cloud.admit(REGION, operation)
        except Throttled:
            return count
    return tries


async def listed(cloud: PacedCloud) -> int:
    """How many times all connections can be read at once."""
    for count in range(1000):
        try:
            await cloud.connections(REGION)
        except Throttled:
            return count
    raise AssertionError("nothing stops it")


async def test_deletions_and_creations_have_a_quota_each(db: Database) -> None:
    cloud = paced(db)
    assert await admitted(cloud, Operation.DELETE) == DELETE.burst
    assert await admitted(cloud, Operation.RESTORE) == CREATE.burst
    with pytest.raises(Throttled, match="CreateVcoRouteEntry") as told:
        await cloud.admit(REGION, Operation.RESTORE)
    assert told.value.retry_after is not None
    set_clock(db, 1000.0 + told.value.retry_after)
    await cloud.admit(REGION, Operation.RESTORE)


async def test_another_region_has_a_quota_of_its_own(db: Database) -> None:
    cloud = paced(db)
    await admitted(cloud, Operation.RESTORE)
    await cloud.admit("eu-central-1", Operation.RESTORE)


@pytest.mark.parametrize("operation", Operation)
async def test_no_minute_has_more_changes_than_the_quota_however_hard_it_is_tried(
    db: Database, operation: Operation
) -> None:
    cloud, times = paced(db), []
    for tick in range(360):
        at = 1000.0 + tick / 2
        set_clock(db, at)
        times += [at] * await admitted(cloud, operation)
    most = max(sum(1 for t in times if start <= t < start + 60) for start in times)
    assert most <= EACH[operation].per_minute
    assert len(times) > 2 * most  # and it goes on at that pace


async def test_background_work_leaves_half_to_people(db: Database) -> None:
    assert await admitted(paced(db, background=True), Operation.DELETE) == DELETE.burst // 2
    assert await admitted(paced(db), Operation.DELETE) == DELETE.burst // 2


async def test_replicas_share_the_quota(db: Database) -> None:
    first, second = paced(db), paced(db)
    assert await admitted(first, Operation.DELETE, tries=10) == 10
    assert await admitted(second, Operation.DELETE) == DELETE.burst - 10


async def test_reading_all_connections_takes_a_call_for_each_page_of_them(db: Database) -> None:
    # How many pages there are is known from the reading before.
    assert await listed(paced(db)) == CONNECTIONS.burst
    set_clock(db, 2000.0)
    assert await listed(paced(db, *many_connections(120))) == 1 + (CONNECTIONS.burst - 1) // 3


async def test_the_longest_list_can_be_read_again_after_a_wait(db: Database) -> None:
    cloud = paced(db, *many_connections(5000), background=True)
    assert len(await cloud.connections(REGION)) == 5000
    with pytest.raises(Throttled) as told:
        await cloud.connections(REGION)
    assert told.value.retry_after is not None
    set_clock(db, 1000.0 + told.value.retry_after)
    assert len(await cloud.connections(REGION)) == 5000


async def test_a_connection_of_the_list_is_as_if_it_were_read_alone(db: Database) -> None:
    cloud = paced(db)
    assert await cloud.connections(REGION) == (
        await cloud.connection(REGION, a_route().vpn_connection_id),
    )
