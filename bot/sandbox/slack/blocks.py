"""Block Kit as Slack judges it: what is wrong with these blocks, or with this view.

Pure. Unknown block types, element types and keys are refused, as Slack refuses them, and so is
what Slack has but the bot never sends.
Source of the limits: docs.slack.dev/reference/block-kit/blocks and .../views.
"""

from collections import Counter
from collections.abc import Iterator

from bot.sandbox.slack.checks import (
    Check,
    boolean,
    by_type,
    items,
    number,
    one_of,
    plain_text,
    problem,
    shape,
    string,
    text,
)
from bot.sandbox.slack.workspace import Json

STYLE = one_of("primary", "danger")
CONFIRM = shape(
    {
        "title": plain_text(100),
        "text": text(300),
        "confirm": plain_text(30),
        "deny": plain_text(30),
    },
    {"style": STYLE},
)
OPTION = shape({"text": text(75), "value": string(150)}, {"description": text(75)})
PLAIN_OPTION = shape(
    {"text": plain_text(75), "value": string(150)}, {"description": plain_text(75)}
)
OPTIONS = items(PLAIN_OPTION, 100)
OPTION_GROUP = shape({"label": plain_text(75), "options": OPTIONS})
GROUPS = items(OPTION_GROUP, 100)

ACTION: dict[str, Check] = {"action_id": string(255), "focus_on_load": boolean}
SELECT: dict[str, Check] = {**ACTION, "placeholder": plain_text(150), "confirm": CONFIRM}
MULTI: dict[str, Check] = {**SELECT, "max_selected_items": number(1, 100)}
CHOICES: dict[str, Check] = {"options": OPTIONS, "option_groups": GROUPS}


def _choosing(check: Check, *initial: str) -> Check:
    """A select of static options: what is chosen at first must be among them."""

    def whole(value: object, path: str) -> Iterator[str]:
        yield from check(value, path)
        if not isinstance(value, dict):
            return
        groups = value.get("option_groups") or [{"options": value.get("options") or []}]
        offered = [option for group in groups for option in group.get("options", [])]
        for key in initial:
            chosen = value.get(key, [])
            for option in chosen if isinstance(chosen, list) else [chosen]:
                if option not in offered:
                    yield problem("must match an option exactly", f"{path}/{key}")

    return whole


