"""What the policy would ask of a request, in plain lines for an operator. Pure."""

from collections.abc import Iterator, Sequence

from bot.errors import Refused
from bot.models import Network, Operation, People, Terms
from bot.policy.rules import SIMPLE, Matter, Policy, Rule, Who
from bot.policy.terms import rule_for, terms_for

_MINUTE, _HOUR = 60, 3600
_SIMPLE = f"{SIMPLE} decides."


def explain(policy: Policy, matter: Matter, user: str, blocks: Sequence[Network]) -> list[str]:
    """By which rule a deletion is decided, and what would be asked of whom.

    User groups are named and not read: who is in them is asked of Slack at each click.
    """
    what = ", ".join(map(str, blocks))
    where = f"{matter.vpn_connection_id} ({matter.region})"
    channel = f" in {matter.channel}" if matter.channel else ""
    return [
        f"{user} asks to delete {what} from {where}{channel}.",
        *_answer(policy, matter, user, blocks),
        *_of_channels(policy, matter),
    ]


def _answer(policy: Policy, matter: Matter, user: str, blocks: Sequence[Network]) -> Iterator[str]:
    try:
        rule = rule_for(policy, matter)
    except Refused as refusal:
        yield f"Refused: {refusal}"
        return
    yield f'Rule "{rule.name}" ({policy.where(rule)}) decides.' if policy.file else _SIMPLE
    try:
        terms = terms_for(policy, rule, blocks, Operation.DELETE)
    except Refused as refusal:
        yield f"Refused: {refusal}"
        return
    yield f"Submitter: {_allowed(rule.ask, user)}"
    if rule.ask.anyone or rule.ask.people.groups or user in rule.ask.people.users:
        yield from _needs(rule, terms, user)


def _of_channels(policy: Policy, matter: Matter) -> Iterator[str]:
    if not matter.channel and any(r.channels for r in policy.rules):
        yield "Rules for certain channels were left out: give --channel to try those."


def _needs(rule: Rule, terms: Terms, user: str) -> Iterator[str]:
    count = "1 person" if terms.approvals == 1 else f"{terms.approvals} different people"
    own = "may approve their own" if terms.self_approval else "can't be one of them"
    yield f"Approval: {count} of {_names(terms.approvers)}; {user} {own}."
    if short := _too_few(terms, user):
        yield short
    if terms.typed:
        yield f"Wide: each of them has to type {terms.typed}."
    yield f"Time: it expires after {_minutes(terms.expiry)}."
    watched = f"watched for {_minutes(terms.watch)}" if terms.watch else "not watched"
    yield f"Afterwards: the connection is {watched}."
    yield f"Break-glass: {_glass(rule, user)}"


def _too_few(terms: Terms, user: str) -> str:
    """That nobody could get this approved, where that is plain to see."""
    users = {one for one in terms.approvers.users if terms.self_approval or one != user}
    if terms.approvers.groups or len(users) >= terms.approvals:
        return ""
    able = f"only {len(users)} of them can" if users else "none of them can"
    return f"But {able}, for nobody approves what they asked for."


def _glass(rule: Rule, user: str) -> str:
    if rule.break_glass is None:
        return "not allowed."
    hours = rule.break_glass.countersign / _HOUR
    return (
        f"{_allowed(rule.break_glass.who, user)} It takes a reason, and somebody else of "
        f"{_names(rule.approve)} has to countersign within {hours:g} h."
    )


def _allowed(who: Who, user: str) -> str:
    if who.anyone:
        return f"{user} may, as any full member of the workspace."
    if user in who.people.users:
        return f"{user} may, by name."
    if who.people.groups:
        return f"{user} may, if Slack has them in {' or '.join(who.people.groups)}."
    return f"{user} may not; only {_names(who.people)} may."


def _names(people: People) -> str:
    return ", ".join(people.ids)


def _minutes(seconds: float) -> str:
    return f"{seconds / _MINUTE:g} min"
