"""Can the bot reach Alibaba Cloud, does it believe the bot, and what does RAM let the bot do?

RAM has no question "may I?". So each action is tried in a way that changes nothing: reads are
made, and changes name a connection that is not there and a block for documentation alone.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, auto
from uuid import uuid4

from bot.alibaba.client import HOME_REGION, VpcClient
from bot.alibaba.credentials import Credentials, Provider
from bot.cli.checks.finding import Finding, failure, ok, warning
from bot.errors import AlibabaError, AlreadyGone, AlreadyThere, PermissionDenied
from bot.execution.rate_limit import Left
from bot.models import Connection, VcoRoute

NOBODY = "vco-doctor0000000000000000"
"""A connection that is not there."""

_ROUTE = VcoRoute(vpn_connection_id=NOBODY, route_dest="192.0.2.0/24", next_hop=NOBODY, weight=0)

_SKEW, _REFUSED_SKEW = 60.0, 900.0
"""Seconds: from the first on commands are late for somebody, from the second calls are refused."""

_ALLOW = "add {action} to the policy of the bot's RAM role or user, as in the README"


class Shown(Enum):
    """What a try showed of an action."""

    ALLOWED = auto()
    DENIED = auto()
    NOTHING = auto()


async def credentials(provider: Provider) -> tuple[Finding, bool]:
    """Where the credentials come from, and whether there are any."""
    try:
        found = await provider.credentials()
    except AlibabaError as error:
        return failure("alibaba credentials", error.meaning or error.code, error.next_step), False
    return ok("alibaba credentials", provided(found)), True


def provided(found: Credentials) -> str:
    """The part of the chain, and the kind of key; nothing of the key."""
    kind = "temporary" if found.security_token else "a long-lived access key"
    return f"{kind}, from {found.source or 'a provider that does not say'}"


def clock(check: str, ahead: float | None) -> Finding:
    """Whether our clock agrees with another one; `ahead` is in seconds."""
    if ahead is None:
        return ok(check, "not told: no time in the answer")
    way = "ahead" if ahead > 0 else "behind"
    found = f"this host is {abs(ahead):.0f} s {way}"
    if abs(ahead) >= _REFUSED_SKEW:
        return failure(check, f"{found}: every call is refused", "set the clock (NTP)")
    if abs(ahead) >= _SKEW:
        return failure(check, f"{found}: what people say counts as late", "set the clock (NTP)")
    return ok(check, f"{abs(ahead):.0f} s apart")


async def regions(vpc: VpcClient) -> tuple[Finding, Sequence[str] | None]:
    """Whether the endpoint answers and believes our signature; which regions there are.

    None: that is not told, and nothing else is wrong.
    """
    try:
        found = await vpc.regions()
    except PermissionDenied:
        action = "vpc:DescribeRegions"
        said = "denied: names are looked for in the regions of the settings alone"
        mend = f"leave it so, or {_ALLOW.format(action=action)}"
        return warning(f"permission {action}", said, mend), None
    except AlibabaError as error:
        said = f"{error.code}: {error.meaning}".strip()
        return failure("alibaba endpoint", said, error.next_step), ()
    return ok("alibaba endpoint", f"answers, {len(found)} regions"), found


async def region(
    vpc: VpcClient, name: str, known: Sequence[str] | None
) -> tuple[Finding, Sequence[Connection]]:
    """Whether a region that is used is there and can be reached, and its connections."""
    check = f"alibaba region {name}"
    if known is not None and name not in known:
        mend = "look at ALIBABA_CLOUD_REGION_ID, VCO_REGIONS, and `regions` in the policy"
        return failure(check, "there is no such region", mend), ()
    try:
        found = await vpc.connections(name)
    except PermissionDenied:
        return ok(check, "reached; its connections can't be listed, see the permission"), ()
    except AlibabaError as error:
        return failure(check, f"{error.code}: {error.meaning}".strip(), error.next_step), ()
    return ok(check, f"reached, {len(found)} IPsec-VPN connections"), found


async def permissions(
    vpc: VpcClient, name: str, connections: Sequence[Connection]
) -> list[Finding]:
    """Each RAM action, as far as a read or a refusal that changes nothing shows it."""
    real = connections[0].vpn_connection_id if connections else NOBODY
    delete, create = str(uuid4()), str(uuid4())
    tries: Mapping[str, Callable[[], Awaitable[object]]] = {
        "vpc:DescribeVpnConnections": lambda: vpc.connections(name),
        "vpc:DescribeVpnConnection": lambda: vpc.connection(name, real),
        "vpc:DescribeVcoRouteEntries": lambda: vpc.routes(name, real, bgp=False),
        "vpc:DeleteVcoRouteEntry": lambda: vpc.delete_route(name, _ROUTE, client_token=delete),
        "vpc:CreateVcoRouteEntry": lambda: vpc.create_route(name, _ROUTE, client_token=create),
    }
    shown = {action: await tried(attempt()) for action, attempt in tries.items()}
    # A policy that names single connections refuses what is about any other one.
    narrow = Shown.NOTHING
    if Shown.DENIED in shown.values():
        narrow = await tried(vpc.connection(name, NOBODY))
    everything = narrow is not Shown.DENIED
    return [permission(action, found, everything=everything) for action, found in shown.items()]


def permission(action: str, shown: Shown, *, everything: bool) -> Finding:
    """What a try of an action means; `everything`: RAM allows reads of any connection."""
    check = f"permission {action}"
    if shown is Shown.ALLOWED:
        return ok(check, "allowed")
    if shown is Shown.NOTHING:
        return ok(check, "not told: its refusal or failure shows nothing")
    mend = _ALLOW.format(action=action)
    changes = action in ("vpc:DeleteVcoRouteEntry", "vpc:CreateVcoRouteEntry")
    if changes and not everything:
        return ok(check, "not told: RAM allows single connections alone, which are left in peace")
    if action == "vpc:CreateVcoRouteEntry":
        return warning(check, "denied: nothing can be restored", f"leave it so, or {mend}")
    if action == "vpc:DescribeVpnConnections":
        return warning(check, "denied: the form has no choices", f"leave it so, or {mend}")
    return failure(check, "denied", mend)


async def tried(attempt: Awaitable[object]) -> Shown:
    """What the answer to a call says about the right to make it."""
    try:
        await attempt
    except PermissionDenied:
        return Shown.DENIED
    except (AlreadyGone, AlreadyThere):
        return Shown.ALLOWED
    except AlibabaError as error:
        # RAM is asked before it is looked whether something is there.
        return Shown.ALLOWED if error.code.endswith(".NotFound") else Shown.NOTHING
    return Shown.ALLOWED


def quota(action: str, name: str, left: Left) -> Finding:
    """How much of a quota is left in a region, by what all replicas have used."""
    check = f"quota {action} in {name}"
    if left.paused > 0:
        found = f"Alibaba Cloud takes no more of these for {left.paused:.0f} s"
        mend = "it goes on by itself; if it stays so, look who else uses the account"
        return warning(check, found, mend)
    found = f"{left.calls} of {left.of} left"
    if left.calls <= 0:
        return warning(check, found, "it goes on by itself within a minute")
    return ok(check, found)


def used_regions(default: str | None, named: Sequence[str]) -> list[str]:
    """The regions that settings and policy name, or the one that answers for all."""
    return sorted({*named, *((default,) if default else ())}) or [HOME_REGION]
