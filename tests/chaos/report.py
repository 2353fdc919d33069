"""Counts what came of the rounds, and prints it: a live line, then a table."""

import sys
import time
from collections import Counter

from chaos.directed import DIRECTED
from chaos.plan import Kind, Mode
from chaos.reached import OUTCOMES, missed, total
from chaos.rounds import Result

_WIDTH = 46


class Tally:
    """Adds up results as they come."""

    def __init__(self, seed: str, rounds: int) -> None:
        self._seed = seed
        self._rounds = rounds
        self._started = time.monotonic()
        self.results: list[Result] = []

    @property
    def violations(self) -> list[Result]:
        """The rounds that went wrong."""
        return sorted((r for r in self.results if r.violations), key=lambda r: r.number)

    @property
    def missed(self) -> list[str]:
        """What was not reached as often as so many rounds should."""
        counts = self._reached()
        for kind, number in total(r.faults for r in self.results).items():
            counts[f"fault: {kind}"] += number
        return missed(counts, Counter(Mode(r.mode) for r in self.results))

    def _reached(self) -> Counter[str]:
        return total(r.reached for r in self.results)

    def add(self, result: Result) -> None:
        """Count a round, and move the live line."""
        self.results.append(result)
        words = (
            f"round {len(self.results)} of {self._rounds}, "
            f"{sum(r.effects for r in self.results)} effects, "
            f"{sum(sum(r.faults.values()) for r in self.results)} faults, "
            f"{len(self.violations)} rounds with violations, {self._seconds():.0f} s"
        )
        if sys.stderr.isatty():
            print(f"\r{words}", end="", file=sys.stderr, flush=True)  # noqa: T201 - the live line
        elif len(self.results) % 25 == 0 or result.violations:
            print(words, file=sys.stderr, flush=True)  # noqa: T201 - the same for a log

    def table(self) -> str:
        """Everything, as a Markdown table, and each violation with how to see it again."""
        faults: Counter[str] = Counter()
        outcomes: Counter[str] = Counter()
        for result in self.results:
            faults.update(result.faults)
            outcomes.update(result.outcomes)
        reached = {n: c for n, c in sorted(self._reached().items()) if n not in OUTCOMES}
        names = [*(kind.value for kind in Kind)]
        rows = [
            ("**rounds**", len(self.results)),
            ("requests", self._sum("requests")),
            ("clicks", self._sum("clicks")),
            ("storms of clicks", self._sum("storms")),
            ("deletions sent", self._sum("sends")),
            ("deletions that took effect", self._sum("effects")),
            *((f"requests {name}", count) for name, count in sorted(outcomes.items())),
            ("messages that came twice", self._sum("repeats")),
            *reached.items(),
            ("**faults**", sum(faults.values())),
            *((name, faults[name]) for name in names if faults[name]),
            ("**violations**", sum(len(r.violations) for r in self.results)),
        ]
        head = [f"Seed {self._seed}, {self._seconds():.0f} s", ""]
        head += [f"| {'what':{_WIDTH}} | {'count':>7} |", f"|{'-' * (_WIDTH + 2)}|--------:|"]
        body = [f"| {name:{_WIDTH}} | {count:>7,} |" for name, count in rows]
        missed = [f"Not reached often enough: {words}" for words in self.missed]
        return "\n".join([*head, *body, *missed, *self._wrong()])

    def _wrong(self) -> list[str]:
        lines = []
        for result in self.violations:
            lines += [
                "",
                f"Round {result.number}: {_again(result)}",
                f"  records: {result.dump or 'none'}",
            ]
            lines += [f"  - {violation}" for violation in result.violations]
        return lines

    def _sum(self, field: str) -> int:
        return sum(getattr(result, field) for result in self.results)

    def _seconds(self) -> float:
        return time.monotonic() - self._started


def _again(result: Result) -> str:
    """The command that plays a round again."""
    if result.seed.startswith(DIRECTED):
        return f"make chaos ARGS='--directed {result.seed.removeprefix(DIRECTED)}'"
    return f"make chaos SEED={result.seed} ROUND={result.number} MODE={result.mode}"
