"""What is changed in a forked bot before it starts: short pauses; a safety mechanism off.

Nothing of this is in the bot. A break that no longer finds what it switches off fails loudly,
so that a test which proves a mechanism's worth can't turn into one that proves nothing.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from msgspec.structs import replace

from bot.config.environment import Between
from bot.config.settings import Settings
from bot.execution import context, send, verify, worker
from bot.lifecycle import proof as watching
from bot.lifecycle import route_change
from bot.models import Request, Watch
from bot.slack import budget, connection, socket, socket_mode
from bot.store import cards as told
from bot.store import replicas, requests, work
from bot.store.client import Script

log = structlog.get_logger(__name__)


def hurry() -> None:
    """Let everything happen as always and in the same order, only with short pauses."""
    _set(watching, "FIRST_POLL", 0.3)
    _set(watching, "FIRST_RECONCILE", 1.0)
    _set(context, "_FIRST_WAIT", 0.2)
    _set(context, "_LONGEST_WAIT", 0.8)
    _set(send, "_READ_AFTER_LOSS", 0.2)
    budget.RATES.update(dict.fromkeys(budget.RATES, budget.Rate(1e9, 10**9)))
    _set(replicas, "_IN_TIME", 300)
    for variable in Settings.variables().values():
        if isinstance(variable.check, Between):
            _set(variable.check, "lowest", 1)
    _set(socket_mode, "PING_SECONDS", 0.5)
    _set(socket_mode, "YOUNG_SECONDS", 2.0)
    _set(socket_mode, "_LONGEST_PAUSE", 2.0)
    _set(socket, "CONNECT_SECONDS", 1.5)
    _set(socket, "RETIRE_SECONDS", 2.0)
    _set(connection, "_PAUSE_SECONDS", 0.3)
    _set(worker, "_pause", lambda tries: min(0.2 * 2.0 ** min(tries, 10), 2.0))


def tell_of_conflicts() -> None:
    """Log what the bot need not: that a change was made anew because of somebody else's."""
    commit = requests.Requests._commit  # noqa: SLF001 - there is no other place to see it

    async def told(*args: Any, **more: Any) -> int:  # noqa: ANN401 - passed on
        done = await commit(*args, **more)
        if not done:
            log.info("chaos_conflict")
        return done

    _set(requests.Requests, "_commit", told)


def _fence() -> None:
    """Let every worker write, also one whose lease is over."""
    commit = "if cmd.fence ~= '' and redis.call('HGET', KEYS[2], 'fence:' .. cmd.item) ~= cmd.fence"
    _rewrite(requests, "_COMMIT", commit, "if false")
    end = "if redis.call('HGET', KEYS[2], 'fence:' .. item) ~= ended.fence then"
    _rewrite(work, "TURN", end, "if false then")
    save = "if redis.call('HGET', KEYS[1], 'fence:' .. ARGV[1]) ~= ARGV[2] then"
    _rewrite(told, "SAVE", save, "if false then")


def _token() -> None:
    """Make a token anew for every send."""
    send = route_change.send

    def forgetful(request: Request, at: float) -> Request:
        index = request.current
        if index is not None:
            routes = list(request.routes)
            routes[index] = replace(routes[index], client_token="")
            request = replace(request, routes=tuple(routes))
        return send(request, at)

    _set(route_change, "send", forgetful)
    _set(route_change, "client_token", lambda *_: "vco-" + secrets.token_hex(20))


def _proof() -> None:
    """Take `attached` for the proof."""

    def attached(watch: Watch) -> bool:
        return watch.state == watching.SETTLED

    _set(verify, "proven", attached)


def _decision() -> None:
    """Write a change without comparing what was read."""
    _rewrite(requests, "_COMMIT", "if rev ~= cmd.rev then", "if false then")


def _replicas() -> None:
    """Wait for no replica before a send."""

    async def secured(_: requests.Requests, known: Request) -> None:
        """It is written, and that is that."""

    _set(requests.Requests, "secured", secured)


BREAKS: Mapping[str, Callable[[], None]] = {
    "fence": _fence,
    "token": _token,
    "proof": _proof,
    "decision": _decision,
    "replicas": _replicas,
}


def _set(module: Any, name: str, value: object) -> None:  # noqa: ANN401 - any module
    if not hasattr(module, name):
        raise LookupError(f"{module.__name__} has no {name} any more")
    setattr(module, name, value)


def _rewrite(module: Any, name: str, old: str, new: str) -> None:  # noqa: ANN401 - any module
    text = getattr(module, name).text
    if text.count(old) != 1:
        raise LookupError(f"{module.__name__}.{name} does not say {old!r} any more")
    _set(module, name, Script(text.replace(old, new)))
