"""Makes plans at random, from a seed. Pure.

A plan follows from its seed and number alone; what the processes make of it does not, so a
round that is played again gives the same pressure and not the same microseconds.
"""

from random import Random

from msgspec.structs import replace

from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, GINA
from chaos.plan import APPROVERS, ONLY_CHANGES, Act, Ask, Click, Fault, Kind, Mode, Plan

REQUESTERS = (ALICE, ALICE, BOB, CAROL)
"""Who asks; Alice may not approve."""


def plan(seed: str, number: int, mode: Mode = Mode.HTTP) -> Plan:
    """The plan of a round."""
    if mode is Mode.BOTH:
        mode = (Mode.HTTP, Mode.SOCKET)[number % 2]
    random = Random(f"{seed}/{number}")  # noqa: S311 - repeatable on purpose
    connections = tuple(random.randint(3, 6) for _ in range(random.randint(1, 3)))
    replicas = random.choice((1, 2, 2, 3))
    busy_until = random.uniform(3.0, 6.0)
    asks = tuple(
        _ask(random, number, connections, busy_until) for number in range(random.randint(1, 4))
    )
    lease = random.choice((1, 2, 2))
    kinds = _kinds(random, mode, number)
    faults = [
        _fault(random, busy_until, replicas, connections, lease, kinds)
        for _ in range(random.choice((2, 3, 4, 5, 6, 8, 10)))
    ]
    if random.random() < _FAILOVERS:
        faults.append(_fault(random, busy_until, replicas, connections, lease, [Kind.FAILOVER]))
    faults = _once(faults)
    if number % 3:
        asks, aimed = _aimed(asks, f"{seed}/{number}")
        asks, faults = _sent_unreplicated(asks, [*faults, *aimed])
    silent = any(f.kind in _RARE for f in faults)
    replica = any(f.kind is Kind.FAILOVER for f in faults)
    operation = random.choice((30, 6, 6, 6) if silent else (30, 30, 6))
    expiry = random.choice((*(1800,) * 5, 6))
    if expiry < _LONG:
        asks = tuple(replace(ask, acts=()) if random.random() < 0.3 else ask for ask in asks)
    ends = max((f.at + max(f.seconds, 0.0) for f in faults), default=0.0)
    return Plan(
        seed=seed,
        number=number,
        replicas=replicas,
        lease=lease,
        connections=connections,
        task_delay=_round(random.choice((0.05, 0.2, random.uniform(0.3, 1.5)))),
        task_seconds=_round(random.uniform(0.2, 1.0)),
        listing_lag=random.choice((0.0, 0.0, 0.0, 0.4)),
        asks=tuple(_with_stops(ask, f"{seed}/{number}/{ask.label}") for ask in _sorted(asks)),
        faults=tuple(sorted(faults, key=lambda f: f.at)),
        quiet_at=_round(max(busy_until, ends) + 0.5),
        mode=mode,
        expiry=expiry,
        operation=operation,
        tiers=random.random() < 0.1,
        replica=replica,
    )


def _aimed(asks: tuple[Ask, ...], seed: str) -> tuple[tuple[Ask, ...], list[Fault]]:
    """What chance meets too seldom: a route inside one that is asked for, a send that is throttled.

    By a seed of its own: all else is as it was planned before.
    """
    random = Random(f"{seed}/aimed")  # noqa: S311 - repeatable on purpose
    which, hit = random.random(), random.randrange(len(asks))
    ask = asks[hit]
    fault = Fault(at=0.0, kind=Kind.THROTTLED, seconds=1.0, times=1, detail=_DELETE)
    if which < _THROTTLED:
        return asks, [fault]
    approvals = [act for act in ask.acts if act.click is Click.APPROVE]
    if which > _THROTTLED + _DRIFTED or not approvals:
        return asks, []
    # The card is there within a second as a rule, and then it is a while until the approval.
    late = replace(ask, acts=(replace(approvals[0], after=2.0),))
    added = replace(fault, kind=Kind.ROUTE_ADDED, at=_round(ask.at + 1.5), detail="")
    added = replace(added, target=ask.connection, skip=ask.routes[0])
    return (*asks[:hit], late, *asks[hit + 1 :]), [added]


