"""Checks ACS3-HMAC-SHA256 signatures, as the vendor's gateway does.

Written from the vendor's description of the scheme and shared with no client, so that a
client and this service can't be wrong in the same way.
"""

import hashlib
import hmac
import re
from calendar import timegm
from collections.abc import Mapping
from time import strptime
from typing import Final
from urllib.parse import parse_qsl, quote

from bot.models import Value
from bot.sandbox.vpc.refusals import Refusal, invalid

ALGORITHM: Final = "ACS3-HMAC-SHA256"
WINDOW_SECONDS: Final = 15 * 60
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^,\s]+),\s*SignedHeaders=(?P<signed>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NEEDED: Final = (
    "x-acs-action",
    "x-acs-version",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-content-sha256",
)


class Wire(Value, frozen=True):
    """A request as it came in: the query still encoded, header names in lower case."""

    method: str
    query: str
    headers: dict[str, str]
    body: bytes = b""


class Authorization(Value, frozen=True):
    """What the Authorization header says; nothing of it is believed yet."""

    access_key_id: str
    signed: tuple[str, ...]
    signature: str


class Gatekeeper:
    """Knows the access keys and the nonces of the last 15 minutes."""

    def __init__(
        self, access_keys: Mapping[str, str], security_tokens: Mapping[str, str] | None = None
    ) -> None:
        """Both map access key ids: to their secrets, and to the STS token they come with."""
        self.access_keys = dict(access_keys)
        self.security_tokens = dict(security_tokens or {})
        self.expired_tokens: set[str] = set()
        self._nonces: dict[str, float] = {}

    def admit(self, wire: Wire, now: float) -> str:
        """Returns the access key id that has signed the request, or raises a Refusal.

        The nonce is used up only by a request that is right in everything else.
        """
        claim = read_authorization(wire.headers)
        secret = self.access_keys.get(claim.access_key_id)
        if secret is None:
            raise Refusal("InvalidAccessKeyId.NotFound")
        _check_completeness(wire, claim)
        _check_date(wire.headers["x-acs-date"], now)
        if not hmac.compare_digest(sign(wire, claim.signed, secret), claim.signature):
            raise Refusal("SignatureDoesNotMatch")
        self._check_security_token(wire.headers, claim.access_key_id)
        self._use_nonce(wire.headers["x-acs-signature-nonce"], now)
        return claim.access_key_id

    def _check_security_token(self, headers: Mapping[str, str], access_key_id: str) -> None:
        sent = headers.get("x-acs-security-token")
        expected = self.security_tokens.get(access_key_id)
        if expected is None and sent is not None:
            raise Refusal("InvalidSecurityToken.Malformed")
        if expected is not None and not sent:
            raise Refusal("MissingSecurityToken")
        if sent in self.expired_tokens:
            raise Refusal("InvalidSecurityToken.Expired")
        if sent != expected:
            raise Refusal("InvalidSecurityToken.MismatchWithAccessKey")

    def _use_nonce(self, nonce: str, now: float) -> None:
        # Stamps up to the window ahead are admitted, so a replay stays possible for two windows.
        self._nonces = {n: at for n, at in self._nonces.items() if now - at <= 2 * WINDOW_SECONDS}
        if nonce in self._nonces:
            raise Refusal("SignatureNonceUsed")
        self._nonces[nonce] = now


def read_authorization(headers: Mapping[str, str]) -> Authorization:
    """Reads the Authorization header; anything but the one known form is incomplete."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise Refusal("IncompleteSignature")
    return Authorization(
        access_key_id=found["key"],
        signed=tuple(found["signed"].split(";")),
        signature=found["signature"],
    )


def sign(wire: Wire, signed: tuple[str, ...], secret: str) -> str:
    """The signature that the request should bear."""
    canonical = "\n".join(
        (
            wire.method,
            "/",
            _canonical_query(wire.query),
            "".join(f"{name}:{wire.headers[name].strip()}\n" for name in signed),
            ";".join(signed),
            wire.headers["x-acs-content-sha256"],
        )
    )
    text = f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def decode_pairs(encoded: str) -> list[tuple[str, str]]:
    """Decodes a query or a form; `+` is a space (the official SDK sends it so)."""
    try:
        return parse_qsl(encoded, keep_blank_values=True, strict_parsing=False, errors="strict")
    except UnicodeDecodeError:
        raise invalid("query", "it is no UTF-8") from None


def _canonical_query(query: str) -> str:
    pairs = sorted(decode_pairs(query))
    return "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in pairs)


def _check_completeness(wire: Wire, claim: Authorization) -> None:
    """Everything that matters has been sent, has been signed, and the body is the signed one."""
    headers = wire.headers
    absent = [name for name in _NEEDED if not headers.get(name)]
    if absent:
        raise Refusal("IncompleteSignature", f"The header {absent[0]} is missing.")
    due = {"host", *(name for name in headers if name.startswith("x-acs-"))}
    unsigned = sorted(due - set(claim.signed))
    if unsigned:
        raise Refusal("IncompleteSignature", f"The header {unsigned[0]} is not signed.")
    if list(claim.signed) != sorted(set(claim.signed)) or not set(claim.signed) <= set(headers):
        raise Refusal("IncompleteSignature", "SignedHeaders must be sorted, and be sent.")
    if headers.get("x-acs-accesskey-id", claim.access_key_id) != claim.access_key_id:
        raise Refusal("IncompleteSignature", "x-acs-accesskey-id differs from Credential.")
    if headers["x-acs-content-sha256"] != hashlib.sha256(wire.body).hexdigest():
        raise Refusal("SignatureDoesNotMatch", "x-acs-content-sha256 is not that of the body.")


def _check_date(date: str, now: float) -> None:
    if not _DATE.fullmatch(date):
        raise Refusal("InvalidTimeStamp.Format")
    try:
        stamp = timegm(strptime(date, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        raise Refusal("InvalidTimeStamp.Format") from None
    if abs(now - stamp) > WINDOW_SECONDS:
        raise Refusal("InvalidTimeStamp.Expired")
