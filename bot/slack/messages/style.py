"""How values stand in a line: marked for Slack, or as a terminal shows them. Pure.

What both say is written once, with a `Style` for the values in it.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bot.slack.messages import mrkdwn


class Style(NamedTuple):
    """A way to write each kind of value."""

    code: Callable[[str], str]
    """What one may want to copy, such as an id."""

    literal: Callable[[str], str]
    """Somebody else's words."""

    prose: Callable[[str], str]
    """A sentence with somebody else's words in it."""

    strong: Callable[[str], str]
    """A line, or a part of it, that is to be seen first."""

    mention: Callable[[str], str]
    """A person or a user group."""

    channel: Callable[[str], str]

    link: Callable[[str, str], str]
    """An address, and what it leads to."""

    time: Callable[[float], str]
    """A time that means the same tomorrow: the day, to the second."""


def _code(text: str) -> str:
    return mrkdwn.visible(text).strip() or "(nothing)"


def _prose(text: str) -> str:
    """Without the marks of code, where they are in pairs."""
    parts = mrkdwn.visible(text).split("`")
    return "".join(parts) if len(parts) % 2 else "`".join(parts)


SLACK = Style(
    code=mrkdwn.code,
    literal=mrkdwn.literal,
    prose=mrkdwn.prose,
    strong="*{}*".format,
    mention=mrkdwn.mention,
    channel="<#{}>".format,
    link="<{}|{}>".format,
    time=partial(mrkdwn.clock, seconds=True, day=True),
)

TERMINAL = Style(
    code=_code,
    literal=mrkdwn.visible,
    prose=_prose,
    strong=str,
    mention=str,
    channel=str,
    link="{1}: {0}".format,
    time=partial(mrkdwn.utc, seconds=True, day=True),
)
"""People and groups by id, times in UTC."""
