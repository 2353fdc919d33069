"""Plays one plan and judges what came of it."""

import asyncio
import json
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bot.errors import StoreUnavailable
from bot.sandbox.slack.messages import text_of
from bot.sandbox.valkey import EmbeddedValkey
from chaos.bots import Zygote, unusual_port
from chaos.evidence import Evidence, gather
from chaos.faults import Trouble
from chaos.invariants import safety
from chaos.people import People
from chaos.plan import Mode, Plan
from chaos.reached import reached
from chaos.telling import MAY_REPEAT, SETTLED_WITHIN, in_the_end, repeats, taken_back, told_twice
from chaos.world import World

_LOOK = 0.3
_LONGEST = 4
_AFTERWARDS = 0.7
"""Seconds for what should not come any more: a late edit, a late send."""


class Result(msgspec.Struct, kw_only=True):
    """What came of a round; `dump` is where its records are, empty where all is well."""

    seed: str
    number: int
    violations: list[str]
    faults: dict[str, int] = {}
    requests: int = 0
    clicks: int = 0
    storms: int = 0
    sends: int = 0
    effects: int = 0
    repeats: int = 0
    outcomes: dict[str, int] = {}
    reached: dict[str, int] = {}
    mode: Mode = Mode.HTTP
    seconds: float = 0.0
    dump: str = ""


class Slot:
    """Where rounds are played one after the other: a Valkey, and zygotes shared with others."""

    def __init__(
        self, *zygotes: Zygote, broken: str = "", settled_within: float = SETTLED_WITHIN
    ) -> None:
        self._zygotes = zygotes
        self._settled_within = settled_within
        self._broken = broken
        # The same port after every restart, and none that the system gives to others meanwhile.
        self._valkey = EmbeddedValkey(port=unusual_port(), appendonly=True)

    async def close(self) -> None:
        """End the Valkey."""
        await self._valkey.stop()

    async def play(self, plan: Plan) -> Result:
        """Play a round and judge it; whatever fails in the harness is a violation too."""
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="vco-chaos-") as directory:
            try:
                result = await self._play(plan, Path(directory))
            except Exception as error:  # noqa: BLE001 - the other rounds go on
                trace = "".join(traceback.format_exception(error))[-1500:]
                words = f"the round itself failed: {trace}"
                result = Result(seed=plan.seed, number=plan.number, violations=[words])
        result.seconds = time.monotonic() - started
        return result

    async def _play(self, plan: Plan, directory: Path) -> Result:
        async with World(plan, self._zygotes, self._valkey, directory, self._broken) as world:
            people, trouble, acted = People(world), Trouble(world), asyncio.Event()
            async with asyncio.TaskGroup() as group:
                going_wrong = group.create_task(trouble.run(acted))
                await people.run()
                acted.set()
                await going_wrong
            found, told = await _settled(world, people, trouble, self._settled_within)
            unknowable = sum(n for kind, n in trouble.count.items() if kind in MAY_REPEAT)
            # What was acknowledged and is forgotten can't be told as it was.
            twice = [] if plan.replica else told_twice(found, unknowable)
            violations = [*safety(found), *taken_back(found), *twice, *told]
            result = _result(found, trouble, violations)
            if violations:
                result.dump = _dump(found, violations)
            return result


async def _settled(
    world: World, people: People, trouble: Trouble, within: float
) -> tuple[Evidence, list[str]]:
    """Wait until all is told; what is still missing when nothing has moved for `within` seconds.

    A machine that is busy with other work is slow, and no violation: as long as something is
    recorded or shown the wait goes on, up to `_LONGEST` times as long.
    """
    now = asyncio.get_running_loop().time()
    last, moved_at, moved = now + _LONGEST * within, now, -1
    calm_since = None
    while True:
        for bot in world.bots:
            await bot.look()
        try:
            found = await gather(world, people, trouble.changed_elsewhere)
        except StoreUnavailable:  # On a busy machine it may take longer than a call may.
            if asyncio.get_running_loop().time() > last:
                raise
            continue
        missing = list(in_the_end(found))
        now = asyncio.get_running_loop().time()
        if found.moved != moved:
            moved_at, moved = now, found.moved
        calm_since = None if missing else calm_since or now
        over = now > min(last, moved_at + within)
        if over or (calm_since and now - calm_since > _AFTERWARDS):
            return found, missing
        await asyncio.sleep(_LOOK)


def _result(found: Evidence, trouble: Trouble, violations: list[str]) -> Result:
    plan = found.world.plan
    return Result(
        seed=plan.seed,
        number=plan.number,
        mode=plan.mode,
        violations=violations,
        reached=dict(reached(found)),
        faults={kind.value: count for kind, count in trouble.count.items()},
        requests=len(found.cases),
        clicks=len(found.people.clicked),
        storms=found.people.storms,
        sends=len(found.sends),
        effects=found.effects,
        repeats=repeats(found),
        outcomes=dict(Counter(case.state.value for case in found.cases.values())),
    )


def _dump(found: Evidence, violations: list[str]) -> str:
    """Keep the records of a round that went wrong; returns where they are."""
    world = found.world
    place = Path(tempfile.mkdtemp(prefix=f"vco-chaos-round{world.plan.number}-"))
    (place / "violations.txt").write_text("\n".join(violations) + "\n")
    (place / "plan.txt").write_text(f"{world.plan}\n")
    _lines(place / "calls.jsonl", world.vpc.calls)
    _lines(place / "slack-calls.jsonl", world.slack.requests)
    _lines(place / "deliveries.jsonl", world.slack.deliveries)
    _lines(place / "clicks.jsonl", found.people.clicked)
    _lines(place / "typed.jsonl", found.people.typed)
    events = [
        {"request": c.id, **msgspec.to_builtins(e)} for c in found.cases.values() for e in c.events
    ]
    _lines(place / "audit.jsonl", events)
    shown = [text_of(m) for c in found.cases.values() for m in c.messages]
    (place / "shown.txt").write_text("\n---\n".join(shown))
    for log in world.directory.glob("*.log"):
        (place / log.name).write_bytes(log.read_bytes())
    return str(place)


def _lines(path: Path, things: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(msgspec.to_builtins(t)) + "\n" for t in things))
