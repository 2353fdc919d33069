"""What a deletion and a restoration are called: one word for each thing, everywhere. Pure."""

from typing import NamedTuple

from bot.models import Operation, Request


class Words(NamedTuple):
    """The words of one operation, as they stand within a sentence.

    `undo` is what the button is called that asks for the opposite.
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
