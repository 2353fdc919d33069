"""`vco-route-bot policy`: is a policy file right, and what would it ask of whom?"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from program import run, run_here
from stage import Stage

from bot.cli.policy import check, explained
from bot.errors import SettingsError
from bot.sandbox.slack.workspace import NETOPS, NOBODY
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind

TWO_RULES = """
[[rule]]
name = "production"
connections = ["vco-p0w*"]
approve = ["S0NETOPS1", "U0LEAD"]
wide = { ipv4 = 16, approvals = 2 }
protected = ["10.1.0.0/16 le 32"]
break_glass = { who = ["U0LEAD", "S0ONCALL"], countersign_hours = 12 }

[[rule]]
name = "the lab"
channels = ["C0LAB"]
ask = ["U0ALICE", "S0LAB"]
approve = ["U0ALICE", "U0BOB"]
approvals = 2
expiry_minutes = 90
watch_minutes = 0
"""


def write(file: Path, rules: str) -> None:
    file.write_text(rules)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "policy.toml"
    found.write_text(TWO_RULES)
    return found


# --- check -----------------------------------------------------------------------------


async def test_a_policy_that_is_right_is_said_to_be(file: Path) -> None:
    assert await run("policy", "check", str(file)) == (
        0,
        f"{file}: 2 rules, no warnings, no mistake\n",
        "",
    )


async def test_whatever_is_wrong_is_told_in_a_line_each_and_nothing_else(file: Path) -> None:
    write(file, TWO_RULES.replace("approvals = 2", "aprovals = 2"))
    status, out, err = await run_here("policy", "check", str(file))
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        f"{file}:6: 'aprovals' is no key of wide; did you mean approvals?",
        f"{file}:15: 'aprovals' is no key of rule; did you mean approvals?",
    ]


async def test_a_file_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    status, out, err = await run_here("policy", "check", str(tmp_path / "none.toml"))
    assert (status, out) == (2, "")
    assert "none.toml: can't be read (No such file or directory)" in err
    assert len(err.splitlines()) == 1


async def test_a_rule_that_nothing_ever_reaches_is_pointed_at(file: Path) -> None:
    write(file, '[[rule]]\nname = "all"\napprove = ["U0BOB"]\n' + TWO_RULES)
    said: list[str] = []
    assert await check(str(file), {}, write=said.append) == 0
    assert [line.partition(", for")[0] for line in said] == [
        f'warning: {file}:5: rule "production" is never reached',
        f'warning: {file}:13: rule "the lab" is never reached',
        f"{file}: 3 rules, 2 warnings, no mistake\n",
    ]
    assert said[0].endswith('for "all" (line 1) matches all that it does; put it before that one\n')


# --- check --live ------------------------------------------------------------------------


async def live(stage: Stage, file: Path, rules: str, **changes: str) -> list[str]:
    """The warnings about these rules, without the file's name."""
    write(file, rules)
    said: list[str] = []
    env = stage.environment() | {"VCO_APPROVERS": ""} | changes
    assert await check(str(file), env, live=True, write=said.append) == 0
    *warnings, last = [line.strip() for line in said]
    assert last.endswith("no mistake")
    return [line.removeprefix("warning: ").replace(str(file), "p") for line in warnings]


def a_rule(name: str, more: str, *, approve: Sequence[str] = (NETOPS,)) -> str:
    named = ", ".join(f'"{one}"' for one in approve)
    return f'[[rule]]\nname = "{name}"\napprove = [{named}]\n{more}\n'


async def test_what_is_there_gives_no_warning(stage: Stage, file: Path) -> None:
    rules = a_rule("one", f'connections = ["{seed.ORDINARY}", "vco-p0wb*"]')
    rules += a_rule("two", f'regions = ["ap-*"]\nconnections = ["{seed.SLOW}"]')
    assert await live(stage, file, rules) == []


async def test_what_matches_nothing_is_warned_of_with_the_line_of_its_rule(
    stage: Stage, file: Path
) -> None:
    rules = a_rule("one", f'connections = ["{seed.ORDINARY}", "vco-x*"]')
    rules += a_rule("two", f'regions = ["ap-southeast-1", "mars-*"]\nconnections = ["{seed.BUSY}"]')
    assert await live(stage, file, rules) == [
        'p:1: rule "one": vco-x* matches no connection in ap-southeast-1, cn-hangzhou',
        'p:5: rule "two": there is no region mars-*',
        f'p:5: rule "two": {seed.BUSY} matches no connection in ap-southeast-1',
    ]


