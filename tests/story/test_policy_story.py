"""The policy at work: in Slack, as it is at each click, and read again while the bot serves."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace
from program import run
from stage import Stage, delete_command, request_id

from bot import lifecycle
from bot.approval.decide import Approval
from bot.approval.submit import Confirmed
from bot.config.settings import Settings
from bot.errors import Refused, TooLate, UserError
from bot.models import Decision, Draft, EventKind, Request, RequestState, Verdict
from bot.preview.snapshot import fingerprint, snapshot
from bot.sandbox.process import BotProcess
from bot.sandbox.slack.messages import Message, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, NETOPS, NETWORK_OPS
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.world import Change, Pace
from bot.service.app import App


def rule(more: str = "", *, name: str = "all", approve: str = f'["{NETOPS}"]') -> str:
    return f'[[rule]]\nname = "{name}"\napprove = {approve}\n{more}\n'


GLASS = rule(f'break_glass = {{ who = ["{ALICE}"], countersign_hours = 1 }}\nself_approval = true')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


def write(file: Path, text: str) -> None:
    file.write_text(text)


async def start(stage: Stage, file: Path, rules: str) -> None:
    """Start a bot with this policy."""
    write(file, rules)
    await stage.start_bot(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")


async def refused(stage: Stage, user: str) -> list[tuple[str, str]]:
    """What this person was refused and why, as the audit has it."""
    return [
        (event.details["wanted"], event.details["why"])
        for _, event in await stage.audit()
        if event.kind is EventKind.REFUSED and event.by == user
    ]


# --- who may ask for what --------------------------------------------------------------


async def test_who_may_not_ask_is_told_and_audited_and_nothing_is_recorded(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, rule(f'ask = ["{CAROL}"]'))
    (route,) = hurried.new_routes("asking")
    await hurried.command(delete_command(route))
    await hurried.until_told(ALICE, "You are not one of those who may ask for this")
    assert [wanted for wanted, _ in await refused(hurried, ALICE)] == ["ask"]
    assert hurried.cards() == []
    card = await hurried.ask(delete_command(route), user=CAROL)
    assert (await hurried.request(card)).terms.rule == "all"


async def test_a_group_of_askers_that_slack_does_not_show_lets_nobody_ask(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, rule(f'ask = ["{NETOPS}"]'))
    hurried.slack.workspace.groups[NETOPS].disabled = True
    (route,) = hurried.new_routes("group")
    await hurried.command(delete_command(route), user=BOB)
    await hurried.until_told(BOB, f"Slack did not say who is in the user group {NETOPS}")


async def test_what_no_rule_is_about_nobody_may_do(hurried: Stage, file: Path) -> None:
    rules = rule('connections = ["vco-prod*"]', name="prod")
    rules += rule('channels = ["C0ELSEWHERE"]', name="elsewhere")
    await start(hurried, file, rules)
    (route,) = hurried.new_routes("other")
    await hurried.command(delete_command(route))
    await hurried.until_told(ALICE, "No rule of the policy is about vco-other (cn-hangzhou)")
    (route,) = hurried.new_routes("prod1")
    card = await hurried.ask(delete_command(route))
    assert (await hurried.request(card)).terms.rule == "prod"


async def test_a_protected_route_is_not_deleted_also_not_among_others(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, rule('protected = ["10.1.0.0/16 le 32"]'))
    free, kept = hurried.new_routes("kept", 2)
    await hurried.command(delete_command(free, kept))
    await hurried.until_told(ALICE, "10.1.0.0/16 is protected and is never deleted")
    assert hurried.cards() == []
    assert (await refused(hurried, ALICE))[0][1].endswith('(rule "all": 10.1.0.0/16 le 32).')
    card = await hurried.approved(free)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


# --- break-glass -------------------------------------------------------------------------


async def test_g1_who_may_break_the_glass_goes_ahead_alone_and_is_countersigned_by_another(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, GLASS)
    (route,) = hurried.new_routes("glass")
    asked = delete_command(route, reason="all of prod is down")
    card = await hurried.ask(f"{asked} --break-glass")
    await hurried.until_deleted(card)
    request = await hurried.request(card)
    assert request.approvers == ()
    assert hurried.vpc.effects(route) == 1

    click = "vco_route_countersign"
    await hurried.slack.click(ALICE, card.channel, card.ts, click)
    await hurried.until_told(ALICE, "somebody else has to decide on it")
    assert not (await hurried.request(card)).countersigned
    assert [wanted for wanted, _ in await refused(hurried, ALICE)] == ["countersigned"]
    await hurried.countersign(card)
    await hurried.until_event(card, EventKind.COUNTERSIGNED)
    kinds = [event.kind for one, event in await hurried.audit() if one == request.id]
    assert kinds[:2] == [EventKind.SUBMITTED, EventKind.BROKE_GLASS]


async def test_g1_a_deleted_route_is_put_back_alone_too_by_whoever_may_break_the_glass(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, GLASS)
    (route,) = hurried.new_routes("glassback")
    first = await hurried.until_ended(await hurried.approved(route))
    undo = f'restore {first.id} --reason "it was the right one" --break-glass'
    await hurried.command(undo, user=CAROL)
    await hurried.until_told(CAROL, "You may not break the glass here")
    assert hurried.vpc.effects(route, Change.CREATE) == 0

    card = await hurried.ask(undo)
    request = await hurried.until_ended(card)
    assert (request.state, request.approvers) == (RequestState.RESTORED, ())
    assert (request.glass_broken, request.countersigned) == (True, False)
    assert hurried.vpc.effects(route, Change.CREATE) == 1
    assert "Countersign" in await hurried.until_shown(card, RequestState.RESTORED)


async def test_what_broke_the_glass_is_asked_again_and_undone_with_an_approval_all_the_same(
    hurried: Stage, file: Path
) -> None:
    """The switch is of one request: no button carries it on."""
    await start(hurried, file, GLASS)
    (route,) = hurried.new_routes("onceonly")
    asked = delete_command(route, reason="all of prod is down")
    card = await hurried.ask(f"{asked} --break-glass")
    await hurried.until_deleted(card)
    first = await hurried.request(card)
    back = await hurried.restore(card)
    request = await hurried.request(back)
    assert (request.origin, request.state) == (first.id, RequestState.PENDING)
    assert not request.glass_broken
    assert hurried.vpc.effects(route, Change.CREATE) == 0


@pytest.mark.parametrize(
    ("user", "rules", "words"),
    [
        (ALICE, rule(), "Break-glass is not allowed here"),
        (CAROL, GLASS, "You may not break the glass here"),
    ],
    ids=["no such rule", "another person"],
)
async def test_g1_in_any_other_case_nothing_is_sent(
    hurried: Stage, file: Path, user: str, rules: str, words: str
) -> None:
    await start(hurried, file, rules)
    (route,) = hurried.new_routes("noglass")
    await hurried.command(f"{delete_command(route, reason='down')} --break-glass", user=user)
    await hurried.until_told(user, words)
    assert [wanted for wanted, _ in await refused(hurried, user)] == ["break glass"]
    assert hurried.cards() == []
    assert hurried.sends() == 0


async def test_g1_a_record_that_says_the_glass_was_broken_is_not_enough(
    hurried: Stage, file: Path
) -> None:
    """Right before the send, the terms on record are looked at again."""
    await start(hurried, file, rule())
    (route,) = hurried.new_routes("forged")
    card = await hurried.ask(delete_command(route))
    await hurried.store.requests.update(request_id(card), _broken)
    assert (await hurried.until_ended(card)).state is RequestState.VOID
    await hurried.until_card_says(card, "where the policy does not allow that")
    assert hurried.sends() == 0


def _broken(request: Request) -> Request:
    broke = Decision(verdict=Verdict.BROKE_GLASS, by=ALICE, at=request.created_at, reason="down")
    return lifecycle.record_decision(request, broke)


# --- the policy of now -------------------------------------------------------------------


class AppWithPolicy:
    """A bot whose worker does not run: what is decided is looked at, nothing is done."""

    def __init__(self, app: App, file: Path) -> None:
        self.app = app
        self._file = file

    def rewrite(self, rules: str) -> None:
        """The policy is another from now on."""
        self._file.write_text(rules)
        self.app.policy.reload()
        assert self.app.policy.problems == ()

    async def ask(self, **more: object) -> Request:
        """Alice asks for the deletion of a /24."""
        draft = Draft(
            vpn_connection_id=seed.ORDINARY,
            route_dests=(seed.SHADOWED_DEST,),
            region=seed.HANGZHOU,
            reason="INC-4211",
        )
        draft = replace(draft, **more)
        connection = await self.app.cloud.connection(draft.region, draft.vpn_connection_id)
        listed = await self.app.cloud.routes(draft.region, draft.vpn_connection_id)
        seen = fingerprint(snapshot(draft, connection, listed, at=0.0))
        return await self.app.submitter.submit(
            "r-policyasks",
            draft,
            requester=ALICE,
            channel=NETWORK_OPS,
            confirmed=Confirmed(seen=seen, typed=""),
        )

    async def decide(
        self, by: str, verdict: Verdict = Verdict.APPROVED, typed: str = ""
    ) -> tuple[Request, bool]:
        """Somebody decides."""
        return await self.app.approval.decide("r-policyasks", by, verdict, typed=typed)

    async def stored(self) -> Request:
        """The request as it is recorded."""
        found = await self.app.store.requests.get("r-policyasks")
        assert found is not None
        return found.request


@asynccontextmanager
async def opened(stage: Stage, file: Path, rules: str) -> AsyncIterator[AppWithPolicy]:
    write(file, rules)
    env = stage.environment(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")
    app = App(Settings.from_env(env))
    try:
        yield AppWithPolicy(app, file)
    finally:
        await app.close()


async def test_a_click_meets_the_policy_of_now_and_the_card_asks_for_that(
    stage: Stage, file: Path
) -> None:
    async with opened(stage, file, rule()) as bot:
        await bot.ask()
        bot.rewrite(rule("wide = { ipv4 = 24, approvals = 2 }"))
        with pytest.raises(Refused, match=r"192\.168\.10\.0/24 has to be typed"):
            await bot.decide(BOB)
        # So the form that asks for the typing opens at the next click.
        asked = await bot.stored()
        assert (asked.terms.approvals, asked.terms.typed) == (2, "192.168.10.0/24")
        first, counted = await bot.decide(BOB, typed="192.168.10.0/24")
        assert (counted, first.state) == (True, RequestState.PENDING)
        second, counted = await bot.decide(CAROL, typed=" 192.168.10.0/24")
        assert (counted, second.state) == (True, RequestState.APPROVED)
        assert second.approvers == (BOB, CAROL)


async def test_a_second_approval_by_the_same_person_is_none(stage: Stage, file: Path) -> None:
    async with opened(stage, file, rule("approvals = 2")) as bot:
        await bot.ask()
        assert (await bot.decide(BOB))[1]
        again, counted = await bot.decide(BOB)
        assert not counted
        assert (again.state, again.approvers) == (RequestState.PENDING, (BOB,))


async def test_more_approvals_than_before_are_waited_for(stage: Stage, file: Path) -> None:
    async with opened(stage, file, rule("approvals = 2")) as bot:
        await bot.ask()
        await bot.decide(BOB)
        bot.rewrite(rule("approvals = 3"))
        second, _ = await bot.decide(CAROL)
        assert (second.state, second.terms.approvals) == (RequestState.PENDING, 3)
        bot.rewrite(rule("approvals = 2"))
        stage.slack.workspace.groups[NETOPS].users = [CAROL, BOB]
        third, counted = await bot.decide(BOB)
        assert not counted, "the same two people"
        assert third.state is RequestState.PENDING


async def test_whoever_approved_before_has_to_be_an_approver_still(
    stage: Stage, file: Path
) -> None:
    async with opened(stage, file, rule("approvals = 2")) as bot:
        await bot.ask()
        await bot.decide(BOB)
        bot.rewrite(rule("approvals = 1", approve=f'["{CAROL}"]'))
        with pytest.raises(Refused, match=f"{BOB} approved earlier and is no approver any more"):
            await bot.decide(CAROL)
        assert (await bot.stored()).state is RequestState.PENDING
        rejected, counted = await bot.decide(CAROL, Verdict.REJECTED)
        assert (counted, rejected.state) == (True, RequestState.REJECTED)


@pytest.mark.parametrize(
    "rules",
    [rule('connections = ["vco-other"]'), rule(f'protected = ["{seed.SHADOWED_DEST}"]')],
    ids=["no rule any more", "protected meanwhile"],
)
async def test_what_the_policy_forbids_by_now_can_only_be_stopped(
    stage: Stage, file: Path, rules: str
) -> None:
    async with opened(stage, file, rule()) as bot:
        await bot.ask()
        bot.rewrite(rules)
        with pytest.raises(Refused, match="The policy has changed since this was asked: ") as no:
            await bot.decide(BOB)
        assert no.value.mend == "Reject or cancel this request."
        assert ("approved", no.value.problem) in await refused(stage, BOB)
        stage.slack.workspace.groups[NETOPS].users = [CAROL]
        with pytest.raises(Refused, match="not one of the approvers"):
            await bot.decide(BOB, Verdict.REJECTED)
        rejected, _ = await bot.decide(CAROL, Verdict.REJECTED)
        assert rejected.state is RequestState.REJECTED


async def test_a_countersignature_is_taken_once_from_an_approver_of_now(
    stage: Stage, file: Path
) -> None:
    async with opened(stage, file, GLASS) as bot:
        request = await bot.ask(break_glass=True)
        sign = bot.app.approval.countersign
        bot.rewrite(rule(approve=f'["{ALICE}", "{CAROL}"]'))
        with pytest.raises(Refused, match="not one of the approvers"):
            await sign(request.id, BOB)
        with pytest.raises(Refused, match="somebody else has to decide"):
            await sign(request.id, ALICE)
        assert (await sign(request.id, CAROL)).decided
        assert not (await sign(request.id, CAROL)).decided
        assert not (await sign(request.id, BOB)).decided
        # No rule any more: those who were approvers then may still look at it.
        assert [d.by for d in (await bot.stored()).decisions] == [ALICE, CAROL]


async def test_where_no_rule_is_left_those_of_then_countersign(stage: Stage, file: Path) -> None:
    async with opened(stage, file, GLASS) as bot:
        request = await bot.ask(break_glass=True)
        bot.rewrite(rule('connections = ["vco-other"]', approve=f'["{CAROL}"]'))
        assert (await bot.app.approval.countersign(request.id, BOB)).decided


async def test_g1_whatever_asks_the_glass_is_not_broken_without_a_reason(
    stage: Stage, file: Path
) -> None:
    async with opened(stage, file, GLASS) as bot:
        with pytest.raises(Refused, match="you have to say why"):
            await bot.ask(break_glass=True, reason=" ")
        assert await bot.app.store.requests.get("r-policyasks") is None


async def test_only_a_broken_glass_is_countersigned(stage: Stage, file: Path) -> None:
    async with opened(stage, file, rule()) as bot:
        request = await bot.ask()
        for unknown in (request.id, "r-nosuch"):
            with pytest.raises(UserError):
                await bot.app.approval.countersign(unknown, BOB)


async def test_what_was_looked_at_is_what_is_decided_on(stage: Stage, file: Path) -> None:
    """Bob's click is held up after it was let through; meanwhile the policy and Carol go on."""
    rules = rule("approvals = 2", approve=f'["{BOB}", "{CAROL}"]')
    async with opened(stage, file, rules) as bot:
        await bot.ask()
        looked, go_on = asyncio.Event(), asyncio.Event()

        store, policy = bot.app.store, bot.app.policy
        now, times = store.database.now, count()

        async def held_up() -> float:
            if next(times):
                # Not at the first look, before Slack is asked.
                looked.set()
                await go_on.wait()
            return await now()

        parts = store.requests, store.audit, bot.app.directory, policy
        slow = Approval(*parts, now, lately=held_up)
        bobs = asyncio.create_task(slow.decide("r-policyasks", BOB, Verdict.APPROVED))
        await looked.wait()
        bot.rewrite(
            rule("wide = { ipv4 = 24, approvals = 2 }", approve=f'["{CAROL}", "{ALICE}", "U0X"]')
        )
        carols, counted = await bot.decide(CAROL, typed=seed.SHADOWED_DEST)
        assert (counted, carols.state) == (True, RequestState.PENDING)
        go_on.set()
        with pytest.raises(Refused, match="The approvers have changed since this was asked"):
            await bobs
        assert (await bot.stored()).approvers == (CAROL,)


