"""Before a send the approvers are looked at again, and the policy too."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from builders import a_request, decided
from msgspec.structs import replace
from policies import ALICE as ANN
from policies import BOB as BEN
from stage import Stage

from bot import lifecycle
from bot.errors import Refused, SlackError, SlackUnavailable
from bot.execution import recheck, send
from bot.execution.recheck import FRESH_SECONDS, Recheck
from bot.models import EventKind, People, Person, Place, Request, RequestState, Terms, Verdict
from bot.policy import PolicySource
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.workspace import ALICE, BOB, NETOPS

RULE = '[[rule]]\nname = "all"\napprove = ["S0NETOPS"]\n'
GLASS = 'break_glass = { who = ["U0ALICE"], countersign_hours = 1 }\n'


class Workspace:
    """A workspace of two, as Slack shows it; what is None does not answer."""

    def __init__(self) -> None:
        self.persons: dict[str, Person] | None = {one.id: one for one in (ANN, BEN)}
        self.groups: dict[str, list[str]] = {"S0NETOPS": [BEN.id]}
        self.looks = 0

    async def home_team(self) -> str:
        return "T1"

    async def person(self, user_id: str) -> Person | None:
        self.looks += 1
        if self.persons is None:
            await asyncio.Event().wait()
            return None
        return self.persons.get(user_id)

    async def members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        return {one: self.groups[one] for one in group_ids if one in self.groups}

    async def confirmed_members(self, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        return await self.members(group_ids)

    async def place(self, channel_id: str) -> Place | None:
        return Place(id=channel_id)


@pytest.fixture
def directory() -> Workspace:
    return Workspace()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    written = tmp_path / "policy.toml"
    written.write_text(RULE)
    return written


@pytest.fixture
def policy(file: Path) -> PolicySource:
    return PolicySource.of(People(), str(file), 1800)


def change(policy: PolicySource, file: Path, text: str) -> None:
    file.write_text(text)
    policy.reload()


@pytest.fixture
def look(directory: Workspace, policy: PolicySource) -> Recheck:
    return Recheck(directory, policy, seconds=0.2)


TERMS = Terms(rule="all", approvers=People(groups=("S0NETOPS",)), countersign=3600.0)
APPROVED = lifecycle.record_decision(
    a_request(terms=TERMS), decided(Verdict.APPROVED, BEN.id, at=1100.0)
)
LATER = 1100.0 + FRESH_SECONDS + 1


async def refused(look: Recheck, request: Request, at: float = LATER) -> str:
    with pytest.raises(Refused) as found:
        await look.check(request, at)
    return found.value.problem


async def test_whoever_is_still_there_and_allowed_lets_the_send_through(look: Recheck) -> None:
    await look.check(APPROVED, LATER)


async def test_what_was_looked_at_just_now_is_not_asked_of_slack_again(
    look: Recheck, directory: Workspace
) -> None:
    await look.check(APPROVED, 1100.0 + FRESH_SECONDS)
    assert directory.looks == 0, "the decision itself has looked"
    await look.check(APPROVED, LATER)
    await look.check(APPROVED, LATER + FRESH_SECONDS)
    assert directory.looks == 2, "both people, once"
    await look.check(APPROVED, LATER + FRESH_SECONDS + 1)
    assert directory.looks == 4


@pytest.mark.parametrize(("who", "did"), [(ANN, "asked for this"), (BEN, "approved earlier")])
async def test_who_has_left_voids_it(
    look: Recheck, directory: Workspace, who: Person, did: str
) -> None:
    assert directory.persons is not None
    directory.persons[who.id] = replace(who, deleted=True)
    said = await refused(look, APPROVED)
    assert said == f"{who.id} {did} and is no member of this workspace now."


async def test_who_is_no_approver_any_more_voids_it(look: Recheck, directory: Workspace) -> None:
    directory.groups["S0NETOPS"] = []
    assert f"{BEN.id} approved earlier and is no approver any more" in await refused(look, APPROVED)


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (f'{RULE}protected = ["10.0.0.0/8 le 32"]', "10.0.0.0/24 is protected"),
        (f"{RULE}approvals = 2", "Only 1 of 2 approvals are on record"),
        (f"{RULE}wide = {{ ipv4 = 24, approvals = 1 }}", "the prefix has to be typed"),
        ('[[rule]]\nname = "x"\nconnections = ["vco-x"]\napprove = ["S0NETOPS"]', "No rule"),
    ],
)
async def test_a_policy_that_does_not_allow_it_any_more_voids_it_at_once(  # noqa: PLR0913, PLR0917 - fixtures
    look: Recheck, policy: PolicySource, directory: Workspace, file: Path, rule: str, why: str
) -> None:
    """Also right after the decision, and without Slack."""
    directory.persons = None
    change(policy, file, rule)
    said = await refused(look, APPROVED, 1101.0)
    assert said.startswith("The policy has changed since this was approved: ")
    assert why in said


async def test_a_broken_glass_needs_a_policy_that_still_lets_that_person_break_it(
    look: Recheck, policy: PolicySource, file: Path
) -> None:
    broke = decided(Verdict.BROKE_GLASS, ANN.id, at=1000.0, reason="INC-1")
    request = lifecycle.record_decision(a_request(terms=TERMS), broke)
    change(policy, file, RULE + GLASS)
    await look.check(request, LATER)
    change(policy, file, RULE + GLASS.replace("U0ALICE", "U0CAROL"))
    assert "may not break the glass here any more" in await refused(look, request, LATER + 99)
    change(policy, file, RULE)
    assert "Break-glass is not allowed here any more" in await refused(look, request)


async def test_slack_that_hangs_or_does_not_know_a_group_is_no_answer(
    look: Recheck, directory: Workspace
) -> None:
    directory.groups.clear()
    with pytest.raises(SlackUnavailable, match="S0NETOPS"):
        await look.check(APPROVED, LATER)
    directory.persons = None
    with pytest.raises(SlackError):
        await look.check(APPROVED, LATER)


# --- in a bot ------------------------------------------------------------------------


async def approved_and_waiting(stage: Stage) -> Message:
    """A request that was approved and waits for a connection that somebody keeps busy."""
    card = await stage.ask()
    stage.vpc.set_state(stage.route.vpn_connection_id, "updating")
    await stage.approve(card)
    await stage.until_event(card, EventKind.WAITING)
    return card


@pytest.fixture
def strict(brisk: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A bot for which nothing was looked at just now."""
    monkeypatch.setattr(recheck, "FRESH_SECONDS", -1.0)
    return brisk


