"""What has not begun: what it waits for, and what whoever stops it is told. Pure."""

from typing import NamedTuple

from bot.models import (
    Event,
    EventKind,
    Operation,
    Request,
    RequestState,
    RouteChange,
    Verdict,
    WaitCause,
)
from bot.slack.messages.labels import NOT_STARTED, WAITS_FOR, words
from bot.slack.messages.mrkdwn import clock, code, literal, mention, place, prose, some_are

_STATE = "connection "
"""How the code of waiting for a connection begins; its state follows."""


class Wait(NamedTuple):
    """The queue and the deadline of what waits: see `card_body.View`."""

    ahead: int
    until: float


def waiting_line(request: Request, route: RouteChange, wait: Wait) -> str:
    """What the route in hand waits for, and until when it is tried."""
    if wait.ahead:
        ahead = some_are(wait.ahead, "request")
        return f"*{NOT_STARTED}*: {ahead} ahead on {literal(place(request))}."
    which = NOT_STARTED
    if not request.waiting:
        which = f"{literal(route.route.route_dest)} not started"
    if not route.waits:
        return f"*{which} yet*: the routes are read once more, then it is sent."
    until = f" Trying until {clock(wait.until)}." if wait.until else ""
    return f"*{which}*: {_why(request, route)}.{until}"


def _why(request: Request, route: RouteChange) -> str:
    event = _latest(request, route)
    details = event.details if event else {}
    name = literal(place(request))
    state = details.get("code", "")
    if state.startswith(_STATE):
        return f"{name} is busy ({literal(state.removeprefix(_STATE))})"
    cause = details.get("cause", WaitCause.OTHER)
    if cause in WAITS_FOR:
        return WAITS_FOR[WaitCause(cause)].format(place=name, region=literal(request.region))
    return prose(details.get("meaning", "") or state).removesuffix(".") or f"{name} is busy"


def _latest(request: Request, route: RouteChange) -> Event | None:
    """The latest event that tells what the route waits for."""
    waits = (e for e in reversed(request.timeline) if e.kind is EventKind.WAITING)
    return next((e for e in waits if e.route == route.route), None)


# --- answers to a stop -----------------------------------------------------------------


def answer_awaited(request: Request) -> bool:
    """Whether the answer to a send that is on its way decides whether it can be stopped."""
    return request.state.open and any(r.in_flight and not r.outcome_unknown for r in request.routes)


def stopped(request: Request) -> str:
    """What the one who stopped it is told."""
    return f"Stopped: nothing was changed for {code(request.id)}."


def not_stopped(request: Request, user: str) -> str:
    """Why a stop came too late, or too early."""
    if made := next((d for d in request.decisions if d.verdict is Verdict.STOPPED), None):
        who = "You have stopped" if made.by == user else f"{mention(made.by)} has stopped"
        return f"{who} this already, {clock(made.at)}. Nothing was changed."
    if request.state is RequestState.PENDING:
        return "Nothing to stop: it waits for an approval. *Withdraw* or *Reject* it instead."
    if not request.state.open:
        return f"Too late to stop: it ended {clock(request.ended_at)}. Its card says how."
    return f"Too late to stop: {_what_is_done(request)} {_afterwards(request)}"


def _what_is_done(request: Request) -> str:
    if done := [code(r.route.route_dest) for r in request.routes if r.state.done]:
        return f"{', '.join(done)} {'is' if len(done) == 1 else 'are'} {words(request).done}."
    if any(r.outcome_unknown for r in request.routes):
        return "it was sent and no answer came, so it may be done already."
    if any(r.in_flight for r in request.routes):
        return "it is on its way to Alibaba Cloud, and no answer has come yet."
    at = max((e.at for e in request.timeline if e.kind is EventKind.SENT), default=0.0)
    return f"Alibaba Cloud has accepted it{f' {clock(at)}' if at else ''}."


def _afterwards(request: Request) -> str:
    """What whoever wanted to stop it can do instead."""
    deletes = request.operation is Operation.DELETE
    if deletes and all(impact.not_restorable for impact in request.snapshot.impacts):
        return "Its thread says how it goes."
    return f"*{words(request).rollback}* on its card undoes it afterwards."
