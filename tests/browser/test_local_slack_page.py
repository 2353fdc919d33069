"""The local Slack's page in a real browser: forms, the Home tab, private buttons, shortcuts.

The app is the sample app; the product itself is played in `test_browser`.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from browser_tab import SIZE, Tab, browser
from playwright.async_api import Browser, expect
from sample_app import SHORTCUT, TOO_MANY, button, home, plain, section, serving
from slack_sdk.web.async_client import AsyncWebClient
from staged_slack import StagedSlack, staged_slack

from bot.sandbox import scene
from bot.sandbox.slack.workspace import ALICE, NETWORK_OPS, Json

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def slack(browser: Browser) -> AsyncIterator[StagedSlack]:  # noqa: ARG001 - skips without
    """A local Slack with the sample app."""
    local = staged_slack()
    await local.start()
    async with serving(local):
        yield local
    await local.close()


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser: Browser, slack: StagedSlack) -> AsyncIterator[Tab]:
    """Alice's window; what its console complains of fails the test."""
    context = await browser.new_context(viewport=SIZE)
    tab = Tab(await context.new_page())
    await tab.page.goto(f"{slack.url}/?as={ALICE}#/{NETWORK_OPS}")
    await expect(tab.composer).to_be_focused()
    yield tab
    await context.close()
    assert tab.errors == []


@pytest.fixture
def client(slack: StagedSlack) -> AsyncWebClient:
    return AsyncWebClient(scene.BOT_TOKEN, base_url=slack.api_url, retry_handlers=[])


