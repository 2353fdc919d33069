"""Private answers about requests and routes. Pure."""

from collections.abc import Sequence

from bot.command import PREFIX
from bot.models import Connection, Request, RouteList
from bot.slack.messages.card import first_line
from bot.slack.messages.impacts import BGP_UNKNOWN
from bot.slack.messages.texts import clock, code, literal, mention, prose, route_words
from bot.slack.messages.urgency import urgency
from bot.store import CardState

Row = tuple[Request, CardState]
"""A request, and where Slack shows it."""

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
        f":warning: {code(one)} can't be read by this version of the bot" for one in unreadable
    ]
    if not rows and not broken:
        return "Nothing is pending or in flight."
    lines = [
        f"• {_linked(request, posted)} · *{request.state}* · "
        f"asked by {mention(request.requester)} {clock(request.created_at)} · {code(request.id)}"
        for request, posted in sorted(rows, key=lambda row: urgency(row[0]))[:_MOST]
    ]
    return "\n".join([*lines, *_pause(len(rows)), *broken])


def routes(connection: Connection, listed: RouteList) -> str:
    """A connection's state and routes."""
    head, live = _head(connection), listed.routes
    unknown = [] if listed.bgp_known else [f"_{BGP_UNKNOWN}_"]
    if not live and unknown:
        return "\n".join([f"{head} and has no custom routes.", *unknown])
    if not live:
        return f"{head} and has no routes."
    lines = [
        f"• {code(r.route.route_dest)} · {route_words(r.route)} · {r.kind}"
        + (f", {literal(r.state)}" if r.state else "")
        for r in live[:_MOST]
    ]
    more = [f"{rest}; the form of `{PREFIX} delete` searches them" for rest in _pause(len(live))]
    return "\n".join([f"{head}:", *lines, *more, *unknown])


def no_routes(connection: Connection, problem: str) -> str:
    """The answer for a connection whose routes Alibaba Cloud does not show."""
    return f"{_head(connection)}. It {prose(problem)}, so it has no routes that can be changed."


def _head(connection: Connection) -> str:
    name = f" “{literal(connection.name)}”" if connection.name else ""
    where = f"{code(connection.vpn_connection_id)}{name} in {literal(connection.region)}"
    return f"{where} is *{literal(connection.state)}*"


def _linked(request: Request, posted: CardState) -> str:
    line = literal(first_line(request))
    return f"<{posted.link}|{line}>" if posted.link.startswith("http") else line


def _pause(count: int) -> list[str]:
    return [f"… and {count - _MOST} more"] if count > _MOST else []
