"""The answer to `list`: a connection's state and its routes. Pure.

One route is a line; several are a table, in which what differs stands in one column. It has no more
columns than differ, so that it fits a phone. The message's text, for notifications and screen
readers, says all of it in lines, and so does what is shown where there is no table.
"""

from bot.command import PREFIX
from bot.models import Connection, LiveRoute, RouteList
from bot.slack.messages.impacts import BGP_UNKNOWN
from bot.slack.messages.labels import KIND_WORDS
from bot.slack.messages.mrkdwn import (
    TEXT_LIMIT,
    Block,
    Message,
    code,
    context,
    literal,
    paragraphs,
    prose,
    route_words,
    section,
    whole_lines,
)
from bot.slack.messages.per_route import NEXT_HOP, ROUTE, STATE, WEIGHT, next_hop
from bot.slack.messages.table import Column, raw, table

_MOST = 40
"""How many routes an answer shows before it counts the rest: a message holds 40 of them well."""


def routes(connection: Connection, listed: RouteList) -> Message:
    """A connection's state and routes."""
    head, live = _head(connection), listed.routes
    unknown = [] if listed.bgp_known else [f"_{BGP_UNKNOWN}_"]
    if not live:
        said = "custom routes" if unknown else "routes"
        text = "\n".join([f"{head} and has no {said}.", *unknown])
        return text, paragraphs(text)
    shown, rest = live[:_MOST], len(live) - _MOST
    more = [f"… and {rest} more; the form of `{PREFIX} delete` searches them"] if rest > 0 else []
    lines, notes = [*map(_line, shown)], [*more, *unknown]
    whole = "\n".join([f"{head}:", *lines, *notes])
    text = whole_lines(whole, TEXT_LIMIT)
    if len(live) == 1:
        return text, paragraphs(whole)
    below = [context("\n".join(notes))] if notes else []
    return text, [section(f"{head}:"), *_table(shown, lines), *below]


def no_routes(connection: Connection, problem: str) -> str:
    """The answer for a connection whose routes Alibaba Cloud does not show."""
    return f"{_head(connection)}. It {prose(problem)}, so it has no routes that can be changed."


def _head(connection: Connection) -> str:
    name = f" “{literal(connection.name)}”" if connection.name else ""
    where = f"{code(connection.vpn_connection_id)}{name} in {literal(connection.region)}"
    return f"{where} is *{literal(connection.state)}*"


def _line(one: LiveRoute) -> str:
    kind, state = KIND_WORDS[one.kind], f", {literal(one.state)}" if one.state else ""
    return f"• {code(one.route.route_dest)} · {route_words(one.route)} · {kind}{state}"


def _table(shown: tuple[LiveRoute, ...], lines: list[str]) -> list[Block]:
    other = any(next_hop(one.route) for one in shown)
    states = any(one.state for one in shown)
    columns = [
        ROUTE,
        WEIGHT,
        *([NEXT_HOP] if other else []),
        Column("Kind"),
        *([STATE] if states else []),
    ]
    rows = [
        [
            raw(one.route.route_dest),
            raw(one.route.shown_weight),
            *([raw(next_hop(one.route))] if other else []),
            raw(KIND_WORDS[one.kind]),
            *([raw(one.state)] if states else []),
        ]
        for one in shown
    ]
    return table(columns, rows, paragraphs("\n".join(lines)))
