"""All settings: each variable is declared once, with its check and its default.

A part of them is a class of its own where a command needs no more. What an operator may want to
turn beyond the contract: `VCO_LEASE`, the seconds for which a worker owns one step, and
`VCO_TOKEN_WINDOW`, the seconds after its first send in which a deletion may be sent again with the
same ClientToken (the vendor does not say how long it remembers one; past the window the bot only
reads).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Self

from bot.alibaba.endpoints import parse_override
from bot.config import redis_url
from bot.config.environment import (
    Between,
    Environment,
    Texts,
    Variable,
    certificates,
    directory,
    not_proxied,
    one_of,
    optional,
    proxy,
    regex,
    required,
    seal_keys,
    secret,
    variable,
    web_address,
)
from bot.config.redis_url import RedisTarget
from bot.config.secret import Secret
from bot.errors import SettingsError
from bot.models import People
from bot.policy import approvers

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DAY = 86_400


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


REGION_ID = regex(r"[a-z]+(-[a-z0-9]+)+", "is no region ID such as cn-hangzhou")
CHANNEL_ID = regex(r"[CG][A-Z0-9]+", "is no channel ID (C… or G…; a name such as #ops is none)")


def _endpoint(text: str) -> str:
    parse_override(web_address()(text))
    return text


def _regions(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(REGION_ID(one.strip()) for one in text.split(",")))


def _signing_secret(text: str) -> Secret:
    if text.startswith(("xox", "xapp-")):
        raise ValueError("is a token: the Signing Secret is another one, in Basic Information")
    return secret()(text)


def _database(text: str) -> RedisTarget:
    target = redis_url.parse(text)
    if target.ca_file:
        certificates(target.ca_file)
    return target


@dataclass(frozen=True, kw_only=True)
class RegionSettings(Environment):
    """The region of whatever names none."""

    region: str | None = optional("ALIBABA_CLOUD_REGION_ID", REGION_ID)


@dataclass(frozen=True, kw_only=True)
class CloudSettings(RegionSettings):
    """Where Alibaba Cloud is reached; `{region}` in the endpoint stands for the region's id.

    Proxies and certificates are read by the libraries themselves. A wrong one would end the bot
    with a traceback that names no variable, or nothing would ever be reached: so they are checked.
    """

    vpc_endpoint: str | None = optional("ALIBABA_CLOUD_VPC_ENDPOINT", _endpoint)

    @classmethod
    def conflicts(cls, texts: Texts) -> Iterator[str]:
        """What is wrong with the proxies and the certificates."""
        yield from super().conflicts(texts)
        problems: list[str] = []
        for one in NETWORK:
            one.read(texts, problems)
        yield from problems


NETWORK = (
    *(Variable(name, proxy) for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")),
    *(Variable(name, proxy) for name in ("https_proxy", "http_proxy", "all_proxy")),
    *(Variable(name, not_proxied) for name in ("NO_PROXY", "no_proxy")),
    Variable("SSL_CERT_FILE", certificates),
    Variable("SSL_CERT_DIR", directory),
)


_KEY_ID = Variable("ALIBABA_CLOUD_ACCESS_KEY_ID", secret())
"""Read by the vendor's chain alone. Quotes around it would reach the cloud, which knows no such
key."""


@dataclass(frozen=True, kw_only=True)
class SlackSettings(Environment):
    """How Slack's Web API is called."""

    slack_bot_token: Secret = required(
        "SLACK_BOT_TOKEN",
        secret("xoxb-"),
        mend="copy it from OAuth & Permissions in the Slack app's settings",
    )
    slack_api_url: str = variable(
        "SLACK_API_URL", web_address(ends_in_slash=True), "https://slack.com/api/"
    )


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings(Environment):
    """Where the database is: all that is needed to read what is recorded."""

    redis: RedisTarget = variable(
        "REDIS_URL", _database, redis_url.parse("redis://127.0.0.1:6379/0")
    )


@dataclass(frozen=True, kw_only=True)
class CardSettings(Environment):
    """What holds for a request where its rule does not say: seconds to decide, and where.

    `call_up_to`: how many approvers are asked by a direct message besides.
    """

    approval_timeout: int = variable("VCO_APPROVAL_TIMEOUT", Between(60, DAY), 1800)
    approval_channel: str | None = optional("VCO_APPROVAL_CHANNEL", CHANNEL_ID)
    call_up_to: int = variable("VCO_CALL_UP_TO", Between(0, 50), 5)


