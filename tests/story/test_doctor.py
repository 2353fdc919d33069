"""`vco-route-bot doctor`: a line for each thing that a deployment needs, with its mend."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from program import run
from redis.asyncio import Redis
from stage import Stage

from bot.cli.checks.alibaba import NOBODY as NO_CONNECTION
from bot.cli.checks.finding import NOT_TOLD
from bot.cli.doctor import examine
from bot.config.settings import Settings
from bot.sandbox.scene import APP_TOKEN
from bot.sandbox.slack.workspace import (
    ALICE,
    BOB,
    DORA,
    GINA,
    NETOPS,
    NETWORK_OPS,
    OLD_OPS,
    PARTNERS,
    RANDOM,
    WAR_ROOM,
)
from bot.sandbox.valkey import EmbeddedValkey, free_port
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.slack.web import SCOPES

SEAL_KEY = "of-this-test-0123456789-abcdefghij"
ALONE = "redis replicas: there is no replica: what is lost with this server is lost"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep the log out of what the command prints, as the command line does."""
    with structlog.testing.capture_logs():
        yield


class Doctor:
    """Runs it in a scene and takes its lines apart."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
        self.stage = stage
        self._capsys = capsys

    async def __call__(self, *, socket_mode: bool = False, **changes: str) -> dict[str, list[str]]:
        """Run it; returns its lines by level, and checks that the exit status agrees."""
        return await self.with_settings(changes, socket_mode=socket_mode)

    async def with_settings(
        self, changes: Mapping[str, str], *, socket_mode: bool = False
    ) -> dict[str, list[str]]:
        """The same."""
        env = self.stage.environment(socket_mode=socket_mode, VCO_SEAL_KEY=SEAL_KEY) | dict(changes)
        status = await examine(Settings.from_env(env))
        levels: dict[str, list[str]] = {"ok": [], "warning": [], "failure": []}
        for line in self._capsys.readouterr().out.splitlines():
            level, _, said = line.partition(" ")
            levels[level].append(said.strip())
        assert status == (1 if levels["failure"] else 0)
        for said in (*levels["warning"], *levels["failure"]):
            assert " → " in said, "it says what to do"
        levels["warning"] = [said for said in levels["warning"] if not said.startswith(ALONE)]
        return levels


@pytest.fixture
def doctor(stage: Stage, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(stage, capsys)


def only(levels: Mapping[str, list[str]], level: str) -> str:
    """The one line that is not ok."""
    bad = [*levels["warning"], *levels["failure"]]
    assert len(bad) == 1, bad
    [said] = levels[level]
    return said


def forbid(action: str, connection: str | None = None) -> Fault:
    return Fault(
        kind=FaultKind.ERROR, action=action, connection=connection, code="Forbidden", times=None
    )


# --- all is well -----------------------------------------------------------------------------


@pytest.mark.parametrize("socket_mode", [False, True])
async def test_a_deployment_that_has_everything_is_well(
    doctor: Doctor, *, socket_mode: bool
) -> None:
    said = await doctor(socket_mode=socket_mode, VCO_APPROVAL_CHANNEL=NETWORK_OPS)
    assert (said["warning"], said["failure"]) == ([], [])
    checks = [line.partition(":")[0] for line in said["ok"]]
    assert checks[:6] == [
        *("redis", "redis version", "redis shape", "redis persistence", "redis eviction"),
        "redis memory",
    ]
    assert {"clock and redis", "slack token", "slack scopes", "alibaba endpoint"} <= {*checks}
    assert ("slack socket" if socket_mode else "slack route") in checks
    assert f"channel {NETWORK_OPS}" in checks
    assert not [line for line in said["ok"] if "not told" in line]
    await doctor.stage.slack.until(lambda: not doctor.stage.slack.sockets.names)


async def test_it_changes_nothing_in_the_cloud(doctor: Doctor) -> None:
    await doctor()
    assert [call for call in doctor.stage.vpc.calls if call.effect] == []
    changes = doctor.stage.vpc.calls_of("DeleteVcoRouteEntry", "CreateVcoRouteEntry")
    assert {call.vpn_connection_id for call in changes} == {NO_CONNECTION}


@pytest.mark.parametrize("socket_mode", [False, True])
async def test_beside_a_running_bot_it_asks_that_one(doctor: Doctor, *, socket_mode: bool) -> None:
    url = await doctor.stage.start_bot(socket_mode=socket_mode)
    said = await doctor(socket_mode=socket_mode, PORT=url.rpartition(":")[2])
    assert said["failure"] == []


async def test_the_command_prints_lines_or_json_and_nothing_else(stage: Stage) -> None:
    status, out, err = await run("doctor", "--json", **stage.environment())
    assert (status, err) == (0, "")
    found = [json.loads(line) for line in out.splitlines()]
    assert {tuple(line) for line in found} == {("check", "level", "found", "mend")}
    assert {line["level"] for line in found} == {"ok", "warning"}
    env = stage.environment(SLACK_BOT_TOKEN="xoxb-nobody-knows")
    status, out, err = await run("doctor", **env)
    assert (status, err) == (1, "")
    assert "failure  slack token: Slack refuses SLACK_BOT_TOKEN (invalid_auth) → copy" in out
    assert "nobody-knows" not in out


async def test_the_command_says_what_keeps_it_from_looking() -> None:
    status, out, err = await run("doctor", SLACK_BOT_TOKEN="of-no-kind")
    assert (status, err) == (1, "")
    assert "failure  SLACK_BOT_TOKEN: must start with xoxb-" in out


# --- one thing broken, one line --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}, "redis: does not answer"),
        ({"SLACK_API_URL": "http://127.0.0.1:1/"}, "slack token: Slack does not answer"),
        (
            {"ALIBABA_CLOUD_VPC_ENDPOINT": "http://127.0.0.1:1"},
            "alibaba endpoint: Network.NotConnected",
        ),
        (
            {"ALIBABA_CLOUD_REGION_ID": "cn-nowhere"},
            "alibaba region cn-nowhere: there is no such region",
        ),
        ({"VCO_APPROVAL_CHANNEL": "C0NOSUCH1"}, "channel C0NOSUCH1: the bot can't see it"),
        ({"VCO_APPROVAL_CHANNEL": WAR_ROOM}, f"channel {WAR_ROOM}: the bot can't see it"),
        ({"VCO_APPROVAL_CHANNEL": RANDOM}, f"channel {RANDOM}: the bot is not in it"),
        ({"VCO_APPROVAL_CHANNEL": OLD_OPS}, f"channel {OLD_OPS}: it is archived"),
        ({"VCO_APPROVAL_CHANNEL": PARTNERS}, f"channel {PARTNERS}: it is shared"),
        ({"VCO_APPROVERS": GINA}, "approvers of VCO_APPROVERS: 0 of 1 named"),
    ],
)
async def test_a_setting_that_names_the_wrong_thing_fails_its_check(
    doctor: Doctor, changes: dict[str, str], line: str
) -> None:
    said = await doctor.with_settings(changes)
    assert [one for one in said["failure"] if one.startswith(line)]
    assert len(said["failure"]) == 1


async def test_a_setting_with_a_typo_is_pointed_at(doctor: Doctor) -> None:
    said = only(await doctor(VCO_APPROVAL_TIMEOUTS="60"), "warning")
    assert "there is no such setting; did you mean VCO_APPROVAL_TIMEOUT?" in said


@pytest.mark.parametrize(
    ("lacking", "level", "words"),
    [
        ("users:read", "failure", "the token lacks users:read"),
        ("chat:write", "failure", "the token lacks chat:write"),
        ("channels:history", "warning", "the token lacks channels:history"),
    ],
)
async def test_a_scope_that_was_not_granted_is_named(
    doctor: Doctor, lacking: str, level: str, words: str
) -> None:
    doctor.stage.slack.web_api.scopes = SCOPES - {lacking}
    said = (await doctor())[level]
    assert [line for line in said if line.startswith("slack scopes") and words in line]


async def test_a_scope_that_nobody_asked_for_is_named(doctor: Doctor) -> None:
    doctor.stage.slack.web_api.scopes = SCOPES | {"files:write"}
    assert "more than needed: files:write" in only(await doctor(), "warning")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("disabled", "Socket Mode is turned off"),
        ("revoked", "SLACK_APP_TOKEN: Slack answers token_revoked"),
    ],
)
async def test_what_keeps_a_websocket_from_being_opened_is_named(
    doctor: Doctor, broken: str, words: str
) -> None:
    doctor.stage.slack.sockets.disabled = broken == "disabled"
    if broken == "revoked":
        doctor.stage.slack.web_api.refused[APP_TOKEN] = "token_revoked"
    assert words in only(await doctor(socket_mode=True), "failure")


async def test_a_bot_with_another_signing_secret_is_found_out(doctor: Doctor) -> None:
    url = await doctor.stage.start_bot()
    port = url.rpartition(":")[2]
    said = only(await doctor(PORT=port, SLACK_SIGNING_SECRET="of-another-app"), "failure")
    assert said.startswith("slack route: the bot that listens there has another SLACK_SIGNING")


@pytest.mark.parametrize("socket_mode", [False, True])
async def test_a_port_that_something_else_has_is_named(
    doctor: Doctor, *, socket_mode: bool
) -> None:
    port = doctor.stage.vpc.url.rpartition(":")[2]
    said = only(await doctor(socket_mode=socket_mode, PORT=port), "failure")
    assert said.startswith("http port" if socket_mode else "slack route")


# --- people ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("users", "words"),
    [
        ([], "has nobody in it"),
        ([DORA, GINA], "holds only people who have left, guests or bots"),
    ],
)
async def test_a_group_of_whom_nobody_could_approve_fails(
    doctor: Doctor, users: list[str], words: str
) -> None:
    doctor.stage.slack.workspace.groups[NETOPS].users = users
    said = await doctor()
    [told] = said["warning"]
    assert told.startswith(f"people of VCO_APPROVERS: the user group {NETOPS} {words}")
    [failed] = said["failure"]
    assert failed.startswith(f"approvers of VCO_APPROVERS: 0 of {len(users)} named are full")


async def test_a_group_that_is_too_small_for_the_approvals_of_its_rule_fails(
    doctor: Doctor, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    doctor.stage.slack.workspace.groups[NETOPS].users = [BOB, DORA]
    policy.write_text(f'[[rule]]\nname = "one"\napprove = ["{NETOPS}"]\napprovals = 2\n')
    said = only(await doctor(VCO_POLICY_FILE=str(policy), VCO_APPROVERS=""), "failure")
    assert said.startswith(f"approvers of {policy}:1: 1 of 2 named are full members, 2 needed")


async def test_each_id_of_a_policy_that_stands_for_nobody_is_named_with_its_line(
    doctor: Doctor, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'[[rule]]\nname = "one"\nconnections = ["vco-x*"]\nask = ["{GINA}"]\n'
        f'approve = ["{NETOPS}", "S0NOSUCH1", "U0NOBODY1"]\n'
        f'[[rule]]\nname = "two"\napprove = ["{NETOPS}"]\n'
        f'[[rule]]\nname = "three"\napprove = ["{NETOPS}"]\n'
    )
    said = await doctor(VCO_POLICY_FILE=str(policy), VCO_APPROVERS="")
    assert said["failure"] == []
    told = [line.partition(" → ")[0].replace(str(policy), "p") for line in said["warning"]]
    assert told[:3] == [
        f"people of p:1: {GINA} is no full member of this workspace",
        "people of p:1: U0NOBODY1 is no full member of this workspace",
        "people of p:1: the user group S0NOSUCH1 can't be read; does it exist?",
    ]
    assert told[3].startswith('policy: p:9: rule "three" is never reached')
    assert told[4] == f'policy: p:1: rule "one": vco-x* matches no connection in {seed.HANGZHOU}'
    assert len(told) == 5
    assert ALICE not in "".join(told)


# --- Redis -----------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def spoiled(stage: Stage) -> AsyncIterator[Redis]:
    """A server of the test's own, in the place of the shared one."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedValkey(appendonly=True))
        stage.redis_url = server.url
        yield await stack.enter_async_context(Redis.from_url(server.url))


