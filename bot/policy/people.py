"""The IDs of users and user groups, as an operator writes them."""

import re
from collections.abc import Iterable

from bot.models import People

_USER = re.compile(r"[UW][A-Z0-9]+")
_GROUP = re.compile(r"S[A-Z0-9]+")

NOBODY = "names nobody: give IDs of users (U…, W…) or user groups (S…)"


def slack_id(text: str) -> str:
    """The ID of a user or a user group.

    Raises:
        ValueError: It is none.
    """
    if not _USER.fullmatch(text) and not _GROUP.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no ID of a user (U…, W…) or a user group (S…)")
    return text


def people(ids: Iterable[str]) -> People:
    """Users and groups from IDs that were checked; each once."""
    ids = tuple(dict.fromkeys(ids))
    return People(
        users=tuple(one for one in ids if _USER.fullmatch(one)),
        groups=tuple(one for one in ids if _GROUP.fullmatch(one)),
    )


def approvers(text: str) -> People:
    """Read `VCO_APPROVERS`: IDs of users (U…, W…) and user groups (S…), comma-separated.

    Raises:
        ValueError: An item is no such ID, or there is none at all: unset means refuse.
    """
    items = [item for part in text.split(",") if (item := part.strip())]
    if not items:
        raise ValueError(NOBODY)
    return people(slack_id(item) for item in items)
