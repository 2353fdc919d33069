"""What must hold for the whole of a command, beyond its single words."""

from collections.abc import Sequence
from typing import NamedTuple

from bot.command.commands import MAX_REASON
from bot.command.errors import CorrectableError, read_flag, read_free, short
from bot.command.text import SWITCHES, Parts, fold, nearest_flag
from bot.command.values import (
    ID_LIKE,
    connection_id,
    is_address,
    is_name,
    region_id,
    switch_of,
)
from bot.policy import says_something

_NAKED = (
    *("weight", "next-hop", "nexthop", "region", "overlay-mode", "overlaymode", "reason"),
    *("break-glass", "break_glass", "breakglass"),
)


def check_end(given: Parts, count: int, verb: str) -> None:
    """No word may stand after the first `count`."""
    if len(given.free) > count:
        word = given.free[count]
        problem = f"`{verb}` does not know what to do with `{short(word)}`."
        raise CorrectableError(problem, word, given.with_free(*given.free[:count]))


def check_strays(given: Parts) -> None:
    """The naked-command guard: nothing is deleted while a word's meaning is unclear.

    Only the first word may be the name of a connection, and only where no id is given.
    """
    free = given.free
    by_id = any(ID_LIKE.match(fold(one)) for one in free)
    known = [bool(ID_LIKE.match(fold(word))) or is_address(word) for word in free]
    named = not by_id and is_name(free[0])
    if named:
        known[0] = True
        _check_naked(given, 0)
    if all(known):
        return
    at = known.index(False)
    word = free[at]
    _check_naked(given, at)
    if named and at == 1:
        raise _name_in_quotes(given, known)
    if not by_id and not named:
        raise _swapped_name(given, at)
    if by_id and not any(map(is_address, free)):
        raise CorrectableError(
            f"`{short(word)}` is no CIDR block, such as `192.168.10.0/24`.", word
        )
    strays = [one for one, fine in zip(free, known, strict=True) if not fine]
    what = "no id, no CIDR block and no flag" if by_id else "no CIDR block and no flag"
    kept = given.with_free(*(one for one, fine in zip(free, known, strict=True) if fine))
    problem = f"`{short(word)}` is {what}. Part of the reason?"
    raise CorrectableError(problem, word, _reasoned(kept, strays))


def _name_in_quotes(given: Parts, known: Sequence[bool]) -> CorrectableError:
    """Several words in front, none of them an id: a name with blanks, most likely."""
    free = given.free
    count = next((at for at in range(1, len(free)) if known[at]), len(free))
    name = " ".join(free[:count])
    problem = f"A name with blanks needs quotes: `{short(name)}`. An id (`vco-…`) needs none."
    return CorrectableError(problem, free[1], given.with_free(name, *free[count:]))


def _swapped_name(given: Parts, at: int) -> CorrectableError:
    """A word behind the blocks, and nothing in front of them."""
    word, free = given.free[at], given.free
    if any(is_name(one) for one in free[at + 1 :]) or not is_name(word):
        problem = f"Which connection? `{short(free[0])}` needs its name or its id in front."
        return CorrectableError(problem, free[0])
    problem = f"Swapped: the connection `{short(word)}` stands before its CIDR blocks."
    return CorrectableError(problem, word, given.with_free(word, *free[:at], *free[at + 1 :]))


def check_rest(given: Parts, count: int, verb: str) -> None:
    """No word may stand after the first `count`; what does is probably the reason."""
    rest = given.free[count:]
    if rest and not ID_LIKE.match(fold(rest[0])) and not is_address(rest[0]):
        _check_naked(given, count)
        problem = f"`{short(rest[0])}` is no flag. Part of the reason?"
        raise CorrectableError(
            problem, rest[0], _reasoned(given.with_free(*given.free[:count]), rest)
        )
    check_end(given, count, verb)


