"""Which host answers for a region.

Source: the official Python SDK alibabacloud-vpc20160428 7.2.2, `client.py`: the endpoint is
`vpc.<region>.aliyuncs.com` unless its endpoint map names another. The map's entries for the
vendor's own test environments (`vpc-pre`, `vpc-inner-pre`) are left out.
"""

import re
from collections.abc import Callable
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from bot.errors import Rejected

Endpoint = Callable[[str], str]

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
"""The hosts that plain http may go to, and that no proxy is used for."""

PLACEHOLDER = "{region}"

_CENTRAL = "vpc.aliyuncs.com"
_NEBULA = "vpc-nebula.cn-qingdao-nebula.aliyuncs.com"
_CENTRAL_REGIONS = (
    "cn-hangzhou",
    "cn-shanghai-finance-1",
    "cn-shenzhen-finance-1",
    "cn-north-2-gov-1",
    "ap-northeast-2-pop",
    "cn-beijing-finance-pop",
    "cn-beijing-gov-1",
    "cn-beijing-nu16-b01",
    "cn-fujian",
    "cn-haidian-cm12-c01",
    "cn-hangzhou-bj-b01",
    "cn-hangzhou-finance",
    "cn-hangzhou-internal-prod-1",
    "cn-hongkong-finance-pop",
    "cn-shanghai-et2-b01",
    "cn-shanghai-inner",
    "cn-shenzhen-inner",
    "cn-shenzhen-st4-d01",
    "cn-shenzhen-su18-b01",
    "cn-wuhan",
    "cn-yushanfang",
    "cn-zhangbei",
    "cn-zhangbei-na61-b01",
    "rus-west-1-pop",
)
_HOSTS = dict.fromkeys(_CENTRAL_REGIONS, _CENTRAL) | {
    "cn-edge-1": _NEBULA,
    "cn-huhehaote-nebula-1": _NEBULA,
    "cn-qingdao-nebula": _NEBULA,
    "cn-zhengzhou-nebula-1": _NEBULA,
    "cn-zhangjiakou-na62-a01": "vpc.cn-zhangjiakou.aliyuncs.com",
    "eu-west-1-oxs": "vpc-nebula.cn-shenzhen-cloudstone.aliyuncs.com",
}

_REGION = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,16}){1,5}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def endpoints(override: str | None = None) -> Endpoint:
    """The function from a region's id to the base URL of its API, such as `https://host`.

    Args:
        override: ALIBABA_CLOUD_VPC_ENDPOINT, used for every region: a host, with or without
            a port, or an https URL; plain http only to loopback. `{region}` in the host stands
            for the region's id: `https://vpc-vpc.{region}.aliyuncs.com` is how it is reached
            from inside a VPC.

    Raises:
        ValueError: the override is none of these; the text says what is wrong.
    """
    fixed = parse_override(override) if override else None

    def endpoint(region: str) -> str:
        host = region_host(region)
        return fixed.replace(PLACEHOLDER, region) if fixed else f"https://{host}"

    return endpoint


def region_host(region: str) -> str:
    """The host of a region; raises `Rejected` for text that is no region's id."""
    if not _REGION.fullmatch(region):
        raise Rejected(
            "InvalidRegionId",
            meaning="This is not the form of a region's id, so nothing was sent.",
            next_step="Give a region such as cn-hangzhou or eu-central-1.",
        )
    return _HOSTS.get(region, f"vpc.{region}.aliyuncs.com")


def parse_override(text: str) -> str:
    """`scheme://host[:port]` from a host or a URL; raises ValueError with the reason.

    `{region}` stays in it as it is: what it stands for is checked when a region is known.
    """
    scheme, host, port = _split(text if "://" in text else f"https://{text}")
    if scheme not in ("https", "http"):
        raise ValueError("the endpoint must be a host name or an https:// URL")
    if not _is_host(host):
        raise ValueError("the endpoint has no valid host name")
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        raise ValueError("plain http is allowed only to 127.0.0.1, ::1 or localhost; use https")
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port is None else f":{port}")


def _split(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Its text repeats the setting, in which somebody may have put a secret.
        raise ValueError("the endpoint's host or port is malformed") from None
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("the endpoint must be a host name alone: no user, path or query")
    if port == 0:
        raise ValueError("the endpoint's port can't be 0")
    return parts.scheme, (parts.hostname or "").lower(), port


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host.replace(PLACEHOLDER, "cn-hangzhou")) is not None
    try:
        return IPv6Address(host).scope_id is None
    except ValueError:
        return False
