"""Where the access key comes from: the vendor's own default chain, kept at arm's length.

The chain (environment, OIDC role, configuration files, ECS metadata, credentials URI) is the
official `alibabacloud-credentials`, which also caches and renews. What it does besides is
contained here: it reads the environment when imported, so it is imported at the first use, and
not at all for a key in the environment, which is what it looks for first;
it blocks, so it runs in a thread, one call at a time; its errors and its logger repeat raw
text from the outside, which can hold secrets, so neither is passed on.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

import structlog

from bot.errors import NotSent
from bot.models import Value

log = structlog.get_logger(__name__)

LIMIT_SECONDS = 5.0

KEPT_SECONDS = 1.0
"""For how long an answer of the chain serves: the calls of one send share it, since each look costs
a thread. The chain itself renews what expires minutes before."""

_MEANING = "No Alibaba Cloud credentials could be had, so nothing was sent."
_NEXT_STEP = (
    "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (with a temporary key "
    "also ALIBABA_CLOUD_SECURITY_TOKEN), or give the bot's machine a RAM role "
    "(ALIBABA_CLOUD_ROLE_ARN with ALIBABA_CLOUD_OIDC_PROVIDER_ARN and "
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE, or an ECS instance role). "
    "The command `doctor` checks them."
)
_SHOWN = 4
_LONG_ENOUGH = 12


class Credentials(Value, frozen=True):
    """An access key, with its token where it is temporary; `repr` shows no secret.

    `source`: which part of the chain it came from, such as `default/env`; empty: not known.
    """

    access_key_id: str
    access_key_secret: str
    security_token: str = ""
    source: str = ""

    def __repr__(self) -> str:
        """The ends of the key's id: enough to tell two keys apart in a log."""
        key = self.access_key_id
        shown = f"{key[:_SHOWN]}…{key[-_SHOWN:]}" if len(key) >= _LONG_ENOUGH else "…"
        kind = "temporary" if self.security_token else "long-lived"
        return f"Credentials({shown}, {kind}, secret hidden)"

    __str__ = __repr__


class Provider(Protocol):
    """Anything that can give credentials for the next request."""

    async def credentials(self) -> Credentials:
        """Valid credentials; raises `NotSent` where there are none."""
        ...


class ChainCredential(Protocol):
    """What the official chain answers with; every part may be missing."""

    access_key_id: str | None
    access_key_secret: str | None
    security_token: str | None


class Chain(Protocol):
    """The one method used of the official `Client`."""

    def get_credential(self) -> ChainCredential:
        """Credentials from the cache or their source; blocks and raises anything."""
        ...


class _KeyInEnvironment:
    """What the official chain looks for first; it holds for as long as the process."""

    provider_name = "default/env"

    def __init__(self) -> None:
        self.access_key_id = os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID")
        self.access_key_secret = os.environ.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        self.security_token = os.environ.get("ALIBABA_CLOUD_SECURITY_TOKEN")

    def get_credential(self) -> ChainCredential:
        return self


def official_chain() -> Chain:
    """The official client, or the key that it would find first.

    The client brings an HTTP client and a scheduler of its own, a tenth of our start and of our
    memory. Its import reads the environment, once.
    """
    key = _KeyInEnvironment()
    if key.access_key_id and key.access_key_secret:
        return key
    module = import_module("alibabacloud_credentials.client")
    # It logs the raw text of failures, through a handler of its own.
    logging.getLogger("credentials").disabled = True
    chain: Chain = module.Client()
    return chain


class DefaultChain:
    """The official default chain as a `Provider`.

    Callers that come while a call is under way share its answer: there is never more than
    one thread in the library, also when one hangs for longer than `limit` seconds.
    """

    def __init__(
        self,
        build: Callable[[], Chain] = official_chain,
        *,
        limit: float = LIMIT_SECONDS,
        kept: float = KEPT_SECONDS,
    ) -> None:
        self._build = build
        self._limit = limit
        self._kept_seconds = kept
        self._chain: Chain | None = None
        self._under_way: asyncio.Task[Credentials | None] | None = None
        self._kept: tuple[Credentials, float] | None = None

    async def credentials(self) -> Credentials:
        """Credentials for one request; raises `NotSent` (`Credentials.Unavailable`)."""
        if self._kept is not None and time.monotonic() < self._kept[1]:
            return self._kept[0]
        asked = time.monotonic()
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.create_task(asyncio.to_thread(self._ask))
        try:
            found = await asyncio.wait_for(asyncio.shield(self._under_way), self._limit)
        except TimeoutError:
            raise _unavailable(f"Their source did not answer in {self._limit:g} s.") from None
        if found is None:
            raise _unavailable()
        self._kept = found, asked + self._kept_seconds
        return found

    def _ask(self) -> Credentials | None:
        try:
            self._chain = self._chain or self._build()
            return _checked(self._chain.get_credential())
        except Exception as error:  # noqa: BLE001  (the library raises anything)
            log.warning("credentials_unavailable", error=type(error).__name__)
            return None


def _checked(found: ChainCredential) -> Credentials | None:
    """The key if it can be sent in a header; None where a part is missing or damaged."""
    key, secret = found.access_key_id or "", found.access_key_secret or ""
    token = found.security_token or ""
    if not key or not secret or not all(map(_sendable, (key, secret, token))):
        return None
    source = str(getattr(found, "provider_name", None) or "")
    return Credentials(
        access_key_id=key, access_key_secret=secret, security_token=token, source=source
    )


def _sendable(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _unavailable(why: str = "") -> NotSent:
    return NotSent(
        "Credentials.Unavailable", meaning=f"{_MEANING} {why}".strip(), next_step=_NEXT_STEP
    )
