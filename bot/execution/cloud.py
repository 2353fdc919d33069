"""What execution needs of the VPC API, and how long things may take."""

from typing import Protocol

from bot.models import Connection, Request, RouteList, Value, VcoRoute


class ConnectionReads(Protocol):
    """The part of the VPC API that is read. Every call raises `AlibabaError`."""

    async def connection(self, region: str, vpn_connection_id: str) -> Connection:
        """Read one connection."""
        ...

    async def connections(self, region: str) -> tuple[Connection, ...]:
        """Read all connections of a region, or fail; never a part of them."""
        ...

    async def routes(self, region: str, vpn_connection_id: str, *, bgp: bool = True) -> RouteList:
        """Read all routes of a connection, or fail; a part may miss of those from BGP alone."""
        ...


class Cloud(ConnectionReads, Protocol):
    """The part of the VPC API that is read and changed. Every call raises `AlibabaError`."""

    async def delete_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        """Ask for the deletion; returns Alibaba's request id."""
        ...

    async def create_route(
        self, region: str, route: VcoRoute, *, client_token: str, overlay_mode: str | None
    ) -> str:
        """Ask for the creation; returns Alibaba's request id."""
        ...


class ChangeQuota(Protocol):
    """The quota of changes."""

    async def reserve(self, request: Request) -> float:
        """Reserve a request's next change; 0, or the seconds until its time."""
        ...


class Limits(Value, frozen=True):
    """How long things may take, in seconds.

    `operation`: until a route that is not proven gone is `unconfirmed`; `token_window`: how
    long after the first send the same token may be sent again.
    """

    operation: float = 600.0
    token_window: float = 600.0
