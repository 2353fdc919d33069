"""The form for a deletion, filled in by a real browser with nothing but the keyboard."""

import pytest
from browser_tab import Tab, browser
from playwright.async_api import expect
from test_browser_story import sandbox, tab

from bot.models import VcoRoute
from bot.sandbox.run import Sandbox
from bot.sandbox.vpc import seed
from bot.slack.forms.fields import SHORTCUT, route_value
from bot.slack.messages.buttons import APPROVE

__all__ = ["browser", "sandbox", "tab"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTE = VcoRoute(
    vpn_connection_id=seed.ORDINARY,
    route_dest=seed.SHADOWED_DEST,
    next_hop=seed.ORDINARY,
    weight=100,
)


async def test_alice_finds_the_connection_by_its_name_and_sees_the_impact_before_she_asks(
    tab: Tab, sandbox: Sandbox
) -> None:
    await tab.page.get_by_test_id("shortcuts").click()
    await tab.page.get_by_test_id(f"shortcut-{SHORTCUT}").click()
    form, keyboard = tab.modal, tab.page.keyboard
    await expect(form.get_by_label("Region")).to_have_value("cn-hangzhou")
    await expect(form.get_by_label("Channel for the card")).to_have_value("#network-ops")

    # The cursor is in the connection already. Its name is enough.
    await expect(form.get_by_label("Connection")).to_be_focused()
    await keyboard.type("shang")
    await expect(tab.page.get_by_test_id(f"option-{seed.ORDINARY}")).to_be_visible()
    await keyboard.press("Enter")
    await expect(form).to_contain_text("attached · 4 routes, and 1 learned over BGP")

    # What traffic would do is there as soon as the route is chosen.
    await form.get_by_label("Routes to delete").click()
    await keyboard.type("192.168.10")
    await expect(tab.page.get_by_test_id(f"option-{route_value(ROUTE)}")).to_be_visible()
    await keyboard.press("Enter")
    await keyboard.press("Escape")
    await expect(form).to_contain_text("covers them")
    await expect(form.get_by_test_id(f"chip-{route_value(ROUTE)}")).to_be_visible()
    await form.get_by_label("Reason").fill("leaking prod prefix, INC-4211")
    await tab.picture("form")
    await keyboard.press("Enter")

    await expect(tab.modal).to_have_count(0)
    card = tab.card(seed.SHADOWED_DEST)
    await expect(card).to_contain_text("“leaking prod prefix, INC-4211”")
    await expect(tab.button(card, APPROVE)).to_be_visible()
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []


async def test_while_the_cloud_is_silent_alice_types(tab: Tab, sandbox: Sandbox) -> None:
    sandbox.vpc.switch_fault("html_502", on=True)
    await tab.type("/vco-route delete")
    form = tab.modal
    await form.get_by_label("Connection").click()
    await tab.page.get_by_role("option", name="Enter the id by hand").click()
    await expect(form.get_by_role("button", name="Search instead")).to_be_visible()
    await expect(form.get_by_label("Region")).to_have_value("cn-hangzhou")
    await form.get_by_label("Connection").fill(seed.ORDINARY)
    await form.get_by_label("Routes to delete").fill("192.168.10.1/24")
    await form.get_by_role("button", name="Ask for approval").click()
    await expect(form).to_contain_text("the block is 192.168.10.0/24")

    sandbox.vpc.switch_fault("html_502", on=False)
    await form.get_by_label("Routes to delete").fill(seed.SHADOWED_DEST)
    await form.get_by_role("button", name="Ask for approval").click()
    await expect(tab.card(seed.SHADOWED_DEST)).to_be_visible()
