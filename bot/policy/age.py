"""What was said long ago is not done now. Pure."""

from math import inf

from bot.errors import TooLate

MAX_AGE_SECONDS = 60.0
"""How old a command or a click may be that is acted on: people have gone on by then."""

_MINUTE = 60.0
_HOUR = 3600.0


def check_age(said_at: float | None, now: float) -> None:
    """Return if what was said at `said_at` may still be done; None: it was said just now.

    Raises:
        TooLate: It was said too long ago, or (0) nobody knows when.
    """
    if said_at is None or now - said_at <= MAX_AGE_SECONDS:
        return
    when = (
        f"that was {_words(now - said_at)} ago"
        if said_at
        else "it is not known how long ago that was"
    )
    raise TooLate(f"Not done: {when}.", "Please ask again if you still want it.")


def done_by(said_at: float | None) -> float:
    """Until when what was said at `said_at` may be done; None: it was said just now."""
    return inf if said_at is None else said_at + MAX_AGE_SECONDS


def _words(seconds: float) -> str:
    if seconds >= _HOUR:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _MINUTE:.0f} min" if seconds >= 2 * _MINUTE else f"{seconds:.0f} s"