def _sent_unreplicated(
    asks: tuple[Ask, ...], faults: list[Fault]
) -> tuple[tuple[Ask, ...], list[Fault]]:
    """The same, where in a failover the first approval comes while no replica hears of it."""
    away = next((f for f in faults if f.kind is Kind.FAILOVER), None)
    hit = next((n for n, a in enumerate(asks) if any(b.click is Click.APPROVE for b in a.acts)), -1)
    if away is None or hit < 0:
        return asks, faults
    ask, longer = asks[hit], replace(away, seconds=max(away.seconds, 3.0))
    # The card is there within a second as a rule.
    begins = max(away.at, ask.at + 1.0)
    who = next(act.who for act in ask.acts if act.click is Click.APPROVE)
    late = Act(after=_round(begins + 0.3 - ask.at), who=who, click=Click.APPROVE)
    aimed = replace(ask, acts=(late,))
    others = [f for f in faults if f is not away]
    return (*asks[:hit], aimed, *asks[hit + 1 :]), [*others, replace(longer, at=_round(begins))]


def _kinds(random: Random, mode: Mode, number: int) -> list[Kind]:
    """What may go wrong in a round: one thing alone, a few, or everything at once.

    Every third round is for one kind alone, and they take turns: chance would leave some out.
    """
    every = [k for k in Kind if mode is Mode.SOCKET or not k.startswith("socket:")]
    turn, others = divmod(number, 3)
    if not others:
        return [every[turn % len(every)]]
    some = random.choice((2, 4, len(every), len(every), len(every)))
    if some < len(every):
        return random.sample(every, some)
    # The longest of all and the most special have their share when they meet nothing else.
    return [k for k in every if k not in _RARE and k is not Kind.FAILOVER] + list(_COMMON)


def _once(faults: list[Fault]) -> list[Fault]:
    """One failover is enough, and a server that comes back is none that fails over."""
    failovers = [f for f in faults if f.kind is Kind.FAILOVER]
    if not failovers:
        return faults
    others = (Kind.FAILOVER, Kind.VALKEY_KILLED)
    return [*failovers[:1], *(f for f in faults if f.kind not in others)]


def _ask(random: Random, number: int, connections: tuple[int, ...], until: float) -> Ask:
    who = random.choice(REQUESTERS)
    connection = random.randrange(len(connections))
    count = min(random.choice((1, 1, 1, 2, 3)), connections[connection])
    return Ask(
        at=_round(random.uniform(0.0, until * 0.6)),
        who=who,
        label=f"case-{number:02d}",
        connection=connection,
        routes=tuple(sorted(random.sample(range(connections[connection]), count))),
        acts=tuple(sorted(_acts(random, who), key=lambda a: a.after)),
    )


def _sorted(asks: tuple[Ask, ...]) -> list[Ask]:
    return sorted(asks, key=lambda a: a.at)


def _with_stops(ask: Ask, seed: str) -> Ask:
    """The same, where now and then somebody wants to stop what is approved.

    By a seed of its own: all else is as it was planned before there was a stop.
    """
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    approvals = [act for act in ask.acts if act.click is Click.APPROVE]
    if not approvals or random.random() > _STOPS:
        return ask
    who = random.choice((ask.who, ask.who, approvals[0].who, GINA))
    after = _round(approvals[0].after + random.uniform(0, 1.5))
    acts = [*ask.acts, Act(after=after, who=who, click=Click.STOP)]
    return replace(ask, acts=tuple(sorted(acts, key=lambda a: a.after)))


def _acts(random: Random, requester: str) -> list[Act]:
    approver = random.choice([a for a in APPROVERS if a != requester])
    at = _round(random.uniform(0.0, 1.5))
    acts = [Act(after=at, who=approver, click=Click.APPROVE)]
    story = random.random()
    if story < 0.15:
        acts.append(Act(after=at, who=requester, click=Click.CANCEL))
    elif story < 0.25:
        acts.append(Act(after=_about(random, at), who=approver, click=Click.REJECT))
    elif story < 0.35:
        acts.append(Act(after=at, who=approver, click=Click.STORM))
    elif story < 0.40:
        return [Act(after=at, who=approver, click=Click.REJECT)]
    elif story < 0.44:
        return [Act(after=at, who=requester, click=Click.CANCEL)]
    elif story < 0.47:
        return []
    if random.random() < 0.25:
        acts.append(
            Act(after=_about(random, at), who=random.choice((requester, GINA)), click=Click.APPROVE)
        )
    if random.random() < 0.25:
        acts.append(Act(after=_round(at + random.uniform(0, 3)), who=approver, click=Click.REPEAT))
    if random.random() < 0.2:
        late = random.choice([(p, c) for p in APPROVERS for c in (Click.APPROVE, Click.REJECT)])
        acts.append(Act(after=_round(at + random.uniform(1, 4)), who=late[0], click=late[1]))
    return acts


