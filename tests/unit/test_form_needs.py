"""The form says who approves, how many, and what is never deleted, as routes are chosen."""

from ipaddress import ip_network

from bot.models import People
from bot.policy import Matter, Policy, ProtectedPrefix, Rule, Wide
from bot.sandbox.slack.messages import text_of
from bot.slack.forms.needs import MOST_PROTECTED, needs

CORE = ip_network("10.0.0.0/8")
RULE = Rule(
    name="prod",
    connections=("vco-*",),
    approve=People(users=("U0BOB",), groups=("S0NETOPS",)),
    wide=Wide(ipv4=16, approvals=2),
    protected=(ProtectedPrefix(block=CORE, shortest=8, longest=8),),
)


def said(rule: Rule, *chosen: str, connection: str = "vco-a") -> str:
    matter = Matter(region="cn-hangzhou", vpn_connection_id=connection, channel="C0NETOPS")
    blocks = needs(Policy(rules=(rule,)), matter, [ip_network(one) for one in chosen])
    return "\n".join(map(text_of, blocks))


def test_before_a_route_is_chosen_it_says_who_approves_and_what_is_never_deleted() -> None:
    text = said(RULE)
    assert "Needs 1 approval from <!subteam^S0NETOPS> <@U0BOB>, not from you." in text
    assert "Never deleted: 10.0.0.0/8" in text


def test_a_wide_route_needs_more_and_says_what_is_typed() -> None:
    text = said(RULE, "10.1.0.0/16", "10.2.3.0/24")
    assert "Needs 2 approvals from" in text
    assert "each types 10.1.0.0/16" in text
    assert "Needs 1 approval from" in said(RULE, "10.2.3.0/24")


def test_a_protected_route_is_told_as_soon_as_it_is_chosen() -> None:
    text = said(RULE, "10.2.3.0/24", "10.0.0.0/8")
    assert "10.0.0.0/8 is protected and is never deleted" in text
    assert "Needs" not in text


def test_what_no_rule_is_about_is_told() -> None:
    assert "No rule of the policy is about other-1" in said(RULE, connection="other-1")


def test_of_many_protected_prefixes_the_rest_is_counted() -> None:
    blocks = [f"10.{n}.0.0/16" for n in range(MOST_PROTECTED + 2)]
    many = tuple(ProtectedPrefix(block=ip_network(b), shortest=16, longest=16) for b in blocks)
    rule = Rule(name="many", approve=RULE.approve, protected=many, self_approval=True)
    text = said(rule)
    assert text.endswith("and 2 more")
    assert "not from you" not in text
