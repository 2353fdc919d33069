"""`vco-route-bot policy`: is a policy file right, and what would it ask of whom?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import DefaultChain
from bot.alibaba.endpoints import endpoints
from bot.alibaba.transport import new_http_client
from bot.cli.checks import people
from bot.cli.checks.finding import Level
from bot.cli.output import Write, to_stdout
from bot.cli.policy_live import unmatched
from bot.config.environment import Environment, Texts, regex, required, variable
from bot.config.settings import (
    CHANNEL_ID,
    REGION_ID,
    ApproverSettings,
    CardSettings,
    CloudSettings,
    RegionSettings,
    SlackSettings,
)
from bot.policy import Matter, Policy, PolicySource
from bot.policy.blocks import block
from bot.policy.explain import explain
from bot.policy.lint import lint
from bot.policy.source import read
from bot.service.app import slack_client
from bot.slack.directory import SlackDirectory
from bot.slack.web import Slack


@dataclass(frozen=True, kw_only=True)
class _Asked(Environment):
    """What a deletion would be about, as it is given on the command line."""

    user: str = required(
        "--user",
        regex(r"[UW][A-Z0-9]+", "is no ID of a user (U… or W…)"),
        mend="give the ID of a user",
    )
    region: str = required(
        "--region",
        REGION_ID,
        mend="give one, or set ALIBABA_CLOUD_REGION_ID",
    )
    connection: str = required(
        "--connection", regex(r"vco-[a-z0-9]+", "is no connection's id (vco-…)"), mend="give vco-…"
    )
    channel: str = variable("--channel", CHANNEL_ID, "")
    routes: tuple[str, ...] = variable("--route", lambda text: tuple(text.split()), ())

    @classmethod
    def conflicts(cls, texts: Texts) -> Iterator[str]:
        """Each route that is none."""
        for text in texts.get("--route", "").split():
            try:
                block(text)
            except ValueError as error:
                yield f"--route: {error}"


@dataclass(frozen=True, kw_only=True)
class _Here(RegionSettings, CardSettings):
    """What holds here for a request that does not say it itself."""


@dataclass(frozen=True, kw_only=True)
class _CloudAndSlack(CloudSettings, SlackSettings):
    """Both services can be asked."""


async def check(
    file: str, env: Mapping[str, str], *, live: bool = False, write: Write = to_stdout
) -> int:
    """Read a policy file, and say what of it matches nothing; returns the exit status, 0.

    Raises:
        SettingsError: A line for each thing that is wrong.
    """
    policy = read(file, CardSettings.load(env).approval_timeout)
    warnings = list(lint(policy))
    if live:
        warnings += await _live(policy, env)
    for line in warnings:
        write(f"warning: {line}\n")
    write(f"{file}: {_count(policy.rules, 'rule')}, {_count(warnings, 'warning')}, no mistake\n")
    return 0


def explained(  # noqa: PLR0913 - what was given on the command line
    env: Mapping[str, str],
    *,
    user: str,
    connection: str,
    routes: Sequence[str],
    region_id: str | None = None,
    channel: str | None = None,
    file: str | None = None,
    write: Write = to_stdout,
) -> int:
    """Say by which rule a deletion would be decided; returns the exit status, 0.

    Raises:
        SettingsError: What was given, or the policy, is wrong.
    """
    here = _Here.load(env)
    asked = _Asked.load(
        {
            "--user": user,
            "--connection": connection.lower(),
            "--region": region_id or here.region or "",
            "--channel": channel or here.approval_channel or "",
            "--route": " ".join(routes),
        }
    )
    matter = Matter(region=asked.region, vpn_connection_id=asked.connection, channel=asked.channel)
    if file:
        policy = read(file, here.approval_timeout)
    else:
        who = ApproverSettings.load(env)
        policy = PolicySource.of(who.approvers, who.policy_file, here.approval_timeout).policy
    for line in explain(policy, matter, asked.user, [block(text) for text in asked.routes]):
        write(f"{line}\n")
    return 0


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things) or 'no'} {noun}{'' if len(things) == 1 else 's'}"


async def _live(policy: Policy, env: Mapping[str, str]) -> list[str]:
    """What Alibaba Cloud and Slack know of it; Slack only where there is a token for it."""
    has_token = bool(env.get("SLACK_BOT_TOKEN", "").strip())
    settings = (_CloudAndSlack if has_token else CloudSettings).load(env)
    async with new_http_client() as http:
        vpc = VpcClient(http, endpoints(settings.vpc_endpoint), Acs3Auth(DefaultChain()))
        warnings = await unmatched(policy, vpc, settings.region)
    if isinstance(settings, _CloudAndSlack):
        client = slack_client(settings.slack_bot_token, settings.slack_api_url)
        found = await people.examine(policy, SlackDirectory(Slack(client)))
        warnings += [f"{f.check}: {f.found}" for f in found if f.level is not Level.OK]
    return warnings
