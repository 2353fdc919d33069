"""What one check found: ok, warning or failure, in one line, with what to do about it."""

from collections.abc import Iterable
from enum import StrEnum

from bot.models import Value


class Level(StrEnum):
    """How bad it is. A failure keeps the bot from working, or from working safely."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(Value, frozen=True):
    """One line of `doctor`. `mend` says what to do; it is empty where all is well."""

    check: str
    level: Level
    found: str
    mend: str = ""

    def __str__(self) -> str:
        """For people."""
        mend = f" → {self.mend}" if self.mend else ""
        return f"{self.level.value:<8} {self.check}: {self.found}{mend}"


NOT_TOLD = "not told; the server hides it, as managed ones do"


def ok(check: str, found: str) -> Finding:
    """All is well, or it can't be known and nothing speaks against it."""
    return Finding(check=check, level=Level.OK, found=found)


def warning(check: str, found: str, mend: str) -> Finding:
    """Unwise, or to be looked at; the bot works."""
    return Finding(check=check, level=Level.WARNING, found=found, mend=mend)


def failure(check: str, found: str, mend: str) -> Finding:
    """It does not work like this."""
    return Finding(check=check, level=Level.FAILURE, found=found, mend=mend)


def worst(findings: Iterable[Finding]) -> Finding:
    """Of the same check on several servers, the finding that matters."""
    order = list(Level)
    return max(findings, key=lambda finding: order.index(finding.level))