async def test_a_form_is_filled_in_and_sent_with_the_keyboard_alone(
    tab: Tab, slack: StagedSlack
) -> None:
    keyboard = tab.page.keyboard
    await tab.composer.press("/")
    await tab.composer.press_sequentially("dele")
    await tab.composer.press("Enter")
    await expect(tab.composer).to_have_value("")

    # The first field has the focus. Its list opens with an arrow, Enter takes what is marked.
    await expect(tab.field("Region")).to_be_focused()
    await keyboard.press("ArrowDown")
    await expect(tab.option("ap-southeast-1")).to_be_visible()
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await expect(tab.field("Region")).to_have_value("ap-southeast-1")

    # Typing searches.
    await keyboard.press("Tab")
    await keyboard.press("ArrowDown")
    await expect(tab.page.get_by_role("option")).to_have_count(3)
    await keyboard.type("shang")
    await expect(tab.page.get_by_role("option")).to_have_count(1)
    await keyboard.press("Enter")
    await expect(tab.field("Connection")).to_have_value("office-shanghai")

    # Several are chosen one after the other; the form says at once what follows.
    await expect(tab.field("Routes")).to_be_visible()
    await keyboard.press("Tab")
    await keyboard.type("192.168.1")
    await expect(tab.page.get_by_role("option")).to_have_count(3)
    await keyboard.press("Enter")
    await expect(tab.modal).to_contain_text("If they go: 192.168.1.0/24")
    await expect(tab.page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    await keyboard.press("Escape")
    await expect(tab.page.get_by_role("option")).to_have_count(0)
    await expect(tab.modal).to_be_visible()

    # Where the person is stands in the channel's field already.
    await expect(tab.field("Channel")).to_have_value("#network-ops")
    await tab.field("Reason").focus()
    await keyboard.type("INC-4211")
    await keyboard.press("Enter")
    await expect(tab.modal).to_have_count(0)
    await expect(tab.messages.last).to_contain_text("Delete 192.168.1.0/24: INC-4211")
    assert slack.modal(ALICE) is None


async def test_what_is_typed_stays_when_the_form_changes_around_it(tab: Tab) -> None:
    await tab.start_shortcut(SHORTCUT)
    await tab.field("Reason").fill("INC-4211, half")
    await tab.choose("Tags", "Office")
    await tab.page.keyboard.press("Escape")
    await tab.modal.get_by_label("It may interrupt traffic").check()
    await tab.choose("Connection", "office-beijing", typed="beij")
    await expect(tab.field("Routes")).to_be_visible()
    await expect(tab.field("Connection")).to_be_focused()
    await expect(tab.field("Reason")).to_have_value("INC-4211, half")
    await expect(tab.chips()).to_have_text(["Office"])
    await expect(tab.modal.get_by_label("It may interrupt traffic")).to_be_checked()


async def test_what_is_missing_or_wrong_is_said_below_its_field(tab: Tab) -> None:
    await tab.start_shortcut(SHORTCUT)
    send = tab.modal.get_by_role("button", name="Ask for approval")
    await send.click()
    wrong = tab.modal.locator(".wrong")
    await expect(wrong).to_have_count(3)
    await expect(wrong.first).to_contain_text("Please complete this required field.")
    await expect(tab.field("Region")).to_be_focused()
    await tab.choose("Region", "cn-hangzhou")
    await expect(wrong).to_have_count(2)
    await tab.choose("Connection", "office-shanghai")
    await tab.choose("Routes", "192.168.3.0/24")
    await tab.page.keyboard.press("Escape")
    await tab.field("Reason").fill("no")
    await expect(wrong).to_have_count(0)
    await send.click()
    await expect(wrong).to_contain_text("Say more.")
    await expect(tab.field("Reason")).to_be_focused()


async def test_chips_are_taken_away_and_are_only_so_many(tab: Tab) -> None:
    await tab.start_shortcut(SHORTCUT)
    await tab.choose("Connection", "office-shanghai")
    await tab.choose("Routes", "192.168.0.0/24")
    await tab.option("192.168.1.0/24").click()
    await tab.option("192.168.2.0/24").click()
    await expect(tab.chips()).to_have_count(3)
    await tab.option("192.168.3.0/24").click()
    await expect(tab.page.locator(".select-note")).to_contain_text("3 at most")
    await expect(tab.chips()).to_have_count(3)
    await tab.option("192.168.1.0/24").click()  # once more takes it away
    await expect(tab.chips()).to_have_text(["192.168.0.0/24", "192.168.2.0/24"])
    await tab.page.keyboard.press("Backspace")
    await expect(tab.chips()).to_have_text(["192.168.0.0/24"])
    await tab.page.keyboard.press("Escape")
    await tab.modal.get_by_role("button", name="Remove 192.168.0.0/24").click()
    await expect(tab.chips()).to_have_count(0)
    await expect(tab.modal).not_to_contain_text("If they go")


async def test_a_search_that_finds_nothing_or_fails_says_so(tab: Tab, slack: StagedSlack) -> None:
    await tab.start_shortcut(SHORTCUT)
    note = tab.page.locator(".select-note")
    await tab.field("Connection").click()
    await tab.field("Connection").press_sequentially("atlantis")
    await expect(note).to_have_text("No results")
    await tab.field("Connection").fill(TOO_MANY)
    await expect(note).to_contain_text("no more than 100 items")
    slack.deliver_to()
    await tab.field("Connection").fill("x")
    await expect(note).to_contain_text("dispatch_failed")

    # What was typed and not chosen is not there.
    await tab.page.keyboard.press("Tab")
    await expect(tab.field("Connection")).to_have_value("")


async def test_a_long_form_scrolls_and_its_buttons_stay(tab: Tab) -> None:
    await tab.page.set_viewport_size({"width": 700, "height": 420})
    await tab.start_shortcut(SHORTCUT)
    send = tab.modal.get_by_role("button", name="Ask for approval")
    await expect(send).to_be_in_viewport()
    explain = tab.modal.get_by_role("button", name="What is this?")
    await expect(explain).not_to_be_in_viewport()
    await explain.scroll_into_view_if_needed()
    await expect(explain).to_be_in_viewport()

    # The list of a field at the lower edge opens where there is room.
    await tab.field("Channel").click()
    await expect(tab.option("#random")).to_be_in_viewport(ratio=1)
    await expect(tab.option("#partners")).to_have_count(0)


async def test_the_palette_starts_a_shortcut_from_anywhere(tab: Tab) -> None:
    await tab.open_home()
    await tab.page.keyboard.press("ControlOrMeta+k")
    await tab.page.keyboard.type("delete a")
    await tab.page.keyboard.press("Enter")
    await expect(tab.modal).to_contain_text("Delete a route")
    await expect(tab.field("Channel")).to_have_value("")


async def test_the_home_tab_acts_and_changes_before_ones_eyes(
    tab: Tab, client: AsyncWebClient
) -> None:
    await tab.open_home()
    approve = tab.home.get_by_role("button", name="Approve")
    await expect(approve).to_have_count(3)
    await approve.nth(1).click()
    await expect(approve).to_have_count(2)
    await expect(tab.home).not_to_contain_text("r-2")

    # What stays the same is not drawn anew: the focus stays where it is.
    await approve.first.focus()
    await client.views_publish(user_id=ALICE, view=home(("r-2", "r-3")))
    await expect(tab.home).to_contain_text("1 open")
    await expect(approve.first).to_be_focused()


async def test_a_confirmed_click_arrives_though_the_home_tab_has_changed_meanwhile(
    tab: Tab, slack: StagedSlack, client: AsyncWebClient
) -> None:
    sure: Json = {
        "title": plain("Sure?"),
        "text": plain("It goes at once."),
        "confirm": plain("Approve"),
        "deny": plain("Not yet"),
    }
    asking = button("Approve r-1", "home_approve", "r-1", confirm=sure)
    view = {"type": "home", "blocks": [{"type": "actions", "elements": [asking]}]}
    await tab.open_home()
    await expect(tab.home).to_contain_text("3 open")
    await client.views_publish(user_id=ALICE, view=view)
    await tab.home.get_by_role("button", name="Approve r-1").click()
    await expect(tab.confirm).to_contain_text("It goes at once.")
    await client.views_publish(
        user_id=ALICE, view={"type": "home", "blocks": [section("Somebody was quicker.")]}
    )
    await expect(tab.home).to_contain_text("Somebody was quicker.")
    await tab.confirm.get_by_role("button", name="Approve").click()
    await expect(tab.home).to_contain_text("2 open")
    assert slack.deliveries[-1].payload["actions"][0]["value"] == "r-1"


async def test_private_buttons_lead_to_what_they_say(tab: Tab) -> None:
    await tab.type("/vco-route which")
    await expect(tab.private).to_contain_text("Which one?")
    await tab.private.get_by_role("button", name="weight 100").click()
    await expect(tab.private).to_contain_text("Asked for weight 100.")
    await expect(tab.private.get_by_role("button", name="weight")).to_have_count(0)


async def test_a_button_in_a_thread_works_there(tab: Tab, client: AsyncWebClient) -> None:
    card = await client.chat_postMessage(channel=NETWORK_OPS, text="Deleted.")
    blocks = [{"type": "actions", "elements": [button("Restore", "pick_7", "7")]}]
    await client.chat_postMessage(
        channel=NETWORK_OPS, thread_ts=card["ts"], text="Restore?", blocks=blocks
    )
    await tab.messages.last.get_by_role("button", name="1 reply").click()
    await tab.thread.get_by_role("button", name="Restore").click()
    await expect(tab.thread).to_contain_text("Asked for weight 7.")


async def test_a_table_is_drawn_as_one(tab: Tab, client: AsyncWebClient) -> None:
    """The first row is its head; a column is aligned as it says, and cells can have links."""
    link = {"type": "link", "url": "https://example.com/r-1", "text": "r-1"}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]}
    raw = [["Route", "Weight", "Request"], ["192.168.10.0/24", "100"]]
    rows: list[list[Json]] = [[{"type": "raw_text", "text": text} for text in row] for row in raw]
    rows[1].append(rich)
    columns: list[Json] = [{}, {"align": "right"}]
    block = {"type": "table", "rows": rows, "column_settings": columns}
    await client.chat_postMessage(channel=NETWORK_OPS, text="routes", blocks=[block])

    shown = tab.messages.last.get_by_role("table")
    await expect(shown.get_by_role("columnheader")).to_have_text(raw[0])
    await expect(shown.get_by_role("cell")).to_have_text([*raw[1], "r-1"])
    await expect(shown.get_by_role("cell", name="100")).to_have_css("text-align", "right")
    await expect(shown.get_by_role("link", name="r-1")).to_be_visible()
