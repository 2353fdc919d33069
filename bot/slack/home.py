"""The App Home: what is open, and how to ask. Pure."""

from collections.abc import Sequence

from bot.command import help_text
from bot.models import DeleteRequest
from bot.slack.reports import status
from bot.slack.texts import Block, header, section
from bot.store import Told


def view(rows: Sequence[tuple[DeleteRequest, Told]]) -> Block:
    """The page as it should look now."""
    return {
        "type": "home",
        "blocks": [
            header("Open requests"),
            section(status(rows)),
            {"type": "divider"},
            header("How to ask"),
            section(help_text("")),
        ],
    }
