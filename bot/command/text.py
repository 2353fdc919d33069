"""Text as a phone, a Mac or Slack really sends it → the parts of a command; pure, never fails.

    plain    Slack's links, mentions and escapes, odd quotes and invisible characters undone
    words    split at blanks and quotes, flags recognised
    parts    the free words, and each flag with its value

How a reason is read, since people under stress don't quote. A value that starts with a quote
ends with that quote. Any other takes all words up to the next flag, and so does one whose
quote is never closed. A word that looks like a misspelt flag ends it too, and is then told as
one: better an error than a `--wieght 0` that silently became prose. Other dashes are prose.

A switch takes no value but one that is glued to it (`--break-glass=no`): it never eats a word.
A phone that tears it apart (`--break glass`) is understood.
"""

import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

FLAGS = {
    "weight": "weight",
    "nexthop": "next-hop",
    "region": "region",
    "overlaymode": "overlay-mode",
    "reason": "reason",
    "breakglass": "break-glass",
    "help": "help",
    "h": "help",
}
"""A flag as typed, without dashes and case → its name."""

SWITCHES = frozenset({"break-glass"})
"""Flags that say all there is to say by standing there."""

# A Mac turns `--` into an em dash, Word into an en dash; web pages and Asian keyboards have more.
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b\u2500\ufe58\ufe63\uff0d-"
_DOUBLE = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u301d\u301e\u301f\uff02"
_SINGLE = "\u2018\u2019\u201a\u201b\u2039\u203a\uff07"
_QUOTES = str.maketrans(dict.fromkeys(_DOUBLE, '"') | dict.fromkeys(_SINGLE, "'"))
# The full-width forms of an Asian keyboard mirror ASCII from "!" to "~".
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLDED = str.maketrans(dict.fromkeys(_DASHES, "-")) | {
    k: v for k, v in _NARROW.items() if chr(k) not in _DASHES
}

# https://docs.slack.dev/messaging/formatting-message-text: what stands between < and >.
_MARKUP = re.compile(
    r"<(?:(?P<sigil>[@#!])(?P<name>[^<>|]+)|(?P<url>(?:https?|ftp|mailto|tel):[^<>|]+))"
    r"(?:\|(?P<label>[^<>]*))?>"
)
# A chain of escapes goes in one pass, not in as many as it has links.
_ESCAPE = re.compile(r"&(?:amp;)*(amp|lt|gt);")
_UNESCAPED = {"amp": "&", "lt": "<", "gt": ">"}

_LETTER = "A-Za-z\uff21-\uff3a\uff41-\uff5a"
_SIGNS = "=:\uff1d\uff1a"
_WORD = re.compile(
    rf"""
      (?P<flag>[{_DASHES}]+(?:(?i:break)[ ](?i:glass)|[{_LETTER}][{_LETTER}0-9_{_DASHES}]*))
        (?: (?P<sign>[{_SIGNS}]) | (?=[\s"']|$) )
    | "(?P<double>(?:\\.|[^"\\])*)"
    | '(?P<single>.*?)'(?=[\s,;]|$)
    | (?P<open>["'])?(?P<bare>\S*)
    """,
    re.VERBOSE,
)
_SEPARATORS = re.compile(r"[\s,;\uff0c\uff1b\u3001]+")
_WRAPPERS = "`\"'<>()[]{}" + _DASHES
_NEAR = 0.7


class Word(NamedTuple):
    """A word as split; `raw` is how it was typed, `glued` that no blank stands before it."""

    text: str
    raw: str
    flag: str = ""
    long: bool = False
    quoted: bool = False
    unclosed: bool = False
    glued: bool = False


class Flag(NamedTuple):
    """A flag and its value; `name` is empty for one that nobody knows, `typed` is its word."""

    name: str
    value: str | None
    typed: str


class Parts(NamedTuple):
    """A command taken apart, nothing checked yet; `unclosed` is a word with an open quote."""

    free: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    unclosed: str = ""

    def value(self, name: str) -> str | None:
        """The value of the flag `name`, None where it does not stand."""
        return next((flag.value for flag in self.flags if flag.name == name), None)

    def with_free(self, *free: str) -> "Parts":
        """The same with other free words."""
        return self._replace(free=free)

    def with_flag(self, name: str, value: str | None) -> "Parts":
        """The same with `name` set to `value`, or without that flag where it is None."""
        kept = tuple(flag for flag in self.flags if flag.name != name)
        added = (Flag(name, value, f"--{name}"),) if value is not None else ()
        return self._replace(flags=kept + added)

    def with_flag_at(self, index: int, flag: Flag | None) -> "Parts":
        """The same with another flag, or none, in place of the one at `index`."""
        put = (flag,) if flag else ()
        return self._replace(flags=self.flags[:index] + put + self.flags[index + 1 :])


