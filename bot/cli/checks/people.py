"""Is everybody there whom the policy names, and are there enough of them to approve?"""

from collections.abc import Collection, Mapping, Sequence

from bot.cli.checks.finding import Finding, failure, ok, warning
from bot.errors import SlackError
from bot.models import Members, People, Person
from bot.policy import Policy, Rule, is_member
from bot.slack.directory import SlackDirectory

MOST_LOOKUPS = 60
"""How many people are looked up at most: a running bot needs Slack's limits, too."""

_FILL = "put full members of the workspace into the user group, or name others in the policy"


async def examine(policy: Policy, directory: SlackDirectory) -> list[Finding]:
    """All findings about the people of a policy."""
    try:
        seen = await _look(policy, directory)
    except SlackError as error:
        return [warning("approvers", f"they can't be read ({error})", "try again in a minute")]
    named = [_named(policy, rule, seen) for rule in policy.rules]
    enough = [approvers(policy.where(rule), rule, seen) for rule in policy.rules]
    return [*(finding for found in named for finding in found), *enough]


class Seen:
    """Who is there: `eligible` are full members; who is in neither set was not looked at."""

    def __init__(self, members: Members, people: Mapping[str, bool]) -> None:
        """`members` of the groups that could be read; `people`: may they count?"""
        self.members = members
        self.people = people

    def of(self, people: People) -> Sequence[str]:
        """All that are named, by person or by group, each once."""
        grouped = (user for group in people.groups for user in sorted(self.members.get(group, ())))
        return tuple(dict.fromkeys((*people.users, *grouped)))

    def eligible(self, users: Sequence[str]) -> int:
        """How many of these are full members."""
        return sum(self.people.get(user, False) for user in users)

    def all_known(self, users: Sequence[str]) -> bool:
        """Whether each of these was looked up."""
        return all(user in self.people for user in users)


def needed(rule: Rule) -> int:
    """How many different people a request under this rule needs at most."""
    return max(rule.approvals, rule.wide.approvals if rule.wide else 0)


def approvers(where: str, rule: Rule, seen: Seen) -> Finding:
    """Whether enough of those who may approve could."""
    named, wanted = seen.of(rule.approve), needed(rule)
    eligible = seen.eligible(named)
    check = f"approvers of {where}"
    if eligible >= wanted:
        return ok(check, f"{_at_least(eligible, named, seen)} full members, {wanted} needed")
    if not seen.all_known(named):
        return ok(check, f"not told: {len(named)} people are named, {MOST_LOOKUPS} were looked up")
    found = f"{eligible} of {len(named)} named are full members, {wanted} needed"
    return failure(check, found, _FILL)


def _named(policy: Policy, rule: Rule, seen: Seen) -> list[Finding]:
    """A warning for each id that stands for nobody who counts."""
    check = f"people of {policy.where(rule)}"
    everybody = _of_rule(rule)
    users = [u for people in everybody for u in people.users if seen.people.get(u) is False]
    groups = {g: seen.members.get(g) for people in everybody for g in people.groups}
    found = [(user, "is no full member of this workspace") for user in dict.fromkeys(users)]
    found += [(f"the user group {g}", said) for g, of in groups.items() if (said := _of(of, seen))]
    return [warning(check, f"{who} {said}", _FILL) for who, said in found]


def _of(users: Collection[str] | None, seen: Seen) -> str:
    if users is None:
        return "can't be read; does it exist?"
    if not users:
        return "has nobody in it"
    nobody = seen.all_known(list(users)) and not seen.eligible(list(users))
    return "holds only people who have left, guests or bots" if nobody else ""


def _at_least(eligible: int, named: Sequence[str], seen: Seen) -> str:
    return f"{eligible} of {len(named)}" if seen.all_known(named) else f"at least {eligible}"


def _of_rule(rule: Rule) -> list[People]:
    glass = [rule.break_glass.who.people] if rule.break_glass else []
    return [rule.ask.people, rule.approve, *glass]


async def _look(policy: Policy, directory: SlackDirectory) -> Seen:
    everybody = [people for rule in policy.rules for people in _of_rule(rule)]
    groups = dict.fromkeys(group for people in everybody for group in people.groups)
    members = {g: frozenset(u) for g, u in (await directory.members(groups)).items()}
    home = await directory.home_team()
    users = [u for people in everybody for u in people.users]
    users += [user for group in groups for user in sorted(members.get(group, ()))]
    found: dict[str, bool] = {}
    for user in list(dict.fromkeys(users))[:MOST_LOOKUPS]:
        person: Person | None = await directory.person(user)
        found[user] = is_member(person, home)
    return Seen(members, found)
