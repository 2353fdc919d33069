"""Memory: which of the requests ever made are about a request, a CIDR block or a connection.

Pure. Each request is looked at by itself, but for the one that is asked about: so what is
remembered can be read page by page.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from ipaddress import ip_network
from typing import NamedTuple, TypeGuard

from bot.models import Network, Request, RouteChange
from bot.preview.impact import within


class Kinship(StrEnum):
    """How the block of a route relates to the block that is asked about."""

    SAME = "same"
    CONTAINS = "contains"
    WITHIN = "within"


class Kin(NamedTuple):
    """A route of a request, and how it relates to the block that is asked about."""

    change: RouteChange
    kinship: Kinship


class Found(NamedTuple):
    """A request that is remembered; of one found by a block, the routes that it was found by."""

    request: Request
    kin: tuple[Kin, ...] = ()


def is_request(about: str | None) -> TypeGuard[str]:
    """Whether it is a request that is asked about."""
    return about is not None and about.startswith("r-")


def find(requests: Iterable[Request], about: str | None) -> tuple[Found, ...]:
    """Those of `requests` that are about `about`, newest first; all of them for None.

    Of a request that is itself and what it rolls back, if they are among `requests`, and whatever
    asks to roll it back. Of a block every request with a route that is the same, contains it, or
    lies within it.
    """
    known = {request.id: request for request in requests}
    found = filter(None, map(_finder(about, known.get(about or "")), known.values()))
    return tuple(sorted(found, key=lambda one: one.request.created_at, reverse=True))


def kinship(route: Network, asked: Network) -> Kinship | None:
    """How a route's block relates to the one asked about; None for two that never meet."""
    if route == asked:
        return Kinship.SAME
    if within(asked, route):
        return Kinship.CONTAINS
    return Kinship.WITHIN if within(route, asked) else None


def _finder(about: str | None, asked: Request | None) -> Callable[[Request], Found | None]:
    if about is None:
        return Found
    if is_request(about):
        rolled_back = {asked.origin} - {""} if asked else set()
        return lambda r: Found(r) if about in (r.id, r.origin) or r.id in rolled_back else None
    if about.startswith("vco-"):
        return lambda r: Found(r) if r.vpn_connection_id == about else None
    block = ip_network(about, strict=False)
    return lambda r: _by_block(r, block)


def _by_block(request: Request, asked: Network) -> Found | None:
    kin = tuple(Kin(change, how) for change in request.routes if (how := _related(change, asked)))
    return Found(request, kin) if kin else None


def _related(change: RouteChange, asked: Network) -> Kinship | None:
    try:
        return kinship(change.route.network, asked)
    except ValueError:
        # Whatever the cloud once listed there, it was no block.
        return None
