"""Where commands write: looked up at each write, so that whoever redirects is heard."""

import sys
from collections.abc import Callable

Write = Callable[[str], object]


def to_stdout(text: str) -> None:
    """Write `text` where results go."""
    sys.stdout.write(text)


def to_stderr(text: str) -> None:
    """Write `text` where complaints go."""
    sys.stderr.write(text)
