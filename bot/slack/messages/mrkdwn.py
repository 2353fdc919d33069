"""The small parts that every message is made of: escaping, times, names of things. Pure.

What somebody else wrote (people, the cloud) goes into `plain_text` wherever Slack has it. Where it
has not, it is `code` (ids, what is copied), `literal` (names, states) or `prose` (sentences). So
it can't ping anybody, link anywhere, format anything, or leave its place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from unicodedata import category

from bot.models import Request, VcoRoute
from bot.slack.messages.labels import CLOSE, DISMISS, words

Block = dict[str, Any]

Message = tuple[str, list[Block]]
"""The fallback text (notifications, screen readers; mrkdwn) and the blocks."""

_MOST_MENTIONED = 20
"""How many people a message pings: more than that is a setting to be looked at."""

SECTION_LIMIT = 3000
"""Characters of a section's text, and of a text in a context (Slack, Block Kit reference)."""

HEADER_LIMIT = 150
"""Characters of a header (Slack, Block Kit reference)."""


_MARKS = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "\u02cb"})
"""What formats in mrkdwn, and what looks like it and does not: there is no other way to escape."""

_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Underscores that format: those at the edge of a word."""

_EMOJI = re.compile(r":(?=[a-z0-9_+'-]*[g-z_+'-][a-z0-9_+'-]*:)", re.IGNORECASE)
"""Colons that begin an emoji's name; IPv6 addresses have only hex digits between theirs."""

_JOINERS = "\u200c\u200d"
"""Invisible, and a part of words in some scripts."""

_SPACES = re.compile(r"[ \t\n\r\v\f\x85\u2028\u2029]+")


def escape(text: str) -> str:
    """Our own words as mrkdwn that shows the very same text (docs.slack.dev: escaping)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def visible(text: str) -> str:
    """Somebody else's text in one line, in which nothing hides or turns the direction."""
    text = _SPACES.sub(" ", text)
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in _JOINERS or category(sign) == "Zs" else "\ufffd"
        for sign in text
    )


def literal(text: str) -> str:
    """Somebody else's words as mrkdwn: shown as they are, never interpreted."""
    text = visible(text).translate(_MARKS)
    return escape(_EMOJI.sub("\u2236", _EMPHASIS.sub("\uff3f", text)))


def code(text: str) -> str:
    """What one may want to copy, such as an id, as mrkdwn; nothing is interpreted in code."""
    shown = visible(text).replace("`", "\u02cb").strip()
    return f"`{escape(shown)}`" if shown else "(nothing)"


def prose(text: str) -> str:
    """A sentence with somebody else's words in it, as mrkdwn, where only code is formatted."""
    parts = visible(text).split("`")
    if len(parts) % 2 == 0 or len(parts) == 1:
        return literal(text)
    return "".join(
        code(part) if inside % 2 and part.strip() else literal(part)
        for inside, part in enumerate(parts)
    )


def clock(at: float, *, seconds: bool = False, day: bool = False) -> str:
    """A time of day in the reader's own time zone, UTC where Slack can't tell.

    `day` names the day as well, for what is not of today.
    """
    token = "{time_secs}" if seconds else "{time}"
    if day:
        token = f"{{date_short_pretty}} {token}"
    return f"<!date^{int(at)}^{token}|{utc(at, seconds=seconds, day=day)}>"


def utc(at: float, *, seconds: bool = False, day: bool = False) -> str:
    """The same in UTC, as plain text."""
    form = "%H:%M:%S UTC" if seconds else "%H:%M UTC"
    return datetime.fromtimestamp(at, UTC).strftime(f"%Y-%m-%d {form}" if day else form)