@pytest.mark.parametrize(
    ("setting", "level", "line"),
    [
        ("appendonly no", "warning", "redis persistence: appendonly is off"),
        ("maxmemory-policy allkeys-lru", "failure", "redis eviction: allkeys-lru evicts"),
        ("min-replicas-to-write 1", "failure", "redis: refuses writes"),
    ],
)
async def test_a_setting_of_redis_that_may_lose_something_is_named(
    doctor: Doctor, spoiled: Redis, setting: str, level: str, line: str
) -> None:
    await spoiled.config_set("maxmemory", "1gb")
    await spoiled.config_set(*setting.split())
    said = await doctor()
    assert [one for one in said[level] if one.startswith(line)]


async def test_memory_that_runs_short_is_warned_of_before_writes_are_refused(
    doctor: Doctor, spoiled: Redis
) -> None:
    for number in range(200):
        await spoiled.set(f"ballast:{number}", "x" * 100_000)
    used = int((await spoiled.info("memory"))["used_memory"])
    await spoiled.config_set("maxmemory", str(used * 100 // 86))
    said = await doctor()
    assert [one for one in said["warning"] if one.startswith("redis memory: ")]
    assert said["failure"] == []


async def test_a_server_that_hides_its_ways_is_not_blamed(doctor: Doctor, spoiled: Redis) -> None:
    await spoiled.acl_setuser(
        "bot", enabled=True, passwords=["+s"], keys=["*"], commands=["+@all", "-info"]
    )
    doctor.stage.redis_url = doctor.stage.redis_url.replace("redis://", "redis://bot:s@")
    said = await doctor()
    assert said["failure"] == []
    hidden = [line for line in said["ok"] if line.endswith(NOT_TOLD)]
    assert len(hidden) == 5


async def test_a_server_that_is_no_cluster_is_named(doctor: Doctor) -> None:
    url = doctor.stage.redis_url.replace("redis://", "redis+cluster://").removesuffix("/0")
    said = only(await doctor(REDIS_URL=url), "failure")
    assert said.startswith("redis")


async def test_what_is_spoken_for_of_a_quota_is_told(doctor: Doctor) -> None:
    await doctor.stage.store.rate_limits.pause(seed.HANGZHOU, "DeleteVcoRouteEntry", 60)
    said = only(await doctor(), "warning")
    assert said.startswith("quota DeleteVcoRouteEntry in cn-hangzhou: Alibaba Cloud takes no more")


# --- Alibaba Cloud -----------------------------------------------------------------------------


async def test_credentials_that_can_not_be_had_have_their_line(stage: Stage) -> None:
    environment = stage.environment() | {"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"}
    for name in ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"):
        del environment[name]
    status, out, _ = await run("doctor", **(environment | {"HOME": "/nowhere"}))
    assert status == 1
    [line] = [line for line in out.splitlines() if line.startswith("failure")]
    assert line.startswith("failure  alibaba credentials: No Alibaba Cloud credentials could be")
    assert "alibaba endpoint" not in out


@pytest.mark.parametrize("code", ["InvalidAccessKeyId.NotFound", "SignatureDoesNotMatch"])
async def test_an_endpoint_that_refuses_us_is_told_with_the_mend(doctor: Doctor, code: str) -> None:
    doctor.stage.vpc.faults.add(Fault(kind=FaultKind.ERROR, code=code, times=None))
    said = only(await doctor(), "failure")
    assert said.startswith(f"alibaba endpoint: {code}")


async def test_a_role_without_any_policy_lacks_each_action_that_is_needed(doctor: Doctor) -> None:
    doctor.stage.vpc.faults.add(forbid("*"))
    said = await doctor()
    lacking = [line.partition(": ")[0] for line in said["failure"]]
    assert lacking == [
        "permission vpc:DescribeVpnConnection",
        "permission vpc:DescribeVcoRouteEntries",
    ]


@pytest.mark.parametrize(
    ("action", "level"),
    [
        ("DescribeVpnConnections", "warning"),
        ("DescribeVpnConnection", "failure"),
        ("DescribeVcoRouteEntries", "failure"),
        ("DeleteVcoRouteEntry", "failure"),
        ("CreateVcoRouteEntry", "warning"),
    ],
)
async def test_each_ram_action_that_is_denied_is_named(
    doctor: Doctor, action: str, level: str
) -> None:
    doctor.stage.vpc.faults.add(forbid(action))
    said = only(await doctor(), level)
    assert said.startswith(f"permission vpc:{action}: denied")
    assert f"add vpc:{action} to the policy" in said


async def test_a_policy_of_single_connections_is_not_blamed_for_the_others(
    doctor: Doctor,
) -> None:
    doctor.stage.vpc.faults.add(forbid("*", NO_CONNECTION))
    said = await doctor()
    assert said["failure"] == said["warning"] == []
    told = [line for line in said["ok"] if "RAM allows single connections alone" in line]
    assert len(told) == 2