def plain(text: str) -> str:
    """Undo Slack's markup, odd quotes and odd blanks; doing it twice changes nothing more.

    Links become their label, mentions `@name` or `#name`: they can't ping or link any more.
    Runs until nothing changes, so that no escaped markup is left to come alive later.
    """
    text = "".join(map(_visible, text)).translate(_QUOTES)
    while (clearer := _ESCAPE.sub(lambda m: _UNESCAPED[m[1]], _MARKUP.sub(_label, text))) != text:
        text = clearer
    return " ".join(text.split())


def fold(word: str) -> str:
    """The word on ASCII dashes and ASCII-wide characters, as ids, numbers and blocks need it."""
    return word.translate(_FOLDED)


def parts(text: str) -> Parts:
    """Take a command apart. Free words come without commas, backticks, brackets and quotes.

    What stands in quotes is one free word, also where it is several.
    """
    words = deque(_words(plain(text)))
    free: list[str] = []
    flags: list[Flag] = []
    unclosed = ""
    while words:
        word = words.popleft()
        if word.flag:
            name = FLAGS.get(word.flag, "")
            first = words[0] if words else None
            switch = (name or nearest_flag(word.flag)) in SWITCHES
            value = _switched(word, words) if switch else _value(name, words)
            flags.append(Flag(name, value, word.raw))
            word = first if first and name != "reason" else word
        else:
            free += [phrase] if (phrase := _phrase(word)) else pieces(word.text)
        unclosed = unclosed or (word.text if word.unclosed else "")
    return Parts(tuple(free), tuple(flags), unclosed)


def pieces(text: str) -> list[str]:
    """The bare words of a text, whatever separates them."""
    return [*filter(None, map(_bare, _SEPARATORS.split(text)))]


def nearest_flag(typed: str) -> str:
    """The name of the flag that was probably meant, or nothing."""
    near = get_close_matches(_key(typed)[:40], FLAGS, n=1, cutoff=_NEAR)
    return FLAGS[near[0]] if near else ""


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if char.isspace() or category == "Cc":
        return " "
    # Cf: zero-width and soft-hyphen and writing-direction marks; Cs: half of a broken pair.
    return "" if category in ("Cf", "Cs") else char


def _label(match: re.Match[str]) -> str:
    label: str = match["label"] or match["name"] or match["url"]
    if match["url"]:
        return label.removeprefix("mailto:").removeprefix("tel:")
    label = label.removeprefix("subteam^").lstrip("@#")
    return ("#" if match["sigil"] == "#" else "@") + label


def _words(text: str) -> Iterator[Word]:
    at, glued = 0, False
    while at < len(text):
        if text[at] == " ":
            at, glued = at + 1, False
            continue
        match = _WORD.match(text, at)
        if match is None:  # pragma: no cover - the last alternative matches anything
            return
        yield _word(match, glued=glued)
        at, glued = match.end(), bool(match["sign"])


def _word(match: re.Match[str], *, glued: bool) -> Word:
    raw = match[0]
    if match["flag"]:
        long = fold(match["flag"]).startswith("--") or match["flag"][0] != "-"
        return Word(raw, raw, flag=_key(match["flag"]), long=long, glued=glued)
    if match["double"] is not None:
        text = re.sub(r'\\(["\\])', r"\1", match["double"])
        return Word(text, raw, quoted=True, glued=glued)
    if match["single"] is not None:
        return Word(match["single"], raw, quoted=True, glued=glued)
    return Word(match["bare"], raw, unclosed=bool(match["open"]), glued=glued)


def _key(typed: str) -> str:
    return "".join(filter(str.isalnum, fold(typed))).lower()


def _value(name: str, words: deque[Word]) -> str | None:
    if not words or (not words[0].glued and _opens_flag(words[0], in_reason=name == "reason")):
        return None
    first = words.popleft()
    value = first.text
    if name == "reason" and not first.quoted:
        while words and not _opens_flag(words[0], in_reason=True):
            word = words.popleft()
            value += word.raw if word.glued else f" {word.raw}"
    return " ".join(value.split()) or None


def _switched(word: Word, words: deque[Word]) -> str | None:
    if word.raw[-1] not in _SIGNS:
        return "yes"
    value = words.popleft().text if words and words[0].glued else ""
    return " ".join(value.split()) or None


def _opens_flag(word: Word, *, in_reason: bool) -> bool:
    if not in_reason:
        return bool(word.flag)
    return word.long and (word.flag in FLAGS or bool(nearest_flag(word.flag)))


def _phrase(word: Word) -> str:
    """Several words in quotes, as one: the names of things have blanks in them."""
    several = word.quoted and len(pieces(word.text)) > 1
    return " ".join(word.text.split()) if several else ""


def _bare(word: str) -> str:
    word = word.strip(_WRAPPERS)
    if len(word) > 1 and word[0] == word[-1] and word[0] in "*_~":
        word = word[1:-1]
    # One full stop ends a sentence; three say that an id was cut off.
    return word if word.endswith("..") else word.removesuffix(".")
