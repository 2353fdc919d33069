"""What this process has in hand for its next steps: what is due soon, and what was read for them.

Whoever makes something due, or plans it, says so here; so the turn that claims it reads along what
its step needs. A step asks for that once: what it reads again is read anew. All of it only saves
round trips: whatever is not here is read when it is wanted.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

_STEPS = 128
"""For how many steps it is kept what was read for them: more than run at once."""

_ITEMS = 512
_CONNECTIONS = 1000
_OVER = 1000
"""How many items are expected at most, of how many requests the connection is known, and of how
many items that they are over."""

_EARLY = 0.02
_LATE = 2.0
"""Seconds around its time in which an item is expected; after that another replica has it."""

INBOX = "inbox:"
"""How items of the inbox begin; they are keys as well."""

OF_REQUESTS = frozenset(("run", "tell", "dm", "follow"))
"""The kinds of items whose ids are those of requests."""


class ConnectionKeys(NamedTuple):
    """The keys of a connection: its queue, and which open requests are about it."""

    queue: str
    beside: str


def request_of(item: str) -> str:
    """The request that an item is about; empty where it is about none."""
    kind, _, name = item.partition(":")
    return name if kind in OF_REQUESTS else ""


class InHand:
    """Replies by claim, items by when they are due, and connections by request."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._brought: dict[str, dict[str, Any]] = {}
        self._due: dict[str, float] = {}
        self._over: dict[str, None] = {}
        self._connections: dict[str, ConnectionKeys] = {}

    def bring(self, fence: str, replies: dict[str, Any]) -> None:
        """Keep what was read for the step of a claim, by what it is."""
        _put(self._brought, fence, replies, _STEPS)

    def brought(self, fence: str, what: str) -> Any:  # noqa: ANN401 - whatever a command answers
        """What was read for a step, once; None where it was not."""
        return self._brought.get(fence, {}).pop(what, None)

    def expect(self, items: Iterable[str], at: float = 0.0) -> None:
        """These will be due at a time; 0: they are by now."""
        for item in items:
            if request_of(item) or item.startswith(INBOX):
                _put(self._due, item, at, _ITEMS)

    def claimed(self, item: str) -> None:
        """It is expected no more."""
        self._due.pop(item, None)

    def over(self, item: str) -> None:
        """A step of this process has ended it for good."""
        _put(self._over, item, None, _OVER)

    def is_over(self, item: str) -> bool:
        """Whether one has, lately."""
        return item in self._over

    def due(self, now: float) -> list[str]:
        """The items that are expected to be due, those first that have waited longest."""
        late = [item for item, at in self._due.items() if 0 < at < now - _LATE]
        for item in late:
            del self._due[item]
        due = sorted((at, item) for item, at in self._due.items() if at <= now + _EARLY)
        for _, item in due:
            # By now is once: who does not get it now, or has no room, asks for it by itself.
            if self._due[item] == 0.0:
                self._due[item] = now
        return [item for _, item in due]

    def knows(self, request_id: str, connection: ConnectionKeys) -> None:
        """A request is about this connection, and always will be."""
        _put(self._connections, request_id, connection, _CONNECTIONS)

    def connection(self, request_id: str) -> ConnectionKeys | None:
        """The connection of a request, if it was read lately."""
        return self._connections.get(request_id)


def _put(kept: dict[str, Any], name: str, value: object, most: int) -> None:
    """Keep one more, and the oldest no longer where they are too many."""
    kept.pop(name, None)
    kept[name] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
