"""What can be asked of the bot, and how it is spelled canonically."""

import re

from bot.models import Draft, Value

PREFIX = "/vco-route"
MAX_CIDRS = 20
"""One person has to read and approve them all, and they go one by one, some 40 s each."""
MAX_REASON = 300
"""Characters; a reason is one line of a card."""
MAX_TEXT = 4000
"""Characters; twenty IPv6 blocks and a full reason need less than half."""

_SIMPLE_NAME = re.compile(r"\w[\w.-]*\w|\w")
"""A name that needs no quotes."""


class Delete(Value, frozen=True):
    """`delete` with what to delete."""

    draft: Draft


class DeleteForm(Value, frozen=True):
    """A `delete` that does not say what, or not which routes; as far as it does, it is filled in.

    `region` is where to look first, if it was named; the connection is given by its id or its
    name, or not at all.
    """

    region: str | None = None
    vpn_connection_id: str = ""
    connection_name: str = ""
    reason: str = ""


class ListRoutes(Value, frozen=True):
    """`list`: the routes and the state of a connection, given by its id or by its name.

    `region` is empty where a name was given and no region: see `bot.execution.finding`.
    """

    vpn_connection_id: str
    region: str
    connection_name: str = ""


class Status(Value, frozen=True):
    """`status`: one request, or all open ones where `request_id` is None."""

    request_id: str | None = None


class Cancel(Value, frozen=True):
    """`cancel`: withdraw a pending request, or stop an approved one that has not begun."""

    request_id: str


class Restore(Value, frozen=True):
    """`restore`: roll back what a request changed."""

    request_id: str
    reason: str = ""
    break_glass: bool = False


class History(Value, frozen=True):
    """`history`: who changed what.

    `about` is a request's id, a canonical CIDR block or a connection's id; None for the latest.
    """

    about: str | None = None


class Help(Value, frozen=True):
    """`help`, or nothing at all; `topic` is a verb, empty for everything."""

    topic: str = ""


Command = Delete | DeleteForm | ListRoutes | Status | Cancel | Restore | History | Help


def render(draft: Draft, *, default_region: str | None = None) -> str:
    """The canonical command of a deletion's draft; `parse` reads it back as the same draft.

    The region is left out where it is `default_region`, unless a name goes by it.
    """
    connection = connection_word(draft.vpn_connection_id, draft.connection_name)
    words = [PREFIX, "delete", connection, *draft.route_dests]
    default = default_region if draft.vpn_connection_id else ""
    for flag, value in (
        ("--weight", "" if draft.weight is None else str(draft.weight)),
        ("--next-hop", draft.next_hop),
        ("--region", "" if draft.region == default else draft.region),
        ("--overlay-mode", draft.overlay_mode),
    ):
        words += [flag, value] if value else []
    return " ".join([*words, *_why(draft.reason, break_glass=draft.break_glass)])


def connection_word(vpn_connection_id: str, name: str) -> str:
    """A connection as it is typed: by its id, or by its name, in quotes where it needs them."""
    if vpn_connection_id or not name or _SIMPLE_NAME.fullmatch(name):
        return vpn_connection_id or name
    return _in_quotes(name)


def _in_quotes(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _why(reason: str, *, break_glass: bool) -> list[str]:
    """The flags of the reason, in quotes as `parse` reads it back, and of the broken glass."""
    why = ["--reason", _in_quotes(reason)] if reason else []
    return [*why, "--break-glass"] if break_glass else why


def spelled(command: Command, default: str | None) -> str:
    """Any command as it would be typed; the region is left out where it is the default."""
    match command:
        case Delete(draft=draft):
            return render(draft, default_region=default)
        case ListRoutes(vpn_connection_id=connection, region=region, connection_name=name):
            at_home = region == (default if connection else "")
            flag = [] if at_home else [f"--region {region}"]
            words = ["list", connection_word(connection, name), *flag]
        case Status(request_id=request_id):
            words = ["status", request_id or ""]
        case Cancel(request_id=request_id):
            words = ["cancel", request_id]
        case Restore(request_id=request_id, reason=reason, break_glass=broken):
            words = ["restore", request_id, *_why(reason, break_glass=broken)]
        case History(about=about):
            words = ["history", about or ""]
        case Help(topic=topic):
            words = ["help", topic]
        case DeleteForm(region=region, vpn_connection_id=connection, connection_name=name):
            flag = [f"--region {region}"] if region else []
            why = _why(command.reason, break_glass=False)
            words = ["delete", connection_word(connection, name), *flag, *why]
    return " ".join(filter(None, [PREFIX, *words]))