def duration(seconds: float) -> str:
    """A length of time for people: `41 s`, `3 min 5 s`, `2 h 10 min`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{rest} s"


def mention(slack_id: str) -> str:
    """A person or a user group, so that it is pinged."""
    return f"<!subteam^{slack_id}>" if slack_id.startswith("S") else f"<@{slack_id}>"


def linked(link: str, said: str) -> str:
    """Mrkdwn that leads to `link`; as it is, where there is none."""
    return f"<{link}|{said}>" if leads_somewhere(link) else said


def leads_somewhere(link: str) -> bool:
    """Whether it is an address: what has no card in Slack has none, or says why in its place."""
    return link.startswith("http")


def some(count: int, noun: str) -> str:
    """`1 approval`, `2 approvals`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def some_are(count: int, noun: str) -> str:
    """`1 approval is`, `2 approvals are`."""
    return f"{some(count, noun)} {'is' if count == 1 else 'are'}"


_MOST_IN_A_LINE = 3
"""How many routes a line names before it counts them: a header takes 150 characters."""

_NAME_LIMIT = 60
"""Characters of a connection's name in a line."""


def what(request: Request) -> str:
    """What a request is about: its routes, or how many where they are many.

    The weight is a part of the name where another route to the same prefix is there.
    """
    if not names_all(request):
        return f"{len(request.routes)} routes"
    twins = _with_twins(request)
    names = [
        f"{r.route.route_dest} (weight {r.route.shown_weight})"
        if r.route.route_dest in twins
        else r.route.route_dest
        for r in request.routes
    ]
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def names_all(request: Request) -> bool:
    """Whether `what` names each of the routes."""
    return len(request.routes) <= _MOST_IN_A_LINE


def _with_twins(request: Request) -> set[str]:
    """The prefixes to which there is more than one route."""
    dests = [r.route.route_dest for r in request.routes]
    twins = {dest for dest in dests if dests.count(dest) > 1}
    for impact in request.snapshot.impacts:
        if any(t.route.route_dest == impact.route.route_dest for t in impact.takers):
            twins.add(impact.route.route_dest)
    return twins


def place(request: Request) -> str:
    """The connection by the name that people know, else by its id."""
    name = cut(visible(request.snapshot.connection.name).strip(), _NAME_LIMIT)
    return name or request.vpn_connection_id


def sentence(verb: str, request: Request) -> str:
    """`Delete 192.168.10.0/24 from vco-… (cn-hangzhou)`, with the connection's name if any."""
    name = cut(visible(request.snapshot.connection.name).strip(), _NAME_LIMIT)
    at = f"{name}, {request.vpn_connection_id}" if name else request.vpn_connection_id
    return f"{verb} {what(request)} {words(request).where} {at} ({request.region})"


def named(people: Iterable[str], how: Callable[[str], str] = mention) -> str:
    """People and groups, mentioned so that they are pinged; of very many the first."""
    ids = list(people)
    shown = " ".join(map(how, ids[:_MOST_MENTIONED]))
    more = len(ids) - _MOST_MENTIONED
    return f"{shown} and {more} more" if more > 0 else shown or "the approvers"


def route_words(route: VcoRoute, how: Callable[[str], str] = literal) -> str:
    """What identifies a route besides its destination; the next hop where it is another."""
    weight = f"weight {route.shown_weight}"
    own = route.next_hop == route.vpn_connection_id
    return weight if own else f"{weight} · next hop {how(route.next_hop)}"


def header(text: str) -> Block:
    """The first line of a card."""
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": cut(visible(text), HEADER_LIMIT), "emoji": False},
    }


def section(text: str) -> Block:
    """A paragraph of our own words in mrkdwn; what does not fit goes by whole lines."""
    return {"type": "section", "text": _mrkdwn(whole_lines(text))}


def paragraphs(text: str) -> list[Block]:
    """Sections that show all of a text of our own words, however long."""
    return [section(part) for part in _parts(text)]


def context(*parts: str | Block) -> Block:
    """A small line: strings are our own mrkdwn, blocks are taken as they are."""
    elements = [p if isinstance(p, dict) else _mrkdwn(p) for p in parts]
    return {"type": "context", "elements": elements}


def plain(text: str) -> Block:
    """Somebody else's words: shown as they are, never interpreted."""
    return {"type": "plain_text", "text": cut(visible(text), SECTION_LIMIT), "emoji": False}


