"""Post-change monitoring: has the connection become worse since its routes were changed?

Its tunnels and BGP sessions are read every `INTERVAL` for as long as the terms say. What was up
before the change and is down now is recorded, and told in the thread.
"""

from collections.abc import Sequence

from bot.models import Connection, Event, EventKind, Request, Tunnel

INTERVAL = 30.0
"""Seconds between reads of a connection."""


def monitored(request: Request) -> bool:
    """Whether the connection is still to be read for this request's sake."""
    changed = any(r.state.done for r in request.routes) and not request.state.open
    return changed and request.terms.watch > 0 and not request.happened(EventKind.MONITORED)


def observe(request: Request, at: float, seen: Connection) -> Request:
    """Record what has become worse than before the change, or that all is well again."""
    worse = degraded(request.snapshot.connection.tunnels, seen.tunnels)
    before = _degraded_so_far(request)
    if worse and worse != before:
        return request.with_event(Event(kind=EventKind.DEGRADED, at=at, details={"what": worse}))
    if before and not worse:
        return request.with_event(Event(kind=EventKind.RECOVERED, at=at))
    return request


def end(request: Request, at: float) -> Request:
    """Record that the monitoring is over, and how it ended."""
    if not monitored(request):
        return request
    known = "yes" if request.snapshot.connection.tunnels else ""
    details = {"degraded": _degraded_so_far(request), "known": known}
    return request.with_event(Event(kind=EventKind.MONITORED, at=at, details=details))


def degraded(before: Sequence[Tunnel], now: Sequence[Tunnel]) -> str:
    """What was up before and is down now, in words; empty where nothing is worse."""
    was = {tunnel.id: tunnel for tunnel in before}
    words = []
    for tunnel in now:
        old = was.get(tunnel.id)
        if old is None:
            continue
        if old.up and tunnel.up is False:
            words.append(f"tunnel {tunnel.id} is down ({tunnel.status})")
        elif old.bgp_up and tunnel.bgp_up is False:
            words.append(f"BGP over tunnel {tunnel.id} is down ({tunnel.bgp_status})")
    return ", ".join(words)


def _degraded_so_far(request: Request) -> str:
    kinds = (EventKind.DEGRADED, EventKind.RECOVERED)
    latest = next((e for e in reversed(request.timeline) if e.kind in kinds), None)
    return latest.details.get("what", "") if latest else ""
