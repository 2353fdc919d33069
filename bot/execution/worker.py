"""The worker: claims what is due and has its step done, again and again.

It knows nothing about routes or Slack: handlers, by kind of item, do one step and say when
to look again. State lives in the store; any number of replicas run this loop, and one that
is killed costs at most a lease.

Each kind has its own concurrency limit. Where that is reached, by steps that hang for example,
the kind is not claimed until one ends; what is due of it waits in its order, and the other kinds
are claimed meanwhile.

The loop takes turns: in one it ends the steps that are over and claims what is due by then.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Protocol

import structlog

from bot.errors import (
    BotError,
    RecordLost,
    StaleFence,
    StoreError,
    StoreFault,
    StoreRefused,
    StoreUnavailable,
    Unreadable,
)
from bot.metrics import ALARMS, CLAIMS_LOST, STEP_SECONDS, STEPS
from bot.store import Claim, Work
from bot.store.reading import AT_ONCE
from bot.store.turn import FAILED, FINISHED, Allowed, End

log = structlog.get_logger(__name__)

MAX_TRIES = 12
"""How often a step may fail or die before its handler gives it up."""

_LONGEST_PAUSE = 15.0
"""Seconds between tries of a step that keeps failing."""

_LONGEST_SLEEP = 1.0
"""Seconds between claims when nothing is due: other replicas can add work."""


_GIVE_BACK_PAUSE = 0.5
"""Seconds between tries to give a claim back while the store is away, and from then until the
item is due: an outage costs about a second beyond itself, not what is left of a lease."""

_TIMER_SLACK = 0.001
"""Seconds by which a timer may be early: a turn before anything is due would be in vain."""

_A_TURN = {"tell": 1}
"""How many of a kind one turn begins with: where much is to be done, cards are shown less often,
each with more in it, and what people wait for goes on."""

_CLOCK_SLACK = 2.0
"""Seconds by which the store's clock may go back without being worth a word."""


UPKEEP_SECONDS = 5.0
"""Seconds between checks whether the database has lost anything."""


class Handler(Protocol):
    """Does the steps of one kind of item."""

    async def step(self, claim: Claim) -> float | None:
        """Do one step; return when to look again, None when there is nothing more to do."""
        ...

    async def give_up(self, claim: Claim) -> float | None:
        """Settle an item whose steps keep failing, so that it ends and its end is shown."""
        ...

    async def lost(self, claim: Claim) -> None:
        """Somebody took over meanwhile: what this step did outside the store may have come late."""
        ...


