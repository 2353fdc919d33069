"""The receipt of a request: all that is recorded of it, for whoever has to answer for it. Pure.

It is made of parts, our own words and those of others apart, in the style of Slack or of a
terminal. `receipt` lays them out as a message, `receipt_text` as plain text.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from msgspec.structs import replace

from bot import lifecycle
from bot.models import (
    Decision,
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
from bot.slack.messages.card_body import proof
from bot.slack.messages.first_line import first_line
from bot.slack.messages.impacts import impact_lines
from bot.slack.messages.labels import Symbol, nothing, verdict_word, words
from bot.slack.messages.mrkdwn import (
    BLOCKS_LIMIT,
    SECTION_LIMIT,
    Block,
    Message,
    code,
    context,
    cut,
    duration,
    header,
    leads_somewhere,
    length,
    literal,
    mention,
    named,
    plain,
    printable,
    route_words,
    section,
    shares,
    some,
    some_are,
    whole_lines,
)
from bot.slack.messages.style import SLACK, TERMINAL, Style
from bot.slack.messages.timeline import since
from bot.store import CardState, Stored


class Part(NamedTuple):
    """A paragraph: our own lines, and others' words that belong to it."""

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
    everything = parts(SLACK, stored, posted)
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
    for part in parts(TERMINAL, stored, posted):
        lines += ["", *part.lines, *map("“{}”".format, part.quotes)]
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


_MOST_AFTERWARDS = 5


def parts(style: Style, stored: Stored, posted: CardState) -> list[Part]:
    """All that is recorded of a request, in the order in which one asks for it."""
    request = stored.request
    return [
        _about(style, request, posted),
        _decisions(style, request),
        _shown(style, request),
        *route_parts(style, request),
        *_afterwards(style, request),
        _audit(style, stored),
    ]


# --- what it is about ------------------------------------------------------------------


def _about(style: Style, request: Request, posted: CardState) -> Part:
    where = f" in {style.channel(request.channel)}" if request.channel[:1] in ("C", "G") else ""
    lines = [
        f"{style.code(request.id)} · {style.strong(request.state)}",
        f"Asked by {style.mention(request.requester)} {style.time(request.created_at)}{where}",
    ]
    if request.origin:
        lines.append(f"Undoes {style.code(request.origin)}")
    if request.state is RequestState.PENDING:
        lines.append(f"Expires {style.time(request.expires_at)}")
    elif request.ended_at:
        lines.append(f"Ended {style.time(request.ended_at)}")
    if request.state is RequestState.VOID:
        lines.append(f"{nothing(request)}: {style.prose(request.why)}")
    if leads_somewhere(posted.link):
        lines.append(style.link(posted.link, "Card and thread"))
    return Part(tuple(lines), (request.reason,) if request.reason else ())


# --- who decided, and by which rule --------------------------------------------------------


def _decisions(style: Style, request: Request) -> Part:
    lines = [style.strong("Decisions"), *(_decision(style, one) for one in request.decisions)]
    if request.state is RequestState.PENDING:
        lines.append(f"{some_are(lifecycle.missing(request), 'approval')} missing")
    if request.unsigned:
        until = request.created_at + request.terms.countersign
        lines.append(f"{Symbol.LOOK} Not countersigned yet; due {style.time(until)}")
    lines.append(_terms(style, request))
    reasons = (d.reason for d in request.decisions if d.reason and d.reason != request.reason)
    return Part(tuple(lines), tuple(reasons))


def _decision(style: Style, decision: Decision) -> str:
    if decision.verdict is Verdict.BROKE_GLASS:
        alone = f"{style.mention(decision.by)} alone {style.time(decision.at)}"
        return f"{Symbol.LOOK} Break-glass: {alone}"
    by = f" by {style.mention(decision.by)}" if decision.by else ""
    return f"{verdict_word(decision).capitalize()}{by} {style.time(decision.at)}"


def _terms(style: Style, request: Request) -> str:
    """The rule that held when it was decided, and what it required."""
    terms = request.terms
    rule = f"Rule {style.code(terms.rule)}: " if terms.rule else "Required: "
    approvers = named(terms.approvers.ids, style.mention)
    if request.glass_broken:
        return f"{rule}a countersignature of {approvers} within {duration(terms.countersign)}"
    said = [f"{rule}{some(terms.approvals, 'approval')} of {approvers}"]
    if terms.typed:
        said.append(f"each typing {style.code(terms.typed)}")
    if terms.self_approval:
        said.append("their own requests too")
    return ", ".join([*said, f"within {duration(terms.expiry)}"])


# --- what the approver saw ------------------------------------------------------------------


def _shown(style: Style, request: Request) -> Part:
    connection = request.snapshot.connection
    # Where somebody went ahead alone it was shown to nobody.
    seen = "Before the change" if request.glass_broken else "Shown for approval"
    lines = [
        f"{style.strong(seen)}, as read {style.time(request.snapshot.taken_at)}",
        f"Connection {style.code(connection.vpn_connection_id)} {style.literal(connection.state)}",
        *(_tunnel(style, one) for one in connection.tunnels),
    ]
    if request.overlay_mode:
        lines.append(f"Overlay mode {style.code(request.overlay_mode)}")
    return Part(tuple(lines), (connection.name,) if connection.name else ())


