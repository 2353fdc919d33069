"""The receipt of a request: all that is recorded of it, for whoever has to answer for it. Pure.

It is made of parts, our own words and those of others apart. `receipt` lays them out for Slack,
`receipt_text` as plain text for a terminal.
"""

from collections.abc import Iterable
from itertools import chain

from bot.models import Request
from bot.slack.messages.card import first_line
from bot.slack.messages.fitting import BLOCKS_LIMIT, length, shares
from bot.slack.messages.plainly import as_plain, printable
from bot.slack.messages.receipt_parts import parts
from bot.slack.messages.receipt_routes import Part
from bot.slack.messages.texts import (
    SECTION_LIMIT,
    Block,
    Message,
    code,
    context,
    cut,
    header,
    literal,
    mention,
    plain,
    section,
    whole_lines,
)
from bot.store import CardState, Stored

_QUOTE_LIMIT = 300
"""Characters of others' words: a reason fits whole."""

_QUOTES_LIMIT = 3000
"""Characters of all of them together."""

_MOST_QUOTES = 10
"""How many of them stand with one part (Slack: fields of a section)."""

_SPARE = 500
"""Characters kept for the first line and the last."""


def receipt(stored: Stored, posted: CardState) -> Message:
    """The receipt as a message; what does not fit goes by whole lines, and that is said."""
    request = stored.request
    everything = parts(stored, posted)
    texts = ["\n".join(part.lines) for part in everything]
    quotes = _quotes(everything)
    room = BLOCKS_LIMIT - _SPARE - length(chain.from_iterable(quotes))
    limits = shares([len(text) for text in texts], room)
    shown = [
        whole_lines(text, min(limit, SECTION_LIMIT))
        for text, limit in zip(texts, limits, strict=True)
    ]
    blocks = [header(first_line(request))]
    for text, fields in zip(shown, quotes, strict=True):
        blocks.append(section(text) | ({"fields": fields} if fields else {}))
    if shown != texts:
        command = f"vco-route-bot requests show {request.id}"
        blocks.append(context(f"Cut to what Slack takes. On the bot's host: {code(command)}"))
    return _fallback(request), blocks


def receipt_text(stored: Stored, posted: CardState) -> list[str]:
    """The receipt as lines of plain text, whole."""
    lines = [first_line(stored.request)]
    for part in parts(stored, posted):
        lines += ["", *map(as_plain, part.lines), *map("“{}”".format, part.quotes)]
    return [printable(one) for one in lines]


def _fallback(request: Request) -> str:
    by = [f"{d.verdict.replace('_', ' ')} by {mention(d.by)}" for d in request.decisions if d.by]
    said = [f"asked by {mention(request.requester)}", *by[:_MOST_QUOTES]]
    return f"Receipt of {code(request.id)}: {literal(first_line(request))}, {', '.join(said)}"


def _quotes(everything: Iterable[Part]) -> list[list[Block]]:
    """Others' words, of each part, as far as there is room for them."""
    kept = [part.quotes[:_MOST_QUOTES] for part in everything]
    wanted = [min(len(one) + 2, _QUOTE_LIMIT) for quotes in kept for one in quotes]
    limits = iter(shares(wanted, _QUOTES_LIMIT))
    return [[plain(f"“{cut(one, next(limits) - 2)}”") for one in quotes] for quotes in kept]
