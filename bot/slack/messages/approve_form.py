"""The form that asks an approver to type what they approve, where the policy says so. Pure."""

from bot.models import Request
from bot.slack.messages.card import first_line
from bot.slack.messages.pending import preview
from bot.slack.messages.texts import Block, context, literal, mention, quoted, section, visible
from bot.slack.messages.words import words
from bot.slack.payloads import TYPED_ACTION, TYPED_BLOCK

CALLBACK = "vco_route_approve_form"

NOT_TYPED = "Please type exactly {}, to show that you know how wide it is."


def approve_form(request: Request) -> Block:
    """A modal that restates the sentence and the requester's reason; the id travels with it."""
    noun = words(request).noun
    asked = f"Asked by {mention(request.requester)}"
    reason = [quoted(request.reason)] if request.reason else []
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": request.id,
        "title": {"type": "plain_text", "text": f"Approve {noun}"},
        "submit": {"type": "plain_text", "text": "Approve"},
        "close": {"type": "plain_text", "text": "Not yet"},
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
