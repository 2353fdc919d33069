"""Takes a table of a policy file apart, key by key, and notes all that is wrong with it.

A note is `FILE:LINE: what is wrong; what to do`. Reading goes on after each, with a stand-in
that is never used, so that all of them are found at once.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from bot.models import People
from bot.policy.lines import Lines, Path
from bot.policy.people import people, slack_id
from bot.policy.rules import Who

T = TypeVar("T")

ANYONE = "anyone"

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (str, "text"),
    (int, "a huge number"),
    (list, "a list"),
    (dict, "a table"),
    ((dt.date, dt.time), "a date or a time"),
)
_HUGE = 10**18
_LONGEST = 100
_A_LIST = 'a list of texts in quotes, such as ["{}"]'
_IDS = _A_LIST.format("S0NETOPS")


class Notes:
    """What is wrong with a file, and in which line."""

    def __init__(self, file: str, lines: Lines) -> None:
        """`file` is the name by which people know it."""
        self._file = file
        self._lines = lines
        self._noted: list[tuple[int, str]] = []

    def line(self, path: Path) -> int:
        """The line of something in the file."""
        return self._lines.of(path)

    def wrong(self, path: Path, problem: str, mend: str) -> None:
        """Note what is wrong at that place, and what to do."""
        self._noted.append((self.line(path), f"{problem}; {mend}"))

    @property
    def problems(self) -> list[str]:
        """All notes in the order of their lines."""
        return [f"{self._file}:{line}: {words}" for line, words in sorted(self._noted)]


class Table:
    """One table of the file; what its keys are is said as they are read."""

    def __init__(self, content: Mapping[str, object], path: Path, notes: Notes) -> None:
        """Read `content`, which stands at `path`."""
        self.path = path
        self.notes = notes
        self._content = content

    def has(self, key: str) -> bool:
        """Whether the key is there, right or wrong."""
        return key in self._content

    def wrong(self, key: str, problem: str, mend: str) -> None:
        """Note what is wrong with a key; with the whole table where it is not there."""
        self.notes.wrong((*self.path, key), problem, mend)

    def known(self, keys: tuple[str, ...], what: str) -> None:
        """Note every key that is none of these: a typo must not be silent."""
        for key in self._content:
            if key in keys:
                continue
            near = get_close_matches(key.lower(), keys, n=1)
            mend = f"did you mean {near[0]}?" if near else f"there is {', '.join(keys)}"
            self.wrong(key, f"{key[:60]!r} is no key of {what}", mend)

    def text(self, key: str) -> str:
        """Text that has to be there; empty where it is missing or wrong."""
        if not self.has(key):
            self.wrong(key, f"{key} is missing", f'add {key} = "…"')
        value = self._take(key, str, "text in quotes")
        good = value is None or (value.strip() and value.isprintable() and len(value) <= _LONGEST)
        if not good:
            mend = f"give up to {_LONGEST} signs, all of which can be seen"
            self.wrong(key, f"{key} is no name that can be shown", mend)
        return value or ""

    def texts(self, key: str, check: Callable[[str], T], example: str) -> tuple[T, ...]:
        """Checked texts; a list that is empty is noted, for nobody writes one on purpose."""
        found = self._take(key, list, _A_LIST.format(example))
        if found == []:
            self.wrong(key, f"{key} is an empty list", "fill it, or leave it out")
        return self._checked(key, found or [], check, example)

    def number(self, key: str, lowest: int, highest: int, default: int) -> int:
        """A whole number within bounds."""
        mend = f"a whole number from {lowest} to {highest}"
        value = self._take(key, int, mend)
        if value is not None and not lowest <= value <= highest:
            self.wrong(key, f"{key} is {_kind(value)}", f"give {mend}")
            return default
        return default if value is None else value

    def flag(self, key: str) -> bool:
        """True or false; false where it is not there."""
        return bool(self._take(key, bool, "true or false, without quotes"))

    def people(self, key: str) -> People:
        """People by their IDs."""
        found = self._take(key, list, _IDS) or []
        if not found and (not self.has(key) or self._content[key] == []):
            missing = "names nobody" if self.has(key) else "is missing"
            self.wrong(key, f"{key} {missing}", "give IDs of users (U…, W…) or of user groups (S…)")
        return people(self._checked(key, found, slack_id, "S0NETOPS"))

    def who(self, key: str, *, default: Who) -> Who:
        """People by their IDs, or `"anyone"`."""
        if not self.has(key):
            return default
        value = self._content[key]
        if value == ANYONE:
            return Who(anyone=True)
        if isinstance(value, str):
            self.wrong(key, f"{key} is one text", f'give {_IDS}, or "{ANYONE}"')
            return Who()
        if isinstance(value, list) and ANYONE in value:
            self.wrong(key, f'"{ANYONE}" stands among others', f'write {key} = "{ANYONE}" alone')
            return Who()
        return Who(people=self.people(key))

    def table(self, key: str) -> "Table | None":
        """A table in this one; None where there is none."""
        found = self._take(key, dict, "a table, such as { … }")
        return None if found is None else Table(found, (*self.path, key), self.notes)

    def _take(self, key: str, type_: type[T], wanted: str) -> T | None:
        """The value, if it is of this type; None where it is missing or noted as wrong."""
        value = self._content.get(key)
        # To Python True is a number, to people it is not.
        right = isinstance(value, type_) and (type_ is bool or not isinstance(value, bool))
        if right:
            return value  # type: ignore[return-value] # just looked at
        if key in self._content:
            self.wrong(key, f"{key} is {_kind(value)}", f"give {wanted}")
        return None

    def _checked(
        self, key: str, found: list[object], check: Callable[[str], T], example: str
    ) -> tuple[T, ...]:
        values = []
        for place, item in enumerate(found):
            at = (*self.path, key, place)
            if not isinstance(item, str):
                mend = f'give a text in quotes, such as "{example}"'
                self.notes.wrong(at, f"{key} has {_kind(item)} in it", mend)
                continue
            try:
                values.append(check(item))
            except ValueError as error:
                self.notes.wrong(at, f"{key}: {error}", f'give one such as "{example}"')
        return tuple(dict.fromkeys(values))


def _kind(value: object) -> str:
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _HUGE):
        return str(value).lower()
    return next((word for types, word in _KINDS if isinstance(value, types)), "something else")