async def test_without_any_region_to_look_in_that_is_said(stage: Stage, file: Path) -> None:
    (told,) = await live(
        stage, file, a_rule("one", 'connections = ["vco-*"]'), ALIBABA_CLOUD_REGION_ID=""
    )
    assert told.endswith("in any region (name one, or set ALIBABA_CLOUD_REGION_ID)")


async def test_groups_that_are_empty_or_can_not_be_read_are_warned_of(
    stage: Stage, file: Path
) -> None:
    rules = a_rule("one", f'ask = ["{NOBODY}"]', approve=[NETOPS, "S0NOSUCH1"])
    stage.slack.workspace.groups[NOBODY].users = []
    assert await live(stage, file, rules) == [
        f"people of p:1: the user group {NOBODY} has nobody in it",
        "people of p:1: the user group S0NOSUCH1 can't be read; does it exist?",
    ]
    assert await live(stage, file, rules, SLACK_BOT_TOKEN="") == []


@pytest.mark.parametrize("action", ["DescribeRegions", "DescribeVpnConnections"])
async def test_what_can_not_be_looked_up_is_said_and_not_warned_of(
    stage: Stage, file: Path, action: str
) -> None:
    stage.vpc.faults.add(
        Fault(kind=FaultKind.ERROR, action=action, code="Forbidden.RAM", times=None)
    )
    (told,) = await live(stage, file, a_rule("one", 'connections = ["vco-x*"]'))
    assert "can't be read" in told
    assert "Forbidden.RAM" in told


async def test_live_with_a_token_that_is_none_is_refused_in_a_line(file: Path) -> None:
    status, _, err = await run_here(
        "policy", "check", str(file), "--live", SLACK_BOT_TOKEN="xapp-1"
    )
    assert status == 2
    assert err.startswith("SLACK_BOT_TOKEN: must start with xoxb-")
    assert len(err.splitlines()) == 1


async def test_the_command_looks_with_the_credentials_of_its_environment(
    stage: Stage, file: Path
) -> None:
    write(file, a_rule("one", 'connections = ["vco-x*"]'))
    status, out, err = await run("policy", "check", str(file), "--live", **stage.environment())
    assert (status, err) == (0, "")
    first, last = out.splitlines()
    assert first.endswith('rule "one": vco-x* matches no connection in cn-hangzhou')
    assert last.endswith("1 rule, 1 warning, no mistake")


# --- explain -----------------------------------------------------------------------------


async def explain(file: Path | None, *more: str, **environment: str) -> list[str]:
    """What the command says; asked by Alice, for a connection in cn-hangzhou."""
    arguments = {"--user": "U0ALICE", "--region": "cn-hangzhou"}
    words = [word for pair in arguments.items() for word in pair]
    named = ["--file", str(file)] if file else []
    status, out, err = await run_here("policy", "explain", *words, *named, *more, **environment)
    assert (status, err) == (0, "")
    return out.replace(str(file), "p").splitlines()


UNTRIED = "Rules for certain channels were left out: give --channel to try those."


async def test_what_would_be_asked_of_whom_is_explained_line_by_line(file: Path) -> None:
    said = await explain(file, "--connection", "vco-p0w1", "--route", "10.2.0.0/24", "10.0.0.0/12")
    assert said == [
        "U0ALICE asks to delete 10.2.0.0/24, 10.0.0.0/12 from vco-p0w1 (cn-hangzhou).",
        'Rule "production" (p:2) decides.',
        "Submitter: U0ALICE may, as any full member of the workspace.",
        "Approval: 2 different people of S0NETOPS1, U0LEAD; U0ALICE can't be one of them.",
        "Wide: each of them has to type 10.0.0.0/12.",
        "Time: it expires after 30 min.",
        "Afterwards: the connection is watched for 10 min.",
        (
            "Break-glass: U0ALICE may, if Slack has them in S0ONCALL. It takes a reason, and "
            "somebody else of S0NETOPS1, U0LEAD has to countersign within 12 h."
        ),
        UNTRIED,
    ]


