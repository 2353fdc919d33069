"""Requests as a terminal shows them: a table for people, JSON for machines. Pure."""

import re
from collections.abc import Sequence
from enum import Enum

import msgspec

from bot import lifecycle
from bot.models import Request, RequestState
from bot.slack.messages.labels import words
from bot.slack.messages.mrkdwn import duration, printable, sentence

Json = dict[str, object]

_HEADS = ("REQUEST", "STATE", "WHAT", "ASKED BY", "APPROVED", "AGE")

_ODD = re.compile("[^ -~]")
"""All but the signs that every terminal and every encoding shows as they are."""


def table(requests: Sequence[Request], now: float) -> list[str]:
    """A line for each request under a line of heads; nothing for none."""
    if not requests:
        return []
    rows = [_HEADS, *(_row(request, now) for request in requests)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def summary(request: Request) -> Json:
    """What a machine wants to know of a request; times in seconds, None for what is not yet."""
    return {
        "id": request.id,
        "state": request.state.value,
        "operation": request.operation.value,
        "region": request.region,
        "vpn_connection_id": request.vpn_connection_id,
        "routes": [fields(r.route) | {"state": r.state.value} for r in request.routes],
        "requester": request.requester,
        "reason": request.reason,
        "approvers": list(request.approvers),
        "approvals_needed": request.terms.approvals,
        "break_glass": request.glass_broken,
        "countersigned": request.countersigned,
        "channel": request.channel,
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "ended_at": request.ended_at or None,
        "origin": request.origin or None,
    }


def spelled_out(value: object) -> object:
    """A value for JSON with all of its fields, also those that stand at their defaults."""
    if isinstance(value, msgspec.Struct):
        return fields(value)
    if isinstance(value, tuple | list):
        return [spelled_out(inner) for inner in value]
    if isinstance(value, dict):
        return {name: spelled_out(inner) for name, inner in value.items()}
    return value.value if isinstance(value, Enum) else value


def fields(value: msgspec.Struct) -> Json:
    """The fields of a domain value, spelled out."""
    return {name: spelled_out(getattr(value, name)) for name in value.__struct_fields__}


def as_json(value: object) -> str:
    """One line of JSON in ASCII: whoever wrote what is in it, it moves no cursor."""
    # Outside of its strings JSON has nothing odd, so escapes are right wherever they come.
    return _ODD.sub(_escaped, msgspec.json.encode(value).decode())


def _escaped(sign: re.Match[str]) -> str:
    """As JSON spells it: 16 bits in four digits, twice for what has more."""
    units = sign.group().encode("utf-16-be").hex(" ", 2).split()
    return "".join(f"\\u{unit}" for unit in units)


def _row(request: Request, now: float) -> tuple[str, ...]:
    what = sentence(words(request).do, request)
    age = duration(now - request.created_at)
    cells = (request.id, request.state.value, what, request.requester, _approved(request), age)
    return tuple(map(printable, cells))


def _approved(request: Request) -> str:
    """By whom, and how many more have to."""
    if request.glass_broken:
        return f"break-glass{', countersigned' if request.countersigned else ''}"
    said = [" ".join(request.approvers) or "nobody"]
    if request.state is RequestState.PENDING:
        said.append(f"{lifecycle.missing(request)} missing")
    return ", ".join(said)
