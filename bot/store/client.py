"""The database behind the store: keys, the clock, scripts, and errors in our own words."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from hashlib import sha1
from typing import Any, Protocol

from redis.exceptions import (
    AuthenticationError,
    ClusterError,
    DataError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from bot import tracing
from bot.errors import StoreError, StoreFault, StoreRefused, StoreUnavailable
from bot.store.in_hand import InHand

TAG = "{vco}"

COMMAND_SECONDS = 4.0
"""For one command with all that redis-py does about it: looking for the server, connecting,
sending again. Its own time-outs are for each try and would add up to minutes."""

LATELY_SECONDS = 5.0
"""For how long the server's last word on the time is gone on from by our own clock."""

Reply = Any
"""What a script or a command answers; each typed call takes it apart at once."""


class Redis(Protocol):
    """The part of redis-py's asynchronous clients (standalone, Sentinel, Cluster) we use."""

    async def execute_command(self, *args: str | float, **options: object) -> Reply:
        """Send one command and return its reply."""
        ...

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Reply]:
        """Send commands over one connection to whoever serves the key `name`."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


IN_SCRIPTS: set[str] = set()
"""Every command that a script of ours calls: a server that forbids one of them is of no use."""


class Script:
    """A Lua script, its calling contract, and its SHA-1, by which the server knows it.

    `keys` and `args` name what it is called with, in their order. The text says `KEYS.due` and
    `ARGV.item`; what is sent says `KEYS[1]` and `ARGV[2]`, literally, as Tair wants it. A part
    that several scripts share names what it needs as well: a script without it is not built.
    """

    def __init__(self, text: str, *, keys: Sequence[str] = (), args: Sequence[str] = ()) -> None:
        """Take the text of the script, and the names of its keys and arguments.

        Raises:
            LookupError: The text names a key or an argument that is not among them, or has a
                number for one although they have names.
        """
        if keys and re.search(r"\b(KEYS|ARGV)\[", text):
            raise LookupError(f"a script has a number in the place of one of {keys} and {args}")
        self.keys, self.args = tuple(keys), tuple(args)
        self.text = _numbered(_numbered(text, "KEYS", self.keys), "ARGV", self.args)
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        IN_SCRIPTS.update(re.findall(r"redis\.p?call\('([A-Z]+)'", text))

    def check_call(self, keys: int, args: int) -> None:
        """Raise TypeError where a script with names is called with more or less than these."""
        if self.keys and (keys, args) != (len(self.keys), len(self.args)):
            raise TypeError(f"a script takes {self.keys} and {self.args}, not {keys} and {args}")


def _numbered(text: str, table: str, names: Sequence[str]) -> str:
    """Lua with the names of a table as the numbers that they are sent as."""

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            raise LookupError(f"a script names {table}.{found[1]} and declares {names}")
        return f"{table}[{names.index(found[1]) + 1}]"

    return re.sub(rf"\b{table}\.(\w+)", number, text)


def key(*parts: str) -> str:
    """A key of ours; all share one hash tag."""
    return ":".join((TAG, *parts))


DUE = key("due")
CLAIMS = key("claims")
FENCE = key("fence")
"""The number of the last claim, which only ever grows."""

NOW = """
local function seconds(given)
  if given ~= '' then return tonumber(given) end
  local t = redis.call('TIME')
  return tonumber(t[1]) + tonumber(t[2]) / 1000000
end
"""
"""Lua: the time, from the server's clock unless the caller gives one (tests do)."""

WAKE = """
local function wake(item, now, soon)
  local lease = tonumber(redis.call('HGET', KEYS.claims, 'lease:' .. item) or '')
  local at = now + (soon or 0)
  -- Also where the lease is over: who is late, and was not taken over, ends it all the same.
  if lease then redis.call('HSET', KEYS.claims, 'again:' .. item, '1') end
  if lease and lease > now then return end
  if not soon or at < (tonumber(redis.call('ZSCORE', KEYS.due, item) or '') or math.huge) then
    redis.call('ZADD', KEYS.due, at, item)
  end
end
"""
"""Lua: make an item due now, or in so many seconds at the latest. One that is being worked on
becomes due when its step ends, so that nobody works on it twice at once."""

CHECK_WORK = """
local function check_work()
  redis.call('ZADD', KEYS.due, 'XX', 0, '')
  redis.call('ZREM', KEYS.due, '')
  redis.call('ZSCORE', KEYS.due, '')
  redis.call('HGET', KEYS.claims, '')
  redis.call('HDEL', KEYS.claims, '')
  redis.call('HSET', KEYS.claims, '', '')
  redis.call('HDEL', KEYS.claims, '')
end
"""
"""Lua: fail now if `due` or `claims` can't be written.

Redis does not take back what a script has written before it fails. So a script that writes more
than one key first tries each command on its own key in a form that changes nothing, and what
undoes a form before that form: it is forbidden, renamed, or of the wrong type, all at once or
not at all. The first of them needs memory: without any, Redis refuses only a script's first write.
"""


_TIME = Script(NOW + "return string.format('%.6f', seconds(''))", keys=("due",))
"""A script rather than the command: on a Cluster it runs where all the other scripts do."""


