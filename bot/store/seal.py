"""Seals: what a send rests on bears a MAC, made with a key that is not in Redis.

Who can write to Redis could write a decision that nobody made, or the click of an approver. Where
keys are given (`VCO_SEAL_KEY`), each record of a request and each delivery bears an HMAC-SHA256 of
its content, and nothing is sent for a request, and no delivery is acted on, whose seal is not
ours. The first key seals; the others are still believed, so that keys can be changed.

What a request only tells (its timeline, what was observed, words) is not sealed; everything else
is, also what a later version adds. A field at its default is not encoded, so a new field with a
default leaves the seals of earlier versions as they are.

A seal says that a record is one that this bot has written, not that it is the latest one: who can
write to Redis can still delay, delete, or put back an earlier record of the same request.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from bot.config.secret import Secret
from bot.models import Request, Watch

_REQUEST = b"vco-route-bot/request/1\0"
_DELIVERY = b"vco-route-bot/delivery/1\0"
_KEY_NAME = b"vco-route-bot/key/1\0"
"""What a MAC is about stands in front of it: one of them can never pass for another."""

_SEALED = re.compile(r"([0-9a-f]{8}\.[0-9a-f]{64}) (.*)", re.DOTALL)

NO_SEAL = (
    "It bears no seal: it was recorded before VCO_SEAL_KEY was set, by a replica without that "
    "key, or by somebody else."
)
OTHER_KEY = "It was sealed with a key that this bot does not have."
CHANGED = "It is not as the bot left it: somebody has changed it in Redis."


class Opened(NamedTuple):
    """The content of a delivery, and what is wrong with its seal; empty where it is ours."""

    content: str
    wrong: str


class Seals:
    """Seals and verifies. Without a key nothing is sealed, and everything is believed."""

    def __init__(self, keys: Sequence[Secret] = ()) -> None:
        """The first of `keys` seals, all of them verify."""
        secrets = [key.reveal().encode() for key in keys]
        self._keys = {_mac(secret, _KEY_NAME)[:8]: secret for secret in secrets}

    @property
    def on(self) -> bool:
        """Whether there is a key."""
        return bool(self._keys)

    def of(self, request: Request) -> str:
        """The seal of a request as it is about to be stored; empty without a key."""
        return self._seal(_REQUEST + sealed(request)) if self.on else ""

    def wrong(self, request: Request, seal: str) -> str:
        """What is wrong with the seal that a request was found with; empty where it is ours."""
        return self._wrong(_REQUEST + sealed(request), seal) if self.on else ""

    def closed(self, delivery_id: str, content: str) -> str:
        """A delivery as it is stored, its seal in front."""
        if not self.on:
            return content
        return f"{self._seal(_delivery(delivery_id, content))} {content}"

    def opened(self, delivery_id: str, stored: str) -> Opened:
        """The content of a stored delivery; a replica without a key reads it too."""
        found = _SEALED.fullmatch(stored)
        seal, content = found.groups() if found else ("", stored)
        wrong = self._wrong(_delivery(delivery_id, content), seal) if self.on else ""
        return Opened(content, wrong)

    def _seal(self, content: bytes) -> str:
        name, secret = next(iter(self._keys.items()))
        return f"{name}.{_mac(secret, content)}"

    def _wrong(self, content: bytes, seal: str) -> str:
        if not seal:
            return NO_SEAL
        name, _, mac = seal.partition(".")
        secret = self._keys.get(name)
        if secret is None:
            return OTHER_KEY
        same = hmac.compare_digest(_mac(secret, content).encode(), mac.encode(errors="replace"))
        return "" if same else CHANGED


def sealed(request: Request) -> bytes:
    """What of a request is sealed, encoded in the one way in which it also comes back."""
    # As it is read again: a whole number becomes a float there, where the type says float.
    request = msgspec.json.decode(msgspec.json.encode(request), type=Request)
    routes = tuple(
        replace(route, watch=Watch(), waits=0, failure=None, alibaba_request_id="")
        for route in request.routes
    )
    kept = replace(request, routes=routes, timeline=(), why="")
    return msgspec.json.encode(kept, order="deterministic")


def _delivery(delivery_id: str, content: str) -> bytes:
    return _DELIVERY + f"{delivery_id}\0{content}".encode(errors="surrogateescape")


def _mac(secret: bytes, content: bytes) -> str:
    return hmac.new(secret, content, hashlib.sha256).hexdigest()
