"""What was said of each request to its approvers directly: to whom, where it stands, what it shows.

It is written by one publisher of direct messages at a time, under its claim. What each of them is
to show follows from the request itself.
"""

import secrets

import msgspec
from msgspec.structs import replace

from bot.errors import Unreadable
from bot.models import Value
from bot.store.cards import DOUBT_SECONDS, save
from bot.store.client import Database, key
from bot.store.turn import Claim


class DirectMessage(Value, frozen=True):
    """The one direct message to `user` about a request.

    `channel` and `ts` say where it stands, `shown` is a hash of what it shows. `posting` announces
    that it is about to be posted: found set, it may have been. `lost` is why Slack does not take
    it, for good. `failures` counts the calls for it that came to nothing, so that others come
    first.
    """

    user: str
    channel: str = ""
    ts: str = ""
    shown: str = ""
    posting: bool = False
    lost: str = ""
    failures: int = 0


class DirectState(Value, frozen=True):
    """All direct messages about a request.

    `chosen`: it was decided who gets one; `others`: there are more who may decide. `doubt` names
    the latest doubt that was seen to, as in a `CardState`.
    """

    chosen: bool = False
    others: bool = False
    messages: tuple[DirectMessage, ...] = ()
    doubt: str = ""

    def of(self, user: str) -> DirectMessage:
        """The message to somebody who has one."""
        return next(m for m in self.messages if m.user == user)

    def with_message(self, message: DirectMessage) -> "DirectState":
        """The same with what is known now of one person's message."""
        new = tuple(message if m.user == message.user else m for m in self.messages)
        return replace(self, messages=new)


class DirectStates:
    """The `DirectState` of each request."""

    def __init__(self, database: Database) -> None:
        """Keep them in `database`."""
        self._db = database

    async def get(self, request_id: str, claim: Claim | None = None) -> DirectState:
        """What was said directly of a request; nothing, for one that is new.

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote it.
        """
        replies = self._db.in_hand.brought(claim.fence, "direct") if claim else None
        if replies is None:
            keys = (key("direct", request_id), key("direct", "doubt", request_id))
            replies = await self._db.command("MGET", *keys)
        reply, doubt = replies
        state, doubt = _decoded(request_id, reply), str(doubt or "")
        if state.doubt == doubt:
            return state
        unsure = tuple(replace(m, shown="") for m in state.messages)
        return replace(state, messages=unsure, doubt=doubt)

    async def asked(self, request_id: str) -> tuple[str, ...]:
        """Who was asked in person; nobody where others may decide as well, or that is not known."""
        try:
            state = await self.get(request_id)
        except Unreadable:
            return ()
        return () if state.others else tuple(m.user for m in state.messages)

    async def doubt(self, request_id: str) -> None:
        """Forget what the messages show, so that they are edited again; needs no claim."""
        name = key("direct", "doubt", request_id)
        await self._db.command("SET", name, secrets.token_hex(4), "EX", DOUBT_SECONDS)

    async def save(self, claim: Claim, state: DirectState, *, retain: int | None = None) -> None:
        """Record what was said; `retain`: forget it after so many seconds.

        Raises:
            StaleFence: the lease was over and somebody else has the claim now.
        """
        await save(self._db, claim, key("direct", claim.id), state, retain=retain)


def _decoded(request_id: str, reply: object) -> DirectState:
    if reply is None:
        return DirectState()
    try:
        return msgspec.json.decode(str(reply), type=DirectState)
    except (msgspec.DecodeError, ValueError) as error:
        said = f"what was said directly of {request_id} can't be read by this version"
        raise Unreadable(said) from error
