"""In which line each key of a TOML text stands: the parser of the standard library is silent.

The text is one that the parser has taken, so nothing is checked here. A path is made of the
keys and the places in lists that lead to a value: `("rule", 0, "wide", "ipv4")`.
"""

import re
import tomllib

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_SPACE = re.compile(r"[ \t]+")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'  # up to two quotes may stand right before the three
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)


class Lines:
    """The lines of everything in a text, counted from 1."""

    def __init__(self, text: str) -> None:
        """Look through `text`."""
        scan = _Scan(text.replace("\r\n", "\n"))
        scan.document()
        self._lines = scan.lines

    def __contains__(self, path: Path) -> bool:
        """Whether this very thing was come by."""
        return path in self._lines

    def of(self, path: Path) -> int:
        """The line of a value's key, or of the nearest thing around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)


class _Scan:
    """Walks through a text from its beginning to its end, and never back."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._latest: dict[Path, int] = {}

    def document(self) -> None:
        here: Path = ()
        while self._more(_BLANK):
            if self._peek() == "[":
                here = self._header()
            else:
                self._pair(here)

    def _header(self) -> Path:
        """`[a.b]`, or `[[a.b]]`, which begins the next table of a list."""
        line = self._line()
        of_a_list = self._text.startswith("[[", self._at)
        brackets = 2 if of_a_list else 1
        self._at += brackets
        *parents, last = self._keys() or [""]
        self._at += brackets
        here: Path = ()
        for key in parents:
            here = self._inside((*here, key), line)
        here = (*here, last)
        if of_a_list:
            self._latest[here] = self._latest.get(here, -1) + 1
        return self._inside(here, line)

    def _inside(self, path: Path, line: int) -> Path:
        """The table by that name: of a list of tables the latest one."""
        self.lines.setdefault(path, line)
        if path in self._latest:
            path = (*path, self._latest[path])
            self.lines.setdefault(path, line)
        return path

    def _pair(self, here: Path) -> None:
        line = self._line()
        for key in self._keys():
            here = (*here, key)
            self.lines.setdefault(here, line)
        self._at += 1  # the equals sign
        self._value(here)

    def _keys(self) -> list[str]:
        """A key and those behind its dots, up to the sign that ends it."""
        keys = []
        while self._more(_SPACE):
            if self._peek() in "\"'":
                keys.append(str(tomllib.loads(f"key = {self._take(_STRING)}")["key"]))
            else:
                keys.append(self._take(_BARE_KEY))
            self._more(_SPACE)
            if self._peek() != ".":
                break
            self._at += 1
        return keys

    def _value(self, path: Path) -> None:
        self._more(_SPACE)
        match self._peek():
            case '"' | "'":
                self._take(_STRING)
            case "[":
                self._list(path)
            case "{":
                self._table(path)
            case _:
                self._take(_SCALAR)

    def _list(self, path: Path) -> None:
        self._at += 1
        place = 0
        while self._more(_BLANK) and self._peek() != "]":
            if self._peek() == ",":
                self._at += 1
                continue
            self.lines[*path, place] = self._line()
            self._value((*path, place))
            place += 1
        self._at += 1

    def _table(self, path: Path) -> None:
        self._at += 1
        while self._more(_BLANK) and self._peek() != "}":
            if self._peek() == ",":
                self._at += 1
            else:
                self._pair(path)
        self._at += 1

    def _more(self, skipped: re.Pattern[str]) -> bool:
        """Whether there is something behind what can be skipped."""
        if found := skipped.match(self._text, self._at):
            self._at = found.end()
        return self._at < len(self._text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        """What stands here; at least one sign, so that the walk always ends."""
        found = pattern.match(self._text, self._at)
        start, self._at = self._at, found.end() if found else self._at + 1
        return self._text[start : self._at]

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1
