"""`vco-route-bot policy`: is a policy file right, and what would it ask of whom?"""

import sys
from collections.abc import Callable, Mapping, Sequence

from bot.alibaba.auth import Acs3Auth
from bot.alibaba.client import VpcClient
from bot.alibaba.credentials import DefaultChain
from bot.alibaba.endpoints import endpoints
from bot.alibaba.transport import new_http_client
from bot.cli.checks import people
from bot.cli.checks.finding import Level
from bot.cli.policy_live import unmatched
from bot.config.environment import Reader, regex, secret
from bot.config.settings import (
    approval_channel,
    approval_timeout,
    network,
    region,
    slack_api_url,
    vpc_endpoint,
    who_decides,
)
from bot.errors import SettingsError
from bot.models import Network, People
from bot.policy import Matter, Policy, PolicySource
from bot.policy.blocks import block
from bot.policy.explain import explain
from bot.policy.lint import lint
from bot.policy.source import read
from bot.service.app import slack_client
from bot.slack.directory import SlackDirectory
from bot.slack.web import Slack

_USER = regex(r"[UW][A-Z0-9]+", "is no ID of a user (U… or W…)")
_CONNECTION = regex(r"vco-[a-z0-9]+", "is no connection's id (vco-…)")
_REGION = regex(r"[a-z]+(-[a-z0-9]+)+", "is no region ID such as cn-hangzhou")
_CHANNEL = regex(r"[CG][A-Z0-9]+", "is no channel ID (C… or G…)")

Environment = Mapping[str, str]
Write = Callable[[str], object]


async def check(
    file: str, env: Environment, *, live: bool = False, write: Write = sys.stdout.write
) -> int:
    """Read a policy file, and say what of it matches nothing; returns the exit status, 0.

    Raises:
        SettingsError: A line for each thing that is wrong.
    """
    reader = Reader(env)
    policy = read(file, approval_timeout(reader))
    warnings = list(lint(policy))
    if live:
        warnings += await _live(policy, reader)
    for line in warnings:
        write(f"warning: {line}\n")
    write(f"{file}: {_count(policy.rules, 'rule')}, {_count(warnings, 'warning')}, no mistake\n")
    return 0


def explained(  # noqa: PLR0913 - what was given on the command line
    env: Environment,
    *,
    user: str,
    connection: str,
    routes: Sequence[str],
    region_id: str | None = None,
    channel: str | None = None,
    file: str | None = None,
    write: Write = sys.stdout.write,
) -> int:
    """Say by which rule a deletion would be decided; returns the exit status, 0.

    Raises:
        SettingsError: What was given, or the policy, is wrong.
    """
    reader = Reader(env)
    where = region_id or region(reader) or ""
    given = Reader(
        {
            "--user": user,
            "--connection": connection.lower(),
            "--region": where,
            "--channel": channel or approval_channel(reader) or "",
        }
    )
    asker = given.required("--user", _USER, "", mend="give the ID of a user")
    matter = Matter(
        region=given.required(
            "--region", _REGION, "", mend="give one, or set ALIBABA_CLOUD_REGION_ID"
        ),
        vpn_connection_id=given.required("--connection", _CONNECTION, "", mend="give vco-…"),
        channel=given.get("--channel", _CHANNEL, ""),
    )
    blocks = _blocks(given, routes)
    if given.problems:
        raise SettingsError(given.problems)
    for line in explain(_policy(reader, file), matter, asker, blocks):
        write(f"{line}\n")
    return 0


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things) or 'no'} {noun}{'' if len(things) == 1 else 's'}"


def _blocks(given: Reader, routes: Sequence[str]) -> list[Network]:
    blocks = []
    for text in routes:
        try:
            blocks.append(block(text))
        except ValueError as error:
            given.problem("--route", str(error))
    return blocks


def _policy(reader: Reader, file: str | None) -> Policy:
    """The policy of the file; where none is named, the one that a bot would have here."""
    expiry = approval_timeout(reader)
    named, setting = (People(), file) if file else who_decides(reader)
    if reader.problems:
        raise SettingsError(reader.problems)
    return PolicySource.of(named, setting, expiry).policy


async def _live(policy: Policy, reader: Reader) -> list[str]:
    """What Alibaba Cloud and Slack know of it; Slack only where there is a token for it."""
    token = reader.optional("SLACK_BOT_TOKEN", secret("xoxb-"))
    api_url, endpoint, default = slack_api_url(reader), vpc_endpoint(reader), region(reader)
    network(reader)
    if reader.problems:
        raise SettingsError(reader.problems)
    warnings = []
    async with new_http_client() as http:
        vpc = VpcClient(http, endpoints(endpoint), Acs3Auth(DefaultChain()))
        warnings += await unmatched(policy, vpc, default)
    if token is not None:
        directory = SlackDirectory(Slack(slack_client(token, api_url)))
        found = await people.examine(policy, directory)
        warnings += [f"{f.check}: {f.found}" for f in found if f.level is not Level.OK]
    return warnings
