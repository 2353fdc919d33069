"""The words and symbols that messages are made from. Pure.

One symbol and one word for each state, the same on cards, in threads, lists, App Home and the
terminal. A state is seen before it is read:

    🟠 needs you      somebody has to decide
    ⏳ working        approved, and not ended yet
    ✅ done           proven
    ⚠️ look at this   it may have been done, in part, or something is worse since
    ❌ did not happen nothing was done, though somebody wanted it
    ⚪ closed         nothing was done, or it was taken back since, and nobody waits for it; to an
                     approver: not for you

⛔ stands before traffic that loses its route. Buttons say what a press does: *Approve and delete
now*, *Reject*, *Withdraw*, *Stop*; *Cancel* is only ever what closes a dialog.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from bot.models import (
    Decision,
    Operation,
    Request,
    RequestState,
    RouteKind,
    RouteState,
    Verdict,
    WaitCause,
)


class Symbol(StrEnum):
    """What stands before a state, so that it is seen before it is read."""

    NEEDS_YOU = "🟠"
    WORKING = "⏳"
    DONE = "✅"
    LOOK = "⚠️"
    NOT_DONE = "❌"
    CLOSED = "⚪"
    NO_ROUTE = "⛔"


SYMBOLS = {
    RequestState.PENDING: Symbol.NEEDS_YOU,
    RequestState.APPROVED: Symbol.WORKING,
    RequestState.EXECUTING: Symbol.WORKING,
    RequestState.DELETED: Symbol.DONE,
    RequestState.RESTORED: Symbol.DONE,
    RequestState.FAILED: Symbol.NOT_DONE,
    RequestState.UNCONFIRMED: Symbol.LOOK,
    RequestState.REJECTED: Symbol.NOT_DONE,
    RequestState.EXPIRED: Symbol.NOT_DONE,
    RequestState.VOID: Symbol.NOT_DONE,
    RequestState.CANCELLED: Symbol.CLOSED,
}

ROUTE_SYMBOLS = {
    RouteState.SENDING: Symbol.WORKING,
    RouteState.DELETING: Symbol.WORKING,
    RouteState.RESTORING: Symbol.WORKING,
    RouteState.DELETED: Symbol.DONE,
    RouteState.RESTORED: Symbol.DONE,
    RouteState.ALREADY_GONE: Symbol.CLOSED,
    RouteState.ALREADY_THERE: Symbol.CLOSED,
    RouteState.FAILED: Symbol.NOT_DONE,
    RouteState.UNCONFIRMED: Symbol.LOOK,
}
"""The same for one of several routes; one that waits for its turn has none."""

ROUTE_WORDS = {
    RouteState.QUEUED: "waiting",
    RouteState.SENDING: "sending",
    RouteState.DELETING: "deleting",
    RouteState.RESTORING: "restoring",
    RouteState.DELETED: "deleted",
    RouteState.RESTORED: "restored",
    RouteState.ALREADY_GONE: "was already gone",
    RouteState.ALREADY_THERE: "was there already",
    RouteState.FAILED: "not {done}",
    RouteState.UNCONFIRMED: "unconfirmed",
}

KIND_WORDS = {RouteKind.CUSTOM: "custom", RouteKind.BGP: "BGP"}
"""Where a route comes from."""

NO_ROUTE_LEFT = "Traffic of {some} of {all} routes loses its route."
"""What stands above a table of routes, so that it is seen before the rows are read."""

FIRST_WORDS = {
    RequestState.PENDING: "{do}",
    RequestState.APPROVED: "approved: {do}",
    RequestState.EXECUTING: "{doing}",
    RequestState.DELETED: "{done}",
    RequestState.RESTORED: "{done}",
    RequestState.FAILED: "not {done}:",
    RequestState.UNCONFIRMED: "sent, not confirmed: {do}",
    RequestState.REJECTED: "rejected: {do}",
    RequestState.EXPIRED: "expired: {do}",
    RequestState.CANCELLED: "withdrawn: {do}",
    RequestState.VOID: "void: {do}",
}
"""What the first line begins with, after the symbol and before the route."""

WITHDRAWN_BY_BOT = "cancelled: {do}"
STOPPED = "stopped: {do}"
PARTLY = "only partly {done}:"
GLASS_APPROVED = "about to {do}"
"""The same where nobody withdrew it, where it was stopped after its approval, where some routes
went, and where nobody has approved."""


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
    confirmed: str
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
        so="route gone",
        confirmed="the route is gone",
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
        so="route back",
        confirmed="the route is back",
        moot="was there already",
        checking="checking that the route is back",
        rollback="Delete again",
    ),
}

ROLLED_BACK = {
    Operation.DELETE: "{done}, then restored:",
    Operation.RESTORE: "{done}, then deleted again:",
}
"""What the first line begins with once a request was taken back."""

ROLLBACK_NOW = {
    Operation.DELETE: "Restore the {}",
    Operation.RESTORE: "Delete the {} again",
}
"""The same where something is worse since the change."""

DECIDED = "Decided"
GIVEN = "Approved by you"
SIGNED = "Countersigned"
ALONE = "Break-glass"
"""What a direct message begins with when it asks no more."""

APPROVE_AND = "Approve and {do} now"
APPROVE_ONE_OF = "Approve ({given} of {all})"
REJECT_WORD = "Reject"
WITHDRAW = "Withdraw"
STOP_WORD = "Stop"
CHECK_NOW = "Check now"
DISMISS = "Cancel"
CLOSE = "Close"
CHOOSE_THIS = "Choose"
RUN_THIS = "Run this"
DELETE_A_ROUTE = "Delete a route"
"""What the buttons of a decision are called, what closes a dialog without one, or one that asks
nothing, what takes one of several commands, or the corrected one, and what opens the form."""


NOT_STARTED = "Not started"
WAITS_FOR = {
    WaitCause.BUSY: "{place} is busy",
    WaitCause.QUOTA: "the quota of changes in {region} is used up for the moment",
    WaitCause.THROTTLED: "Alibaba Cloud takes no more calls in {region} for the moment",
    WaitCause.UNREACHABLE: "Alibaba Cloud does not answer",
    WaitCause.SLACK: "Slack does not say whether the approvers are still there",
    WaitCause.REPLICAS: "the replicas of the database are behind",
}
"""What an approved change waits for before it begins."""

CONSOLE = "https://vpc.console.alibabacloud.com/vpn/{region}/vpns"
"""The vendor's console of VPN in a region (its help: "Log on to the VPN Gateway console")."""


def nothing(request: Request) -> str:
    """What was done where nothing was accepted: a send that was refused was a send all the same."""
    sent = any(route.sends for route in request.routes)
    return "Nothing was changed" if sent else "Nothing was sent"


def verdict_word(decision: Decision) -> str:
    """A decision as one says it of whoever made it; the bot withdraws nothing."""
    if decision.verdict is Verdict.CANCELLED and decision.by:
        return "withdrawn"
    return decision.verdict.replace("_", " ")


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
