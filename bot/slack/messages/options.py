"""What the searches of a form offer: regions, connections, routes. Pure.

Where nothing could be looked up, an option leads to typing. It is chosen like any other: a form
that is edited while somebody searches in it confuses Slack's clients.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from bot.command.values import connection_id, region_id
from bot.models import Connection, LiveRoute, Network, RouteKind
from bot.preview.impact import within
from bot.preview.resolve import obstacle
from bot.slack.forms.checks import sound
from bot.slack.forms.fields import TYPING, VALUE_LIMIT, route_value
from bot.slack.forms.lookup import ConnectionRoutes, Unavailable
from bot.slack.messages.texts import Block, cut, visible

MOST_OPTIONS = 100
"""How many options a select takes, static or searched (Slack, Block Kit reference)."""

_TEXT_LIMIT = 75
"""Characters of an option's text and of its description (the same)."""


def option(text: str, value: str, description: str = "") -> Block:
    """One option; its text is never interpreted, whoever has named what it stands for."""
    about = {"description": _plain(description)} if description else {}
    return {"text": _plain(text), "value": value, **about}


def region_options(known: Sequence[str] | Unavailable, typed: str) -> list[Block]:
    """The regions whose id contains what was typed."""
    word = typed.strip().casefold()
    if isinstance(known, Unavailable):
        as_typed = sound(region_id, typed)
        return [*([option(as_typed, as_typed)] if as_typed else []), _type_instead(known, typed)]
    return [option(one, one) for one in sorted(known) if word in one][:MOST_OPTIONS]


def connection_option(connection: Connection) -> Block:
    """A connection by the name that people know it by, its id, its state."""
    ids = f"{connection.vpn_connection_id} · {connection.state}"
    name = " ".join(connection.name.split())
    room = _TEXT_LIMIT - len(ids) - len(" · ")
    text = f"{cut(name, room)} · {ids}" if name and room > 0 else ids
    return option(text, connection.vpn_connection_id)


def connection_options(found: Sequence[Connection] | Unavailable, typed: str) -> list[Block]:
    """The connections whose name or id contains what was typed, those without routes of ours last.

    A whole id can be chosen also where no list could be had.
    """
    word = typed.strip().casefold()
    if isinstance(found, Unavailable):
        as_typed = sound(connection_id, typed)
        whole = [option(f"{as_typed} · as typed", as_typed)] if as_typed else []
        return [*whole, _type_instead(found, typed)]
    fits = [c for c in found if word in c.name.casefold() or word in c.vpn_connection_id.casefold()]
    fits.sort(key=lambda c: (bool(obstacle(c)), c.name.casefold(), c.vpn_connection_id))
    return [connection_option(one) for one in fits[:MOST_OPTIONS]]


def deletable(routes: Iterable[LiveRoute]) -> list[LiveRoute]:
    """The routes that a form can offer: custom ones, each once, in the vendor's order."""
    custom = {r.route: r for r in routes if r.kind is RouteKind.CUSTOM}
    known = (r for r in custom.values() if r.route.weight_known)
    return [r for r in known if len(route_value(r.route)) <= VALUE_LIMIT]


def route_option(live: LiveRoute) -> Block:
    """A route as an option; its next hop is named where it is not the connection itself."""
    route = live.route
    hop = "" if route.next_hop == route.vpn_connection_id else f"next hop {route.next_hop}"
    return option(f"{route.route_dest} · weight {route.weight}", route_value(route), hop)


def route_options(found: ConnectionRoutes | Unavailable, typed: str) -> list[Block]:
    """The routes that have what was typed in their text; of an address, those that cover it."""
    if isinstance(found, Unavailable):
        return [_type_instead(found, typed)]
    word, block = typed.strip().casefold(), _block(typed)
    return [
        route_option(live)
        for live in deletable(found.routes)
        if word in f"{live.route.route_dest} · weight {live.route.weight}".casefold()
        or (block is not None and _covers(live, block))
    ][:MOST_OPTIONS]


def _type_instead(nothing: Unavailable, typed: str) -> Block:
    return option(f"Type it instead · {nothing.why}", f"{TYPING}{typed.strip()}"[:VALUE_LIMIT])


def _block(typed: str) -> Network | None:
    try:
        return ip_network(typed.strip(), strict=False)
    except ValueError:
        return None


def _covers(live: LiveRoute, block: Network) -> bool:
    try:
        return within(block, live.route.network)
    except ValueError:
        # Whatever the cloud lists there, it is no block.
        return False


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": cut(visible(text), _TEXT_LIMIT), "emoji": False}
