"""The modals of decisions: what is decided on, and what is asked about it. Pure.

What has to be typed says the policy, for a prefix that is wide.
"""

from collections.abc import Iterable

from bot.models import Operation, Request
from bot.preview.rollback import can_roll_back
from bot.slack.messages.buttons import verifies_first
from bot.slack.messages.card_body import ending, preview
from bot.slack.messages.first_line import first_line
from bot.slack.messages.labels import REJECT_WORD, words
from bot.slack.messages.mrkdwn import (
    Block,
    context,
    literal,
    mention,
    modal,
    quoted,
    section,
    sentence,
    visible,
)
from bot.slack.messages.per_route import impact
from bot.slack.messages.table import without_tables

APPROVE_FORM = "vco_route_approve_form"
REJECT_FORM = "vco_route_reject_form"
RESTORE_FORM = "vco_route_restore_form"
COUNTERSIGN_FORM = "vco_route_countersign_form"
"""The callback ids."""

REASON_BLOCK = "reason"
REASON_ACTION = "text"
REASON_LIMIT = 300

TYPED_BLOCK = "typed"
TYPED_ACTION = "text"

WORD_BLOCK = "word"
WORD_ACTION = "choice"

RIGHT, WRONG = "right", "wrong"
WORDS = {RIGHT: "seen, was right", WRONG: "was wrong"}
"""What a countersignature says: the value of its option, and its word on the card."""

WORSE = "Worse since {}: tunnels or BGP are down"
"""The reason that is filled in where monitoring has seen something fall."""

SAY_WHY = "Please say why."
NOT_TYPED = "That doesn't match. Type {}."


def approve_form(request: Request) -> Block:
    """A modal that restates the sentence and the requester's reason; the id travels with it."""
    label = f"Type {request.terms.typed} to approve"
    blocks = [*_about(request), *preview(request), _asked(request)]
    asked = text_input(TYPED_BLOCK, TYPED_ACTION, label, limit=100, focus=True)
    title = f"Approve {words(request).noun}"
    return _form(APPROVE_FORM, request, title, "Approve", [*blocks, asked])


def reject_form(request: Request) -> Block:
    """A modal that says what would be rejected, and asks why."""
    label = "Why should this not be done?"
    blocks = [*_about(request), *preview(request), _asked(request)]
    asked = text_input(REASON_BLOCK, REASON_ACTION, label, limit=REASON_LIMIT, focus=True)
    title = f"Reject {words(request).noun}"
    return _form(REJECT_FORM, request, title, REJECT_WORD, [*blocks, asked])


def restore_form(request: Request) -> Block:
    """A modal that says what would be asked for, and asks why."""
    if request.operation is Operation.RESTORE:
        said, noun = sentence("Delete", request).replace(" to ", " from ", 1), "deletion"
    else:
        said, noun = sentence("Restore", request).replace(" from ", " to ", 1), "restore"
    only = f"This only asks: it needs an approval, as the {words(request).noun} did."
    if unsure := verifies_first(request):
        only += f" It {unsure}"
    blocks = [section(f"*{literal(said)}*"), section(only), *_about(request), *_now(request)]
    label = f"Why {words(request).rollback.lower()}?"
    worse = WORSE.format(request.id) if request.degraded else ""
    asked = text_input(
        REASON_BLOCK, REASON_ACTION, label, limit=REASON_LIMIT, focus=True, initial=worse
    )
    title, submit = words(request).rollback, f"Request {noun}"
    return _form(RESTORE_FORM, request, title, submit, [*blocks, asked])


def countersign_form(request: Request) -> Block:
    """A modal that shows what somebody did alone, and asks whether it was right."""
    alone = next((d for d in request.decisions if d.by == request.requester), None)
    why = [quoted(alone.reason)] if alone is not None and alone.reason else []
    back = words(request).rollback.lower()
    wrong = f"Was wrong: {back}" if can_roll_back(request) else "Was wrong"
    later = f"*{words(request).rollback}* can be asked for when it has ended."
    blocks = [
        *_about(request),
        *_now(request),
        context(f"Break-glass by {mention(request.requester)}", *why),
        *([context(later)] if request.state.open else []),
        _choice({RIGHT: "Seen, was right", WRONG: wrong}),
    ]
    return _form(COUNTERSIGN_FORM, request, "Countersign", "Countersign", blocks)


def text_input(  # noqa: PLR0913 - what a field is made of, by name
    block_id: str,
    action_id: str,
    label: str,
    *,
    limit: int,
    focus: bool = False,
    initial: str = "",
) -> Block:
    """A field for a line of text."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": action_id,
        "max_length": limit,
        "focus_on_load": focus,
    }
    if initial:
        element["initial_value"] = initial[:limit]
    words_ = {"type": "plain_text", "text": visible(label)}
    return {"type": "input", "block_id": block_id, "label": words_, "element": element}


def _form(
    callback_id: str, request: Request, title: str, submit: str, blocks: Iterable[Block]
) -> Block:
    shown = without_tables(blocks)
    return modal(title, shown, callback_id=callback_id, metadata=request.id, submit=submit)


def _about(request: Request) -> list[Block]:
    return [section(f"*{literal(first_line(request))}*")]


def _asked(request: Request) -> Block:
    reason = [quoted(request.reason)] if request.reason else []
    return context(f"Asked by {mention(request.requester)}", *reason)


def _now(request: Request) -> Iterable[Block]:
    """What it does or did to traffic."""
    if request.state.open:
        return impact(request)
    return ending(request)


def _choice(options: dict[str, str]) -> Block:
    return {
        "type": "input",
        "block_id": WORD_BLOCK,
        "label": {"type": "plain_text", "text": "What do you make of it?"},
        "element": {
            "type": "radio_buttons",
            "action_id": WORD_ACTION,
            "options": [
                {"text": {"type": "plain_text", "text": text}, "value": value}
                for value, text in options.items()
            ],
        },
    }