async def test_what_is_too_late_by_the_stores_clock_is_not_done_whatever_a_process_believes(
    stage: Stage, file: Path
) -> None:
    """Held up between the server's word on the time and reading it, a process lags behind."""
    async with opened(stage, file, rule()) as bot:
        request, database = await bot.ask(), bot.app.store.database
        now = await database.now()
        database.heard(now - 4.0)
        with pytest.raises(TooLate, match=r"that was 6\d s ago"):
            await bot.app.approval.decide(request.id, BOB, Verdict.APPROVED, said_at=now - 61.0)
        assert (await bot.stored()).state is RequestState.PENDING


async def test_a_replica_with_an_older_policy_lets_nobody_through_that_the_newer_would_not(
    stage: Stage, file: Path, tmp_path: Path
) -> None:
    new = rule("approvals = 3", approve=f'["{BOB}", "{CAROL}", "U0DORA001"]')
    old = rule("self_approval = true", approve=f'["{ALICE}", "{BOB}", "{CAROL}"]')
    stage.slack.workspace.people["U0DORA001"].deleted = False
    async with (
        opened(stage, file, new) as bot,
        opened(stage, tmp_path / "old.toml", old) as stale,
    ):
        await bot.ask()
        with pytest.raises(Refused, match="somebody else has to decide"):
            await stale.decide(ALICE)
        await bot.decide(BOB)
        request, counted = await stale.decide(CAROL)
        assert (counted, request.state) == (True, RequestState.PENDING), "2 of 3"


