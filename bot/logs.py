"""Logging: named events with the request's id bound, one renderer for everybody, no secrets.

Our events come through structlog, the libraries' through `logging`; both leave by one handler.
Bind what every line of a task should bear with `structlog.contextvars.bound_contextvars`, such
as `request=request.id`. Secrets are masked three times: by their type (`bot.config.secret`), by
value (those the settings hold), and by what secrets look like, in messages of libraries and in
tracebacks too. `LimitedLog` is for what strangers can cause as often as they like.
"""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor

from bot.config.secret import MASK, Secret
from bot.config.settings import LogFormat

# They tell every call at INFO, and whole payloads with their tokens at DEBUG.
TALKATIVE = (
    *("slack_bolt", "slack_sdk", "aiohttp.access", "httpx", "httpcore"),
    *("alibabacloud_credentials", "apscheduler", "asyncio"),
)

# A shorter value is no secret worth the name, and masking it would blank out half the log.
_SHORTEST = 4

# Where a word starts, also right behind a colour's code, which ends in a letter.
_START = r"(?:\b|(?<=\dm))"

# Between a name and its value, in JSON, in a repr, in a URL, with or without colours.
_COLOURS = r"(?:\x1b\[[0-9;]*m)*"
_GAP = rf"{_COLOURS}\\?[\"']?\s*{_COLOURS}[=:]{_COLOURS}\s*\\?[\"']?{_COLOURS}"
_NAMES = (
    r"access_?key_?secret|security[_-]?token|client_?secret|signing_?secret|(?:app|bot)_?token"
    r"|x-slack-signature|signature|password|passwd|psk|auth_?key"
)

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Slack's tokens, and the address that lets anybody answer a command.
        rf"(){_START}xox[a-z]-[\w-]+",
        rf"(){_START}xapp-[\w-]+",
        r"(hooks\.slack\.com/)[^\s\"'\\<>]+",
        # An access key's id (its secret looks like nothing in particular), and signatures.
        rf"(){_START}LTAI\w{{8,}}",
        rf"{_START}((?:{_NAMES}){_GAP})[^\s\"'\\,&;}})\x1b]+",
        rf"{_START}(authorization{_GAP})[^\"'\\\r\n\x1b]+",
        rf"{_START}(bearer\s+)[\w.~+/=-]+",
        # Whoever has a Socket Mode ticket gets our events.
        r"([?&]ticket=)[\w.-]+",
        # The login in an address.
        r"(\w://)[^\s/@\"'\\]+(?=@)",
    )
)


class Masker:
    """Takes secrets out of text that is about to be written."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        """Mask these values wherever they turn up, besides what looks like a secret."""
        values = {
            shape
            for text in (secret.reveal() for secret in secrets)
            if len(text) >= _SHORTEST
            for shape in (text, json.dumps(text)[1:-1], quote(text, safe=""))
        }
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def __call__(self, text: str) -> str:
        """The text with a mask in place of every secret."""
        if self._values:
            text = self._values.sub(MASK, text)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\1{MASK}", text)
        return text


class _MaskingHandler(logging.StreamHandler[TextIO]):
    """Writes lines whose secrets are masked, after everything has been turned into text."""

    def __init__(self, stream: TextIO, mask: Masker) -> None:
        super().__init__(stream)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        return self._mask(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        # The standard one prints the message's arguments as they are.
        problem = type(sys.exception() or Exception()).__name__
        line = f"a log line of {record.name} could not be written: {problem}"
        print(line, file=sys.stderr)  # noqa: T201 - there is nowhere else left to say it


def configure(
    log_format: LogFormat,
    level: str = "INFO",
    *,
    secrets: Iterable[Secret] = (),
    stream: TextIO | None = None,
) -> None:
    """Send everything that is logged to `stream` (standard error unless given)."""
    stream = stream or sys.stderr
    handler = _MaskingHandler(stream, Masker(secrets))
    handler.setFormatter(_formatter(log_format, colours=stream.isatty()))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    sys.excepthook = _crashed
    threading.excepthook = _thread_crashed


def _shared() -> list[Processor]:
    """What every line bears, whoever logged it."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(log_format: LogFormat, *, colours: bool) -> logging.Formatter:
    # Plain tracebacks: the pretty ones show local variables, and with them whole payloads.
    renderer: Processor
    match log_format:
        case LogFormat.JSON:
            renderer = structlog.processors.JSONRenderer(serializer=_json)
        case LogFormat.CONSOLE:
            renderer = structlog.dev.ConsoleRenderer(
                colors=colours, exception_formatter=structlog.dev.plain_traceback
            )
    finish: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format is LogFormat.JSON:
        finish.append(structlog.processors.format_exc_info)
    else:
        finish.append(_visible)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(), processors=[*finish, renderer]
    )


def _json(fields: object, **options: Any) -> str:  # noqa: ANN401 - structlog's own
    """JSON in which words of all languages stand as they are, and nothing that can't be seen.

    JSON does not ask that what moves a terminal or ends a line for some programs is escaped.
    """
    return _escaped(json.dumps(fields, ensure_ascii=False, **options))


def _visible(_: object, __: str, event: EventDict) -> EventDict:
    """A line of the console is one line: whatever somebody wrote, it starts no other one."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _escaped(value)
    return event


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what nobody caught: Python itself would print it with its secrets."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("bot").critical("crashed", exc_info=(kind, error, trace))


def _thread_crashed(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None:
        _crashed(crash.exc_type, crash.exc_value, crash.exc_traceback)


_LIMITED_SECONDS = 10.0


class LimitedLog:
    """Logs one event at most every 10 seconds; the next line says how many there were.

    Exact numbers are for a counter of `bot.metrics`: what follows the last line is not logged.
    """

    def __init__(self, name: str, event: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Log `event` as the module `name`; `clock` is in seconds."""
        self._log = structlog.get_logger(name)
        self._event = event
        self._clock = clock
        self._count = 0
        self._next = 0.0

    def __call__(self, **about: str) -> None:
        """It happened once more; `about` this one, if it is the one that is logged."""
        self._count += 1
        now = self._clock()
        if now < self._next:
            return
        self._log.warning(self._event, count=self._count, **about)
        self._count, self._next = 0, now + _LIMITED_SECONDS
