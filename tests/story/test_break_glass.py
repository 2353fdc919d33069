"""Break-glass is deliberate: a form shows what it does, asks why, and is checked when sent."""

from pathlib import Path

import msgspec
import pytest
from stage import Stage, delete_command, part_of, request_id

from bot.models import EventKind, RequestState, Verdict
from bot.sandbox.slack.messages import Message, find_element, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, GINA, NETOPS, NETWORK_OPS
from bot.sandbox.vpc.world import Change
from bot.slack.forms.glass_view import CALLBACK
from bot.slack.messages.buttons import CHOOSE, COUNTERSIGN, REJECT, RESTORE
from bot.slack.posted import DIRECT

RULE = f"""
[[rule]]
name = "all"
approve = ["{NETOPS}"]
break_glass = {{ who = "anyone", countersign_hours = 1 }}
wide = {{ ipv4 = 9 }}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(RULE)
    return file


def tighten(policy: Path) -> None:
    policy.write_text(RULE.replace("ipv4 = 9", "ipv4 = 16"))


async def start(stage: Stage, policy: Path) -> None:
    await stage.start_bot(VCO_POLICY_FILE=str(policy), VCO_APPROVERS="")


async def refusals(stage: Stage, user: str) -> list[str]:
    """What this person was refused, as the audit has it."""
    audit = await stage.audit()
    return [e.details["wanted"] for _, e in audit if e.kind is EventKind.REFUSED and e.by == user]


async def test_g1_nothing_runs_before_the_form_is_confirmed_and_then_once(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("glass")
    await hurried.command(f"{delete_command(route, reason='prod is down')} --break-glass")
    view = await hurried.form(ALICE, "reason")
    said = hurried.slack.modal_text(ALICE)
    assert "It runs at once, without an approval." in said
    assert "65,536 addresses lose their route" in said
    assert f"<!subteam^{NETOPS}>" in said
    assert await hurried.store.requests.latest_ids(10) == []
    ack = await hurried.slack.submit(ALICE, view.id, {"reason": {"text": "all of prod is down"}})
    assert not ack.error
    card = await hurried.slack.until(lambda: next(iter(hurried.cards()), None))
    request = await hurried.until_ended(card)
    assert (request.state, request.reason) == (RequestState.DELETED, "all of prod is down")
    assert hurried.vpc.effects(route) == 1


async def test_a_wide_route_is_typed_as_for_an_approval(hurried: Stage, policy: Path) -> None:
    await start(hurried, policy)
    hurried.vpc.add_connection("vco-wide", name="backbone")
    route = hurried.vpc.add_route("vco-wide", "10.128.0.0/9")
    command = f"delete backbone {route.route_dest} --reason down --break-glass"
    await hurried.command(command)
    for typed, words in (("", "Please complete"), ("10.0.0.0/9", "Type 10.128.0.0/9")):
        await hurried.go_ahead(ALICE, typed)
        assert words in hurried.slack.modal_text(ALICE)
    await hurried.go_ahead(ALICE, "10.128.0.0/9")
    card = await hurried.slack.until(lambda: next(iter(hurried.cards()), None))
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


async def test_g1_a_form_that_asks_for_less_than_the_policy_is_refused_and_audited(
    hurried: Stage, policy: Path
) -> None:
    """The policy has become stricter while the form was open."""
    await start(hurried, policy)
    (route,) = hurried.new_routes("stricter")
    await hurried.command(f"{delete_command(route, reason='down')} --break-glass")
    view = await hurried.form(ALICE, "reason")
    await hurried.stop_bots()
    tighten(policy)
    await start(hurried, policy)
    await hurried.slack.submit(ALICE, view.id)
    await hurried.until_told(ALICE, f"{route.route_dest} has to be typed")
    assert await refusals(hurried, ALICE) == ["break glass"]
    assert (hurried.cards(), hurried.sends()) == ([], 0)


async def test_g6_what_has_changed_since_the_form_was_opened_is_shown_again(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("changing")
    await hurried.command(f"{delete_command(route, reason='down')} --break-glass")
    view = await hurried.form(ALICE, "reason")
    hurried.vpc.add_route(route.vpn_connection_id, "10.0.0.0/8")
    await hurried.slack.submit(ALICE, view.id)
    await hurried.until_told(ALICE, "have changed since the form was opened")
    assert (hurried.cards(), hurried.sends()) == ([], 0)
    [told] = hurried.slack.ephemerals(ALICE)
    await hurried.slack.click(ALICE, told.channel, told.ts, f"{CHOOSE}_0")
    await hurried.form(ALICE, "reason")
    assert "`10.0.0.0/8` covers them" in hurried.slack.modal_text(ALICE)
    await hurried.go_ahead()
    card = await hurried.slack.until(lambda: next(iter(hurried.cards()), None))
    assert (await hurried.until_ended(card)).state is RequestState.DELETED


async def test_where_the_form_does_not_open_nothing_runs_and_a_button_opens_it(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("noform")
    hurried.slack.faults.add("views.open", "error", times=1)
    await hurried.command(f"{delete_command(route, reason='down')} --break-glass")
    await hurried.until_told(ALICE, "it is confirmed in a form")
    assert (hurried.cards(), hurried.sends()) == ([], 0)
    [told] = hurried.slack.ephemerals(ALICE)
    await hurried.slack.click(ALICE, told.channel, told.ts, f"{CHOOSE}_0")
    await hurried.go_ahead()
    card = await hurried.slack.until(lambda: next(iter(hurried.cards()), None))
    assert (await hurried.until_ended(card)).glass_broken


async def test_a_guest_gets_no_form_and_the_refusal_is_audited(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("guest")
    await hurried.command(f"{delete_command(route, reason='down')} --break-glass", user=GINA)
    await hurried.until_told(GINA, "Guests can't use vco-route")
    assert hurried.slack.modal(GINA) is None
    assert await refusals(hurried, GINA) == ["break glass"]


async def test_g1_a_form_that_was_made_up_is_checked_like_any_other(
    hurried: Stage, policy: Path
) -> None:
    """Its metadata comes back from a person's Slack: nothing rests on it."""
    await start(hurried, policy)
    hurried.vpc.add_connection("vco-wide")
    wide = hurried.vpc.add_route("vco-wide", "10.128.0.0/9")
    (route,) = hurried.new_routes("madeup")
    await hurried.command(f"{delete_command(route, reason='down')} --break-glass")
    view = await hurried.form(ALICE, "reason")
    assert view.view["callback_id"] == CALLBACK
    kept = msgspec.json.decode(view.view["private_metadata"])
    kept["command"] = f"{delete_command(wide, reason='down')} --break-glass"
    view.view["private_metadata"] = msgspec.json.encode(kept).decode()
    await hurried.slack.submit(ALICE, view.id)
    await hurried.until_told(ALICE, "10.128.0.0/9 has to be typed")
    assert (hurried.cards(), hurried.sends()) == ([], 0)


