"""Is this from Slack? Asked of the raw bytes, before anything is parsed.

Whatever can't be verified is a no, for whatever reason: a header that is missing or comes twice,
a time that is no number or not now, a body that is no UTF-8, a verifier that raises. A signing
secret belongs to one app, so that no other app's payload passes either.
"""

import re
import time
from collections.abc import Callable, Mapping
from enum import StrEnum

from aiohttp.web import BaseRequest
from slack_sdk.signature import SignatureVerifier

from bot.config.secret import Secret

_TIMESTAMP = "X-Slack-Request-Timestamp"
_SIGNATURE = "X-Slack-Signature"

_WHEN = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNED = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)

_WINDOW_SECONDS = 300
"""How far Slack's time may be from ours. Within it a request that is sent once more is known by
its payload's id, which is remembered for longer."""


class Unverified(StrEnum):
    """Why something is not taken for Slack's."""

    NO_SIGNATURE = "no_signature"
    NOT_NOW = "not_now"
    WRONG_SIGNATURE = "wrong_signature"
    TOO_LARGE = "too_large"
    UNFINISHED = "unfinished"


def signed(secret: Secret, body: bytes) -> Mapping[str, str]:
    """The headers with which a body is taken for Slack's, now; to ask ourselves something."""
    now = str(int(time.time()))
    signature = SignatureVerifier(secret.reveal()).generate_signature(timestamp=now, body=body)
    return {_TIMESTAMP: now, _SIGNATURE: signature or ""}


class Verification:
    """Verifies requests with the app's signing secret."""

    def __init__(self, secret: Secret, clock: Callable[[], float] = time.time) -> None:
        """`clock` is in seconds since the epoch."""
        self._verifier = SignatureVerifier(secret.reveal())
        self._clock = clock

    def headers(self, request: BaseRequest) -> Unverified | None:
        """Why its headers can't be Slack's; None where the body has to be looked at."""
        at = request.headers.getall(_TIMESTAMP, [])
        signature = request.headers.getall(_SIGNATURE, [])
        if len(at) != 1 or len(signature) != 1 or not _SIGNED.fullmatch(signature[0]):
            return Unverified.NO_SIGNATURE
        if not _WHEN.fullmatch(at[0]) or abs(self._clock() - int(at[0])) > _WINDOW_SECONDS:
            return Unverified.NOT_NOW
        return None

    def body(self, request: BaseRequest, body: bytes) -> Unverified | None:
        """Why this is not Slack's; None where it is."""
        if refused := self.headers(request):
            return refused
        at, signature = request.headers[_TIMESTAMP], request.headers[_SIGNATURE]
        try:
            signed = self._verifier.is_valid(body, at, signature)
        except Exception:  # noqa: BLE001 - a no, whatever it is
            signed = False
        return None if signed else Unverified.WRONG_SIGNATURE
