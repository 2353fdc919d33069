"""Is there anybody who could approve? Checked when somebody asks, so that they hear it at once.

A user group can hold only people who have left: it has members, and pings nobody. The look is a
courtesy: what can't be found out stops no request, and at the click everything is asked anew.
"""

import time

import structlog

from bot.errors import SlackError
from bot.models import Terms
from bot.policy import can_approve, is_member, too_few_approvers
from bot.policy.directory import Directory

log = structlog.get_logger(__name__)

MOST_LOOKUPS = 20
"""How many people are looked up at most: where nobody of so many counts, somebody else may."""

_BELIEVED_SECONDS = 300.0
"""For how long it is believed that there is somebody. Slack allows few reads of groups a minute,
and approvals need them more."""

_MOST = 1000


class Candidates:
    """Looks for those who could approve what somebody asks for."""

    def __init__(self, directory: Directory) -> None:
        """`directory` knows who people are."""
        self._directory = directory
        self._until: dict[tuple[str, Terms], float] = {}

    async def check(self, requester: str, terms: Terms) -> None:
        """Return if there may be enough people to approve a request of `requester`.

        Raises:
            Refused: Surely there are not.
        """
        asked = (requester, terms)
        if self._until.get(asked, 0.0) > time.monotonic():
            return
        self._until.pop(asked, None)
        try:
            enough = await self._enough(requester, terms)
        except SlackError as error:
            log.info("approver_lookup_failed", error=str(error))
            return
        if not enough:
            raise too_few_approvers(terms)
        if len(self._until) >= _MOST:
            self._until.clear()
        self._until[asked] = time.monotonic() + _BELIEVED_SECONDS

    async def _enough(self, requester: str, terms: Terms) -> bool:
        members = await self._directory.members(terms.approvers.groups)
        if terms.approvers.unread(members):
            return True  # that is said to whoever clicks
        able, named = 0, can_approve(requester, terms, members)
        for user in named[:MOST_LOOKUPS]:
            person = await self._directory.person(user)
            able += is_member(person, await self._directory.home_team())
            if able >= terms.approvals:
                return True
        return len(named) > MOST_LOOKUPS
