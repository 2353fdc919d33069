"""What the VPC API answered, without anything that says whose it is or opens a door.

Only the values of fields named below are kept, and only where they look like what belongs there.
Ids, names and addresses are replaced, the same one always by the same, so that a replay fits
together; every other value by one of its type. A field that nobody knows yet keeps its name alone.
"""

import hmac
import re
from ipaddress import ip_interface
from typing import Final

Json = object
"""What JSON decodes to: None, bool, int, float, str, list or dict."""

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,39}")
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]{0,99}")
_REGION: Final = re.compile(r"(cn|ap|us|eu|me|na|sa|rus)(-[a-z0-9]{1,16}){1,5}")
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,47}")
_ID: Final = re.compile(r"(vco|vpn|vtn|tun|cgw|vgw|tr|cen|rg|vpc|vsw|eip)-[A-Za-z0-9_-]+")

_KEPT: Final = {
    **dict.fromkeys(
        ("state", "status", "bgpstatus", "attachtype", "routeentrytype", "source", "role"), _WORD
    ),
    **dict.fromkeys(("networktype", "ikeversion", "ikemode"), _CODE),
    **dict.fromkeys(("weight", "totalcount", "pagenumber", "pagesize", "tunnelindex"), _NUMBER),
    "code": _CODE,
    "regionid": _REGION,
}
"""The fields, in lower case, whose values are kept, and the form that they have to have."""

_REQUEST_ID: Final = "requestid"
_TRUTHS: Final = frozenset({"true", "false"})


class Redactor:
    """Replaces, consistently within one recording.

    Args:
        key: random and thrown away afterwards: with it, addresses could be found out.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._given: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def value(self, value: Json, field: str = "") -> Json:
        """The substitute of a value, found in the field of this name."""
        match value:
            case None | bool():
                return value
            case dict():
                return {self._field(name): self.value(one, name) for name, one in value.items()}
            case list():
                return [self.value(one, field) for one in value]
            case str():
                return self.text(value, field)
            case int() if _KEPT.get(field.lower()) is _NUMBER and _fits(field, str(value)):
                return value
            case _:
                return 0

    def text(self, text: str, field: str) -> str:
        """The substitute of a text."""
        name = field.lower()
        if not text or text in _TRUTHS or _fits(field, text):
            return text
        if name == _REQUEST_ID:
            return self._substitute("request", text, "00000000-0000-0000-0000-{:012}")
        if found := _ID.fullmatch(text):
            return self._substitute("id", text, found[1] + "-{:04}")
        if addresses := _addresses(text):
            return ",".join(map(self.address, addresses))
        if name.endswith("id"):
            return self._substitute("id", text, "id-{:04}")
        return self._substitute("name", text, "name-{:04}") if name.endswith("name") else "text"

    def address(self, text: str) -> str:
        """The substitute of an address or a CIDR block, of the same length and form.

        Two that share their first n bits share n bits afterwards too, and no more: what contains
        what stays as it was. The first bit always turns, so that none stays itself but /0.
        """
        given = ip_interface(text)
        host, size = int(given.ip), given.max_prefixlen
        length = given.network.prefixlen
        # The host bits of a block are zero, and have to stay so.
        deep = length if host == int(given.network.network_address) else size
        flips = 0
        for place in range(deep):
            shown = f"{size}/{place}/{host >> (size - place)}".encode()
            turn = place == 0 or hmac.digest(self._key, shown, "sha256")[0] & 1
            flips |= int(turn) << (size - place - 1)
        ip = type(given.ip)(host ^ flips)
        return f"{ip}/{length}" if "/" in text else str(ip)

    def _field(self, name: str) -> str:
        if _FIELD.fullmatch(name):
            return name
        return self._substitute("field", name, "Field{:04}")

    def _substitute(self, kind: str, text: str, form: str) -> str:
        given = self._given.get((kind, text))
        if given is None:
            self._counts[form] = number = self._counts.get(form, 0) + 1
            given = self._given[kind, text] = form.format(number)
        return given


def _fits(field: str, text: str) -> bool:
    form = _KEPT.get(field.lower())
    if form is None or form.fullmatch(text) is None:
        return False
    return not _ID.fullmatch(text) and not _addresses(text)


def _addresses(text: str) -> list[str]:
    """The addresses and blocks that a text is made of, with commas; empty if of anything else."""
    parts = [part.strip() for part in text.split(",")]
    return parts if all(map(_is_address, parts)) else []


def _is_address(text: str) -> bool:
    # With a zone it could not be written again.
    try:
        ip_interface(text)
    except ValueError:
        return False
    return "%" not in text
