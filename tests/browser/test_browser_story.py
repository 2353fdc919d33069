"""The story once more, as people see it: played in the sandbox's page by a real browser.

`make pictures` plays the same and keeps the README's pictures.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser_tab import OUTCOME_MS, PICTURES, SIZE, Tab, browser
from playwright.async_api import Browser, expect
from waiting import until

from bot.models import VcoRoute
from bot.sandbox.run import Sandbox
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL, GINA, NETWORK_OPS
from bot.sandbox.vpc import seed
from bot.sandbox.vpc.faults import Fault, FaultKind
from bot.slack.messages.buttons import APPROVE, REJECT, RESTORE, STOP

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

TASK_SECONDS = 20.0 if PICTURES else 4.0
DEST = seed.SHADOWED_DEST
ROUTE = VcoRoute(
    vpn_connection_id=seed.ORDINARY, route_dest=DEST, next_hop=seed.ORDINARY, weight=100
)
SENTENCE = f"🟠 Delete {DEST} · office-shanghai"
CONFIRM = f"Delete {DEST} from office-shanghai, {seed.ORDINARY} (cn-hangzhou). It runs at once."
SLOW_COMMAND = f"/vco-route delete {seed.SLOW} 10.30.8.0/24 --region {seed.SINGAPORE}"
COMMAND = f'/vco-route delete {seed.ORDINARY} {DEST} --reason "leaking prod prefix, INC-4211"'


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(browser: Browser, tmp_path: Path) -> AsyncIterator[Sandbox]:  # noqa: ARG001 - skips without
    """What `make sandbox` starts, with a cloud that is quicker."""
    async with Sandbox(log=tmp_path / "bot.log", task_seconds=TASK_SECONDS) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Tab]:
    """Alice's window; what its console complains of fails the test."""
    context = await browser.new_context(viewport=SIZE, device_scale_factor=1)
    tab = Tab(await context.new_page())
    await tab.page.goto(f"{sandbox.url}/?as={ALICE}")
    await expect(tab.composer).to_be_focused()
    yield tab
    await context.close()
    assert tab.errors == []


