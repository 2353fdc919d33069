"""Which connection is meant by a name, and which others are near it. Pure.

Two names are the same where only what a keyboard or Slack does to a text differs: kinds of blanks
and of dashes. Everything else is another name, and is offered, never taken.
"""

import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher

from bot.command.text import fold
from bot.models import Connection

NEAREST = 5
"""How many connections are offered where none has the name."""

_NEAR = 0.6
"""How alike two words have to be, from 0 to 1, for one to be offered for the other."""

_COMPARED = 128
"""Characters that are compared: names are no longer (the vendor's page of the console)."""


def called(name: str, connections: Iterable[Connection]) -> tuple[Connection, ...]:
    """The connections of just this name."""
    wanted = _plain(name)
    return tuple(c for c in connections if c.name and _plain(c.name) == wanted)


def nearest(word: str, connections: Iterable[Connection]) -> tuple[Connection, ...]:
    """The connections whose name or id is most like `word`, the most like first."""
    ranked = [(_likeness(word, one), one) for one in connections]
    near = [(score, one) for score, one in ranked if score >= _NEAR]
    near.sort(key=lambda pair: (-pair[0], pair[1].name, pair[1].region, pair[1].vpn_connection_id))
    return tuple(one for _, one in near[:NEAREST])


def _plain(name: str) -> str:
    return " ".join(fold(unicodedata.normalize("NFC", name)).split())


def _likeness(word: str, connection: Connection) -> float:
    wanted = _plain(word).casefold()[:_COMPARED]
    name = _plain(connection.name).casefold()[:_COMPARED]
    by_name = _alike(wanted, name) if name else 0.0
    return max(by_name, SequenceMatcher(None, wanted, connection.vpn_connection_id).ratio())


def _alike(wanted: str, name: str) -> float:
    """From 0 to 1; a name that has the whole word in it is nearer than any that resembles it."""
    ratio = SequenceMatcher(None, wanted, name).ratio()
    return (1 + ratio) / 2 if wanted and wanted in name else ratio
