"""All that is wrong with a policy file: `FILE:LINE: what is wrong; what to do`."""

import datetime as dt
import re
from difflib import get_close_matches
from typing import get_args, get_type_hints

import msgspec

from bot.policy.lines import Lines, Path
from bot.policy.shape import GlassTable, LimitsTable, PolicyTable, RuleTable, Table, WideTable

_MOST = 100
"""How many notes are enough: each of them costs one more reading."""

_TABLES: dict[str, type[Table]] = {
    "rule": RuleTable,
    "wide": WideTable,
    "break_glass": GlassTable,
    "limits": LimitsTable,
}

_WHERE = re.compile(r" - at `\$(?P<path>[^`]*)`\Z")
_STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<place>\d+)\]")
_UNKNOWN = re.compile(
    r"Object contains unknown field `(?P<key>.*?)`(?: - at `[^`]*`)?\Z", re.DOTALL
)

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (int, "a huge number"),
    (list, "a list"),
    (dict, "a table"),
    ((dt.date, dt.time), "a date or a time"),
)
_HUGE = 10**18


class Notes:
    """What is wrong, and in which line; about each place what was noted first."""

    def __init__(self, file: str, lines: Lines) -> None:
        """`file` is the name by which people know it."""
        self._file = file
        self._lines = lines
        self._noted: dict[Path, str] = {}

    def line(self, path: Path) -> int:
        """The line of something in the file."""
        return self._lines.of(path)

    def wrong(self, path: Path, problem: str, mend: str) -> None:
        """Note what is wrong at that place, and what to do."""
        self._noted.setdefault(path, f"{problem}; {mend}")

    def missing(self, table: type[Table], path: Path) -> None:
        """Note that a key of the table is missing, unless it was there and wrong."""
        self.wrong(path, f"{path[-1]} is missing", _mend(table, str(path[-1])))

    def about(self, path: Path) -> bool:
        """Whether there is a note about this place or one within it."""
        return any(noted[: len(path)] == path for noted in self._noted)

    @property
    def problems(self) -> list[str]:
        """All notes in the order of their lines."""
        placed = sorted((self.line(path), words) for path, words in self._noted.items())
        return [f"{self._file}:{line}: {words}" for line, words in placed]


def checked(content: dict[str, object], notes: Notes) -> PolicyTable:
    """The content of a file in its declared shape; what is wrong is noted and taken out.

    msgspec stops at the first thing that is wrong, so it is asked again without that.
    """
    for _ in range(_MOST):
        try:
            return msgspec.convert(content, PolicyTable)
        except msgspec.ValidationError as error:
            try:
                _take_out(content, str(error), notes)
            except LookupError:
                # A key that is written like the end of such an error.
                notes.wrong((), f"this is no policy ({error})", "begin each rule with [[rule]]")
                break
    return PolicyTable()


def _take_out(content: dict[str, object], error: str, notes: Notes) -> None:
    """Note what msgspec has said, and take the value that it was about out of the content."""
    where = _WHERE.search(error)
    path = _path(where["path"]) if where else ()
    if unknown := _UNKNOWN.match(error):
        path = (*path, unknown["key"])
    holder: object = content
    for step in path[:-1]:
        holder = holder[step]  # type: ignore[index] # msgspec has just been there
    *_, key = keys = [step for step in path if isinstance(step, str)]
    table: type[Table] = _TABLES[keys[-2]] if len(keys) > 1 else PolicyTable
    if isinstance(holder, list):
        place = int(path[-1])
        notes.wrong(path, f"{key} has {_kind(holder[place])} in it", _mend(table, key))
        holder[place] = None
    elif isinstance(holder, dict):
        value = holder.pop(path[-1])
        if unknown:
            of = keys[-2] if len(keys) > 1 else "a policy"
            notes.wrong(path, f"{key[:60]!r} is no key of {of}", _nearest(table, key))
        else:
            notes.wrong(path, f"{key} is {_kind(value)}", _mend(table, key))


def _path(text: str) -> Path:
    return tuple(step["key"] or int(step["place"]) for step in _STEP.finditer(text))


def _mend(table: type[Table], key: str) -> str:
    """What the declaration of a key says, the outermost first."""
    declared = get_type_hints(table, include_extras=True)[key]
    parts = (declared, *get_args(declared))
    metas = [meta for part in parts for meta in getattr(part, "__metadata__", ())]
    described = next((meta.description for meta in metas if meta.description), None)
    return described or f"give a whole number from {metas[0].ge} to {metas[0].le}"


def _nearest(table: type[Table], key: str) -> str:
    keys = table.__struct_fields__
    near = get_close_matches(key.lower(), keys, n=1)
    return f"did you mean {near[0]}?" if near else f"there is {', '.join(keys)}"


def _kind(value: object) -> str:
    match value:
        case str():
            return repr(value[:60])
        case []:
            return "an empty list"
        case bool() | float():
            return str(value).lower()
        case int() if abs(value) < _HUGE:
            return str(value)
        case _:
            return next((word for type_, word in _KINDS if isinstance(value, type_)), "wrong")
