"""The environment, read once: every variable checked, every secret masked.

All problems are told at once, one line each, so that a deployment is mended in one go. Blank
values count as unset. What an operator may want to turn beyond the contract: `VCO_LEASE`, the
seconds for which a worker owns one step, and `VCO_TOKEN_WINDOW`, the seconds after its first
send in which a deletion may be sent again with the same ClientToken (the vendor does not say
how long it remembers one; past the window the bot only reads).
"""

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum

from bot.alibaba.endpoints import parse_override
from bot.config import redis_url
from bot.config.environment import (
    Reader,
    between,
    certificates,
    directory,
    not_proxied,
    one_of,
    proxy,
    regex,
    seal_keys,
    secret,
    web_address,
)
from bot.config.redis_url import RedisTarget
from bot.config.secret import Secret
from bot.errors import SettingsError
from bot.models import People, Value
from bot.policy import approvers

DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
DEFAULT_SLACK_API_URL = "https://slack.com/api/"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DAY = 86_400

SHORTEST_LEASE = 10
"""Seconds. A call to Alibaba Cloud gets a quarter of a lease, and two seconds are usual on a bad
day: with less no answer would ever be heard."""

_VCO_VARIABLES = (
    "VCO_APPROVERS",
    "VCO_POLICY_FILE",
    "VCO_APPROVAL_CHANNEL",
    "VCO_APPROVAL_TIMEOUT",
    "VCO_OPERATION_TIMEOUT",
    "VCO_LEASE",
    "VCO_TOKEN_WINDOW",
    "VCO_QUOTA_SHARE",
    "VCO_RETENTION",
    "VCO_REDIS_REPLICAS",
    "VCO_SEAL_KEY",
)

_CREDENTIALS = (
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_SECURITY_TOKEN",
)


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


class Settings(Value, frozen=True):
    """What the environment says. Times are in seconds; None is a variable that is not set.

    `warnings` are lines for the log. `secrets` are all secret values that were seen, also those
    that only the vendor's credential chain uses: `bot.logs` masks them wherever they turn up.
    """

    slack_bot_token: Secret
    slack_app_token: Secret | None
    slack_signing_secret: Secret | None
    slack_api_url: str
    redis: RedisTarget
    redis_replicas: int | None
    region: str | None
    vpc_endpoint: str | None
    approvers: People
    policy_file: str | None
    approval_channel: str | None
    approval_timeout: int
    operation_timeout: int
    lease: int
    token_window: int
    quota_share: int
    retention: int
    seal_keys: tuple[Secret, ...]
    host: str
    port: int
    log_format: LogFormat
    log_level: str
    warnings: tuple[str, ...]
    secrets: tuple[Secret, ...]

    @property
    def socket_mode(self) -> bool:
        """Whether Slack is reached through Socket Mode; over HTTP otherwise."""
        return self.slack_app_token is not None

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, terminal: bool = False) -> "Settings":
        """Read the settings; `terminal` says whether a person watches the log.

        Raises:
            SettingsError: Something is missing or wrong; a line for each.
        """
        reader = Reader(env)
        _refuse_half_settings(reader)
        settings = _read(reader, terminal=terminal)
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings


def redis_target(reader: Reader) -> RedisTarget:
    """Where the database is: all that is needed to read what is recorded."""
    return reader.get("REDIS_URL", _database, redis_url.parse(DEFAULT_REDIS_URL))


def network(reader: Reader) -> None:
    """Look at what the libraries read by themselves: proxies, and certificates of one's own.

    They would end the bot with a traceback, or never reach anything, and name no variable.
    """
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        reader.optional(name, proxy)
        reader.optional(name.lower(), proxy)
    for name in ("NO_PROXY", "no_proxy"):
        reader.optional(name, not_proxied)
    reader.optional("SSL_CERT_FILE", certificates)
    reader.optional("SSL_CERT_DIR", directory)


def _database(text: str) -> RedisTarget:
    target = redis_url.parse(text)
    if target.ca_file:
        certificates(target.ca_file)
    return target


def who_decides(reader: Reader) -> tuple[People, str | None]:
    """The people of the simple form, or the file of a policy: one of the two has to be set."""
    file = reader.optional("VCO_POLICY_FILE", str)
    if file is None:
        people = reader.required(
            "VCO_APPROVERS",
            approvers,
            People(),
            mend="give IDs of users (U…, W…) or user groups (S…), comma-separated, "
            "or a policy in VCO_POLICY_FILE",
        )
        return people, None
    if reader.has("VCO_APPROVERS"):
        # Whoever set both can't mean both, and we can't know which.
        reader.problem(
            "VCO_APPROVERS",
            "is set, and so is VCO_POLICY_FILE, which says who approves: unset one",
        )
    return People(), file


