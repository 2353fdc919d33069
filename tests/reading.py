"""Read Block Kit as Slack does: what it would interpret, and what it would only show."""

import re
from collections.abc import Iterator
from typing import Any

from bot.slack.messages.mrkdwn import Message

HOSTILE = "<!channel> *b* <http://x|y> & <@U0BOB> :boom: `" + "x<&>" * 63
"""What somebody might type to ping, link or format."""


def objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Every object within blocks."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def mrkdwn(message: Message) -> list[str]:
    """All that Slack would interpret: the fallback text, and each mrkdwn text object."""
    text, blocks = message
    return [text, *(o["text"] for o in objects(blocks) if o.get("type") == "mrkdwn")]


_MARKUP = (
    (re.compile(r"<!date\^[^|>]*\|([^>]*)>"), r"\1"),
    (re.compile(r"<(?:!subteam\^|@|#)([A-Z0-9]+)>"), r"\1"),
    (re.compile(r"<(https?://[^|>]*)\|([^>]*)>"), r"\2: \1"),
    (re.compile(r"\*([^*\n]+)\*"), r"\1"),
    (re.compile("`"), ""),
    # Last: what was escaped is nobody's markup.
    (re.compile("&lt;"), "<"),
    (re.compile("&gt;"), ">"),
    (re.compile("&amp;"), "&"),
)


def as_read(mrkdwn: str) -> str:
    """The bot's mrkdwn as it is read: people and groups by id, times in UTC."""
    for pattern, shown in _MARKUP:
        mrkdwn = pattern.sub(shown, mrkdwn)
    return mrkdwn
