"""Which click in an open form came last: replicas may look things up for two of them at once."""

from bot.store.client import Database, Script, key

_REMEMBERED_SECONDS = 3600
"""For longer than anybody has a form open."""

_NEWEST = Script(
    """
local newest = tonumber(redis.call('GET', KEYS.click) or '0')
local at = tonumber(ARGV.at)
if at < newest then return 0 end
redis.call('SET', KEYS.click, ARGV.at, 'EX', ARGV.seconds)
return 1
""",
    keys=("click",),
    args=("at", "seconds"),
)


class Clicks:
    """The newest click in each open form."""

    def __init__(self, database: Database) -> None:
        """Remember them in `database`."""
        self._db = database

    async def newest(self, view_id: str, at: float) -> bool:
        """Whether no later click in this form is known; `at` is Slack's time of the click."""
        name = key("click", view_id)
        return bool(int(await self._db.run(_NEWEST, (name,), f"{at:.6f}", _REMEMBERED_SECONDS)))
