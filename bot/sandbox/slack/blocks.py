"""Block Kit as Slack judges it: what is wrong with these blocks, or with this view.

Pure. Unknown block types, element types and keys are refused, as Slack refuses them, and so is
what Slack has but the bot never sends. Small checks of JSON values come first, then the tables that
are made of them. A check yields problems in the words that Slack's `response_metadata.messages`
uses, each with the JSON pointer of what is wrong.

Source of the limits: docs.slack.dev/reference/block-kit/blocks and .../views.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from bot.sandbox.slack.workspace import Json

Check = Callable[[object, str], Iterator[str]]


def problem(words: str, path: str) -> str:
    """One line of `response_metadata.messages`."""
    return f"[ERROR] {words} [json-pointer:{path}]"


def string(most: int, least: int = 1) -> Check:
    """A string of `least` to `most` characters."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must provide a string", path)
        elif len(value) > most:
            yield problem(f"must be less than {most + 1} characters", path)
        elif len(value) < least:
            yield problem(f"must be more than {least - 1} characters", path)

    return check


def number(low: int, high: int) -> Check:
    """A whole number between the bounds, both included."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            yield problem(f"must be a number from {low} to {high}", path)

    return check


def boolean(value: object, path: str) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield problem("must be a boolean", path)


def anything(_value: object, _path: str) -> Iterator[str]:
    """Tolerated as it is."""
    yield from ()


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: object, path: str) -> Iterator[str]:
        if value not in allowed:
            yield problem(f"must be a valid enum value: {', '.join(allowed)}", path)

    return check


def items(check_item: Check, most: int, least: int = 1) -> Check:
    """An array whose items all pass."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must provide an array", path)
            return
        if len(value) > most:
            yield problem(f"no more than {most} items allowed", path)
        if len(value) < least:
            yield problem(f"no fewer than {least} items allowed", path)
        for index, item in enumerate(value):
            yield from check_item(item, f"{path}/{index}")

    return check


def shape(
    required: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    *,
    either: tuple[str, ...] = (),
) -> Check:
    """An object with these keys and no others; a `type` is always allowed.

    Of the keys in `either` one must be there.
    """
    known = {"type": anything, **required, **(optional or {})}

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must provide an object", path)
            return
        for key in required:
            if key not in value:
                yield problem(f"missing required field: {key}", path)
        if either and not any(key in value for key in either):
            yield problem(f"must define one of: {', '.join(either)}", path)
        for key, inner in value.items():
            if key in known:
                yield from known[key](inner, f"{path}/{key}")
            else:
                yield problem(f"invalid additional property: {key}", path)

    return check


def by_type(table: Mapping[str, Check]) -> Check:
    """An object whose `type` selects the check."""

    def check(value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must provide an object", path)
        elif "type" not in value:
            yield problem("missing required field: type", path)
        elif value["type"] not in table:
            yield problem(f"unsupported type: {value['type']}", f"{path}/type")
        else:
            yield from table[value["type"]](value, path)

    return check


def plain_text(most: int) -> Check:
    """A text object that is plain_text."""
    return by_type({"plain_text": shape({"text": string(most)}, {"emoji": boolean})})


def text(most: int) -> Check:
    """A text object, plain_text or mrkdwn."""
    return by_type(
        {
            "plain_text": shape({"text": string(most)}, {"emoji": boolean}),
            "mrkdwn": shape({"text": string(most)}, {"verbatim": boolean}),
        }
    )


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
OPTION = shape({"text": plain_text(75), "value": string(150)}, {"description": plain_text(75)})
OPTIONS = items(OPTION, 100)

BUTTON = shape(
    {"text": plain_text(75)},
    {
        "action_id": string(255),
        "value": string(2000, 0),
        "style": STYLE,
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
CLICKABLE = by_type({"button": BUTTON})

FIELD: dict[str, Check] = {"action_id": string(255), "focus_on_load": boolean}
SELECT: dict[str, Check] = {**FIELD, "placeholder": plain_text(150)}
SEARCH: dict[str, Check] = {**SELECT, "min_query_length": number(0, 75)}
SEVERAL: dict[str, Check] = {"max_selected_items": number(1, 100)}
WHERE = shape(
    {},
    {
        "include": items(one_of("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": boolean,
    },
)
ASKING = by_type(
    {
        "plain_text_input": shape(
            {},
            {
                **SELECT,
                "initial_value": string(3000, 0),
                "max_length": number(1, 3000),
            },
        ),
        "multi_static_select": shape({"options": OPTIONS}, {**SELECT, **SEVERAL}),
        "external_select": shape({}, {**SEARCH, "initial_option": OPTION}),
        "multi_external_select": shape({}, {**SEARCH, **SEVERAL}),
        "conversations_select": shape(
            {}, {**SELECT, "default_to_current_conversation": boolean, "filter": WHERE}
        ),
        "radio_buttons": shape({"options": items(OPTION, 10)}, FIELD),
    }
)


MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100

TABLE_ROWS = 100
TABLE_COLUMNS = 20
TABLE_TEXT = 10_000

ID: dict[str, Check] = {"block_id": string(255)}
_STYLED: dict[str, Check] = {"style": shape({}, {"bold": boolean})}
_LEAVES = items(
    by_type(
        {
            "text": shape({"text": string(3000)}, _STYLED),
            "link": shape({"url": string(3000)}, {**_STYLED, "text": string(3000)}),
            "user": shape({"user_id": string(255)}, _STYLED),
            "date": shape(
                {"timestamp": number(0, 10**11), "format": string(255)},
                {**_STYLED, "fallback": string(3000)},
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
                "accessory": CLICKABLE,
            },
            either=("text", "fields"),
        ),
        "header": shape({"text": plain_text(150)}, ID),
        "divider": shape({}, ID),
        "context": shape({"elements": items(text(3000), 10)}, ID),
        "actions": shape({"elements": items(CLICKABLE, 25)}, ID),
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
    tables = [block for block in blocks if block["type"] == "table"]
    if len(tables) > 1:
        found.append(problem("only_one_table_allowed", "/blocks"))
    if sum(len(text) for table in tables for text in _cell_texts(table["rows"])) > TABLE_TEXT:
        found.append(
            problem(f"must be less than {TABLE_TEXT + 1} characters in all cells", "/blocks")
        )
    return found


def _cell_texts(value: object) -> Iterator[str]:
    """All that is written in cells, at whatever depth."""
    if isinstance(value, list):
        for inner in value:
            yield from _cell_texts(inner)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield value["text"]
        yield from _cell_texts(value.get("elements"))


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
