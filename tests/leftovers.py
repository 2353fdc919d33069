"""What bad input must not leave behind: a request, a card, work to do, a traceback in the log."""

import asyncio
from collections.abc import Iterator

import pytest
import structlog
from stage import Stage

from bot.store.client import DUE


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Bad input from outside is no fault of the program: no log line bears a traceback."""
    with structlog.testing.capture_logs() as events:
        yield
    assert [event for event in events if event.get("exc_info")] == []
    assert [r.getMessage() for r in caplog.get_records("call") if r.exc_info] == []


async def nothing_is_left(stage: Stage) -> None:
    """No request, no card anywhere, nothing sent, nothing due: as if it had never come."""
    async with asyncio.timeout(60):
        # What is planned for much later is no work: the mark that `due` is complete.
        while await stage.store.database.command("ZCOUNT", DUE, "-inf", 10**11):
            await asyncio.sleep(0.01)
    assert await stage.store.requests.open_ids() == []
    channels = (c for c in stage.slack.workspace.channels.values() if not c.dm)
    assert [card for channel in channels for card in stage.cards(channel.id)] == []
    assert stage.sends() == 0
