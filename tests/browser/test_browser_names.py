"""A connection is found by its name in the sandbox's page; what is nearly it is one press away."""

import pytest
from browser_tab import Tab, browser
from playwright.async_api import expect
from test_browser_story import sandbox, tab

from bot.sandbox.run import Sandbox
from bot.sandbox.vpc import seed
from bot.slack.messages.buttons import CHOOSE

__all__ = ["browser", "sandbox", "tab"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEST = seed.SHADOWED_DEST


async def test_alice_finds_a_connection_by_name_and_is_offered_what_she_mistyped(
    tab: Tab, sandbox: Sandbox
) -> None:
    await tab.type(f'/vco-route delte office-shangai {DEST} --reason "leaking, INC-4211"')
    await expect(tab.private.last).to_contain_text("Did you mean delete?")
    await tab.button(tab.private.last, f"{CHOOSE}_0").click()

    # Nothing is guessed: the nearest name is offered, and one press takes it.
    await expect(tab.private.last).to_contain_text("No connection is called that")
    await expect(tab.private.last).to_contain_text(seed.ORDINARY)
    await expect(tab.card(DEST)).to_have_count(0)
    await tab.picture("nearest")
    await tab.button(tab.private.last, f"{CHOOSE}_0").click()
    card = tab.card(DEST)
    await expect(card.get_by_role("heading")).to_contain_text(f"Delete {DEST} · office-shanghai")
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []


async def test_a_connection_of_another_region_opens_the_form_filled_in(
    tab: Tab, sandbox: Sandbox
) -> None:
    await tab.type("/vco-route delete dc-jakarta")
    await expect(tab.field("Connection")).to_have_value(f"dc-jakarta · {seed.SLOW} · attached")
    await expect(tab.field("Region")).to_have_value(seed.SINGAPORE)
    await expect(tab.modal).to_contain_text("Needs 1 approval from @netops, not from you.")
    assert sandbox.vpc.calls_of("DeleteVcoRouteEntry") == []
