"""Messages: how they are kept, how the Web API shows them, what a person reads in them."""

import secrets
from collections.abc import Iterator

import msgspec

from bot.sandbox.slack.blocks import elements_of
from bot.sandbox.slack.workspace import App, Json, Workspace


class Message(msgspec.Struct, kw_only=True):
    """A message, or an ephemeral one where `ephemeral_to` names who sees it.

    `past` holds the blocks it had before each edit: a client that was slow to update can
    still click a button in them. A reply that is `broadcast` stands in the channel as well.
    """

    ts: str
    channel: str
    user: str
    text: str = ""
    blocks: list[Json] = []
    metadata: Json = {}
    thread_ts: str | None = None
    broadcast: bool = False
    ephemeral_to: str = ""
    edited_ts: str = ""
    deleted: bool = False
    past: list[list[Json]] = []

    @property
    def reply(self) -> bool:
        """Whether it stands in a thread, below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def in_channel(self) -> bool:
        """Whether it is seen in the channel: a reply only where it was sent there as well."""
        return self.broadcast or not self.reply

    def change(self, text: str, blocks: list[Json], edited_ts: str) -> None:
        """Replace what it says."""
        self.past.append(self.blocks)
        self.text, self.blocks, self.edited_ts = text, blocks, edited_ts


def as_api(message: Message, workspace: Workspace, *, metadata: bool = False) -> Json:
    """The message as Web API answers and payloads carry it."""
    shown: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": workspace.team,
    }
    if message.user == workspace.app.user:
        shown |= _by_app(workspace.app, workspace.team)
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    if message.broadcast:
        shown["subtype"] = "thread_broadcast"
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if metadata and message.metadata:
        shown["metadata"] = message.metadata
    return shown


def _by_app(app: App, team: str) -> Json:
    profile = {"id": app.bot_id, "app_id": app.id, "name": app.name, "team_id": team}
    return {"bot_id": app.bot_id, "app_id": app.id, "bot_profile": {**profile, "deleted": False}}


def with_ids(blocks: list[Json]) -> list[Json]:
    """The blocks with the `block_id` and `action_id` that Slack gives where none was chosen."""
    made: list[Json] = [{**block, "block_id": block.get("block_id") or _id()} for block in blocks]
    for block in made:
        for key in ("accessory", "element"):
            if key in block:
                block[key] = _with_action_id(block[key])
        if block["type"] == "actions":
            block["elements"] = [_with_action_id(element) for element in block["elements"]]
    return made


def _with_action_id(element: Json) -> Json:
    return {**element, "action_id": element.get("action_id") or _id()}


def _id() -> str:
    return secrets.token_urlsafe(4)[:5]


def find_element(
    blocks: list[Json], action_id: str, block_id: str | None = None, value: object = None
) -> tuple[Json, Json] | None:
    """The block and the element with the `action_id`, the first where there are several.

    A `value` tells buttons apart; for other elements it is what is chosen in them.
    """
    for block in blocks:
        if block_id is not None and block.get("block_id") != block_id:
            continue
        for element in elements_of(block):
            other = element["type"] == "button" and value not in (None, element.get("value"))
            if element.get("action_id") == action_id and not other:
                return block, element
    return None


_UNSEEN = ("confirm", "options", "placeholder", "metadata", "initial_option")


def text_of(shown: Message | Json | None) -> str:
    """Every text that a person reads in a message or a view, one a line, in order.

    Buttons count; confirm dialogs and the options of a menu, which show later, do not. A
    message's `text` counts only where it has no blocks, as Slack shows it.
    """
    if shown is None:
        return ""
    if isinstance(shown, Message):
        return "\n".join(_texts(shown.blocks)) if shown.blocks else shown.text
    return "\n".join(_texts(shown))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        words = value.get("text")
        if isinstance(words, str):
            yield words
        for key, inner in value.items():
            if key not in _UNSEEN:
                yield from _texts(inner)
