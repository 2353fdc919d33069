"""Several approvals, and a wide prefix that has to be typed: the terms of a request are kept."""

from pathlib import Path

from stage import Stage, delete_command

from bot.models import RequestState
from bot.sandbox.slack.messages import text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, NETOPS
from bot.slack import payloads
from bot.slack.decisions import DecisionClicked
from bot.slack.messages.decision_forms import TYPED_ACTION, TYPED_BLOCK

TWO = "approvals = 2"
TYPED = "wide = { ipv4 = 16, approvals = 1 }"


async def start(stage: Stage, directory: Path, more: str) -> None:
    """Start a bot whose policy has one rule, for everything, with `more` in it."""
    file = directory / "policy.toml"
    file.write_text(f'[[rule]]\nname = "all"\napprove = ["{NETOPS}"]\n{more}\n')
    await stage.start_bot(VCO_POLICY_FILE=str(file), VCO_APPROVERS="")


async def test_nothing_is_sent_before_two_different_people_have_approved(
    hurried: Stage, tmp_path: Path
) -> None:
    await start(hurried, tmp_path, TWO)
    (route,) = hurried.new_routes("quorum")
    card = await hurried.ask(delete_command(route))
    assert "0 of 2 approvals from <!subteam^S0NETOPS1>" in text_of(card)

    await hurried.approve(card, user=BOB)
    await hurried.until_told(BOB, "Approved. 1 more approval needed.")
    await hurried.until_card_says(card, "1 of 2 approvals from")
    await hurried.approve(card, user=BOB)
    await hurried.until_told(BOB, "You have approved this already")
    await hurried.approve(card, user=ALICE)
    await hurried.until_told(ALICE, "somebody else has to decide")
    assert hurried.sends() == 0

    await hurried.approve(card, user=CAROL)
    await hurried.until_deleted(card)
    assert (await hurried.request(card)).approvers == (BOB, CAROL)
    assert hurried.vpc.effects(route) == 1
    thread = hurried.thread(card)
    told = [line.split("  ", 1)[1].splitlines()[0] for line in thread]
    assert told[:2] == [f"Approved by <@{BOB}> (1 of 2)", f"Approved by <@{CAROL}> (2 of 2)"]


async def test_one_rejection_ends_what_another_has_approved(hurried: Stage, tmp_path: Path) -> None:
    await start(hurried, tmp_path, TWO)
    (route,) = hurried.new_routes("rejected")
    card = await hurried.ask(delete_command(route))
    await hurried.approve(card, user=BOB)
    await hurried.until_card_says(card, "1 of 2 approvals from")
    await hurried.reject(card, "not tonight", user=CAROL)
    assert (await hurried.until_ended(card)).state is RequestState.REJECTED
    assert hurried.sends() == 0


async def test_a_wide_prefix_is_approved_by_typing_it(hurried: Stage, tmp_path: Path) -> None:
    await start(hurried, tmp_path, TYPED)
    (route,) = hurried.new_routes("wide")
    card = await hurried.ask(delete_command(route, reason="INC-4211"))
    await hurried.approve(card)
    form = await hurried.slack.until(lambda: hurried.slack.modal(BOB))
    shown = text_of({"blocks": form.view["blocks"]})
    assert "🟠 Delete 10.0.0.0/16 · " in shown
    assert "“INC-4211”" in shown

    typed = {TYPED_BLOCK: {TYPED_ACTION: "10.0.0.0/8"}}
    refused = await hurried.slack.submit(BOB, form.id, typed)
    assert "Type 10.0.0.0/16" in refused.body
    assert (await hurried.request(card)).state is RequestState.PENDING

    typed = {TYPED_BLOCK: {TYPED_ACTION: " 10.0.0.0/16 "}}
    await hurried.slack.submit(BOB, form.id, typed)
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


async def test_a_forged_click_does_not_get_around_the_typing(
    hurried: Stage, tmp_path: Path
) -> None:
    """The form is opened by us, but what counts is decided when the approval is recorded."""
    await start(hurried, tmp_path, TYPED)
    (route,) = hurried.new_routes("forged")
    card = await hurried.ask(delete_command(route))
    request = await hurried.request(card)
    now = await hurried.store.database.now()
    click = DecisionClicked(user=BOB, channel=card.channel, request_id=request.id, said_at=now)
    await hurried.store.inbox.put("forged", payloads.encode(click))
    await hurried.until_told(BOB, "10.0.0.0/16 has to be typed")
    assert (await hurried.request(card)).state is RequestState.PENDING
    assert hurried.sends() == 0
