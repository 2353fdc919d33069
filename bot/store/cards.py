"""What Slack has been shown of each request: where its card is, and how much was said.

What is to be shown follows from the request itself; this is only how much of it was posted. It is
written by one card publisher at a time, under its claim.
"""

import secrets
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from bot.errors import StaleFence, Unreadable
from bot.models import Value
from bot.store.client import CLAIMS, Database, Script, key
from bot.store.work import Claim

SAVE = Script(
    """
if redis.call('HGET', KEYS.claims, 'fence:' .. ARGV.item) ~= ARGV.fence then return 0 end
if ARGV.retain == '' then redis.call('SET', KEYS.told, ARGV.posted)
else redis.call('SET', KEYS.told, ARGV.posted, 'EX', ARGV.retain) end
return 1
""",
    keys=("claims", "told"),
    args=("item", "fence", "posted", "retain"),
)


DOUBT_SECONDS = 24 * 3600


class CardState(Value, frozen=True):
    """What was posted of a request so far.

    `card_ts` is Slack's id of the card, `shown` a hash of what the card shows, `said` how many
    events of the timeline have been posted, `lost` why Slack will not take more, for good. `fixed`
    is why the card can't be edited any more: what happens is posted in its thread alone.
    `posting` announces what is about to be posted: found set, it may have been. `doubt` names
    the latest doubt that was seen to (see `CardStates.doubt`). `state` is the state that the card
    shows, empty where that is not known.
    """

    channel: str = ""
    card_ts: str = ""
    link: str = ""
    shown: str = ""
    said: int = 0
    posting: str = ""
    doubt: str = ""
    lost: str = ""
    fixed: str = ""
    state: str = ""


class CardStates:
    """The `CardState` of each request."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._db = database

    async def get(self, request_id: str) -> CardState:
        """What was posted of a request; nothing, for one that is new.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        return self.read(request_id, await self._db.command(*self.reading(request_id)))

    def reading(self, request_id: str) -> Sequence[str]:
        """The command that reads what was posted of a request."""
        return "MGET", key("told", request_id), key("doubt", request_id)

    def read(self, request_id: str, replies: Sequence[object]) -> CardState:
        """What was posted, from the replies to that command; raises as `get` does."""
        reply, doubt = replies
        posted = _decoded(request_id, reply)
        doubt = str(doubt or "")
        return posted if posted.doubt == doubt else replace(posted, shown="", state="", doubt=doubt)

    async def doubt(self, request_id: str) -> None:
        """Forget what the card shows, so that it is shown again; needs no claim: it only adds."""
        doubt = secrets.token_hex(4)
        await self._db.command("SET", key("doubt", request_id), doubt, "EX", DOUBT_SECONDS)

    async def save(self, claim: Claim, posted: CardState, *, retain: int | None = None) -> None:
        """Record what was posted; `retain`: forget it after so many seconds.

        Raises:
            StaleFence: the lease was over and somebody else has the claim now.
        """
        reply = await self._db.run(
            SAVE,
            (CLAIMS, key("told", claim.id)),
            claim.item,
            claim.fence,
            msgspec.json.encode(posted).decode(),
            "" if retain is None else retain,
        )
        if not int(reply):
            raise StaleFence(claim.item)


def _decoded(request_id: str, reply: object) -> CardState:
    if reply is None:
        return CardState()
    try:
        return msgspec.json.decode(str(reply), type=CardState)
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(f"what was told of {request_id} can't be read by this version") from error
