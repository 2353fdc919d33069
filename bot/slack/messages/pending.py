"""The part of a card that asks: what would go, what traffic does next, the buttons. Pure."""

from collections.abc import Iterator, Sequence

from bot.impact import addresses
from bot.models import Impact, LiveRoute, Request, RouteKind, Snapshot
from bot.slack.messages.texts import Block, button, escape, route_words, section, sentence

APPROVE = "vco_route_approve"
REJECT = "vco_route_reject"
CANCEL = "vco_route_cancel"

_MOST_NAMED = 5
"""How many routes an enumeration names before it counts the rest, on a card about one route."""

_NAMED_IN_ALL = 10
"""What cards about many routes share: Slack takes some 13,000 characters in all blocks."""

_COUNTABLE = 2**32
"""Above this (only IPv6 gets there) a number of addresses is told as a power of two."""

_CONFIRM_LIMIT = 300
"""Characters of a confirm dialog's text (Slack, Block Kit reference)."""


def preview(request: Request) -> Iterator[Block]:
    """What would go and what traffic would do next, a paragraph for each route."""
    snapshot = request.snapshot
    named = max(1, min(_MOST_NAMED, _NAMED_IN_ALL // max(1, len(snapshot.targets))))
    for target, impact in zip(snapshot.targets, snapshot.impacts, strict=True):
        lines = _impact_lines(impact, named, last=snapshot.last_routes)
        yield section("\n".join([_target_line(snapshot, target), *lines]))
    if notes := list(_notes(snapshot)):
        yield section("\n".join(f":warning: {note}" for note in notes))


def buttons(request: Request) -> Block:
    """Approve, with a confirm that restates the sentence; Reject; Cancel."""
    confirm = {
        "title": {"type": "plain_text", "text": "Approve this deletion?"},
        "text": {"type": "plain_text", "text": _restated(request)},
        "confirm": {"type": "plain_text", "text": "Approve deletion"},
        "deny": {"type": "plain_text", "text": "Not yet"},
        "style": "danger",
    }
    return {
        "type": "actions",
        "elements": [
            button("Approve deletion", APPROVE, request.id, style="danger", confirm=confirm),
            button("Reject", REJECT, request.id),
            button("Cancel", CANCEL, request.id),
        ],
    }


def _notes(snapshot: Snapshot) -> Iterator[str]:
    if not snapshot.connection.attached:
        state = escape(snapshot.connection.state)
        yield f"The connection is *{state}* now; the deletion waits until it is attached."


def _target_line(snapshot: Snapshot, target: LiveRoute) -> str:
    kind = f"{target.kind} route" + (f", {escape(target.state)}" if target.state else "")
    parts = [route_words(target.route), kind]
    if len(snapshot.targets) > 1:
        parts.insert(0, f"*{escape(target.route.route_dest)}*")
    return " · ".join(parts)


def _impact_lines(impact: Impact, named: int, *, last: bool) -> Iterator[str]:
    if not impact.carries:
        yield "If it goes: no traffic moves. Better routes carry all of its addresses now."
    else:
        yield f"If it goes: {_moved(impact)}. {_next(impact, named, last=last)}"
    if impact.inside:
        names = _few([r.route.route_dest for r in impact.inside], named)
        yield f"Goes on as before inside it: {names}."
    if impact.not_restorable:
        yield f":warning: {escape(impact.not_restorable)}"


def _count(blocks: Sequence[str]) -> str:
    count = addresses(blocks)
    return f"{_number(count)} address{'es' if count != 1 else ''}"


def _number(count: int) -> str:
    if count <= _COUNTABLE:
        return f"{count:,}"
    power = count.bit_length() - 1
    return f"{'' if count == 1 << power else 'more than '}2^{power}"


def _moved(impact: Impact) -> str:
    whole = (impact.route.route_dest,)
    if impact.carries == whole:
        return _count(impact.carries)
    return f"{_number(addresses(impact.carries))} of its {_count(whole)}"


def _them(impact: Impact) -> str:
    return "it" if addresses(impact.carries) == 1 else "them"


def _next(impact: Impact, named: int, *, last: bool) -> str:
    them = _them(impact)
    if not impact.takers:
        left = ": no route is left on it" if last else ""
        return f":warning: *Nothing on this connection covers {them} any more{left}.*"
    takes = "takes it over" if them == "it" else "takes over all of them"
    verb = takes if len(impact.takers) == 1 else f"share {them}"
    return f"{_listed([_taker(t) for t in impact.takers], named)} {verb}."


def _taker(taker: LiveRoute) -> str:
    via = "BGP" if taker.kind is RouteKind.BGP else "this connection"
    return f"`{escape(taker.route.route_dest)}` (weight {taker.route.weight}, {via})"


def _few(names: Sequence[str], named: int) -> str:
    return _listed([escape(name) for name in names], named)


def _listed(words: Sequence[str], named: int) -> str:
    rest = len(words) - named
    return ", ".join(words[:named]) + (f" and {rest} more" if rest > 0 else "")


def _restated_impact(impact: Impact) -> str:
    if not impact.carries:
        return f" Weight {impact.route.weight}; no traffic moves."
    count, them = _count(impact.carries), _them(impact)
    if not impact.takers:
        return f" {count}, weight {impact.route.weight}: nothing here covers {them} any more."
    taker = impact.takers[0].route
    more = f" and {len(impact.takers) - 1} more" if len(impact.takers) > 1 else ""
    move = "moves" if them == "it" else "move"
    return f" {count} {move} to {taker.route_dest} (weight {taker.weight}){more}."


def _restated(request: Request) -> str:
    """The sentence of the card once more, and the worst of its news; plain text."""
    text = sentence("Delete", request) + "."
    if len(request.routes) == 1:
        text += _restated_impact(request.snapshot.impacts[0])
        return text[:_CONFIRM_LIMIT]
    uncovered = [i.route.route_dest for i in request.snapshot.impacts if i.carries and not i.takers]
    if uncovered:
        them = uncovered[0] if len(uncovered) == 1 else f"{len(uncovered)} of them"
        text += f" Nothing on this connection covers {them} any more."
    return text[:_CONFIRM_LIMIT]
