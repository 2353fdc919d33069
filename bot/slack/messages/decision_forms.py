"""The modals of a decision: why a request is rejected, and what an approver has to type. Pure.

What has to be typed says the policy, for a prefix that is wide.
"""

from bot.models import Request
from bot.slack.messages.card import first_line
from bot.slack.messages.card_body import preview
from bot.slack.messages.labels import DISMISS, words
from bot.slack.messages.mrkdwn import Block, context, literal, mention, quoted, section, visible

APPROVE_FORM = "vco_route_approve_form"
REJECT_FORM = "vco_route_reject_form"
"""The callback ids."""

REASON_BLOCK = "reason"
REASON_ACTION = "text"
REASON_LIMIT = 300

TYPED_BLOCK = "typed"
TYPED_ACTION = "text"

NOT_TYPED = "That doesn't match. Type {}."


def approve_form(request: Request) -> Block:
    """A modal that restates the sentence and the requester's reason; the id travels with it."""
    noun = words(request).noun
    asked = f"Asked by {mention(request.requester)}"
    reason = [quoted(request.reason)] if request.reason else []
    return {
        "type": "modal",
        "callback_id": APPROVE_FORM,
        "private_metadata": request.id,
        "title": {"type": "plain_text", "text": f"Approve {noun}"},
        "submit": {"type": "plain_text", "text": "Approve"},
        "close": {"type": "plain_text", "text": DISMISS},
        "blocks": [
            section(f"*{literal(first_line(request))}*"),
            *preview(request),
            context(asked, *reason),
            {
                "type": "input",
                "block_id": TYPED_BLOCK,
                "label": {
                    "type": "plain_text",
                    "text": visible(f"Type {request.terms.typed} to approve"),
                },
                "element": {
                    "type": "plain_text_input",
                    "action_id": TYPED_ACTION,
                    "max_length": 100,
                    "focus_on_load": True,
                },
            },
        ],
    }


def reject_form(request_id: str) -> Block:
    """A modal with one question; the request's id travels with it."""
    return {
        "type": "modal",
        "callback_id": REJECT_FORM,
        "private_metadata": request_id,
        "title": {"type": "plain_text", "text": "Reject this request"},
        "submit": {"type": "plain_text", "text": "Reject"},
        "close": {"type": "plain_text", "text": DISMISS},
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