async def test_alice_asks_bob_approves_and_both_watch_the_route_go(
    tab: Tab, sandbox: Sandbox
) -> None:
    """1 command, 2 preview, 3 approval, 4 execution, 5 status: by keyboard and mouse."""
    # It is three in the morning. The card that stands in the channel is the answer.
    sandbox.slack.say(ALICE, NETWORK_OPS, "Prod traffic leaks through office-shanghai. INC-4211.")
    sandbox.slack.say(BOB, NETWORK_OPS, "Seeing it too. Take the /24 off, I'm here to approve.")
    await tab.type(COMMAND)
    card = tab.card(DEST)
    await expect(card.get_by_role("heading")).to_have_text(SENTENCE)
    await expect(card).to_contain_text("256 addresses stay on this connection")
    await expect(tab.route(seed.ORDINARY, DEST)).to_be_visible()

    # Bob sits down. What Alice was told alone he does not see; the card he does.
    await tab.become(BOB)
    await expect(card).to_contain_text("Asked by @alice")
    await expect(tab.private).to_have_count(0)
    await tab.picture("card")

    # His click asks once more, in the words of the card. He may still think better of it.
    await tab.button(card, APPROVE).click()
    await expect(tab.confirm).to_contain_text(CONFIRM)
    await tab.picture("confirm")
    await tab.confirm.get_by_role("button", name="Cancel").click()
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []
    await tab.button(card, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()

    # The buttons go, the bar moves, and the cloud beside it is at work.
    await expect(card.get_by_role("heading")).to_contain_text(f"Deleting {DEST}")
    await expect(tab.button(card, APPROVE)).to_have_count(0)
    await expect(tab.state(seed.ORDINARY)).to_have_text("updating")
    await expect(card).to_contain_text("▰▰▰▰▰" if PICTURES else "▰", timeout=OUTCOME_MS)
    await expect(card).to_contain_text("connection is updating")
    await tab.picture("deleting")

    # The route is gone in the cloud, and the card has the proof.
    await expect(card).to_contain_text("Confirmed:", timeout=OUTCOME_MS)
    await expect(card.get_by_role("heading")).to_contain_text(f"Deleted {DEST}")
    await expect(card).to_contain_text("Approved by @bob")
    await expect(tab.route(seed.ORDINARY, DEST)).to_have_count(0)
    await expect(tab.state(seed.ORDINARY)).to_have_text("attached")

    # The thread has the story in its order.
    await card.get_by_role("button", name="replies").click()
    lines = tab.thread.get_by_role("list", name="Replies").get_by_role("listitem")
    await expect(lines).to_contain_text(
        [
            "Approved by @bob",
            re.compile(r"Sent to Alibaba Cloud\s*request \S+$"),
            "Connection is updating",
            "Route gone, connection attached: deleted in",
        ]
    )
    await tab.picture("deleted")


async def test_a_new_channel_offers_the_command_to_begin_with(tab: Tab) -> None:
    """Of office-shanghai's routes it is the one that its block alone names."""
    await tab.page.get_by_test_id("step-ask").get_by_role("button").click()
    await expect(tab.composer).to_have_value(COMMAND)


async def test_the_menu_completes_a_command_and_up_recalls_it(tab: Tab) -> None:
    """Nobody remembers a connection's id at three in the morning."""
    menu = tab.page.get_by_test_id("command-menu")
    await tab.composer.press("/")
    await expect(menu).to_contain_text("Delete a route from an IPsec-VPN connection, safely")
    await tab.composer.press("Enter")
    await tab.composer.press_sequentially("li")
    await expect(menu.get_by_role("option")).to_have_count(1)
    await tab.composer.press("Tab")
    await tab.composer.press_sequentially("office")
    await expect(menu).to_contain_text(seed.ORDINARY)
    await tab.composer.press("Tab")
    await expect(tab.composer).to_have_value(f"/vco-route list {seed.ORDINARY} ")
    await tab.composer.press("Enter")

    await expect(tab.private.get_by_role("cell", name=DEST, exact=True)).to_be_visible()
    await expect(tab.composer).to_have_value("")
    await tab.composer.press("ArrowUp")
    await expect(tab.composer).to_have_value(f"/vco-route list {seed.ORDINARY}")


async def test_bob_rejects_and_says_why(tab: Tab, sandbox: Sandbox) -> None:
    await tab.type(COMMAND)
    card = tab.card(DEST)
    await expect(card).to_be_visible()
    await tab.become(BOB)
    await tab.button(card, REJECT).click()
    reason = tab.modal.get_by_label("Why should this not be done?")
    await expect(reason).to_be_focused()

    # Without a reason it goes nowhere.
    await tab.modal.get_by_role("button", name="Reject").click()
    await expect(tab.modal).to_contain_text("Please complete this required field.")
    await reason.press_sequentially("Wrong office: INC-4211 is about Beijing.")
    await expect(tab.modal).not_to_contain_text("Please complete")
    await tab.picture("reject")
    await reason.press("Enter")

    await expect(tab.modal).to_have_count(0)
    await expect(card.get_by_role("heading")).to_contain_text(f"Rejected: delete {DEST}")
    await expect(card).to_contain_text("“Wrong office: INC-4211 is about Beijing.”")
    await expect(tab.button(card, APPROVE)).to_have_count(0)
    await expect(tab.route(seed.ORDINARY, DEST)).to_be_visible()
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []


async def test_a_guest_is_refused_privately_and_app_home_shows_the_open_request(
    tab: Tab, sandbox: Sandbox
) -> None:
    await tab.type(COMMAND)
    card = tab.card(DEST)
    await expect(card).to_be_visible()

    await tab.become(GINA)
    await tab.button(card, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()
    await expect(tab.private).to_contain_text("Guests can't use vco-route.")
    await expect(tab.button(card, APPROVE)).to_be_visible()
    await tab.type(COMMAND)
    await expect(tab.private.last).to_contain_text("Guests can't use vco-route")
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []

    # It is still open, and everybody's App Home leads to it.
    await tab.become(BOB)
    await expect(tab.private).to_have_count(0)
    await tab.open_home()
    await expect(tab.home).to_contain_text("Waits for you")
    await tab.home.get_by_role("link", name=SENTENCE).click()
    await expect(card).to_be_visible()


async def test_bob_approves_in_his_app_home_and_follows_it_there(
    tab: Tab, sandbox: Sandbox
) -> None:
    # Something else is in flight already.
    await sandbox.slack.command(ALICE, NETWORK_OPS, *SLOW_COMMAND.split(" ", 1))
    [slow] = await until(lambda: sandbox.slack.state.in_channel(NETWORK_OPS))
    await sandbox.slack.click(CAROL, NETWORK_OPS, slow.ts, APPROVE)

    await tab.become(BOB)
    await tab.open_home()
    await expect(tab.home).to_contain_text("In flight")
    waiting = tab.home.get_by_role("link", name=SENTENCE)
    await expect(tab.home).to_contain_text("Waits for you")
    await expect(waiting).to_have_count(0)

    # It comes to him while he looks.
    await sandbox.slack.command(ALICE, NETWORK_OPS, *COMMAND.split(" ", 1))
    await expect(waiting).to_be_visible()
    await expect(tab.home).to_contain_text("256 addresses stay on this connection")
    await tab.picture("home")
    await tab.button(tab.home, APPROVE).click()
    await expect(tab.confirm).to_contain_text(CONFIRM)
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()

    # He sees it through without going anywhere else.
    await expect(tab.home.get_by_role("link", name=f"Deleting {DEST}")).to_be_visible()
    await expect(tab.button(tab.home, APPROVE)).to_have_count(0)
    gone = tab.home.get_by_role("link", name=f"Deleted {DEST}")
    await expect(gone).to_be_visible(timeout=OUTCOME_MS)
    await expect(tab.button(tab.home, RESTORE).last).to_be_visible()
    assert sandbox.vpc.effects(ROUTE) == 1


async def test_a_bot_killed_in_mid_deletion_goes_on_where_it_was(
    tab: Tab, sandbox: Sandbox
) -> None:
    """kill -9 from the page; the story ends with one effect all the same."""
    await tab.type(COMMAND)
    card = tab.card(DEST)
    await expect(card).to_be_visible()
    await tab.become(BOB)
    await tab.button(card, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()
    await expect(tab.state(seed.ORDINARY)).to_have_text("updating")

    await tab.page.get_by_test_id("bot-kill").click()
    await expect(tab.page.get_by_test_id("bot-status")).to_have_text("Bot is not running")
    # Meanwhile the cloud goes on, and somebody's command is not answered.
    await tab.type("/vco-route status")
    await expect(tab.private).to_contain_text("failed")
    await expect(tab.route(seed.ORDINARY, DEST)).to_have_count(0, timeout=OUTCOME_MS)
    await expect(card.get_by_role("heading")).to_contain_text(f"Deleting {DEST}")

    await tab.page.get_by_test_id("bot-start").click()
    running = expect(tab.page.get_by_test_id("bot-status"))
    await running.to_have_text("Bot is running", timeout=OUTCOME_MS)
    await expect(card).to_contain_text("Confirmed:", timeout=OUTCOME_MS)
    assert sandbox.vpc.effects(ROUTE) == 1


async def test_what_waits_for_a_busy_connection_is_stopped_by_who_asked(
    tab: Tab, sandbox: Sandbox
) -> None:
    """Stop while busy: the card says what it waits for, shows no bar, and has the button."""
    busy = Fault(kind=FaultKind.BUSY, action="DeleteVcoRouteEntry", times=None)
    sandbox.vpc.faults.add(busy)
    await tab.type(COMMAND)
    card = tab.card(DEST)
    await tab.become(BOB)
    await tab.button(card, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()
    await expect(card).to_contain_text("Not started: office-shanghai is busy. Trying until")
    await expect(card).not_to_contain_text("▱")
    await expect(card.get_by_role("heading")).to_contain_text(f"Approved: delete {DEST}")
    await tab.picture("busy")

    await tab.become(ALICE)
    await tab.button(card, STOP).click()
    await expect(card.get_by_role("heading")).to_contain_text(f"Stopped: delete {DEST}")
    await expect(card).to_contain_text("Stopped by @alice")
    await expect(card).to_contain_text("Nothing was changed.")
    await expect(tab.button(card, STOP)).to_have_count(0)
    await expect(tab.private.last).to_contain_text("Stopped: nothing was changed for")
    await expect(tab.route(seed.ORDINARY, DEST)).to_be_visible()
    assert sandbox.vpc.effects(ROUTE) == 0


async def test_what_was_deleted_is_put_back_with_a_click_and_an_approval(
    tab: Tab, sandbox: Sandbox
) -> None:
    """Undo, by mouse: the button on the card, its dialog, and somebody else's approval."""
    await tab.type(COMMAND)
    await tab.become(BOB)
    card = tab.card(DEST)
    await tab.button(card, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()
    await expect(card).to_contain_text("Confirmed:", timeout=OUTCOME_MS)
    await expect(tab.route(seed.ORDINARY, DEST)).to_have_count(0)

    await tab.become(ALICE)
    await tab.button(card, RESTORE).click()
    await expect(tab.modal).to_contain_text(f"Restore {DEST} to office-shanghai, {seed.ORDINARY}")
    await tab.field("Why restore?").press_sequentially("It was the right one.")
    await tab.modal.get_by_role("button", name="Request restore").click()
    asked = tab.messages.filter(has_text="Approve and restore now")
    await expect(asked.get_by_role("heading")).to_contain_text(f"Restore {DEST} ·")
    await tab.become(BOB)
    await tab.button(asked, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and restore now").click()
    back = tab.messages.filter(has_text="the route is back")
    await expect(back.get_by_role("heading")).to_contain_text(
        f"Restored {DEST}", timeout=OUTCOME_MS
    )
    await expect(tab.route(seed.ORDINARY, DEST)).to_be_visible()
    assert len(sandbox.vpc.calls_of("CreateVcoRouteEntry")) == 1

    # The old card says so, leads there, and offers no second restoration.
    old = tab.messages.filter(
        has=tab.page.get_by_role("heading", name=f"⚪ Deleted, then restored: {DEST}")
    )
    await expect(old).to_contain_text("asked by @alice")
    await expect(tab.button(old, RESTORE)).to_have_count(0)
    await expect(old.get_by_role("link", name="r-")).to_be_visible()
    await tab.picture("restored")


async def test_two_requests_on_one_connection_warn_each_other(tab: Tab) -> None:
    """Whoever decides sees what the other one would change."""
    other = f"{seed.WIDE_DEST} (weight 0)"
    await tab.type(COMMAND)
    await expect(tab.card(DEST)).to_be_visible()
    await tab.type(f"/vco-route delete {seed.ORDINARY} {seed.WIDE_DEST} --weight 0")
    both = tab.messages.filter(has_text="Open on this connection too")
    await expect(both).to_have_count(2)
    await expect(both.first).to_contain_text(f"Delete {other}")
    await expect(both.last).to_contain_text(f"Delete {DEST}")
    await expect(both.first).to_contain_text("Whichever runs first voids the other.")
    await both.first.get_by_role("link", name=f"Delete {other}").click()
    await tab.picture("beside")


async def test_who_cuts_a_tunnel_beside_the_chat_sees_it_go_down(
    tab: Tab, sandbox: Sandbox
) -> None:
    (first, second) = (tunnel.id for tunnel in sandbox.vpc.tunnels(seed.ORDINARY))
    row = tab.page.get_by_test_id(f"tunnel-{second}")
    await expect(row).to_contain_text("up")
    await row.get_by_role("button", name=f"End the BGP session over {second}").click()
    await expect(row.get_by_role("button", name="is down")).to_be_visible()
    await row.get_by_role("button", name=f"Cut tunnel {second}").click()
    await expect(row).to_contain_text("down")
    await expect(tab.page.get_by_test_id(f"tunnel-{first}")).to_contain_text("up")
    await row.get_by_role("button", name=f"Mend tunnel {second}").click()
    await expect(row.get_by_role("button", name=f"Cut tunnel {second}")).to_be_visible()
    assert all(t.up and t.bgp_up for t in sandbox.vpc.tunnels(seed.ORDINARY))


async def test_a_tunnel_that_falls_after_the_deletion_turns_the_card_and_calls_everybody(
    tab: Tab, sandbox: Sandbox
) -> None:
    await tab.type(COMMAND)
    await tab.become(BOB)
    card = tab.card(DEST)
    await tab.button(card, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()
    await expect(card).to_contain_text("Watching the tunnels until", timeout=OUTCOME_MS)
    (tunnel, *_) = (tunnel.id for tunnel in sandbox.vpc.tunnels(seed.ORDINARY))
    row = tab.page.get_by_test_id(f"tunnel-{tunnel}")
    await row.get_by_role("button", name=f"Cut tunnel {tunnel}").click()

    line = f"⚠️ Deleted {DEST} · office-shanghai · a tunnel is down since"
    down = tab.page.get_by_role("heading", name=line)
    await expect(down).to_be_visible(timeout=60_000)
    await expect(tab.button(card, RESTORE)).to_have_text("Restore the route")
    loud = tab.messages.filter(has_text="replied to a thread")
    await expect(loud).to_contain_text("Worse than before this change")
    await expect(loud).to_contain_text("@alice")
    await tab.picture("worse")

    # Whoever looks at their App Home finds it there, with the button.
    await tab.become(CAROL)
    await tab.open_home()
    await expect(tab.home).to_contain_text("Worse since a change")
    await tab.button(tab.home, RESTORE).first.click()
    await tab.modal.get_by_role("button", name="Request restore").click()
    await expect(tab.modal).to_have_count(0)
    await tab.open_channel()
    await expect(tab.messages.filter(has_text="Approve and restore now")).to_be_visible()
