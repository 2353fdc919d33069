"""The part of a card that asks: what would go, what traffic does next, the buttons. Pure."""

from collections.abc import Iterator

from bot.models import LiveRoute, Operation, Request, Snapshot
from bot.slack.messages.buttons import APPROVE, CANCEL, REJECT, confirm, deciding_button
from bot.slack.messages.impacts import impact_lines, restated
from bot.slack.messages.texts import Block, cut, literal, route_words, section, sentence
from bot.slack.messages.words import words

_MOST_NAMED = 5
"""How many routes an enumeration names before it counts the rest, on a card about one route."""

_NAMED_IN_ALL = 10
"""What cards about many routes share: Slack takes some 13,000 characters in all blocks."""

_CONFIRM_LIMIT = 300
"""Characters of a confirm dialog's text (Slack, Block Kit reference)."""

_REASON_LEFT = 40
"""Less than this is not worth quoting of a reason."""


def preview(request: Request) -> Iterator[Block]:
    """What would go and what traffic would do next, a paragraph for each route."""
    snapshot = request.snapshot
    named = max(1, min(_MOST_NAMED, _NAMED_IN_ALL // max(1, len(snapshot.targets))))
    for target, impact in zip(snapshot.targets, snapshot.impacts, strict=True):
        lines = impact_lines(request, impact, named)
        yield section("\n".join([_target_line(snapshot, target), *lines]))
    if notes := list(_notes(request)):
        yield section("\n".join(f":warning: {note}" for note in notes))


def buttons(request: Request) -> Block:
    """Approve, with a confirm that restates the sentence; Reject; Cancel.

    Where something has to be typed, a form asks for that instead of the confirm.
    """
    noun = words(request).noun
    sure = confirm(f"Approve this {noun}?", _restated(request), f"Approve {noun}")
    more = {} if request.terms.typed else {"confirm": sure | {"style": "danger"}}
    return {
        "type": "actions",
        "elements": [
            deciding_button(f"Approve {noun}", APPROVE, request, style="danger", **more),
            deciding_button("Reject", REJECT, request),
            deciding_button("Cancel", CANCEL, request),
        ],
    }


def _notes(request: Request) -> Iterator[str]:
    if not request.snapshot.connection.attached:
        state = literal(request.snapshot.connection.state)
        noun = words(request).noun
        yield f"The connection is *{state}* now; the {noun} waits until it is attached."


def _target_line(snapshot: Snapshot, target: LiveRoute) -> str:
    kind = f"{target.kind} route" + (f", {literal(target.state)}" if target.state else "")
    parts = [route_words(target.route), kind]
    if len(snapshot.targets) > 1:
        parts.insert(0, f"*{literal(target.route.route_dest)}*")
    return " · ".join(parts)


def _restated(request: Request) -> str:
    """The sentence of the card once more, the worst of its news, and why; plain text."""
    text = sentence(words(request).do.capitalize(), request) + "."
    if len(request.routes) == 1:
        text += restated(request, request.snapshot.impacts[0])
    elif bare := uncovered(request):
        them = bare[0] if len(bare) == 1 else f"{len(bare)} of them"
        text += f" Nothing on this connection covers {them} any more."
    left = _CONFIRM_LIMIT - len(text) - len(" Why: “”")
    if request.reason and left > _REASON_LEFT:
        text += f" Why: “{cut(request.reason, left)}”"
    return text[:_CONFIRM_LIMIT]


def uncovered(request: Request) -> list[str]:
    """The routes whose traffic nothing takes over."""
    if request.operation is Operation.RESTORE:
        return []
    impacts = request.snapshot.impacts
    return [i.route.route_dest for i in impacts if i.carries and not i.takers]