def quoted(text: str) -> Block:
    """Somebody else's words, in quotation marks."""
    return plain(f"\u201c{cut(text, SECTION_LIMIT - 2)}\u201d")


def quote(text: str) -> Block:
    """Somebody else's words as a quote that stands by itself; rich text interprets nothing."""
    said = f"\u201c{cut(visible(text), SECTION_LIMIT - 2)}\u201d"
    element = {"type": "rich_text_quote", "elements": [{"type": "text", "text": said}]}
    return {"type": "rich_text", "elements": [element]}


def cut(text: str, limit: int) -> str:
    """Plain text of at most `limit` characters; one that was longer ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def whole_lines(text: str, limit: int = SECTION_LIMIT) -> str:
    """As many whole lines of mrkdwn as fit: half a link or half an escape would be neither."""
    if len(text) <= limit:
        return text
    end = text.rfind("\n", 0, limit - 1)
    return text[:end] + "\n…" if end > 0 else cut(text, limit)


def button(text: str, action_id: str, value: str, **more: object) -> Block:
    """A button; its value is a request's id and nothing else."""
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": text, "emoji": False},
        "action_id": action_id,
        "value": value,
        **more,
    }


_TITLE_LIMIT = 24
"""Characters of a modal's title, and of its buttons (Slack, views reference)."""


def modal(
    title: str,
    blocks: Iterable[Block],
    *,
    callback_id: str = "",
    metadata: str = "",
    submit: str = "",
) -> Block:
    """A form, or what is shown in place of one: without `submit` it can only be closed."""
    names = {"title": title, "submit": submit, "close": DISMISS if submit else CLOSE}
    return {
        "type": "modal",
        **({"callback_id": callback_id, "private_metadata": metadata} if callback_id else {}),
        **{
            name: {"type": "plain_text", "text": cut(text, _TITLE_LIMIT)}
            for name, text in names.items()
            if text
        },
        "blocks": list(blocks),
    }


def _mrkdwn(text: str) -> Block:
    """Verbatim: Slack makes links of our own alone, never of what looks like an address."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _parts(text: str) -> Iterator[str]:
    """The text in parts of whole lines that fit a section."""
    part = ""
    for line in text.split("\n"):
        if part and len(part) + 1 + len(line) > SECTION_LIMIT:
            yield part
            part = line
        else:
            part = f"{part}\n{line}" if part else line
    yield part


BLOCKS_LIMIT = 12_500
"""Characters of all texts in a message's blocks. Nowhere documented, but Slack refuses somewhat
more than 13,000 (slackapi/bolt-js#2509)."""


def length(blocks: Iterable[Block]) -> int:
    """How many characters the texts of these blocks have."""
    return sum(map(len, _texts(list(blocks))))


TEXT_LIMIT = 4000
"""Characters of a message's text, beside its blocks (Slack, `chat.update`)."""

_BLOCKS = 45
"""Blocks in a message; Slack takes 50."""


def fits(blocks: Sequence[Block]) -> bool:
    """Whether Slack takes so much as one message."""
    return len(blocks) <= _BLOCKS and length(blocks) <= BLOCKS_LIMIT


def shares(wanted: Sequence[int], budget: int) -> list[int]:
    """What each gets of `budget`: who wants little gets it, the others share the rest evenly."""
    given, left = [0] * len(wanted), budget
    for place, index in enumerate(sorted(range(len(wanted)), key=lambda i: wanted[i])):
        given[index] = min(wanted[index], left // (len(wanted) - place))
        left -= given[index]
    return given


def _texts(value: object) -> Iterator[str]:
    """Every text, by the same name at whatever depth; Block Kit has it as `text` throughout."""
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, dict):
        text = value.get("text")
        if isinstance(text, str):
            yield text
        yield from _texts(list(value.values()))


def printable(text: str) -> str:
    """Text that can move no cursor and hide nothing, whoever wrote it."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
