"""What a person is told privately of their command or click. Pure."""

from bot import lifecycle
from bot.command import Cancel, Command, Delete, ListRoutes, Restore
from bot.errors import AlibabaError, BotError, PreviewError, UserError
from bot.models import Request, RequestState, Verdict
from bot.slack.messages.buttons import CHOOSE
from bot.slack.messages.card import first_line
from bot.slack.messages.texts import Block, button, clock, escape, mention, section

_VALUE_LIMIT = 2000
"""Characters of a button's value (Slack, Block Kit reference)."""


def problem(error: BotError) -> str:
    """An error as its sender should read it: what is wrong, then what to do."""
    if isinstance(error, PreviewError):
        choices = "\n".join(f"`{escape(c)}`" for c in error.choices)
        return "\n".join(filter(None, [escape(error.problem), escape(error.mend), choices]))
    if isinstance(error, UserError):
        return "\n".join(filter(None, [escape(error.problem), escape(error.mend)]))
    if isinstance(error, AlibabaError):
        words = f"{error.meaning or 'Alibaba Cloud did not answer as expected.'} {error.next_step}"
        request = (
            f", Alibaba request `{escape(error.alibaba_request_id)}`"
            if error.alibaba_request_id
            else ""
        )
        return (
            f"{escape(words.strip())}\nNothing was recorded (code `{escape(error.code)}`{request})."
        )
    return "That did not work. Nothing was recorded."


def choices(error: BotError) -> list[Block]:
    """The same with a button for each command that is offered: nobody retypes at night."""
    if not isinstance(error, PreviewError) or not error.choices:
        return []
    if any(len(command) > _VALUE_LIMIT for command in error.choices):
        return []
    rows = [
        section(f"`{escape(command)}`")
        | {"accessory": button("Choose", f"{CHOOSE}_{number}", command)}
        for number, command in enumerate(error.choices)
    ]
    return [section("\n".join(filter(None, [escape(error.problem), escape(error.mend)]))), *rows]


def looking(command: Command) -> str:
    """What a command is acknowledged with, before its answer comes."""
    match command:
        case Delete(draft=draft):
            return f"Looking at `{draft.vpn_connection_id}` in {draft.region} …"
        case ListRoutes(vpn_connection_id=connection):
            return f"Reading the routes of `{connection}` …"
        case Cancel(request_id=request_id):
            return f"Cancelling `{request_id}` …"
        case Restore(request_id=request_id):
            return f"Looking at what `{request_id}` changed …"
        case _:
            return "Looking …"


def late(request: Request, user: str) -> str:
    """Nothing is silently ignored: a late click is told who decided, and when."""
    made = request.decisions[-1] if request.decisions else None
    if made is None:
        return f"Nothing to decide: {escape(first_line(request))}."
    if request.state is RequestState.PENDING:
        more = lifecycle.missing(request)
        return f"You have already approved this {clock(made.at)}; {more} more has to."
    if made.verdict is Verdict.EXPIRED:
        return f"Too late: the request expired {clock(made.at)}. Nothing was sent; ask again."
    if made.by == user:
        # A second click, or the first one handled again after its worker was killed.
        return f"You have already {made.verdict} this {clock(made.at)}."
    who = mention(made.by) if made.by else "the bot"
    return f"Already {made.verdict} by {who} {clock(made.at)}. Your click changed nothing."


def done(request: Request) -> str:
    """What the one who decided is told; empty where the card says it all."""
    match request.state:
        case RequestState.CANCELLED:
            return f"Cancelled: nothing was sent for `{request.id}`."
        case RequestState.PENDING:
            return f"Your approval counts; {lifecycle.missing(request)} more is needed."
        case _:
            return ""