async def test_what_was_approved_without_typing_is_asked_anew_where_the_policy_wants_it_typed(
    stage: Stage, file: Path
) -> None:
    async with opened(stage, file, rule("approvals = 2")) as bot:
        await bot.ask()
        await bot.decide(BOB)
        bot.rewrite(rule("wide = { ipv4 = 24, approvals = 2 }\napprovals = 2"))
        for typed in ("", seed.SHADOWED_DEST):
            with pytest.raises(Refused, match="asks for more by now") as no:
                await bot.decide(CAROL, typed=typed)
            assert no.value.mend == "Cancel or reject this request, and ask anew."


async def test_a_rule_that_is_called_otherwise_changes_nothing(stage: Stage, file: Path) -> None:
    async with opened(stage, file, rule()) as bot:
        asked = await bot.ask()
        bot.rewrite(rule(name="renamed"))
        with pytest.raises(Refused):
            await bot.decide(ALICE)
        assert await bot.stored() == asked


async def test_that_more_is_asked_for_is_on_record_and_in_the_thread(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, rule())
    card = await hurried.ask(delete_command(*hurried.new_routes("more")))
    async with opened(hurried, file, rule("approvals = 2")) as other:
        await other.app.approval.decide(request_id(card), BOB, Verdict.APPROVED)
    await hurried.until_thread_says(card, "The policy has changed: ")
    await hurried.until_card_says(card, "1 of 2 approvals from")
    kinds = [e.kind for one, e in await hurried.audit() if one == request_id(card)]
    assert kinds == [EventKind.SUBMITTED, EventKind.TERMS_CHANGED, EventKind.APPROVED]


