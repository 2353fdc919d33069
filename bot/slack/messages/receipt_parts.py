"""What a receipt says beside its routes: who asked, decided, by which rule, what they saw. Pure."""

from collections.abc import Iterator

from bot import lifecycle
from bot.models import Decision, Event, EventKind, Request, RequestState, Tunnel, Verdict
from bot.slack.messages.receipt_routes import Part, route_parts, time
from bot.slack.messages.texts import code, duration, literal, mention, named, prose
from bot.slack.messages.timeline import line
from bot.store import CardState, Stored

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
        lines.append(f":warning: Not countersigned yet; due {time(until)}")
    lines.append(_terms(request))
    reasons = (d.reason for d in request.decisions if d.reason and d.reason != request.reason)
    return Part(tuple(lines), tuple(reasons))


def _decision(decision: Decision) -> str:
    if decision.verdict is Verdict.BROKE_GLASS:
        return f":rotating_light: Break-glass: {mention(decision.by)} alone {time(decision.at)}"
    by = f" by {mention(decision.by)}" if decision.by else ""
    return f"{decision.verdict.capitalize()}{by} {time(decision.at)}"


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
    lines = [
        f"*Shown for approval*, as read {time(request.snapshot.taken_at)}",
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
