"""The answer to `history`: who changed what, who approved, when, and where it was told. Pure.

Several requests are a table, in which one looks down a column for a person or a day; what was done,
and by whom, comes first, for a phone shows two of its columns. One request alone is as it stands on
its card, and so are all of them where there is no table.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from bot.history import Found, Kin, Kinship, is_request
from bot.models import Decision, Request, Verdict
from bot.slack.messages.first_line import first_line
from bot.slack.messages.labels import Symbol, verdict_word
from bot.slack.messages.mrkdwn import (
    BLOCKS_LIMIT,
    Block,
    Message,
    clock,
    code,
    context,
    cut,
    length,
    linked,
    literal,
    mention,
    quoted,
    section,
    some,
    whole_lines,
)
from bot.slack.messages.table import Column, day, link, person, raw, rich, table, words
from bot.store import CardState

_REASON_LIMIT = 120
"""Characters of a reason: its card has all of it."""

_NAMED = 5
"""How many routes of a kind a row names before it counts the rest."""

_KINSHIP = {
    Kinship.SAME: "the same",
    Kinship.CONTAINS: "contains it",
    Kinship.WITHIN: "within it",
}


class HistoryFound(NamedTuple):
    """What was found: the newest `rows`, how many `more`, and what could not be looked at.

    `searched`: how many requests were looked through, where there are more; else 0.
    """

    rows: Sequence[tuple[Found, CardState]]
    more: int = 0
    unreadable: int = 0
    searched: int = 0


def history(found_history: HistoryFound, about: str | None) -> Message:
    """What is remembered of `about`, of everything for None; newest first."""
    rows = [list(_row(found, posted, about)) for found, posted in found_history.rows]
    kept = _fitting(rows)
    more = found_history.more + len(rows) - len(kept)
    instead = [block for row in kept for block in row]
    shown = found_history.rows[: len(kept)]
    blocks = [
        section(f"*{_title(about, found_history)}*"),
        *(_table(shown, about, instead) if len(shown) > 1 else instead),
    ]
    if notes := list(_notes(found_history, more)):
        blocks.append(context(*notes))
    return _fallback(found_history, about), blocks


_COLUMNS = (
    Column("Request", wraps=True),
    Column("Who", wraps=True),
    Column("When"),
    Column("Why", wraps=True),
)


def _table(
    rows: Sequence[tuple[Found, CardState]], about: str | None, instead: list[Block]
) -> list[Block]:
    cells = [
        [
            rich(*_request(found, posted, about)),
            rich(*_people(found.request)),
            rich(day(found.request.ended_at or found.request.created_at)),
            raw(cut(found.request.reason, _REASON_LIMIT)),
        ]
        for found, posted in rows
    ]
    return table(_COLUMNS, cells, instead)


def _request(found: Found, posted: CardState, about: str | None) -> Iterator[Block]:
    """What it is called, the way to its card, and how it was found."""
    request = found.request
    mark = "→ " if _is_asked(request, about) else ""
    yield link(posted.link, f"{mark}{first_line(request)}")
    yield words(f"\n{request.id}")
    if request.origin:
        yield words(f", undoes {request.origin}")
    for how, names in _kin(found, _name):
        yield words(f"\n{how}: {names}")


def _people(request: Request) -> Iterator[Block]:
    """Who asked, and who decided what."""
    yield person(request.requester)
    for decision in request.decisions:
        if decision.verdict is Verdict.BROKE_GLASS:
            yield words("\nbreak-glass")
        elif decision.by:
            yield words(f"\n{verdict_word(decision)} by ")
            yield person(decision.by)


def _is_asked(request: Request, about: str | None) -> bool:
    return is_request(about) and request.id == about


def _title(about: str | None, found_history: HistoryFound) -> str:
    if not found_history.rows:
        return f"Nothing is remembered about {code(about)}." if about else "Nothing yet."
    newest = ", newest first" if len(found_history.rows) > 1 else ""
    return f"History of {code(about)}{newest}" if about else f"The latest requests{newest}"


def _fallback(found_history: HistoryFound, about: str | None) -> str:
    if not found_history.rows:
        return _title(about, found_history)
    count = len(found_history.rows) + found_history.more
    requests = some(count, "request")
    lines = [literal(first_line(found.request)) for found, _ in found_history.rows]
    head = f"{_title(about, found_history)}: {requests}."
    return f"{head} {lines[0]}" if len(lines) == 1 else whole_lines("\n".join([head, *lines]))


def _row(found: Found, posted: CardState, about: str | None) -> Iterator[Block]:
    request = found.request
    line = literal(first_line(request))
    mark = "→ " if _is_asked(request, about) else ""
    kin = (f"{how}: {names}" for how, names in _kin(found, code))
    lines = [f"{mark}*{linked(posted.link, line)}*", _who(request), *kin]
    reason = [quoted(cut(request.reason, _REASON_LIMIT))] if request.reason else []
    yield section("\n".join(lines))
    if reason:
        yield context(*reason)


def _who(request: Request) -> str:
    """When, by whom, and by whose leave."""
    asked = f"asked by {mention(request.requester)}"
    if request.state.open:
        said = [f"*{request.state}*", f"{asked} {clock(request.created_at, day=True)}"]
    else:
        said = [f"ended {clock(request.ended_at, day=True)}", asked]
    said += filter(None, map(_decided, request.decisions))
    said.append(f"{code(request.id)}")
    if request.origin:
        said.append(f"undoes {code(request.origin)}")
    return " · ".join(said)


def _decided(decision: Decision) -> str:
    if decision.verdict is Verdict.BROKE_GLASS:
        return "*break-glass*"
    return f"{verdict_word(decision)} by {mention(decision.by)}" if decision.by else ""


def _kin(found: Found, name: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """The routes that a request was found by, where that is not plain from its first line."""
    plain = len(found.request.routes) == 1 and all(k.kinship is Kinship.SAME for k in found.kin)
    if plain:
        return
    for how, said in _KINSHIP.items():
        names = [
            f"{name(kin.change.route.route_dest)}{_state(found.request, kin)}"
            for kin in found.kin
            if kin.kinship is how
        ]
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        if names:
            yield said, f"{', '.join(names[:_NAMED])}{rest}"


def _name(dest: str) -> str:
    return dest


def _state(request: Request, kin: Kin) -> str:
    """What became of the one route, where the first line can't say it."""
    same = kin.change.state.value == request.state.value
    return "" if request.state.open or same else f" ({kin.change.state.replace('_', ' ')})"


def _fitting(rows: Sequence[list[Block]]) -> list[list[Block]]:
    """As many rows as a message holds."""
    kept: list[list[Block]] = []
    left = BLOCKS_LIMIT - 1000
    for row in rows:
        left -= length(row)
        if left < 0:
            break
        kept.append(row)
    return kept


def _notes(found_history: HistoryFound, more: int) -> Iterator[str]:
    if more:
        yield f"… and {more:,} more"
    if found_history.searched:
        yield f"Only the newest {found_history.searched:,} requests were looked through."
    if found_history.unreadable:
        records = some(found_history.unreadable, "record")
        yield f"{Symbol.LOOK} {records} can't be read by this version"
