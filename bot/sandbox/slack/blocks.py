"""Block Kit as Slack judges it: what is wrong with these blocks, or with this view.

Pure. Unknown block types, element types and keys are refused, as Slack refuses them.
Source of the limits: docs.slack.dev/reference/block-kit/blocks and .../views.
"""

from collections import Counter
from collections.abc import Iterator

from bot.sandbox.slack.checks import (
    Check,
    anything,
    boolean,
    by_type,
    items,
    plain_text,
    problem,
    shape,
    string,
    text,
)
from bot.sandbox.slack.elements import ACCESSORY, ASKING, IN_CONTEXT, INTERACTIVE
from bot.sandbox.slack.workspace import Json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100

ID: dict[str, Check] = {"block_id": string(255)}
BLOCK = by_type(
    {
        "section": shape(
            {},
            {
                **ID,
                "text": text(3000),
                "fields": items(text(2000), 10),
                "accessory": ACCESSORY,
                "expand": boolean,
            },
            either=("text", "fields"),
            alone=False,
        ),
        "header": shape({"text": plain_text(150)}, ID),
        "divider": shape({}, ID),
        "context": shape({"elements": items(IN_CONTEXT, 10)}, ID),
        "actions": shape({"elements": items(INTERACTIVE, 25)}, ID),
        "input": shape(
            {"label": plain_text(2000), "element": ASKING},
            {**ID, "hint": plain_text(2000), "optional": boolean, "dispatch_action": boolean},
        ),
        "image": shape(
            {"alt_text": string(2000)},
            {
                **ID,
                "image_url": string(3000),
                "slack_file": anything,
                "title": plain_text(2000),
            },
            either=("image_url", "slack_file"),
        ),
        "rich_text": shape({"elements": items(anything, 100)}, ID),
        "markdown": shape({"text": string(12_000)}, ID),
    }
)

_COMMON: dict[str, Check] = {
    "blocks": items(BLOCK, VIEW_BLOCKS, 0),
}
_META: dict[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
VIEW = by_type(
    {
        "modal": shape(
            {**_COMMON, "title": plain_text(24)},
            {
                **_META,
                "submit": plain_text(24),
                "close": plain_text(24),
                "clear_on_close": boolean,
                "notify_on_close": boolean,
                "submit_disabled": boolean,
            },
        ),
        "home": shape(_COMMON, _META),
    }
)


def problems_in_blocks(blocks: object) -> list[str]:
    """What Slack would say against the blocks of a message; empty when they are fine."""
    found = list(items(BLOCK, MESSAGE_BLOCKS, 0)(blocks, "/blocks"))
    return found or list(_repeated_ids(blocks, "/blocks"))


def problems_in_view(view: object) -> list[str]:
    """What Slack would say against a modal or a Home view; empty when it is fine."""
    found = list(VIEW(view, "/view"))
    if found or not isinstance(view, dict):
        return found
    found += _repeated_ids(view["blocks"], "/view/blocks")
    asks = any(block["type"] == "input" for block in view["blocks"])
    focused = [e for block in view["blocks"] for e in elements_of(block) if e.get("focus_on_load")]
    if len(focused) > 1:
        found.append(problem("only one element can have focus_on_load", "/view/blocks"))
    if view["type"] == "modal" and asks and "submit" not in view:
        found.append(problem("missing required field: submit", "/view"))
    return found


def elements_of(block: Json) -> list[Json]:
    """The elements of a block that a person can use."""
    inside = [*block.get("elements", []), block.get("accessory"), block.get("element")]
    return [element for element in inside if isinstance(element, dict)]


def _repeated_ids(blocks: object, path: str) -> Iterator[str]:
    """Block ids are unique in a message or view, action ids within their block."""
    if not isinstance(blocks, list):
        return
    for block_id, count in Counter(b["block_id"] for b in blocks if "block_id" in b).items():
        if count > 1:
            yield problem(f"block_id already exists: {block_id}", path)
    for index, block in enumerate(blocks):
        used = Counter(e["action_id"] for e in elements_of(block) if "action_id" in e)
        for action_id, count in used.items():
            if count > 1:
                yield problem(f"action_id already exists: {action_id}", f"{path}/{index}")
