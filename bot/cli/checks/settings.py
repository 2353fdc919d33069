"""What is wrong with the settings or the policy file, told as everything else is. Pure."""

from collections.abc import Iterable

from bot.cli.checks.finding import Finding, failure

_CORRECT = "correct it; the README says under Settings what it takes"
_UNSET = ("is not set", "is set")
"""How the words begin in which a mend follows a colon."""


def of_settings(lines: Iterable[str]) -> list[Finding]:
    """`NAME: what is wrong`, and for what is missing `NAME: is not set: mend`."""
    return [_setting(line) for line in lines]


def of_policy(lines: Iterable[str]) -> list[Finding]:
    """`FILE:LINE: what is wrong; mend`."""
    taken_apart = (line.rpartition("; ") for line in lines)
    return [failure("VCO_POLICY_FILE", found, mend) for found, _, mend in taken_apart]


def _setting(line: str) -> Finding:
    name, _, found = line.partition(": ")
    mend = ""
    if found.startswith(_UNSET):
        found, _, mend = found.partition(": ")
    return failure(name, found, mend or _CORRECT)
