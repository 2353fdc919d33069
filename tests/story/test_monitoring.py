"""What comes after a request: monitoring of the connection, and asking once more."""

from pathlib import Path

import pytest
from stage import Stage, delete_command

from bot.follow_up import monitoring
from bot.models import EventKind, RequestState
from bot.policy import file as policy_file
from bot.sandbox.slack.messages import find_element, text_of
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, NETOPS
from bot.slack.messages.buttons import AGAIN, RESTORE


@pytest.fixture(autouse=True)
def watch_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitoring, "INTERVAL", 0.1)


async def test_a_tunnel_that_goes_down_afterwards_is_told_with_the_way_back(brisk: Stage) -> None:
    (route,) = brisk.new_routes("worse")
    card = await brisk.approved(route)
    await brisk.until_ended(card)
    await brisk.until_card_says(card, "Watching the tunnels until")
    brisk.slack.open_home(CAROL)
    brisk.vpc.break_tunnel(route.vpn_connection_id)
    await brisk.until_thread_says(card, "Worse than before this change")
    told = next(
        message
        for message in brisk.slack.thread(card.channel, card.ts)
        if "Worse than before" in text_of(message)
    )
    assert "tunnel tun-worse is down (ike_sa_not_established)" in text_of(told)
    assert f"<@{ALICE}> <@{BOB}>" in text_of(told)
    assert find_element(told.blocks, RESTORE)
    assert [m.ts for m in brisk.slack.broadcasts(card.channel)] == [told.ts]

    # The card itself says so, before all else, and App Home does.
    said = await brisk.until_card_says(card, "a tunnel is down since")
    assert said.startswith("⚠️ Deleted 10.0.0.0/16 · vco-worse · a tunnel is down since")
    assert said.splitlines()[2] == "Restore the route"
    await brisk.slack.until(lambda: "Worse since a change" in brisk.slack.home_text(CAROL))

    # The button is right there.
    back = await brisk.restore(told)
    assert text_of(back).startswith("🟠 Restore 10.0.0.0/16 · vco-worse")

    brisk.vpc.mend_tunnel(route.vpn_connection_id)
    await brisk.until_thread_says(card, "Tunnels and BGP are as they were")
    await brisk.until_card_says(card, "✅ Deleted 10.0.0.0/16")
    await brisk.slack.until(lambda: "Worse since" not in brisk.slack.home_text(CAROL))


async def test_the_end_of_the_watch_is_told_though_slack_was_away_and_offers_the_way_back(
    hurried: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_file, "_MINUTE", 3.0)
    policy = tmp_path / "policy.toml"
    policy.write_text(
        f'[[rule]]\nname = "all"\napprove = ["{NETOPS}"]\nwatch_minutes = 1\n', encoding="utf-8"
    )
    await hurried.start_bot(VCO_POLICY_FILE=str(policy), VCO_APPROVERS="")
    (route,) = hurried.new_routes("endsbad")
    card = await hurried.approved(route)
    await hurried.until_event(card, EventKind.APPROVED)
    hurried.slack.outage = True
    await hurried.until_ended(card)
    hurried.vpc.break_tunnel(route.vpn_connection_id)
    await hurried.until_event(card, EventKind.MONITORED)
    hurried.slack.outage = False
    await hurried.until_card_says(card, "and still when the watching ended")
    thread = await hurried.until_thread_says(card, "still worse than before this change")
    assert thread[-1].endswith("Restore the route")
    assert sum("Worse than before" in line for line in thread) == 1
    loud = [text_of(m) for m in hurried.slack.broadcasts(card.channel)]
    assert loud == thread[-2:], "that it fell, and that it stayed so"


async def test_an_approval_that_was_void_can_be_asked_for_again_with_a_click(brisk: Stage) -> None:
    first, other = brisk.new_routes("again", 2)
    card = await brisk.ask(delete_command(first, reason="INC-4211"))
    brisk.vpc.add_route(first.vpn_connection_id, "10.0.7.0/24")  # lies within what would go
    await brisk.approve(card)
    assert (await brisk.until_ended(card)).state is RequestState.VOID
    await brisk.until_card_says(card, "Ask again")
    before = {m.ts for m in brisk.cards()}
    await brisk.slack.click(ALICE, card.channel, card.ts, AGAIN)
    anew = await brisk.slack.until(
        lambda: next((m for m in brisk.cards() if m.ts not in before), None)
    )
    assert "`10.0.7.0/24`" not in text_of(card)
    assert "Unaffected, more specific: 10.0.7.0/24." in text_of(anew)
    assert "“INC-4211”" in text_of(anew)
    await brisk.approve(anew)
    assert (await brisk.until_ended(anew)).state is RequestState.DELETED
    assert brisk.vpc.route_present(other)


async def test_of_several_routes_one_is_chosen_with_a_button(brisk: Stage) -> None:
    (route,) = brisk.new_routes("choose")
    standby = brisk.vpc.add_route(route.vpn_connection_id, route.route_dest, weight=0)
    await brisk.command(f"delete {route.vpn_connection_id} {route.route_dest} --region cn-hangzhou")
    await brisk.until_told(ALICE, "2 routes of vco-choose lead to 10.0.0.0/16")
    (offer,) = [m for m in brisk.slack.ephemerals(ALICE) if "2 routes" in text_of(m)]
    choices = [b["accessory"] for b in offer.blocks if "accessory" in b]
    (lighter,) = [c for c in choices if "--weight 0" in c["value"]]
    await brisk.slack.click(ALICE, offer.channel, offer.ts, lighter["action_id"])
    card = await brisk.slack.until(lambda: next(iter(brisk.cards()), None))
    assert "weight 0" in text_of(card)
    await brisk.approve(card)
    await brisk.until_event(card, EventKind.ENDED)
    assert not brisk.vpc.route_present(standby)
    assert brisk.vpc.route_present(route)
