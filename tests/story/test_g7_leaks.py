"""G7: nothing leaks, and what people write can't ping, link or format."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from functools import partial

import pytest
import structlog
from stage import Stage, delete_command
from waiting import until

from bot import logs
from bot.config.settings import LogFormat, Settings
from bot.models import RequestState
from bot.sandbox.scene import BOT_TOKEN, SIGNING_SECRET
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, Json
from bot.sandbox.vpc import SECRET_MARKERS, seed
from bot.sandbox.vpc.faults import Fault, FaultKind

WHOLE_ANSWER = "cgw-p0wy363lucf1uyae8local"
"""A part of a connection's answer that nobody needs: where it turns up, a whole answer was kept."""

SECRETS = (*SECRET_MARKERS, BOT_TOKEN, SIGNING_SECRET, seed.ACCESS_KEY_SECRET, WHOLE_ANSWER)

HOSTILE = "<!channel> <@U0GINA001> <https://evil.example|click> @gina *b* `c` & :boom:"
RAW = ("<!channel", "<@U0GINA001", "<https://evil", "<!here")


@pytest.fixture
def log_lines(stage: Stage) -> Iterator[io.StringIO]:
    """All that is logged, down to DEBUG, as a deployment would write it."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers, root.level, (sys.excepthook, threading.excepthook)
    levels = {name: logging.getLogger(name).level for name in logs.TALKATIVE}
    stream = io.StringIO()
    secrets = Settings.from_env(stage.environment()).secrets
    logs.configure(LogFormat.JSON, "DEBUG", secrets=secrets, stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


READS: dict[str, tuple[str, ...]] = {
    "string": ("GET",),
    "hash": ("HGETALL",),
    "list": ("LRANGE", "0", "-1"),
    "zset": ("ZRANGE", "0", "-1"),
    "set": ("SMEMBERS",),
    "stream": ("XRANGE", "-", "+"),
}


async def everything_in_redis(stage: Stage) -> str:
    """Every key with its whole value."""
    command = stage.store.database.command
    parts = []
    for key in await command("KEYS", "*"):
        name, *rest = READS[await command("TYPE", key)]
        parts.append(f"{key} {await command(name, key, *rest)}")
    return "\n".join(parts)


async def test_no_secret_reaches_redis_slack_or_the_log(
    hurried: Stage, log_lines: io.StringIO
) -> None:
    """A whole story, and everything that can go wrong with the API's answers."""
    await hurried.start_bot(operation_timeout=2)
    card = await hurried.ask()
    await hurried.approve(card)
    await hurried.until_deleted(card)

    await hurried.command(f"list {seed.ORDINARY}")
    await hurried.command("list vco-unknown00000000000")
    await hurried.command("status")
    hurried.slack.open_home(BOB)
    kinds = (FaultKind.HTML_AFTER, FaultKind.TRUNCATED, FaultKind.MISSING_FIELDS, FaultKind.RESET)
    reading = "DescribeVpnConnection"
    for kind in kinds:
        spoiled = hurried.vpc.faults.add(Fault(kind=kind, action=reading))
        await hurried.command(f"list {seed.TWINS}")
        await until(partial(spoiled.spent, 0.0))
    refusal = Fault(
        kind=FaultKind.ERROR, action="DeleteVcoRouteEntry", code="SignatureDoesNotMatch"
    )
    hurried.vpc.faults.add(refusal)
    failing = await hurried.ask(f"delete {seed.ORDINARY} {seed.LONE_DEST}")
    await hurried.approve(failing)
    assert (await hurried.until_ended(failing)).state is RequestState.FAILED
    await hurried.until_thread_says(failing, "The signature was refused")
    hurried.slack.outage = True
    await hurried.command(f"list {seed.ORDINARY}")
    hurried.slack.outage = False
    await hurried.stop_bots()

    slack = hurried.slack
    seen = {
        "redis": await everything_in_redis(hurried),
        "calls to Slack": json.dumps([call.args for call in slack.requests]),
        "acknowledgements": "\n".join(d.ack.body for d in slack.deliveries if d.ack),
        "log": log_lines.getvalue(),
    }
    assert all(len(text) > 1000 for name, text in seen.items() if name != "acknowledgements")
    assert "decision" in seen["log"]
    assert seed.SHADOWED_DEST in seen["redis"]
    for place, text in seen.items():
        for secret in SECRETS:
            assert secret not in text, f"{secret} in {place}"
    assert seed.ACCESS_KEY_ID not in seen["log"]
    assert "hooks/" not in seen["log"]
    assert "/response/" not in seen["log"]  # whoever has that address can answer in our name


async def test_what_people_write_is_shown_and_never_interpreted(brisk: Stage) -> None:
    """Reasons of requests and rejections, and mistyped words of commands."""
    asked = await brisk.ask(f'delete {seed.ORDINARY} {seed.SHADOWED_DEST} --reason "{HOSTILE}"')
    await brisk.approve(asked)
    await brisk.until_deleted(asked)
    other = await brisk.ask(f"delete {seed.ORDINARY} {seed.LONE_DEST} --reason '{HOSTILE}'")
    await brisk.reject(other, HOSTILE, CAROL)
    await brisk.until_shown(other, RequestState.REJECTED)
    assert "*b* `c` & :boom:" in text_of(asked)  # it is shown as it was written
    assert text_of(other).count("*b* `c` & :boom:") == 2

    answers = [await brisk.command(text) for text in (HOSTILE, f"delete {HOSTILE}", "list <!here>")]
    answers.append(await brisk.command("status <!channel>"))
    answers.append(await brisk.command(f"delete {seed.ORDINARY} 10.0.0.0/8 --region <!channel>"))
    interpreted = [ack.body for ack in answers]
    # What somebody wrote in the cloud's console is no better.
    brisk.vpc.connection(seed.TWINS).name = HOSTILE
    await brisk.command(f"list {seed.TWINS}")
    await brisk.until_told(ALICE, "\u2217b\u2217 \u02cbc\u02cb &amp; \u2236boom:")
    for call in brisk.slack.requests:
        interpreted += mrkdwn_of(call.args)
    assert len(interpreted) > 30
    for text in interpreted:
        assert not any(raw in text for raw in RAW), text


def mrkdwn_of(message: Json) -> list[str]:
    """The texts of a message that Slack interprets: its `text`, and every mrkdwn object."""
    found = [message["text"]] if isinstance(message.get("text"), str) else []
    waiting: list[object] = list(message.get("blocks") or [])
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if value.get("type") == "mrkdwn":
                found.append(value["text"])
            else:
                waiting += value.values()
    return found


async def test_a_request_is_named_by_its_command_and_nothing_of_a_route_is_lost(
    brisk: Stage,
) -> None:
    """The reason travels untouched from the command to the record."""
    card = await brisk.ask(delete_command(brisk.route, reason="a < b && c > d"))
    assert (await brisk.request(card)).reason == "a < b && c > d"
    assert "a < b && c > d" in text_of(card)
