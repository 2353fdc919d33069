"""CIDR blocks as people write them: in a policy, on a command line, to confirm."""

import re
from ipaddress import ip_address, ip_network

from bot.models import Network
from bot.policy.rules import ProtectedPrefix

_PREFIX = re.compile(r"(?P<block>\S+)(?:\s+ge\s+(?P<ge>\d{1,3}))?(?:\s+le\s+(?P<le>\d{1,3}))?")


def block(text: str) -> Network:
    """One CIDR block, exactly.

    Raises:
        ValueError: It is none, or an address within one.
    """
    address, _, length = text.partition("/")
    try:
        found = ip_network(text, strict=False)
        own = ip_address(address)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no CIDR block") from None
    if not length.isdecimal():
        raise ValueError(f"{text[:60]!r} has no prefix length; as a block it is {found}")
    if own != found.network_address:
        raise ValueError(f"{text[:60]!r} is an address within a block; the block is {found}")
    return found


def protected(text: str) -> ProtectedPrefix:
    """A block as in the prefix list of a router, with `ge` and `le` behind it or not.

    Raises:
        ValueError: It is none, or nothing could match it.
    """
    found = _PREFIX.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:60]!r} is no block with `ge` or `le` behind it")
    whole = block(found["block"])
    own = whole.prefixlen
    shortest = int(found["ge"] or own)
    longest = int(found["le"] or (whole.max_prefixlen if found["ge"] else own))
    if not own <= shortest <= longest <= whole.max_prefixlen:
        raise ValueError(f"{text[:60]!r} matches nothing, for not {own} <= ge <= le")
    return ProtectedPrefix(block=whole, shortest=shortest, longest=longest)


def same_block(typed: str, wanted: str) -> bool:
    """Whether what was typed is the block that had to be typed."""
    try:
        return ip_network(typed.strip()) == ip_network(wanted)
    except ValueError:
        return False
