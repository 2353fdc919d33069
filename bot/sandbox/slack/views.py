"""Views: modals, Home tabs, what stands in their fields, and triggers.

Slack keeps what stands in a field while its block_id, action_id and type stay the same, also when
the options or the initial value have changed meanwhile (slackapi/bolt-python#572, #1064).
"""

import secrets
from collections.abc import Callable, Iterator, Mapping

import msgspec

from bot.sandbox.slack.messages import with_ids
from bot.sandbox.slack.workspace import Channel, Json, Workspace

Typed = Mapping[str, object]
Values = dict[str, dict[str, Json]]
"""`state.values`: by block_id, by action_id, with the `type` of the element."""

Offered = Mapping[str, Json]
"""Options by their values."""

KEYS = {
    "plain_text_input": "value",
    **dict.fromkeys(("external_select", "radio_buttons"), "selected_option"),
    **dict.fromkeys(("multi_static_select", "multi_external_select"), "selected_options"),
    "conversations_select": "selected_conversation",
}
"""The elements that hold something, and under which key."""


def kept(blocks: list[Json], before: Values, viewing: Channel | None = None) -> Values:
    """What the fields hold when these blocks are shown: what they held before, or their initials.

    `viewing` is the conversation that the person looked at when the view was opened.
    """
    values: Values = {}
    for block, element in _fields(blocks):
        block_id, action_id = block["block_id"], element["action_id"]
        held = before.get(block_id, {}).get(action_id)
        if held is None or held["type"] != element["type"]:
            held = {"type": element["type"], **_initial(element, viewing)}
        values.setdefault(block_id, {})[action_id] = held
    return values


def chosen(element: Json, value: object, offered: Offered) -> Json:
    """The key that holds what was done with an element: `value`, `selected_option` ….

    `value` is a text, an option's value, a list of them, or has the payload's own shape.
    `offered` are the options that the app has given to a search, or that are chosen already.

    Raises:
        LookupError: no such option was offered, or more are chosen than the element allows.
    """
    key = KEYS[element["type"]]
    if isinstance(value, Mapping) and key in value:
        value = value[key]
    if key == "selected_option":
        return {key: None if value is None else _option(element, value, offered)}
    if not _many(key):
        return {key: None if value == "" else value}
    several = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
    if len(several) > element.get("max_selected_items", len(several)):
        raise LookupError(f"{element['action_id']} takes {element['max_selected_items']} at most")
    return {key: [_option(element, one, offered) for one in several]}


def filled(
    blocks: list[Json], before: Values, typed: Typed, offered: Callable[[Json, Json], Offered]
) -> Values:
    """`state.values` after somebody filled in what `typed` says; the rest stays as it was.

    `typed` has the payload's shape, `{block_id: {action_id: {...}}}`, or is short: an action_id
    or a block_id, and the text or the option's value.

    Raises:
        LookupError: there is no such field, or no such option in it.
    """
    values = {block_id: dict(held) for block_id, held in before.items()}
    known: set[str] = set()
    for block, element in _fields(blocks):
        block_id, action_id = block["block_id"], element["action_id"]
        known |= {block_id, action_id}
        given = _given(block_id, action_id, typed)
        if given is not None:
            done = chosen(element, given[0], offered(element, values[block_id][action_id]))
            values[block_id][action_id] = {"type": element["type"], **done}
    unknown = {k for k, given in typed.items() if not isinstance(given, Mapping)} - known
    if unknown:
        raise LookupError(f"no field {', '.join(sorted(unknown))} in {', '.join(sorted(known))}")
    return values


def complaints(blocks: list[Json], values: Values) -> dict[str, str]:
    """What Slack's own client says, by block, before it sends a form."""
    said = {
        block["block_id"]: _against(block, element, values[block["block_id"]][element["action_id"]])
        for block, element in _fields(blocks)
    }
    return {block_id: words for block_id, words in said.items() if words}


def fits(element: Json, channel: Channel) -> bool:
    """Whether a conversation may be chosen, by the element's `filter`."""
    conditions = element.get("filter", {})
    kind = "im" if channel.dm else "private" if channel.private else "public"
    if conditions.get("exclude_external_shared_channels") and channel.shared:
        return False
    return kind in conditions.get("include", (kind,))


def content_of(value: Json) -> object:
    """What is held, whatever its key."""
    return next((item for key, item in value.items() if key != "type"), None)


