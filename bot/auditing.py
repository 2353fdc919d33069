"""`vco-route-bot audit`: export what happened, or verify that nobody has changed it since."""

import sys
from collections.abc import Callable

import msgspec

from bot.store.audit import Entry, Verification, verify
from bot.terminal import Environment, opened

Write = Callable[[str], object]


async def export(env: Environment, write: Write = sys.stdout.write) -> int:
    """Write every entry as a line of JSON, oldest first; returns the exit status, 0."""
    async with opened(env) as store:
        number = 0
        async for entry in store.audit.entries():
            number += 1
            write(_line(number, entry) + "\n")
    return 0


async def examine(env: Environment, write: Write = sys.stdout.write) -> int:
    """Recompute the chain; returns 0 when it is whole and all there, else 1.

    The head is worth noting down: a database that has lost everything knows of no loss.
    """
    async with opened(env) as store:
        found = verify([entry async for entry in store.audit.entries()], await store.audit.head())
        losses = await store.audit.losses()
    write(_verdict(found) + "\n")
    write("".join(f"Not all of it is here: {loss}.\n" for loss in losses))
    return 1 if found.problem or losses else 0


def _line(number: int, entry: Entry) -> str:
    head = {"n": number, "request": entry.request, "link": entry.link}
    # The event as it was hashed, so that others can verify the export too.
    event = msgspec.Raw(entry.body.encode(errors="replace"))
    return msgspec.json.encode(head | {"event": event}).decode()


def _verdict(found: Verification) -> str:
    if found.problem:
        return f"The audit has been changed: {found.problem}."
    return f"The audit is whole: {found.entries} entries, head {found.head or '(none)'}."
