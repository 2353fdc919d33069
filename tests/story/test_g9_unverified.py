"""G9: what has not proven to come from Slack is nobody, and starves nobody."""

import asyncio
import json
import re
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from multidict import CIMultiDict
from slack_bolt.request.async_request import AsyncBoltRequest
from stage import Stage
from test_bad_payloads import click

from bot.sandbox.process import BotProcess
from bot.sandbox.scene import SIGNING_SECRET
from bot.sandbox.slack.deliver import sign
from bot.sandbox.slack.workspace import ALICE, BOB, NETWORK_OPS, T_HOME, Json
from bot.service import http as server

EVENTS = "/slack/events"
FORM = "application/x-www-form-urlencoded"


class Canary:
    """A server inside the network, which nobody must make the bot call."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        """Somebody was made to."""
        self.hits.append(request.path)
        return web.Response(text="ok")


@pytest_asyncio.fixture
async def canary() -> AsyncIterator[Canary]:
    made = Canary()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/inside"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def bot(stage: Stage, tmp_path: Path) -> AsyncIterator[BotProcess]:
    """A real process, and its log."""
    process = BotProcess(stage.environment(LOG_FORMAT="json"), log=tmp_path / "log")
    await process.start()
    stage.slack.deliver_to(process.url + EVENTS)
    yield process
    assert await process.stop() == 0


def lines(directory: Path) -> list[Json]:
    """What the process has logged."""
    return [json.loads(line) for line in (directory / "log").read_text().splitlines()]


async def post(url: str, body: bytes, headers: CIMultiDict[str]) -> tuple[int, bytes]:
    """Post a body as it is; returns the status and the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.read()


def signed(body: bytes, at: str, *, encoding: str = "ascii") -> CIMultiDict[str]:
    """The headers of a body that is rightly signed at this time, whatever that is."""
    headers = {"Content-Type": FORM, "X-Slack-Request-Timestamp": at}
    return CIMultiDict(
        headers | {"X-Slack-Signature": sign(SIGNING_SECRET, at, body).encode().decode(encoding)}
    )


def without(headers: CIMultiDict[str], name: str) -> CIMultiDict[str]:
    """The same without one header."""
    return CIMultiDict((n, v) for n, v in headers.items() if n.lower() != name)


def twice(headers: CIMultiDict[str], name: str, value: str) -> CIMultiDict[str]:
    """The same with another value of one header behind the right one."""
    made = CIMultiDict(headers)
    made.add(name, value)
    return made


def forgeries(body: bytes) -> dict[str, CIMultiDict[str]]:
    """Headers that must not pass; where the time is wrong, the signature is right."""
    now = int(time.time())
    right = signed(body, str(now))
    mark = right["X-Slack-Signature"]

    def with_mark(value: str) -> CIMultiDict[str]:
        return twice(without(right, "x-slack-signature"), "X-Slack-Signature", value)

    return {
        "nothing": CIMultiDict({"Content-Type": FORM}),
        "no time": without(right, "x-slack-request-timestamp"),
        "no signature": without(right, "x-slack-signature"),
        "two times": twice(right, "X-Slack-Request-Timestamp", str(now)),
        "two signatures": twice(right, "X-Slack-Signature", mark),
        "words for a time": signed(body, "abc"),
        "an exponent": signed(body, "1e9"),
        "nan": signed(body, "nan"),
        "a fraction": signed(body, f"{now}.0"),
        "a plus": signed(body, f"+{now}"),
        "underscores": signed(body, f"{now // 1000}_{now % 1000:03}"),
        "negative": signed(body, f"-{now}"),
        "zero": signed(body, "0"),
        "too many digits for an int": signed(body, "9" * 5000),
        "too large for a float": signed(body, "9" * 400),
        "six minutes ago": signed(body, str(now - 360)),
        "in six minutes": signed(body, str(now + 360)),
        "beyond ASCII": with_mark(mark[:-1] + "\u00e9"),
        "upper case": with_mark(mark.upper()),
        "another version": with_mark("v1" + mark[2:]),
        "cut": with_mark(mark[:-2]),
        "of another secret": with_mark(sign("not-the-secret", str(now), body)),
        "of another body": with_mark(sign(SIGNING_SECRET, str(now), body + b" ")),
    }


async def keys_of(stage: Stage) -> set[str]:
    """All that is stored."""
    return set(await stage.store.database.command("KEYS", "*"))


async def test_what_is_not_slacks_is_refused_and_leaves_no_trace(
    stage: Stage, bot: BotProcess, canary: Canary, tmp_path: Path
) -> None:
    payload = click(stage, response_url=canary.url, channel=None, actions=[])
    body = urlencode({"payload": json.dumps(payload)}).encode()
    before, calls = await keys_of(stage), len(stage.slack.requests)
    for name, headers in forgeries(body).items():
        assert await post(bot.url + EVENTS, body, headers) == (401, b""), name
    body = b"text=\xff\xfe"
    assert await post(bot.url + EVENTS, body, signed(body, str(int(time.time())))) == (401, b"")
    assert await keys_of(stage) == before
    assert canary.hits == []
    assert {call.method for call in stage.slack.requests[calls:]} <= {"auth.test"}
    assert stage.told(BOB) == ""
    said = [line for line in lines(tmp_path) if line["event"] == "unverified_request"]
    assert len(said) == 1, "one line in a while"
    assert set(said[0]) == {"event", "why", "count", "level", "logger", "timestamp"}
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text
    assert BOB not in text
    async with aiohttp.ClientSession() as session, session.get(bot.url + "/metrics") as answer:
        counted = await answer.text()
    found = dict(re.findall(r'vco_route_unverified_total\{why="(\w+)"\} ([\d.]+)', counted))
    assert set(found) == {"no_signature", "not_now", "wrong_signature"}
    assert sum(map(float, found.values())) == len(forgeries(body)) + 1


async def test_what_is_not_verified_is_never_parsed(
    playing: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []

    class Recording(AsyncBoltRequest):
        def __init__(self, **more: Any) -> None:  # noqa: ANN401 - Bolt's
            parsed.append(more)
            super().__init__(**more)

    monkeypatch.setattr(server, "AsyncBoltRequest", Recording)
    body = b"a&" * 200_000
    for headers in forgeries(body).values():
        assert (await post(playing.bots[0][2] + EVENTS, body, headers))[0] == 401
    assert parsed == []
    await playing.command("status")
    assert len(parsed) == 1


async def test_headers_that_nobody_signed_do_not_reach_bolt(
    playing: Stage,
) -> None:
    """Bolt obeys some: `X-Slack-Bolt-Lazy-Only` makes it skip the acknowledgement."""
    ack = await playing.slack.command(ALICE, NETWORK_OPS, "/vco-route", "help")
    body = urlencode(playing.slack.deliveries[-1].payload).encode()
    headers = signed(body, str(int(time.time())))
    headers.update({"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "x"})
    status, answer = await post(playing.bots[0][2] + EVENTS, body, headers)
    assert (status, answer.decode()) == (200, ack.body)


async def test_slack_may_deliver_once_more_and_check_the_address(playing: Stage) -> None:
    url = playing.bots[0][2] + EVENTS
    event = {
        "type": "event_callback",
        "team_id": T_HOME,
        "event_id": "Ev1",
        "event": {"type": "app_home_opened", "user": BOB, "tab": "home"},
    }
    body, now = json.dumps(event).encode(), str(int(time.time()))
    again = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    headers = signed(body, now)
    headers.update({"Content-Type": "application/json"} | again)
    assert (await post(url, body, headers))[0] == 200
    await playing.slack.until(lambda: playing.slack.home(BOB))

    body = json.dumps({"type": "url_verification", "challenge": "c-123"}).encode()
    headers = signed(body, now)
    headers["Content-Type"] = "application/json"
    status, answer = await post(url, body, headers)
    assert (status, json.loads(answer)) == (200, {"challenge": "c-123"})
    assert await post(url, body, CIMultiDict({"Content-Type": "application/json"})) == (401, b"")

    assert (await post(url, b"ssl_check=1", CIMultiDict({"Content-Type": FORM})))[0] == 401
    assert (await post(url, b"ssl_check=1", signed(b"ssl_check=1", now)))[0] == 200


async def test_a_bot_that_is_starting_refuses_too(stage: Stage) -> None:
    stage.slack.outage = True
    starting = asyncio.create_task(stage.start_bot())
    await stage.slack.until(lambda: len(stage.slack.requests) > 1)
    body = b"text="
    url = stage.bots[0][2] + EVENTS
    assert await post(url, body, CIMultiDict({"Content-Type": FORM})) == (401, b"")
    assert (await post(url, body, signed(body, str(int(time.time())))))[0] == 503
    stage.slack.outage = False
    await starting


@pytest.mark.parametrize("length", ["declared", "chunked"])
async def test_a_body_that_slack_never_sends_is_refused(playing: Stage, length: str) -> None:
    body = b"text=" + b"a" * 600_000
    headers = signed(body, str(int(time.time())))

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50_000):
            yield body[start : start + 50_000]

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            playing.bots[0][2] + EVENTS,
            data=body if length == "declared" else parts(),
            headers=headers,
        ) as answer,
    ):
        assert (answer.status, await answer.read()) == (401, b"")


# --- addresses in payloads -----------------------------------------------------------------


async def test_an_address_that_is_not_slacks_is_not_called_and_the_person_is_told_elsewhere(
    playing: Stage, canary: Canary
) -> None:
    payload = click(playing, response_url=canary.url)
    assert (await playing.slack.deliver("interactive", payload)).status == 200
    await playing.until_told(BOB, "is not known any more")
    assert canary.hits == []


async def test_another_workspace_can_not_make_the_bot_call_anybody(
    playing: Stage, canary: Canary
) -> None:
    foreign = {"team": {"id": "T0FOREIGN"}, "user": {"id": BOB, "team_id": "T0FOREIGN"}}
    for more in ({}, {"type": "shortcut"}, {"type": "view_submission"}, {"actions": None}):
        payload = click(playing, response_url=canary.url, **foreign, **more)
        assert (await playing.slack.deliver("interactive", payload)).status == 200
    fields = {"command": "/vco-route", "text": "status", "team_id": "T0FOREIGN", "user_id": ALICE}
    ack = await playing.slack.deliver("slash_commands", fields | {"response_url": canary.url})
    assert ack.json is not None
    assert "This bot serves another workspace" in ack.json["text"]
    assert canary.hits == []
    assert await playing.store.database.command("KEYS", "*inbox*") == []


