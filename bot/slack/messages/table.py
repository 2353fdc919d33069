"""Slack's table block, and what stands in its place where there is none. Pure.

Views take no table, and neither does every workspace: each carries the blocks that say the same,
and `without_tables` puts them there. What somebody else wrote stands in a cell as it is.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bot.slack.messages.mrkdwn import Block, cut, length, utc, visible

NOTHING = "\u2013"
"""What stands in a cell that has nothing to say: Slack takes no empty one."""

_ROWS = 100
"""Rows of a table, the first of which is its head (Slack, table block reference)."""

_IN_ALL = 9_500
"""Characters in all cells of a message: Slack takes 10,000."""

_CELL = 1000
"""Characters of a cell: what is longer than that is nothing to look down a column of."""


class Column(NamedTuple):
    """How a column looks; one that wraps is as wide as there is room."""

    title: str
    wraps: bool = False
    align: str = "left"


class Table(dict[str, Any]):
    """A table block; `instead` says the same where Slack takes none."""

    def __init__(
        self, columns: Sequence[Column], rows: Sequence[Sequence[Block]], instead: Iterable[Block]
    ) -> None:
        """The titles of the columns are the first row."""
        head = [raw(column.title) for column in columns]
        super().__init__(
            type="table",
            rows=[head, *map(list, rows)],
            column_settings=[{"align": c.align, "is_wrapped": c.wraps} for c in columns],
        )
        self.instead = list(instead)


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Block]], instead: Iterable[Block]
) -> list[Block]:
    """A table; what stands instead of it where it would be more than Slack takes."""
    made = Table(columns, rows, instead)
    fits = len(made["rows"]) <= _ROWS and length([made]) <= _IN_ALL
    return [made] if fits else made.instead


def without_tables(blocks: Iterable[Block]) -> list[Block]:
    """The same with what stands instead of each table."""
    plainer: list[Block] = []
    for block in blocks:
        plainer += block.instead if isinstance(block, Table) else [block]
    return plainer


def raw(text: str) -> Block:
    """A cell that shows a text as it is; Slack takes no empty one."""
    return {"type": "raw_text", "text": cut(visible(text).strip(), _CELL) or NOTHING}


def rich(*parts: Block) -> Block:
    """A cell of links, people and times; its texts are not interpreted either."""
    section = {"type": "rich_text_section", "elements": list(parts)}
    return {"type": "rich_text", "elements": [section]}


def words(text: str) -> Block:
    """A text in a `rich` cell, on a line of its own where it begins with a line end."""
    end = "\n" if text.startswith("\n") else ""
    return {"type": "text", "text": end + cut(visible(text.removeprefix("\n")), _CELL)}


def link(address: str, text: str) -> Block:
    """What leads somewhere in a `rich` cell; the mere text where there is no address."""
    said = cut(visible(text), _CELL)
    if not address.startswith("http"):
        return {"type": "text", "text": said, "style": {"bold": True}}
    return {"type": "link", "url": address, "text": said, "style": {"bold": True}}


def person(slack_id: str) -> Block:
    """A person in a `rich` cell, by their name."""
    return {"type": "user", "user_id": slack_id}


def day(at: float) -> Block:
    """A day and a time in a `rich` cell, in the reader's own time zone."""
    form, said = "{date_short_pretty} {time}", utc(at, day=True)
    return {"type": "date", "timestamp": int(at), "format": form, "fallback": said}