async def test_approvals_that_nobody_could_give_are_pointed_at(file: Path) -> None:
    said = await explain(
        file, "--connection", "vco-t4n1", "--route", "10.2.0.0/24", "--channel", "C0LAB"
    )
    assert said == [
        "U0ALICE asks to delete 10.2.0.0/24 from vco-t4n1 (cn-hangzhou) in C0LAB.",
        'Rule "the lab" (p:10) decides.',
        "Submitter: U0ALICE may, by name.",
        "Approval: 2 different people of U0ALICE, U0BOB; U0ALICE can't be one of them.",
        "But only 1 of them can, for nobody approves what they asked for.",
        "Time: it expires after 90 min.",
        "Afterwards: the connection is not watched.",
        "Break-glass: not allowed.",
    ]


async def test_a_refusal_is_explained_as_it_would_be_told(file: Path) -> None:
    kept = await explain(file, "--connection", "vco-p0w1", "--route", "10.1.2.0/24")
    assert kept[1] == 'Rule "production" (p:2) decides.'
    assert kept[2].startswith("Refused: 10.1.2.0/24 is protected and is never deleted")
    assert kept[3:] == [UNTRIED]
    nowhere = await explain(file, "--connection", "vco-t4n1", "--route", "10.2.0.0/24")
    assert nowhere[1].startswith("Refused: No rule of the policy is about vco-t4n1")
    assert nowhere[2:] == [UNTRIED]


async def test_without_a_file_it_is_the_policy_that_a_bot_would_have_here(file: Path) -> None:
    asked = ("--connection", "VCO-P0W1", "--route", "10.2.0.0/24")
    simple = await explain(None, *asked, VCO_APPROVERS="U0BOB", VCO_APPROVAL_TIMEOUT="600")
    assert simple[1:5] == [
        "VCO_APPROVERS decides.",
        "Submitter: U0ALICE may, as any full member of the workspace.",
        "Approval: 1 person of U0BOB; U0ALICE can't be one of them.",
        "Time: it expires after 10 min.",
    ]
    by_file = await explain(None, *asked, VCO_POLICY_FILE=str(file))
    assert by_file[1] == f'Rule "production" ({file}:2) decides.'


def test_who_may_not_ask_is_told_who_may(file: Path) -> None:
    write(file, a_rule("one", 'ask = ["U0BOB"]'))
    here = {"VCO_APPROVAL_CHANNEL": "C0OPS", "ALIBABA_CLOUD_REGION_ID": "cn-hangzhou"}
    said: list[str] = []
    explained(
        here,
        user="U0ALICE",
        connection="vco-1",
        routes=["::/0"],
        file=str(file),
        write=said.append,
    )
    assert "".join(said).splitlines() == [
        "U0ALICE asks to delete ::/0 from vco-1 (cn-hangzhou) in C0OPS.",
        f'Rule "one" ({file}:1) decides.',
        "Submitter: U0ALICE may not; only U0BOB may.",
    ]


def test_everything_that_was_given_wrong_is_told_at_once(file: Path) -> None:
    with pytest.raises(SettingsError) as wrong:
        explained(
            {},
            user="alice",
            connection="vpn-1",
            routes=["10.0.0.1/8", "::/0", "x"],
            channel="#ops",
            file=str(file),
        )
    assert wrong.value.lines == [
        "--user: 'alice' is no ID of a user (U… or W…)",
        "--region: is not set: give one, or set ALIBABA_CLOUD_REGION_ID",
        "--connection: 'vpn-1' is no connection's id (vco-…)",
        "--channel: '#ops' is no channel ID (C… or G…; a name such as #ops is none)",
        "--route: '10.0.0.1/8' is an address within a block; the block is 10.0.0.0/8",
        "--route: 'x' is no CIDR block",
    ]


async def test_without_any_policy_the_settings_are_named(file: Path) -> None:
    asked = ("--user", "U1", "--connection", "vco-1", "--route", "::/0", "--region", "cn-a")
    status, _, err = await run_here("policy", "explain", *asked)
    assert status == 2
    assert err.startswith("VCO_APPROVERS: is not set")
    status, _, err = await run_here(
        "policy", "explain", *asked, VCO_APPROVERS="U1", VCO_POLICY_FILE=str(file)
    )
    assert status == 2
    assert err.startswith("VCO_APPROVERS: is set, and so is VCO_POLICY_FILE")
