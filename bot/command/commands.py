"""What can be asked of the bot, and how it is spelled canonically."""

from bot.models import Draft, Value

PREFIX = "/vco-route"
MAX_CIDRS = 20
"""One person has to read and approve them all, and they go one by one, some 40 s each."""
MAX_REASON = 300
"""Characters; a reason is one line of a card."""
MAX_TEXT = 4000
"""Characters; twenty IPv6 blocks and a full reason need less than half."""


class Delete(Value, frozen=True):
    """`delete` with what to delete."""

    draft: Draft


class DeleteForm(Value, frozen=True):
    """A bare `delete`."""


class ListRoutes(Value, frozen=True):
    """`list`: the routes and the state of a connection."""

    vpn_connection_id: str
    region: str


class Status(Value, frozen=True):
    """`status`: one request, or all open ones where `request_id` is None."""

    request_id: str | None = None


class Cancel(Value, frozen=True):
    """`cancel`: withdraw a pending request."""

    request_id: str


class Restore(Value, frozen=True):
    """`restore`: undo what a request changed."""

    request_id: str
    reason: str = ""


class Help(Value, frozen=True):
    """`help`, or nothing at all; `topic` is a verb, empty for everything."""

    topic: str = ""


Command = Delete | DeleteForm | ListRoutes | Status | Cancel | Restore | Help


def render(draft: Draft, *, default_region: str | None = None) -> str:
    """The canonical command of a draft; `parse` reads it back as the same draft.

    The region is left out where it is `default_region`.
    """
    words = [PREFIX, "delete", draft.vpn_connection_id, *draft.route_dests]
    for flag, value in (
        ("--weight", "" if draft.weight is None else str(draft.weight)),
        ("--next-hop", draft.next_hop),
        ("--region", "" if draft.region == default_region else draft.region),
        ("--overlay-mode", draft.overlay_mode),
        ("--reason", _quoted(draft.reason)),
    ):
        words += [flag, value] if value else []
    return " ".join(words)


def _quoted(reason: str) -> str:
    """A reason in quotes, as `parse` reads it back; nothing for none."""
    escaped = reason.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped else ""


def spelled(command: Command, default: str | None) -> str:
    """Any command as it would be typed; the region is left out where it is the default."""
    match command:
        case Delete(draft=draft):
            return render(draft, default_region=default)
        case ListRoutes(vpn_connection_id=connection, region=region):
            flag = "" if region == default else f" --region {region}"
            return f"{PREFIX} list {connection}{flag}"
        case Status(request_id=request_id):
            words = ["status", request_id or ""]
        case Cancel(request_id=request_id):
            words = ["cancel", request_id]
        case Restore(request_id=request_id, reason=reason):
            words = ["restore", request_id, *(["--reason", _quoted(reason)] if reason else [])]
        case Help(topic=topic):
            words = ["help", topic]
        case DeleteForm():
            words = ["delete"]
    return " ".join(filter(None, [PREFIX, *words]))
