"""A policy file: TOML text → a policy, or all that is wrong with it, line by line. Pure.

[[rule]]
name = "production"
connections = ["vco-p0w*"]
approve = ["S0NETOPS"]
approvals = 2
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec.structs import asdict

from bot.errors import SettingsError
from bot.models import People
from bot.policy.blocks import protected
from bot.policy.limits import Limits
from bot.policy.lines import Lines, Path
from bot.policy.notes import Notes, checked
from bot.policy.people import people
from bot.policy.rules import BreakGlass, Policy, ProtectedPrefix, Rule, Who, Wide
from bot.policy.shape import VISIBLE, GlassTable, RuleTable

_MINUTE, _HOUR = 60.0, 3600.0

_WHERE = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


def parse(text: str, file: str, *, expiry: float) -> Policy:
    """Read a policy; `file` is its name in messages, `expiry` holds where a rule has none.

    Raises:
        SettingsError: A line for each problem, with the file, the line and the mend.
    """
    content, lines = _toml(text, file)
    notes = Notes(file, lines)
    table = checked(content, notes)
    if not table.rule and not notes.about(("rule",)):
        notes.wrong((), "this policy names nobody", "add a [[rule]] that says who approves")
    placed = [(("rule", n), rule) for n, rule in enumerate(table.rule) if rule is not None]
    rules = tuple(_rule(rule, at, notes) for at, rule in placed)
    _distinct(placed, notes)
    if notes.problems:
        raise SettingsError(notes.problems)
    limits = Limits(**asdict(table.limits))
    return Policy(rules=rules, limits=limits, expiry=expiry, file=file)


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


def _rule(table: RuleTable, at: Path, notes: Notes) -> Rule:
    approve = _people(table.approve)
    if not table.approve:
        notes.missing(RuleTable, (*at, "approve"))
    if not table.name:
        notes.missing(RuleTable, (*at, "name"))
    elif not table.name.strip() or not table.name.isprintable():
        notes.wrong((*at, "name"), f"name is {table.name[:60]!r}", VISIBLE)
    _enough((*at, "approvals"), table.approvals, approve, notes)
    return Rule(
        name=table.name,
        connections=_items(table.connections),
        regions=_items(table.regions),
        channels=_items(table.channels),
        ask=_who(table.ask),
        approve=approve,
        approvals=table.approvals,
        wide=_wide(table, (*at, "wide"), approve, notes),
        protected=tuple(_protected(table.protected, (*at, "protected"), notes)),
        self_approval=table.self_approval,
        break_glass=_glass(table.break_glass, (*at, "break_glass"), notes),
        expiry=None if table.expiry_minutes is None else table.expiry_minutes * _MINUTE,
        watch=table.watch_minutes * _MINUTE,
        line=notes.line(at),
    )


def _wide(rule: RuleTable, at: Path, approve: People, notes: Notes) -> Wide | None:
    table, approvals = rule.wide, rule.approvals
    if table is None:
        return None
    if table.ipv4 is None and table.ipv6 is None and not notes.about(at):
        notes.wrong(at, "wide has no prefix length", "add ipv4 = 16, ipv6 = 32, or one of them")
    more = table.approvals or max(2, approvals)
    if more < approvals:
        problem = f"a wide route needs {more} and any route {approvals}"
        notes.wrong((*at, "approvals"), problem, "raise this one")
    # Where it is not given, what follows from the rule's own number is noted there.
    if table.approvals or more > approvals:
        _enough((*at, "approvals"), more, approve, notes)
    return Wide(ipv4=table.ipv4, ipv6=table.ipv6, approvals=more)


def _glass(table: GlassTable | None, at: Path, notes: Notes) -> BreakGlass | None:
    if table is None:
        return None
    if not table.who:
        notes.missing(GlassTable, (*at, "who"))
    return BreakGlass(who=_who(table.who), countersign=table.countersign_hours * _HOUR)


def _protected(texts: Sequence[str | None], at: Path, notes: Notes) -> Iterator[ProtectedPrefix]:
    for place, text in enumerate(texts):
        try:
            if text is not None:
                yield protected(text)
        except ValueError as error:
            notes.wrong((*at, place), f"protected: {error}", 'give one such as "10.1.0.0/16 le 32"')


def _enough(at: Path, approvals: int, approve: People, notes: Notes) -> None:
    """A group may have any number of members; people who are named can be counted."""
    if not approve.groups and 0 < len(approve.users) < approvals:
        problem = f"{approvals} people have to approve and only {len(approve.users)} can"
        notes.wrong(at, problem, "name more, or a user group, in approve")


def _distinct(placed: Iterable[tuple[Path, RuleTable]], notes: Notes) -> None:
    """Rules are known by their names in the audit."""
    first: dict[str, int] = {}
    for at, rule in placed:
        if rule.name in first:
            problem = f"the name {rule.name!r} is that of the rule in line {first[rule.name]}"
            notes.wrong((*at, "name"), problem, "give each rule a name of its own")
        elif rule.name:
            first[rule.name] = notes.line(at)


def _who(found: Literal["anyone"] | Sequence[str | None]) -> Who:
    return Who(anyone=True) if found == "anyone" else Who(people=_people(found))


def _people(ids: Sequence[str | None]) -> People:
    return people(_items(ids))


def _items(found: Sequence[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for item in found if item is not None))
