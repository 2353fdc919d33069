"""Plays many rounds: several processes, and in each of them several rounds at once."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from chaos.bots import Zygote
from chaos.plan import Mode, Plan
from chaos.planning import plan
from chaos.rounds import Result, Slot

_ROOT = Path(__file__).parents[2]

Report = Callable[[Result], None]


async def play_here(
    plans: Iterable[Plan],
    report: Report,
    *,
    at_once: int,
    broken: str = "",
    beside: Path | None = None,
) -> None:
    """Play plans in this process, `at_once` of them at a time.

    `beside`: where another version is; every other replica is of that one.
    """
    left = iter(plans)
    async with AsyncExitStack() as stack:
        zygotes = [await stack.enter_async_context(Zygote())]
        if beside:
            zygotes.append(await stack.enter_async_context(Zygote(beside)))
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(_slot(zygotes, left, report, broken))


async def _slot(
    zygotes: Sequence[Zygote], left: Iterable[Plan], report: Report, broken: str
) -> None:
    slot = Slot(*zygotes, broken=broken)
    try:
        for one in left:
            report(await slot.play(one))
    finally:
        await slot.close()


async def play_all(  # noqa: PLR0913 - what a run is made of
    seed: str, numbers: Sequence[int], report: Report, *, mode: Mode, workers: int, at_once: int
) -> None:
    """Play rounds in `workers` processes, each `at_once` at a time."""
    shares = [numbers[n::workers] for n in range(workers)]
    async with asyncio.TaskGroup() as group:
        for share in filter(None, shares):
            group.create_task(_worker(seed, share, report, mode, at_once))


async def _worker(
    seed: str, share: Sequence[int], report: Report, mode: Mode, at_once: int
) -> None:
    paths = os.pathsep.join((str(_ROOT), str(_ROOT / "tests")))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chaos", "--worker", str(at_once)),
        *("--seed", seed, "--mode", mode),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    # The end of its standard input tells a worker that there is nobody left to work for.
    try:
        process.stdin.write((",".join(map(str, share)) + "\n").encode())
        await process.stdin.drain()
        async for line in process.stdout:
            report(msgspec.json.decode(line, type=Result))
    finally:
        process.stdin.close()
        if await process.wait():
            raise RuntimeError(f"a worker ended with status {process.returncode}")


async def work(seed: str, mode: Mode, at_once: int) -> None:
    """Be a worker: read the rounds' numbers, play them, print each result as JSON."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    numbers = [int(n) for n in (await reader.readline()).decode().split(",")]
    playing = asyncio.create_task(
        play_here((plan(seed, n, mode) for n in numbers), _print, at_once=at_once)
    )
    alone = asyncio.create_task(reader.read())
    await asyncio.wait({playing, alone}, return_when=asyncio.FIRST_COMPLETED)
    alone.cancel()
    if not playing.done():
        playing.cancel()
    await _finished(playing)


async def _finished(task: Awaitable[None]) -> None:
    try:
        await task
    except asyncio.CancelledError:
        return


def _print(result: Result) -> None:
    print(msgspec.json.encode(result).decode(), flush=True)  # noqa: T201 - the result
