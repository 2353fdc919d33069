"""What Slack has been shown of each request: where its card is, and how much was said.

What is to be shown follows from the request itself; this is only how much of it was posted. It is
written by one card publisher at a time, under its claim.
"""

import secrets
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from bot.errors import StaleFence, Unreadable
from bot.models import Request, Value
from bot.store.client import CHECK_WORK, CLAIMS, DUE, NOW, WAKE, Database, Script, key
from bot.store.reading import ABOUT, READ_ALL, about, connection_keys, parts
from bot.store.turn import Claim
from bot.store.viewers import CHANGES, EVERYBODY, VIEWERS

SAVE = Script(
    NOW
    + WAKE
    + CHECK_WORK
    + f"""
if redis.call('HGET', KEYS.claims, 'fence:' .. ARGV.item) ~= ARGV.fence then return {{0}} end
local woken = cjson.decode(ARGV.wake)
if ARGV.home == '1' then
  if redis.call('ZCARD', KEYS.viewers) > 0 then woken[#woken + 1] = ARGV.everybody
  else
    local changes = tonumber(redis.call('GET', KEYS.changes) or '') or 0
    redis.call('SET', KEYS.changes, changes + 1)
  end
end
if #woken > 0 then check_work() end
if ARGV.retain == '' then redis.call('SET', KEYS.saved, ARGV.posted)
else redis.call('SET', KEYS.saved, ARGV.posted, 'EX', ARGV.retain) end
for _, item in ipairs(woken) do wake(item, seconds(ARGV.now)) end
if ARGV.id == '' then return {{1}} end
return {{1, {READ_ALL}}}
""",
    keys=("claims", "due", "saved", "viewers", "changes", *ABOUT),
    args=("item", "fence", "now", "posted", "retain", "wake", "home", "everybody", "id"),
)
"""Lua: what was posted, by whoever has the claim; who has something to do by that; and all that the
next call of the same step needs, where there is one."""


async def save(  # noqa: PLR0913 - what is saved, by whom, and what comes next
    database: Database,
    claim: Claim,
    name: str,
    posted: Value,
    *,
    retain: int | None,
    wake: Sequence[str] = (),
    then: Request | None = None,
) -> None:
    """Save under a claim; `then`: its request, where the step goes on with it.

    Raises:
        StaleFence: the lease was over and somebody else has the claim now.
    """
    connection = connection_keys(then) if then else None
    reply = await database.run(
        SAVE,
        (CLAIMS, DUE, name, VIEWERS, CHANGES, *about(claim.id, connection)),
        claim.item,
        claim.fence,
        database.fixed_now,
        msgspec.json.encode(posted).decode(),
        "" if retain is None else retain,
        msgspec.json.encode([item for item in wake if item != EVERYBODY]).decode(),
        int(EVERYBODY in wake),
        EVERYBODY,
        claim.id if then else "",
    )
    if not int(reply[0]):
        raise StaleFence(claim.item)
    if then:
        database.in_hand.bring(claim.fence, parts(reply[1], connection))
    if wake:
        database.in_hand.expect(wake)
        database.woken()


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

    async def get(self, request_id: str, claim: Claim | None = None) -> CardState:
        """What was posted of a request; nothing, for one that is new.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        replies = self._db.in_hand.brought(claim.fence, "told") if claim else None
        if replies is None:
            keys = (key("told", request_id), key("doubt", request_id))
            replies = await self._db.command("MGET", *keys)
        return self.read(request_id, replies)

    async def links(self, ids: Sequence[str]) -> list[str]:
        """The links to the cards of some requests, empty where one is not known."""
        if not ids:
            return []
        replies = await self._db.command("MGET", *(key("told", one) for one in ids))
        links = []
        for one, reply in zip(ids, replies, strict=True):
            try:
                links.append(_decoded(one, reply).link)
            except Unreadable:
                links.append("")
        return links

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

    async def save(
        self,
        claim: Claim,
        posted: CardState,
        *,
        retain: int | None = None,
        wake: Sequence[str] = (),
        then: Request | None = None,
    ) -> None:
        """Record what was posted, and `wake` items; `retain`: forget it after so many seconds.

        `then`: its request, where the step goes on with it: all that it needs is read again.

        Raises:
            StaleFence: the lease was over and somebody else has the claim now.
        """
        name = key("told", claim.id)
        await save(self._db, claim, name, posted, retain=retain, wake=wake, then=then)


def _decoded(request_id: str, reply: object) -> CardState:
    if reply is None:
        return CardState()
    try:
        return msgspec.json.decode(str(reply), type=CardState)
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(f"what was told of {request_id} can't be read by this version") from error
