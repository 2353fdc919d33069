"""How each verb is read, and what help says of it."""

from collections.abc import Callable
from typing import NamedTuple

from bot.command.checks import check_end, check_strays, connection_of, reason_of, region_of
from bot.command.commands import (
    MAX_CIDRS,
    MAX_REASON,
    PREFIX,
    Cancel,
    Command,
    Delete,
    DeleteForm,
    Help,
    ListRoutes,
    Restore,
    Status,
)
from bot.command.faults import Fault, read_flag, read_free
from bot.command.text import Parts, fold
from bot.command.values import (
    cidr_block,
    connection_id,
    next_hop_id,
    overlay_mode_of,
    request_id_of,
    weight_of,
)
from bot.models import Draft


def _read_delete(given: Parts, default: str | None) -> Command:
    if not given.free and not given.flags:
        return DeleteForm()
    if not given.free:
        problem = "`delete` needs a connection and a CIDR block."
        raise Fault(problem, "delete", Parts())
    check_strays(given)
    connection = connection_of(given)
    dests = [read_free(given, index, cidr_block) for index in range(1, len(given.free))]
    if not dests:
        look = f"`{PREFIX} list {connection}` shows its routes."
        raise Fault(f"Which route of `{connection}`? A CIDR block is missing. {look}", connection)
    route_dests = tuple(dict.fromkeys(dests))
    if len(route_dests) > MAX_CIDRS:
        problem = f"{len(route_dests)} CIDR blocks; one request takes at most {MAX_CIDRS}."
        raise Fault(problem, route_dests[MAX_CIDRS])
    weight = read_flag(given, "weight", weight_of)
    return Delete(
        draft=Draft(
            vpn_connection_id=connection,
            route_dests=route_dests,
            weight=None if weight is None else int(weight),
            next_hop=read_flag(given, "next-hop", next_hop_id),
            overlay_mode=read_flag(given, "overlay-mode", overlay_mode_of),
            reason=reason_of(given),
            region=region_of(given, default),
        )
    )


def _read_list(given: Parts, default: str | None) -> Command:
    if not given.free:
        raise Fault(f"Which connection? `{PREFIX} list vco-…` shows its routes.", "list")
    connection = read_free(given, 0, connection_id)
    check_end(given, 1, "list")
    return ListRoutes(vpn_connection_id=connection, region=region_of(given, default))


def _read_status(given: Parts, _default: str | None) -> Command:
    request_id = read_free(given, 0, request_id_of) if given.free else None
    check_end(given, 1, "status")
    return Status(request_id=request_id)


def _read_cancel(given: Parts, _default: str | None) -> Command:
    if not given.free:
        raise Fault(f"Which request? `{PREFIX} status` shows the open ones.", "cancel")
    request_id = read_free(given, 0, request_id_of)
    check_end(given, 1, "cancel")
    return Cancel(request_id=request_id)


def _read_restore(given: Parts, _default: str | None) -> Command:
    if not given.free:
        raise Fault("Which request is to be undone? Its card shows its id (`r-…`).", "restore")
    request_id = read_free(given, 0, request_id_of)
    check_end(given, 1, "restore")
    return Restore(request_id=request_id, reason=reason_of(given))


def read_help(given: Parts, _default: str | None) -> Command:
    """`help`, of everything or of one verb."""
    topic = fold(given.free[0]).lower() if given.free else ""
    topic = ALIASES.get(topic, topic)
    return Help(topic=topic if topic in VERBS else "")


class Verb(NamedTuple):
    """A verb: how it is read, what help says, which flags it takes."""

    read: Callable[[Parts, str | None], Command]
    usage: str
    about: str
    flags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


VERBS = {
    "delete": Verb(
        _read_delete,
        "delete CONNECTION CIDR… [--weight 0|100] [--next-hop ID] [--region ID]"
        " [--overlay-mode Ipsec] [--reason TEXT]",
        "Ask to delete routes; somebody else approves.",
        flags=("weight", "next-hop", "region", "overlay-mode", "reason"),
        aliases=("rm", "remove", "del", "drop"),
        notes=(
            "Weight and next hop are filled in from the live route.",
            f"Up to {MAX_CIDRS} CIDR blocks; a reason of up to {MAX_REASON} characters.",
        ),
    ),
    "list": Verb(
        _read_list,
        "list CONNECTION [--region ID]",
        "Show the routes and the state of a connection.",
        flags=("region",),
        aliases=("ls", "show", "get", "describe"),
    ),
    "status": Verb(
        _read_status, "status [REQUEST]", "Show what is pending and running.", aliases=("st", "ps")
    ),
    "cancel": Verb(
        _read_cancel,
        "cancel REQUEST",
        "Withdraw a pending request of yours.",
        aliases=("abort", "withdraw", "stop"),
    ),
    "restore": Verb(
        _read_restore,
        "restore REQUEST [--reason TEXT]",
        "Ask to put back what a request deleted; somebody else approves.",
        flags=("reason",),
        aliases=("undo", "revert", "putback", "recreate"),
        notes=("With the next hop and the weight that it had. Of a restoration: delete it again.",),
    ),
    "help": Verb(read_help, "help [VERB]", "Show this.", aliases=("?", "usage", "man")),
}
ALIASES = {alias: name for name, verb in VERBS.items() for alias in verb.aliases}


def help_text(topic: str = "") -> str:
    """Help as Slack mrkdwn: for one verb, or short for all of them."""
    if topic in VERBS:
        verb = VERBS[topic]
        return "\n".join([f"`{PREFIX} {verb.usage}`", verb.about, *verb.notes])
    lines = [f"`{PREFIX} {verb.usage}`\n    {verb.about}" for verb in VERBS.values()]
    example = f'{PREFIX} delete vco-p0w5112f 192.168.10.0/24 --reason "leaking, INC-4211"'
    return "\n\n".join([*lines, f"For example: `{example}`"])
