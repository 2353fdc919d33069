"""The part of a card that says how it ended: the proof, or what is wrong and what to do. Pure."""

from collections.abc import Iterator

from bot.lifecycle.route_change import NOT_SENT
from bot.models import Failure, Operation, Request, RequestState
from bot.preview.rollback import can_roll_back
from bot.slack.messages.buttons import verifies_first
from bot.slack.messages.progress import route_lines
from bot.slack.messages.texts import Block, code, prose, section
from bot.slack.messages.words import words

UNSURE = "It may or may not have been done. Look in the console; we go on looking."
"""Neither success nor failure: what to make of *unconfirmed*."""

_SENT = frozenset(
    {
        RequestState.DELETED,
        RequestState.RESTORED,
        RequestState.FAILED,
        RequestState.UNCONFIRMED,
    }
)


def ending(request: Request) -> Iterator[Block]:
    """How a request ended, and what a person may want to do now."""
    if request.state not in _SENT:
        yield section(_nothing_sent(request))
        yield from _names(request)
        return
    if request.state in (RequestState.DELETED, RequestState.RESTORED):
        yield section(f"Proven: {proof(request)}")
    elif request.state is RequestState.UNCONFIRMED:
        yield section(_unconfirmed(request))
    yield from route_lines(request)
    yield from _failures(request)


def _nothing_sent(request: Request) -> str:
    match request.state:
        case RequestState.VOID:
            stopped = "It was stopped before sending. Ask again to see it as it is now."
            return f"Nothing was sent: {prose(request.why)}\n{stopped}"
        case RequestState.EXPIRED:
            who = "Too few" if request.approvers else "Nobody"
            return f"{who} approved in time. Nothing was sent; ask again if it still matters."
        # Of a person the reason stands beside their name.
        case RequestState.CANCELLED if request.why and not request.decisions[-1].by:
            return f"Nothing was sent: {prose(request.why)}"
        case _:
            return "Nothing was sent."


def _unconfirmed(request: Request) -> str:
    said = f"We asked Alibaba Cloud to {words(request).do} it and can't prove that it is so."
    rollback = (
        f"\n*{words(request).rollback}* {verifies_first(request)}" if can_roll_back(request) else ""
    )
    return f"{said} {UNSURE}{rollback}"


def proof(request: Request) -> str:
    """What was seen that proves it."""
    there = "present" if request.operation is Operation.RESTORE else "absent"
    if all(r.watch.updating_seen and not r.watch.contradicted for r in request.routes):
        return f"updating seen, then attached and the route {there}"
    return f"attached and the route {there}, three reads in a row"


def _names(request: Request) -> Iterator[Block]:
    """Which routes it was about, where the first line only counts them."""
    if len(request.routes) > 1:
        names = (f"{code(r.route.route_dest)}" for r in request.routes)
        yield section(", ".join(names))


def _failures(request: Request) -> Iterator[Block]:
    for route in request.routes:
        if route.failure is not None and route.failure.code != NOT_SENT.code:
            yield section(_failure(route.failure))


def _failure(failure: Failure) -> str:
    lines = [f"*{prose(failure.meaning)}*", prose(failure.next_step)]
    ids = [f"code {code(failure.code)}"]
    if failure.alibaba_request_id:
        ids.append(f"Alibaba request {code(failure.alibaba_request_id)}")
    return "\n".join([*filter(None, lines), " · ".join(ids)])
