"""ACS3-HMAC-SHA256, the signature of Alibaba Cloud's RPC calls, as functions of values.

The vendor describes it on the page "V3 request structure and signature": a request is
written down in one canonical way, hashed, and the hash is keyed with the access key secret.
Nothing here reads a clock, a random source or the network; `bot.alibaba.auth` does.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

ALGORITHM = "ACS3-HMAC-SHA256"


def sha256_hex(data: bytes = b"") -> str:
    """The hex SHA-256 of a body; of the empty one by default, as RPC calls send it."""
    return hashlib.sha256(data).hexdigest()


def percent_encode(text: str) -> str:
    """RFC 3986: everything but letters, digits and `-_.~` becomes %XX of its UTF-8 bytes."""
    return quote(text, safe="~")


def canonical_query(params: Mapping[str, str | int | None]) -> str:
    """The parameters sorted by key and encoded; None is left out, an empty value is kept."""
    return "&".join(
        f"{percent_encode(key)}={percent_encode(str(value))}"
        for key, value in sorted(params.items())
        if value is not None
    )


def signed_header_names(headers: Mapping[str, str]) -> str:
    """The names of the headers to sign, as the canonical request and Authorization list them."""
    return ";".join(sorted(name.lower() for name in headers))


def canonical_request(
    method: str, query: str, headers: Mapping[str, str], body_sha256: str, path: str = "/"
) -> str:
    """The request in the one form that both sides hash.

    Args:
        method: the HTTP method, in capitals.
        query: a canonical query, see `canonical_query`.
        headers: exactly the headers to sign, by any case of their names.
        body_sha256: hex SHA-256 of the body.
        path: the URL's path, encoded; RPC calls have `/`.
    """
    lines = sorted((name.lower(), value.strip()) for name, value in headers.items())
    block = "".join(f"{name}:{value}\n" for name, value in lines)
    return "\n".join((method, path, query, block, signed_header_names(headers), body_sha256))


def string_to_sign(request: str) -> str:
    """The algorithm's name and the hash of a canonical request."""
    return f"{ALGORITHM}\n{sha256_hex(request.encode())}"


def sign(text: str, access_key_secret: str) -> str:
    """The hex HMAC-SHA256 of a string to sign, keyed with the secret as it is."""
    return hmac.new(access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def authorization(
    request: str, headers: Mapping[str, str], *, access_key_id: str, access_key_secret: str
) -> str:
    """The value of the Authorization header for a canonical request over `headers`."""
    signature = sign(string_to_sign(request), access_key_secret)
    return (
        f"{ALGORITHM} Credential={access_key_id},"
        f"SignedHeaders={signed_header_names(headers)},Signature={signature}"
    )
