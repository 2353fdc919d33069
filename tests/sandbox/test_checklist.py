"""*Try it* ticks what has happened, by what the app says of its cards: buttons come and go."""

from pathlib import Path

from stage import Stage

import bot.sandbox
from bot.models import RequestState
from bot.sandbox.checklist import STEPS, Checklist
from bot.sandbox.slack.workspace import BOB

POLICY = Path(bot.sandbox.__file__).with_name("policy.toml")


def done(checklist: Checklist) -> set[str]:
    return {step["name"] for step in checklist.state() if step["done"]}


async def test_a_request_and_a_break_glass_are_ticked_once_their_cards_stand_there(
    hurried: Stage,
) -> None:
    await hurried.start_bot(VCO_POLICY_FILE=str(POLICY), VCO_APPROVERS="")
    checklist = Checklist(hurried.slack, hurried.vpc)
    assert done(checklist) == set()
    lines = {step.name: step.line.removeprefix("/vco-route ") for step in STEPS}
    card = await hurried.ask(lines["ask"])
    assert done(checklist) == {"ask"}
    await hurried.approve(card, BOB)
    await hurried.until_shown(card, RequestState.DELETED)
    assert done(checklist) == {"ask", "approve"}
    await hurried.command(lines["break_glass"])
    await hurried.go_ahead()
    await hurried.slack.until(lambda: "break_glass" in done(checklist))
    assert done(checklist) == {"ask", "approve", "break_glass"}
