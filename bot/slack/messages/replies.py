"""What one person is told privately: of a command or a click, of requests. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from bot import lifecycle
from bot.command import Cancel, Command, Delete, ListRoutes, Restore
from bot.errors import (
    AlibabaError,
    BotError,
    CommandError,
    Offer,
    PreviewError,
    Unclear,
    UserError,
)
from bot.models import Decision, Operation, Request, RequestState, Verdict
from bot.slack.messages.buttons import CHOOSE
from bot.slack.messages.first_line import first_line
from bot.slack.messages.labels import (
    CHOOSE_THIS,
    RUN_THIS,
    Symbol,
    nothing,
    urgency,
    verdict_word,
    words,
)
from bot.slack.messages.mrkdwn import (
    Block,
    button,
    clock,
    code,
    linked,
    literal,
    mention,
    prose,
    section,
    some,
)
from bot.store import CardState

_VALUE_LIMIT = 2000
"""Characters of a button's value (Slack, Block Kit reference)."""


def problem(error: BotError) -> str:
    """An error as its sender should read it: what is wrong, then what to do."""
    if isinstance(error, PreviewError | Unclear):
        listed = "\n".join(f"{code(offer.command)}" for offer in _offers(error))
        return "\n".join(filter(None, [prose(error.problem), prose(error.mend), listed]))
    if isinstance(error, UserError):
        return "\n".join(filter(None, [prose(error.problem), prose(error.mend)]))
    if isinstance(error, AlibabaError):
        said = f"{error.meaning or 'Alibaba Cloud did not answer as expected.'} {error.next_step}"
        request = (
            f", Alibaba request {code(error.alibaba_request_id)}"
            if error.alibaba_request_id
            else ""
        )
        return f"{prose(said.strip())}\nNothing was recorded (code {code(error.code)}{request})."
    return "That did not work. Nothing was recorded."


def choices(error: BotError) -> list[Block]:
    """The same with a button for each command that is offered: nobody retypes at night."""
    offers = _offers(error)
    fit = all(len(offer.command) <= _VALUE_LIMIT for offer in offers)
    if not isinstance(error, UserError) or not offers or not fit:
        return []
    alone = isinstance(error, CommandError)
    rows = [
        section(prose(offer.about) if offer.about else code(offer.command))
        | {
            "accessory": button(
                RUN_THIS if alone else CHOOSE_THIS,
                f"{CHOOSE}_{number}",
                offer.command,
            )
        }
        for number, offer in enumerate(offers)
    ]
    said = [prose(error.problem), "" if alone else prose(error.mend)]
    return [section("\n".join(filter(None, said))), *rows]


def _offers(error: BotError) -> tuple[Offer, ...]:
    """The commands that are offered instead of the one that failed."""
    match error:
        case CommandError(corrected=corrected) if corrected:
            return (Offer(corrected, ""),)
        case PreviewError(choices=commands):
            return tuple(Offer(command, "") for command in commands)
        case Unclear(offers=offers):
            return offers
        case _:
            return ()


def looking(command: Command) -> str:
    """What is said of a command where its answer takes longer than usual."""
    match command:
        case Delete(draft=draft):
            where = f" in {draft.region}" if draft.region else ""
            return f"Looking at {code(draft.vpn_connection_id or draft.connection_name)}{where} …"
        case ListRoutes(vpn_connection_id=connection, connection_name=name):
            return f"Reading the routes of {code(connection or name)} …"
        case Cancel(request_id=request_id):
            return f"Withdrawing {code(request_id)} …"
        case Restore(request_id=request_id):
            return f"Looking at what {code(request_id)} changed …"
        case _:
            return "Looking …"


def late(request: Request, user: str) -> str:
    """Nothing is silently ignored: a late click is told who decided, when, and what came of it."""
    made = _answering(request, user)
    if made is None:
        return f"Nothing to decide: {literal(first_line(request))}."
    if made.verdict is Verdict.EXPIRED:
        return f"Too late: the request expired {clock(made.at)}. Nothing was sent; ask again."
    return f"{_decided(made, user)}{_since(request, made)}"


