"""Everything that is remembered, in Redis or Valkey; its keys never leave this package.

- `work`      what is due and who has claimed it: the heart of the worker
- `turn`      how steps are ended and items claimed, in one script
- `requests`  deletion requests: read, and changed by compare-and-set; the connection queue
- `records`   how requests are read: one, or many in few round trips
- `reading`   all that a step may need of a request, at once
- `in_hand`   what this process has read for its next steps, and which it expects
- `limits`    who asked for what lately, to count what one person may have open
- `inbox`     what Slack delivered and nobody has handled yet
- `clicks`    which click in an open form came last
- `audit`     what happened, append-only, each entry chained to the one before
- `cards`     what Slack has been shown of each request
- `direct`    what was said of each request to its approvers directly
- `viewers`   who has opened their App Home lately
- `rate_limit`  quotas and pauses of the VPC API, how long deletions usually take
- `packing`   old records in less room
- `presence`  how many replicas of the bot run
- `repair`    what the database has lost, and what follows from the records, built anew
- `replicas`  is what was written where a failover finds it
- `health`    can this database be trusted with what was approved and sent
- `seal`      a MAC on what a send rests on, with a key that is not in here
- `counting`  what changes of requests add to the metrics
- `client`    one connection pool, its timeouts, scripts, and errors; `connect`: from an address

Each Lua script stands beside the typed call that runs it. All keys share one hash tag, so
that a script may touch any of them on a Cluster; scripts name them as literal `KEYS[i]`,
which Tair demands. Keys of live things bear no TTL: managed servers often evict
`volatile-*`. Every script may be run twice (redis-py retries a lost reply) without applying
its effect twice.
"""

from typing import NamedTuple

from bot.errors import Unreadable
from bot.store.audit import Audit
from bot.store.cards import CardState, CardStates
from bot.store.clicks import Clicks
from bot.store.client import Database
from bot.store.direct import DirectMessage, DirectState, DirectStates
from bot.store.health import Health
from bot.store.inbox import Inbox
from bot.store.packing import Packing
from bot.store.presence import Presence
from bot.store.rate_limit import RateLimits
from bot.store.reading import read_all
from bot.store.records import Reading, Stored
from bot.store.repair import Repair
from bot.store.replicas import Replicas
from bot.store.requests import RETENTION_SECONDS, AlreadyOpen, OutOfTime, Requests
from bot.store.seal import Seals
from bot.store.turn import Claim
from bot.store.viewers import Viewers
from bot.store.work import Work


class Recorded(NamedTuple):
    """A request and what Slack shows of it; `problem`: why that is not known, if it is not."""

    stored: Stored
    posted: CardState
    problem: str = ""


class Store:
    """All of the store over one database."""

    def __init__(
        self,
        database: Database,
        retention: int = RETENTION_SECONDS,
        replicas: int | None = None,
        seals: Seals | None = None,
    ) -> None:
        """Build the parts; nothing is sent yet.

        Finished requests are kept `retention` seconds. What must not be forgotten has to be on so
        many `replicas`; None: as the server says. `seals` seal what is stored; without them
        nothing is sealed.
        """
        self.database = database
        self.work = Work(database)
        self.replicas = Replicas(database, replicas)
        self.requests = Requests(database, retention, self.replicas, seals)
        self.audit = Audit(database)
        self.health = Health(database, self.replicas)
        self.inbox = Inbox(database, seals)
        self.clicks = Clicks(database)
        self.card_states = CardStates(database)
        self.direct_states = DirectStates(database)
        self.viewers = Viewers(database)
        self.rate_limits = RateLimits(database)
        self.packing = Packing(database)
        self.presence = Presence(database)
        self.repair = Repair(
            database,
            self.work,
            self.requests,
            self.inbox,
            self.audit,
            self.card_states,
            self.direct_states,
        )

    async def upkeep(self) -> None:
        """Mend what the database has lost, and pack what is old: every few seconds."""
        await self.repair.check()
        await self.packing.some()

    async def recorded(self, request_id: str) -> Recorded | None:
        """A request and what Slack shows of it, None when there is none (any more).

        Raises:
            Unreadable: a newer version, or somebody's editor, wrote the request.
        """
        stored = await self.requests.get(request_id)
        return None if stored is None else Recorded(stored, *await self.shown(request_id))

    async def recorded_now(self, claim: Claim) -> tuple[Stored, CardState] | None:
        """The same in one round trip, for who writes what is shown.

        Raises:
            Unreadable: one of the two can't be read by this version.
        """
        in_hand = self.database.in_hand
        fields = in_hand.brought(claim.fence, "record")
        if fields is None:
            in_hand.bring(claim.fence, (await read_all(self.database, [claim.id]))[claim.id])
            fields = in_hand.brought(claim.fence, "record")
        stored = self.requests.read(claim.id, fields)
        told = in_hand.brought(claim.fence, "told")
        return None if stored is None else (stored, self.card_states.read(claim.id, told))

    async def shown(self, request_id: str) -> tuple[CardState, str]:
        """What Slack shows of a request; nothing, and why, where that can't be read.

        What is recorded does not hang on the link to its card.
        """
        try:
            return await self.card_states.get(request_id), ""
        except Unreadable as error:
            return CardState(), str(error)

    async def anything_ever(self) -> bool:
        """Whether a bot has ever done anything here; a request or a claim leaves its traces."""
        parts = (self.audit, self.requests, self.work)
        return any([await part.any_ever() for part in parts])


__all__ = [
    "AlreadyOpen",
    "Audit",
    "CardState",
    "CardStates",
    "Claim",
    "Clicks",
    "Database",
    "DirectMessage",
    "DirectState",
    "DirectStates",
    "Inbox",
    "OutOfTime",
    "RateLimits",
    "Reading",
    "Recorded",
    "Requests",
    "Store",
    "Stored",
    "Viewers",
    "Work",
]
