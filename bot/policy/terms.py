"""Which rule is about a request, and what follows for it from that rule. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from bot.errors import RefusalReason, Refused
from bot.models import Network, Operation, People, Request, Terms
from bot.policy.rules import Matter, Policy, Rule


def rule_for(policy: Policy, matter: Matter) -> Rule:
    """The first rule that matches.

    Raises:
        Refused: There is none, and what no rule allows is not allowed.
    """
    for rule in policy.rules:
        if rule.matches(matter):
            return rule
    raise Refused(
        f"No rule of the policy is about {matter.vpn_connection_id} ({matter.region}) "
        "in this channel, so nobody may do this.",
        "Ask in the channel that is meant for it, or have a rule written.",
        reason=RefusalReason.NO_RULE,
    )


def terms_for(policy: Policy, rule: Rule, blocks: Iterable[Network], operation: Operation) -> Terms:
    """What the rule asks for before a change of routes to these blocks.

    Raises:
        Refused: One of them is protected. Putting a protected route back is allowed.
    """
    blocks = tuple(blocks)
    if operation is Operation.DELETE:
        _unprotected(rule, blocks)
    typed = _widest(rule, blocks)
    more = rule.wide.approvals if rule.wide and typed else 0
    return Terms(
        rule=rule.name,
        approvers=rule.approve,
        approvals=max(rule.approvals, more),
        typed=typed,
        self_approval=rule.self_approval,
        expiry=policy.expiry if rule.expiry is None else rule.expiry,
        watch=rule.watch,
        countersign=rule.break_glass.countersign if rule.break_glass else 0.0,
    )


def rule_now(policy: Policy, request: Request) -> Rule:
    """The rule that decides, as the policy is now, on a request that was made earlier.

    Raises:
        Refused: There is none any more.
    """
    matter = Matter(
        region=request.region,
        vpn_connection_id=request.vpn_connection_id,
        channel=request.channel,
    )
    return rule_for(policy, matter)


def terms_now(policy: Policy, request: Request) -> Terms:
    """What the policy, as it is now, asks of a request that was made earlier.

    Raises:
        Refused: It does not allow this any more.
    """
    blocks = [change.route.network for change in request.routes]
    return terms_for(policy, rule_now(policy, request), blocks, request.operation)


def tightened(before: Terms, now: Terms) -> Terms:
    """What was asked for `before`, and beyond it what is asked for `now`.

    A request never comes to need less than when it was made: so a replica that still goes by an
    older policy can't let through what the newer one would not. Approvers that are no part of
    those of `before` are left out here; whoever approves has to be among both.
    """
    fewer = _within(now.approvers, before.approvers)
    return replace(
        before,
        rule=now.rule,
        approvers=now.approvers if fewer else before.approvers,
        approvals=max(before.approvals, now.approvals),
        typed=before.typed or now.typed,
        self_approval=before.self_approval and now.self_approval,
    )


def _within(some: People, others: People) -> bool:
    return set(some.users) <= set(others.users) and set(some.groups) <= set(others.groups)


def _unprotected(rule: Rule, blocks: Iterable[Network]) -> None:
    for block in blocks:
        for prefix in rule.protected:
            if prefix.covers(block):
                raise Refused(
                    f'{block} is protected and is never deleted (rule "{rule.name}": {prefix}).',
                    "If it has to go all the same, have the policy changed.",
                    reason=RefusalReason.PROTECTED,
                )


def _widest(rule: Rule, blocks: Iterable[Network]) -> str:
    """The widest of the wide blocks; empty where none is wide."""
    wide = [block for block in blocks if rule.wide and rule.wide.includes(block)]
    by_width = sorted(wide, key=lambda b: (b.prefixlen, b.version, int(b.network_address)))
    return str(by_width[0]) if by_width else ""
