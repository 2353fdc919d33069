"""Views: modals in a person's stack, Home tabs, and the triggers that open modals."""

import secrets

import msgspec

from bot.sandbox.slack.inputs import Offered, Values, content_of, held_text, kept
from bot.sandbox.slack.messages import text_of, with_ids
from bot.sandbox.slack.workspace import Channel, Json, Workspace

TRIGGER_SECONDS = 3.0
STACK_LIMIT = 3
PAST_LIMIT = 20


class Trigger(msgspec.Struct, kw_only=True):
    """A `trigger_id`: one modal, for this person, within three seconds.

    `view_id` is the view it came from, none for a command or a message; `viewing` the
    conversation that the person looked at.
    """

    user: str
    at: float
    view_id: str = ""
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
    root: str
    previous: str = ""
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
        """Replace the content; what was typed stays in the fields that remain."""
        if self.view:
            self.past = [*self.past, self.blocks][-PAST_LIMIT:]
        self.view = {**view, "blocks": with_ids(view["blocks"])}
        self.hash = new_hash(at)
        self.errors = {}
        self.state = kept(self.blocks, self.state, self.viewing)

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
        "root_view_id": view.root,
        "previous_view_id": view.previous or None,
        "state": {"values": view.state},
    }


def text_in(view: View) -> str:
    """All that a person reads in a view, in order: texts, what fields hold, errors, buttons.

    A field is one line, `Label: what it holds`; its hint and its error stand below it.
    """
    lines = [text_of(view.view.get("title"))]
    for block in view.blocks:
        lines += _field(view, block) if block["type"] == "input" else _other(view, block)
    lines += [text_of(view.view.get(key)) for key in ("close", "submit")]
    lines.append(view.errors.get("", ""))
    return "\n".join(line for line in lines if line)


def _field(view: View, block: Json) -> list[str]:
    label, hint = text_of(block["label"]), text_of(block.get("hint"))
    error = view.errors.get(block["block_id"], "")
    return [": ".join([label, *_held(view, block)]), hint, error]


def _other(view: View, block: Json) -> list[str]:
    return [text_of(block), *_held(view, block)]


def _held(view: View, block: Json) -> list[str]:
    held = view.state.get(block["block_id"], {})
    return [words for words in map(held_text, held.values()) if words]
