"""Gauges that are read now and then: what is due, what waits for a person, how late the loop is."""

import asyncio
from collections.abc import Iterable

import structlog

from bot.errors import StoreError, Unreadable
from bot.execution.rate_limit import CHANGES, Quotas
from bot.metrics import (
    CLOUD_QUOTA_LEFT,
    DUE,
    DUE_OLDEST,
    LOOP_LAG,
    OPEN_REQUESTS,
    UNCONFIRMED_OLDEST,
    UNCOUNTERSIGNED_OLDEST,
)
from bot.models import Request, RequestState
from bot.store import Store

log = structlog.get_logger(__name__)

LAG_SECONDS = 1.0
"""How often it is looked how late the event loop is."""

_LOOKS = 15
"""Every so many of these looks the database is asked."""

KINDS = ("run", "inbox", "tell", "dm", "follow", "home")

_MOST = 50
"""How many records are read for an age."""


class Statistics:
    """Sets the gauges for as long as the bot runs."""

    def __init__(self, store: Store, quotas: Quotas, region: str | None) -> None:
        """Read `store`; `quotas` are looked at in `region`, where there is a default one."""
        self._store = store
        self._quotas = quotas
        self._region = region

    async def run(self) -> None:
        """Look again and again; never returns. In an outage the gauges stay as they are."""
        loop = asyncio.get_running_loop()
        number = 0
        while True:
            if number % _LOOKS == 0:
                await self.look()
            number += 1
            before = loop.time()
            await asyncio.sleep(LAG_SECONDS)
            LOOP_LAG.set(max(0.0, loop.time() - before - LAG_SECONDS))

    async def look(self) -> None:
        """Ask the database once."""
        try:
            await self._queues()
            await self._people()
            if self._region:
                for action in CHANGES.values():
                    left = await self._quotas.left(self._region, action)
                    CLOUD_QUOTA_LEFT.labels(action).set(left.calls / left.of)
        except StoreError:
            return  # readiness says so, and the worker logs it
        except Exception:
            # Nobody's deletion hangs on a gauge.
            log.exception("statistics_failed")

    async def _queues(self) -> None:
        found = await self._store.work.backlog()
        for kind in KINDS:
            backlog = found.get(kind)
            DUE.labels(kind).set(backlog.items if backlog else 0)
            DUE_OLDEST.labels(kind).set(backlog.oldest if backlog else 0.0)

    async def _people(self) -> None:
        now = await self._store.database.now()
        opened = set(await self._store.requests.open_ids())
        OPEN_REQUESTS.set(len(opened))
        # Whoever has ended and is still looked at is reconciled.
        reconciled = [one for one in await self._store.work.planned("run") if one not in opened]
        unconfirmed = [
            request.ended_at
            for request in await self._read(reconciled)
            if request.state is RequestState.UNCONFIRMED
        ]
        UNCONFIRMED_OLDEST.set(now - min(unconfirmed) if unconfirmed else 0.0)
        unsigned = await self._read(await self._store.requests.unsigned_ids())
        oldest = min((request.created_at for request in unsigned), default=now)
        UNCOUNTERSIGNED_OLDEST.set(now - oldest)

    async def _read(self, ids: Iterable[str]) -> list[Request]:
        found = []
        for one in list(ids)[:_MOST]:
            try:
                stored = await self._store.requests.get(one)
            except Unreadable:
                continue
            if stored is not None:
                found.append(stored.request)
        return found
