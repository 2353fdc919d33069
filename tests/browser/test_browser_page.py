"""The sandbox's page itself: readable, whole at every width, and honest about what runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from browser_tab import OUTCOME_MS, Tab, browser
from playwright.async_api import Browser, Page, ViewportSize, expect
from waiting import until

from bot.sandbox.run import POLICY, Sandbox
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.workspace import ALICE, BOB, BOT, CAROL, NETWORK_OPS
from bot.sandbox.vpc import seed
from bot.slack.messages.buttons import APPROVE, REJECT

__all__ = ["browser"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMAND = f'delete {seed.ORDINARY} {seed.SHADOWED_DEST} --reason "INC-4211"'
WIDTHS = ((1440, 900), (1024, 768), (390, 844))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(
    browser: Browser,  # noqa: ARG001 - skips without
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Sandbox]:
    """One sandbox for all of these: with a card that waits, and a table."""
    log = tmp_path_factory.mktemp("sandbox") / "bot.log"
    async with Sandbox(log=log, task_seconds=1.0) as sandbox:
        slack = sandbox.slack
        await slack.command(ALICE, NETWORK_OPS, "/vco-route", COMMAND)
        await until(lambda: cards(sandbox))
        await slack.command(ALICE, NETWORK_OPS, "/vco-route", f"list {seed.ORDINARY}")
        await until(lambda: any(m.ephemeral_to == ALICE for m in slack.state.messages))
        yield sandbox


def cards(sandbox: Sandbox) -> list[Message]:
    """What stands in the channel itself, not in its threads."""
    return [m for m in sandbox.slack.state.in_channel(NETWORK_OPS) if not m.reply]


async def open_page(
    browser: Browser, sandbox: Sandbox, size: tuple[int, int] = WIDTHS[0], scheme: str = "light"
) -> Tab:
    """Bob's window; whoever opens it closes its context."""
    context = await browser.new_context(
        viewport=ViewportSize(width=size[0], height=size[1]),
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    tab = Tab(await context.new_page())
    await tab.page.goto(f"{sandbox.url}/?as={BOB}")
    await expect(tab.composer).to_be_focused()
    return tab


async def faults(page: Page) -> list[str]:
    """What axe finds that keeps people from using this view: rule, element, why."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(WIDTHS[0], "light"), (WIDTHS[1], "dark"), (WIDTHS[2], "light")],
    ids=["1440-light", "1024-dark", "390-light"],
)
async def test_no_view_has_a_serious_fault_of_accessibility(
    browser: Browser, sandbox: Sandbox, size: tuple[int, int], scheme: str
) -> None:
    tab = await open_page(browser, sandbox, size, scheme)
    page, keyboard = tab.page, tab.page.keyboard
    narrow = size[0] < WIDTHS[1][0]
    seen: dict[str, list[str]] = {"channel": await faults(page)}

    if narrow:
        await page.get_by_role("button", name="Show the workspace").click()
        seen["sidebar"] = await faults(page)
        await keyboard.press("Escape")
        await page.get_by_test_id("cloud-toggle").click()
    await page.get_by_test_id("faults").click()
    seen["cloud"] = await faults(page)
    if narrow:
        await page.get_by_test_id("cloud-close").click()

    [card] = cards(sandbox)
    await page.goto(f"{sandbox.url}/?as={BOB}#/{NETWORK_OPS}/{card.ts}")
    await expect(tab.thread).to_be_visible()
    seen["thread"] = await faults(page)
    await page.get_by_test_id("thread-close").click()
    await expect(tab.thread).to_be_hidden()

    await keyboard.press("Control+k")
    await expect(page.get_by_test_id("palette")).to_be_focused()
    seen["palette"] = await faults(page)
    await keyboard.press("Escape")

    await tab.composer.fill("/vco-route ")
    seen["commands"] = await faults(page)
    await tab.composer.fill("")

    await tab.messages.get_by_test_id(f"action-{REJECT}").click()
    await expect(tab.modal).to_be_visible()
    seen["modal"] = await faults(page)
    await page.get_by_test_id("modal-close").click()
    await tab.messages.get_by_test_id(f"action-{APPROVE}").click()
    await expect(tab.confirm).to_be_visible()
    seen["confirm"] = await faults(page)
    await page.get_by_test_id("confirm-cancel").click()

    await tab.start_shortcut("vco_route_delete")
    await expect(tab.modal).to_be_visible(timeout=OUTCOME_MS)
    seen["form"] = await faults(page)
    await page.get_by_test_id("modal-close").click()
    await expect(tab.modal).to_have_count(0)

    await page.goto(f"{sandbox.url}/?as={BOB}#/home")
    await expect(tab.home).to_contain_text(seed.SHADOWED_DEST)
    seen["home"] = await faults(page)
    await page.context.close()
    assert {view: found for view, found in seen.items() if found} == {}
    assert tab.errors == []


@pytest.mark.parametrize("size", WIDTHS, ids=lambda size: str(size[0]))
async def test_nothing_is_cut_off_at_any_width(
    browser: Browser, sandbox: Sandbox, size: tuple[int, int]
) -> None:
    tab = await open_page(browser, sandbox, size)
    page = tab.page
    if size[0] < WIDTHS[1][0]:
        await page.get_by_role("button", name="Show the workspace").click()
    await assert_whole(page, "sandbox-tag")
    if size[0] < WIDTHS[1][0]:
        await page.keyboard.press("Escape")
        await page.get_by_test_id("cloud-toggle").click()
    for name in ("bot-status", "bot-kill", "bot-start"):
        await assert_whole(page, name)
    await page.context.close()


async def assert_whole(page: Page, name: str) -> None:
    """All of an element's text is inside of it, inside what scrolls or clips, and in the window."""
    cut = await page.get_by_test_id(name).evaluate(
        """node => {
          const box = node.getBoundingClientRect();
          const cut = [];
          if (box.width === 0) cut.push("not there");
          if (node.scrollWidth > node.clientWidth + 1 && node.clientWidth) cut.push("itself");
          for (let around = node.parentElement; around; around = around.parentElement) {
            const frame = around.getBoundingClientRect();
            const cuts = box.right > frame.right + 1 || box.left < frame.left - 1;
            if (cuts) cut.push(around.className);
          }
          return cut;
        }"""
    )
    assert cut == [], f"{name} is cut off"


async def test_a_mention_in_a_thread_waits_until_its_thread_is_read(
    browser: Browser, sandbox: Sandbox
) -> None:
    tab = await open_page(browser, sandbox)
    slack, page = sandbox.slack, tab.page
    [card] = cards(sandbox)
    channel = page.get_by_test_id(f"channel-{NETWORK_OPS}")
    waits = page.get_by_test_id(f"person-{CAROL}").get_by_title("Mentioned and has not looked")

    # He looks at the channel, but the reply stands below a message of it.
    for user in (BOB, CAROL):
        slack.state.add(
            Message(
                ts=slack.state.new_ts(),
                channel=NETWORK_OPS,
                user=BOT,
                text=f"<@{user}> a tunnel is down",
                thread_ts=card.ts,
            )
        )
    await expect(channel).to_contain_text("1")
    await expect(waits).to_have_text("1")
    replies = page.get_by_test_id(f"open-thread-{card.ts}")
    await expect(replies.get_by_label("1 for you")).to_be_visible()

    await replies.click()
    await expect(tab.thread).to_contain_text("@bob a tunnel is down")
    await expect(channel).not_to_contain_text("1")
    await expect(replies.get_by_label("1 for you")).to_have_count(0)
    # Carol has not looked yet.
    await expect(waits).to_have_text("1")
    await page.context.close()


async def test_nobody_can_write_where_the_app_only_tells(
    browser: Browser, sandbox: Sandbox
) -> None:
    tab = await open_page(browser, sandbox)
    direct = sandbox.slack.workspace.dm_of(BOB)
    sandbox.slack.touch()
    await tab.page.get_by_test_id(f"channel-{direct.id}").click()
    words = "Sending messages to this app has been turned off."
    await expect(tab.page.get_by_test_id("closed")).to_have_text(words)
    await expect(tab.composer).to_be_hidden()
    await tab.open_channel()
    await expect(tab.composer).to_be_visible()
    await tab.page.context.close()


async def test_a_fault_says_what_will_happen(browser: Browser, sandbox: Sandbox) -> None:
    tab = await open_page(browser, sandbox)
    await tab.page.get_by_test_id("faults").click()
    switches = tab.page.get_by_role("switch")
    await expect(switches).to_have_count(len(sandbox.vpc.faults.named))
    for name, fault in sandbox.vpc.faults.named.items():
        await expect(tab.page.get_by_test_id(f"fault-{name}")).to_contain_text(fault.about)
    await tab.page.context.close()


async def test_steps_of_try_it_are_ticked_as_they_happen(
    browser: Browser, sandbox: Sandbox
) -> None:
    tab = await open_page(browser, sandbox)
    slack, page = sandbox.slack, tab.page
    summary = page.get_by_test_id("try-it-summary")
    await expect(summary).to_contain_text("1 of 7 done · next: Approve")

    await slack.click(BOB, NETWORK_OPS, cards(sandbox)[0].ts, APPROVE)
    await expect(summary).to_contain_text("2 of 7 done · next: Restore", timeout=OUTCOME_MS)
    [tunnel, *_] = sandbox.vpc.tunnels(seed.ORDINARY)
    await page.get_by_test_id(f"cut-{tunnel.id}").click()
    await summary.click()
    ticks = page.get_by_test_id("try-it").get_by_label("Done", exact=True)
    await expect(ticks).to_have_count(3)
    await expect(
        page.get_by_test_id("step-tunnel").get_by_label("Done", exact=True)
    ).to_be_visible()

    # It is another person's turn, and after a reload: what happened has happened.
    await tab.become(CAROL)
    await page.reload()
    await expect(ticks).to_have_count(3)
    await page.context.close()


async def test_a_bot_that_does_not_start_says_why_on_the_page(
    browser: Browser, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY.read_text().replace("approvals = 2", 'approvals = "two"'))
    async with Sandbox(log=tmp_path / "bot.log", policy=policy) as sandbox:
        tab = await open_page(browser, sandbox)
        trouble = tab.page.get_by_test_id("bot-trouble")
        await expect(trouble).to_contain_text("approvals")
        await expect(trouble).to_contain_text("policy.toml")
        await expect(tab.page.get_by_test_id("bot-status")).to_have_text("Bot is not running")

        # What was wrong is mended, and one click starts it.
        policy.write_text(POLICY.read_text())
        await tab.page.get_by_test_id("bot-start").click()
        running = expect(tab.page.get_by_test_id("bot-status"))
        await running.to_have_text("Bot is running", timeout=OUTCOME_MS)
        await expect(trouble).to_be_hidden()
        await tab.page.context.close()
