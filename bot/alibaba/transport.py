"""One HTTP attempt: bounded in time and size, and honest about what may have arrived."""

import asyncio
import sys
from importlib.util import find_spec
from typing import NamedTuple

import httpx

from bot.alibaba.endpoints import LOOPBACK_HOSTS
from bot.alibaba.errors import Call, no_reliable_answer
from bot.errors import NotSent, OutcomeUnknown

if find_spec("sniffio") is None:
    # httpcore tries to import it several times in every call, and Python looks through all of its
    # path for it each time. Known to be missing, it is missing at once.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

TIMEOUT = httpx.Timeout(connect=3.0, read=10.0, write=5.0, pool=5.0)
"""Seconds for each phase of an attempt."""

ATTEMPT_SECONDS = 25.0
"""The longest that a whole attempt may take, whatever its phases do."""

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes; a page of 50 connections with all their tunnels is well below 1 MiB."""

USER_AGENT = "vco-route-bot"

_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


class Reply(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: httpx.Headers
    body: bytes


def new_http_client(timeout: httpx.Timeout = TIMEOUT) -> httpx.AsyncClient:
    """The pooled client that all calls share; close it with `aclose`.

    TLS is verified and redirects are not followed. The environment is trusted: in many
    companies the only way out is the proxy that HTTPS_PROXY names, with a certificate that
    SSL_CERT_FILE names. Loopback never goes through a proxy.
    """
    hosts = (f"[{host}]" if ":" in host else host for host in LOOPBACK_HOSTS)
    return httpx.AsyncClient(
        timeout=timeout,
        follow_redirects=False,
        trust_env=True,
        mounts={f"all://{host}": None for host in hosts},
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
    )


async def attempt(
    http: httpx.AsyncClient, request: httpx.Request, auth: httpx.Auth, call: Call, *, seconds: float
) -> Reply:
    """Sign and send one request and read its answer, in `seconds` at most.

    Raises:
        NotSent: nothing left this machine.
        OutcomeUnknown: the request may have arrived, and its answer is lost or unusable.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _exchange(http, request, auth, call)
    except TimeoutError:
        what = "Alibaba Cloud timed out."
        raise no_reliable_answer("Network.TooSlow", call, what) from None
    except _NOT_SENT as error:
        raise _not_sent(error, request) from None
    except httpx.TransportError as error:
        raise _answer_lost(error, call) from None


async def _exchange(
    http: httpx.AsyncClient, request: httpx.Request, auth: httpx.Auth, call: Call
) -> Reply:
    response = await http.send(request, auth=auth, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        # Raw: no encoding was asked for, and what is unpacked could grow past any limit.
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > BODY_LIMIT:
                what = f"The answer was larger than {BODY_LIMIT} bytes."
                raise no_reliable_answer("Answer.TooLarge", call, what)
        return Reply(response.status_code, response.headers, bytes(body))
    finally:
        await response.aclose()


def _not_sent(error: httpx.TransportError, request: httpx.Request) -> NotSent:
    return NotSent(
        "Network.NotConnected",
        meaning=(f"No connection to {request.url.host} ({type(error).__name__})."),
        next_step=(
            "Nothing was sent. It is tried again. If it stays so: check the region's name, and "
            "that the bot's machine reaches this host (DNS, firewall, TLS certificate, "
            "HTTPS_PROXY)."
        ),
    )


def _answer_lost(error: httpx.TransportError, call: Call) -> OutcomeUnknown:
    what = f"The connection to Alibaba Cloud broke before its answer ({type(error).__name__})."
    return no_reliable_answer("Network.AnswerLost", call, what)
