"""Which rule decides, and what it asks for: the first that matches, and nothing without one."""

from functools import partial
from ipaddress import ip_network

import pytest
from builders import a_request, a_route
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from policies import let_through

from bot.errors import Refused
from bot.models import Decision, Network, Operation, People, Terms, Verdict
from bot.policy import (
    BreakGlass,
    Matter,
    Policy,
    Rule,
    Who,
    Wide,
    approved_by,
    rule_for,
    terms_for,
    terms_now,
)
from bot.policy.blocks import protected

HERE = Matter(region="cn-hangzhou", vpn_connection_id="vco-p0w1", channel="C0NETOPS")
ANY = Rule(name="any", approve=People(users=("U0BOB",)))
DELETE, RESTORE = Operation.DELETE, Operation.RESTORE


def policy(*rules: Rule) -> Policy:
    return Policy(rules=rules, expiry=1800.0)


def terms(rule: Rule, *blocks: str, operation: Operation = DELETE) -> Terms:
    return terms_for(policy(rule), rule, map(ip_network, blocks), operation)


# --- which rule ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"connections": ("vco-p0w1",)},
        {"connections": ("vco-x", "vco-p0w*")},
        {"connections": ("vco-p0w[0-9]",)},
        {"regions": ("cn-*",)},
        {"channels": ("C0OTHER", "C0NETOPS")},
        {"connections": ("*",), "regions": ("cn-hangzhou",), "channels": ("C0NETOPS",)},
    ],
)
def test_a_rule_matches_where_everything_it_names_does(conditions: dict[str, object]) -> None:
    rule = replace(ANY, **conditions)
    assert rule_for(policy(rule), HERE) is rule


@pytest.mark.parametrize(
    "conditions",
    [
        {"connections": ("vco-p0w",)},
        {"connections": ("VCO-P0W*",)},
        {"regions": ("cn-hang",)},
        {"channels": ("C0*",)},
        {"connections": ("vco-p0w1",), "regions": ("ap-*",)},
        {"connections": ("vco-p0w1",), "channels": ("C0OTHER",)},
    ],
)
def test_without_a_rule_that_matches_nobody_may_do_anything(conditions: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"No rule of the policy is about vco-p0w1 \(cn-hangzhou\)"):
        rule_for(policy(replace(ANY, **conditions)), HERE)
    with pytest.raises(Refused, match="No rule"):
        rule_for(policy(), HERE)


def test_the_first_rule_that_matches_wins() -> None:
    other = replace(ANY, name="other", regions=("ap-*",))
    second = replace(ANY, name="second")
    assert rule_for(policy(other, ANY, second), HERE) is ANY
    assert rule_for(policy(second, ANY, other), HERE) is second


def test_the_simple_form_lets_anyone_ask_and_one_of_the_approvers_decide() -> None:
    approvers = People(users=("U0BOB",), groups=("S0NETOPS",))
    simple = Policy.of_approvers(approvers, expiry=600.0)
    rule = rule_for(simple, HERE)
    assert (rule.ask, rule.break_glass) == (Who(anyone=True), None)
    found = terms_for(simple, rule, [ip_network("0.0.0.0/0")], DELETE)
    assert found == Terms(rule="VCO_APPROVERS", approvers=approvers, expiry=600.0)


# --- what it asks for --------------------------------------------------------------------


def test_the_terms_are_those_of_the_rule_with_its_times_in_seconds() -> None:
    rule = Rule(
        name="production",
        approve=People(groups=("S0NETOPS",)),
        approvals=2,
        self_approval=True,
        break_glass=BreakGlass(who=Who(anyone=True), countersign=3600.0),
        expiry=120.0,
        watch=0.0,
    )
    assert terms(rule, "10.0.0.0/24") == Terms(
        rule="production",
        approvers=rule.approve,
        approvals=2,
        self_approval=True,
        expiry=120.0,
        watch=0.0,
        countersign=3600.0,
    )


def test_a_rule_without_an_expiry_leaves_it_to_the_setting() -> None:
    assert terms(ANY, "10.0.0.0/24").expiry == 1800.0


