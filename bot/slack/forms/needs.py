"""What the policy would ask of a request that is being filled in, in words for its requester. Pure.

It is for show: the policy is asked anew when the form is sent in, and at each click after that.
"""

from collections.abc import Iterator, Sequence

from bot.errors import Refused
from bot.models import Network, Operation, Terms
from bot.policy import Matter, Policy, Rule, rule_for, terms_for
from bot.slack.messages.labels import Symbol
from bot.slack.messages.mrkdwn import Block, context, literal, named, prose, section, some

MOST_PROTECTED = 5
"""How many protected prefixes are named before the rest is counted."""


def needs(policy: Policy, matter: Matter, blocks: Sequence[Network]) -> Iterator[Block]:
    """Who approves, how many, and what is never deleted; for these `blocks`, as far as chosen."""
    try:
        rule = rule_for(policy, matter)
        terms = terms_for(policy, rule, blocks, Operation.DELETE)
    except Refused as refusal:
        yield section(f"{Symbol.NO_ROUTE} *{prose(refusal.problem)}*\n{prose(refusal.mend)}")
        return
    yield context(_approval(terms))
    if rule.protected and not blocks:
        yield context(f"Never deleted: {_protected(rule)}")


def _approval(terms: Terms) -> str:
    own = "" if terms.self_approval else ", not from you"
    typed = f"; each types {literal(terms.typed)}, for it is a wide route" if terms.typed else ""
    approvals, who = some(terms.approvals, "approval"), named(terms.approvers.ids)
    return f"Needs {approvals} from {who}{own}{typed}."


def _protected(rule: Rule) -> str:
    names = [literal(str(one)) for one in rule.protected[:MOST_PROTECTED]]
    more = len(rule.protected) - MOST_PROTECTED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
