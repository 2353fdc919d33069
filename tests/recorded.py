"""A recorded file as a cloud: each call gets the answers that it got then, the last for good."""

import json
from collections import defaultdict
from pathlib import Path

import httpx

from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import Credentials
from bot.alibaba.endpoints import endpoints
from bot.alibaba.recording import FORM, Exchange, Recording

Key = tuple[str, tuple[tuple[str, str], ...]]


class Anyone:
    """Credentials for a cloud that does not look at them."""

    async def credentials(self) -> Credentials:
        return Credentials(access_key_id="key", access_key_secret="secret")


class Replay:
    """The answers of a recording, by action and parameters."""

    def __init__(self, recording: Recording) -> None:
        assert recording.form == FORM
        self._left: dict[Key, list[Exchange]] = defaultdict(list)
        for exchange in recording.exchanges:
            self._left[_key(exchange.action, exchange.params)].append(exchange)

    def client(self) -> tuple[httpx.AsyncClient, VpcClient]:
        """The bot's own client, whose transport alone is another."""
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return http, VpcClient(http, endpoints(), Acs3Auth(Anyone()))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answers = self._left[_key(request.headers["x-acs-action"], dict(request.url.params))]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found.status:
            raise httpx.ReadError("no answer was recorded")
        body = b"no JSON" if found.body is None else json.dumps(found.body).encode()
        headers = {"x-acs-retry-after": found.retry_after} if found.retry_after else {}
        # A stream: what is given as content counts as read already.
        return httpx.Response(found.status, headers=headers, stream=httpx.ByteStream(body))


def _key(action: str, params: dict[str, str]) -> Key:
    return action, tuple(sorted(params.items()))


def files() -> list[Path]:
    return sorted((Path(__file__).parent / "golden/recorded").glob("*.json"))
