"""Who has opened their App Home lately.

Slack says when somebody opens it, never whether they are still looking. What earlier versions kept
beside it, at `{vco}:viewers:seen`, is read by nobody any more.
"""

from bot.store.client import Database, Script, key

REMEMBERED_SECONDS = 24 * 3600.0
MOST = 100
"""For how long somebody is remembered who has not opened theirs again, and whose pages are kept
true at most: as many as Slack lets us publish in a minute (tier 4)."""

EVERYBODY = "home:all"
"""The worker's item for "something has changed that all pages show". One person's is
`home:<user>`."""

VIEWERS = key("viewers")
"""Who, by the time when they last opened their App Home."""

CHANGES = key("viewers", "changes")
"""How often something has changed that App Homes show."""


_CHANGED = Script(
    """
redis.call('INCR', KEYS.changes)
return redis.call('ZREVRANGE', KEYS.viewers, 0, ARGV.last)
""",
    keys=("viewers", "changes"),
    args=("last",),
)


class Viewers:
    """The people whose App Homes are kept true."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._db = database

    async def opened(self, user: str) -> None:
        """Somebody looks at their App Home."""
        now = await self._db.now()
        await self._db.command("ZREMRANGEBYSCORE", VIEWERS, "-inf", now - REMEMBERED_SECONDS)
        await self._db.command("ZADD", VIEWERS, now, user)

    async def opened_at(self, user: str) -> float:
        """When somebody last opened their App Home; 0: nobody remembers."""
        return float(await self._db.command("ZSCORE", VIEWERS, user) or 0.0)

    async def latest(self) -> list[str]:
        """Whose pages are kept true, those first who looked last."""
        return list(map(str, await self._db.command("ZREVRANGE", VIEWERS, 0, MOST - 1)))

    async def forget(self, user: str) -> None:
        """Keep no page of somebody who may see none."""
        await self._db.command("ZREM", VIEWERS, user)

    async def changed(self) -> list[str]:
        """What was read for an App Home before is out of date; returns whose pages are kept."""
        return list(map(str, await self._db.run(_CHANGED, (VIEWERS, CHANGES), MOST - 1)))

    async def changes(self) -> int:
        """How often that was so."""
        return int(await self._db.command("GET", CHANGES) or 0)
