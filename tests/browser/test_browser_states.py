"""Every state of a card, list, form and App Home, drawn by the page: nothing runs over."""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from browser_tab import PICTURES, SIZE, Tab, browser
from golden_messages import golden
from playwright.async_api import Browser, expect
from staged_slack import staged_slack
from states import states

from bot.sandbox.slack.workspace import ALICE, NETWORK_OPS, Json

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

WIDTHS = (1440, 1024, 390)

LOOK_AT = os.environ.get("LOOK_AT", "")
"""A directory: each state is drawn into it at each width, to be looked at."""

DRAW = """
async (shown) => {
  const { block } = await import("/page/blocks.js");
  const { h } = await import("/page/dom.js");
  const env = { act() {} };
  document.querySelector("#drawn")?.remove();
  const cells = shown.map(({ name, kind, blocks }) => {
    const drawn = blocks.map((b) => block(b, env));
    const side = h("div", { class: "msg-side" });
    const body = kind === "message"
      ? h("div", { class: "msg" }, side, h("div", { class: "msg-main" }, drawn))
      : h("div", { class: "dialog-body" }, drawn);
    const title = h("p", { class: "about" }, name);
    return h("section", { class: "drawn", testid: `drawn-${name}` }, title, body);
  });
  // As wide as the channel is in such a window, in front of all else.
  const { width } = document.querySelector(".centre").getBoundingClientRect();
  const all = h("div", { id: "drawn" }, cells);
  all.style.cssText = `position: fixed; z-index: 99; inset: 0; width: ${width}px; ` +
    "overflow-y: auto; background: var(--paper)";
  document.body.append(all);
  const runsOver = (node) => {
    const { display, overflowX } = getComputedStyle(node);
    const scrolls = node.closest(".b-table table") || overflowX !== "visible";
    // The frame of broken code stands out by a hair.
    return !scrolls && display !== "inline" && node.scrollWidth > node.clientWidth + 4;
  };
  return cells.flatMap((cell) => {
    const [first] = [cell, ...cell.querySelectorAll("*")].filter(runsOver);
    return first ? [`${cell.dataset.testid}: ${first.className}`] : [];
  });
}
"""

STRIP = """
() => {
  const all = document.querySelector("#drawn");
  document.querySelector("#app").style.display = "none";
  document.body.style.cssText = "overflow: visible; height: auto; background: var(--paper-3)";
  document.documentElement.style.height = "auto";
  all.style.cssText = "columns: 3 480px; column-gap: 14px; width: 1520px; padding: 14px";
  for (const cell of all.children) {
    cell.style.cssText = "break-inside: avoid; margin-bottom: 14px; padding: 8px 16px 12px; " +
      "background: var(--paper); border: 1px solid var(--line); border-radius: 10px";
    cell.querySelector(".msg").style.cssText = "display: block; padding: 0";
    cell.querySelector(".msg-side").remove();
  }
}
"""


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    """Alice's window."""
    slack = staged_slack()
    await slack.start()
    context = await browser.new_context(viewport=SIZE, device_scale_factor=1)
    tab = Tab(await context.new_page())
    await tab.page.goto(f"{slack.url}/?as={ALICE}#/{NETWORK_OPS}")
    await expect(tab.composer).to_be_focused()
    yield tab
    await context.close()
    await slack.close()
    assert tab.errors == []


def everyday() -> list[Json]:
    """The states with everyday words."""
    return [{"name": s.name, "kind": "message", "blocks": s.blocks} for s in states()]


def worst() -> list[Json]:
    """The golden list."""
    return [{"name": one.name, "kind": one.kind, "blocks": one.shown["blocks"]} for one in golden()]


async def drawn(tab: Tab, shown: Sequence[Json], width: int) -> list[str]:
    """Draw them all; returns the names of those that run over."""
    await tab.page.set_viewport_size({"width": width, "height": 900})
    found: list[str] = await tab.page.evaluate(DRAW, list(shown))
    return found


@pytest.mark.parametrize("width", WIDTHS)
async def test_no_state_runs_over_however_long_its_words(tab: Tab, width: int) -> None:
    assert await drawn(tab, worst(), width) == []
    assert await drawn(tab, everyday(), width) == []
    wide = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    if LOOK_AT:
        for state in everyday():
            name = state["name"].replace(" ", "-")
            path = Path(LOOK_AT) / f"{width}-{name}.png"
            await tab.page.get_by_test_id(f"drawn-{state['name']}").screenshot(path=path)


async def test_a_table_scrolls_by_itself_on_a_phone_and_is_reached_with_the_keyboard(
    tab: Tab,
) -> None:
    await drawn(tab, everyday(), 390)
    several = tab.page.get_by_test_id("drawn-several under way")
    table = several.get_by_role("region", name="Table")
    await expect(table.get_by_role("columnheader")).to_have_text(
        ["Route", "State", "Traffic", "Weight"]
    )
    await expect(table.get_by_role("cell", name="⏳ deleting")).to_have_count(1)
    await table.focus()
    await tab.page.keyboard.press("End")
    box = await several.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


async def test_the_strip_of_all_states(tab: Tab) -> None:
    """For the README: one picture, where pictures are wanted."""
    assert await drawn(tab, everyday(), 1440) == []
    await tab.page.set_viewport_size({"width": 1548, "height": 900})
    await tab.page.evaluate(STRIP)
    strip = tab.page.locator("#drawn")
    await expect(strip.locator(".drawn")).to_have_count(len(everyday()))
    if PICTURES:
        path = Path(PICTURES) / "states.jpg"  # as a PNG it is twice as large
        await strip.screenshot(path=path, type="jpeg", quality=70, animations="disabled")