# --- countersigning ------------------------------------------------------------------------


async def test_who_countersigns_sees_the_impact_and_says_what_they_make_of_it(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("right")
    card = await hurried.ask(f"{delete_command(route, reason='all of prod')} --break-glass")
    await hurried.until_ended(card)
    await hurried.until_card_says(card, "Countersign")
    await hurried.slack.click(BOB, card.channel, card.ts, COUNTERSIGN)
    await hurried.form(BOB, "word")
    said = hurried.slack.modal_text(BOB)
    assert "all of prod" in said
    assert "65,536 addresses have no route" in said
    assert not (await hurried.request(card)).countersigned
    await hurried.give_word(BOB, "right")
    await hurried.until_card_says(card, "seen, was right")
    assert hurried.vpc.effects(route, Change.CREATE) == 0


async def test_each_who_can_countersign_is_asked_directly_once_and_hears_who_did(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("asked")
    card = await hurried.ask(f"{delete_command(route, reason='all of prod')} --break-glass")
    await hurried.until_ended(card)

    def asked(user: str) -> Message | None:
        messages = [m for m in hurried.slack.dms(user) if part_of(m) == DIRECT]
        return next((m for m in messages if find_element(m.blocks, COUNTERSIGN)), None)

    bobs = await hurried.slack.until(lambda: asked(BOB))
    carols = await hurried.slack.until(lambda: asked(CAROL))
    assert "“all of prod”" in text_of(carols)
    assert not hurried.slack.dms(ALICE)
    await hurried.slack.click(CAROL, carols.channel, carols.ts, COUNTERSIGN)
    await hurried.give_word(CAROL, "right")
    said = f"Countersigned by <@{CAROL}>"
    await hurried.slack.until(lambda: all(said in text_of(m) for m in (bobs, carols)))
    for mine in (bobs, carols):
        assert not find_element(mine.blocks, COUNTERSIGN)
        assert len(mine.past) == 1, "edited once, however the work went"
    assert (await hurried.request(card)).countersigned


async def test_who_finds_it_wrong_asks_for_the_restoration_with_the_same_word(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("wrong")
    card = await hurried.ask(f"{delete_command(route, reason='all of prod')} --break-glass")
    await hurried.until_ended(card)
    await hurried.until_card_says(card, "Countersign")
    await hurried.countersign(card, BOB, "wrong")
    back = await hurried.slack.until(
        lambda: next((m for m in hurried.cards() if m.ts != card.ts), None)
    )
    request = await hurried.request(back)
    assert (request.origin, request.requester) == (request_id(card), BOB)
    assert (request.state, request.glass_broken) == (RequestState.PENDING, False)
    signed = (await hurried.request(card)).decisions[-1]
    assert (signed.verdict, signed.by) == (Verdict.COUNTERSIGNED, BOB)
    assert signed.reason == "was wrong"


# --- forms are for those who may, and a refusal is told where they look -----------------------


@pytest.mark.parametrize("action", [REJECT, RESTORE, COUNTERSIGN])
async def test_a_guest_gets_no_modal_and_hears_why_in_the_channel(
    hurried: Stage, policy: Path, action: str
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("modal")
    if action == REJECT:
        card = await hurried.ask(delete_command(route))
    else:
        card = await hurried.ask(f"{delete_command(route, reason='down')} --break-glass")
        await hurried.until_ended(card)
        await hurried.until_card_says(card, "Restore")
    await hurried.slack.click(GINA, card.channel, card.ts, action)
    await hurried.until_told(GINA, "Guests can't use vco-route")
    assert hurried.slack.modal(GINA) is None
    assert hurried.slack.dms(GINA) == []
    assert len(await refusals(hurried, GINA)) == 1


async def test_a_refused_rejection_is_told_in_the_channel_and_says_of_what(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("norejection")
    card = await hurried.ask(delete_command(route), user=CAROL)
    await hurried.slack.click(ALICE, card.channel, card.ts, REJECT)
    view = await hurried.form(ALICE, "reason")
    said = hurried.slack.modal_text(ALICE)
    assert f"Delete {route.route_dest}" in said
    assert "65,536 addresses lose their route" in said
    await hurried.slack.submit(ALICE, view.id, {"reason": {"text": "not tonight"}})
    told = await hurried.until_told(ALICE, "You are not one of the approvers")
    assert f"Delete {route.route_dest}" in told
    assert all(m.channel == NETWORK_OPS for m in hurried.slack.ephemerals(ALICE))
    assert hurried.slack.dms(ALICE) == []
    assert await refusals(hurried, ALICE) == ["rejected"]


async def test_whoever_asked_for_it_is_told_at_once_that_they_can_not_reject_it(
    hurried: Stage, policy: Path
) -> None:
    await start(hurried, policy)
    (route,) = hurried.new_routes("own")
    card = await hurried.ask(delete_command(route))
    await hurried.slack.click(ALICE, card.channel, card.ts, REJECT)
    await hurried.until_told(ALICE, "somebody else has to decide on it")
    assert hurried.slack.modal(ALICE) is None
    assert "🟠 Delete" in text_of(card)
