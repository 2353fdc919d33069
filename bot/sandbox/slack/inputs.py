"""What a person typed or chose, as `state.values` and as the entries of `actions`. Pure."""

from collections.abc import Mapping

from bot.sandbox.slack.workspace import Json

Typed = Mapping[str, object]

_VALUE_KEYS = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
}
_ONE_OPTION = ("static_select", "external_select", "radio_buttons", "overflow")
_MANY_OPTIONS = ("multi_static_select", "multi_external_select", "checkboxes")


def chosen(element: Json, value: object) -> Json:
    """The keys that hold what was done with an element: `value`, `selected_option` …."""
    kind = element["type"]
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if key != "type"}
    if kind in _ONE_OPTION:
        option = None if value is None else _option(element, str(value))
        return {"selected_option": option}
    if kind in _MANY_OPTIONS:
        values = value if isinstance(value, list | tuple) else []
        return {"selected_options": [_option(element, str(one)) for one in values]}
    return {_VALUE_KEYS.get(kind, "value"): value}


def filled(view: Json, typed: Typed) -> tuple[dict[str, Json], dict[str, str]]:
    """`state.values` of a modal, and what Slack's own client says against it, by block.

    `typed` has the page's shape, `{block_id: {action_id: {...}}}`, or is short: an
    `action_id` or a `block_id`, and the text or the option's value.
    """
    values: dict[str, Json] = {}
    errors: dict[str, str] = {}
    for block in view["blocks"]:
        element = block.get("element")
        if block["type"] != "input" or element is None:
            continue
        given = _given(block["block_id"], element, typed)
        values[block["block_id"]] = {
            element["action_id"]: {"type": element["type"], **chosen(element, given)}
        }
        error = _against(block, element, values[block["block_id"]][element["action_id"]])
        if error:
            errors[block["block_id"]] = error
    return values, errors


def _given(block_id: str, element: Json, typed: Typed) -> object:
    inside = typed.get(block_id)
    if isinstance(inside, Mapping) and element["action_id"] in inside:
        return inside[element["action_id"]]
    for key in (element["action_id"], block_id):
        if key in typed and not isinstance(typed[key], Mapping):
            return typed[key]
    return _initial(element)


def _initial(element: Json) -> object:
    for key, value in element.items():
        if key == "initial_option":
            return {"selected_option": value}
        if key == "initial_options":
            return {"selected_options": value}
        if key.startswith("initial_"):
            return value
    return None


def _against(block: Json, element: Json, value: Json) -> str:
    content = next((item for key, item in value.items() if key != "type"), None)
    if content in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] != "plain_text_input" or not isinstance(content, str):
        return ""
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(content) < least:
        return f"Enter at least {least} characters."
    return f"Enter at most {most} characters." if len(content) > most else ""


def _option(element: Json, value: str) -> Json:
    groups = element.get("option_groups") or [{"options": element.get("options", [])}]
    for group in groups:
        for option in group["options"]:
            if option["value"] == value:
                found: Json = option
                return found
    if element["type"].endswith("external_select"):
        return {"text": {"type": "plain_text", "text": value}, "value": value}
    raise LookupError(f"no option {value!r} in {element['action_id']}")
