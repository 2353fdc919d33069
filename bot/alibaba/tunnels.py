"""The tunnels of a connection, as DescribeVpnConnection and DescribeVpnConnections show them.

They are watched after a change, and nothing is proven by them. So what is odd here is left out
and never spoils the connection, whose state a change is proven by. Only the fields below are
read: tunnels bear pre-shared keys, and VpnBgpConfig an AuthKey.

What the reading rests on; none of it was run against the live service.

- The names of the fields, the same in both calls: the official SDK (sdk, 7.2.2).
- Status, its four words and what they mean: the SDK, for the connection; the vendor's SDKs in
  other languages repeat them for each tunnel (doc).
- State, `active`, `updating` or `deleting`: the same (doc).
- BgpStatus and VpnBgpConfig.Status, `success` for normal and `false` for abnormal: older
  releases of these SDKs (doc); 7.2.2 names no words. `failed` is what the metadata has for
  abnormal in the answer about a single connection (meta).
- A connection without a list has one tunnel, whose state is its own Status: the SDK calls what
  concerns tunnels "dual-tunnel mode" (inferred).
- `false` is also what is said where no BGP is used, so EnableTunnelsBgp and EnableBgp are asked
  first (inferred). A tunnel that is `updating` negotiates anew, so that it is not up says
  nothing yet (inferred).
"""

import re
from typing import Final

import msgspec

from bot.models import Tunnel

_UP: Final = {
    "ipsec_sa_established": True,
    "ipsec_sa_not_established": False,
    "ike_sa_established": False,  # the first phase of two: nothing passes yet
    "ike_sa_not_established": False,
}
_BGP_UP: Final = {"success": True, "false": False, "failed": False}
_UPDATING: Final = "updating"

_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOTHING: Final = msgspec.Raw(b"null")


class _Wire(msgspec.Struct, rename="pascal", frozen=True):
    """Base of what is decoded; unknown fields are skipped, and any type will do for a word."""


class _TunnelBgp(_Wire, frozen=True):
    bgp_status: object = None


class _Tunnel(_Wire, frozen=True):
    tunnel_id: object = None
    state: object = None
    status: object = None
    tunnel_bgp_config: _TunnelBgp | None = None


class _Tunnels(_Wire, frozen=True):
    tunnel_options: list[_Tunnel | None] | None = None


class _Bgp(_Wire, frozen=True):
    enable_bgp: object = None
    status: object = None


class WireTunnels(_Wire, frozen=True):
    """The part of a connection that is about its tunnels; what lies deeper is not looked at yet."""

    status: object = None
    enable_tunnels_bgp: object = None
    vpn_bgp_config: msgspec.Raw = _NOTHING
    tunnel_options_specification: msgspec.Raw = _NOTHING


def tunnels(wire: WireTunnels, vpn_connection_id: str) -> tuple[Tunnel, ...]:
    """The tunnels; where there is no list, the connection as its only one; empty if unknown."""
    if (parts := _parts(wire)) is None:
        return ()
    found, bgp = parts
    if not found:
        return _only_one(wire, bgp, vpn_connection_id)
    off = _says_no(wire.enable_tunnels_bgp)
    return tuple(_tunnel(one, off=off) for one in found if _word(one.tunnel_id))


def bgp_off(wire: WireTunnels) -> bool:
    """Whether it says that it uses no BGP; not where it says nothing, or anything against it."""
    if (parts := _parts(wire)) is None:
        return False
    found, bgp = parts
    words = [
        bgp.status,
        *(one.tunnel_bgp_config.bgp_status for one in found if one.tunnel_bgp_config),
    ]
    if any(_BGP_UP.get(_word(word).lower()) for word in words):
        return False
    switch, other = wire.enable_tunnels_bgp, bgp.enable_bgp
    if not found:
        switch, other = other, switch
    return _says_no(switch) and (other is None or _says_no(other))


def _parts(wire: WireTunnels) -> tuple[list[_Tunnel], _Bgp] | None:
    """The tunnels that are listed, and what is said of BGP; None for what is not understood."""
    try:
        listed = msgspec.json.decode(wire.tunnel_options_specification, type=_Tunnels | None)
        bgp = msgspec.json.decode(wire.vpn_bgp_config, type=_Bgp | None)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found = [one for one in (listed and listed.tunnel_options) or () if one is not None]
    return found, bgp or _Bgp()


def _only_one(wire: WireTunnels, bgp: _Bgp, vpn_connection_id: str) -> tuple[Tunnel, ...]:
    status = _word(wire.status)
    if not status:
        return ()
    word = "" if _says_no(bgp.enable_bgp) else _word(bgp.status)
    return (_named(vpn_connection_id, status, word),)


def _tunnel(wire: _Tunnel, *, off: bool) -> Tunnel:
    bgp = wire.tunnel_bgp_config
    status, word = _word(wire.status), "" if off or bgp is None else _word(bgp.bgp_status)
    return _named(
        _word(wire.tunnel_id), status, word, settled=_word(wire.state).lower() != _UPDATING
    )


def _named(id_: str, status: str, bgp_status: str, *, settled: bool = True) -> Tunnel:
    """What the words mean; one that is not known means nothing."""
    up, bgp_up = _UP.get(status.lower()), _BGP_UP.get(bgp_status.lower())
    return Tunnel(
        id=id_,
        status=status,
        up=up if up or settled else None,
        bgp_status=bgp_status,
        bgp_up=bgp_up if bgp_up or settled else None,
    )


def _says_no(value: object) -> bool:
    """Whether a switch is off; the vendor writes some as text."""
    return str(value).lower() == "false"


def _word(value: object) -> str:
    """The vendor's word where it looks like one: what is odd is not shown to people."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""