_DELETE = "DeleteVcoRouteEntry"
_ACTIONS = (_DELETE, _DELETE, _DELETE, "DescribeVpnConnection", "DescribeVcoRouteEntries", "")
_METHODS = (
    *("chat.postMessage", "chat.postMessage", "chat.update", "*"),
    *("response_url", "users.info", "views.open", "chat.postEphemeral"),
)
_KEYS = (":told:", ":request:", ":due", "")
_COMMON = (
    *(Kind.BOT_KILLED, Kind.BOT_KILLED, Kind.BOT_KILLED_AT_SEND, Kind.BOT_STOPPED),
    *(Kind.BOT_STOPPED_AT_SEND, Kind.VALKEY_KILLED, Kind.REPLY_LOST, Kind.REPLY_LOST),
    *(Kind.LOST_BEFORE, Kind.LOST_AFTER, Kind.LOST_AFTER, Kind.BUSY, Kind.SLACK_LOST),
)
_LONG = 60
"""Seconds; a request that expires sooner is left alone by everybody now and then."""

_STOPS = 0.3
"""The part of the requests that somebody wants to stop once they are approved."""

_FAILOVERS = 0.1
"""The part of the rounds in which Valkey fails over, whatever else there is."""

_THROTTLED = 0.1
_DRIFTED = 0.2
"""The parts of the rounds in which these happen, whatever else there is, but for those of one
kind alone."""

_FORBIDDEN = ("xadd", "hset", "zadd", "set", "expire")
_RARE = (Kind.FAILS_SILENTLY,)
"""Leads to a whole operation time-out, so a round with it takes long."""


def _fault(  # noqa: PLR0913, PLR0917 - what a round is made of
    random: Random,
    until: float,
    replicas: int,
    connections: tuple[int, ...],
    lease: int,
    kinds: list[Kind],
) -> Fault:
    kind = random.choice(kinds)
    if random.random() < 0.015:
        kind = random.choice(_RARE)
    group = kind.partition(":")[0]
    skips = (0, 0, 0, 1) if kind in ONLY_CHANGES else (0, 0, 1, 3)
    skip = random.choice(skips) if group in ("api", "slack", "redis") else 0
    seconds, times, detail = _round(random.uniform(0.3, 3.0)), random.choice((1, 1, 2, 3)), ""
    target = random.randrange(len(connections))
    if group == "bot":
        target = random.randrange(replicas)
        stopped = kind in (Kind.BOT_STOPPED, Kind.BOT_STOPPED_AT_SEND)
        seconds = _round(lease + random.uniform(0.3, 2.5)) if stopped else min(seconds, 2.0)
    elif group == "redis":
        detail = random.choice(_FORBIDDEN if kind is Kind.REDIS_FORBIDS else _KEYS)
        seconds = _round(lease + random.uniform(0.3, 2.0)) if kind is Kind.WRITE_HELD else seconds
    elif group == "api":
        detail = random.choice(_ACTIONS)
        times = 1 if kind in _RARE else times
    elif group == "slack":
        detail = random.choice(_METHODS)
    elif group == "socket":
        seconds = _round(random.uniform(0.5, 4.0))
    elif group == "elsewhere":
        skip = random.randrange(connections[target])
    # What only changes meet is there before the few of a round are sent, or it never meets one.
    early = kind in ONLY_CHANGES or detail == _DELETE
    # What changes a route matters between its preview and its send, which are over soon.
    part = 4 if early else 2 if group == "elsewhere" else 1
    at = random.uniform(0.0, until / part)
    if kind is Kind.CLOCK_JUMPED:
        # A second's worth, or more than any lease.
        seconds = _round(random.choice((-10.0, -1.5, 1.5, 5.0, 10.0)))
    if kind is Kind.SLACK_HANG:
        # An edit that takes effect after a later edit can't be known by anybody.
        detail = "chat.postMessage" if detail in ("chat.update", "*") else detail
        seconds = _round(random.choice((seconds, 5.4)))
    return Fault(
        at=_round(at),
        kind=kind,
        seconds=seconds,
        times=times,
        target=target,
        detail=detail,
        skip=skip,
    )


def _about(random: Random, at: float) -> float:
    return _round(max(0.0, at + random.uniform(-0.3, 0.3)))


def _round(seconds: float) -> float:
    return round(seconds, 2)
