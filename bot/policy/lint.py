"""Warnings about a valid policy: what of it is most likely not meant. Pure.

Each is a line for an operator, with the place in the file, what is odd, and what to do.
"""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from bot.policy.rules import Policy, Rule

_WILD = "*?["
_EVERY = "vco-"
"""How the id of every connection begins (Alibaba Cloud, DescribeVpnConnections)."""


def lint(policy: Policy) -> Iterator[str]:
    """All that is odd about the rules, in the order of the file."""
    for place, rule in enumerate(policy.rules):
        for said in (*_unmatchable(rule), *_unreached(rule, policy.rules[:place])):
            yield f"{policy.where(rule)}: {said}"
        for said in _ways_around(rule, policy.rules[place + 1 :]):
            yield f"{policy.where(rule)}: {said}"


def _unmatchable(rule: Rule) -> Iterator[str]:
    for glob in rule.connections:
        if not _possible(glob):
            yield f'rule "{rule.name}": no connection is called {glob}; ids begin with {_EVERY}'


def _unreached(rule: Rule, earlier: Sequence[Rule]) -> Iterator[str]:
    for other in earlier:
        if _covers(other, rule):
            yield (
                f'rule "{rule.name}" is never reached, for "{other.name}" (line {other.line}) '
                "matches all that it does; put it before that one"
            )
            return


def _ways_around(rule: Rule, later: Sequence[Rule]) -> Iterator[str]:
    """Whoever asks chooses the channel, and so the rule, unless all cards go to one channel."""
    if not rule.channels:
        return
    for other in later:
        elsewhere = not other.channels or set(other.channels) - set(rule.channels)
        same = _meet(rule.connections, other.connections) and _meet(rule.regions, other.regions)
        if elsewhere and same:
            yield (
                f'rule "{rule.name}" holds in {", ".join(rule.channels)} alone: whoever asks '
                f'elsewhere goes by "{other.name}" (line {other.line}); leave channels out, unless '
                "that is meant"
            )
            return


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether one rule matches whatever the other does, as far as can be told from the globs."""
    return (
        _all_within(narrow.connections, wide.connections)
        and _all_within(narrow.regions, wide.regions)
        and (
            not wide.channels
            or (bool(narrow.channels) and set(narrow.channels) <= set(wide.channels))
        )
    )


def _all_within(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    if not others or any(_everything(glob) for glob in others):
        return True
    return bool(some) and all(any(_wider(glob, one) for glob in others) for one in some)


def _meet(some: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether something may match both."""
    if not some or not others:
        return True
    return any(_wider(a, b) or _wider(b, a) for a in some for b in others)


def _wider(glob: str, other: str) -> bool:
    """Whether a glob matches all that another one does; no, where that is hard to tell."""
    if glob == other or not set(other) & set(_WILD):
        return glob == other or fnmatchcase(other, glob)
    begin = _literal(glob)
    return glob == f"{begin}*" and _literal(other).startswith(begin)


def _everything(glob: str) -> bool:
    return glob == f"{_literal(glob)}*" and _EVERY.startswith(_literal(glob))


def _possible(glob: str) -> bool:
    begin = _literal(glob)
    if begin == glob:
        return glob.startswith(_EVERY)
    opened = glob.find("[")
    closed = opened < 0 or glob.find("]", opened + 2) > 0
    return closed and (begin.startswith(_EVERY) or _EVERY.startswith(begin))


def _literal(glob: str) -> str:
    """What stands before the first wildcard."""
    ends = (place for sign in _WILD if (place := glob.find(sign)) >= 0)
    return glob[: min(ends, default=len(glob))]
