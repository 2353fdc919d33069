"""What is due and who has claimed it.

One sorted set `due`: the score is the next time at which an item wants attention. The same
score is delay, poll interval, lease and crash recovery: a worker claims an item by moving
its score to now + lease and taking a new fence, the number that every write of its must
bear. Items are named `<kind>:<id>`.

Steps that have ended and items to begin with go in one round trip: a turn of the worker (`turn`).
What the steps need, and was not read along with it, is read in one more.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from bot.errors import StaleFence, StoreError, StoreUnavailable
from bot.store.client import CLAIMS, DUE, FENCE, NOW, WAKE, Database, Reply, Script, key
from bot.store.in_hand import INBOX, request_of
from bot.store.reading import parts, read_all
from bot.store.turn import (
    ALONG,
    DELIVERIES,
    ENDED,
    FAILED,
    FINISHED,
    GIVEN_BACK,
    NOTHING_MORE,
    TURN,
    Allowed,
    Claim,
    End,
    Turn,
    sent,
)

_ANYTHING = Allowed()


class Idle(NamedTuple):
    """There is nothing to claim; `wait` seconds until something will be due, None: never."""

    wait: float | None


_WAKE = Script(
    NOW
    + WAKE
    + """
wake(ARGV.item, seconds(ARGV.now))
return 1
""",
    keys=("due", "claims"),
    args=("now", "item"),
)

_BACKLOG = Script(
    NOW
    + """
local now = seconds(ARGV.now)
local found = {}
for _, item in ipairs(redis.call('ZRANGEBYSCORE', KEYS.due, '-inf', now, 'LIMIT', 0, 10000)) do
  local kind = string.match(item, '^[^:]*')
  if found[kind] then
    found[kind][2] = found[kind][2] + 1
  else
    found[kind] = {now - tonumber(redis.call('ZSCORE', KEYS.due, item)), 1}
  end
end
local flat = {}
for kind, of in pairs(found) do
  table.insert(flat, kind)
  table.insert(flat, string.format('%.3f', of[1]))
  table.insert(flat, of[2])
