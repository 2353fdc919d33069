"""A policy file: TOML text → a policy, or all that is wrong with it, line by line. Pure.

[[rule]]
name = "production"
connections = ["vco-p0w*"]
approve = ["S0NETOPS"]
approvals = 2
"""

import re
import tomllib
from collections.abc import Iterable

from bot.errors import SettingsError
from bot.models import People
from bot.models.terms import WATCH_SECONDS
from bot.policy.blocks import protected
from bot.policy.lines import Lines
from bot.policy.rules import BreakGlass, Policy, Rule, Who, Wide
from bot.policy.table import ANYONE, Notes, Table

_KEYS = (
    *("name", "connections", "regions", "channels", "ask", "approve", "approvals", "wide"),
    *("protected", "self_approval", "break_glass", "expiry_minutes", "watch_minutes"),
)
_WIDE_KEYS = ("ipv4", "ipv6", "approvals")
_GLASS_KEYS = ("who", "countersign_hours")

_MINUTE, _HOUR = 60, 3600
_MOST_APPROVALS = 50
_LONGEST_EXPIRY = 24 * 60
_LONGEST_WATCH = 120
_COUNTERSIGN_HOURS = 24
_LONGEST_COUNTERSIGN = 30 * 24

_WHERE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
# `!` and brackets are part of globs.
_CONNECTION = re.compile(r"[a-z0-9*?\[\]!-]+")
_CHANNEL = re.compile(r"[CG][A-Z0-9]+")


def parse(text: str, file: str, *, expiry: float) -> Policy:
    """Read a policy; `file` is its name in messages, `expiry` holds where a rule has none.

    Raises:
        SettingsError: A line for each problem, with the file, the line and the mend.
    """
    content, lines = _toml(text, file)
    notes = Notes(file, lines)
    Table(content, (), notes).known(("rule",), "a policy (rules are [[rule]])")
    tables = _tables(content, notes)
    rules = tuple(_rule(table) for table in tables)
    _distinct(rules, tables)
    if notes.problems:
        raise SettingsError(notes.problems)
    return Policy(rules=rules, expiry=expiry, file=file)


def _toml(text: str, file: str) -> tuple[dict[str, object], Lines]:
    try:
        return tomllib.loads(text), Lines(text)
    except ValueError as error:
        # Mostly the parser's own, whose words end in the place.
        said = str(error)
        found = _WHERE.search(said)
        line = found["line"] if found and found["line"] else text.rstrip().count("\n") + 1
        words = _WHERE.sub("", said)
    except RecursionError:
        line, words = 1, "Nested too deeply"
    what = f"this is no TOML ({words[:1].lower()}{words[1:]})"
    raise SettingsError([f"{file}:{line}: {what}; mend this line, or the one before it"])


def _tables(content: dict[str, object], notes: Notes) -> list[Table]:
    found = content.get("rule", [])
    if not isinstance(found, list):
        notes.wrong(("rule",), "rule is not a list of tables", "begin each rule with [[rule]]")
        return []
    if not found:
        notes.wrong((), "this policy names nobody", "add a [[rule]] that says who approves")
    tables = []
    for place, item in enumerate(found):
        if isinstance(item, dict):
            tables.append(Table(item, ("rule", place), notes))
        else:
            notes.wrong(("rule", place), "this rule is no table", "begin each rule with [[rule]]")
    return tables


def _rule(table: Table) -> Rule:
    table.known(_KEYS, "a rule")
    approve = table.people("approve")
    approvals = table.number("approvals", 1, _MOST_APPROVALS, 1)
    _enough(table, "approvals", approvals, approve)
    watch = table.number("watch_minutes", 0, _LONGEST_WATCH, int(WATCH_SECONDS) // _MINUTE)
    expiry = table.number("expiry_minutes", 1, _LONGEST_EXPIRY, 1)
    return Rule(
        name=table.text("name"),
        connections=table.texts("connections", _connection, "vco-p0w*"),
        regions=table.texts("regions", _region, "cn-hangzhou"),
        channels=table.texts("channels", _channel, "C0NETOPS"),
        ask=table.who("ask", default=Who(anyone=True)),
        approve=approve,
        approvals=approvals,
        wide=_wide(table.table("wide"), approvals, approve),
        protected=table.texts("protected", protected, "10.1.0.0/16 le 32"),
        self_approval=table.flag("self_approval"),
        break_glass=_glass(table.table("break_glass")),
        expiry=float(expiry * _MINUTE) if table.has("expiry_minutes") else None,
        watch=float(watch * _MINUTE),
        line=table.notes.line(table.path),
    )


def _wide(table: Table | None, approvals: int, approve: People) -> Wide | None:
    if table is None:
        return None
    table.known(_WIDE_KEYS, "wide")
    if not table.has("ipv4") and not table.has("ipv6"):
        table.wrong("ipv4", "wide has no prefix length", "add ipv4 = 16, ipv6 = 32, or one of them")
    more = table.number("approvals", 1, _MOST_APPROVALS, max(2, approvals))
    if more < approvals:
        table.wrong(
            "approvals", f"a wide route needs {more} and any route {approvals}", "raise this one"
        )
    # Where it is not given, what follows from the rule's own number is noted there.
    if table.has("approvals") or more > approvals:
        _enough(table, "approvals", more, approve)
    return Wide(
        ipv4=table.number("ipv4", 0, 32, 0) if table.has("ipv4") else None,
        ipv6=table.number("ipv6", 0, 128, 0) if table.has("ipv6") else None,
        approvals=more,
    )


def _glass(table: Table | None) -> BreakGlass | None:
    if table is None:
        return None
    table.known(_GLASS_KEYS, "break_glass")
    if not table.has("who"):
        table.wrong("who", "break_glass does not say who", f'add who = ["U…"], or "{ANYONE}"')
    hours = table.number("countersign_hours", 1, _LONGEST_COUNTERSIGN, _COUNTERSIGN_HOURS)
    return BreakGlass(who=table.who("who", default=Who()), countersign=float(hours * _HOUR))


def _enough(table: Table, key: str, approvals: int, approve: People) -> None:
    """A group may have any number of members; people who are named can be counted."""
    if not approve.groups and 0 < len(approve.users) < approvals:
        named = len(approve.users)
        table.wrong(
            key,
            f"{approvals} people have to approve and only {named} can",
            "name more, or a user group, in approve",
        )


def _distinct(rules: Iterable[Rule], tables: Iterable[Table]) -> None:
    """The audit tells rules apart by their names."""
    first: dict[str, int] = {}
    for rule, table in zip(rules, tables, strict=True):
        if rule.name and rule.name in first:
            problem = f"the name {rule.name!r} is that of the rule in line {first[rule.name]}"
            table.wrong("name", problem, "give each rule a name of its own")
        first.setdefault(rule.name, rule.line)


def _connection(text: str) -> str:
    if not _CONNECTION.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no connection's id and no glob; ids are in lower case")
    return text


def _region(text: str) -> str:
    if not _CONNECTION.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no region's id and no glob; ids are in lower case")
    return text


def _channel(text: str) -> str:
    if not _CHANNEL.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no channel ID (C… or G…; a name such as #ops is none)")
    return text