@dataclass(frozen=True, kw_only=True)
class ApproverSettings(Environment):
    """Who decides: the people of the simple form, or the file of a policy."""

    approvers: People = variable("VCO_APPROVERS", approvers, People())
    policy_file: str | None = optional("VCO_POLICY_FILE", str)

    @classmethod
    def conflicts(cls, texts: Texts) -> Iterator[str]:
        """One of the two has to be set; whoever set both can't mean both."""
        yield from super().conflicts(texts)
        match "VCO_APPROVERS" in texts, "VCO_POLICY_FILE" in texts:
            case False, False:
                yield (
                    "VCO_APPROVERS: is not set: give IDs of users (U…, W…) or user groups (S…), "
                    "comma-separated, or a policy in VCO_POLICY_FILE"
                )
            case True, True:
                yield (
                    "VCO_APPROVERS: is set, and so is VCO_POLICY_FILE, which says who approves: "
                    "unset one"
                )


@dataclass(frozen=True, kw_only=True)
class Settings(SlackSettings, CloudSettings, DatabaseSettings, ApproverSettings, CardSettings):
    """What the environment says. Times are in seconds; None is a variable that is not set."""

    slack_app_token: Secret | None = optional("SLACK_APP_TOKEN", secret("xapp-"))
    slack_signing_secret: Secret | None = optional("SLACK_SIGNING_SECRET", _signing_secret)
    # The vendor's credential chain reads these by itself; here they are known so as to be masked.
    access_key_secret: Secret | None = optional("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret())
    security_token: Secret | None = optional("ALIBABA_CLOUD_SECURITY_TOKEN", secret())
    regions: tuple[str, ...] = variable("VCO_REGIONS", _regions, ())
    redis_replicas: int | None = optional("VCO_REDIS_REPLICAS", Between(0, 9))
    operation_timeout: int = variable("VCO_OPERATION_TIMEOUT", Between(30, DAY), 600)
    # A call to Alibaba Cloud gets a quarter of a lease, and two seconds are usual on a bad day:
    # with less than ten no answer would ever be heard.
    lease: int = variable("VCO_LEASE", Between(10, 300), 30)
    token_window: int = variable("VCO_TOKEN_WINDOW", Between(1, DAY), 600)
    quota_share: int = variable("VCO_QUOTA_SHARE", Between(1, 100), 90)
    retention: int = variable("VCO_RETENTION", Between(DAY, 3650 * DAY), 90 * DAY)
    seal_keys: tuple[Secret, ...] = variable("VCO_SEAL_KEY", seal_keys, ())
    host: str = variable("HOST", regex(r"[A-Za-z0-9_.:%-]+", "is no address"), "127.0.0.1")
    port: int = variable("PORT", Between(1, 65535), 3000)
    log_format: LogFormat = variable("LOG_FORMAT", one_of(LogFormat), LogFormat.JSON)
    log_level: str = variable("LOG_LEVEL", one_of(LOG_LEVELS), "INFO")
    warnings: tuple[str, ...] = ()
    """Lines for the log."""

    @property
    def socket_mode(self) -> bool:
        """Whether Slack is reached through Socket Mode; over HTTP otherwise."""
        return self.slack_app_token is not None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All secret values: `bot.logs` masks them wherever they turn up."""
        redis = (self.redis.password, self.redis.sentinel_password)
        return tuple(_secrets((*vars(self).values(), *redis)))

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, terminal: bool = False) -> Self:
        """Read the settings; `terminal` says whether a person watches the log.

        Raises:
            SettingsError: Something is missing or wrong; a line for each.
        """
        log_format = LogFormat.CONSOLE if terminal else LogFormat.JSON
        unknown = cls._unknown(env)
        try:
            return cls.load(env, log_format=log_format, warnings=unknown)
        except SettingsError as error:
            # What is missing may be there with a typo in its name.
            raise SettingsError([*error.lines, *unknown]) from None

    @classmethod
    def conflicts(cls, texts: Texts) -> Iterator[str]:
        """Half of what belongs together."""
        yield from super().conflicts(texts)
        if not texts.keys() & {"SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"}:
            yield (
                "SLACK_SIGNING_SECRET: is not set: copy it from Basic Information in the Slack "
                "app's settings, or set SLACK_APP_TOKEN to use Socket Mode"
            )
        problems: list[str] = []
        _KEY_ID.read(texts, problems)
        yield from problems
        pair = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        for name, other in (pair, pair[::-1]):
            if other in texts and name not in texts:
                yield f"{name}: is not set, but {other} is: set both, or neither to use a role"

    @classmethod
    def _unknown(cls, env: Mapping[str, str]) -> tuple[str, ...]:
        """Warn of variables that look like ours: a typo in a safety setting must not be silent."""
        ours = [one.name for one in cls.variables().values() if one.name.startswith("VCO_")]
        unknown = sorted(
            name
            for name, text in env.items()
            if name.startswith("VCO_") and name not in ours and text.strip()
        )
        return tuple(f"{name}: there is no such setting{_nearest(name, ours)}" for name in unknown)


def _secrets(values: Iterable[object]) -> Iterator[Secret]:
    for value in values:
        if isinstance(value, Secret):
            yield value
        elif isinstance(value, tuple):
            yield from _secrets(value)


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
