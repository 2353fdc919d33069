"""A person at a browser: what they do in the sandbox's page, and what they see there."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    Locator,
    Page,
    ViewportSize,
    async_playwright,
    expect,
)

from bot.sandbox.slack.workspace import NETWORK_OPS

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZE = ViewportSize(width=1440, height=900)

PICTURES = os.environ.get("PICTURES", "")
"""A directory: the story's pictures are written into it."""

OUTCOME_MS = 30_000
"""How long a deletion may take to be told, with the bot killed on the way."""


def find_browser() -> str:
    """The path of a Chromium; without one the test is skipped, or fails where it must not be."""
    for program in PROGRAMS:
        if path := shutil.which(program):
            return path
    reason = f"no browser found (looked for {', '.join(PROGRAMS)})"
    if os.environ.get("BROWSER_TESTS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


class Tab:
    """One browser window, and the person who plays in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.composer = page.get_by_test_id("composer")
        self.modal = page.get_by_test_id("modal")
        self.confirm = page.get_by_test_id("confirm")
        self.thread = page.get_by_test_id("thread")
        self.home = page.get_by_test_id("home-view")
        self.messages = page.get_by_test_id("messages").locator(".msg")
        self.private = self.messages.filter(has_text="Only visible to you")
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)

    async def become(self, user: str) -> None:
        """Sit down as somebody else, in the same channel."""
        person = self.page.get_by_test_id(f"person-{user}")
        await person.click()
        await expect(person).to_have_attribute("aria-pressed", "true")

    async def type(self, text: str) -> None:
        """Type a line into the channel and send it."""
        await self.composer.click()
        await self.composer.press_sequentially(text)
        await self.composer.press("Enter")

    def card(self, dest: str) -> Locator:
        """The card about a route: the app's message with a first line that names it."""
        heading = self.page.get_by_role("heading", name=f"{dest} · ")
        return self.messages.filter(has=heading)

    def button(self, card: Locator, action_id: str) -> Locator:
        """A button of a card."""
        return card.get_by_test_id(f"action-{action_id}")

    def route(self, connection: str, dest: str, weight: int = 100) -> Locator:
        """A route in the cloud panel."""
        return self.page.get_by_test_id(f"route-{connection}-{dest}-{weight}")

    def state(self, connection: str) -> Locator:
        """A connection's state in the cloud panel."""
        return self.page.get_by_test_id(f"state-{connection}")

    async def start_shortcut(self, callback_id: str) -> None:
        """Start a shortcut from the "+" below the composer."""
        await self.page.get_by_test_id("shortcuts").click()
        await self.page.get_by_test_id(f"shortcut-{callback_id}").click()

    def field(self, label: str) -> Locator:
        """The field of the modal with this label: where one types in it."""
        return self.modal.get_by_label(re.compile(rf"^{re.escape(label)}( \(optional\))?$"))

    def option(self, text: str) -> Locator:
        """An option of the list that is open."""
        return self.page.get_by_role("option").filter(has_text=text)

    def chips(self) -> Locator:
        """What is chosen in the multi-selects of the modal."""
        return self.modal.locator(".chip")

    async def choose(self, label: str, text: str, typed: str = "") -> None:
        """Choose an option of a select, after typing something to search for it."""
        await self.field(label).click()
        await self.field(label).press_sequentially(typed)
        await self.option(text).click()

    async def open_home(self) -> None:
        """Open the app's App Home."""
        await self.page.get_by_test_id("home").click()

    async def open_channel(self, channel: str = NETWORK_OPS) -> None:
        """Go to a channel."""
        await self.page.get_by_test_id(f"channel-{channel}").click()

    async def open_direct(self, user: str) -> None:
        """Go to the app's direct messages with a person."""
        await self.page.get_by_test_id(f"channel-D{user[1:]}").click()

    async def picture(self, name: str) -> None:
        """Keep what the window shows, where pictures are wanted."""
        if PICTURES:
            await self.page.mouse.move(0, 0)
            await expect(self.page.locator(".gone")).to_have_count(0)
            path = Path(PICTURES) / f"{name}.png"
            await self.page.screenshot(path=path, animations="disabled", caret="hide")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One browser for a file's tests."""
    path = find_browser()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()
