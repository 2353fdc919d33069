"""What everybody's App Home is made from, and which request stands where in whose. Pure.

Each request stands once in a Home, where it matters most to its person: it waits for them, or
is being done, or was asked for by them, or has ended lately.
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import NamedTuple

from bot.models import Members, Request, RequestState
from bot.store import CardState

MOST_MINE = 3
"""How many ended requests of their own a person sees."""

MOST_ENDED = 10
"""How many others that have ended."""


class Row(NamedTuple):
    """A request, where Slack shows it, and what a progress bar wants to know of it."""

    request: Request
    posted: CardState
    ahead: int = 0
    usual: float = 40.0

    @property
    def running(self) -> bool:
        """Whether it was let through and is not over: its progress moves."""
        return self.request.state in (RequestState.APPROVED, RequestState.EXECUTING)


class AppHomeData(NamedTuple):
    """Everything that is open and what has ended lately; the same for all.

    `members`: who is in the groups that may decide on what waits; a group that could not be
    read is missing. `unreadable`: ids of records that this version can't read.
    """

    rows: tuple[Row, ...] = ()
    members: Members = MappingProxyType({})
    unreadable: tuple[str, ...] = ()


class Places(NamedTuple):
    """The rows of one person's Home, by where they stand, and the groups that may hide more."""

    waiting: list[Row]
    running: list[Row]
    elsewhere: list[Row]
    asked: list[Row]
    ended: list[Row]
    unread: tuple[str, ...]


def groups_of(requests: Iterable[Request]) -> set[str]:
    """The groups whose members have to be known to say for whom these requests wait."""
    return {g for r in requests if undecided(r) for g in r.terms.approvers.groups}


def undecided(request: Request) -> bool:
    """Whether it waits for an approval, or for a countersignature."""
    return request.state is RequestState.PENDING or _unsigned(request)


def places(data: AppHomeData, user: str) -> Places:
    """Where each request stands in the Home of `user`."""
    rows = sorted(data.rows, key=lambda row: row.request.created_at)
    waiting, rest = _split(rows, lambda r: waits_for(r, user, data.members))
    pending, rest = _split(rest, lambda r: r.state is RequestState.PENDING)
    running, ended = _split(rest, lambda r: r.state.open)
    ended.sort(key=lambda row: row.request.ended_at, reverse=True)
    own, elsewhere = _split(pending, lambda r: r.requester == user)
    mine = [row for row in ended if row.request.requester == user][:MOST_MINE]
    others = [row for row in ended if row not in mine][:MOST_ENDED]
    return Places(
        waiting=waiting,
        running=running,
        elsewhere=elsewhere,
        asked=own[::-1] + mine,
        ended=others,
        unread=_unread(rows, user, data.members),
    )


def waits_for(request: Request, user: str, members: Members) -> bool:
    """Whether `user` may decide on it, as far as its terms say, and has not.

    Whether they really may is asked anew at the click.
    """
    return _could(request, user) and request.terms.approvers.include(user, members)


def _could(request: Request, user: str) -> bool:
    """Whether it would wait for `user`, if they were an approver."""
    mine = request.requester == user
    if request.state is RequestState.PENDING:
        return user not in request.approvers and (request.terms.self_approval or not mine)
    return _unsigned(request) and not mine


def _unsigned(request: Request) -> bool:
    return request.glass_broken and not request.countersigned


def _unread(rows: Iterable[Row], user: str, members: Members) -> tuple[str, ...]:
    """The groups that could not be read, and in which `user` may be."""
    hidden = (
        group
        for row in rows
        if _could(row.request, user) and not waits_for(row.request, user, members)
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
