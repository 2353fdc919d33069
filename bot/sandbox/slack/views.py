"""Views: modals in a person's stack, Home tabs, and the triggers that open modals."""

import secrets

import msgspec

from bot.sandbox.slack.messages import with_ids
from bot.sandbox.slack.workspace import Json, Workspace

TRIGGER_SECONDS = 3.0
STACK_LIMIT = 3


class Trigger(msgspec.Struct, kw_only=True):
    """A `trigger_id`: one modal, for this person, within three seconds.

    `view_id` is the view it came from, none for a command or a message.
    """

    user: str
    at: float
    view_id: str = ""
    used: bool = False


class View(msgspec.Struct, kw_only=True):
    """A modal or a Home tab as it stands now; `errors` and `busy` are what its person sees."""

    id: str
    user: str
    view: Json
    hash: str
    root: str
    previous: str = ""
    state: dict[str, Json] = {}
    errors: dict[str, str] = {}
    busy: bool = False

    def show(self, view: Json, at: float) -> None:
        """Replace the content; what was typed stays in the inputs that remain."""
        self.view = {**view, "blocks": with_ids(view["blocks"])}
        self.hash = new_hash(at)
        self.errors = {}
        kept = {block["block_id"] for block in self.view["blocks"]}
        self.state = {block: typed for block, typed in self.state.items() if block in kept}


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
