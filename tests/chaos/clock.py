"""The store's clock that jumps: what the bots of a round take for Redis' own.

A server's clock can't be moved for one process without moving the machine's. The scripts take a
time that is given to them, though, so in these bots every script is given the machine's time plus
what a file says: one file, so all replicas agree, as they do on Redis' own.
"""

import time
from pathlib import Path

from bot.store.client import Database


def follow(file: Path) -> None:
    """From now on the store's clock is as far off as `file` says; without it, it is right."""

    def now(_: Database) -> str:
        try:
            return f"{time.time() + float(file.read_text()):.6f}"
        except (OSError, ValueError):
            return ""

    def ignore(_: Database, __: str) -> None:
        """There is no other clock."""

    Database.fixed_now = property(now, ignore)  # type: ignore[assignment] # on purpose


def jump(file: Path, seconds: float) -> float:
    """Move the clock on, or back; returns how far it is off now."""
    off = (float(file.read_text()) if file.exists() else 0.0) + seconds
    new = file.with_suffix(".new")
    new.write_text(str(off))
    new.replace(file)
    return off
