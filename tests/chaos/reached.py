"""What a run really reached: a run in which something never happened has not shown that it holds.

Each name is an outcome, a guard that refused or a class of error that was met; `LEAST` says how
often a hundred rounds have to meet it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import floor

from bot.models import Event, EventKind, RequestState, RouteState
from chaos.evidence import Case, Evidence
from chaos.plan import Kind, Mode

LEAST: Mapping[str, float] = {
    "outcome: deleted": 50,
    "outcome: failed": 3,
    "outcome: unconfirmed": 1,
    "outcome: rejected": 3,
    "outcome: cancelled": 3,
    "outcome: expired": 1.5,
    "outcome: void": 1,
    "guard: a stale worker was refused": 3,
    "guard: two wrote at once": 1,
    "guard: drift stopped it": 1,
    "guard: somebody was too late, and told": 5,
    "guard: a delivery came twice": 5,
    "guard: sent again with its token": 3,
    "guard: proven after all": 0.3,
    "guard: not on a replica yet": 0.3,
    "error: busy": 3,
    "error: throttled": 1.5,
    "error: outcome unknown": 10,
    "error: refused for good": 1.5,
    **{f"fault: {kind}": 0.4 for kind in Kind if not kind.startswith("socket:")},
}
IN_SOCKET_MODE: Mapping[str, float] = {
    f"fault: {kind}": 1 for kind in Kind if kind.startswith("socket:")
}
_ENOUGH = 100
"""Fewer rounds than this show too little to be asked for anything."""


def missed(counts: Mapping[str, int], rounds: Mapping[Mode, int]) -> list[str]:
    """What was not reached often enough."""
    asked = [(LEAST, sum(rounds.values())), (IN_SOCKET_MODE, rounds.get(Mode.SOCKET, 0))]
    return [
        f"{name}: {counts.get(name, 0)} times, and {needed} are asked for"
        for least, number in asked
        if number >= _ENOUGH
        for name, share in least.items()
        if counts.get(name, 0) < (needed := max(1, floor(share * number / 100)))
    ]


def reached(found: Evidence) -> Counter[str]:
    """What this round reached, by name."""
    counts: Counter[str] = Counter()
    for case in found.cases.values():
        counts[f"outcome: {case.state.value}"] += EventKind.SUBMITTED in {
            e.kind for e in case.events
        }
        counts.update(_of_case(case))
    events = Counter(line.get("event") for line in found.logs)
    counts["guard: a stale worker was refused"] += events["claim_lost"]
    counts["guard: two wrote at once"] += events["chaos_conflict"]
    counts["guard: not on a replica yet"] += events["not_replicated"]
    counts["guard: what was said long ago is not done"] += events["delivery_too_old"]
    counts["guard: somebody was too late, and told"] += _too_late(found)
    deliveries = Counter(str(d.payload.get("trigger_id")) for d in found.world.slack.deliveries)
    counts["guard: a delivery came twice"] += sum(n - 1 for n in deliveries.values())
    return +counts


def _of_case(case: Case) -> Iterator[str]:
    for event in case.events:
        match event.kind:
            case EventKind.DRIFTED:
                yield "guard: drift stopped it"
            case EventKind.STOPPED:
                yield "guard: somebody stopped it"
            case EventKind.RECONCILED:
                yield "guard: proven after all"
            case EventKind.ANSWER_LOST:
                yield "error: outcome unknown"
            case EventKind.SENDING if event.details["attempt"] != "1":
                yield "guard: sent again with its token"
            case EventKind.WAITING | EventKind.ROUTE_ENDED:
                yield from _error(event)
            case _:
                pass


def _error(event: Event) -> Iterator[str]:
    code = event.details.get("code", "")
    if event.details.get("state") == RouteState.ALREADY_GONE:
        yield "error: already gone"
    elif event.kind is EventKind.ROUTE_ENDED and code.startswith("Forbidden"):
        yield "error: refused for good"
    elif code.startswith("Throttling"):
        yield "error: throttled"
    elif "Conflict" in code or code.startswith("connection "):
        yield "error: busy"


def _too_late(found: Evidence) -> int:
    """How many people were told that others had decided before them."""
    words = [str(call.args) for call in found.world.slack.requests if not call.error]
    return sum("already" in text or "was decided" in text for text in words)


def total(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    """The sum of several rounds."""
    added: Counter[str] = Counter()
    for one in counts:
        added.update(one)
    return added


OUTCOMES = frozenset(f"outcome: {state.value}" for state in RequestState)
