"""What may go wrong in a world: each kind of a plan's faults, done to it."""

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ClassVar

from slack_faults import Fault as SlackFault
from slack_faults import FaultKind as SlackKind
from slack_sockets import Edge

from bot.sandbox.vpc.faults import Armed
from bot.sandbox.vpc.faults import Fault as ApiFault
from bot.sandbox.vpc.faults import FaultKind as ApiKind
from chaos import clock
from chaos.bots import Bot
from chaos.plan import ONLY_CHANGES, Fault, Kind
from chaos.proxy import Loss
from chaos.world import World, connection_id, the_route

_DELETE = "DeleteVcoRouteEntry"
_API = {
    Kind.LOST_BEFORE: ApiKind.LOST_BEFORE,
    Kind.LOST_AFTER: ApiKind.LOST_AFTER,
    Kind.RESET: ApiKind.RESET,
    Kind.HTML_BEFORE: ApiKind.HTML_BEFORE,
    Kind.HTML_AFTER: ApiKind.HTML_AFTER,
    Kind.SERVER_ERROR: ApiKind.ERROR,
    Kind.REFUSED: ApiKind.ERROR,
    Kind.THROTTLED: ApiKind.THROTTLED,
    Kind.BUSY: ApiKind.BUSY,
    Kind.SLOW: ApiKind.SLOW_AFTER,
    Kind.HANG: ApiKind.HANG,
    Kind.HANG_AFTER: ApiKind.HANG_AFTER,
    Kind.EMPTY: ApiKind.EMPTY,
    Kind.TRUNCATED: ApiKind.TRUNCATED,
    Kind.MISSING_FIELDS: ApiKind.MISSING_FIELDS,
    Kind.NEVER_UPDATING: ApiKind.NEVER_UPDATING,
    Kind.FAILS_SILENTLY: ApiKind.FAILS_SILENTLY,
}
_CODES = {Kind.SERVER_ERROR: ("InternalError", 500), Kind.REFUSED: ("Forbidden.RAM", 403)}
_SLACK = {
    Kind.SLACK_500: SlackKind.HTTP,
    Kind.SLACK_429: SlackKind.RATE_LIMITED,
    Kind.SLACK_HANG: SlackKind.HANG,
    Kind.SLACK_LOST: SlackKind.LOST,
    Kind.SLACK_GARBLED: SlackKind.HTML,
}
_ACTED_WITHIN = 30.0
_SENT_WITHIN = 1.5
_SLOW_REDIS = 0.15
"""Seconds that each command takes on its way."""


