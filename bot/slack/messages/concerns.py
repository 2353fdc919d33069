"""What concerns whom: where each request stands in somebody's App Home. Pure.

Each stands there once, where it matters most to them: it waits for them, or is being done, or was
asked for by them, or has ended lately.
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import NamedTuple

from bot.models import Members, Request, RequestState
from bot.slack.messages.related import stands
from bot.slack.messages.replies import Row

MOST_MINE = 3
"""How many ended requests of their own a person sees."""

MOST_ENDED = 10
"""How many others that have ended."""

_WORSE_SECONDS = 24 * 3600.0


class AppHomeData(NamedTuple):
    """Everything that is open and what has ended lately; the same for all.

    `members`: who is in the groups that may decide on what waits; a group that could not be
    read is missing. `unreadable`: ids of records that this version can't read. `now` is in seconds
    since the epoch.
    """

    rows: tuple[Row, ...] = ()
    members: Members = MappingProxyType({})
    unreadable: tuple[str, ...] = ()
    now: float = 0.0


class Places(NamedTuple):
    """The rows of one person's Home, by where they stand, and the groups that may hide more."""

    waiting: list[Row]
    worse: list[Row]
    running: list[Row]
    elsewhere: list[Row]
    asked: list[Row]
    ended: list[Row]
    unread: tuple[str, ...]


def groups_of(requests: Iterable[Request]) -> set[str]:
    """The groups whose members have to be known to say who may decide on these, or stop them."""
    asked = (r for r in requests if r.undecided or r.waiting)
    return {group for request in asked for group in request.terms.approvers.groups}


def places(data: AppHomeData, user: str) -> Places:
    """Where each request stands in the Home of `user`."""
    rows = sorted(data.rows, key=lambda row: row.request.created_at)
    waiting, rest = _split(rows, lambda r: _waits_for(r, user, data.members))
    back = taken_back(rows)
    degraded, rest = _split(rest, lambda r: r.id not in back and _worse_lately(r, data.now))
    pending, rest = _split(rest, lambda r: r.state is RequestState.PENDING)
    running, ended = _split(rest, lambda r: r.state.open)
    ended.sort(key=lambda row: row.request.ended_at, reverse=True)
    own, elsewhere = _split(pending, lambda r: r.requester == user)
    mine = [row for row in ended if row.request.requester == user][:MOST_MINE]
    others = [row for row in ended if row not in mine][:MOST_ENDED]
    return Places(
        waiting=waiting,
        worse=degraded[::-1],
        running=running,
        elsewhere=elsewhere,
        asked=own[::-1] + mine,
        ended=others,
        unread=_unread(rows, user, data.members),
    )


def taken_back(rows: Iterable[Row]) -> dict[str, Request]:
    """By its id what was taken back, or is being, and the request that does so."""
    later = sorted((row.request for row in rows), key=lambda r: r.created_at)
    return {r.origin: r for r in later if r.origin and stands(r)}


def _worse_lately(request: Request, now: float) -> bool:
    """Whether something is down since its change; what nobody has minded for a day is no news."""
    return bool(request.degraded) and now - request.degraded[0].at < _WORSE_SECONDS


def _waits_for(request: Request, user: str, members: Members) -> bool:
    """Whether `user` may decide on it, as far as its terms say, and has not.

    Whether they really may is asked anew at the click.
    """
    return _could(request, user) and request.terms.approvers.include(user, members)


def _could(request: Request, user: str) -> bool:
    """Whether it would wait for `user`, if they were an approver."""
    mine = request.requester == user
    if request.state is RequestState.PENDING:
        return user not in request.approvers and (request.terms.self_approval or not mine)
    return request.unsigned and not mine


def _unread(rows: Iterable[Row], user: str, members: Members) -> tuple[str, ...]:
    """The groups that could not be read, and in which `user` may be."""
    hidden = (
        group
        for row in rows
        if _could(row.request, user) and not _waits_for(row.request, user, members)
        for group in row.request.terms.approvers.unread(members)
    )
    return tuple(dict.fromkeys(hidden))


def _split(rows: Iterable[Row], of: Callable[[Request], bool]) -> tuple[list[Row], list[Row]]:
    """The rows whose request is one `of` them, and the others."""
    found: list[Row] = []
    others: list[Row] = []
    for row in rows:
        (found if of(row.request) else others).append(row)
    return found, others