def _check_naked(given: Parts, at: int) -> None:
    """A flag that lost its dashes is told as a flag; only a reason's is left to the caller."""
    word, after = given.free[at], given.free[at + 1 :]
    flag = _naked(word)
    without = given.with_free(*given.free[:at], *after)
    problem = f"`{short(word)}` is a flag: `--{flag}`."
    if flag in SWITCHES:
        raise CorrectableError(problem, word, without.with_flag(flag, given.value(flag) or "yes"))
    if flag and flag != "reason" and after and given.value(flag) is None:
        corrected = given.with_free(*given.free[:at], *after[1:]).with_flag(flag, after[0])
        raise CorrectableError(problem, word, corrected)


def _naked(word: str) -> str:
    return nearest_flag(word) if fold(word).lower().rstrip(":=") in _NAKED else ""


def _reasoned(given: Parts, said: Sequence[str]) -> Parts:
    """The same with some words more in the reason."""
    said = said[1:] if _naked(said[0]) == "reason" else said
    reason = " ".join(filter(None, [given.value("reason"), *said]))
    return given.with_flag("reason", reason or None)


class ConnectionWord(NamedTuple):
    """A connection as it was given: by its id, or by its name."""

    id: str = ""
    name: str = ""


def connection_of(given: Parts) -> ConnectionWord:
    """The one connection that a deletion is about, standing before its CIDR blocks."""
    ids = [index for index, word in enumerate(given.free) if ID_LIKE.match(fold(word))]
    if not ids:
        word = given.free[0]
        if is_name(word):
            return ConnectionWord(name=word)
        problem = f"Which connection? `{short(word)}` needs its name or its id in front."
        raise CorrectableError(problem, word)
    first = given.free[ids[0]]
    if len(ids) > 1:
        other = given.free[ids[1]]
        same = fold(other).lower() == fold(first).lower()
        rest = (*given.free[: ids[1]], *given.free[ids[1] + 1 :])
        problem = f"One connection at a time: `{short(first)}` and `{short(other)}`."
        if given.value("next-hop") is None and not same:
            problem += " A next hop wants `--next-hop`."
        raise CorrectableError(problem, other, given.with_free(*rest) if same else None)
    if ids[0] != 0:
        swapped = (first, *given.free[: ids[0]], *given.free[ids[0] + 1 :])
        problem = f"Swapped: the connection `{short(first)}` stands before its CIDR blocks."
        raise CorrectableError(problem, first, given.with_free(*swapped))
    return ConnectionWord(id=read_free(given, 0, connection_id))


def listed_connection(given: Parts) -> ConnectionWord:
    """The one connection that a command is about, which says nothing else."""
    if not is_name(given.free[0]):
        return ConnectionWord(id=read_free(given, 0, connection_id))
    if len(given.free) > 1 and all(map(is_name, given.free)):
        raise _name_in_quotes(given, [True] + [False] * (len(given.free) - 1))
    return ConnectionWord(name=given.free[0])


def where_of(given: Parts, connection: ConnectionWord, default: str | None) -> str:
    """The region; empty where a name goes by no region: then it is looked for."""
    if connection.id:
        return region_of(given, default)
    return read_flag(given, "region", region_id) or ""


def region_of(given: Parts, default: str | None) -> str:
    """The region that is named, or the default one."""
    region = read_flag(given, "region", region_id) or default
    if not region:
        problem = (
            "Which region? Add `--region`, such as `--region cn-hangzhou`; a default can be set"
            " with ALIBABA_CLOUD_REGION_ID."
        )
        raise CorrectableError(problem, "--region")
    return region


def reason_of(given: Parts) -> str:
    """The reason, not longer than a card has room for."""
    reason = given.value("reason") or ""
    if len(reason) > MAX_REASON:
        problem = f"The reason has {len(reason)} characters; at most {MAX_REASON} fit."
        raise CorrectableError(problem, reason)
    return reason


def break_glass_of(given: Parts) -> bool:
    """Whether the glass is broken; the reason is the one thing that is owed to the others."""
    if read_flag(given, "break-glass", switch_of) != "yes":
        return False
    if not says_something(reason_of(given)):
        problem = 'Break-glass needs a reason. Add `--reason "…"`.'
        raise CorrectableError(problem, "--break-glass")
    return True
