"""Keep every call to the VPC API inside the vendor's quotas, over all replicas.

Wraps the client: before a call it takes its share of the region's quota from the store. Where
none is left it says so as the vendor would, without asking them: `Throttled`, with the time to
wait. Background work leaves half of every quota to people who wait for an answer.
"""

from typing import NamedTuple

from bot.alibaba.paging import PAGE_SIZE
from bot.errors import Throttled
from bot.execution import Cloud
from bot.models import Connection, LiveRoute, Operation, VcoRoute
from bot.store import Pace


class Quota(NamedTuple):
    """So many calls a minute, of which `burst` may come at once."""

    action: str
    per_minute: int
    burst: int


# The vendor's page names 60 deletes and 600 of each read in 60 s, for an account, a region and
# a call (reference: Quotas). Others use the account too, so a tenth is left to them.
DELETE = Quota("DeleteVcoRouteEntry", 54, 18)
# Of creations no quota is known: they are treated as if it were that of deletions.
CREATE = Quota("CreateVcoRouteEntry", 54, 18)
CONNECTION = Quota("DescribeVpnConnection", 540, 180)
CONNECTIONS = Quota("DescribeVpnConnections", 540, 180)
ROUTES = Quota("DescribeVcoRouteEntries", 540, 180)

_LISTS = 2
"""Reading the routes of a connection takes a call for custom routes and one for BGP's."""


class PacedCloud:
    """The VPC API, called no faster than it may be."""

    def __init__(self, cloud: Cloud, pace: Pace, *, background: bool = False) -> None:
        """`background`: leave half of every quota to others."""
        self._cloud = cloud
        self._pace = pace
        self._part = 2 if background else 1
        self._pages: dict[str, int] = {}

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        """Read one connection."""
        await self._take(region, CONNECTION)
        return await self._cloud.connection(region, vpn_connection_id)

    async def connections(self, region: str) -> tuple[Connection, ...]:
        """Read all connections of a region; takes as many calls as it took the last time."""
        await self._take(region, CONNECTIONS, self._pages.get(region, 1))
        found = await self._cloud.connections(region)
        self._pages[region] = len(found) // PAGE_SIZE + 1
        return found

    async def routes(self, region: str, vpn_connection_id: str) -> tuple[LiveRoute, ...]:
        """Read all routes of a connection."""
        await self._take(region, ROUTES, _LISTS)
        return await self._cloud.routes(region, vpn_connection_id)

    async def admit(self, region: str, operation: Operation) -> None:
        """Take a place in the quota of these changes, before a send is even stored."""
        await self._take(region, DELETE if operation is Operation.DELETE else CREATE)

    async def delete_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        """Ask for the deletion of a route that was admitted; returns Alibaba's request id."""
        return await self._cloud.delete_route(
            region, route, client_token=client_token, overlay_mode=overlay_mode
        )

    async def create_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        """Ask for the creation of a route that was admitted; returns Alibaba's request id."""
        return await self._cloud.create_route(
            region, route, client_token=client_token, overlay_mode=overlay_mode
        )

    async def _take(self, region: str, quota: Quota, calls: int = 1) -> None:
        burst = quota.burst // self._part
        wait = await self._pace.take(
            region,
            quota.action,
            calls=min(calls, burst),  # more could never come at once
            every=60.0 / (quota.per_minute - quota.burst),
            burst=burst,
        )
        if wait > 0:
            raise Throttled(
                "Quota",
                meaning=f"{quota.action} has been called as often as is allowed in {region}.",
                next_step=f"Try again in {wait:.0f} s.",
                retry_after=wait,
            )
