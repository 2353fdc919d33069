"""The part of a receipt about each route: what was approved, sent, seen and proven. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from bot.models import EventKind, Impact, LiveRoute, Request, RouteChange, RouteState
from bot.slack.messages.ending import proof
from bot.slack.messages.impacts import impact_lines
from bot.slack.messages.texts import clock, code, literal, prose, route_words
from bot.slack.messages.words import words

_NAMED = 5
"""How many routes an enumeration names before it counts the rest."""


class Part(NamedTuple):
    """A paragraph: lines of our own mrkdwn, and others' words that belong to it."""

    lines: tuple[str, ...]
    quotes: tuple[str, ...] = ()


def time(at: float) -> str:
    """A time that means the same tomorrow: the day, to the second."""
    return clock(at, seconds=True, day=True)


def route_parts(request: Request) -> Iterator[Part]:
    """A part for each route, with what matters most first: the end may be cut off."""
    targets = {target.route: target for target in request.snapshot.targets}
    impacts = {impact.route: impact for impact in request.snapshot.impacts}
    for change in request.routes:
        target = targets.get(change.route)
        lines = [
            _head(request, change),
            *_failure(change),
            *_ids(request, change),
            *_sends(change),
            *_seen(request, change),
            *_shown(request, target, impacts.get(change.route)),
        ]
        yield Part(tuple(lines), (target.description,) if target and target.description else ())


def _head(request: Request, change: RouteChange) -> str:
    moot = change.state is RouteState.QUEUED and not request.state.open
    state = "not sent" if moot else change.state.replace("_", " ")
    dest = literal(change.route.route_dest)
    return f"*{dest}* · {route_words(change.route)} · *{state}*"


def _failure(change: RouteChange) -> Iterator[str]:
    failure = change.failure
    if failure is not None:
        said = f"{failure.meaning} {failure.next_step}".strip()
        yield f"Code {code(failure.code)}: {prose(said)}"


def _ids(request: Request, change: RouteChange) -> Iterator[str]:
    """What a ticket with Alibaba Cloud wants to know."""
    if change.client_token:
        yield f"Client token {code(change.client_token)}"
    sent = [
        event.details.get("alibaba_request_id", "")
        for event in request.timeline
        if event.kind is EventKind.SENT and event.route == change.route
    ]
    failed = change.failure.alibaba_request_id if change.failure else ""
    known = dict.fromkeys(filter(None, [*sent, change.alibaba_request_id, failed]))
    if known:
        ids = ", ".join(f"{code(one)}" for one in known)
        yield f"Alibaba request{'s' if len(known) > 1 else ''} {ids}"


def _sends(change: RouteChange) -> Iterator[str]:
    said = []
    if change.first_sent_at:
        first, times = (
            ("Sent", "") if change.sends == 1 else ("First sent", f", {change.sends} times")
        )
        said.append(f"{first} {time(change.first_sent_at)}{times}")
    elif change.started_at:
        said.append(f"Begun {time(change.started_at)}, not sent")
    if change.waits:
        said.append(f"told to wait {_times(change.waits)}")
    if change.outcome_unknown:
        said.append("an answer was lost")
    if change.in_flight:
        said.append("no answer yet")
    if change.ended_at:
        said.append(f"ended {time(change.ended_at)}")
    if said:
        yield "; ".join(said)


def _seen(request: Request, change: RouteChange) -> Iterator[str]:
    """What the polls saw, and what that proves."""
    watch = change.watch
    if watch.polls:
        listed = {True: "route present", False: "route absent", None: "routes not read"}
        updating = "updating seen" if watch.updating_seen else "updating never seen"
        last = f"last {literal(watch.state)}, {listed[watch.present]}"
        row = f", so {watch.settled_reads} times in a row" if watch.settled_reads > 1 else ""
        yield f"Read {_times(watch.polls)}: {updating}; {last}{row}"
    if change.state.done:
        yield f"Proven: {proof(replace(request, routes=(change,)))}"
    elif change.state is RouteState.UNCONFIRMED:
        yield f":warning: Not proven that it was {words(request).done}, nor that it was not"


def _shown(request: Request, target: LiveRoute | None, impact: Impact | None) -> Iterator[str]:
    """What the approver was shown of it."""
    if target is not None:
        state = f", {literal(target.state)}" if target.state else ""
        yield f"Shown: {target.kind} route{state}"
    if impact is not None:
        yield from impact_lines(request, impact, _NAMED)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
