"""What is wrong with a command: one value, or the whole, with the correction where it is known.

Errors are plain text with code in backticks: whoever shows them escapes `&<>`.
"""

from collections.abc import Callable

from bot.command.text import Parts
from bot.errors import CommandError

MAX_QUOTED = 40


class CorrectableError(CommandError):
    """What is wrong with a command, and its parts without that mistake, if they are known."""

    def __init__(self, problem: str, word: str = "", corrected_parts: Parts | None = None) -> None:
        super().__init__(problem, word=short(word))
        self.corrected_parts = corrected_parts


class InvalidValue(Exception):
    """A word that is not what it stands for; `suggestion` is what was probably meant, or empty."""

    def __init__(self, problem: str, suggestion: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.suggestion = suggestion


def short(word: str) -> str:
    """A word of the user's as an error may quote it: never long, never breaking its backticks."""
    word = word.replace("`", "'")
    return word if len(word) <= MAX_QUOTED else word[: MAX_QUOTED - 1] + "…"


def read_free(given: Parts, index: int, read: Callable[[str], str]) -> str:
    """A free word as a value; raises `CorrectableError` with the parts as they should be."""
    word = given.free[index]
    try:
        return read(word)
    except InvalidValue as invalid:
        better = invalid.suggestion
        corrected = given.with_free(*given.free[:index], better, *given.free[index + 1 :])
        raise CorrectableError(invalid.problem, word, corrected if better else None) from None


def read_flag(given: Parts, name: str, read: Callable[[str], str]) -> str | None:
    """The value of a flag, None where it is not given; errors as in `read_free`."""
    value = given.value(name)
    if value is None:
        return None
    try:
        return read(value)
    except InvalidValue as invalid:
        raise CorrectableError(
            invalid.problem, value, given.with_flag(name, invalid.suggestion or None)
        ) from None