@pytest.mark.parametrize("who", [ALICE, BOB], ids=["the requester", "an earlier approver"])
async def test_whoever_has_left_since_counts_no_more(stage: Stage, file: Path, who: str) -> None:
    async with opened(stage, file, rule("approvals = 2")) as bot:
        await bot.ask()
        await bot.decide(BOB)
        stage.slack.workspace.people[who].deleted = True
        with pytest.raises(Refused, match=f"{who} .* is no member of this workspace now"):
            await bot.decide(CAROL)
        assert (await bot.stored()).approvers == (BOB,)


async def test_whoever_may_not_ask_any_more_can_not_have_it_approved(
    stage: Stage, file: Path
) -> None:
    async with opened(stage, file, rule()) as bot:
        await bot.ask()
        bot.rewrite(rule(f'ask = ["{CAROL}"]'))
        with pytest.raises(Refused, match=f"{ALICE} may not ask for this any more"):
            await bot.decide(BOB)


async def test_where_the_channel_is_out_of_sight_it_can_only_be_stopped(
    stage: Stage, file: Path
) -> None:
    """The bot was taken out of a private channel: nobody knows who reads there by now."""
    async with opened(stage, file, rule()) as bot:
        await bot.ask()
        stage.slack.faults.add("conversations.info", "error", times=None, error="channel_not_found")
        with pytest.raises(Refused, match="I can't see the channel of this request any more"):
            await bot.decide(BOB)
        rejected, counted = await bot.decide(BOB, Verdict.REJECTED)
        assert (counted, rejected.state) == (True, RequestState.REJECTED)


