"""Read Block Kit as Slack does: what it would interpret, and what it would only show."""

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
