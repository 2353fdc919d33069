"""The verbs: how each is read, the flags it takes, and what help says of it."""

from collections.abc import Callable
from typing import NamedTuple

from bot.command import readers
from bot.command.commands import MAX_CIDRS, MAX_REASON, PREFIX, Command, Help
from bot.command.text import Parts, fold


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


_GLASS = (
    "With `--break-glass`, where the policy allows it, nobody has to approve first. It takes a"
    " reason, and somebody countersigns afterwards."
)

EXAMPLE = f'{PREFIX} delete office-shanghai 192.168.10.0/24 --reason "leaking, INC-4211"'
"""A whole command, as help and the App Home show it; it works in the sandbox."""

VERBS = {
    "delete": Verb(
        readers.read_delete,
        "delete CONNECTION CIDR… [--weight 0|100] [--next-hop ID] [--region ID]"
        " [--overlay-mode Ipsec] [--reason TEXT] [--break-glass]",
        "Ask to delete routes; somebody else approves.",
        flags=("weight", "next-hop", "region", "overlay-mode", "reason", "break-glass"),
        aliases=("rm", "remove", "del", "drop"),
        notes=(
            "CONNECTION is its name or its id; a name with blanks stands in quotes.",
            "Weight and next hop are filled in from the live route.",
            f"Up to {MAX_CIDRS} CIDR blocks; a reason of up to {MAX_REASON} characters.",
            _GLASS,
            "Without a CIDR block, or without all: a form.",
        ),
    ),
    "list": Verb(
        readers.read_list,
        "list CONNECTION [--region ID]",
        "Show the routes and the state of a connection.",
        flags=("region",),
        aliases=("ls", "show", "get", "describe"),
        notes=("CONNECTION is its name or its id; a name with blanks stands in quotes.",),
    ),
    "status": Verb(
        readers.read_status,
        "status [REQUEST]",
        "Show what is pending and in flight.",
        aliases=("st", "ps"),
    ),
    "cancel": Verb(
        readers.read_cancel,
        "cancel REQUEST",
        "Withdraw a pending request of yours, or stop an approved one that has not started.",
        aliases=("abort", "withdraw", "stop"),
    ),
    "restore": Verb(
        readers.read_restore,
        "restore REQUEST [--reason TEXT] [--break-glass]",
        "Ask to put back what a request deleted; somebody else approves.",
        flags=("reason", "break-glass"),
        aliases=("undo", "revert", "putback", "recreate"),
        notes=(
            "With the next hop and the weight that it had. Of a restoration: delete it again.",
            _GLASS,
        ),
    ),
    "history": Verb(
        readers.read_history,
        "history [CIDR|CONNECTION|REQUEST]",
        "Show who deleted what, and who approved it.",
        aliases=("log", "hist", "who"),
        notes=("Of a CIDR block: also the blocks around it and within it.",),
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
    return "\n\n".join([*lines, f"For example: `{EXAMPLE}`"])