def approval_timeout(reader: Reader) -> int:
    """Seconds until a request expires, where its rule does not say."""
    return reader.get("VCO_APPROVAL_TIMEOUT", between(60, DAY), 1800)


def region(reader: Reader) -> str | None:
    """The region of whatever names none."""
    check = regex(r"[a-z]+(-[a-z0-9]+)+", "is no region ID such as cn-hangzhou")
    return reader.optional("ALIBABA_CLOUD_REGION_ID", check)


def vpc_endpoint(reader: Reader) -> str | None:
    """The endpoint instead of Alibaba Cloud's own; `{region}` in it stands for the region's id."""

    def check(text: str) -> str:
        parse_override(web_address()(text))
        return text

    return reader.optional("ALIBABA_CLOUD_VPC_ENDPOINT", check)


def approval_channel(reader: Reader) -> str | None:
    """The one channel for all cards, where there is one."""
    check = regex(r"[CG][A-Z0-9]+", "is no channel ID (C… or G…; a name such as #ops is none)")
    return reader.optional("VCO_APPROVAL_CHANNEL", check)


def slack_api_url(reader: Reader) -> str:
    """The base of Slack's Web API."""
    return reader.get("SLACK_API_URL", web_address(ends_in_slash=True), DEFAULT_SLACK_API_URL)


def _read(reader: Reader, *, terminal: bool) -> Settings:
    bot_token = reader.required(
        "SLACK_BOT_TOKEN",
        secret("xoxb-"),
        Secret(""),
        mend="copy it from OAuth & Permissions in the Slack app's settings",
    )
    app_token = reader.optional("SLACK_APP_TOKEN", secret("xapp-"))
    signing_secret = reader.optional("SLACK_SIGNING_SECRET", secret())
    redis = redis_target(reader)
    network(reader)
    people, policy_file = who_decides(reader)
    credentials = tuple(reader.optional(name, secret()) for name in _CREDENTIALS)
    seals = reader.optional("VCO_SEAL_KEY", seal_keys) or ()
    secrets = (
        *(bot_token, app_token, signing_secret),
        *(redis.password, redis.sentinel_password),
        *credentials,
        *seals,
    )
    return Settings(
        slack_bot_token=bot_token,
        slack_app_token=app_token,
        slack_signing_secret=signing_secret,
        slack_api_url=slack_api_url(reader),
        redis=redis,
        redis_replicas=reader.optional("VCO_REDIS_REPLICAS", between(0, 9)),
        region=region(reader),
        vpc_endpoint=vpc_endpoint(reader),
        approvers=people,
        policy_file=policy_file,
        approval_channel=approval_channel(reader),
        approval_timeout=approval_timeout(reader),
        operation_timeout=reader.get("VCO_OPERATION_TIMEOUT", between(30, DAY), 600),
        lease=reader.get("VCO_LEASE", between(SHORTEST_LEASE, 300), 30),
        token_window=reader.get("VCO_TOKEN_WINDOW", between(1, DAY), 600),
        quota_share=reader.get("VCO_QUOTA_SHARE", between(1, 100), 90),
        retention=reader.get("VCO_RETENTION", between(DAY, 3650 * DAY), 90 * DAY),
        seal_keys=seals,
        host=reader.get("HOST", regex(r"[A-Za-z0-9_.:%-]+", "is no address"), "127.0.0.1"),
        port=reader.get("PORT", between(1, 65535), 3000),
        log_format=reader.get(
            "LOG_FORMAT", one_of(LogFormat), LogFormat.CONSOLE if terminal else LogFormat.JSON
        ),
        log_level=reader.get("LOG_LEVEL", one_of(LOG_LEVELS), "INFO"),
        warnings=_unknown(reader.names),
        secrets=tuple(found for found in secrets if found is not None),
    )


def _refuse_half_settings(reader: Reader) -> None:
    if not reader.has("SLACK_APP_TOKEN") and not reader.has("SLACK_SIGNING_SECRET"):
        reader.problem(
            "SLACK_SIGNING_SECRET",
            "is not set: copy it from Basic Information in the Slack app's settings, "
            "or set SLACK_APP_TOKEN to use Socket Mode",
        )
    pair = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    for name, other in (pair, pair[::-1]):
        if reader.has(other) and not reader.has(name):
            reader.problem(name, f"is not set, but {other} is: set both, or neither to use a role")


def _unknown(names: tuple[str, ...]) -> tuple[str, ...]:
    """Warn of variables that look like ours: a typo in a safety setting must not be silent."""
    return tuple(
        f"{name}: there is no such setting{_nearest(name)}"
        for name in sorted(names)
        if name.startswith("VCO_") and name not in _VCO_VARIABLES
    )


def _nearest(name: str) -> str:
    near = get_close_matches(name, _VCO_VARIABLES, n=1)
    return f"; did you mean {near[0]}?" if near else ""