end
return flat
""",
    keys=("due",),
    args=("now",),
)


_PLANNED = Script("return redis.call('ZRANGE', KEYS.due, 0, 9999)", keys=("due",))


_WOKEN = 2
"""What a turn answers where the item was woken during the step."""


class Backlog(NamedTuple):
    """What of a kind is due and not worked on: how many, and how long the oldest has waited."""

    items: int
    oldest: float


class Work:
    """Claims, ends and wakes items."""

    def __init__(self, database: Database) -> None:
        """Work on `database`."""
        self._db = database
        self._latest = 0
        self.forgot = False
        """Whether a claim had a number that had been given out before."""
        self._unanswered: list[str] = []

    async def turn(
        self, lease: float, *, ended: Sequence[End] = (), allowed: Allowed = _ANYTHING
    ) -> Turn:
        """End steps, and claim what has been due longest, for `lease` seconds.

        What there is no room for is left to others, or until later.
        """
        while self._unanswered:
            # Its answer was lost in an outage: what it claimed then, nobody is working on.
            earlier = await self._turn(self._unanswered[-1], lease)
            for claim in earlier.claims:
                await self.give_back(claim, earlier.now)
            self._unanswered.pop()
        before: list[int] = []
        while len(ended) > ENDED:
            before += (await self._turn(secrets.token_hex(8), lease, ended[:ENDED])).ended
            ended = ended[ENDED:]
        turn = await self._turn(secrets.token_hex(8), lease, ended, allowed)
        return turn._replace(ended=[*before, *turn.ended])

    async def claim(self, lease: float, *, full: Collection[str] = ()) -> Claim | Idle:
        """Claim the one item that has been due longest; `full`: kinds there is no room for."""
        turn = await self.turn(lease, allowed=Allowed(dict.fromkeys(full, 0), most=1))
        return turn.claims[0] if turn.claims else Idle(turn.wait)

    async def done(self, claim: Claim, again_at: float | None, *, failed: bool = False) -> bool:
        """End one step; look again at `again_at`, or never. `failed` keeps counting tries.

        Returns whether somebody has woken the item meanwhile, so that it is due now.

        Raises:
            StaleFence: the lease was over and somebody else has, or had, the item.
        """
        ended = await self._end(End(claim, again_at, FAILED if failed else FINISHED))
        if not ended:
            raise StaleFence(claim.item)
        return ended == _WOKEN

    async def give_back(self, claim: Claim, again_at: float) -> bool:
        """Let anybody have the item at `again_at`, as if it had not been claimed this time.

        False: somebody else has, or had, it.
        """
        return bool(await self._end(End(claim, again_at, GIVEN_BACK)))

    async def _end(self, ended: End) -> int:
        turn = await self._turn(f"end {ended.claim.fence}", 0.0, [ended])
        return turn.ended[0]

    async def _turn(
        self,
        name: str,
        lease: float,
        ended: Sequence[End] = (),
        allowed: Allowed = NOTHING_MORE,
    ) -> Turn:
        """A turn under a name: asked again by the same name, it answers what it did before."""
        in_hand = self._db.in_hand
        along, deliveries = self._expected(ended) if allowed.most else ([], [])
        # What is learned of them while the turn is under way was not read by it.
        connections = {one: in_hand.connection(one) for one in along}
        keys, args = sent(name, ended, allowed, connections, deliveries)
        try:
            reply = await self._db.run(TURN, keys, self._db.fixed_now, lease, *args)
        except StoreUnavailable:
            if allowed.most:
                self._unanswered.append(name)
            raise
        # A receipt says what was done, and not what was read.
        now, wait, results, claimed, *read = reply
        at = self._db.heard(float(now))
        claims = [self._claimed(one, at) for one in claimed]
        # Asked for again by its name alone, a turn says what it ended then as well.
        for end, ours in zip(ended, results, strict=False):
            if end.again_at is not None:
                in_hand.expect([end.claim.item], end.again_at)
            elif int(ours):
                in_hand.over(end.claim.item)
        for claim in claims:
            in_hand.claimed(claim.item)
        if claims:
            found, contents = read or ((), ())
            all_of = {str(one): parts(all_, connections[str(one)]) for one, all_ in found}
            await self._bring(claims, all_of, dict(contents))
        return Turn(at, float(wait) if wait else None, [*map(int, results)], claims)

    def _expected(self, ended: Sequence[End]) -> tuple[list[str], list[str]]:
        """The requests and the deliveries that the next claims are probably about."""
        due = self._db.in_hand.due(self._db.about_now())
        items = [*due, *(end.claim.item for end in ended)]
        requests = dict.fromkeys(filter(None, map(request_of, items)))
        deliveries = [item for item in due if item.startswith(INBOX)]
        return list(requests)[:ALONG], deliveries[:DELIVERIES]

    async def _bring(
        self,
        claims: Sequence[Claim],
        along: Mapping[str, dict[str, Reply]],
        contents: Mapping[str, Reply],
    ) -> None:
        """Have in hand what their steps need, as far as it can be read at once."""
        read, contents = dict(along), dict(contents)
        about_requests = [claim for claim in claims if request_of(claim.item)]
        deliveries = [claim for claim in claims if claim.item.startswith(INBOX)]
        with suppress(StoreError):
            missing = dict.fromkeys(c.id for c in about_requests if c.id not in read)
            read |= await read_all(self._db, list(missing))
            if others := [claim.item for claim in deliveries if claim.item not in contents]:
                replies = await self._db.command("MGET", *map(key, others))
                contents |= dict(zip(others, replies, strict=True))
        for claim in about_requests:
            if claim.id in read:
                self._db.in_hand.bring(claim.fence, dict(read[claim.id]))
        for claim in deliveries:
            self._db.in_hand.bring(claim.fence, {"inbox": contents.get(claim.item)})

    def _claimed(self, reply: Sequence[str], now: float) -> Claim:
        item, fence, tries, until = reply
        number = int(fence.partition("-")[0])
        self.forgot = self.forgot or number <= self._latest
        self._latest = number
        return Claim(item, fence, int(tries), now, float(until))

    async def backlog(self) -> Mapping[str, Backlog]:
        """What is due now and nobody works on, by kind; at most 10,000 items are counted."""
        flat = await self._db.run(_BACKLOG, (DUE,), self._db.fixed_now)
        rows = zip(flat[0::3], flat[1::3], flat[2::3], strict=True)
        return {str(kind): Backlog(int(count), float(oldest)) for kind, oldest, count in rows}

    async def planned(self, kind: str) -> list[str]:
        """The ids of the items of a kind, due or not; the 10,000 that come first are looked at."""
        items = await self._db.run(_PLANNED, (DUE,))
        return [str(i).partition(":")[2] for i in items if str(i).startswith(f"{kind}:")]

    async def any_ever(self) -> bool:
        """Whether anything was ever claimed here."""
        return bool(int(await self._db.command("EXISTS", FENCE)))

    async def now(self) -> float:
        """The time by which items are due."""
        return await self._db.now()

    async def wake(self, item: str) -> None:
        """Make `item` due now; if somebody is at it, as soon as they are done."""
        await self._db.run(_WAKE, (DUE, CLAIMS), self._db.fixed_now, item)
        self._db.in_hand.expect([item])
        self._db.woken()
