"""The buttons that stand in more than one place, and what all of them are called. Pure.

A button's value is a request's id and nothing else; whoever clicks is asked who they are anew.
Whoever can't see what a button stands beside hears it in its label.
"""

from bot.models import Operation, Request, RequestState
from bot.slack.messages.labels import CHECK_NOW, DISMISS, ROLLBACK_NOW, STOP_WORD, words
from bot.slack.messages.mrkdwn import Block, button, cut, place, visible, what

APPROVE = "vco_route_approve"
REJECT = "vco_route_reject"
CANCEL = "vco_route_cancel"
STOP = "vco_route_stop"
CHECK = "vco_route_check"
RESTORE = "vco_route_restore"
COUNTERSIGN = "vco_route_countersign"
AGAIN = "vco_route_again"
CHOOSE = "vco_route_choose"
NEW = "vco_route_new"

_LABEL_LIMIT = 75
"""Characters of an accessibility label (Slack, Block Kit reference)."""


def confirm(title: str, text: str, do: str) -> Block:
    """The dialog between a click and its effect; limits by Slack's Block Kit reference."""
    return {
        "title": {"type": "plain_text", "text": visible(title)[:100]},
        "text": {"type": "plain_text", "text": visible(text)[:300]},
        "confirm": {"type": "plain_text", "text": do[:30]},
        "deny": {"type": "plain_text", "text": DISMISS},
    }


def deciding_button(text: str, action_id: str, request: Request, **more: object) -> Block:
    """A button that decides on a request."""
    label = f"{text}: {what(request)} {words(request).where} {place(request)}"
    return button(text, action_id, request.id, **_label(label), **more)


def stop_button(request: Request) -> Block:
    """Stop what is approved and has not begun."""
    return deciding_button(STOP_WORD, STOP, request)


def check_button(request: Request) -> Block:
    """Have an unconfirmed change read again at once."""
    return button(CHECK_NOW, CHECK, request.id, **_label(f"{CHECK_NOW}: {what(request)}"))


def countersign_button(request: Request) -> Block:
    """Say that one has looked at a request that broke the glass."""
    return deciding_button("Countersign", COUNTERSIGN, request, style="primary")


def restore_button(request: Request) -> Block:
    """Ask for what undoes this request; where something is worse since, it is what to do first.

    Its modal says what that is, and asks why.
    """
    label, connection = words(request).rollback, place(request)
    style = {}
    if request.degraded:
        one = "route" if len(request.routes) == 1 else "routes"
        label, style = ROLLBACK_NOW[request.operation].format(one), {"style": "primary"}
    where = "from" if request.operation is Operation.RESTORE else "to"
    more = _label(f"{label} {what(request)} {where} {connection}")
    return button(label, RESTORE, request.id, **style, **more)


def verifies_first(request: Request) -> str:
    """What undoing does where nobody knows what was done; empty where that is known."""
    if request.state is not RequestState.UNCONFIRMED:
        return ""
    there = "not there" if request.operation is Operation.RESTORE else "still there"
    return f"looks first: where the route is {there}, there is nothing to undo."


def again_button(request: Request) -> Block:
    """Ask once more for the same."""
    text = f"{what(request)} of {place(request)}, as it is now. It needs an approval."
    dialog = confirm("Ask again?", text, "Ask again")
    more = _label(f"Ask again for {words(request).noun} of {what(request)}")
    return button("Ask again", AGAIN, request.id, confirm=dialog, **more)


def _label(text: str) -> Block:
    """What a screen reader says of a button: what it does, and to what."""
    return {"accessibility_label": cut(text, _LABEL_LIMIT)}
