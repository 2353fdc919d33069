"""The sandbox's world: a few connections in two regions, each with a story of its own."""

from typing import Final

from bot.models import RouteKind
from bot.sandbox.vpc.faults import CHANGES, Fault, FaultKind
from bot.sandbox.vpc.local import LocalVpc
from bot.sandbox.vpc.world import Pace

ACCESS_KEY_ID: Final = "LTAI5tLocalSandboxKey"
ACCESS_KEY_SECRET: Final = "local-sandbox-secret-of-no-value"  # noqa: S105 - opens nothing

HANGZHOU: Final = "cn-hangzhou"
SINGAPORE: Final = "ap-southeast-1"

ORDINARY: Final = "vco-p0w5112fgnl2ihlmf7k3qd"
"""Overlapping routes and a BGP route: deletions with an interesting impact."""
TWINS: Final = "vco-p0wb8x41tzq6rj0nyu2ca9"
"""The same destination twice, weights 100 and 0: the bot has to ask which."""
SLOW: Final = "vco-t4n9kq27hsd03vmpxe1yzr"
"""Its tasks take 25 seconds."""
BUSY: Final = "vco-p0wm3e85lro1fzq7h9dvtb"
"""Answers TaskConflict for 20 seconds after the first attempt to change it."""
FRAGILE: Final = "vco-p0w6tq2ch9zkx4vmy8r1fe"
"""Its tunnel goes down some seconds after one of its routes goes, and comes back with it."""
BACKBONE: Final = "vco-p0wk7x0ejs3vq9d5mhn2tg"
"""A wide route, for which the sandbox's policy asks for more, and a default route it protects."""
LOCKED: Final = "vco-t4nz60cjw8ya2gxbkq5lsu"
"""Overdue payments: every change is refused for good."""
UNATTACHED: Final = "vco-p0w0sj7n2vdc9pkx4gbe6m"
"""Belongs to no transit router: it takes no changes."""
LAST_ROUTE: Final = "vco-t4n1fu5ebz8qwm3ch6oyxk"
"""One single route: deleting it leaves the connection without any."""

SHADOWED_DEST: Final = "192.168.10.0/24"
WIDE_DEST: Final = "192.168.0.0/16"
LONE_DEST: Final = "10.20.0.0/16"
BGP_DEST: Final = "172.16.0.0/16"
TWIN_DEST: Final = "10.8.0.0/16"
SLOW_TASK_SECONDS: Final = 25.0
BUSY_SECONDS: Final = 20.0
BACKBONE_DEST: Final = "10.128.0.0/9"
DEFAULT_DEST: Final = "0.0.0.0/0"
LIFELINE_DEST: Final = "10.60.0.0/16"
LIFELINE_SECONDS: Final = 5.0


def seed(vpc: LocalVpc) -> None:
    """Fills an empty local VPC API with the sandbox's world."""
    _hangzhou(vpc)
    _singapore(vpc)
    vpc.faults.add(
        Fault(
            kind=FaultKind.BUSY,
            action=CHANGES,
            connection=BUSY,
            times=None,
            seconds=BUSY_SECONDS,
        )
    )


def _hangzhou(vpc: LocalVpc) -> None:
    vpc.add_connection(
        ORDINARY,
        region=HANGZHOU,
        name="office-shanghai",
        note="overlapping routes, one by BGP",
        tunnels=2,
    )
    vpc.add_route(ORDINARY, WIDE_DEST, 100)
    vpc.add_route(ORDINARY, WIDE_DEST, 0)
    vpc.add_route(ORDINARY, SHADOWED_DEST, 100)
    vpc.add_route(ORDINARY, LONE_DEST, 100)
    vpc.add_route(ORDINARY, BGP_DEST, 100, kind=RouteKind.BGP)

    vpc.add_connection(TWINS, region=HANGZHOU, name="dc-beijing", note="one block twice")
    vpc.add_route(TWINS, TWIN_DEST, 100)
    vpc.add_route(TWINS, TWIN_DEST, 0)
    vpc.add_route(TWINS, "10.8.4.0/22", 100)

    vpc.add_connection(BUSY, region=HANGZHOU, name="branch-wuhan", note="busy for a while")
    vpc.add_route(BUSY, "192.168.40.0/24", 100)
    vpc.add_route(BUSY, "192.168.41.0/24", 100)

    vpc.add_connection(
        FRAGILE,
        region=HANGZHOU,
        name="plant-suzhou",
        note=f"its tunnel goes down soon after {LIFELINE_DEST}",
    )
    lifeline = vpc.add_route(FRAGILE, LIFELINE_DEST, 100)
    vpc.add_route(FRAGILE, "192.168.60.0/24", 100)
    vpc.hang_tunnels(FRAGILE, lifeline, LIFELINE_SECONDS)

    vpc.add_connection(
        BACKBONE,
        region=HANGZHOU,
        name="backbone-chengdu",
        note="a wide route, and one that is protected",
        tunnels=2,
    )
    vpc.add_route(BACKBONE, DEFAULT_DEST, 100)
    vpc.add_route(BACKBONE, BACKBONE_DEST, 100)
    vpc.add_route(BACKBONE, "10.128.40.0/24", 100)

    vpc.add_connection(
        UNATTACHED,
        region=HANGZHOU,
        name="lab-spare",
        state="detached",
        attach_type="NO_ASSOCIATED",
        note="attached to nothing",
        tunnels=0,
    )
    vpc.add_route(UNATTACHED, "10.99.0.0/16", 100)


def _singapore(vpc: LocalVpc) -> None:
    slow = Pace(delay=1.0, seconds=SLOW_TASK_SECONDS)
    vpc.add_connection(SLOW, region=SINGAPORE, name="dc-jakarta", note="slow", pace=slow)
    vpc.add_route(SLOW, "10.30.0.0/16", 100)
    vpc.add_route(SLOW, "10.30.8.0/24", 100)

    vpc.add_connection(
        LOCKED,
        region=SINGAPORE,
        name="partner-manila",
        note="overdue payments: every change fails",
    )
    vpc.add_route(LOCKED, "172.20.0.0/16", 100)
    vpc.faults.add(
        Fault(
            kind=FaultKind.ERROR,
            action=CHANGES,
            connection=LOCKED,
            code="VpnConnection.FinancialLocked",
            times=None,
        )
    )

    vpc.add_connection(LAST_ROUTE, region=SINGAPORE, name="kiosk-penang", note="one last route")
    vpc.add_route(LAST_ROUTE, "192.168.77.0/24", 100)
