"""What a policy names and the cloud does not have: a typo there is found before the incident.

Each warning names the line of its rule. Nothing is refused for it: a connection may be made
tomorrow.
"""

from collections.abc import Mapping
from fnmatch import filter as glob_filter

from bot.alibaba.client import VpcClient
from bot.errors import AlibabaError
from bot.policy import Policy, Rule

Found = Mapping[str, frozenset[str]]
"""Region → the ids of its connections; one that could not be read is missing."""


async def unmatched(policy: Policy, vpc: VpcClient, default_region: str | None) -> list[str]:
    """Regions and connections that are named and not there.

    Looked at are the regions that the rules name, and the default one.
    """
    if not any(rule.connections or rule.regions for rule in policy.rules):
        return []
    try:
        known = await vpc.regions()
    except AlibabaError as error:
        return [f"the regions can't be read ({error.code}): connections were not looked for"]
    named = {r for rule in policy.rules for r in _regions(rule, known)}
    looked_at = sorted(named | ({default_region} if default_region else set()))
    lines = []
    found: dict[str, frozenset[str]] = {}
    for region in looked_at:
        try:
            found[region] = await _connections(vpc, region)
        except AlibabaError as error:
            lines.append(f"the connections of {region} can't be read: {error}")
    for rule in policy.rules:
        where = f'{policy.where(rule)}: rule "{rule.name}"'
        lines += [f"{where}: {words}" for words in _missing(rule, known, looked_at, found)]
    return lines


def _missing(rule: Rule, known: tuple[str, ...], looked_at: list[str], found: Found) -> list[str]:
    """What of this rule matches nothing."""
    words = [f"there is no region {p}" for p in rule.regions if not glob_filter(known, p)]
    regions = _regions(rule, known) if rule.regions else looked_at
    if not rule.connections or not all(region in found for region in regions):
        return words  # what could not be read is told elsewhere
    there = {connection for region in regions for connection in found[region]}
    where = ", ".join(regions) or "any region (name one, or set ALIBABA_CLOUD_REGION_ID)"
    return words + [
        f"{pattern} matches no connection in {where}"
        for pattern in rule.connections
        if not glob_filter(there, pattern)
    ]


def _regions(rule: Rule, known: tuple[str, ...]) -> list[str]:
    return sorted({region for p in rule.regions for region in glob_filter(known, p)})


async def _connections(vpc: VpcClient, region: str) -> frozenset[str]:
    return frozenset(c.vpn_connection_id for c in await vpc.connections(region))