class Worker:
    """Runs handlers over what is due in `work`, so many steps of each kind at a time."""

    def __init__(  # noqa: PLR0913 - the composition root names each part
        self,
        work: Work,
        handlers: Mapping[str, Handler],
        *,
        lease: float = 30.0,
        concurrency: Mapping[str, int] = MappingProxyType({}),
        default_concurrency: int = 16,
        upkeep: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Prepare; `run` starts it. `lease` is in seconds and covers one step.

        `concurrency`: how many steps of a kind may run at once; `default_concurrency` where it does
        not say.
        `upkeep` is done at the start and every few seconds, beside the steps.
        """
        self._upkeep = upkeep
        self._work = work
        self._handlers = handlers
        self._lease = lease
        self._concurrency = concurrency
        self._default_concurrency = default_concurrency
        self._woken = asyncio.Event()
        self._steps: dict[asyncio.Task[None], str] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._over: list[tuple[End, asyncio.Future[bool]]] = []
        self._latest = 0.0
        self._stopped = asyncio.Event()

    def wake(self) -> None:
        """Claim at once: this process has just made something due."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish the steps in hand."""
        self._stopped = stop
        stopping = asyncio.create_task(stop.wait())
        keeping_up = asyncio.create_task(self._keep_up(stop))
        try:
            while not stop.is_set():
                if wait := await self._turn(AT_ONCE):
                    await self._sleep(wait, stopping)
            while self._steps or self._ending:
                self._woken.clear()
                if self._over:
                    await self._turn(0)
                woken = asyncio.create_task(self._woken.wait())
                steps = {*self._steps, *self._ending}
                await asyncio.wait({woken, *steps}, return_when="FIRST_COMPLETED")
                woken.cancel()
        finally:
            stopping.cancel()
            keeping_up.cancel()
            for step in (*self._steps, *self._ending):
                step.cancel()

    async def _keep_up(self, stop: asyncio.Event) -> None:
        while self._upkeep is not None and not stop.is_set():
            try:
                await self._upkeep()
            except StoreError as error:
                _log_store_error(error)
            except Exception:
                # The steps go on whatever it is.
                log.exception("upkeep_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), UPKEEP_SECONDS)

    async def _turn(self, most: int) -> float:
        """End what is over, and begin what is due; returns the seconds until more is."""
        self._woken.clear()
        ended, self._over = self._over, []
        try:
            turn = await self._work.turn(
                self._lease,
                ended=[end for end, _ in ended],
                allowed=Allowed(self._room(), self._default_concurrency, _A_TURN, most),
            )
        except BaseException as error:
            # Each of these steps gives its claim back, or leaves it to its lease.
            for _, over in ended:
                if not over.done():
                    over.set_exception(error)
            if not isinstance(error, StoreError):
                raise
            if not ended:
                _log_store_error(error)
            return _LONGEST_SLEEP
        for (_, over), still_ours in zip(ended, turn.ended, strict=True):
            if not over.done():
                over.set_result(bool(still_ours))
        self._watch_clock(turn.now)
        for claim in turn.claims:
            self._start(claim)
        return _LONGEST_SLEEP if turn.wait is None else turn.wait

    def _room(self) -> Mapping[str, int]:
        """How many steps of each kind may be begun; the usual limit holds for all others."""
        taken = Counter(self._steps.values())
        limits = self._concurrency
        usual = self._default_concurrency
        return {kind: limits.get(kind, usual) - taken[kind] for kind in {*limits, *taken}}

    def _watch_clock(self, now: float) -> None:
        if now < self._latest - _CLOCK_SLACK:
            log.warning("clock_went_back", seconds=round(self._latest - now, 1))
        self._latest = now

    async def _sleep(self, wait: float, stopping: asyncio.Task[bool]) -> None:
        woken = asyncio.create_task(self._woken.wait())
        timeout = min(max(wait + _TIMER_SLACK, 0.005), _LONGEST_SLEEP)
        await asyncio.wait({woken, stopping}, timeout=timeout, return_when="FIRST_COMPLETED")
        woken.cancel()

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._do(claim), name=claim.item)
        self._steps[task] = claim.kind
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._steps.pop(task, None)
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("step_broke", item=task.get_name(), exc_info=error)

    async def _end(self, claim: Claim, again_at: float | None, how: str = FINISHED) -> None:
        """End a step with the next turn.

        Raises:
            StaleFence: the lease was over and somebody else has, or had, the item.
            StoreError: it is not known whether it was ended.
        """
        over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._over.append((End(claim, again_at, how), over))
        if (task := asyncio.current_task()) in self._steps:
            # The turn that ends it may begin another in its place.
            del self._steps[task]
            self._ending.add(task)
        self._woken.set()
        if not await over:
            raise StaleFence(claim.item)

    async def _do(self, claim: Claim) -> None:
        with structlog.contextvars.bound_contextvars(item=claim.item):
            try:
                await self._settle(claim)
            except StaleFence:
                log.info("claim_lost")
                CLAIMS_LOST.labels(self._label(claim)).inc()
                await self._lost(claim)
            except StoreUnavailable as error:
                _log_store_error(error)
                await self._give_back(claim)
            except StoreError as error:
                # The lease runs out and whoever is there then takes over.
                _log_store_error(error)
            else:
                return
            self._woken.set()

    async def _give_back(self, claim: Claim) -> None:
        """Give a claim back as soon as the store is there again, as long as it is ours.

        The step is done again from its start; what it did already bears the same token. A stop
        does not wait for the store: then the lease runs out, as that of a dead worker does.
        """
        waited = 0.0
        while waited < claim.until - claim.now and not self._stopped.is_set():
            waited += _GIVE_BACK_PAUSE
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _GIVE_BACK_PAUSE)
            try:
                now = await self._work.now()
                given_back = await self._work.give_back(claim, now + _GIVE_BACK_PAUSE)
            except StoreError:
                continue
            log.info("claim_given_back" if given_back else "claim_lost")
            if not given_back:
                await self._lost(claim)
            return

    async def _lost(self, claim: Claim) -> None:
        handler = self._handlers.get(claim.kind)
        if handler is None:
            return
        try:
            await handler.lost(claim)
        except StoreError as error:
            _log_store_error(error)

    async def _settle(self, claim: Claim) -> None:
        with STEP_SECONDS.labels(self._label(claim)).time():
            result = await self._step(claim)
        STEPS.labels(self._label(claim), result).inc()

    def _label(self, claim: Claim) -> str:
        """Its kind for the metrics: what is not one of ours can be any text, and is no UTF-8."""
        return claim.kind if claim.kind in self._handlers else "unknown"

    async def _step(self, claim: Claim) -> str:
        handler = self._handlers.get(claim.kind)
        if handler is None:
            log.error("unknown_item", hint="a newer version may have written it")
            await self._end(claim, claim.now + 60, FAILED)
            return "unknown"
        exhausted = claim.tries > MAX_TRIES
        try:
            # Less than the lease: a step must not outlive its claim.
            async with asyncio.timeout(self._lease * 0.8):
                again_at = await (handler.give_up(claim) if exhausted else handler.step(claim))
        except (StaleFence, StoreUnavailable):
            raise
        except Unreadable as error:
            # No fault of the step: a replica of another version may read it. Nothing is given up.
            log.error("record_unreadable", error=str(error))  # noqa: TRY400 - it says enough
            await self._end(claim, claim.now + _LONGEST_PAUSE)
            return "unreadable"
        except Exception as error:  # noqa: BLE001 - whatever it is must not stop the others
            self._report(claim, error)
            await self._end(claim, claim.now + _pause(claim.tries), FAILED)
            return "failed"
        await self._end(claim, again_at)
        return "given_up" if exhausted else "done"

    def _report(self, claim: Claim, error: Exception) -> None:
        if isinstance(error, StoreError):
            _log_store_error(error)
        expected = isinstance(error, BotError | TimeoutError)
        log.log(
            30 if expected else 40,
            "step_failed",
            tries=claim.tries,
            error=type(error).__name__,
            exc_info=None if expected else error,
        )


def _log_store_error(error: StoreError) -> None:
    """An outage passes; whatever else the store says is somebody's to mend."""
    match error:
        case StoreRefused():
            log.error("store_refused", error=str(error))
        case RecordLost():
            log.error("record_lost", error=str(error))
            ALARMS.labels("record_lost").inc()
        case StoreFault():
            log.error("store_fault", error=str(error))
        case _:
            log.warning("store_unavailable", error=str(error))


def _pause(tries: int) -> float:
    """Seconds until a failed step is tried again: soon after Slack is back, people want to know."""
    return float(min(0.5 * 2 ** min(tries, 10), _LONGEST_PAUSE))
