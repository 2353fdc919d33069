"""Is the database one that may hold what was approved and what was sent?

`Facts` is what a server says of itself (`INFO`), empty where it says nothing.
"""

from collections.abc import Mapping, Sequence

from bot.cli.checks.finding import NOT_TOLD, Finding, failure, ok, warning, worst
from bot.config.environment import MAKE_KEY
from bot.config.redis_url import RedisKind
from bot.store import Store
from bot.store.health import OK, WARNING, evicting, forgetting

Facts = Mapping[str, object]

OLDEST = (6, 2)
"""The oldest version that the scripts were run on."""

_SCARCE, _FULL = 80, 95
"""Percent of `maxmemory`."""

_MIB = 1024 * 1024


async def examine(store: Store, kind: RedisKind) -> list[Finding]:
    """All findings about the database; one alone where it does not answer."""
    answering = answers(await store.health.answers())
    if answering.mend and "does not answer" in answering.found:
        return [answering]
    nodes = await store.health.facts()
    return [
        answering,
        worst(version(facts) for facts in nodes),
        worst(shape(facts, kind) for facts in nodes),
        worst(persistence(facts) for facts in nodes),
        worst(eviction(facts) for facts in nodes),
        worst(memory(facts) for facts in nodes),
        replicas(await store.health.survives()),
    ]


def answers(word: str) -> Finding:
    """Whether it answers, takes writes, and lets us do all that we do."""
    if word == OK:
        return ok("redis", "answers, takes writes, allows every command")
    mend = "start it, and look at REDIS_URL: host, port, TLS, the way there"
    if word.startswith("refuses us"):
        mend = "look at the user and the password in REDIS_URL"
    elif word.startswith("refuses writes"):
        mend = "give it memory and disk, and let REDIS_URL name the master"
    elif word.startswith("refuses"):
        mend = "allow the commands to the bot's user: ACL SETUSER … +command"
    elif " should be a " in word:
        mend = "somebody else wrote to this key: rename it away"
    return failure("redis", word, mend)


def version(facts: Facts) -> Finding:
    """Whether it is new enough for the scripts."""
    valkey, said = str(facts.get("valkey_version", "")), str(facts.get("redis_version", ""))
    numbers = said.split(".")
    if len(numbers) < len(OLDEST) or not all(n.isdecimal() for n in numbers[: len(OLDEST)]):
        return ok("redis version", NOT_TOLD)
    if tuple(map(int, numbers[: len(OLDEST)])) < OLDEST:
        return failure("redis version", said, "upgrade to Redis 6.2 or newer, or to Valkey")
    return ok("redis version", f"Valkey {valkey}" if valkey else f"Redis {said}")


def shape(facts: Facts, kind: RedisKind) -> Finding:
    """Whether the server is what REDIS_URL says: alone, behind Sentinel, a Cluster."""
    # Valkey has another name for it.
    mode = str(facts.get("redis_mode") or facts.get("server_mode") or "")
    role = str(facts.get("role", ""))
    if not mode:
        return ok("redis shape", NOT_TOLD)
    wanted = "cluster" if kind is RedisKind.CLUSTER else "standalone"
    if mode == "sentinel":
        mend = "use REDIS_URL=redis+sentinel://host:26379/master/0"
        return failure("redis shape", "REDIS_URL names a Sentinel as if it were a server", mend)
    if mode != wanted:
        form = "redis+cluster://" if mode == "cluster" else "redis://"
        return failure("redis shape", f"the server is {mode}", f"begin REDIS_URL with {form}")
    if role == "slave" and kind is not RedisKind.CLUSTER:
        return failure("redis shape", "this is a replica", "let REDIS_URL name the master")
    return ok("redis shape", "a master behind Sentinel" if kind is RedisKind.SENTINEL else mode)


def persistence(facts: Facts) -> Finding:
    """Whether a restart finds what was approved and sent."""
    if "aof_enabled" not in facts:
        return ok("redis persistence", NOT_TOLD)
    if word := forgetting(facts):
        mend = "set appendonly yes, and appendfsync always where a send must outlive the machine"
        if word.startswith(WARNING):
            return warning("redis persistence", word.removeprefix(WARNING), mend)
        return failure("redis persistence", word, "make room on its disk")
    return ok("redis persistence", "append-only file")


def eviction(facts: Facts) -> Finding:
    """Whether it throws live requests away when memory is short."""
    policy = str(facts.get("maxmemory_policy", ""))
    if not policy:
        return ok("redis eviction", NOT_TOLD)
    if evicting(facts):
        found = f"{policy} evicts live requests when memory is short"
        return failure("redis eviction", found, "set maxmemory-policy noeviction")
    return ok("redis eviction", policy)


def memory(facts: Facts) -> Finding:
    """How much memory is left before it refuses writes."""
    try:
        used, limit = int(str(facts["used_memory"])), int(str(facts["maxmemory"]))
    except (KeyError, ValueError):
        return ok("redis memory", NOT_TOLD)
    if not limit:
        return ok("redis memory", f"{used // _MIB} MiB used, no limit set")
    percent = 100 * used // limit
    found = f"{percent} % of {limit // _MIB} MiB used"
    mend = "raise maxmemory, shorten VCO_RETENTION, or trim the audit (`audit trim`)"
    if percent >= _FULL:
        return failure("redis memory", found, mend)
    return warning("redis memory", found, mend) if percent >= _SCARCE else ok("redis memory", found)


def replicas(word: str) -> Finding:
    """Whether a failover finds what was approved and sent."""
    if word == OK:
        return ok("redis replicas", "as many as the server asks for have each write, or not told")
    if word.startswith(WARNING):
        mend = "add a replica, and set min-replicas-to-write 1 and min-replicas-max-lag 10"
        return warning("redis replicas", word.removeprefix(WARNING), mend)
    return failure("redis replicas", word, "bring the replicas back; what waits goes on by itself")


def seal(broken: Sequence[str], count: int, *, on: bool) -> Finding:
    """Whether what is open bears the seal; `broken` are those of `count` that do not."""
    if not on:
        found = "VCO_SEAL_KEY is not set: whoever can write to Redis can approve"
        return warning("redis seal", found, f"give all replicas one: {MAKE_KEY}")
    if broken:
        found = f"{len(broken)} of {count} open requests do not bear it: {', '.join(broken[:3])}"
        mend = (
            "give all replicas the same VCO_SEAL_KEY, an earlier key behind a comma; "
            "what was asked for before there was one has to be asked for anew"
        )
        return failure("redis seal", found, mend)
    return ok("redis seal", f"what is open bears it: {count}")