def _fields(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    return ((block, block["element"]) for block in blocks if block["type"] == "input")


def _many(key: str) -> bool:
    return key.endswith("s")


def _initial(element: Json, viewing: Channel | None) -> Json:
    key = KEYS[element["type"]]
    initial = "initial_value" if key == "value" else key.replace("selected_", "initial_")
    empty: object = [] if _many(key) else None
    value = element.get(initial, empty)
    if value == empty and element.get("default_to_current_conversation"):
        current = viewing.id if viewing is not None and fits(element, viewing) else None
        value = current
    return {key: None if value == "" else value}


def _given(block_id: str, action_id: str, typed: Typed) -> tuple[object] | None:
    inside = typed.get(block_id)
    if isinstance(inside, Mapping) and action_id in inside:
        return (inside[action_id],)
    for key in (action_id, block_id):
        if key in typed and not isinstance(typed[key], Mapping):
            return (typed[key],)
    return None


def _against(block: Json, element: Json, value: Json) -> str:
    content = content_of(value)
    if content in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] != "plain_text_input" or not isinstance(content, str):
        return ""
    most = element.get("max_length", 3000)
    return f"Enter at most {most} characters." if len(content) > most else ""


def _option(element: Json, value: object, offered: Offered) -> Json:
    wanted = value["value"] if isinstance(value, Mapping) else value
    own = {option["value"]: option for option in element.get("options", [])}
    if wanted in own:
        return dict(own[wanted])
    if wanted in offered:
        return dict(offered[str(wanted)])
    known = ", ".join([*own, *offered]) or "nothing"
    raise LookupError(f"no option {wanted!r} in {element['action_id']}, which offers {known}")


TRIGGER_SECONDS = 3.0
PAST_LIMIT = 20


class Trigger(msgspec.Struct, kw_only=True):
    """A `trigger_id`: one modal, for this person, within three seconds.

    `viewing` is the conversation that the person looked at.
    """

    user: str
    at: float
    viewing: Channel | None = None
    used: bool = False


class View(msgspec.Struct, kw_only=True):
    """A modal or a Home tab as it stands now; `errors` and `busy` are what its person sees.

    `offers` are the options that the app has given for its searches, by action_id and value.
    `past` holds the blocks it had before its last changes: a client that was slow to update can
    still use an element in them.
    """

    id: str
    user: str
    view: Json
    hash: str
    viewing: Channel | None = None
    state: Values = {}
    offers: dict[str, dict[str, Json]] = {}
    errors: dict[str, str] = {}
    busy: bool = False
    past: list[list[Json]] = []

    @property
    def blocks(self) -> list[Json]:
        """What stands in it now."""
        blocks: list[Json] = self.view.get("blocks", [])
        return blocks

    def show(self, view: Json, at: float) -> None:
        """Replace the content; what was typed stays, and what was said of fields still empty."""
        if self.view:
            self.past = [*self.past, self.blocks][-PAST_LIMIT:]
        self.view = {**view, "blocks": with_ids(view["blocks"])}
        self.hash = new_hash(at)
        self.state = kept(self.blocks, self.state, self.viewing)
        still = complaints(self.blocks, self.state)
        self.errors = {block: words for block, words in still.items() if block in self.errors}

    def offer(self, action_id: str, options: list[Json]) -> None:
        """Remember what the app has given for a search."""
        self.offers.setdefault(action_id, {}).update({one["value"]: one for one in options})

    def offered(self, element: Json, held: Json) -> Offered:
        """What can be chosen in a search: what was given, and what is chosen already."""
        content = content_of(held)
        now = content if isinstance(content, list) else [content]
        before = {one["value"]: one for one in now if isinstance(one, dict)}
        return before | self.offers.get(element["action_id"], {})


def new_hash(at: float) -> str:
    """What a view's `hash` becomes at each change."""
    return f"{int(at)}.{secrets.token_urlsafe(6)}"


def new_id(prefix: str) -> str:
    """An id in Slack's shape."""
    return f"{prefix}0{secrets.token_hex(4).upper()}"


_DEFAULTS: Json = {
    "private_metadata": "",
    "callback_id": "",
    "external_id": "",
    "clear_on_close": False,
    "notify_on_close": False,
    "submit": None,
    "close": None,
    "title": None,
}


def view_as_api(view: View, workspace: Workspace) -> Json:
    """The view object of Web API answers and payloads."""
    return {
        **_DEFAULTS,
        **view.view,
        "id": view.id,
        "team_id": workspace.team,
        "app_id": workspace.app.id,
        "app_installed_team_id": workspace.team,
        "bot_id": workspace.app.bot_id,
        "hash": view.hash,
        "root_view_id": view.id,
        "previous_view_id": None,
        "state": {"values": view.state},
    }
