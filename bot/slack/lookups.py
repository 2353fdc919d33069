"""What is remembered, read from the store for those who ask."""

from collections.abc import Sequence

import structlog

from bot.history import Found, find, is_request
from bot.models import Request
from bot.slack.messages.history import HistoryFound
from bot.slack.messages.replies import Row
from bot.store import CardState, Store, Stored
from bot.store.records import AT_ONCE

log = structlog.get_logger(__name__)

MOST_ROWS = 15
"""How many requests an answer shows before it counts the rest."""

MOST_READ = 2000
"""How many requests a search looks through: a second's work, and a year of most teams."""


async def read_request(store: Store, request_id: str) -> tuple[Stored, CardState] | None:
    """One request and where Slack shows it, None when there is none (any more).

    Raises:
        Unreadable: a newer version, or somebody's editor, wrote it.
    """
    found = await store.recorded(request_id)
    if found is None:
        return None
    if found.problem:
        log.error("record_unreadable", request=request_id, error=found.problem)
    return found.stored, found.posted


async def read_shown(store: Store, ids: Sequence[str]) -> tuple[list[Row], list[str]]:
    """These requests and where Slack shows them, and the ids of those that can't be read."""
    reading = await store.requests.many(ids)
    for one in reading.unreadable:
        log.error("record_unreadable", request=one)
    requests = [stored.request for stored in reading.stored]
    return [Row(one, await _posted(store, one.id)) for one in requests], reading.unreadable


async def read_history(store: Store, about: str | None) -> HistoryFound:
    """What is remembered of a request, a block or a connection, or of everything."""
    ids = await store.requests.latest_ids(MOST_READ + 1)
    searched = MOST_READ if len(ids) > MOST_READ else 0
    ids = ids[:MOST_READ]
    search = _Search(store, about)
    await search.begin()
    for start in range(0, len(ids), AT_ONCE):
        if about is None and len(search.found) >= MOST_ROWS:
            search.more += len(ids[start:])
            break
        await search.look_through(ids[start : start + AT_ONCE])
    newest = sorted(search.found.values(), key=lambda f: f.request.created_at, reverse=True)
    rows = [(found, await _posted(store, found.request.id)) for found in newest]
    return HistoryFound(rows, search.more, len(search.unreadable), searched if about else 0)


class _Search:
    """A search as far as it has come. It keeps no more than will be shown."""

    def __init__(self, store: Store, about: str | None) -> None:
        self._store = store
        self._about = about
        self._asked: list[Request] = []
        self.found: dict[str, Found] = {}
        self.more = 0
        self.unreadable: set[str] = set()

    async def begin(self) -> None:
        """Read the request that is asked about, and the one that it undoes, however old."""
        if not is_request(self._about):
            return
        self._asked = await self._read([self._about])
        self._asked += await self._read([r.origin for r in self._asked if r.origin])
        self._keep([])

    async def look_through(self, ids: Sequence[str]) -> None:
        """Keep those of these requests that are about what is asked."""
        self._keep(await self._read(ids))

    async def _read(self, ids: Sequence[str]) -> list[Request]:
        reading = await self._store.requests.many(ids)
        for one in reading.unreadable:
            log.error("record_unreadable", request=one)
        self.unreadable.update(reading.unreadable)
        return [stored.request for stored in reading.stored]

    def _keep(self, requests: list[Request]) -> None:
        for one in find([*self._asked, *requests], self._about):
            if len(self.found) < MOST_ROWS:
                self.found.setdefault(one.request.id, one)
            elif one.request.id not in self.found:
                self.more += 1


async def _posted(store: Store, request_id: str) -> CardState:
    posted, problem = await store.shown(request_id)
    if problem:
        log.error("record_unreadable", request=request_id, error=problem)
    return posted