@pytest.mark.parametrize(
    ("blocks", "typed", "approvals"),
    [
        (["10.0.0.0/17"], "", 1),
        (["10.0.0.0/16"], "10.0.0.0/16", 3),
        (["10.1.0.0/24", "10.0.0.0/12", "10.0.0.0/16"], "10.0.0.0/12", 3),
        (["10.16.0.0/12", "10.0.0.0/12"], "10.0.0.0/12", 3),
        (["0.0.0.0/0"], "0.0.0.0/0", 3),
        (["2001:db8::/33"], "", 1),
        (["2001:db8::/32"], "2001:db8::/32", 3),
    ],
)
def test_a_wide_block_is_typed_and_needs_more_approvals(
    blocks: list[str], typed: str, approvals: int
) -> None:
    rule = replace(ANY, wide=Wide(ipv4=16, ipv6=32, approvals=3))
    for operation in (DELETE, RESTORE):
        found = terms(rule, *blocks, operation=operation)
        assert (found.typed, found.approvals) == (typed, approvals)


def test_an_ip_version_of_which_the_rule_says_nothing_is_never_wide() -> None:
    assert terms(replace(ANY, wide=Wide(ipv4=16)), "::/0").typed == ""
    assert terms(replace(ANY, wide=Wide(ipv6=32)), "0.0.0.0/0").typed == ""


def test_wide_never_asks_for_less_than_the_rule_does() -> None:
    rule = replace(ANY, approvals=3, wide=Wide(ipv4=16, approvals=2))
    assert terms(rule, "10.0.0.0/8").approvals == 3


# --- what is never deleted -----------------------------------------------------------------

COVERS = [
    ("0.0.0.0/0", ["0.0.0.0/0"], ["0.0.0.0/1", "::/0", "10.0.0.0/8"]),
    ("10.1.0.0/16 le 32", ["10.1.0.0/16", "10.1.2.0/24", "10.1.9.9/32"], ["10.0.0.0/8"]),
    ("10.1.0.0/16 le 24", ["10.1.0.0/16", "10.1.2.0/24"], ["10.1.2.0/25", "10.2.0.0/24"]),
    ("10.0.0.0/8 ge 24", ["10.1.2.0/24", "10.1.2.3/32"], ["10.0.0.0/8", "10.1.0.0/16"]),
    ("10.0.0.0/8 ge 16 le 24", ["10.1.0.0/16"], ["10.0.0.0/15", "10.1.2.0/25"]),
    ("2001:db8::/32 le 64", ["2001:db8::/32", "2001:db8:1::/64"], ["2001:db8::/96", "32.1.0.0/24"]),
    ("::/0 le 128", ["::/0", "::1/128"], ["0.0.0.0/0"]),
]


@pytest.mark.parametrize(("text", "inside", "outside"), COVERS, ids=[c[0] for c in COVERS])
def test_what_is_protected_is_never_deleted_and_all_else_is_as_before(
    text: str, inside: list[str], outside: list[str]
) -> None:
    rule = replace(ANY, protected=(protected(text),))
    for block in inside:
        with pytest.raises(Refused, match=f"{block} is protected .*: {text}"):
            terms(rule, "172.16.0.0/12", block)
        assert terms(rule, block, operation=RESTORE) == terms(ANY, block)
    for block in outside:
        assert terms(rule, block) == terms(ANY, block)


@pytest.mark.parametrize("text", [text for text, _, _ in COVERS])
def test_a_protected_prefix_is_shown_as_it_was_written(text: str) -> None:
    shown = str(protected(text))
    assert protected(shown) == protected(text)
    assert shown.startswith(text)


# --- a request that was made under an earlier policy -----------------------------------------


def test_what_is_asked_of_a_request_is_what_the_policy_says_now() -> None:
    request = a_request(a_route("10.0.0.0/16"))
    strict = replace(ANY, wide=Wide(ipv4=16), channels=(request.channel,))
    assert terms_now(policy(strict), request).typed == "10.0.0.0/16"
    with pytest.raises(Refused, match="No rule"):
        terms_now(policy(replace(strict, channels=("C0OTHER",))), request)
    kept = replace(ANY, protected=(protected("10.0.0.0/8 le 32"),))
    with pytest.raises(Refused, match="is protected"):
        terms_now(policy(kept), request)
    restoration = a_request(a_route("10.0.0.0/16"), operation=RESTORE)
    assert terms_now(policy(kept), restoration).rule == "any"


# --- whatever the rules ------------------------------------------------------------------------

