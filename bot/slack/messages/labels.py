"""What things are called, and what stands first where requests are listed. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from bot.models import Operation, Request, RequestState


class Words(NamedTuple):
    """The words of one operation, as they stand within a sentence.

    `rollback` is what the button is called that asks for the opposite.
    """

    do: str
    doing: str
    done: str
    noun: str
    where: str
    so: str
    moot: str
    checking: str
    rollback: str


OF = {
    Operation.DELETE: Words(
        do="delete",
        doing="deleting",
        done="deleted",
        noun="deletion",
        where="from",
        so="route absent",
        moot="was already gone",
        checking="checking that the route is gone",
        rollback="Restore",
    ),
    Operation.RESTORE: Words(
        do="restore",
        doing="restoring",
        done="restored",
        noun="restoration",
        where="to",
        so="route present",
        moot="was there already",
        checking="checking that the route is back",
        rollback="Delete again",
    ),
}


def words(request: Request) -> Words:
    """The words for what `request` does."""
    return OF[request.operation]


_FIRST = (RequestState.EXECUTING, RequestState.APPROVED, RequestState.PENDING)
"""What is in flight comes first, then what waits for somebody."""


def by_urgency(requests: Iterable[Request]) -> list[Request]:
    """In flight first, then pending, then what has ended; the newest first in each."""
    return sorted(requests, key=urgency)


def urgency(request: Request) -> tuple[int, float]:
    """What to sort by: the smallest is the most urgent."""
    rank = _FIRST.index(request.state) if request.state.open else len(_FIRST)
    return rank, -request.created_at
