"""The tunnels of the local cloud's connections: up, down, and how they hang on a route."""

from math import inf
from typing import Final

import msgspec

IPSEC: Final = {True: "ipsec_sa_established", False: "ike_sa_not_established"}
BGP: Final = {True: "success", False: "false"}
BGP_ALONE: Final = {True: "success", False: "failed"}
"""The vendor's words for up and down; of BGP another one where a single connection is read."""


class TunnelRecord(msgspec.Struct):
    """A tunnel, and the BGP session that runs over it."""

    id: str
    up: bool = True
    session: bool = True

    @property
    def bgp_up(self) -> bool:
        """Whether BGP works: not without the tunnel."""
        return self.up and self.session

    def turn(self, *, up: bool) -> None:
        """Take it down or bring it up, with its BGP session."""
        self.up = self.session = up


class Lifeline(msgspec.Struct):
    """The route that the tunnels of a connection cannot live without, as in a bad design.

    `seconds` after it is gone they go down, and `seconds` after it is back they come up.
    """

    route_dest: str
    seconds: float
    there: bool = True
    turns_at: float = inf

    def follow(self, tunnels: list[TunnelRecord], at: float, now: float, *, there: bool) -> None:
        """The route is there or not, since `at`; do to the tunnels what is due by now."""
        if there != self.there:
            self.there, self.turns_at = there, at + self.seconds
        if self.turns_at <= now:
            self.turns_at = inf
            for tunnel in tunnels:
                tunnel.turn(up=there)


def new_tunnels(vpn_connection_id: str, count: int) -> list[TunnelRecord]:
    """So many tunnels, all up; the first is named after its connection."""
    name = vpn_connection_id.removeprefix("vco-")
    more = [TunnelRecord(f"tun-{number}-{name}") for number in range(2, count + 1)]
    return [TunnelRecord(f"tun-{name}"), *more]
