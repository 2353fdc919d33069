"""What the ack of a modal's submission does to the modal.

Source: docs.slack.dev/surfaces/modals (response_action).
"""

from bot.sandbox.slack.arguments import Refusal
from bot.sandbox.slack.content import checked_view
from bot.sandbox.slack.deliver import Ack
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import STACK_LIMIT, View
from bot.sandbox.slack.workspace import Json

TROUBLE = "We had some trouble connecting. Try again?"


def after_submit(state: State, view: View, ack: Ack) -> str:
    """Do what the ack says: nothing in it closes the modal. The error that the person sees."""
    error = ack.error
    if not error:
        try:
            _apply(state, view, {} if not ack.body.strip() else ack.json)
        except Refusal as refusal:
            error = refusal.code
    if error:
        view.errors = {"": TROUBLE}
    return error


def _apply(state: State, view: View, body: Json | None) -> None:
    match body:
        case {"response_action": "errors", "errors": dict(errors)} if errors:
            asked = {block["block_id"] for block in view.blocks if block["type"] == "input"}
            if not asked >= errors.keys():
                raise Refusal("invalid_response")
            view.errors = {block: str(words) for block, words in errors.items()}
        case {"response_action": "update", "view": dict(shown)}:
            view.show(checked_view(shown, "modal"), state.clock())
        case {"response_action": "push", "view": dict(shown)}:
            if len(state.stack(view.user)) >= STACK_LIMIT:
                raise Refusal("push_limit_reached")
            pushed = checked_view(shown, "modal")
            state.open_view(view.user, pushed, push=True, viewing=view.viewing)
        case {"response_action": "clear"}:
            state.close_views(view.user)
        case dict() if not body:
            if view.id in state.views:
                state.close_top(view.user)
        case _:
            raise Refusal("invalid_response")
