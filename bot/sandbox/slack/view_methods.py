"""The `views.*` methods, `apps.connections.open`, and `blocks.validate`.

Source of the last: docs.slack.dev/reference/methods/blocks.validate.
"""

import re
import secrets

from bot.sandbox.slack.arguments import Arguments, Refusal, checked_view, read_content
from bot.sandbox.slack.blocks import problems_in_blocks, problems_in_view
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import TRIGGER_SECONDS, Trigger, View, view_as_api
from bot.sandbox.slack.workspace import Json


def open_view(state: State, args: Arguments) -> Json:
    """views.open: a modal for the person of the trigger, in place of what they had open."""
    view = _view(args, "modal")
    trigger = _exchange(state, args.text("trigger_id"))
    return _answer(state, state.open_view(trigger.user, view, viewing=trigger.viewing))


def update_view(state: State, args: Arguments) -> Json:
    """views.update, by `view_id`; a `hash` guards against races."""
    view = _view(args, "modal")
    shown = state.views.get(args.required("view_id"))
    if shown is None:
        raise Refusal("not_found")
    if args.text("hash") and args.text("hash") != shown.hash:
        raise Refusal("hash_conflict")
    shown.show(view, state.clock())
    state.changed()
    return _answer(state, shown)


def publish_view(state: State, args: Arguments) -> Json:
    """views.publish: a person's Home tab."""
    user = args.required("user_id")
    view = _view(args, "home")
    if user not in state.workspace.people:
        raise Refusal("user_not_found")
    if not state.workspace.app.home_tab:
        raise Refusal("not_enabled")
    home = state.homes.get(user)
    if home is not None and args.text("hash") and args.text("hash") != home.hash:
        raise Refusal("hash_conflict")
    return _answer(state, state.publish_home(user, view))


def open_connection(state: State, _: Arguments) -> Json:
    """apps.connections.open: a websocket address with a ticket for once, and not for long."""
    ticket = secrets.token_urlsafe(16)
    state.tickets[ticket] = state.clock()
    return {"url": f"{state.origin.replace('http', 'ws', 1)}/socket?ticket={ticket}"}


def _view(args: Arguments, kind: str) -> Json:
    view = args.structure("view", "invalid_arguments")
    if view is None:
        raise Refusal("invalid_arguments", "[ERROR] missing required field: view")
    return checked_view(view, kind)


def _exchange(state: State, trigger_id: str) -> Trigger:
    trigger = state.triggers.get(trigger_id)
    if trigger is None:
        raise Refusal("invalid_trigger_id")
    if trigger.used:
        raise Refusal("exchanged_trigger_id")
    if state.clock() - trigger.at > TRIGGER_SECONDS:
        raise Refusal("expired_trigger_id")
    trigger.used = True
    return trigger


def _answer(state: State, view: View) -> Json:
    return {"view": view_as_api(view, state.workspace)}


_PROBLEM = re.compile(r"\[ERROR\] (?P<message>.*?)(?: \[json-pointer:(?P<pointer>.*)\])?")


def validate(_: State, args: Arguments) -> Json:
    """blocks.validate: exactly one of `blocks`, `message` and `view`, as JSON."""
    given = [name for name in ("blocks", "message", "view") if args.values.get(name) is not None]
    if len(given) != 1:
        raise Refusal("invalid_arguments", "[ERROR] provide one of blocks, view, or message")
    [kind] = given
    problems = _problems(kind, args.structure(kind, "invalid_arguments"))
    if problems:
        raise Invalid(f"invalid_{kind}", problems)
    return {}


class Invalid(Refusal):
    """The refusal of `blocks.validate`, which lists what is wrong."""

    def __init__(self, code: str, problems: list[str]) -> None:
        super().__init__(code)
        self.problems = problems

    def body(self) -> Json:
        """The answer's JSON, with its `errors`."""
        return {**super().body(), "errors": [_error(problem) for problem in self.problems]}


def _problems(kind: str, shown: object) -> list[str]:
    """What Slack has against it, in its words."""
    if kind == "blocks":
        return problems_in_blocks(shown)
    if not isinstance(shown, dict):
        return ["[ERROR] must provide an object [json-pointer:/]"]
    try:
        if kind == "view":
            found = problems_in_view(shown)
            if not found:
                checked_view(shown, str(shown["type"]))
            return found
        read_content(Arguments(shown))
    except Refusal as refusal:
        return list(refusal.messages) or [f"[ERROR] {refusal.code}"]
    return []


def _error(problem: str) -> Json:
    found = _PROBLEM.fullmatch(problem)
    message = found["message"] if found else problem
    pointer = found["pointer"] if found and found["pointer"] else "/"
    return {"pointer": pointer, "code": "failed_constraint", "message": message}
