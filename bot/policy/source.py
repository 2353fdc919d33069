"""Where the policy comes from: the setting, or a file that can be read again while serving.

A policy that can't be understood is never used: at the start it ends the program, later the
earlier one goes on to hold, and readiness says so.
"""

from pathlib import Path
from typing import Self

import structlog

from bot.errors import SettingsError
from bot.models import People
from bot.policy.file import parse
from bot.policy.rules import Policy

log = structlog.get_logger(__name__)

_LARGEST = 64 * 1024
"""Bytes; a policy has a few thousand, and what is much longer takes the parser seconds."""


class PolicySource:
    """The policy that holds now."""

    def __init__(self, policy: Policy) -> None:
        """Begin with `policy`; where it was read from a file, that is read again on request."""
        self.policy = policy
        self.problems: tuple[str, ...] = ()

    @classmethod
    def of(cls, approvers: People, file: str | None, expiry: float) -> Self:
        """The policy of the file; without one, the simple form.

        Raises:
            SettingsError: The file can't be read, or a line for each thing wrong in it.
        """
        return cls(read(file, expiry) if file else Policy.of_approvers(approvers, expiry))

    def reload(self) -> None:
        """Read the file again. One that is wrong changes nothing, and that is logged."""
        if not self.policy.file:
            log.info("policy_has_no_file")
            return
        try:
            self.policy = read(self.policy.file, self.policy.expiry)
        except SettingsError as error:
            self.problems = tuple(error.lines)
            for line in error.lines:
                log.error("policy_not_reloaded", problem=line)  # noqa: TRY400 - it says enough
        else:
            self.problems = ()
            log.info("policy_reloaded", file=self.policy.file, rules=len(self.policy.rules))


def read(file: str, expiry: float) -> Policy:
    """The policy in a file.

    Raises:
        SettingsError: It can't be read, or a line for each thing wrong in it.
    """
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError([f"{file}: can't be read ({why}); is this the path?"]) from None
    if len(content) > _LARGEST:
        raise SettingsError([f"{file}: is too large for a policy; is this the path?"])
    try:
        # Some editors put a mark of the encoding in front.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError([f"{file}:{line}: is not UTF-8; save it in that encoding"]) from None
    return parse(text, file, expiry=expiry)
