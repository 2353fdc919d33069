"""Samples as rows of a Markdown table."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_WIDTH = 56


@dataclass(frozen=True, slots=True)
class Row:
    """Some samples in seconds, and what the worst of them is compared with."""

    what: str
    samples: Sequence[float]
    against: float | None = None
    called: str = ""

    def line(self) -> str:
        """The row; its ratio is that of the worst sample."""
        worst = max(self.samples)
        ratio = f"{worst / self.against:.2f} x {self.called}" if self.against else ""
        return f"| {self.what:{_WIDTH}} | {median(self.samples):6.2f} | {worst:6.2f} | {ratio:29} |"


def table(rows: Sequence[Row]) -> str:
    """All rows below their head."""
    head = f"| {'seconds':{_WIDTH}} | median |  worst | {'worst, compared':29} |"
    rule = f"|{'-' * (_WIDTH + 2)}|-------:|-------:|{'-' * 31}|"
    return "\n".join([head, rule, *(row.line() for row in rows)])