def _tunnel(style: Style, tunnel: Tunnel) -> str:
    bgp = f", BGP {style.literal(tunnel.bgp_status)}" if tunnel.bgp_status else ""
    return f"Tunnel {style.code(tunnel.id)} {style.literal(tunnel.status)}{bgp}"


# --- what followed, and how it is known ------------------------------------------------------


def _afterwards(style: Style, request: Request) -> Iterator[Part]:
    """What was seen of the connection since, what needed attention; in the thread's words."""
    told = ((event.at, since(request, event, style)) for event in request.timeline)
    lines = [f"{style.time(at)}: {said}" for at, said in told if said]
    if lines:
        yield Part((style.strong("Also"), *lines[-_MOST_AFTERWARDS:]))


def _audit(style: Style, stored: Stored) -> Part:
    number, _, link = stored.audit.partition(" ")
    if not link:
        return Part(("No entry of the audit is noted with it.",))
    return Part((f"{style.strong('Audit')}: entry {number}, hash {style.code(link)}",))


_NAMED = 5
"""How many routes an enumeration names before it counts the rest."""


def route_parts(style: Style, request: Request) -> Iterator[Part]:
    """A part for each route, with what matters most first: the end may be cut off."""
    targets = {target.route: target for target in request.snapshot.targets}
    impacts = {impact.route: impact for impact in request.snapshot.impacts}
    for change in request.routes:
        target = targets.get(change.route)
        lines = [
            _head(style, request, change),
            *_failure(style, change),
            *_ids(style, request, change),
            *_sends(style, change),
            *_seen(style, request, change),
            *_shown_route(style, request, target, impacts.get(change.route)),
        ]
        yield Part(tuple(lines), (target.description,) if target and target.description else ())


def _head(style: Style, request: Request, change: RouteChange) -> str:
    moot = change.state is RouteState.QUEUED and not request.state.open
    untouched = "not changed" if change.sends else "not sent"
    state = untouched if moot else change.state.replace("_", " ")
    dest = style.literal(change.route.route_dest)
    which = route_words(change.route, style.literal)
    return f"{style.strong(dest)} · {which} · {style.strong(state)}"


def _failure(style: Style, change: RouteChange) -> Iterator[str]:
    failure = change.failure
    if failure is not None:
        said = f"{failure.meaning} {failure.next_step}".strip()
        yield f"Code {style.code(failure.code)}: {style.prose(said)}"


def _ids(style: Style, request: Request, change: RouteChange) -> Iterator[str]:
    """What a ticket with Alibaba Cloud wants to know."""
    if change.client_token:
        yield f"Client token {style.code(change.client_token)}"
    sent = [
        event.details.get("alibaba_request_id", "")
        for event in request.timeline
        if event.kind is EventKind.SENT and event.route == change.route
    ]
    failed = change.failure.alibaba_request_id if change.failure else ""
    known = dict.fromkeys(filter(None, [*sent, change.alibaba_request_id, failed]))
    if known:
        ids = ", ".join(map(style.code, known))
        yield f"Alibaba request{'s' if len(known) > 1 else ''} {ids}"


def _sends(style: Style, change: RouteChange) -> Iterator[str]:
    said = []
    if change.first_sent_at:
        first, times = (
            ("Sent", "") if change.sends == 1 else ("First sent", f", {change.sends} times")
        )
        said.append(f"{first} {style.time(change.first_sent_at)}{times}")
    elif change.started_at:
        said.append(f"Begun {style.time(change.started_at)}, not sent")
    if change.waits:
        said.append(f"told to wait {_times(change.waits)}")
    if change.outcome_unknown:
        said.append("an answer was lost")
    if change.in_flight:
        said.append("no answer yet")
    if change.ended_at:
        said.append(f"ended {style.time(change.ended_at)}")
    if said:
        yield "; ".join(said)


def _seen(style: Style, request: Request, change: RouteChange) -> Iterator[str]:
    """What the polls saw, and what that proves."""
    watch = change.watch
    if watch.polls:
        listed = {True: "route present", False: "route absent", None: "routes not read"}
        updating = "updating seen" if watch.updating_seen else "updating never seen"
        last = f"last {style.literal(watch.state)}, {listed[watch.present]}"
        row = f", so {watch.settled_reads} times in a row" if watch.settled_reads > 1 else ""
        yield f"Read {_times(watch.polls)}: {updating}; {last}{row}"
    if change.state.done:
        yield proof(replace(request, routes=(change,)))
    elif change.state is RouteState.UNCONFIRMED:
        yield f"{Symbol.LOOK} Not proven that it was {words(request).done}, nor that it was not"


def _shown_route(
    style: Style, request: Request, target: LiveRoute | None, impact: Impact | None
) -> Iterator[str]:
    """What was read of it, and what that means for traffic."""
    if target is not None:
        state = f", {style.literal(target.state)}" if target.state else ""
        yield f"Listed as: {target.kind} route{state}"
    if impact is not None:
        yield from impact_lines(request, impact, _NAMED, style)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