class Database:
    """A Redis client, its clock and its scripts.

    Every failure is a `StoreUnavailable` (an outage), a `StoreRefused` (an operator has to allow
    it), or a `StoreFault` (something is broken).
    """

    def __init__(self, redis: Redis, *, now: str = "") -> None:
        """Use `redis` (with `decode_responses=True`). `now` replaces its clock in tests."""
        self._redis = redis
        self._heard: tuple[float, float] | None = None
        self.in_hand = InHand()
        self.woken: Callable[[], None] = lambda: None
        """Called where this process has made something due: its worker need not find out."""
        self.fixed_now = now

    async def command(self, *args: str | float) -> Reply:
        """Run one command."""
        async with _translated():
            return await self._send(*args)

    async def together(self, name: str, *commands: Sequence[str | float]) -> list[Reply]:
        """Run commands over one connection, one after another, where the key `name` is."""
        async with _translated():
            return await self._redis.together(name, *commands)

    async def run(self, script: Script, keys: Sequence[str], *args: str | float) -> Reply:
        """Run a script, teaching it to the server when it does not know it."""
        script.check_call(len(keys), len(args))
        rest = (len(keys), *keys, *args)
        async with _translated():
            try:
                return await self._send("EVALSHA", script.sha, *rest)
            except NoScriptError:
                return await self._send("EVAL", script.text, *rest)

    async def now(self) -> float:
        """The time that all replicas agree on, in seconds since the epoch."""
        if self.fixed_now:
            return float(self.fixed_now)
        return self.heard(float(await self.run(_TIME, (DUE,))))

    def about_now(self) -> float:
        """The time by our own clock since the server named it; 0 where it never has."""
        if self.fixed_now or self._heard is None:
            return float(self.fixed_now or 0)
        now, at = self._heard
        return now + time.monotonic() - at

    def heard(self, now: float) -> float:
        """Take note of the time that a reply of the server named; returns it."""
        self._heard = now, time.monotonic()
        return now

    async def lately(self) -> float:
        """The same time without asking, where a reply of the last seconds named it.

        For when something happened, or is due. What a promise hangs on (has a token's window
        passed?) is asked of the server: this process may have been held up in between.
        """
        if not self.fixed_now and self._heard is not None:
            now, at = self._heard
            if (passed := time.monotonic() - at) < LATELY_SECONDS:
                return now + passed
        return await self.now()

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def _send(self, *args: str | float) -> Reply:
        with tracing.span(f"redis {args[0]}", db_system_name="redis"):
            try:
                return await self._redis.execute_command(*args)
            except ResponseError as error:
                if not _demoted(error):
                    raise
                # After a failover the old master keeps our connections: new ones find the new one.
                await self._redis.aclose()
                return await self._redis.execute_command(*args)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            yield
    except Exception as error:
        raise _in_our_words(error) from error


def _in_our_words(error: Exception) -> StoreError:
    """What an error of redis-py means for us: forbidden, broken, or an outage that passes."""
    if isinstance(error, AuthenticationError | NoPermissionError) or _says(error, REFUSALS):
        return StoreRefused(_text(error))
    if isinstance(error, DataError):
        return StoreFault(type(error).__name__)
    if not isinstance(error, ResponseError) or isinstance(error, _PASSING):
        # Nothing of ours runs inside, and redis-py raises more than its RedisError: on a Cluster
        # a RedisClusterException or, redirected to a node that is new there, an AttributeError.
        return StoreUnavailable(_words(error))
    if _says(error, _STATES):
        return StoreUnavailable(_words(error))
    return StoreFault(_text(error))


def _demoted(error: ResponseError) -> bool:
    # Redis before 7 wraps what a script met: "ERR Error running script … -READONLY …".
    return isinstance(error, ReadOnlyError) or "-READONLY" in str(error)


_PASSING = (ClusterError, OutOfMemoryError, ReadOnlyError)

_STATES = (
    *("OOM", "READONLY", "MISCONF", "NOREPLICAS", "LOADING", "CLUSTERDOWN", "MASTERDOWN"),
    *("TRYAGAIN", "BUSY"),
)
"""What a server says that is there and takes nothing for now."""

REFUSALS = (
    *("NOAUTH", "WRONGPASS", "NOPERM", "ACL failure", "no permissions", "No permissions"),
    *("unknown command", "Unknown command", "Unknown Redis command", "can't run this command"),
)
"""What a server says that does not let us, or does not know the command."""

_PLACE = re.compile(r" script: ?\w*,? on @user_script.*")
"""Where in which script: the hash of a script says nothing to anybody."""

_LONGEST_TEXT = 200


def _says(error: Exception, words: Sequence[str]) -> bool:
    return isinstance(error, ResponseError) and any(word in str(error) for word in words)


def _words(error: Exception) -> str:
    """Its type says enough: the text of such an error can be long, or name what was sent."""
    name, text = type(error).__name__, str(error)
    return next((f"{name}: {word}" for word in _STATES if word in text), name)


def _text(error: Exception) -> str:
    """The server's own words. Those about an unknown command go on to quote what was sent."""
    text = _PLACE.sub("", str(error).partition(", with args")[0])
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST_TEXT]
