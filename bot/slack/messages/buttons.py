"""The buttons that stand in more than one place, and what all of them are called. Pure.

A button's value is a request's id and nothing else; whoever clicks is asked who they are anew.
"""

from bot.models import Operation, Request
from bot.slack.messages.texts import Block, button, sentence, what

APPROVE = "vco_route_approve"
REJECT = "vco_route_reject"
CANCEL = "vco_route_cancel"
RESTORE = "vco_route_restore"
COUNTERSIGN = "vco_route_countersign"
AGAIN = "vco_route_again"
CHOOSE = "vco_route_choose"
NEW = "vco_route_new"


def confirm(title: str, text: str, do: str) -> Block:
    """The dialog between a click and its effect; limits by Slack's Block Kit reference."""
    return {
        "title": {"type": "plain_text", "text": title[:100]},
        "text": {"type": "plain_text", "text": text[:300]},
        "confirm": {"type": "plain_text", "text": do[:30]},
        "deny": {"type": "plain_text", "text": "Not yet"},
    }


def restore_button(request: Request) -> Block:
    """Ask for what undoes this request."""
    if request.operation is Operation.RESTORE:
        label, back = "Delete again", sentence("Delete", request).replace(" to ", " from ", 1)
    else:
        label, back = "Restore", sentence("Restore", request).replace(" from ", " to ", 1)
    text = f"{back}. This only asks: it needs an approval, as the {request.operation} did."
    return button(label, RESTORE, request.id, confirm=confirm(f"{label}?", text, "Ask for it"))


def again_button(request: Request) -> Block:
    """Ask once more for the same."""
    text = f"{what(request)} of {request.vpn_connection_id}, as it is now. It needs an approval."
    return button("Ask again", AGAIN, request.id, confirm=confirm("Ask again?", text, "Ask again"))
