"""The signer against requests signed by the vendor's own code.

`vectors/signing-vectors.json` was made with the official Python packages that it names in
`generated_by`; its last vector is the example of the vendor's page "V3 request structure and
signature". They differ in what is signed: the SDK's full set of headers, or host and x-acs-*.
"""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alibaba import signing
from bot.alibaba.auth import Acs3Auth
from bot.alibaba.credentials import Credentials
from bot.errors import NotSent

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "signing-vectors.json").read_text("utf-8")
)["vectors"]
KEY = Credentials(access_key_id="LTAI5tExample", access_key_secret="invented-secret")
TEMPORARY = Credentials(
    access_key_id="STS.Example", access_key_secret="invented-secret", security_token="tok+en/=="
)
OFFICIAL = import_module("alibabacloud_tea_openapi.utils").Utils

every_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))


def canonical(vector: dict[str, Any]) -> str:
    return signing.canonical_request(
        vector["method"],
        signing.canonical_query(vector["query"]),
        vector["headers"],
        vector["headers"]["x-acs-content-sha256"],
        path=vector["pathname"],
    )


@every_vector
def test_the_canonical_request_is_the_vendors(vector: dict[str, Any]) -> None:
    assert canonical(vector) == vector["canonical_request"]


@every_vector
def test_the_string_to_sign_and_the_signature_are_the_vendors(vector: dict[str, Any]) -> None:
    text = signing.string_to_sign(canonical(vector))
    assert text == vector["string_to_sign"]
    assert signing.sign(text, vector["access_key_secret"]) == vector["signature"]


@every_vector
def test_the_authorization_header_is_the_vendors(vector: dict[str, Any]) -> None:
    value = signing.authorization(
        canonical(vector),
        vector["headers"],
        access_key_id=vector["access_key_id"],
        access_key_secret=vector["access_key_secret"],
    )
    assert value == vector["authorization"]


def test_the_empty_body_has_the_hash_that_every_vector_sends() -> None:
    assert {vector["headers"]["x-acs-content-sha256"] for vector in VECTORS} == {
        signing.sha256_hex()
    }


def test_the_query_is_sorted_none_is_left_out_and_empty_and_zero_are_kept() -> None:
    query = signing.canonical_query({"b": None, "c": "", "Weight": 0, "a": "x y"})
    assert query == "Weight=0&a=x%20y&c="


@given(st.lists(st.text()), st.text(min_size=1))
def test_any_parameters_are_signed_as_the_official_code_signs_them(
    values: list[str], secret: str
) -> None:
    # The official code leaves keys as they are: the vendor's names need no encoding.
    params = {f"Tag.{number}.Value": value for number, value in enumerate(values)}
    headers = {"host": "vpc.aliyuncs.com", "x-acs-action": "DescribeVpnConnections"}
    request = SimpleNamespace(method="POST", pathname="/", query=params, headers=headers)
    official = OFFICIAL.get_authorization(
        request, signing.ALGORITHM, signing.sha256_hex(), "LTAI5tExample", secret
    )
    ours = signing.authorization(
        signing.canonical_request(
            "POST", signing.canonical_query(params), headers, signing.sha256_hex()
        ),
        headers,
        access_key_id="LTAI5tExample",
        access_key_secret=secret,
    )
    assert ours == official


class Fixed:
    """A provider of the same credentials at each call."""

    def __init__(self, credentials: Credentials) -> None:
        self.found = credentials
        self.asked = 0

    async def credentials(self) -> Credentials:
        self.asked += 1
        return self.found


async def signed(
    auth: Acs3Auth,
    url: str = "https://vpc.aliyuncs.com/",
    params: dict[str, str] | None = None,
    content: bytes = b"",
) -> httpx.Request:
    """The request as it leaves the client, after signing."""
    sent: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(record), auth=auth) as http:
        headers = {"x-acs-action": "DeleteVcoRouteEntry"}
        await http.post(url, headers=headers, params=params, content=content)
    return sent[0]


def official_authorization(request: httpx.Request, credentials: Credentials) -> str:
    """What the vendor's code signs for the request as it was sent."""
    parts = SimpleNamespace(
        method=request.method,
        pathname=request.url.path,
        query=dict(httpx.QueryParams(request.url.query.decode())),
        headers={
            name: value
            for name, value in request.headers.items()
            if name == "host" or name.startswith("x-acs-")
        },
    )
    return str(
        OFFICIAL.get_authorization(
            parts,
            signing.ALGORITHM,
            signing.sha256_hex(request.content),
            credentials.access_key_id,
            credentials.access_key_secret,
        )
    )


def counting() -> Callable[[], str]:
    numbers = iter(range(1000))
    return lambda: f"nonce-{next(numbers)}"


@pytest.mark.parametrize("key", [KEY, TEMPORARY], ids=["long-lived", "temporary"])
@pytest.mark.parametrize("content", [b"", b"{}"], ids=["empty body", "body"])
async def test_a_request_is_signed_as_the_official_code_would(
    key: Credentials, content: bytes
) -> None:
    request = await signed(
        Acs3Auth(Fixed(key)), params={"RouteDest": "10.0.0.0/8", "Odd": "a b*~+é"}, content=content
    )
    assert request.headers["Authorization"] == official_authorization(request, key)
    assert request.url.query == b"Odd=a%20b%2A~%2B%C3%A9&RouteDest=10.0.0.0%2F8"


async def test_temporary_credentials_send_and_sign_their_token() -> None:
    request = await signed(Acs3Auth(Fixed(TEMPORARY)))
    assert request.headers["x-acs-security-token"] == "tok+en/=="
    assert request.headers["x-acs-accesskey-id"] == "STS.Example"
    assert "x-acs-security-token" in request.headers["Authorization"]


async def test_long_lived_credentials_send_no_token() -> None:
    request = await signed(Acs3Auth(Fixed(KEY)))
    assert "x-acs-security-token" not in request.headers


async def test_the_host_is_signed_with_its_port_where_it_is_not_the_usual_one() -> None:
    request = await signed(Acs3Auth(Fixed(KEY)), "http://127.0.0.1:8123/?A=1")
    assert request.headers["host"] == "127.0.0.1:8123"
    assert request.headers["Authorization"] == official_authorization(request, KEY)


async def test_the_date_and_the_nonce_come_from_the_given_sources() -> None:
    auth = Acs3Auth(Fixed(KEY), now=lambda: 1735787045.9, signature_nonce=counting())
    request = await signed(auth)
    assert request.headers["x-acs-date"] == "2025-01-02T03:04:05Z"
    assert request.headers["x-acs-signature-nonce"] == "nonce-0"


async def test_every_attempt_asks_for_credentials_and_takes_a_fresh_nonce() -> None:
    provider = Fixed(KEY)
    auth = Acs3Auth(provider)
    nonces = {(await signed(auth)).headers["x-acs-signature-nonce"] for _ in range(3)}
    assert len(nonces) == 3
    assert provider.asked == 3


async def test_without_credentials_nothing_is_sent() -> None:
    class Nobody:
        async def credentials(self) -> Credentials:
            raise NotSent("Credentials.Unavailable")

    with pytest.raises(NotSent):
        await signed(Acs3Auth(Nobody()))
