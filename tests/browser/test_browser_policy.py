"""What a policy asks for, as people meet it in the sandbox: two approvals, typed; one alone."""

import pytest
from browser_tab import OUTCOME_MS, Tab, browser
from playwright.async_api import expect
from test_browser_story import sandbox, tab

from bot.models import VcoRoute
from bot.sandbox.run import Sandbox
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.sandbox.vpc import seed
from bot.slack.messages.buttons import APPROVE, COUNTERSIGN

__all__ = ["browser", "sandbox", "tab"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDE = seed.BACKBONE_DEST
ROUTE = VcoRoute(
    vpn_connection_id=seed.BACKBONE, route_dest=WIDE, next_hop=seed.BACKBONE, weight=100
)
COMMAND = f"/vco-route delete {seed.BACKBONE} {WIDE}"


async def approve_by_typing(tab: Tab, user: str, typed: str) -> None:
    """Sit down as somebody, click Approve, and type what the form asks for."""
    await tab.become(user)
    await tab.button(tab.card(WIDE), APPROVE).click()
    await expect(tab.modal).to_contain_text(f"Delete {WIDE} · ")
    await tab.modal.get_by_label(f"Type {WIDE} to approve").press_sequentially(typed)
    await tab.modal.get_by_role("button", name="Approve").click()


async def test_a_wide_route_goes_when_two_people_have_typed_it(tab: Tab, sandbox: Sandbox) -> None:
    await tab.type(f'{COMMAND} --reason "INC-4211, the whole backbone"')
    card = tab.card(WIDE)
    await expect(card).to_contain_text(f"0 of 2 approvals from @netops · each types {WIDE}")

    # The form restates what goes and why. Another block is not taken for an approval.
    await tab.become(BOB)
    await tab.button(card, APPROVE).click()
    await expect(tab.modal).to_contain_text("“INC-4211, the whole backbone”")
    field = tab.modal.get_by_label(f"Type {WIDE} to approve")
    await expect(field).to_be_focused()
    await tab.picture("approve")
    await field.press_sequentially("10.0.0.0/8")
    await tab.modal.get_by_role("button", name="Approve").click()
    await expect(tab.modal).to_contain_text(f"Type {WIDE}")
    await field.fill(WIDE)
    await tab.modal.get_by_role("button", name="Approve").click()

    # One is not enough, and the card says who is still needed.
    await expect(tab.modal).to_have_count(0)
    await expect(card).to_contain_text("1 of 2 approvals from @netops")
    await expect(card).to_contain_text("Approved by @bob")
    await tab.picture("quorum")
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []

    await approve_by_typing(tab, CAROL, WIDE)
    await expect(card).to_contain_text("Confirmed:", timeout=OUTCOME_MS)
    await expect(card).to_contain_text("Approved by @carol")
    assert sandbox.vpc.effects(ROUTE) == 1


async def test_alice_confirms_the_break_glass_modal_and_bob_countersigns(
    tab: Tab, sandbox: Sandbox
) -> None:
    await tab.type(f"{COMMAND} --break-glass")
    await expect(tab.private).to_contain_text("Break-glass needs a reason")
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []

    await tab.type(f'{COMMAND} --reason "all of prod is down" --break-glass')
    await expect(tab.modal).to_contain_text("It runs at once, without an approval.")
    await expect(tab.modal).to_contain_text("addresses stay on this connection")
    why = tab.field("Why can this not wait for an approval?")
    await expect(why).to_have_value("all of prod is down")
    go = tab.modal.get_by_role("button", name="Delete now")
    wide = tab.field(f"Type {WIDE}: it is a wide route")
    await wide.press_sequentially("10.0.0.0/9")
    await go.click()
    await expect(tab.modal).to_contain_text(f"That doesn't match. Type {WIDE}.")
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []
    await tab.picture("break-glass")
    await wide.fill(WIDE)
    await go.click()
    await expect(tab.modal).to_have_count(0)
    card = tab.card(WIDE)
    await expect(card.get_by_role("heading")).to_contain_text("Break-glass:")
    await expect(card).to_contain_text("Confirmed:", timeout=OUTCOME_MS)
    assert sandbox.vpc.effects(ROUTE) == 1

    # She can't sign for herself; it waits in the Home of whoever can.
    await tab.button(card, COUNTERSIGN).click()
    await expect(tab.private.last).to_contain_text("somebody else has to decide")
    await tab.become(BOB)
    await expect(tab.button(card, COUNTERSIGN)).to_be_visible()
    await tab.open_home()
    await expect(tab.home).to_contain_text("countersign by")
    await tab.button(tab.home, COUNTERSIGN).click()
    await expect(tab.modal).to_contain_text("all of prod is down")
    await tab.modal.get_by_label("Seen, was right").check()
    await tab.modal.get_by_role("button", name="Countersign").click()
    await expect(tab.button(tab.home, COUNTERSIGN)).to_have_count(0)
    await tab.open_channel()
    await expect(card).to_contain_text("Countersigned by @bob")
    await expect(tab.button(card, COUNTERSIGN)).to_have_count(0)


async def test_what_the_policy_protects_can_not_even_be_asked_for(
    tab: Tab, sandbox: Sandbox
) -> None:
    for user in (ALICE, BOB):
        await tab.become(user)
        await tab.type(f"/vco-route delete {seed.BACKBONE} {seed.DEFAULT_DEST} --reason INC-4211")
        await expect(tab.private).to_contain_text("0.0.0.0/0 is protected and is never deleted")
    await expect(tab.card(seed.DEFAULT_DEST)).to_have_count(0)
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []
