"""The bot as a program: it starts, says how it is, survives what comes and goes, and stops."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import aiohttp
import pytest
import pytest_asyncio
from program import run
from stage import Stage, request_id
from waiting import until, until_ready

from bot.sandbox.process import BotProcess
from bot.sandbox.slack.workspace import ALICE
from bot.sandbox.valkey import EmbeddedValkey


async def get(url: str, path: str) -> tuple[int, str]:
    """What a monitoring system sees there."""
    async with aiohttp.ClientSession() as session, session.get(url + path) as answer:
        return answer.status, await answer.text()


# --- as a process --------------------------------------------------------------------------


async def test_missing_settings_are_told_in_a_line_each() -> None:
    status, out, err = await run(SLACK_APP_TOKEN="")
    assert (status, out) == (2, "")
    names = [line.split(":")[0] for line in err.splitlines()]
    assert sorted(names) == ["SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "VCO_APPROVERS"]


WRONG: list[tuple[dict[str, str], str]] = [
    ({"SLACK_BOT_TOKEN": "xoxb-nobody-knows"}, "SLACK_BOT_TOKEN: Slack answers invalid_auth"),
    ({"SLACK_BOT_TOKEN": "xoxp-of-a-person"}, "SLACK_BOT_TOKEN: must start with xoxb-"),
    ({"SLACK_APP_TOKEN": "xapp-nobody-knows"}, "SLACK_APP_TOKEN: Slack answers invalid_auth"),
    ({"REDIS_URL": "http://127.0.0.1"}, "REDIS_URL: "),
    ({"VCO_APPROVERS": "alice"}, "VCO_APPROVERS: "),
    ({"PORT": "taken"}, "PORT: 'taken' is no whole number"),
    ({"VCO_LEASE": "9"}, "VCO_LEASE: '9' is no whole number from 10 to 300"),
    ({"SSL_CERT_FILE": "/no/such.pem"}, "SSL_CERT_FILE: /no/such.pem can't be read"),
    ({"HTTPS_PROXY": "proxy.example:3128"}, "HTTPS_PROXY: must be the address of a proxy"),
    ({"VCO_APPROVAL_CHANNEL": "#ops"}, "VCO_APPROVAL_CHANNEL: '#ops' is no channel ID"),
]


@pytest.mark.parametrize(("changes", "line"), WRONG, ids=[line for _, line in WRONG])
async def test_a_wrong_setting_ends_it_with_one_line_that_names_it(
    stage: Stage, changes: dict[str, str], line: str
) -> None:
    status, out, err = await run(**(stage.environment() | changes))
    assert (status, out) == (2, "")
    *log, said = err.splitlines()
    assert said.startswith(line)
    assert all(entry.startswith("{") for entry in log)
    assert "Traceback" not in err
    assert "nobody-knows" not in err


async def test_a_port_that_is_taken_is_told(stage: Stage) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, _, err = await run(**stage.environment(PORT=port))
    assert status == 2
    assert err.splitlines()[-1].startswith(f"HOST, PORT: can't listen on 127.0.0.1:{port}")
    assert "Traceback" not in err


async def test_a_word_that_is_no_subcommand_is_refused() -> None:
    status, _, err = await run("sever")
    assert status == 2
    assert "sever" in err


class Replicas:
    """Bots as processes of their own, and their logs."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage = stage
        self._directory = directory
        self._running: list[BotProcess] = []

    async def start(self, **changes: str) -> BotProcess:
        """Start one that gets Slack's deliveries."""
        log = self._directory / f"bot-{len(self._running)}.log"
        bot = BotProcess(self.stage.environment() | changes, log=log)
        self._running.append(bot)
        await bot.start()
        self.stage.slack.deliver_to(f"{bot.url}/slack/events")
        return bot

    def log(self, index: int) -> str:
        """What one has logged."""
        return (self._directory / f"bot-{index}.log").read_text()

    async def stop(self) -> None:
        """Stop all that still run."""
        for bot in self._running:
            await bot.stop()


@pytest_asyncio.fixture
async def replicas(stage: Stage, tmp_path: Path) -> AsyncIterator[Replicas]:
    started = Replicas(stage, tmp_path)
    yield started
    await started.stop()


async def test_a_start_and_a_deletion_without_trouble_have_nothing_to_warn_of(
    replicas: Replicas,
) -> None:
    await replicas.start(LOG_FORMAT="json")
    card = await replicas.stage.ask()
    await replicas.stage.approve(card)
    await replicas.stage.until_deleted(card)
    said = [json.loads(line) for line in replicas.log(0).splitlines()]
    # But for what is so: this database has no replica.
    odd = [line for line in said if line["level"] not in ("info", "debug")]
    assert {(line["event"], line.get("what")) for line in odd} <= {("check", "replicas")}, odd


