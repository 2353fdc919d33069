"""Samples as rows of a Markdown table, and as JSON."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

_WIDTH = 58
HEAD = f"""| {"figure":{_WIDTH}} | unit | p50 / p95 | peer | times | goal | load |
|{"-" * (_WIDTH + 2)}|---|---|---|---|---|---|"""
_TENTHS_OF_A_SECOND = 10


@dataclass(frozen=True, slots=True)
class Row:
    """Some samples, and a peer's or a bound that they are compared with, of the same run.

    The goal: at most so many `times` the peer's, or at `most` so much, whatever the peer's is.
    """

    what: str
    samples: Sequence[float]
    peer: Sequence[float] = ()
    called: str = ""
    unit: str = "s"
    times: float | None = None
    most: float | None = None
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def line(self) -> str:
        """The row: median and 95th percentile of ours, then of the peer's."""
        ours, peers = middle_and_worst(self.samples), middle_and_worst(self.peer)
        beside = f"{_said(peers)} {self.called}" if self.peer else self.called
        factor = f"{ours[0] / peers[0]:.2f}" if self.peer and peers[0] else ""
        wanted = f"{self.times:g} x" if self.times is not None else ""
        wanted = f"{self.most:g}" if self.most is not None else wanted
        goal = wanted and f"{'≤' if self.met else 'not'} {wanted}"
        cells = (f"{self.what:{_WIDTH}}", self.unit, _said(ours), beside, factor, goal)
        return f"| {' | '.join(cells)} | {self.load:.1f} |"

    @property
    def met(self) -> bool:
        """Whether the goal is met, by the median."""
        ours, peers = middle_and_worst(self.samples)[0], middle_and_worst(self.peer)[0]
        within = self.times is None or ours <= self.times * peers
        return within and (self.most is None or ours <= self.most)

    def json(self) -> dict[str, Any]:
        """Everything."""
        return asdict(self) | {"met": self.met}


def middle_and_worst(samples: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile; of few, the worst."""
    if not samples:
        return 0.0, 0.0
    few = len(samples) < _TENTHS_OF_A_SECOND
    worst = max(samples) if few else quantiles(samples, n=20, method="inclusive")[-1]
    return median(samples), worst


def _said(figures: tuple[float, float]) -> str:
    return " / ".join(f"{figure:.3g}" for figure in figures)
