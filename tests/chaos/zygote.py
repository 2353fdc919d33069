"""The process that has imported the bot once and forks a real one for each start.

It reads orders, a JSON object a line, from standard input and answers each with a line. It is
single-threaded and has no event loop, so that what it forks starts clean. It ends with its
parent, as the end of standard input tells, and takes all its bots along.
"""

import json
import os
import signal
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from bot.sandbox.vpc import seed
from chaos import clock
from chaos.breaks import BREAKS, hurry, tell_of_conflicts

_CRASHED = 70


def main() -> None:
    """Follow orders until there are no more."""
    _import_everything()
    hurry()
    tell_of_conflicts()
    lifeline, alive = os.pipe()
    bots: set[int] = set()
    try:
        for line in sys.stdin:
            order = json.loads(line)
            if "env" in order:
                answer: int | None = _start(order, lifeline, alive, bots)
            else:
                answer = _reap(order["reap"], bots)
            print(json.dumps(answer), flush=True)  # noqa: T201 - the answer
    finally:
        for pid in bots:
            # Not reaped yet, so the number is still theirs.
            os.kill(pid, signal.SIGKILL)


def _import_everything() -> None:
    # The official credential chain reads the environment when it is imported.
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"] = seed.ACCESS_KEY_ID
    os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = seed.ACCESS_KEY_SECRET
    for name in ("bot.__main__", "bot.service.run", "bot.logs", "alibabacloud_credentials.client"):
        import_module(name)
    if threading.active_count() != 1:
        raise RuntimeError("an import has started a thread: forking is not safe any more")


def _reap(pid: int, bots: set[int]) -> int | None:
    """The exit status of a bot, None while it runs. Its number is not used again before this."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
    bots.discard(pid)
    return os.waitstatus_to_exitcode(status)


def _start(order: dict[str, Any], lifeline: int, alive: int, bots: set[int]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        bots.add(pid)
        return pid
    status = _CRASHED
    try:
        os.close(alive)
        status = _be_a_bot(order, lifeline)
    except BaseException:  # noqa: BLE001 - the child must never run the zygote's own code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _be_a_bot(order: dict[str, Any], lifeline: int) -> int:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["env"])
    threading.Thread(target=_follow, args=(lifeline,), daemon=True).start()
    clock.follow(Path(order["clock"]))
    if order["broken"]:
        BREAKS[order["broken"]]()
    bot = import_module("bot.__main__")
    status: int = bot.main(["serve"])
    return status


def _follow(lifeline: int) -> None:
    """End when the zygote has ended, however that came."""
    os.read(lifeline, 1)
    os._exit(_CRASHED)


if __name__ == "__main__":
    main()