async def test_a_deletion_in_flight_is_finished_by_the_next_process(replicas: Replicas) -> None:
    stage = replicas.stage
    first = await replicas.start(LOG_LEVEL="INFO")
    card = await stage.ask()
    await stage.approve(card)
    await until(lambda: stage.vpc.effects(stage.route) == 1)
    began = monotonic()
    assert await first.stop() == 0
    assert monotonic() - began < 10
    assert stage.cards()[0] is card
    await replicas.start()
    await stage.until_deleted(card)
    assert stage.vpc.effects(stage.route) == 1
    assert "Traceback" not in replicas.log(0) + replicas.log(1)
    assert (await stage.request(card)).id in replicas.log(0)


async def test_a_stop_does_not_wait_for_an_api_that_hangs(replicas: Replicas) -> None:
    stage = replicas.stage
    bot = await replicas.start()
    stage.vpc.switch_fault("api_hangs", on=True)
    await stage.command("list vco-p0w5112fgnl2ihlmf7k3qd")
    await until(lambda: bool(stage.vpc.calls))
    began = monotonic()
    assert await bot.stop() == 0
    assert monotonic() - began < 10
    assert "Traceback" not in replicas.log(0)


async def test_a_bot_that_is_killed_leaves_no_process_behind(replicas: Replicas) -> None:
    bot = await replicas.start()
    pid = bot.pid
    assert pid is not None
    bot.kill()
    assert bot.status == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# --- health --------------------------------------------------------------------------------


@pytest.mark.parametrize("socket_mode", [False, True], ids=["HTTP", "Socket Mode"])
async def test_both_modes_say_how_they_are(stage: Stage, socket_mode: bool) -> None:  # noqa: FBT001 - a parameter of the test
    url = await stage.start_bot(socket_mode=socket_mode)
    assert await get(url, "/healthz") == (200, '{"status": "ok"}')
    names = ["redis", "storage", "slack", "credentials", *(["socket"] if socket_mode else [])]
    status, body = await get(url, "/readyz")
    found = json.loads(body)
    assert status == 200
    assert {name: found[name] for name in names} == dict.fromkeys(names, "ok")
    assert ("socket" in found) is socket_mode
    assert (await get(url, "/slack/events"))[0] == (404 if socket_mode else 405)
    before = await count(url, 'vco_route_deliveries_total{stored="yes"}')
    await stage.command("status")
    await stage.until_told(ALICE, "Nothing is pending")
    async with asyncio.timeout(60):
        while await count(url, 'vco_route_deliveries_total{stored="yes"}') != before + 1:
            await asyncio.sleep(0.05)


async def count(url: str, name: str) -> float:
    """A counter as Prometheus would read it."""
    status, body = await get(url, "/metrics")
    assert status == 200
    assert "# TYPE vco_route_steps_total counter" in body
    lines = [line.rpartition(" ") for line in body.splitlines()]
    return next((float(value) for found, _, value in lines if found == name), 0.0)


async def test_readiness_names_what_is_away_and_comes_back(stage: Stage) -> None:
    url = await stage.start_bot()
    stage.slack.outage = True
    assert '"slack": "does not answer' in await until_ready(url, 503)
    assert (await get(url, "/healthz"))[0] == 200
    stage.slack.outage = False
    await until_ready(url)


async def test_slack_may_come_after_the_bot(stage: Stage) -> None:
    stage.slack.outage = True
    starting = asyncio.create_task(stage.start_bot())
    await until(lambda: len(stage.slack.requests) > 1)
    assert not starting.done()
    stage.slack.outage = False
    await starting
    assert request_id(await stage.ask())


@pytest.mark.parametrize("socket_mode", [False, True], ids=["HTTP", "Socket Mode"])
async def test_redis_may_come_after_the_bot(stage: Stage, socket_mode: bool) -> None:  # noqa: FBT001 - the same
    valkey = EmbeddedValkey()
    async with valkey:
        await valkey.kill()
        starting = asyncio.create_task(
            stage.start_bot(socket_mode=socket_mode, REDIS_URL=valkey.url)
        )
        await until(lambda: bool(stage.bots))
        body = await until_ready(stage.bots[0][2], 503)
        assert '"redis": "does not answer' in body
        await valkey.start()
        await starting
        await stage.command("status")
        await stage.until_told(ALICE, "Nothing is pending")
        await stage.stop_bots()
