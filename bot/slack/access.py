"""Who may look at connections, routes and requests: full members of this workspace.

Slack lets guests type a command and open an App Home too, and what they would see there are the
routes of a company's network. Whoever can't be placed sees nothing.
"""

import time
from collections.abc import Callable

from bot.policy import require_member
from bot.policy.directory import Directory

_BELIEVED_SECONDS = 300.0
"""For how long somebody is believed to be a member. It is only for looking: whoever asks for
something or decides on it is looked up anew."""

_MOST = 1000
"""How many people are kept in mind."""


class Access:
    """Lets people look."""

    def __init__(self, directory: Directory, clock: Callable[[], float] = time.monotonic) -> None:
        """`directory` knows who people are; `clock` is in seconds."""
        self._directory = directory
        self._clock = clock
        self._until: dict[str, float] = {}

    async def check(self, user: str) -> None:
        """Return if `user` may look.

        Raises:
            Refused: They are no full member of this workspace.
            SlackError: It could not be found out.
        """
        now = self._clock()
        if self._until.get(user, 0.0) > now:
            return
        self._until.pop(user, None)
        require_member(await self._directory.person(user), await self._directory.home_team())
        if len(self._until) >= _MOST:
            self._until.clear()
        self._until[user] = now + _BELIEVED_SECONDS
