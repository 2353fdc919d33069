"""The form of break-glass: what would run at once, and why. Pure."""

from collections.abc import Iterable

import msgspec

from bot.models import Request, Value
from bot.preview.snapshot import fingerprint
from bot.slack.messages.card_body import preview
from bot.slack.messages.decision_forms import (
    REASON_ACTION,
    REASON_BLOCK,
    REASON_LIMIT,
    TYPED_ACTION,
    TYPED_BLOCK,
    text_input,
)
from bot.slack.messages.labels import Symbol, words
from bot.slack.messages.mrkdwn import (
    Block,
    code,
    context,
    duration,
    literal,
    modal,
    named,
    prose,
    section,
    sentence,
)
from bot.slack.messages.table import without_tables

CALLBACK = "vco_route_glass_form"

AT_ONCE = "It runs at once, without an approval."


class Kept(Value, frozen=True):
    """What the form carries: the `command` as it was understood, and where it was given.

    `typed` is what has to be typed; `seen` the fingerprint of what is shown.
    """

    command: str = ""
    channel: str = ""
    typed: str = ""
    seen: str = ""


def kept(metadata: str) -> Kept:
    """What a form carries, from its metadata."""
    try:
        return msgspec.json.decode(metadata, type=Kept)
    except msgspec.MsgspecError:
        return Kept()


def looking_form(word: str) -> Block:
    """The form until everything has been read."""
    return _modal([section(f"{Symbol.LOOK} *{AT_ONCE}*"), section(f"Looking at {code(word)} …")])


def failed_form(problem: str) -> Block:
    """The form where nothing can be confirmed; `problem` is mrkdwn of our own."""
    return _modal([section(f"{problem}\nNothing was recorded.")])


def confirm_form(request: Request, command: str) -> Block:
    """What would run, what it does to traffic, and what is asked of whoever wants it."""
    terms, do = request.terms, words(request).do
    said = literal(sentence(do.capitalize(), request))
    who, until = named(terms.approvers.ids), duration(terms.countersign)
    blocks = [
        section(f"{Symbol.LOOK} *{said}*\n{AT_ONCE}"),
        *preview(request),
        context(f"Everybody in the channel sees it. One of {who} has to countersign in {until}."),
        text_input(
            REASON_BLOCK,
            REASON_ACTION,
            "Why can this not wait for an approval?",
            limit=REASON_LIMIT,
            initial=request.reason,
        ),
    ]
    if terms.typed:
        label = f"Type {terms.typed}: it is a wide route"
        blocks.append(text_input(TYPED_BLOCK, TYPED_ACTION, label, limit=100))
    carried = Kept(
        command=command,
        channel=request.channel,
        typed=terms.typed,
        seen=fingerprint(request.snapshot),
    )
    return _modal(blocks, submit=f"{do.capitalize()} now", carried=carried)


def _modal(blocks: Iterable[Block], *, submit: str = "", carried: Kept | None = None) -> Block:
    metadata = msgspec.json.encode(carried or Kept()).decode()
    shown = without_tables(blocks)
    return modal("Break-glass", shown, callback_id=CALLBACK, metadata=metadata, submit=submit)


def refused(problem: str, mend: str) -> str:
    """A refusal, as the form says it."""
    return "\n".join(filter(None, [prose(problem), prose(mend)]))
