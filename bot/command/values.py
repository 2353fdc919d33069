"""One word → one value, as canonical text, or `InvalidValue` with what was probably meant."""

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from bot.command.errors import InvalidValue, short
from bot.command.text import fold

_ID = re.compile(r"[A-Za-z]{2,12}-[A-Za-z0-9]{1,64}")
_CONNECTION = re.compile(r"[Vv][Cc][Oo]-[A-Za-z0-9]{1,64}")
_REQUEST = re.compile(r"[Rr]-[A-Za-z0-9]{8,16}")
# "rus-west-1" has three letters in front; ids of things do too.
_REGION = re.compile(r"(?!vco-|vpn-)[a-z]{2,3}(-[a-z0-9]{1,16}){1,4}")
_ZONE = re.compile(
    r"(?P<region>[a-z]{2,3}(?:-[a-z0-9]+)*?-(?:[a-z]{2,}|[0-9]+))(?:-|(?<=[0-9]))[a-z]"
)
_ADDRESS = re.compile(r"(?:https?://)?(?P<cidr>[0-9A-Fa-f:.]*[0-9:][0-9A-Fa-f:.]*(?:/[0-9.]*)?)/?")
_KINDS = {
    "vpn": "a VPN gateway",
    "vpnconn": "something else",
    "vgw": "a gateway",
    "cgw": "a customer gateway",
    "cen": "a CEN instance",
    "tr": "a transit router or its attachment",
    "vpc": "a VPC",
    "vtb": "a route table",
}
"""What the prefixes of other ids stand for."""
ID_LIKE = re.compile(rf"(?i:vco|{'|'.join(_KINDS)})[-_]|[Rr]-(?=[A-Za-z]*[0-9])[A-Za-z0-9]{{8}}")


def is_address(word: str) -> bool:
    """Whether a word looks like an address or a CIDR block, right or wrong."""
    return bool(_ADDRESS.fullmatch(fold(word)))


def is_name(word: str) -> bool:
    """Whether a word can be the name of a connection: it is no id, and no address of any kind."""
    folded = fold(word)
    return not ID_LIKE.match(folded) and not (is_address(word) and bool(set("./:") & set(folded)))


def connection_id(word: str) -> str:
    """The id of an IPsec-VPN connection, in lower case."""
    folded = fold(word)
    if is_connection(word):
        return folded.lower()
    if is_address(word):
        raise InvalidValue(f"`{short(word)}` is an address; a connection's id looks like `vco-…`.")
    if is_request(word):
        raise InvalidValue(f"`{short(word)}` is a request; a connection's id looks like `vco-…`.")
    prefix = re.split("[-_]", folded.lower())[0]
    if prefix in _KINDS:
        problem = f"`{short(word)}` is {_KINDS[prefix]}; an IPsec-VPN connection is a `vco-…`."
        raise InvalidValue(problem)
    dashed = folded.replace("_", "-")
    better = dashed if _CONNECTION.fullmatch(dashed) else ""
    problem = f"`{short(word)}` is no whole connection id: `vco-` and then letters and digits."
    raise InvalidValue(problem, better)


def is_connection(word: str) -> bool:
    """Whether a word is the id of a connection."""
    return bool(_CONNECTION.fullmatch(fold(word)))


def is_request(word: str) -> bool:
    """Whether a word is the id of a request."""
    return bool(_REQUEST.fullmatch(fold(word)))


def cidr_block(word: str) -> str:
    """A CIDR block in canonical form; a host bit, a mask or a missing length is a mistake."""
    bare, length, block = _block(word)
    if not length:
        problem = f"`{short(word)}` has no length: one address is `{block}`."
        raise InvalidValue(problem, str(block))
    if not length.isdigit():
        problem = f"`{short(word)}` has a mask; as a CIDR block it is `{block}`."
        raise InvalidValue(problem, str(block))
    if block.network_address != bare:
        problem = f"`{short(word)}` is an address within a block: the block is `{block}`."
        raise InvalidValue(problem, str(block))
    return str(block)


def _block(word: str) -> tuple[IPv4Address | IPv6Address, str, IPv4Network | IPv6Network]:
    """The address of a block, its length as it was typed, and the block that they mean."""
    match = _ADDRESS.fullmatch(fold(word))
    typed = match["cidr"] if match else word
    address, _, length = typed.partition("/")
    try:
        bare = ip_address(address)
        block = ip_network(f"{address}/{length or bare.max_prefixlen}", strict=False)
    except ValueError:
        problem = f"`{short(word)}` is no CIDR block, such as `192.168.10.0/24`."
        raise InvalidValue(problem) from None
    return bare, length, block


def about_of(word: str) -> str:
    """What history is asked about: a request, a connection, or a CIDR block, also as an address."""
    if is_address(word):
        _, length, block = _block(word)
        return cidr_block(word) if length else str(block)
    if fold(word).lower().startswith("r-"):
        return request_id_of(word)
    if ID_LIKE.match(fold(word)):
        return connection_id(word)
    problem = f"`{short(word)}` is no request (`r-…`), no CIDR block and no connection (`vco-…`)."
    raise InvalidValue(problem)


def weight_of(word: str) -> str:
    """`0` or `100`."""
    folded = fold(word).strip("`,")
    if folded not in ("0", "100"):
        problem = f"A weight is 0 or 100, not `{short(word)}`; left out, the live route's is used."
        raise InvalidValue(problem)
    return folded


def next_hop_id(word: str) -> str:
    """The id of a next hop, in lower case."""
    folded = fold(word).strip("`,")
    if not _ID.fullmatch(folded):
        problem = f"A next hop is an id such as `vco-…`, not `{short(word)}`."
        raise InvalidValue(f"{problem} Left out, the live route's is used.")
    return folded.lower()


def region_id(word: str) -> str:
    """The id of a region; the id of a zone suggests its region."""
    folded = fold(word).strip("`,").replace("_", "-")
    lower = folded.lower() if folded.isascii() else folded
    zone = _ZONE.fullmatch(lower)
    if zone:
        region = zone["region"]
        raise InvalidValue(f"`{short(word)}` is a zone; its region is `{region}`.", region)
    if not _REGION.fullmatch(lower):
        raise InvalidValue(f"A region looks like `cn-hangzhou`, not like `{short(word)}`.")
    return lower


def overlay_mode_of(word: str) -> str:
    """`Ipsec`, the only overlay mode there is."""
    if fold(word).strip("`,").lower() != "ipsec":
        raise InvalidValue(f"The overlay mode is `Ipsec`, not `{short(word)}`.", "Ipsec")
    return "Ipsec"


def switch_of(word: str) -> str:
    """`yes` or `no`: the glass is not broken by a value that nobody understands."""
    folded = fold(word).strip("`,").lower()
    if folded in ("yes", "true"):
        return "yes"
    if folded in ("no", "false"):
        return "no"
    problem = f"`--break-glass` stands alone, or with `=yes` or `=no`, not with `{short(word)}`."
    raise InvalidValue(problem, "yes" if folded in ("y", "on", "1") else "")


def request_id_of(word: str) -> str:
    """The id of a request of ours, in lower case."""
    if not is_request(word):
        raise InvalidValue(f"`{short(word)}` is no request; those look like `r-7k2m9x4q`.")
    return fold(word).lower()
