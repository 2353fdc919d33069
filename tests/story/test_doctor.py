"""`vco-route-bot doctor`: a line for each thing that a deployment needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from program import run
from stage import Stage

from bot.cli.doctor import examine
from bot.config.settings import Settings
from bot.sandbox.scene import APP_TOKEN
from bot.sandbox.slack.socket_mode import Edge
from bot.sandbox.slack.workspace import DORA, GINA, NETOPS
from bot.sandbox.valkey import free_port
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind

pytestmark = pytest.mark.usefixtures("quiet")

ALONE = "replicas: warning: there is no replica: what is lost with this server is lost"
ALL_WELL = ["redis: ok", "storage: ok", ALONE, "slack: ok", "credentials: ok", "vpc api: ok"]


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep the log out of what the command prints, as the command line does."""
    with structlog.testing.capture_logs():
        yield


async def doctor(stage: Stage, **changes: str) -> int:
    """Run it in this scene; returns its exit status."""
    return await examine(Settings.from_env(stage.environment() | changes))


async def test_a_deployment_that_has_everything_is_well(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await doctor(stage) == 0
    assert capsys.readouterr().out.splitlines() == ALL_WELL


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}, "redis: does not answer"),
        ({"SLACK_BOT_TOKEN": "xoxb-nobody-knows"}, "slack: refuses SLACK_BOT_TOKEN"),
        ({"SLACK_API_URL": "http://127.0.0.1:1/"}, "slack: does not answer"),
        ({"ALIBABA_CLOUD_VPC_ENDPOINT": "http://127.0.0.1:1"}, "vpc api: Network.NotConnected"),
        (
            {"ALIBABA_CLOUD_REGION_ID": "cn-nowhere"},
            "vpc api: ALIBABA_CLOUD_REGION_ID: there is no region cn-nowhere",
        ),
    ],
)
async def test_each_thing_that_is_missing_has_its_line(
    stage: Stage, capsys: pytest.CaptureFixture[str], changes: dict[str, str], line: str
) -> None:
    assert await doctor(stage, **changes) == 1
    out = capsys.readouterr().out
    bad = [said for said in out.splitlines() if said not in (*ALL_WELL, "replicas: ok")]
    assert len(bad) == 1
    assert bad[0].startswith(line)
    assert "nobody-knows" not in out


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("Forbidden", "vpc:DescribeRegions"),
        ("InvalidAccessKeyId.NotFound", "key"),
    ],
)
async def test_what_alibaba_cloud_refuses_is_told_with_the_mend(
    stage: Stage, capsys: pytest.CaptureFixture[str], code: str, words: str
) -> None:
    stage.vpc.faults.add(Fault(kind=FaultKind.ERROR, code=code, times=None))
    assert await doctor(stage) == 1
    *well, said = capsys.readouterr().out.splitlines()
    assert well == ALL_WELL[:-1]
    assert said.startswith(f"vpc api: {code}")
    assert words in said


async def test_a_setting_with_a_typo_is_pointed_at(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    await doctor(stage, VCO_APPROVAL_TIMEOUTS="60")
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        "VCO_APPROVAL_TIMEOUTS: there is no such setting; did you mean VCO_APPROVAL_TIMEOUT?"
    )


async def test_in_socket_mode_it_opens_a_websocket_for_a_moment(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await examine(Settings.from_env(stage.environment(socket_mode=True))) == 0
    assert "socket: ok" in capsys.readouterr().out.splitlines()
    await stage.slack.until(lambda: not stage.slack.sockets.names)


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("refuses", "socket: no websocket (ServerDisconnectedError)"),
        ("disabled", "socket: Socket Mode is turned off in the Slack app's settings"),
        ("revoked", "socket: SLACK_APP_TOKEN: Slack answers token_revoked"),
    ],
)
async def test_what_keeps_a_websocket_from_being_opened_has_its_line(
    stage: Stage, capsys: pytest.CaptureFixture[str], what: str, line: str
) -> None:
    if what == "refuses":
        stage.slack.sockets.edge = Edge.REFUSES
    stage.slack.sockets.disabled = what == "disabled"
    stage.slack.web_api.revoked |= {APP_TOKEN} if what == "revoked" else set()
    assert await examine(Settings.from_env(stage.environment(socket_mode=True))) == 1
    said = capsys.readouterr().out.splitlines()
    assert [text for text in said if text.startswith(line)]


async def test_a_policy_file_has_its_line_and_its_warnings(
    stage: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rule]]\nname = "one"\nconnections = ["vco-x*"]\napprove = ["S0NOSUCH1"]\n'
        f'[[rule]]\nname = "two"\napprove = ["{NETOPS}"]\n'
        f'[[rule]]\nname = "three"\napprove = ["{NETOPS}"]\n'
    )
    assert await doctor(stage, VCO_POLICY_FILE=str(policy), VCO_APPROVERS="") == 0
    *well, unreached, unmatched, unreadable = capsys.readouterr().out.splitlines()
    assert well == [*ALL_WELL[:-1], "policy: ok", ALL_WELL[-1]]
    assert unreached.startswith(f'policy: warning: {policy}:8: rule "three" is never reached')
    assert unmatched.endswith(
        f'{policy}:1: rule "one": vco-x* matches no connection in {seed.HANGZHOU}'
    )
    assert unreadable.endswith("the user group S0NOSUCH1 can't be read; does it exist?")


async def test_approvers_of_whom_nobody_is_there_are_warned_of(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.slack.workspace.groups[NETOPS].users = []
    assert await doctor(stage) == 0
    *well, told = capsys.readouterr().out.splitlines()
    assert well == ALL_WELL
    assert told == f"policy: warning: VCO_APPROVERS: the user group {NETOPS} has nobody in it"


async def test_the_command_prints_its_lines_and_nothing_else(stage: Stage) -> None:
    status, out, err = await run("doctor", **stage.environment())
    assert (status, out.splitlines(), err) == (0, ALL_WELL, "")


async def test_the_command_says_what_keeps_it_from_looking() -> None:
    status, out, err = await run("doctor", SLACK_BOT_TOKEN="of-no-kind")
    assert (status, out) == (2, "")
    assert "SLACK_BOT_TOKEN: must start with xoxb-" in err


async def test_credentials_that_can_not_be_had_have_their_line(stage: Stage) -> None:
    environment = stage.environment() | {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        del environment[name]
    status, out, _ = await run("doctor", **(environment | {"HOME": "/nowhere"}))
    assert status == 1
    assert "credentials: cannot be had (Credentials.Unavailable)" in out.splitlines()


async def test_a_group_that_only_holds_people_who_have_left_is_told(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.slack.workspace.groups[NETOPS].users = [DORA, GINA]
    assert await examine(Settings.from_env(stage.environment())) == 0
    told = capsys.readouterr().out
    assert f"the user group {NETOPS} holds only people who have left, guests or bots" in told
