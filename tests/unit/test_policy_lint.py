"""What of a policy is most likely not meant, and is warned of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bot.models import People
from bot.policy import Matter, Policy, Rule
from bot.policy.lint import lint

ANY = Rule(name="any", approve=People(users=("U0BOB",)), line=7)


def warned(*rules: Rule) -> list[str]:
    """What is warned of; each rule stands seven lines below the one before."""
    placed = tuple(replace(rule, name=f"r{n}", line=7 * n) for n, rule in enumerate(rules, start=1))
    return list(lint(Policy(rules=placed, file="p")))


def on(*connections: str, **more: object) -> Rule:
    return replace(ANY, connections=connections, **more)


def test_a_policy_whose_rules_go_from_the_narrow_to_the_wide_gives_no_doubt() -> None:
    assert warned(on("vco-p0w1"), on("vco-p0w*"), on("vco-t4n*", regions=("ap-*",)), ANY) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ANY, on("vco-p0w1")),
        (ANY, replace(ANY, channels=("C0OPS",))),
        (on("*"), on("vco-p0w1")),
        (on("vco-*"), ANY),
        (on("vco-p0w*"), on("vco-p0w1", "vco-p0w[2-9]*")),
        (on("vco-p0w1", "vco-p0w2"), on("vco-p0w2")),
        (on("vco-p0w?"), on("vco-p0w7", regions=("cn-hangzhou",))),
        (replace(ANY, regions=("cn-*",)), on("vco-a", regions=("cn-hangzhou",))),
        (
            replace(ANY, channels=("C0OPS", "C0LAB")),
            replace(ANY, channels=("C0LAB",), regions=("cn-*",)),
        ),
    ],
)
def test_a_rule_behind_one_that_matches_all_that_it_does_is_never_reached(
    first: Rule, second: Rule
) -> None:
    assert warned(first, second)[0].startswith(
        'p:14: rule "r2" is never reached, for "r1" (line 7)'
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (on("vco-p0w1"), ANY),
        (on("vco-p0w*"), on("vco-p0w1", "vco-t4n1")),
        (on("vco-p0w[1-3]"), on("vco-p0w*")),
        (replace(ANY, regions=("cn-*",)), on("vco-a")),
    ],
)
def test_a_rule_that_some_matter_gets_to_is_no_doubt(first: Rule, second: Rule) -> None:
    assert not [line for line in warned(first, second) if "never reached" in line]


@pytest.mark.parametrize("glob", ["p0w*", "VCO", "vpn-1", "vco-p0w[1-", "a?", "vcp-*"])
def test_a_glob_that_no_connections_id_matches_is_pointed_at(glob: str) -> None:
    assert f"no connection is called {glob}; ids begin with vco-" in warned(on(glob))[0]


def test_a_rule_of_a_channel_that_can_be_walked_around_is_pointed_at() -> None:
    """Who asks chooses where the card goes, and so the rule."""
    (said,) = warned(on("vco-p0w*", channels=("C0OPS",)), ANY)
    assert said.startswith(
        'p:7: rule "r1" holds in C0OPS alone: whoever asks elsewhere goes by "r2"'
    )
    assert not warned(on("vco-p0w*", channels=("C0OPS",)), on("vco-t4n*"))
    assert not warned(on("vco-p0w*", channels=("C0OPS",)), on("vco-p0w1x", regions=("x",)))[1:]


GLOBS = st.lists(
    st.sampled_from(["vco-a", "vco-b", "vco-a*", "vco-*", "*", "vco-?", "vco-[ab]"]), max_size=2
).map(tuple)
REGIONS = st.lists(st.sampled_from(["cn-a", "cn-*", "*"]), max_size=2).map(tuple)
CHANNELS = st.lists(st.sampled_from(["C0A", "C0B"]), max_size=2).map(tuple)
RULES = st.builds(replace, st.just(ANY), connections=GLOBS, regions=REGIONS, channels=CHANNELS)
MATTERS = st.builds(
    Matter,
    vpn_connection_id=st.sampled_from(["vco-a", "vco-b", "vco-ab", "vco-c"]),
    region=st.sampled_from(["cn-a", "cn-b", "ap-a"]),
    channel=st.sampled_from(["C0A", "C0B", "C0C"]),
)


@given(RULES, RULES, MATTERS)
def test_what_is_said_to_be_never_reached_never_decides(
    first: Rule, second: Rule, matter: Matter
) -> None:
    unreached = any('"r2" is never reached' in line for line in warned(first, second))
    if unreached and second.matches(matter):
        assert first.matches(matter)
