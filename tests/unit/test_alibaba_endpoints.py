"""A region leads to the vendor's host, and no text can lead anywhere else."""

import pytest

from bot.alibaba.endpoints import endpoints
from bot.errors import Rejected


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("cn-hangzhou", "https://vpc.aliyuncs.com"),
        ("cn-shenzhen-finance-1", "https://vpc.aliyuncs.com"),
        ("cn-beijing", "https://vpc.cn-beijing.aliyuncs.com"),
        ("ap-southeast-1", "https://vpc.ap-southeast-1.aliyuncs.com"),
    ],
)
def test_a_region_has_its_host(region: str, url: str) -> None:
    assert endpoints()(region) == url


def test_the_regions_of_the_official_sdk_have_the_same_hosts_here() -> None:
    client = pytest.importorskip("alibabacloud_vpc20160428.client").Client
    models = pytest.importorskip("alibabacloud_tea_openapi.models")
    config = models.Config(access_key_id="a", access_key_secret="b", region_id="cn-hangzhou")
    official: dict[str, str] = client(config)._endpoint_map  # noqa: SLF001  (the source itself)
    for region, host in official.items():
        if "-pre." not in host:
            assert endpoints()(region) == f"https://{host}"


@pytest.mark.parametrize(
    "region",
    [
        "",
        "evil.com/",
        "cn-hangzhou.evil.com",
        "cn-hangzhou@evil",
        "CN-HANGZHOU",
        "cn",
        "a" * 200,
        "cn-hangzhou\n",
        "cn-hang zhou",
        "cn-",
        "-cn",
        "cn-hangzhou#",
        "cn-hangzhou:1",
        "cn-ü",
    ],
)
@pytest.mark.parametrize("override", [None, "https://vpc.example.com"])
def test_text_that_is_no_region_can_not_build_a_host(region: str, override: str | None) -> None:
    with pytest.raises(Rejected) as caught:
        endpoints(override)(region)
    assert caught.value.code == "InvalidRegionId"


@pytest.mark.parametrize(
    ("override", "url"),
    [
        ("vpc.example.com", "https://vpc.example.com"),
        ("vpc.example.com:8443", "https://vpc.example.com:8443"),
        ("https://vpc.example.com/", "https://vpc.example.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("http://localhost:8123/", "http://localhost:8123"),
        ("http://[::1]:8123", "http://[::1]:8123"),
    ],
)
def test_an_override_serves_every_region(override: str, url: str) -> None:
    endpoint = endpoints(override)
    assert {endpoint("cn-hangzhou"), endpoint("eu-central-1")} == {url}


def test_an_override_with_a_region_in_it_leads_each_region_to_its_own_host() -> None:
    endpoint = endpoints("https://vpc-vpc.{region}.aliyuncs.com")
    assert endpoint("cn-hangzhou") == "https://vpc-vpc.cn-hangzhou.aliyuncs.com"
    assert endpoint("eu-central-1") == "https://vpc-vpc.eu-central-1.aliyuncs.com"


@pytest.mark.parametrize(
    "override",
    [
        "https://vpc.{zone}.aliyuncs.com",
        "https://vpc.{region.aliyuncs.com",
        "http://{region}",
        "http://vpc.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "http://user@127.0.0.1",
        "https://user:word@vpc.example.com",
        "https://vpc.example.com/path",
        "https://vpc.example.com?a=b",
        "https://vpc.example.com#a",
        "ftp://vpc.example.com",
        "https://",
        "https://[::zz]",
        "https://[v1.a:b]",
        "https://[fe80::1%eth0]",
        "https://exa mple.com",
        "https://vpc.example.com:99999",
        "https://vpc.example.com:word",
        "https://vpc.example.com:0",
    ],
)
def test_an_override_that_is_unsafe_or_no_host_is_refused(override: str) -> None:
    with pytest.raises(ValueError, match=r"endpoint|plain http"):
        endpoints(override)


def test_an_override_that_is_refused_is_not_repeated_in_the_error() -> None:
    with pytest.raises(ValueError, match="endpoint") as caught:
        endpoints("https://example.com:invented-secret")
    assert "invented-secret" not in str(caught.value)
