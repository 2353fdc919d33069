"""What was sent in → a draft, or what is wrong with which field, in the words of a command. Pure.

Asked twice: while the form is still open, so that each fault stands below its field, and again
when the delivery is handled.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network

from bot.command import MAX_CIDRS
from bot.command.errors import InvalidValue
from bot.command.text import parts
from bot.command.values import cidr_block, connection_id, region_id
from bot.errors import UserError
from bot.models import Draft, VcoRoute
from bot.slack.forms.fields import CONNECTION, REGION, ROUTES, DeleteFormSubmitted

NO_ROUTES = "Which routes? One at least, such as 192.168.10.0/24."
STALE = "This form is out of date. Please choose again."

_CHOSEN = re.compile(r"(?P<dest>[^|]{1,50})\|(?P<weight>[0-9]{1,3})(?:\|(?P<hop>[^|]{1,100}))?")
"""See `fields.route_value`."""


class Faults(UserError):
    """What is wrong with which field of the form, in plain text."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(" ".join(fields.values()), "Please open the form again.")
        self.fields = fields


def draft_of(given: DeleteFormSubmitted) -> Draft:
    """What was asked for.

    Raises:
        Faults: something is missing, or is not what its field is for.
    """
    faults: dict[str, str] = {}
    region = _read(faults, REGION, region_id, given.region) if given.region else ""
    if not given.region:
        faults[REGION] = "Which region? Such as cn-hangzhou."
    connection = ""
    if given.connection:
        connection = _read(faults, CONNECTION, connection_id, given.connection)
    else:
        faults[CONNECTION] = "Which connection? Its id looks like vco-…."
    exact = tuple(_route(faults, connection, value) for value in dict.fromkeys(given.routes))
    dests = dict.fromkeys(r.route_dest for r in exact) if exact else _blocks(faults, given.blocks)
    if max(len(exact), len(dests)) > MAX_CIDRS:
        most = max(len(exact), len(dests))
        faults[ROUTES] = f"{most} routes; one request takes at most {MAX_CIDRS}."
    if faults:
        raise Faults(faults)
    return Draft(
        vpn_connection_id=connection,
        route_dests=tuple(dests),
        region=region,
        reason=given.reason,
        exact=exact,
    )


def _read(faults: dict[str, str], field: str, read: Callable[[str], str], word: str) -> str:
    try:
        return read(word)
    except InvalidValue as invalid:
        # A form's errors are plain text: a command's code marks would be seen.
        faults[field] = invalid.problem.replace("`", "")
        return ""


def _blocks(faults: dict[str, str], typed: str) -> dict[str, None]:
    """Typed CIDR blocks, taken apart as those of a command are."""
    given = parts(typed)
    if given.flags:
        faults[ROUTES] = f"Only CIDR blocks stand here, not {given.flags[0].typed}."
    elif not given.free:
        faults[ROUTES] = NO_ROUTES
    return dict.fromkeys(_read(faults, ROUTES, cidr_block, word) for word in given.free)


def _route(faults: dict[str, str], connection: str, value: str) -> VcoRoute:
    """A chosen route, from the value of its option as Slack gave it back."""
    match = _CHOSEN.fullmatch(value)
    try:
        dest = match["dest"] if match else ""
        ip_network(dest, strict=False)
    except ValueError:
        match = None
    if match is None:
        faults[ROUTES] = STALE
    return VcoRoute(
        vpn_connection_id=connection,
        route_dest=match["dest"] if match else "",
        next_hop=(match["hop"] if match else "") or connection,
        weight=int(match["weight"]) if match else 0,
    )
