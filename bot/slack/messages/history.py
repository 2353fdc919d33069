"""The answer to `history`: who changed what, who approved, when, and where it was told. Pure."""

from collections.abc import Iterator, Sequence
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
)
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
    blocks = [
        section(f"*{_title(about, found_history)}*"),
        *(block for row in kept for block in row),
    ]
    if notes := list(_notes(found_history, more)):
        blocks.append(context(*notes))
    return _fallback(found_history, about), blocks


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
    newest = literal(first_line(found_history.rows[0][0].request))
    return f"{_title(about, found_history)}: {requests}. {newest}"


def _row(found: Found, posted: CardState, about: str | None) -> Iterator[Block]:
    request = found.request
    line = literal(first_line(request))
    mark = "→ " if is_request(about) and request.id == about else ""
    lines = [f"{mark}*{linked(posted.link, line)}*", _who(request), *_kin(found)]
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


def _kin(found: Found) -> Iterator[str]:
    """The routes that a request was found by, where that is not plain from its first line."""
    plain = len(found.request.routes) == 1 and all(k.kinship is Kinship.SAME for k in found.kin)
    if plain:
        return
    for how, words in _KINSHIP.items():
        names = [
            f"{code(kin.change.route.route_dest)}{_state(found.request, kin)}"
            for kin in found.kin
            if kin.kinship is how
        ]
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        if names:
            yield f"{words}: {', '.join(names[:_NAMED])}{rest}"


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
