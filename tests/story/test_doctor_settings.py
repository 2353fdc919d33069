"""Each variable of the README's table set wrong in turn: `doctor` names the fault and the mend."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from program import ROOT, run, run_here
from stage import Stage

from bot.config.settings import Settings
from bot.sandbox.slack.workspace import NETOPS
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind

KEY = "of-this-test-0123456789-abcdefghij"
OTHER_KEY = "of-another-one-0123456789-abcdefgh"

TABLE = (ROOT / "README.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
IN_THE_TABLE = {
    name
    for row in TABLE.splitlines()
    if row.startswith("| `")
    for name in re.findall(r"`([A-Z_]{4,})`", row.split(" | ")[0])
}

Case = tuple[str, str, str]
"""A variable, what it is set to, and how the line goes on after its name; empty: it is unset."""

MALFORMED: list[Case] = [
    ("SLACK_BOT_TOKEN", "", "is not set → copy it from OAuth & Permissions"),
    ("SLACK_BOT_TOKEN", "xapp-1-swapped", "must start with xoxb-"),
    ("SLACK_APP_TOKEN", "xoxb-swapped", "must start with xapp-"),
    ("SLACK_SIGNING_SECRET", "", "is not set → copy it from Basic Information"),
    ("SLACK_SIGNING_SECRET", "xoxb-swapped", "is a token"),
    ("SLACK_SIGNING_SECRET", '"quoted"', "must be given without quotes"),
    ("SLACK_API_URL", "https://slack.com/api", "must end in /"),
    ("REDIS_URL", "cache:6379", "must start with one of redis://"),
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "", "is not set, but ALIBABA_CLOUD_ACCESS_KEY_SECRET is → set"),
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", '"quoted"', "must be given without quotes"),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "two words", "is cut off, or has a sign in it"),
    ("ALIBABA_CLOUD_SECURITY_TOKEN", '"quoted"', "must be given without quotes"),
    ("ALIBABA_CLOUD_REGION_ID", "Hangzhou", "'Hangzhou' is no region ID such as cn-hangzhou"),
    ("VCO_REGIONS", "cn-hangzhou,", "'' is no region ID"),
    ("ALIBABA_CLOUD_VPC_ENDPOINT", "http://vpc.aliyuncs.com", "must start with https://"),
    ("VCO_APPROVERS", "", "is not set → give IDs of users (U…, W…) or user groups (S…)"),
    ("VCO_APPROVERS", "@netops", "'@netops' is no ID"),
    ("VCO_POLICY_FILE", "/no/such.toml", "/no/such.toml: can't be read (No such file"),
    ("VCO_APPROVAL_CHANNEL", "#ops", "'#ops' is no channel ID"),
    ("VCO_APPROVAL_TIMEOUT", "30m", "'30m' is no whole number from 60 to 86400"),
    ("VCO_CALL_UP_TO", "51", "'51' is no whole number from 0 to 50"),
    ("VCO_OPERATION_TIMEOUT", "29", "'29' is no whole number from 30"),
    ("VCO_LEASE", "301", "'301' is no whole number from"),
    ("VCO_TOKEN_WINDOW", "0", "'0' is no whole number from 1"),
    ("VCO_QUOTA_SHARE", "90%", "'90%' is no whole number from 1 to 100"),
    ("VCO_RETENTION", "90d", "'90d' is no whole number from 86400"),
    ("HTTPS_PROXY", "proxy.example:3128", "must be the address of a proxy"),
    ("HTTP_PROXY", "http://", "must name a host"),
    ("ALL_PROXY", "socks5://proxy.example:1080", "must be the address of a proxy"),
    ("NO_PROXY", "cache:port", "names 'cache:port', which is no host"),
    ("SSL_CERT_FILE", "/no/such.pem", "/no/such.pem can't be read (No such file"),
    ("SSL_CERT_DIR", "/no/such", "/no/such is no directory"),
    ("VCO_REDIS_REPLICAS", "one", "'one' is no whole number from 0 to 9"),
    ("VCO_SEAL_KEY", "short", "has a key of less than 32 bytes: make one with: openssl rand"),
    ("VCO_SEAL_KEY", "a" * 40, "has a key that can be guessed"),
    ("HOST", "http://here", "'http://here' is no address"),
    ("PORT", "http", "'http' is no whole number from 1 to 65535"),
    ("LOG_FORMAT", "xml", "'xml' is none of console, json"),
    ("LOG_LEVEL", "LOUD", "'LOUD' is none of DEBUG, INFO"),
]

# As the command line has them: a process reads the settings of the credential chain anew.
CREDENTIALS = [
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAInobodyknows", "InvalidAccessKeyId.NotFound"),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "of-another-key", "SignatureDoesNotMatch"),
    ("ALIBABA_CLOUD_SECURITY_TOKEN", "of-another-key", "InvalidSecurityToken"),
]

WRONG: list[Case] = [
    ("SLACK_BOT_TOKEN", "xoxb-nobody-knows", "slack token: Slack refuses SLACK_BOT_TOKEN"),
    ("SLACK_APP_TOKEN", "xapp-nobody-knows", "slack socket: SLACK_APP_TOKEN: Slack answers inv"),
    ("REDIS_URL", "redis://of-nobody:of-nobody@{redis}/0", "redis: refuses us"),
    ("REDIS_URL", "redis://{redis}/999", "redis: "),
    ("REDIS_URL", "rediss://{redis}/0", "redis: does not answer"),
    ("REDIS_URL", "redis+sentinel://{redis}/master", "redis: "),
    ("VCO_REGIONS", "cn-nowhere", "alibaba region cn-nowhere: there is no such region"),
    ("VCO_APPROVERS", "S0NOSUCH1", "approvers of VCO_APPROVERS: 0 of 0 named"),
    ("VCO_REDIS_REPLICAS", "1", "redis replicas: nothing is sent"),
    ("HOST", "nosuch.invalid", "slack route: can't listen on nosuch.invalid:"),
    ("HTTPS_PROXY", "http://127.0.0.1:1", "slack token: Slack does not answer"),
]


def environment(stage: Stage, name: str, value: str, **more: str) -> dict[str, str]:
    """That of a deployment which has everything, but for one variable."""
    env = stage.environment(VCO_SEAL_KEY=KEY) | more | {name: value}
    if name == "VCO_POLICY_FILE":
        del env["VCO_APPROVERS"]
    return {name: text for name, text in env.items() if text}


def failures(status: int, out: str, err: str) -> list[str]:
    """Its lines of level failure; it says nothing else than lines, each with its mend."""
    assert (status, err) == (1, "")
    assert "Traceback" not in out
    lines = [line.partition(" ")[::2] for line in out.splitlines()]
    assert {level for level, _ in lines} <= {"ok", "warning", "failure"}
    bad = [said.strip() for level, said in lines if level == "failure"]
    assert all(re.search(r" → \w", said) for said in bad), bad
    return bad


def test_every_variable_of_the_table_is_set_wrong_here() -> None:
    assert {name for name, _, _ in MALFORMED} == IN_THE_TABLE
    assert {one.name for one in Settings.variables().values()} <= IN_THE_TABLE


@pytest.mark.parametrize(("name", "value", "words"), MALFORMED, ids=lambda one: one or "unset")
async def test_a_setting_that_is_missing_or_malformed_has_one_line(
    stage: Stage, name: str, value: str, words: str
) -> None:
    [said] = failures(*await run_here("doctor", **environment(stage, name, value)))
    assert said.startswith(f"{name}: {words}")


@pytest.mark.parametrize(("name", "value", "line"), WRONG)
async def test_a_setting_of_something_else_fails_its_check_alone(
    stage: Stage, name: str, value: str, line: str
) -> None:
    redis = stage.redis_url.removeprefix("redis://").removesuffix("/0")
    env = environment(stage, name, value.format(redis=redis))
    [said] = failures(*await run_here("doctor", **env))
    assert said.startswith(line)
    assert "nobody" not in said


@pytest.mark.parametrize(("name", "value", "code"), CREDENTIALS)
async def test_credentials_of_somebody_else_are_told(
    stage: Stage, name: str, value: str, code: str
) -> None:
    [said] = failures(*await run("doctor", **environment(stage, name, value)))
    assert said.startswith(f"alibaba endpoint: {code}")


async def test_a_policy_that_is_wrong_has_a_line_for_each_mistake(
    stage: Stage, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[rule]]\nname = "one"\naprove = ["{NETOPS}"]\napprovals = "2"\n')
    env = environment(stage, "VCO_POLICY_FILE", str(policy))
    said = failures(*await run_here("doctor", **env))
    places = [line.removeprefix(f"VCO_POLICY_FILE: {policy}:") for line in said]
    assert [place.partition(":")[0] for place in places] == ["1", "3", "4"]
    assert " → did you mean approve?" in said[1]


async def test_all_that_is_wrong_is_told_at_once_and_as_json_too(stage: Stage) -> None:
    wrong = environment(
        stage, "PORT", "http", LOG_LEVEL="LOUD", VCO_APROVERS="S0X", VCO_APPROVERS=""
    )
    said = failures(*await run_here("doctor", **wrong))
    names = [line.partition(":")[0] for line in said]
    assert sorted(names[:-1]) == ["LOG_LEVEL", "PORT", "VCO_APPROVERS"]
    assert names[-1] == "VCO_APROVERS"
    assert "did you mean VCO_APPROVERS?" in said[-1]
    status, out, err = await run_here("doctor", "--json", **wrong)
    assert (status, err) == (1, "")
    assert all(line.startswith('{"check":"') for line in out.splitlines())


# --- the seal ----------------------------------------------------------------------------------


async def seal(stage: Stage, changes: Mapping[str, str]) -> str:
    """What is said of it."""
    env = stage.environment() | dict(changes)
    _, out, _ = await run_here("doctor", **env)
    [said] = [line for line in out.splitlines() if "redis seal" in line]
    return said


async def test_a_seal_key_that_others_do_not_have_is_found_by_what_is_open(stage: Stage) -> None:
    await stage.start_bot(VCO_SEAL_KEY=KEY)
    card = await stage.ask()
    opened = (await stage.request(card)).id
    assert "ok       redis seal: what is open bears it: 1" in await seal(
        stage, {"VCO_SEAL_KEY": f"{OTHER_KEY},{KEY}"}
    )
    said = await seal(stage, {"VCO_SEAL_KEY": OTHER_KEY})
    assert said.startswith(f"failure  redis seal: 1 of 1 open requests do not bear it: {opened}")
    assert "the same VCO_SEAL_KEY" in said
    assert OTHER_KEY not in said


async def test_without_a_seal_key_it_says_who_can_approve(stage: Stage) -> None:
    said = await seal(stage, {})
    assert said.startswith("warning  redis seal: VCO_SEAL_KEY is not set: whoever can write")


# --- least privilege ---------------------------------------------------------------------------


async def test_what_a_ram_policy_may_leave_out_is_a_warning(stage: Stage) -> None:
    """SECURITY says that regions need not be listed; what is left is looked at all the same."""
    stage.vpc.faults.add(
        Fault(kind=FaultKind.ERROR, action="DescribeRegions", code="Forbidden", times=None)
    )
    status, out, _ = await run_here("doctor", **environment(stage, "VCO_REGIONS", seed.SINGAPORE))
    assert status == 0
    assert "warning  permission vpc:DescribeRegions: denied: names are looked for in" in out
    assert f"ok       alibaba region {seed.SINGAPORE}: reached" in out
    assert "ok       permission vpc:DeleteVcoRouteEntry: allowed" in out
