"""What is wrong with a word, and what was probably meant.

A fault names the word and, where one is known, carries the mended parts. Errors are plain text
with code in backticks: whoever shows them escapes `&<>`.
"""

from collections.abc import Callable

from bot.command.text import Parts
from bot.errors import CommandError

MAX_QUOTED = 40


class Fault(CommandError):
    """What is wrong with a word, and the parts without that mistake, if they are known."""

    def __init__(self, problem: str, word: str = "", mended: Parts | None = None) -> None:
        super().__init__(problem, word=short(word))
        self.mended = mended


class Wrong(Exception):
    """A value that can't be; `better` is what was probably meant."""

    def __init__(self, problem: str, better: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.better = better


def short(word: str) -> str:
    """A word of the user's as an error may quote it: never long, never breaking its backticks."""
    word = word.replace("`", "'")
    return word if len(word) <= MAX_QUOTED else word[: MAX_QUOTED - 1] + "…"


def read_free(given: Parts, index: int, read: Callable[[str], str]) -> str:
    """A free word as a value; what is wrong becomes a `Fault` with the mended parts."""
    word = given.free[index]
    try:
        return read(word)
    except Wrong as wrong:
        better = wrong.better
        mended = given.with_free(*given.free[:index], better, *given.free[index + 1 :])
        raise Fault(wrong.problem, word, mended if better else None) from None


def read_flag(given: Parts, name: str, read: Callable[[str], str]) -> str | None:
    """The value of a flag, None where it is not given; faults as in `read_free`."""
    value = given.value(name)
    if value is None:
        return None
    try:
        return read(value)
    except Wrong as wrong:
        raise Fault(wrong.problem, value, given.with_flag(name, wrong.better or None)) from None
