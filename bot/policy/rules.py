"""What a policy is made of: rules, of which the first that matches decides. No I/O.

What is left out lets nobody through: a rule without people is one that nobody can satisfy.
"""

from fnmatch import fnmatchcase
from ipaddress import IPv4Network
from typing import Self

from bot.models import Members, Network, People, Value
from bot.models.terms import APPROVAL_SECONDS, WATCH_SECONDS
from bot.policy.limits import Limits

SIMPLE = "VCO_APPROVERS"
"""The name of the one rule that the setting of this name stands for."""


class Who(Value, frozen=True):
    """Some people, or anyone who is a full member of the workspace."""

    people: People = People()
    anyone: bool = False

    def include(self, user: str, members: Members) -> bool:
        """Whether the user is among them; that they are a full member is asked elsewhere."""
        return self.anyone or self.people.include(user, members)


class Wide(Value, frozen=True):
    """Routes with a prefix this long or shorter are wide: they need more approvals, typed.

    None: no route of that IP version is wide.
    """

    ipv4: int | None = None
    ipv6: int | None = None
    approvals: int = 2

    def includes(self, block: Network) -> bool:
        """Whether the block is wide."""
        limit = self.ipv4 if isinstance(block, IPv4Network) else self.ipv6
        return limit is not None and block.prefixlen <= limit


class ProtectedPrefix(Value, frozen=True):
    """What is never deleted: blocks in `block` whose prefix is `shortest` to `longest` long."""

    block: Network
    shortest: int
    longest: int

    def covers(self, block: Network) -> bool:
        """Whether the block is protected."""
        within = block.version == self.block.version and block.network_address in self.block
        return within and self.shortest <= block.prefixlen <= self.longest

    def __str__(self) -> str:
        """As in the file, and in the prefix lists of routers."""
        own = self.block.prefixlen
        at_least = f" ge {self.shortest}" if self.shortest > own else ""
        at_most = f" le {self.longest}" if self.longest > self.shortest or at_least else ""
        return f"{self.block}{at_least}{at_most}"


class BreakGlass(Value, frozen=True):
    """Who may go ahead alone, and within how many seconds it is to be countersigned."""

    who: Who
    countersign: float


class Matter(Value, frozen=True):
    """What a request is about, as far as rules depend on it; `channel` is the one of its card."""

    region: str
    vpn_connection_id: str
    channel: str


class Rule(Value, frozen=True):
    """Who may ask for what, and what it needs. Times are in seconds.

    `connections`, `regions` and `channels` that are empty match all; the first two may be
    globs. `expiry`: None leaves it to the policy. `line`: where the rule stands in its file.
    """

    name: str
    connections: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    ask: Who = Who()
    approve: People = People()
    approvals: int = 1
    wide: Wide | None = None
    protected: tuple[ProtectedPrefix, ...] = ()
    self_approval: bool = False
    break_glass: BreakGlass | None = None
    expiry: float | None = None
    watch: float = WATCH_SECONDS
    line: int = 0

    def matches(self, matter: Matter) -> bool:
        """Whether this rule is about the matter."""
        return (
            _fits(matter.vpn_connection_id, self.connections)
            and _fits(matter.region, self.regions)
            and (not self.channels or matter.channel in self.channels)
        )


class Policy(Value, frozen=True):
    """Rules in their order; where none matches, nothing is allowed.

    `expiry`: seconds until a request expires, where its rule does not say. `file`: where the
    rules were read; empty for the simple form. `limits` hold for all rules together.
    """

    rules: tuple[Rule, ...] = ()
    limits: Limits = Limits()
    expiry: float = APPROVAL_SECONDS
    file: str = ""

    @classmethod
    def of_approvers(cls, approvers: People, expiry: float = APPROVAL_SECONDS) -> Self:
        """The simple form: anyone asks, and one of the approvers decides."""
        rule = Rule(name=SIMPLE, ask=Who(anyone=True), approve=approvers)
        return cls(rules=(rule,), expiry=expiry)

    def where(self, rule: Rule) -> str:
        """The place of a rule, for messages to operators: `policy.toml:12`, or the setting."""
        return f"{self.file}:{rule.line}" if self.file else rule.name


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)
