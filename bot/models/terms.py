"""What the policy asks of one request, recorded with the request that it was asked of."""

from collections.abc import Collection, Mapping

from bot.models.value import Value

Members = Mapping[str, Collection[str]]
"""User-group ID → the user IDs in it just now; a group that could not be read is missing."""

APPROVAL_SECONDS = 1800.0
WATCH_SECONDS = 600.0


class People(Value, frozen=True):
    """Users and the members of user groups, by their Slack IDs."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them, groups first: in the order in which a message names them."""
        return (*self.groups, *self.users)

    def include(self, user: str, members: Members) -> bool:
        """Whether the user is named, or is a member of a group that is and could be read."""
        return user in self.users or any(user in members.get(group, ()) for group in self.groups)

    def unread(self, members: Members) -> tuple[str, ...]:
        """The groups whose members could not be read."""
        return tuple(group for group in self.groups if group not in members)


class Terms(Value, frozen=True):
    """What must be so before a request may run, and what follows it; times are in seconds.

    `rule` names the rule of the policy that asks for this. `approvals` distinct people of
    `approvers` have to approve; `typed` is what each of them has to type, empty where a click
    will do. `expiry`: for how long they may take. `watch`: for how long the connection is
    watched afterwards. `countersign`: within what time a request that broke the glass is to be
    countersigned.
    """

    rule: str = ""
    approvers: People = People()
    approvals: int = 1
    typed: str = ""
    self_approval: bool = False
    expiry: float = APPROVAL_SECONDS
    watch: float = WATCH_SECONDS
    countersign: float = 0.0
