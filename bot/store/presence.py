"""How many replicas of the bot run, by when each was last here.

Slack limits an app, however many replicas it has: each may spend its part.
"""

import secrets

from bot.store.client import NOW, Database, Script, key

HERE_SECONDS = 15.0
"""For how long one that was here counts: three times as long as it takes to come again."""

_HERE = Script(
    NOW
    + """
local now, life = seconds(ARGV.now), tonumber(ARGV.life)
redis.call('ZREMRANGEBYSCORE', KEYS.present, '-inf', now - life)
-- Where the server's clock was put back, these are nobody's.
redis.call('ZREMRANGEBYSCORE', KEYS.present, now + life, '+inf')
redis.call('ZADD', KEYS.present, now, ARGV.name)
return redis.call('ZCARD', KEYS.present)
""",
    keys=("present",),
    args=("now", "life", "name"),
)


class Presence:
    """Counts the replicas that share a database."""

    def __init__(self, database: Database) -> None:
        """Be one of those on `database`."""
        self._db = database
        self._name = secrets.token_hex(8)

    async def here(self) -> int:
        """Say that this one runs; returns how many do, with this one."""
        args = (self._db.fixed_now, HERE_SECONDS, self._name)
        return int(await self._db.run(_HERE, (key("present"),), *args))