def done(request: Request) -> str:
    """What the one who decided is told; empty where the card says it all."""
    match request.state:
        case RequestState.CANCELLED:
            return f"Withdrawn: nothing was sent for {code(request.id)}."
        case RequestState.PENDING:
            return f"Approved. {_missing(request)} needed."
        case _:
            return ""


def _answering(request: Request, user: str) -> Decision | None:
    """The decision that a late click is told of: what ended it, else the user's own, else any."""
    ended = request.state in (RequestState.REJECTED, RequestState.EXPIRED, RequestState.CANCELLED)
    own = [] if ended else [d for d in request.decisions if d.by == user]
    return next(reversed(own or request.decisions), None)


def _decided(made: Decision, user: str) -> str:
    at, mine = clock(made.at), made.by == user
    if made.verdict is Verdict.BROKE_GLASS:
        return f"{'You' if mine else mention(made.by)} used break-glass {at}"
    if mine:
        # A second click, or the first one handled again after its worker was killed.
        return f"You have {verdict_word(made)} this already, {at}"
    by = mention(made.by) if made.by else "the bot"
    return f"Already {verdict_word(made)} by {by} {at}"


def _since(request: Request, made: Decision) -> str:
    """What has come of it since, and what can be done now."""
    match request.state:
        case RequestState.PENDING:
            return f". {_missing(request)} needed."
        case _ if made.verdict is Verdict.COUNTERSIGNED:
            return ". One countersignature is enough."
        case RequestState.APPROVED | RequestState.EXECUTING:
            return f". {_in_flight(request)}"
        case RequestState.REJECTED | RequestState.CANCELLED:
            return f". {nothing(request)}."
        case RequestState.VOID:
            return f". It is void. {nothing(request)}: {prose(request.why)}"
        case _:
            return f". It has ended since: {literal(first_line(request))}."


def _in_flight(request: Request) -> str:
    """What whoever wanted to stop it can do instead."""
    if request.stoppable:
        return "It has not started yet: *Stop* on its card stops it."
    said = "It is in flight and can't be stopped any more; its thread says how it goes."
    deletes = request.operation is Operation.DELETE
    if deletes and all(impact.not_restorable for impact in request.snapshot.impacts):
        return said
    return f"{said} *{words(request).rollback}* on its card undoes it afterwards."


def _missing(request: Request) -> str:
    """How many approvals are missing."""
    return some(lifecycle.missing(request), "more approval")


class Row(NamedTuple):
    """A request, and where Slack shows it."""

    request: Request
    posted: CardState


_MOST = 40
"""How many rows an answer shows before it counts the rest: a message holds 40 of them well."""


def asked(request: Request, posted: CardState) -> str:
    """The answer to a command that made a request: a link to its card."""
    if request.glass_broken:
        return f"Going ahead without an approval: {_linked(request, posted)} ({code(request.id)})"
    return f"Asked for approval: {_linked(request, posted)} ({code(request.id)})"


def already_open(request: Request, posted: CardState) -> str:
    """The answer to a command whose route another request is about."""
    return (
        f"There is already an open request for this, by {mention(request.requester)}: "
        f"{_linked(request, posted)} ({code(request.id)}, {request.state})"
    )


def status(rows: Sequence[Row], unreadable: Sequence[str] = ()) -> str:
    """What is in flight and pending, the most urgent first; and what can't be read any more."""
    broken = [
        f"{Symbol.LOOK} {code(one)} can't be read by this version of the bot" for one in unreadable
    ]
    if not rows and not broken:
        return "Nothing is pending or in flight."
    lines = [
        f"• {_linked(request, posted)} · *{request.state}* · "
        f"asked by {mention(request.requester)} {clock(request.created_at)} · {code(request.id)}"
        for request, posted in sorted(rows, key=lambda row: urgency(row[0]))[:_MOST]
    ]
    return "\n".join([*lines, *_pause(len(rows)), *broken])


def _linked(request: Request, posted: CardState) -> str:
    return linked(posted.link, literal(first_line(request)))


def _pause(count: int) -> list[str]:
    return [f"… and {count - _MOST} more"] if count > _MOST else []
