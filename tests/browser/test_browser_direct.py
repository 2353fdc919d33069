"""An approval from a direct message, as people see it: in the sandbox's page, by a real browser."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from browser_tab import OUTCOME_MS, SIZE, Tab, browser
from playwright.async_api import Browser, expect

from bot.sandbox.run import Sandbox
from bot.sandbox.slack.workspace import ALICE, BOB, CAROL
from bot.sandbox.vpc import seed
from bot.slack.messages.buttons import APPROVE, REJECT

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEST = seed.SHADOWED_DEST
COMMAND = f'/vco-route delete {seed.ORDINARY} {DEST} --reason "leaking prod prefix, INC-4211"'


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser, tmp_path: Path) -> AsyncIterator[Tab]:
    """Alice's window in a sandbox with a cloud that is quicker."""
    async with Sandbox(log=tmp_path / "bot.log", task_seconds=2.0) as sandbox:
        context = await browser.new_context(viewport=SIZE, device_scale_factor=1)
        tab = Tab(await context.new_page())
        await tab.page.goto(f"{sandbox.url}/?as={ALICE}")
        await expect(tab.composer).to_be_focused()
        yield tab
        await context.close()
        assert tab.errors == []


async def test_bob_approves_from_his_direct_message_and_carols_says_so(tab: Tab) -> None:
    await tab.type(COMMAND)
    await expect(tab.card(DEST)).to_be_visible()

    # Bob's phone rings: the app has written to him, and to him alone.
    await tab.become(BOB)
    await tab.open_direct(BOB)
    asked = tab.card(DEST)
    await expect(asked).to_contain_text("“leaking prod prefix, INC-4211”")
    await expect(asked).to_contain_text("256 addresses stay on this connection")
    await expect(tab.button(asked, REJECT)).to_be_visible()
    await tab.picture("direct")
    await tab.button(asked, APPROVE).click()
    await tab.confirm.get_by_role("button", name="Approve and delete now").click()
    await expect(asked.get_by_role("heading")).to_contain_text(f"Decided: delete {DEST}")
    await expect(tab.button(asked, APPROVE)).to_have_count(0)

    # Its link leads to the card, where the route goes.
    await asked.get_by_role("link", name=re.compile("How it goes")).click()
    await expect(tab.card(DEST).first).to_contain_text("Confirmed:", timeout=OUTCOME_MS)

    # Carol, who comes later, reads in hers that nobody waits for her.
    await tab.become(CAROL)
    await tab.open_direct(CAROL)
    hers = tab.card(DEST)
    await expect(hers).to_contain_text("Approved by @bob")
    await expect(tab.button(hers, APPROVE)).to_have_count(0)
    await tab.picture("direct-decided")
