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

    `goal`: at most so many times the peer's, or at most so much, where there is none.
    """

    what: str
    samples: Sequence[float]
    peer: Sequence[float] = ()
    called: str = ""
    unit: str = "s"
    goal: float | None = None
    load: float = field(default_factory=lambda: os.getloadavg()[0])

    def line(self) -> str:
        """The row: median and 95th percentile of ours, then of the peer's."""
        ours, peers = middle_and_worst(self.samples), middle_and_worst(self.peer)
        beside = f"{_said(peers)} {self.called}" if self.peer else self.called
        times = f"{ours[0] / peers[0]:.2f}" if self.peer and peers[0] else ""
        goal = "" if self.goal is None else f"{'≤' if self.met else 'not'} {self.goal:g}"
        cells = (f"{self.what:{_WIDTH}}", self.unit, _said(ours), beside, times, goal)
        return f"| {' | '.join(cells)} | {self.load:.1f} |"

    @property
    def met(self) -> bool:
        """Whether the goal is met."""
        ours, peers = middle_and_worst(self.samples)[0], middle_and_worst(self.peer)[0]
        return self.goal is None or ours <= self.goal * (peers if self.peer else 1)

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
