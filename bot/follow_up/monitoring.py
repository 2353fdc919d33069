"""Post-change monitoring: has the connection become worse since its routes were changed?

Its tunnels and BGP sessions are read every `INTERVAL` for as long as the terms say. What was up
before the change and is down now is recorded, shown on the card, and told in the thread.
"""

from collections.abc import Sequence
from typing import NamedTuple

from bot.models import Connection, Event, EventKind, Request, Tunnel

INTERVAL = 30.0
"""Seconds between reads of a connection."""


class Fallen(NamedTuple):
    """What was up before and is down now, in words, and how many of each there are."""

    what: str
    tunnels: int
    sessions: int


def monitored(request: Request) -> bool:
    """Whether the connection is still to be read for this request's sake."""
    return request.monitored_until is not None


def observe(request: Request, at: float, seen: Connection) -> Request:
    """Record what has become worse than before the change, or that all is well again."""
    now = fallen(request.snapshot.connection.tunnels, seen.tunnels)
    before = _worse_so_far(request)
    if now.what and now.what != before:
        details = {"what": now.what, "tunnels": str(now.tunnels), "sessions": str(now.sessions)}
        if request.happened(EventKind.DEGRADED):
            details["again"] = "yes"
        return request.with_event(Event(kind=EventKind.DEGRADED, at=at, details=details))
    if before and not now.what:
        return request.with_event(Event(kind=EventKind.RECOVERED, at=at))
    return request


def end(request: Request, at: float, *, unread: bool = False) -> Request:
    """Record that the monitoring is over, and how it ended; `unread`: the last read failed."""
    if not monitored(request):
        return request
    known = "yes" if request.snapshot.connection.tunnels else ""
    details = {"degraded": _worse_so_far(request), "known": known}
    if unread:
        details["unread"] = "yes"
    return request.with_event(Event(kind=EventKind.MONITORED, at=at, details=details))


def fallen(before: Sequence[Tunnel], now: Sequence[Tunnel]) -> Fallen:
    """What was up before and is down now; empty words where nothing is worse."""
    was = {tunnel.id: tunnel for tunnel in before}
    words, tunnels = [], 0
    for tunnel in now:
        old = was.get(tunnel.id)
        if old is None:
            continue
        if old.up and tunnel.up is False:
            words.append(f"tunnel {tunnel.id} is down ({tunnel.status})")
            tunnels += 1
        elif old.bgp_up and tunnel.bgp_up is False:
            words.append(f"BGP over tunnel {tunnel.id} is down ({tunnel.bgp_status})")
    return Fallen(", ".join(words), tunnels, len(words) - tunnels)


def _worse_so_far(request: Request) -> str:
    return request.degraded[-1].details.get("what", "") if request.degraded else ""
