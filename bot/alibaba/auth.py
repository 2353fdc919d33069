"""Signs every HTTP attempt afresh, as an httpx authentication flow.

A repeated request keeps its parameters, the ClientToken among them, and takes a new
signature_nonce and date: the service refuses a nonce that it saw within 15 minutes, and a
date that is off by more than 15 minutes.
"""

import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import uuid4

import httpx

from bot.alibaba import signing
from bot.alibaba.credentials import Credentials, Provider


def new_signature_nonce() -> str:
    """A nonce that no other attempt has, from the system's random source."""
    return uuid4().hex


class Acs3Auth(httpx.Auth):
    """Signs with ACS3-HMAC-SHA256; asynchronous clients only.

    The request must have its final body and bear x-acs-action and x-acs-version. Its query
    is brought into canonical form, so that the bytes sent are the bytes signed.

    Args:
        provider: asked for credentials before every attempt.
        now: seconds since the epoch.
        signature_nonce: a fresh value at each call.
    """

    requires_request_body = True

    def __init__(
        self,
        provider: Provider,
        *,
        now: Callable[[], float] = time.time,
        signature_nonce: Callable[[], str] = new_signature_nonce,
    ) -> None:
        self._provider = provider
        self._now = now
        self._signature_nonce = signature_nonce

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign one attempt; raises what the provider raises, before anything is sent."""
        credentials = await self._provider.credentials()
        await request.aread()
        self._sign(request, credentials)
        yield request

    def _sign(self, request: httpx.Request, credentials: Credentials) -> None:
        params = parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)
        query = signing.canonical_query(dict(params))
        if query.encode("ascii") != request.url.query:
            request.url = request.url.copy_with(query=query.encode("ascii") or None)
        body_sha256 = signing.sha256_hex(request.content)
        request.headers["x-acs-date"] = _iso(self._now())
        request.headers["x-acs-signature-nonce"] = self._signature_nonce()
        request.headers["x-acs-content-sha256"] = body_sha256
        if credentials.security_token:
            request.headers["x-acs-accesskey-id"] = credentials.access_key_id
            request.headers["x-acs-security-token"] = credentials.security_token
        signed = {
            name: value
            for name, value in request.headers.items()
            if name == "host" or name.startswith("x-acs-")
        }
        canonical = signing.canonical_request(
            request.method,
            query,
            signed,
            body_sha256,
            path=request.url.raw_path.decode().split("?")[0],
        )
        request.headers["Authorization"] = signing.authorization(
            canonical,
            signed,
            access_key_id=credentials.access_key_id,
            access_key_secret=credentials.access_key_secret,
        )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