async def test_who_breaks_the_glass_need_not_wait_for_what_waits_for_an_approval(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, GLASS)
    route, other = hurried.new_routes("waiting", 2)
    one = await hurried.ask(delete_command(route), user=CAROL)
    two = await hurried.ask(delete_command(other), user=BOB)
    both = delete_command(route, other, reason="all of prod is down")
    card = await hurried.ask(f"{both} --break-glass")
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    for superseded in (one, two):
        request = await hurried.until_ended(superseded)
        assert (request.state, request.decisions[-1].by) == (RequestState.CANCELLED, ALICE)
        await hurried.until_card_says(superseded, f"superseded by {request_id(card)}")
    assert hurried.vpc.effects(route) == hurried.vpc.effects(other) == 1


async def test_what_is_approved_already_is_not_superseded_nor_what_waits_beside_it(
    hurried: Stage, file: Path
) -> None:
    await start(hurried, file, GLASS)
    route, other = hurried.new_routes("running", 2, pace=Pace(delay=0.1, seconds=5.0))
    waiting = await hurried.ask(delete_command(other), user=CAROL)
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.SENT)
    await hurried.command(f"{delete_command(other, route, reason='down')} --break-glass")
    await hurried.go_ahead()
    await hurried.until_told(ALICE, "There is already an open request for this")
    assert (await hurried.request(waiting)).state is RequestState.PENDING
    assert (await hurried.until_ended(card)).state is RequestState.DELETED
    assert hurried.vpc.effects(route) == 1


