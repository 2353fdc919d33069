"""Slack's JSON, read without trust: what is missing or of another shape is empty. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
"""An object that Slack sent, or is sent."""

Body = Mapping[str, Any]
"""The same, only to be read."""


def part(body: Body, field: str) -> Body:
    """An object within an object."""
    value = body.get(field)
    return value if isinstance(value, Mapping) else {}


def items(body: Body, field: str) -> Sequence[Body]:
    """The objects of a list within an object."""
    value = body.get(field)
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def word(body: Body, field: str) -> str:
    """A text within an object."""
    value = body.get(field)
    if not isinstance(value, str):
        return ""
    # JSON can hold halves of surrogate pairs, which no text that is stored or sent may have.
    return value.encode(errors="replace").decode()