class Trouble:
    """Makes a plan's faults happen, ends them, and counts those that really did."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.changed_elsewhere: dict[str, set[str]] = {}
        """Connection id → destinations that somebody else removed or added."""
        self._count: Counter[Kind] = Counter()
        self._api: list[tuple[Kind, Armed]] = []
        self._slack: list[tuple[Kind, SlackFault, int]] = []
        self._redis: list[tuple[Kind, Loss]] = []
        self._at_send: list[Fault] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._valkey = asyncio.Lock()
        world.vpc.on_change = self._called

    async def run(self, acted: asyncio.Event) -> None:
        """Do everything in its time, then be quiet.

        Not before everybody has `acted` and what they wanted was sent: on a busy machine that
        comes late, and what only a send can meet would meet nothing.
        """
        loop = asyncio.get_running_loop()
        start = loop.time()
        for fault in self._world.plan.faults:
            await asyncio.sleep(max(0.0, start + fault.at - loop.time()))
            self._later(self._strike(fault))
        await asyncio.sleep(max(0.0, start + self._world.plan.quiet_at - loop.time()))
        with suppress(TimeoutError):
            async with asyncio.timeout(_ACTED_WITHIN):
                await acted.wait()
                await self._until_sent()
        await self.calm()

    async def _until_sent(self) -> None:
        sent = -1
        while sent != (sent := len(self._world.vpc.calls_of(_DELETE))):
            await asyncio.sleep(_SENT_WITHIN)

    async def calm(self) -> None:
        """Let nothing go wrong any more; everything runs again."""
        world = self._world
        self._at_send.clear()
        world.vpc.faults.clear()
        world.slack.faults.clear()
        world.proxy.calm()
        while self._tasks:  # Waiting for what is done already would never yield.
            await self._tasks.pop()
        world.slack.outage = world.slack.redeliver = False
        world.slack.sockets.edge = Edge.OPEN
        for bot in world.bots:
            if bot.stopped:
                bot.send(signal.SIGCONT)
        await world.valkey.start()
        await asyncio.gather(*(self._start(bot) for bot in world.bots))

    @property
    def count(self) -> Counter[Kind]:
        """How often each kind has struck so far."""
        total = Counter(self._count)
        for kind, armed in self._api:
            total[kind] += armed.hits
        for kind, planned, times in self._slack:
            total[kind] += times - (planned.times or 0)
        for kind, loss in self._redis:
            total[kind] += loss.hits
        return +total

    def _later(self, work: Awaitable[None]) -> None:
        async def do() -> None:
            await work

        task = asyncio.create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _strike(self, fault: Fault) -> None:
        if fault.kind in _API:
            self._add_api(fault)
        elif fault.kind in _SLACK:
            await self._add_slack(fault)
        elif fault.kind in (Kind.BOT_KILLED_AT_SEND, Kind.BOT_STOPPED_AT_SEND):
            self._at_send.append(fault)
        else:
            await self._others[fault.kind](self, fault)

    def _add_api(self, fault: Fault) -> None:
        lasting = fault.kind is Kind.BUSY
        armed = self._world.vpc.faults.add(
            ApiFault(
                kind=_API[fault.kind],
                action=_DELETE if fault.kind in ONLY_CHANGES else fault.detail or None,
                times=None if lasting else fault.times,
                skip=fault.skip,
                seconds=fault.seconds,
                retry_after_ms=int(fault.seconds * 500),
                code=_CODES.get(fault.kind, ("", None))[0],
                status=_CODES.get(fault.kind, ("", None))[1],
            )
        )
        self._api.append((fault.kind, armed))

    async def _add_slack(self, fault: Fault) -> None:
        planned = self._world.slack.faults.add(
            fault.detail,
            _SLACK[fault.kind],
            times=fault.times,
            retry_after=1,
            seconds=fault.seconds,
        )
        self._slack.append((fault.kind, planned, fault.times))

    # --- at a send ---------------------------------------------------------------------

    def _called(self) -> None:
        """Called within a call of the API: here a bot can be hit before it has its answer."""
        calls = self._world.vpc.calls
        if not (self._at_send and calls and calls[-1].action == _DELETE and not calls[-1].ended):
            return
        fault = self._at_send.pop(0)
        stop = fault.kind is Kind.BOT_STOPPED_AT_SEND
        hit = [b for b in self._world.bots if b.send(signal.SIGSTOP)]
        # Which replica has sent can't be seen from here: all are hit, and one is there anew.
        self._later(self._after_send(fault, hit, stop=stop))

    async def _after_send(self, fault: Fault, hit: list[Bot], *, stop: bool) -> None:
        self._count[fault.kind] += len(hit)
        if stop:
            spare = self._world.add_bot(len(self._world.bots))
            await spare.start()
            await asyncio.sleep(fault.seconds)
            for bot in hit:
                bot.send(signal.SIGCONT)
        else:
            await asyncio.gather(*(bot.kill() for bot in hit))
            await asyncio.sleep(fault.seconds)
            await asyncio.gather(*(self._start(bot) for bot in hit))

    # --- everything else ---------------------------------------------------------------

    async def _start(self, bot: Bot) -> None:
        await bot.look()
        await bot.start()

    def _bot(self, fault: Fault) -> Bot:
        return self._world.bots[fault.target]

    async def _kill_bot(self, fault: Fault) -> None:
        self._count[fault.kind] += await self._bot(fault).kill()
        await asyncio.sleep(fault.seconds)
        await self._start(self._bot(fault))

    async def _stop_bot(self, fault: Fault) -> None:
        bot = self._bot(fault)
        self._count[fault.kind] += bot.send(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        bot.send(signal.SIGCONT)

    async def _restart_bot(self, fault: Fault) -> None:
        bot = self._bot(fault)
        if bot.pid is None or bot.stopped:
            return
        status = await bot.terminate()
        self._count[fault.kind] += 1
        # One that was still starting has no handler for the signal yet, and nothing in hand.
        if status not in (0, None, -signal.SIGTERM):
            bot.deaths.append(status)
        await asyncio.sleep(fault.seconds)
        await self._start(bot)

    async def _kill_valkey(self, fault: Fault) -> None:
        async with self._valkey:
            await self._world.valkey.kill()
            self._count[fault.kind] += 1
            await asyncio.sleep(fault.seconds)
            await self._world.valkey.start()

    async def _lose_writes(self, fault: Fault) -> None:
        held = fault.seconds if fault.kind is Kind.WRITE_HELD else 0.0
        loss = Loss(key=fault.detail.encode(), times=fault.times, skip=fault.skip, held=held)
        self._redis.append((fault.kind, self._world.proxy.lose(loss)))

    async def _cut_redis(self, fault: Fault) -> None:
        self._count[fault.kind] += bool(await self._world.proxy.cut())

    async def _slow_redis(self, fault: Fault) -> None:
        self._count[fault.kind] += 1
        self._world.proxy.delay = _SLOW_REDIS
        await asyncio.sleep(fault.seconds)
        self._world.proxy.delay = 0.0

    async def _elsewhere(self, fault: Fault) -> None:
        """Somebody else works on the same connection."""
        vpc, connection = self._world.vpc, connection_id(fault.target)
        route = the_route(fault.target, fault.skip)
        self._count[fault.kind] += 1
        if fault.kind is Kind.STATE_CHANGED:
            vpc.set_state(connection, "updating")
            await asyncio.sleep(fault.seconds)
            vpc.set_state(connection, "attached")
        elif fault.kind is Kind.ROUTE_ADDED:
            inside = f"10.{fault.target}.{fault.skip + 1}.{fault.times * 16}/28"
            if all(r.route_dest != inside for r in vpc.routes(connection)):
                vpc.add_route(connection, inside)
        else:
            self.changed_elsewhere.setdefault(connection, set()).add(route.route_dest)
            vpc.remove_route(route)
            if fault.kind is Kind.ROUTE_REPLACED:
                await asyncio.sleep(fault.seconds)
                if not vpc.route_present(route):
                    vpc.add_route(connection, route.route_dest)

    async def _slack_outage(self, fault: Fault) -> None:
        self._count[fault.kind] += 1
        self._world.slack.outage = True
        await asyncio.sleep(fault.seconds)
        self._world.slack.outage = False

    async def _redeliver(self, fault: Fault) -> None:
        before = len(self._world.slack.deliveries)
        self._world.slack.redeliver = True
        await asyncio.sleep(fault.seconds)
        self._world.slack.redeliver = False
        self._count[fault.kind] += (len(self._world.slack.deliveries) - before) // 2

    async def _socket_edge(self, fault: Fault) -> None:
        sockets = self._world.slack.sockets
        self._count[fault.kind] += 1
        edges = {Kind.SOCKET_REFUSED: Edge.REFUSES, Kind.SOCKET_HANGS: Edge.HANGS}
        sockets.cut(edges.get(fault.kind, Edge.OPEN))
        await asyncio.sleep(fault.seconds)
        sockets.edge = Edge.OPEN

    async def _socket_alone(self, fault: Fault) -> None:
        """Sockets that fall silent, or are asked to come back."""
        sockets = self._world.slack.sockets
        self._count[fault.kind] += 1
        if fault.kind is Kind.SOCKET_SILENT:
            sockets.freeze()
        else:
            await sockets.refresh()

    async def _forbid(self, fault: Fault) -> None:
        """An operator takes a right away, and sees what he did."""
        self._count[fault.kind] += 1
        async with self._valkey:
            database = self._world.store.database
            await database.command("ACL", "SETUSER", "default", f"-{fault.detail}")
            await asyncio.sleep(fault.seconds)
            await database.command("ACL", "SETUSER", "default", f"+{fault.detail}")

    async def _jump(self, fault: Fault) -> None:
        self._count[fault.kind] += 1
        clock.jump(self._world.clock, fault.seconds)

    async def _fail_over(self, fault: Fault) -> None:
        async with self._valkey:
            await self._world.fail_over(fault.seconds)
        self._count[fault.kind] += 1

    _others: ClassVar[dict[Kind, Callable[["Trouble", Fault], Awaitable[None]]]] = {
        Kind.BOT_KILLED: _kill_bot,
        Kind.BOT_STOPPED: _stop_bot,
        Kind.BOT_RESTARTED: _restart_bot,
        Kind.VALKEY_KILLED: _kill_valkey,
        Kind.REPLY_LOST: _lose_writes,
        Kind.WRITE_HELD: _lose_writes,
        Kind.REDIS_CUT: _cut_redis,
        Kind.REDIS_SLOW: _slow_redis,
        Kind.ROUTE_ADDED: _elsewhere,
        Kind.ROUTE_REMOVED: _elsewhere,
        Kind.ROUTE_REPLACED: _elsewhere,
        Kind.STATE_CHANGED: _elsewhere,
        Kind.SLACK_OUTAGE: _slack_outage,
        Kind.REDELIVERED: _redeliver,
        Kind.SOCKET_CUT: _socket_edge,
        Kind.SOCKET_REFUSED: _socket_edge,
        Kind.SOCKET_HANGS: _socket_edge,
        Kind.SOCKET_SILENT: _socket_alone,
        Kind.SOCKET_REFRESHED: _socket_alone,
        Kind.REDIS_FORBIDS: _forbid,
        Kind.CLOCK_JUMPED: _jump,
        Kind.FAILOVER: _fail_over,
    }