IDS = st.sampled_from(["vco-p0w1", "vco-p0w2", "vco-t4n1", "vco-p0w*", "vco-*", "*1"])
REGIONS = st.sampled_from(["cn-hangzhou", "cn-beijing", "cn-*", "ap-*"])
CHANNELS = st.sampled_from(["C0NETOPS", "C0OTHER"])
USERS = st.sampled_from(["U0ALICE", "U0BOB", "W0CAROL"])
SOME = st.lists(USERS, unique=True).map(tuple)
RULES = st.builds(
    Rule,
    name=st.text("abc", min_size=1, max_size=3),
    connections=st.lists(IDS, max_size=2).map(tuple),
    regions=st.lists(REGIONS, max_size=2).map(tuple),
    channels=st.lists(CHANNELS, max_size=1).map(tuple),
    approve=st.builds(People, users=SOME),
    approvals=st.integers(1, 3),
    wide=st.none() | st.builds(Wide, ipv4=st.integers(0, 32), approvals=st.integers(1, 3)),
    protected=st.lists(
        st.sampled_from([protected("10.0.0.0/8 le 32"), protected("0.0.0.0/0")]), max_size=1
    ).map(tuple),
    self_approval=st.booleans(),
)
MATTERS = st.builds(
    Matter,
    region=st.sampled_from(["cn-hangzhou", "cn-beijing", "eu-central-1"]),
    vpn_connection_id=st.sampled_from(["vco-p0w1", "vco-p0w2", "vco-t4n1"]),
    channel=CHANNELS,
)
BLOCKS = st.lists(
    st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.1.0/24"]),
    min_size=1,
    max_size=3,
    unique=True,
).map(lambda found: [ip_network(text) for text in found])


def outcome(rules: list[Rule], matter: Matter, blocks: list[Network]) -> Terms | str:
    """What is asked for, or why it is refused."""
    try:
        return terms_for(policy(*rules), rule_for(policy(*rules), matter), blocks, DELETE)
    except Refused as refusal:
        return str(refusal)


@given(st.lists(RULES, max_size=4), RULES, st.integers(0, 4), MATTERS, BLOCKS)
def test_adding_a_rule_that_does_not_match_changes_nothing(
    rules: list[Rule], added: Rule, place: int, matter: Matter, blocks: list[Network]
) -> None:
    more = [*rules[:place], added, *rules[place:]]
    if not added.matches(matter):
        assert outcome(more, matter, blocks) == outcome(rules, matter, blocks)


@given(st.lists(RULES, max_size=4), RULES, MATTERS, BLOCKS)
def test_a_rule_behind_the_one_that_decides_changes_nothing(
    rules: list[Rule], added: Rule, matter: Matter, blocks: list[Network]
) -> None:
    if any(rule.matches(matter) for rule in rules):
        assert outcome([*rules, added], matter, blocks) == outcome(rules, matter, blocks)


@given(RULES, st.lists(USERS), BLOCKS, st.sampled_from(["approvals", "wide"]))
def test_more_approvals_needed_never_lets_less_through(
    rule: Rule, who: list[str], blocks: list[Network], what: str
) -> None:
    def passes(rule: Rule) -> bool:
        found = outcome([rule], HERE, blocks)
        if isinstance(found, str):
            return False
        decisions = tuple(Decision(verdict=Verdict.APPROVED, by=one, at=1.0) for one in who)
        request = replace(a_request(terms=found), decisions=decisions)
        return let_through(partial(approved_by, request))

    rule = replace(rule, connections=(), regions=(), channels=())
    wide = rule.wide or Wide(ipv4=24, approvals=1)
    stricter = (
        replace(rule, approvals=rule.approvals + 1)
        if what == "approvals"
        else replace(rule, wide=replace(wide, approvals=wide.approvals + 1))
    )
    if passes(stricter):
        assert passes(rule)


@given(RULES, BLOCKS, BLOCKS)
def test_more_routes_never_need_less(
    rule: Rule, blocks: list[Network], more: list[Network]
) -> None:
    one, both = (
        outcome([replace(rule, connections=(), regions=(), channels=())], HERE, some)
        for some in (blocks, [*blocks, *more])
    )
    if not isinstance(both, str):
        assert not isinstance(one, str)
        assert both.approvals >= one.approvals
        assert both.typed or not one.typed
