"""What a card says of other requests: on its connection, taking it back, in its way. Pure.

Each is named as on its own card, and linked to it.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.command import PREFIX
from bot.models import Request, RequestState
from bot.preview.crossing import would_void
from bot.slack.messages.first_line import done, short_line
from bot.slack.messages.impacts import restated
from bot.slack.messages.labels import Symbol, words
from bot.slack.messages.mrkdwn import (
    Block,
    clock,
    code,
    leads_somewhere,
    linked,
    literal,
    mention,
    prose,
    section,
)

MOST_BESIDE = 3
"""How many other requests on the same connection a card names."""


class Related(NamedTuple):
    """Another request, and the link to its card; empty as long as it has none."""

    request: Request
    link: str = ""


def closest(request: Request, others: Sequence[Request]) -> list[Request]:
    """The open requests on the connection in the order in which a card names them.

    Those that get in its way come first, then the oldest.
    """

    def place(other: Request) -> tuple[bool, float, str]:
        apart = not (would_void(request, other) or would_void(other, request))
        return apart, other.created_at, other.id

    return sorted(others, key=place)


def beside(request: Request, others: Sequence[Related]) -> Iterator[Block]:
    """Which other requests are open on the connection, and what they would change."""
    if not others:
        return
    lines = ["*Open on this connection too*"]
    lines += [_beside(request, other) for other in others[:MOST_BESIDE]]
    if len(others) > MOST_BESIDE:
        lines.append(f"… and more: `{PREFIX} status`")
    yield section("\n".join(lines))


def taken_back(request: Request, rollback: Related) -> Block:
    """What has come of the request that takes this one back."""
    other, asked = rollback.request, f"asked by {mention(rollback.request.requester)}"
    if done(other):
        verb = words(other).done.capitalize()
        return section(f"*{verb}* {clock(other.ended_at)} by {_linked_id(rollback)}, {asked}.")
    line = f"*{words(request).rollback}*: {_linked(rollback)} · {asked} · {code(other.id)}"
    return section(line)


def stands(rollback: Request) -> bool:
    """Whether a request that takes another one back leaves no need for a second one."""
    return rollback.state.open or done(rollback)


def voided_by(cause: Related) -> str:
    """Which request changed what was approved."""
    by = mention(cause.request.requester)
    return f"That was {_linked(cause)}, {code(cause.request.id)}, asked by {by}."


def _beside(request: Request, other: Related) -> str:
    first = f"{_linked(other)} · asked by {mention(other.request.requester)}"
    voids = _voids(request, other.request)
    said = " ".join(filter(None, [_changes(other.request), voids]))
    return f"{f'{Symbol.LOOK} ' if voids else ''}{first}. {said}"


def _changes(other: Request) -> str:
    """What it does to traffic, where that is one sentence."""
    if len(other.routes) > 1:
        return ""
    return prose(restated(other, other.snapshot.impacts[0]))


def _voids(request: Request, other: Request) -> str:
    """What comes of it that both are there; empty where neither touches the other."""
    by_other, by_this = would_void(request, other), would_void(other, request)
    if other.state is RequestState.EXECUTING:
        return "*Once that is done, this request is void.*" if by_other else ""
    if request.state is RequestState.EXECUTING:
        return "*Once this is done, that one is void.*" if by_this else ""
    if by_other and by_this:
        return "*Whichever runs first voids the other.*"
    if by_other:
        return "*If that runs first, this request is void.*"
    return "*If this runs first, that one is void.*" if by_this else ""


def _linked(related: Related) -> str:
    return linked(related.link, literal(short_line(related.request)))


def _linked_id(related: Related) -> str:
    said = related.request.id
    return linked(related.link, literal(said)) if leads_somewhere(related.link) else code(said)
