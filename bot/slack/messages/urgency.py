"""What matters most stands first, wherever requests are listed. Pure."""

from collections.abc import Iterable

from bot.models import Request, RequestState

_FIRST = (RequestState.EXECUTING, RequestState.APPROVED, RequestState.PENDING)
"""What is in flight comes first, then what waits for somebody."""


def by_urgency(requests: Iterable[Request]) -> list[Request]:
    """In flight first, then pending, then what has ended; the newest first in each."""
    return sorted(requests, key=urgency)


def urgency(request: Request) -> tuple[int, float]:
    """What to sort by: the smallest is the most urgent."""
    rank = _FIRST.index(request.state) if request.state.open else len(_FIRST)
    return rank, -request.created_at