# --- many who want nothing --------------------------------------------------------------------


class Crowd:
    """Connections that begin something and go no further."""

    def __init__(self, url: str) -> None:
        self._port = int(url.rpartition(":")[2])
        self._open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def come(self, count: int, data: bytes) -> None:
        """So many more, each sends this and waits."""
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._open.append((reader, writer))
            writer.write(data)

    def closed(self) -> int:
        """How many of them were closed by now."""
        return sum(reader.at_eof() or bool(reader.exception()) for reader, _ in self._open)

    async def go(self) -> None:
        """All go away."""
        for _, writer in self._open:
            writer.transport.abort()
        ends = (writer.wait_closed() for _, writer in self._open)
        await asyncio.gather(*ends, return_exceptions=True)


@pytest_asyncio.fixture
async def crowd(bot: BotProcess) -> AsyncIterator[Crowd]:
    """Nobody yet."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:  # the test itself holds many sockets
        limit = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    many = Crowd(bot.url)
    yield many
    await many.go()


def unfinished(length: int, sent: int) -> bytes:
    """A request to Slack's endpoint that looks signed, and a part of its body."""
    head = (
        f"POST {EVENTS} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
        f"X-Slack-Request-Timestamp: {int(time.time())}\r\nX-Slack-Signature: v0={'0' * 64}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )
    return head.encode() + b"a&" * (sent // 2)


def resident(bot: BotProcess) -> int:
    """Bytes of memory that the process uses."""
    text = Path(f"/proc/{bot.pid}/status").read_text()
    [kilobytes] = re.findall(r"VmRSS:\s+(\d+) kB", text)
    return int(kilobytes) * 1024


async def test_connections_that_are_held_open_starve_nobody(
    stage: Stage, bot: BotProcess, crowd: Crowd, tmp_path: Path
) -> None:
    await crowd.come(250, b"")
    await crowd.come(250, b"POST /slack/events HTTP/1.1\r\nHost: x\r\nX-Half: ")
    await crowd.come(250, unfinished(1000, 100))
    began = time.monotonic()
    async with aiohttp.ClientSession() as session, session.get(bot.url + "/healthz") as answer:
        assert answer.status == 200
    ack = await stage.command("status")
    assert (ack.status, ack.error) == (200, "")
    await stage.until_told(ALICE, "Nothing is pending")
    assert time.monotonic() - began < 3, "within Slack's three seconds"
    assert crowd.closed() >= 200
    said = [line for line in lines(tmp_path) if line["event"] == "connections_closed"]
    assert 1 <= len(said) <= 3
    assert {line["why"] for line in said} == {"crowded"}
    assert {line["level"] for line in lines(tmp_path)} <= {"info", "warning"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
async def test_bodies_that_never_end_hold_little_memory(
    stage: Stage, bot: BotProcess, crowd: Crowd
) -> None:
    before, most = resident(bot), 0
    for _ in range(10):
        await crowd.come(30, unfinished(500_000, 400_000))
        most = max(most, resident(bot) - before)
    ack = await stage.command("status")
    assert (ack.status, ack.error) == (200, "")
    most = max(most, resident(bot) - before)
    assert most < 64 * 1024 * 1024, f"{most:,} bytes for 120,000,000 that were sent"


async def test_what_is_no_http_and_what_breaks_off_is_logged_once_in_a_while(
    stage: Stage, crowd: Crowd, tmp_path: Path
) -> None:
    for data in (
        b"\x16\x03\x01 no HTTP\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"GET /" + b"a" * 10_000,
        unfinished(500_000, 1000).replace(b"Content-Length: 500000", b"Transfer-Encoding: chunked"),
        unfinished(500_000, 1000),
    ):
        await crowd.come(20, data)
    await crowd.go()
    ack = await stage.command("status")
    assert (ack.status, ack.error) == (200, "")
    await stage.until_told(ALICE, "Nothing is pending")
    assert "Traceback" not in (tmp_path / "log").read_text()
    said = [line["event"] for line in lines(tmp_path) if line["level"] != "info"]
    assert said.count("malformed_http") in (1, 2)
    assert len(said) <= 6, said


async def test_questions_about_readiness_cost_slack_little(stage: Stage, bot: BotProcess) -> None:
    before = len(stage.slack.requests)
    async with aiohttp.ClientSession() as session:

        async def ask() -> int:
            async with session.get(bot.url + "/readyz") as answer:
                return answer.status

        began = time.monotonic()
        found = [await asyncio.gather(*(ask() for _ in range(50))) for _ in range(10)]
        took = time.monotonic() - began
    assert {status for row in found for status in row} == {200}
    assert len(stage.slack.requests) - before <= 2 + took / 3