BUTTON = shape(
    {"text": plain_text(75)},
    {
        "action_id": string(255),
        "url": string(3000),
        "value": string(2000, 0),
        "style": STYLE,
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
STATIC_SELECT = _choosing(
    shape({}, {**SELECT, **CHOICES, "initial_option": PLAIN_OPTION}, either=tuple(CHOICES)),
    "initial_option",
)
MULTI_STATIC_SELECT = _choosing(
    shape({}, {**MULTI, **CHOICES, "initial_options": OPTIONS}, either=tuple(CHOICES)),
    "initial_options",
)
PLAIN_TEXT_INPUT = shape(
    {},
    {
        **ACTION,
        "placeholder": plain_text(150),
        "initial_value": string(3000, 0),
        "multiline": boolean,
        "min_length": number(0, 3000),
        "max_length": number(1, 3000),
    },
)
MIN_QUERY: dict[str, Check] = {"min_query_length": number(0, 75)}
CONVERSATIONS: dict[str, Check] = {
    "initial_conversation": string(255),
    "default_to_current_conversation": boolean,
    "filter": shape(
        {},
        {
            "include": items(one_of("im", "mpim", "private", "public"), 4),
            "exclude_external_shared_channels": boolean,
        },
    ),
}
EXTERNAL_SELECTS: dict[str, Check] = {
    "external_select": shape({}, {**SELECT, **MIN_QUERY, "initial_option": PLAIN_OPTION}),
    "multi_external_select": shape({}, {**MULTI, **MIN_QUERY, "initial_options": OPTIONS}),
}
BOXES: dict[str, Check] = {
    "checkboxes": _choosing(
        shape(
            {"options": items(OPTION, 10)},
            {**ACTION, "initial_options": items(OPTION, 10), "confirm": CONFIRM},
        ),
        "initial_options",
    ),
    "radio_buttons": _choosing(
        shape(
            {"options": items(OPTION, 10)},
            {**ACTION, "initial_option": OPTION, "confirm": CONFIRM},
        ),
        "initial_option",
    ),
}
SELECTS: dict[str, Check] = {
    "static_select": STATIC_SELECT,
    "multi_static_select": MULTI_STATIC_SELECT,
    **EXTERNAL_SELECTS,
    "conversations_select": shape({}, {**SELECT, **CONVERSATIONS}),
}

# Multi-selects stand in sections and inputs only (slackapi/python-slack-sdk#1631).
SINGLE = {name: SELECTS[name] for name in SELECTS if not name.startswith("multi_")}
INTERACTIVE = by_type({"button": BUTTON, **SINGLE, **BOXES})
ACCESSORY = by_type({"button": BUTTON, **SELECTS, **BOXES})
ASKING = by_type({"plain_text_input": PLAIN_TEXT_INPUT, **SELECTS, **BOXES})
IN_CONTEXT = by_type(
    {
        "plain_text": plain_text(3000),
        "mrkdwn": text(3000),
    }
)


MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100

TABLE_ROWS = 100
TABLE_COLUMNS = 20

ID: dict[str, Check] = {"block_id": string(255)}
_STYLED: dict[str, Check] = {
    "style": shape({}, dict.fromkeys(("bold", "italic", "strike", "code"), boolean))
}
_LEAVES = items(
    by_type(
        {
            "text": shape({"text": string(3000)}, _STYLED),
            "link": shape({"url": string(3000)}, {**_STYLED, "text": string(3000)}),
            "user": shape({"user_id": string(255)}, _STYLED),
            "usergroup": shape({"usergroup_id": string(255)}, _STYLED),
            "emoji": shape({"name": string(255)}),
            "date": shape(
                {"timestamp": number(0, 10**11), "format": string(255)},
                {**_STYLED, "url": string(3000), "fallback": string(3000)},
            ),
        }
    ),
    1000,
)
RICH_TEXT = shape(
    {
        "elements": items(
            by_type(
                {
                    "rich_text_section": shape({"elements": _LEAVES}),
                    "rich_text_quote": shape({"elements": _LEAVES}, {"border": number(0, 1)}),
                }
            ),
            100,
        )
    },
    ID,
)
CELL = by_type({"raw_text": shape({"text": string(3000)}), "rich_text": RICH_TEXT})
COLUMN = shape({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})

BLOCK = by_type(
    {
        "section": shape(
            {},
            {
                **ID,
                "text": text(3000),
                "fields": items(text(2000), 10),
                "accessory": ACCESSORY,
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
        "rich_text": RICH_TEXT,
        "table": shape(
            {"rows": items(items(CELL, TABLE_COLUMNS), TABLE_ROWS)},
            {**ID, "column_settings": items(COLUMN, TABLE_COLUMNS)},
        ),
    }
)

_COMMON: dict[str, Check] = {
    "blocks": items(BLOCK, VIEW_BLOCKS, 0),
}
_META: dict[str, Check] = {
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
}
VIEW = by_type(
    {
        "modal": shape(
            {**_COMMON, "title": plain_text(24)},
            {
                **_META,
                "submit": plain_text(24),
                "close": plain_text(24),
            },
        ),
        "home": shape(_COMMON, _META),
    }
)


def problems_in_blocks(blocks: object) -> list[str]:
    """What Slack would say against the blocks of a message; empty when they are fine."""
    found = list(items(BLOCK, MESSAGE_BLOCKS, 0)(blocks, "/blocks"))
    if found or not isinstance(blocks, list):
        return found
    found = list(_repeated_ids(blocks, "/blocks"))
    if sum(block["type"] == "table" for block in blocks) > 1:
        found.append(problem("only_one_table_allowed", "/blocks"))
    return found


def problems_in_view(view: object) -> list[str]:
    """What Slack would say against a modal or a Home view; empty when it is fine."""
    found = list(VIEW(view, "/view"))
    if found or not isinstance(view, dict):
        return found
    found += _repeated_ids(view["blocks"], "/view/blocks")
    for index, block in enumerate(view["blocks"]):
        if block["type"] == "table":
            found.append(problem("unsupported type: table", f"/view/blocks/{index}/type"))
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
