"""The App Home: what is open, and how to ask. Pure."""

from collections.abc import Sequence

from bot.command import help_text
from bot.slack.messages.reports import Row, status
from bot.slack.messages.texts import Block, header, section


def view(rows: Sequence[Row], unreadable: Sequence[str] = ()) -> Block:
    """The page as it should look now."""
    return {
        "type": "home",
        "blocks": [
            header("Open requests"),
            section(status(rows, unreadable)),
            {"type": "divider"},
            header("How to ask"),
            section(help_text("")),
        ],
    }
