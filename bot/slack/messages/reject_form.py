"""The form that asks why a request is rejected. Pure."""

from bot.slack.messages.texts import Block
from bot.slack.payloads import REASON_ACTION, REASON_BLOCK, REASON_LIMIT

CALLBACK = "vco_route_reject_form"


def reject_form(request_id: str) -> Block:
    """A modal with one question; the request's id travels with it."""
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": request_id,
        "title": {"type": "plain_text", "text": "Reject this request"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": "Back"},
        "blocks": [
            {
                "type": "input",
                "block_id": REASON_BLOCK,
                "label": {"type": "plain_text", "text": "Why should this not be done?"},
                "element": {
                    "type": "plain_text_input",
                    "action_id": REASON_ACTION,
                    "max_length": REASON_LIMIT,
                    "focus_on_load": True,
                },
            }
        ],
    }
