"""Logging: one renderer for everybody, the request's id on every line, no secret on any."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator, Sequence

import pytest
import structlog

from bot import logs
from bot.config.secret import Secret
from bot.config.settings import LogFormat
from bot.logs import configure

HIDDEN = "hunter2hunter2"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in logs.TALKATIVE}
    hooks = sys.excepthook, threading.excepthook
    yield
    root.handlers, root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    sys.excepthook, threading.excepthook = hooks
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(params=["json", "console", "console with colours"])
def stream(request: pytest.FixtureRequest) -> io.StringIO:
    """What was logged, once in each format."""
    look, _, colours = request.param.partition(" ")
    text = Terminal() if colours else io.StringIO()
    configure(LogFormat(look), "DEBUG", stream=text)
    return text


def lines_of_json(level: str = "INFO", secrets: Sequence[Secret] = ()) -> io.StringIO:
    text = io.StringIO()
    configure(LogFormat.JSON, level, secrets=secrets, stream=text)
    return text


def test_our_events_are_named_and_bear_what_is_bound() -> None:
    stream = lines_of_json()
    with structlog.contextvars.bound_contextvars(request="r-1"):
        structlog.get_logger("bot.execution").info("route_sent", route_dest="10.0.0.0/8")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "route_sent",
        "level": "info",
        "logger": "bot.execution",
        "request": "r-1",
        "route_dest": "10.0.0.0/8",
    }


def test_messages_of_libraries_look_the_same_and_bear_the_request_too() -> None:
    stream = lines_of_json()
    with structlog.contextvars.bound_contextvars(request="r-1"):
        logging.getLogger("slack_bolt.AsyncApp").warning("unhandled %s", "request")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("unhandled request", "warning")
    assert (line["logger"], line["request"]) == ("slack_bolt.AsyncApp", "r-1")


def test_the_level_holds_for_everybody() -> None:
    stream = lines_of_json(level="ERROR")
    structlog.get_logger("bot").warning("quiet")
    logging.getLogger("httpx").warning("quiet")
    structlog.get_logger("bot").error("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


@pytest.mark.parametrize("name", ["httpx", "slack_sdk.web.async_client", "slack_bolt", "httpcore"])
def test_libraries_that_tell_every_call_are_kept_quiet_even_at_debug(name: str) -> None:
    stream = lines_of_json(level="DEBUG")
    logging.getLogger(name).info("POST /api/chat.postMessage")
    assert stream.getvalue() == ""
    logging.getLogger(name).warning("retrying")
    assert json.loads(stream.getvalue())["event"] == "retrying"


def test_the_console_shows_an_event_on_one_line_without_colours_in_a_file() -> None:
    stream = io.StringIO()
    configure(LogFormat.CONSOLE, stream=stream)
    structlog.get_logger("bot").info("route_sent", by="U0BOB")
    assert stream.getvalue().count("\n") == 1
    assert "route_sent" in stream.getvalue()
    assert "by=U0BOB" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_secret_is_masked_by_its_type_however_deep(stream: io.StringIO) -> None:
    hidden = Secret(HIDDEN)
    structlog.get_logger("bot").info("started", token=hidden, nested={"list": [hidden]})
    logging.getLogger("other").info("%s and %r", hidden, {"key": hidden})
    assert HIDDEN not in stream.getvalue()
    assert stream.getvalue().count("***") == 4


SECRETS_IN_TEXT = [
    f"token xoxb-1-2-{HIDDEN}",
    f"token xapp-1-A-{HIDDEN}",
    f"posting to https://hooks.slack.com/commands/T0/1/{HIDDEN}",
    f"wss://wss.example/link/?ticket={HIDDEN}&app_id=1",
    f"key LTAI{HIDDEN}",
    f"Authorization: Bearer {HIDDEN}",
    f"bearer {HIDDEN}",
    f"{{'Authorization': 'ACS3-HMAC-SHA256 Credential=x,SignedHeaders=a;b,Signature={HIDDEN}'}}",
    f"?Signature={HIDDEN}&SignatureNonce=1",
    f"X-Slack-Signature: v0={HIDDEN}",
    f"AccessKeySecret={HIDDEN}",
    f"x-acs-security-token: {HIDDEN}",
    f'{{"IkeConfig": {{"Psk": "{HIDDEN}"}}, "AuthKey": "{HIDDEN}"}}',
    f"redis://:{HIDDEN}@cache:6379/0",
    f"rediss://user:{HIDDEN}@cache",
]


@pytest.mark.parametrize("text", SECRETS_IN_TEXT)
def test_what_looks_like_a_secret_is_masked_wherever_it_stands(
    stream: io.StringIO, text: str
) -> None:
    structlog.get_logger("bot").info("in a value", value=text)
    structlog.get_logger("bot").info("in a value", nested=[{"deep": text}])
    structlog.get_logger("bot").info(f"in the event {text}")
    logging.getLogger("other").info("in a message: %s", text)
    assert HIDDEN not in stream.getvalue()
    assert stream.getvalue().count("***") >= 4


@pytest.mark.parametrize("text", SECRETS_IN_TEXT)
def test_tracebacks_are_masked_too_and_show_no_variables(stream: io.StringIO, text: str) -> None:
    kept_back = f"{len(text)} kept back"
    try:
        _fail(text, kept_back)
    except RuntimeError:
        structlog.get_logger("bot").exception("step_failed")
        logging.getLogger("other").exception("failed")
    assert HIDDEN not in stream.getvalue()
    assert f"{len(text)} kept back" not in stream.getvalue()
    assert stream.getvalue().count("could not call") >= 2


def test_masked_json_is_still_json() -> None:
    stream = lines_of_json()
    for text in SECRETS_IN_TEXT:
        structlog.get_logger("bot").info("told", value=text, password=HIDDEN, more='quoted "x"')
    for line in stream.getvalue().splitlines():
        assert json.loads(line)["password"] == "***"
        assert json.loads(line)["more"] == 'quoted "x"'


def test_the_values_of_known_secrets_are_masked_in_every_shape() -> None:
    odd = 'no"pattern/fits me'
    stream = lines_of_json(secrets=[Secret(odd), Secret("")])
    structlog.get_logger("bot").info("told", as_it_is=odd, in_a_url="no%22pattern%2Ffits%20me")
    line = json.loads(stream.getvalue())
    assert (line["as_it_is"], line["in_a_url"]) == ("***", "***")


def test_what_people_need_to_see_is_not_masked(stream: io.StringIO) -> None:
    structlog.get_logger("bot").info(
        "route_sent",
        client_token="vco-7f3a",
        alibaba_request_id="9208DDD8",
        code="SignatureNonceUsed",
        reason="the password of the tunnel changed",
        address="https://vpc.aliyuncs.com/?Action=x",
    )
    assert "***" not in stream.getvalue()


def test_a_value_is_masked_by_its_name(stream: io.StringIO) -> None:
    structlog.get_logger("bot").info("told", password=HIDDEN, security_token=HIDDEN)
    assert HIDDEN not in stream.getvalue()


def test_a_message_that_can_not_be_put_together_shows_nothing_of_itself(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = logging.getLogger().handlers[0]
    ours.handle(logging.LogRecord("other", logging.INFO, "", 0, "%d routes", (HIDDEN,), None))
    said = capsys.readouterr().err
    assert HIDDEN not in stream.getvalue() + said
    assert "a log line of other could not be written: TypeError" in said


def test_a_crash_is_logged_and_masked_instead_of_printed(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError(f"Bearer {HIDDEN}")
    sys.excepthook(RuntimeError, error, None)
    thread = threading.Thread(target=_crash, args=(f"xoxb-{HIDDEN}",))
    thread.start()
    thread.join()
    assert stream.getvalue().count("crashed") == 2
    assert HIDDEN not in stream.getvalue() + capsys.readouterr().err


def test_a_ctrl_c_is_no_crash(stream: io.StringIO) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""


def _crash(words: str) -> None:
    raise RuntimeError(words)


def _fail(words: str, kept_back: str) -> None:
    try:
        _crash(words)
    except RuntimeError as error:
        raise RuntimeError("could not call", len(kept_back)) from error