# --- read again while the bot serves -------------------------------------------------------


@asynccontextmanager
async def serving(stage: Stage, file: Path) -> AsyncIterator[BotProcess]:
    """A bot as a process of its own, with this policy."""
    env = stage.environment(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")
    bot = BotProcess(env, log=file.with_name("bot.log"))
    await bot.start()
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    try:
        yield bot
    finally:
        assert await bot.stop() == 0


async def until_policy_is(bot: BotProcess, word: str) -> tuple[int, str]:
    """Wait until readiness says this of the policy; returns its status and all it says of it."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{bot.url}/readyz") as answer:
                said = str((await answer.json())["policy"])
                if said.startswith(word):
                    return answer.status, said


def hang_up(bot: BotProcess) -> None:
    assert bot.pid is not None
    os.kill(bot.pid, signal.SIGHUP)


async def test_a_policy_is_read_again_on_sighup_and_a_bad_one_changes_nothing(
    stage: Stage, file: Path
) -> None:
    write(file, rule())
    async with serving(stage, file) as bot:
        assert await until_policy_is(bot, "ok") == (200, "ok")
        card = await stage.ask()

        write(file, rule("colour = 1\napprovals = 0"))
        hang_up(bot)
        status, said = await until_policy_is(bot, "warning: ")
        assert status == 200
        assert f"the earlier policy holds: {file}:4: 'colour' is no key of rule" in said
        assert said.endswith("(and 1 more)")

        write(file, rule('connections = ["vco-other"]'))
        hang_up(bot)
        await until_policy_is(bot, "ok")
        await stage.approve(card)
        await stage.until_told(BOB, "The policy has changed since this was asked")
        assert await still_pending(stage, card)
    log = file.with_name("bot.log").read_text()
    assert f"{file}:5: approvals is 0" in log
    assert "policy_reloaded" in log


async def still_pending(stage: Stage, card: Message) -> bool:
    """Whether nothing was decided and nothing was sent."""
    return (await stage.request(card)).state is RequestState.PENDING and stage.sends() == 0


async def test_without_a_policy_file_sighup_changes_nothing(stage: Stage, file: Path) -> None:
    bot = BotProcess(stage.environment(), log=file.with_name("bot.log"))
    await bot.start()
    stage.slack.deliver_to(f"{bot.url}/slack/events")
    hang_up(bot)
    card = await stage.ask()
    assert "Needs 1 approval from" in text_of(card)
    assert await bot.stop() == 0


async def test_a_bad_policy_ends_the_bot_at_its_start_with_a_line_for_each_mistake(
    stage: Stage, file: Path
) -> None:
    write(file, rule("colour = 1\napprovals = 0"))
    env = stage.environment(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")
    status, out, err = await run(**env)
    assert (status, out) == (2, "")
    assert [line.partition(": ")[0] for line in err.splitlines()] == [f"{file}:4", f"{file}:5"]
    status, out, err = await run("doctor", **env)
    assert (status, err) == (1, "")
    assert [f"{file}:{n}: " in line for n, line in enumerate(out.splitlines(), 4)] == [True, True]
