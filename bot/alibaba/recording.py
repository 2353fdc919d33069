"""Records what the VPC API answers to the bot's reads, fit to be given away.

The calls are those of the bot's own client, which signs them and reads their pages; it is only
listened to. A call that fails is recorded like any other: how the service refuses is worth knowing.
What identifies or opens anything is replaced before it is written: see `bot.alibaba.redaction`.
"""

import re
from collections.abc import AsyncIterator, Iterable
from typing import Final

import httpx
import msgspec

from bot.alibaba.client import VpcClient
from bot.alibaba.redaction import Json, Redactor
from bot.alibaba.transport import BODY_LIMIT
from bot.errors import AlibabaError

FORM: Final = 1
"""Of the file; another number says that fields have another meaning."""

_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)

MOST_CONNECTIONS = 20
"""How many connections are looked into."""


class Exchange(msgspec.Struct):
    """One call and its answer; status 0 where none came, body null where it was no JSON."""

    action: str
    params: dict[str, str]
    status: int = 0
    retry_after: str = ""
    body: object = None


class Recording(msgspec.Struct):
    """The file: calls in the order in which they were made."""

    form: int
    exchanges: list[Exchange]


class Recorder:
    """Listens to a client, and keeps what is said until it is written."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._heard: list[tuple[httpx.Request, Exchange]] = []
        http.event_hooks = {"request": [self._asked], "response": [self._answered]}

    @property
    def exchanges(self) -> list[Exchange]:
        """What was heard, as it was said: with every secret."""
        return [exchange for _, exchange in self._heard]

    async def _asked(self, request: httpx.Request) -> None:
        action = request.headers.get("x-acs-action", "")
        self._heard.append((request, Exchange(action, dict(request.url.params))))

    async def _answered(self, response: httpx.Response) -> None:
        for request, exchange in reversed(self._heard):
            if request is response.request and isinstance(response.stream, httpx.AsyncByteStream):
                exchange.status = response.status_code
                exchange.retry_after = response.headers.get("x-acs-retry-after", "")
                response.stream = _Overheard(response.stream, exchange)
                return


class _Overheard(httpx.AsyncByteStream):
    """An answer's bytes, on their way to whoever reads them."""

    def __init__(self, stream: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = bytearray()
        async for chunk in self._stream:
            if len(body) <= BODY_LIMIT:
                body += chunk
            yield chunk
        self._exchange.body = _decoded(bytes(body))

    async def aclose(self) -> None:
        await self._stream.aclose()


def _decoded(body: bytes) -> Json:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def read_everything(vpc: VpcClient, recorder: Recorder, region: str) -> list[str]:
    """Make every read that the bot makes; returns a line for each that failed.

    Connections are taken from the answers as they came: a list that our client can't use is just
    what a recording should hold.
    """
    failed = []
    try:
        await vpc.regions()
    except AlibabaError as error:
        failed.append(f"DescribeRegions: {error.code}")
    try:
        await vpc.connections(region)
    except AlibabaError as error:
        failed.append(f"DescribeVpnConnections: {error.code}")
    for number, id_ in enumerate(listed(recorder.exchanges)[:MOST_CONNECTIONS], start=1):
        try:
            await vpc.connection(region, id_)
        except AlibabaError as error:
            failed.append(f"DescribeVpnConnection, connection {number}: {error.code}")
        try:
            await vpc.routes(region, id_)
        except AlibabaError as error:
            failed.append(f"DescribeVcoRouteEntries, connection {number}: {error.code}")
    return failed


def listed(exchanges: Iterable[Exchange]) -> list[str]:
    """The ids of all connections that a list named, in its order."""
    found: dict[str, None] = {}
    for exchange in exchanges:
        if exchange.action == "DescribeVpnConnections":
            found.update(dict.fromkeys(_ids(exchange.body)))
    return list(found)


def _ids(value: Json) -> list[str]:
    if isinstance(value, list):
        return [id_ for one in value for id_ in _ids(one)]
    if not isinstance(value, dict):
        return []
    own = value.get("VpnConnectionId")
    return [own] if isinstance(own, str) and own else _ids(list(value.values()))


def redacted(exchanges: Iterable[Exchange], key: bytes) -> Recording:
    """What may be given away; `key` is random, and nobody keeps it."""
    redactor = Redactor(key)
    return Recording(FORM, [_redacted(exchange, redactor) for exchange in exchanges])


def _redacted(exchange: Exchange, redactor: Redactor) -> Exchange:
    return Exchange(
        action=exchange.action,
        params={name: redactor.text(text, name) for name, text in exchange.params.items()},
        status=exchange.status,
        retry_after=exchange.retry_after if _NUMBER.fullmatch(exchange.retry_after) else "",
        body=redactor.value(exchange.body),
    )


def encoded(recording: Recording) -> bytes:
    """The bytes of the file: readable, for whoever looks through it before giving it away."""
    return msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n"
