"""The receipt of a request: all that is recorded of it, for whoever has to answer for it. Pure.

It is made of parts, our own words and those of others apart. `receipt` lays them out for Slack,
`receipt_text` as plain text for a terminal.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from msgspec.structs import replace

from bot import lifecycle
from bot.models import (
    Decision,
    Event,
    EventKind,
    Impact,
    LiveRoute,
    Request,
    RequestState,
    RouteChange,
    RouteState,
    Tunnel,
    Verdict,
)
from bot.slack.messages.card import first_line
from bot.slack.messages.card_body import proof
from bot.slack.messages.impacts import impact_lines
from bot.slack.messages.labels import Symbol, verdict_word, words
from bot.slack.messages.mrkdwn import (
    BLOCKS_LIMIT,
    SECTION_LIMIT,
    Block,
    Message,
    as_plain,
    clock,
    code,
    context,
    cut,
    duration,
    header,
    length,
    literal,
    mention,
    named,
    plain,
    printable,
    prose,
    route_words,
    section,
    shares,
    whole_lines,
)
from bot.slack.messages.timeline import line
from bot.store import CardState, Stored


class Part(NamedTuple):
    """A paragraph: lines of our own mrkdwn, and others' words that belong to it."""

    lines: tuple[str, ...]
    quotes: tuple[str, ...] = ()


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


_AFTERWARDS = (
    *(EventKind.TROUBLE, EventKind.COUNTERSIGN_REMINDER),
    *(EventKind.DEGRADED, EventKind.RECOVERED, EventKind.MONITORED),
)
_MOST_AFTERWARDS = 5


def parts(stored: Stored, posted: CardState) -> list[Part]:
    """All that is recorded of a request, in the order in which one asks for it."""
    request = stored.request
    return [
        _about(request, posted),
        _decisions(request),
        _shown(request),
        *route_parts(request),
        *_afterwards(request),
        _audit(stored),
    ]


# --- what it is about ------------------------------------------------------------------


def _about(request: Request, posted: CardState) -> Part:
    where = f" in <#{request.channel}>" if request.channel[:1] in ("C", "G") else ""
    lines = [
        f"{code(request.id)} · *{request.state}*",
        f"Asked by {mention(request.requester)} {time(request.created_at)}{where}",
    ]
    if request.origin:
        lines.append(f"Undoes {code(request.origin)}")
    if request.state is RequestState.PENDING:
        lines.append(f"Expires {time(request.expires_at)}")
    elif request.ended_at:
        lines.append(f"Ended {time(request.ended_at)}")
    if request.state is RequestState.VOID:
        lines.append(f"Nothing was sent: {prose(request.why)}")
    if posted.link.startswith("http"):
        lines.append(f"<{posted.link}|Card and thread>")
    return Part(tuple(lines), (request.reason,) if request.reason else ())


# --- who decided, and by which rule --------------------------------------------------------


def _decisions(request: Request) -> Part:
    lines = ["*Decisions*", *map(_decision, request.decisions)]
    if request.state is RequestState.PENDING:
        missing = lifecycle.missing(request)
        lines.append(f"{missing} approval{'s are' if missing != 1 else ' is'} missing")
    if request.glass_broken and not request.countersigned:
        until = request.created_at + request.terms.countersign
        lines.append(f"{Symbol.LOOK} Not countersigned yet; due {time(until)}")
    lines.append(_terms(request))
    reasons = (d.reason for d in request.decisions if d.reason and d.reason != request.reason)
    return Part(tuple(lines), tuple(reasons))


def _decision(decision: Decision) -> str:
    if decision.verdict is Verdict.BROKE_GLASS:
        return f"{Symbol.LOOK} Break-glass: {mention(decision.by)} alone {time(decision.at)}"
    by = f" by {mention(decision.by)}" if decision.by else ""
    return f"{verdict_word(decision).capitalize()}{by} {time(decision.at)}"


def _terms(request: Request) -> str:
    """The rule that held when it was decided, and what it required."""
    terms = request.terms
    rule = f"Rule {code(terms.rule)}: " if terms.rule else "Required: "
    if request.glass_broken:
        within = duration(terms.countersign)
        return f"{rule}a countersignature of {named(terms.approvers.ids)} within {within}"
    approvals = "1 approval" if terms.approvals == 1 else f"{terms.approvals} approvals"
    said = [f"{rule}{approvals} of {named(terms.approvers.ids)}"]
    if terms.typed:
        said.append(f"each typing {code(terms.typed)}")
    if terms.self_approval:
        said.append("their own requests too")
    return ", ".join([*said, f"within {duration(terms.expiry)}"])


# --- what the approver saw ------------------------------------------------------------------


def _shown(request: Request) -> Part:
    connection = request.snapshot.connection
    # Where somebody went ahead alone it was shown to nobody.
    seen = "Before the change" if request.glass_broken else "Shown for approval"
    lines = [
        f"*{seen}*, as read {time(request.snapshot.taken_at)}",
        f"Connection {code(connection.vpn_connection_id)} {literal(connection.state)}",
        *map(_tunnel, connection.tunnels),
    ]
    if request.overlay_mode:
        lines.append(f"Overlay mode {code(request.overlay_mode)}")
    return Part(tuple(lines), (connection.name,) if connection.name else ())


def _tunnel(tunnel: Tunnel) -> str:
    bgp = f", BGP {literal(tunnel.bgp_status)}" if tunnel.bgp_status else ""
    return f"Tunnel {code(tunnel.id)} {literal(tunnel.status)}{bgp}"


# --- what followed, and how it is known ------------------------------------------------------


def _afterwards(request: Request) -> Iterator[Part]:
    """What was seen of the connection since, what needed attention; in the thread's words."""
    events = [e for e in request.timeline if e.kind in _AFTERWARDS]
    lines = [one for event in events if (one := _told(request, event))]
    if lines:
        yield Part(("*Also*", *lines[-_MOST_AFTERWARDS:]))


def _told(request: Request, event: Event) -> str:
    message = line(request, event)
    return f"{time(event.at)}: {message[0]}" if message else ""


def _audit(stored: Stored) -> Part:
    number, _, link = stored.audit.partition(" ")
    if not link:
        return Part(("No entry of the audit is noted with it.",))
    return Part((f"*Audit*: entry {number}, hash {code(link)}",))


_NAMED = 5
"""How many routes an enumeration names before it counts the rest."""


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
            *_shown_route(request, target, impacts.get(change.route)),
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
        yield proof(replace(request, routes=(change,)))
    elif change.state is RouteState.UNCONFIRMED:
        yield f"{Symbol.LOOK} Not proven that it was {words(request).done}, nor that it was not"


def _shown_route(
    request: Request, target: LiveRoute | None, impact: Impact | None
) -> Iterator[str]:
    """What was read of it, and what that means for traffic."""
    if target is not None:
        state = f", {literal(target.state)}" if target.state else ""
        yield f"Listed as: {target.kind} route{state}"
    if impact is not None:
        yield from impact_lines(request, impact, _NAMED)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