async def test_an_approver_who_has_left_since_voids_the_request_and_all_are_told(
    strict: Stage,
) -> None:
    card = await approved_and_waiting(strict)
    strict.slack.workspace.people[BOB].deleted = True
    strict.slack.workspace.groups[NETOPS].users.remove(BOB)
    strict.vpc.set_state(strict.route.vpn_connection_id, "attached")
    assert (await strict.until_ended(card)).state is RequestState.VOID
    said = await strict.until_thread_says(card, "is no member of this workspace now")
    [line] = [line for line in said if "is no member" in line]
    assert f"<@{ALICE}>" in line
    assert f"<@{BOB}>" in line
    assert strict.sends() == 0


@pytest.mark.parametrize("how", ["deleted", "disabled", "not for us"])
async def test_a_group_that_is_gone_or_may_not_be_read_is_a_no_and_no_silence(
    strict: Stage, how: str
) -> None:
    card = await approved_and_waiting(strict)
    if how == "deleted":
        del strict.slack.workspace.groups[NETOPS]
    elif how == "disabled":
        strict.slack.workspace.groups[NETOPS].disabled = True
    else:
        strict.slack.faults.add("usergroups.users.list", "error", error="missing_scope", times=None)
    strict.vpc.set_state(strict.route.vpn_connection_id, "attached")
    assert (await strict.until_ended(card)).state is RequestState.VOID
    await strict.until_thread_says(card, f"Slack shows nobody in {NETOPS}")
    assert strict.sends() == 0


async def test_slack_that_is_silent_for_long_holds_nothing_up_and_that_is_told(
    strict: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send, "SILENCE_SECONDS", 0.5)
    card = await approved_and_waiting(strict)
    strict.slack.faults.add("users.info", "http", times=None)
    strict.vpc.set_state(strict.route.vpn_connection_id, "attached")
    assert (await strict.until_ended(card)).state is RequestState.DELETED
    said = await strict.until_thread_says(card, "could not be looked at again")
    assert sum("could not be looked at again" in line for line in said) == 1
    audited = [event.details.get("what") for _, event in await strict.audit()]
    assert audited.count(send.NOT_RECHECKED) == 1


async def test_slack_that_answers_again_in_time_is_heard(strict: Stage) -> None:
    card = await approved_and_waiting(strict)
    strict.slack.faults.add("users.info", "rate_limited", times=3, retry_after=1)
    strict.vpc.set_state(strict.route.vpn_connection_id, "attached")
    await strict.until_thread_says(card, "Slack does not say")
    assert (await strict.until_ended(card)).state is RequestState.DELETED
    assert not any("could not be looked at again" in line for line in strict.thread(card))
