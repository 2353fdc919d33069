"""How often progress bars move: all of them share what Slack allows of edits."""

import time

REFRESH_SECONDS = 3.0
"""How often a bar moves at most."""

BARS_A_MINUTE = 25
"""How many edits of all cards together move bars: half of what Slack allows, about 50 a minute."""


class Bars:
    """How many cards have a bar that moves, and how often each may."""

    def __init__(self) -> None:
        """Nothing moves yet."""
        self._until: dict[str, float] = {}

    def pause(self, request_id: str) -> float:
        """Seconds until the bar of a card moves again, one of all those that do."""
        now = time.monotonic()
        self._until = {id_: until for id_, until in self._until.items() if until > now}
        self._until[request_id] = now
        pause = max(REFRESH_SECONDS, len(self._until) * 60 / BARS_A_MINUTE)
        # Who has not come back by twice its time has no bar any more.
        self._until[request_id] = now + 2 * pause
        return pause
