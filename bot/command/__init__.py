"""1 command: the text of `/vco-route` → a `Command`, or a `CommandError` with the correction.

- `text`      what phones, Macs and Slack make of a line → its words and flags
- `commands`  what can be asked, and how it is spelled canonically
- `errors`    what is wrong with a word, and the parts without that mistake
- `values`    one word → a connection's id, a CIDR block, a weight …
- `checks`    what must hold for the whole of a command
- `readers`   how each verb is read
- `verbs`     the verbs, their flags, and what help says: a new verb is one row there
- `reading`   `parse`: reads, and corrects one error after another
"""

from bot.command.commands import (
    MAX_CIDRS,
    MAX_REASON,
    MAX_TEXT,
    PREFIX,
    Cancel,
    Command,
    Delete,
    DeleteForm,
    Help,
    History,
    ListRoutes,
    Restore,
    Status,
    render,
)
from bot.command.reading import parse
from bot.command.verbs import EXAMPLE, VERBS, help_text

__all__ = [
    "EXAMPLE",
    "MAX_CIDRS",
    "MAX_REASON",
    "MAX_TEXT",
    "PREFIX",
    "VERBS",
    "Cancel",
    "Command",
    "Delete",
    "DeleteForm",
    "Help",
    "History",
    "ListRoutes",
    "Restore",
    "Status",
    "help_text",
    "parse",
    "render",
]
