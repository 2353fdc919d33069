"""What the bot is compared with, on the same tasks and in the same run.

The two waiters are what one would write instead; when they would know follows from when a task was
accepted and when its route was gone, so that they cost the machine nothing and have no bad luck.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, pairwise, repeat
from pathlib import Path

import aiohttp
import httpx
from redis.asyncio import Redis
from stage import Stage

from bot.models import VcoRoute
from bot.sandbox.process import GuardedProcess
from bot.sandbox.scene import BOT_TOKEN, SIGNING_SECRET
from bot.sandbox.slack.workspace import BOB
from bot.sandbox.valkey import free_port

_BARE = """
import os
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
client = AsyncWebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=os.environ["API"])
app = AsyncApp(client=client, signing_secret=os.environ["SECRET"])
@app.command("/vco-route")
async def asked(ack):
    await ack()
app.start(port=int(os.environ["PORT"]), host="127.0.0.1")
"""
_READY_WITHIN = 20.0
_SCRIPTS, _READS = 5, 3


class Waiter:
    """Reads the connection after these pauses, again and again, until the route is gone."""

    def __init__(self, name: str, pauses: Callable[[], Iterator[float]]) -> None:
        self.name = name
        self._pauses = pauses

    def knows(self, sent: float, gone: float) -> tuple[float, int]:
        """How long after `gone` it knows, and how many reads it has made by then."""
        at, reads = sent, 0
        for pause in self._pauses():
            at, reads = at + pause, reads + 1
            if at >= gone:
                break
        return at - gone, reads


PLAIN = Waiter("plain waiter, 5 s", lambda: repeat(5.0))
TERRAFORM = Waiter(
    # alicloud: BuildStateConf with a delay of 5 s and a least pause of 3 s; doubled up to 10 s.
    "Terraform's policy",
    lambda: chain((5.0, 3.0, 6.0), repeat(10.0)),
)


class BareBolt(GuardedProcess):
    """A Bolt app that acknowledges the command, and nothing else."""

    def __init__(self, stage: Stage, log: Path, python: str = sys.executable) -> None:
        super().__init__()
        self._stage, self._log, self._python = stage, log, python
        self.url = f"http://127.0.0.1:{free_port()}"

    async def start(self) -> float:
        """Start it; returns after how many seconds it answers."""
        began = time.monotonic()
        environment = {
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SECRET": SIGNING_SECRET,
            "API": self._stage.slack.api_url,
            "PORT": self.url.rpartition(":")[2],
            "PATH": os.environ["PATH"],
        }
        command = [self._python, "-c", _BARE]
        self.spawn(command, log=self._log, directory=Path.cwd(), environment=environment)
        async with asyncio.timeout(_READY_WITHIN), aiohttp.ClientSession() as session:
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(self.url):
                        return time.monotonic() - began
                await asyncio.sleep(0.02)


class LeastPath:
    """All that the guarantees ask for between a click and the Delete, done bare.

    Five scripts, four reads of Slack at once, three of the cloud at once, and the POST: over
    connections that are open, without a record, a queue or a card.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._redis = Redis.from_url(stage.redis_url)
        self._http = httpx.AsyncClient()
        headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
        self._slack = aiohttp.ClientSession(headers=headers)

    async def close(self) -> None:
        await self._redis.aclose()
        await self._http.aclose()
        await self._slack.close()

    async def go(self) -> float:
        """Go the path once; returns its seconds."""
        began = time.monotonic()
        for _ in range(_SCRIPTS - 1):
            await self._redis.eval("return redis.call('GET', KEYS[1])", 1, "{bench}")
        await asyncio.gather(*(self._ask_slack() for _ in range(_READS + 1)))
        await asyncio.gather(*(self._post() for _ in range(_READS)))
        await self._redis.eval("return redis.call('GET', KEYS[1])", 1, "{bench}")
        await self._post()
        return time.monotonic() - began

    async def _ask_slack(self) -> None:
        url = f"{self._stage.slack.api_url}users.info"
        async with self._slack.post(url, data={"user": BOB}) as answer:
            await answer.read()

    async def _post(self) -> None:
        # What the local cloud refuses for its signature costs as much as a read that it answers.
        await self._http.post(f"{self._stage.vpc.url}/?Action=DescribeVpnConnection")


def spread(values: Sequence[float]) -> float:
    """The longest time between two of these moments; how unevenly something went on."""
    return max((b - a for a, b in pairwise(sorted(values))), default=0.0)


def gone_at(stage: Stage, route: VcoRoute) -> tuple[float, float]:
    """When the deletion of a route was accepted, and when the route was gone."""
    [accepted] = [call for call in stage.sends_of(route) if call.effect]
    pace = stage.vpc.service.world.connections[route.vpn_connection_id].pace
    assert pace is not None
    return accepted.at, accepted.at + pace.delay + pace.seconds
