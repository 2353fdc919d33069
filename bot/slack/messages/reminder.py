"""What calls the approvers of a request once more: what is at stake, how long is left. Pure."""

from collections.abc import Iterator

from bot import lifecycle
from bot.models import Event, Request
from bot.slack.messages.impacts import impact_lines
from bot.slack.messages.labels import Symbol, words
from bot.slack.messages.mrkdwn import (
    Block,
    Message,
    clock,
    code,
    context,
    duration,
    literal,
    named,
    place,
    quoted,
    section,
    some_are,
    what,
)

_MOST_NAMED = 3
"""How many routes it names before it counts the rest: those that go, and those that take over."""

_MINUTE = 60.0


def reminder(request: Request, event: Event) -> Message:
    """Who is still asked, until when, and for what: it stands in the channel, far from its card."""
    about = f"{words(request).do.capitalize()} {what(request)} · {place(request)}"
    said = f"{Symbol.NEEDS_YOU} {_call(request, event)}"
    stakes = "\n".join([f"*{literal(about)}*", *_stakes(request)])
    blocks: list[Block] = [section(f"{clock(event.at, seconds=True)}  {said}\n{stakes}")]
    if request.reason:
        blocks.append(context(quoted(request.reason)))
    return f"{said} {literal(about)}", blocks


def _call(request: Request, event: Event) -> str:
    until = clock(request.expires_at)
    approvals = some_are(lifecycle.missing(request), "approval")
    if called := event.details.get("called"):
        some = "1 of you has" if called == "1" else f"{literal(called)} of you have"
        who = named(request.terms.approvers.ids)
        return f"{who}: {approvals} needed until {until}. {some} a direct message; any may decide."
    left = _left(request.expires_at - event.at)
    return f"{_asked(request, event)}: *{left} left*, {approvals} needed until {until}."


def _asked(request: Request, event: Event) -> str:
    """Those who were asked in person and have not answered; else all approvers."""
    asked = [u for u in event.details.get("asked", "").split() if u not in request.approvers]
    return named(asked or request.terms.approvers.ids)


def _left(seconds: float) -> str:
    """In whole minutes, as long as there are any."""
    return duration(_MINUTE * round(seconds / _MINUTE) if seconds >= _MINUTE else seconds)


def _stakes(request: Request) -> Iterator[str]:
    """What happens to traffic, a line for each route."""
    impacts = request.snapshot.impacts
    takers = _MOST_NAMED if len(impacts) == 1 else 1
    for one in impacts[:_MOST_NAMED]:
        line = next(impact_lines(request, one, takers))
        yield line if len(impacts) == 1 else f"{code(one.route.route_dest)}: {line}"
    if more := len(impacts[_MOST_NAMED:]):
        yield f"and {more} more"
