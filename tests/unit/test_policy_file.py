"""A policy file: what it can say, and all that can be wrong with it, line by line."""

import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SettingsError
from bot.models import People
from bot.policy import BreakGlass, Policy, PolicySource, Rule, Who, Wide, approvers
from bot.policy.blocks import protected
from bot.policy.file import parse
from bot.policy.lines import Lines
from bot.policy.notes import Notes, checked
from bot.policy.shape import PolicyTable
from bot.policy.source import read

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"

EVERYTHING = """
[[rule]]
name = "production"
connections = ["vco-p0w*", "vco-t4n1fu5e"]
regions = ["cn-*"]
channels = ["C0NETOPS", "G0SECRET"]
ask = ["S0NETOPS", "U0ALICE"]
approve = ["S0LEADS", "U0BOB", "W0CAROL", "U0BOB"]
approvals = 2
wide = { ipv4 = 16, ipv6 = 32, approvals = 3 }
protected = ["0.0.0.0/0", "10.1.0.0/16 le 32"]
self_approval = true
break_glass = { who = ["S0ONCALL"], countersign_hours = 12 }
expiry_minutes = 45
watch_minutes = 0
"""

LITTLE = """
[[rule]]
name = "any"
approve = ["U0BOB"]
"""


def policy(text: str) -> Policy:
    return parse(text, "p.toml", expiry=600.0)


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as wrong:
        policy(text)
    return wrong.value.lines


# --- what it can say -----------------------------------------------------------------------


def test_everything_that_a_rule_can_say_is_read() -> None:
    assert policy(EVERYTHING).rules == (
        Rule(
            name="production",
            connections=("vco-p0w*", "vco-t4n1fu5e"),
            regions=("cn-*",),
            channels=("C0NETOPS", "G0SECRET"),
            ask=Who(people=People(users=("U0ALICE",), groups=("S0NETOPS",))),
            approve=People(users=("U0BOB", "W0CAROL"), groups=("S0LEADS",)),
            approvals=2,
            wide=Wide(ipv4=16, ipv6=32, approvals=3),
            protected=(protected("0.0.0.0/0"), protected("10.1.0.0/16 le 32")),
            self_approval=True,
            break_glass=BreakGlass(
                who=Who(people=People(groups=("S0ONCALL",))), countersign=12 * 3600.0
            ),
            expiry=45 * 60.0,
            watch=0.0,
            line=2,
        ),
    )


def test_what_is_left_out_is_the_careful_choice() -> None:
    found = policy(LITTLE)
    assert found == Policy(
        rules=(Rule(name="any", ask=Who(anyone=True), approve=People(users=("U0BOB",)), line=2),),
        expiry=600.0,
        file="p.toml",
    )
    (rule,) = found.rules
    assert (rule.approvals, rule.self_approval, rule.break_glass) == (1, False, None)
    assert rule.watch == 600.0


def test_tables_of_their_own_say_the_same_as_those_in_braces() -> None:
    apart = policy(
        LITTLE
        + 'ask = "anyone"\n[rule.wide]\nipv4 = 8\napprovals = 1\n'
        + '[rule.break_glass]\nwho = "anyone"\n'
    )
    together = policy(
        LITTLE + 'wide = { ipv4 = 8, approvals = 1 }\nbreak_glass = { who = "anyone" }\n'
    )
    assert apart == together
    (rule,) = apart.rules
    assert rule.break_glass == BreakGlass(who=Who(anyone=True), countersign=24 * 3600.0)


def test_wide_routes_need_two_approvals_unless_the_rule_says_more() -> None:
    group = LITTLE.replace("U0BOB", "S0LEADS")
    for approvals, wide in ((1, 2), (2, 2), (3, 3)):
        text = f"{group}approvals = {approvals}\nwide = {{ ipv4 = 16 }}\n"
        assert policy(text).rules[0].wide == Wide(ipv4=16, approvals=wide)


def test_rules_stand_in_the_order_of_the_file() -> None:
    names = [rule.name for rule in policy(LITTLE + EVERYTHING).rules]
    assert names == ["any", "production"]


def test_the_example_of_the_page_is_right() -> None:
    section = PAGE.read_text()
    example = section.partition("```toml\n")[2].partition("```")[0]
    names = [rule.name for rule in parse(example, PAGE.name, expiry=600.0).rules]
    assert len(names) > 1


# --- what can be wrong ---------------------------------------------------------------------

WRONG = [
    ('colour = "red"', "'colour' is no key of rule; there is name, connections, regions"),
    ("aprovals = 2", "'aprovals' is no key of rule; did you mean approvals?"),
    ("Approvals = 2", "'Approvals' is no key of rule; did you mean approvals?"),
    ('approvals = "2"', "approvals is '2'; give a whole number from 1 to 50"),
    ("approvals = 0", "approvals is 0; give a whole number from 1 to 50"),
    ("approvals = -1", "approvals is -1; give a whole number"),
    ("approvals = true", "approvals is true; give a whole number"),
    ("approvals = 1.0", "approvals is 1.0; give a whole number"),
    ("approvals = 2", "2 people have to approve and only 1 can; name more, or a user group"),
    (f"approvals = 0x{'f' * 4000}", "approvals is a huge number"),
    ("connections = []", "connections is an empty list; give a list of ids or globs in lower case"),
    (
        'connections = "vco-a"',
        "connections is 'vco-a'; give a list of ids or globs in lower case, such as [\"vco",
    ),
    ("connections = [7]", "connections has 7 in it; give a list of ids or globs"),
    (
        'connections = ["VCO-A"]',
        "connections has 'VCO-A' in it; give a list of ids or globs in lower case, such",
    ),
    (
        'regions = ["Hang zhou"]',
        "regions has 'Hang zhou' in it; give a list of ids or globs in lower case, such",
    ),
    (
        'channels = ["#ops"]',
        "channels has '#ops' in it; give a list of channel IDs (C… or G…; a name such as #",
    ),
    ('ask = "U0BOB"', "ask is 'U0BOB'; give a list of IDs of users (U…, W…) or user groups (S…)"),
    (
        "ask = []",
        "ask is an empty list; give a list of IDs of users (U…, W…) or user groups (S…), or",
    ),
    ("ask = 1", "ask is 1; give a list of IDs"),
    ('ask = ["anyone", "U1"]', 'or "anyone" without brackets'),
    (
        'ask = ["@netops"]',
        "ask has '@netops' in it; give a list of IDs of users (U…, W…) or user groups (S…)",
    ),
    ("wide = { ipv4 = 16 }", "2 people have to approve and only 1 can; name more"),
    ("wide = 16", "wide is 16; give a table"),
    ('protected = ["10.1.2.3/16"]', "is an address within a block; the block is 10.1.0.0/16"),
    ('protected = ["10.1.2.3"]', "has no prefix length; as a block it is 10.1.2.3/32"),
    ('protected = ["10.0.0.0/255.0.0.0"]', "has no prefix length; as a block it is 10.0.0.0/8"),
    ('protected = ["10.0.0.0/8 le 4"]', "matches nothing, for not 8 <= ge <= le"),
    ('protected = ["10.0.0.0/8 ge 24 le 16"]', "matches nothing"),
    ('protected = ["10.0.0.0/8 le 33"]', "matches nothing"),
    ('protected = ["10.0.0.0/8 lt 24"]', "is no block with `ge` or `le` behind it"),
    ('protected = ["the default route"]', "is no block with"),
    ('protected = ["default"]', "'default' is no CIDR block"),
    ('self_approval = "no"', "self_approval is 'no'; give true or false, without quotes"),
    ("self_approval = 0", "self_approval is 0; give true or false"),
    ("break_glass = true", "break_glass is true; give a table"),
    (
        "break_glass = {}",
        'who is missing; give a list of IDs of users (U…, W…) or user groups (S…), or "anyone"',
    ),
    ("break_glass = { who = [] }", "who is an empty list; give"),
    ('break_glass = { who = "anyone", hours = 1 }', "'hours' is no key of break_glass"),
    ('break_glass = { who = "anyone", countersign_hours = 0 }', "countersign_hours is 0; give a"),
    ("expiry_minutes = 0", "expiry_minutes is 0; give a whole number from 1 to 1440"),
    ("expiry_minutes = 1441", "expiry_minutes is 1441"),
    ("watch_minutes = 121", "watch_minutes is 121; give a whole number from 0 to 120"),
    ("watch_minutes = 2026-11-25", "watch_minutes is a date or a time; give a whole number"),
]

WRONG_WIDE = [
    ("wide = {}", "wide has no prefix length; add ipv4 = 16, ipv6 = 32, or one of them"),
    ("wide = { ipv4 = 33 }", "ipv4 is 33; give a whole number from 0 to 32"),
    ("wide = { ipv6 = 129 }", "ipv6 is 129; give a whole number from 0 to 128"),
    ("wide = { ipv4 = 8, ipv5 = 1 }", "'ipv5' is no key of wide; did you mean ipv"),
]


@pytest.mark.parametrize(("line", "words"), WRONG_WIDE)
def test_whatever_is_wrong_with_wide_routes_is_told(line: str, words: str) -> None:
    (told,) = problems(f"{LITTLE.replace('U0BOB', 'S0LEADS')}{line}\n")
    assert told.startswith(f"p.toml:5: {words}")


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[line[:50] for line, _ in WRONG])
def test_whatever_is_wrong_is_told_with_its_line_and_the_mend(line: str, words: str) -> None:
    (told,) = problems(f"{LITTLE}{line}\n")
    place, _, said = told.partition(": ")
    assert place == "p.toml:5"
    assert words in said
    assert "; " in said


MISSING = [
    ("", "p.toml:1: this policy names nobody; add a [[rule]] that says who approves"),
    ("# to do\n", "p.toml:1: this policy names nobody; add a [[rule]]"),
    ("rule = []", "p.toml:1: this policy names nobody; add a [[rule]]"),
    ("rule = 7", "p.toml:1: rule is 7; begin each rule with [[rule]]"),
    ("rule = [\n7]", "p.toml:2: rule has 7 in it; begin each rule with [[rule]]"),
    ('\n[rule]\nname = "x"', "p.toml:2: rule is a table; begin each rule with [[rule]]"),
    ('\n[[rule]]\napprove = ["U1"]', "p.toml:2: name is missing; give a text of up to 100 signs"),
    (
        '[[rule]]\nname = ""\napprove = ["U1"]',
        "p.toml:2: name is missing; give a text of up to 100",
    ),
    (
        '[[rule]]\nname = "a\\nb"\napprove = ["U1"]',
        "p.toml:2: name is 'a\\nb'; give a text of up to 100 signs, all of which can be",
    ),
    ('\n[[rule]]\nname = "x"', "p.toml:2: approve is missing; give a list of IDs of users"),
    (
        '[[rule]]\nname = "x"\napprove = []',
        "p.toml:3: approve is an empty list; give a list of IDs",
    ),
    ('[[rule]]\nname = "x"\napprove = "U1"', "p.toml:3: approve is 'U1'; give a list of IDs"),
    (
        f"{LITTLE}approvals = 1\n\n[rule.wide]\nipv4 = 8\napprovals = 5",
        "p.toml:9: 5 people have to approve and only 1 can",
    ),
    (
        LITTLE.replace("U0BOB", "S1") + "approvals = 3\nwide = { ipv4 = 8, approvals = 2 }",
        "p.toml:6: a wide route needs 2 and any route 3; raise this one",
    ),
    (
        f"{LITTLE}{LITTLE}",
        "p.toml:7: the name 'any' is that of the rule in line 2; give each rule a name of its own",
    ),
]


@pytest.mark.parametrize(("text", "told"), MISSING, ids=[told[:60] for _, told in MISSING])
def test_whatever_is_missing_or_stands_against_something_else_is_told(text: str, told: str) -> None:
    (line,) = problems(text)
    assert line.startswith(told)


NO_TOML = [
    ('[[rule]]\nname = "x\napprove = []', "p.toml:2: this is no TOML (illegal character"),
    ('[[rule]]\nname = "x"\nname = "y"', "p.toml:3: this is no TOML (cannot overwrite a value)"),
    ('[[rule]]\nname = "x"\n\n[[rule]\n', "p.toml:4: this is no TOML (expected ']]'"),
    ("\n\napprove: []", "p.toml:3: this is no TOML (expected '=' after a key"),
    ("name = [\n\n", "p.toml:1: this is no TOML ("),
    (f"a = {'9' * 5000}", "p.toml:1: this is no TOML ("),
    (f"a = {'[' * 100_000}", "p.toml:1: this is no TOML ("),
]


@pytest.mark.parametrize(("text", "told"), NO_TOML, ids=[told for _, told in NO_TOML])
def test_what_is_no_toml_is_told_with_its_line(text: str, told: str) -> None:
    (line,) = problems(text)
    assert line.startswith(told)
    assert line.endswith("; mend this line, or the one before it")


def test_a_rule_that_is_not_called_one_is_pointed_at() -> None:
    empty, near = problems('\n[[rules]]\nname = "x"')
    assert empty.startswith("p.toml:1: this policy names nobody")
    assert near == ("p.toml:2: 'rules' is no key of a policy; did you mean rule?")


def test_all_problems_are_told_at_once_in_the_order_of_their_lines() -> None:
    told = problems(
        '[[rule]]\nname = "x"\nconections = []\napprove = [\n  "@a",\n  7,\n]\n'
        '[[rule]]\nname = "x"\nself_approval = 1\n'
    )
    assert [line.split(": ")[0] for line in told] == [
        *("p.toml:3", "p.toml:5", "p.toml:6", "p.toml:8", "p.toml:9", "p.toml:10")
    ]


def test_a_file_that_is_wrong_throughout_is_told_in_a_hundred_lines() -> None:
    told = problems("".join(f'[[rule]]\nname = "{n}"\napprove = [7, 8]\n' for n in range(99)))
    assert len(told) == 100
    assert "approve has 7 in it" in told[0]


@pytest.mark.parametrize("key", ["x` - at `$.y", "`", " - at `$.rule[0].name`", "rule[0]", "é", ""])
def test_a_key_is_told_whatever_it_is_called(key: str) -> None:
    told = problems(f"{LITTLE}'{key}' = 1\n")
    assert told == [f"p.toml:5: {key!r} is no key of rule; {MEND}"]


def test_a_key_that_reads_like_an_error_of_the_library_is_an_error_all_the_same() -> None:
    assert problems("'x` - at `$.rule[0].y' = 1")


MEND = (
    "there is name, connections, regions, channels, ask, approve, approvals, wide, protected, "
    "self_approval, break_glass, expiry_minutes, watch_minutes"
)

ANYTHING = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(
                st.text(max_size=3), st.sampled_from(["rule", "name", "wide", "ask", "ipv4"])
            ),
            inner,
            max_size=4,
        ),
    ),
)


@given(st.dictionaries(st.sampled_from(["rule", "rules"]), ANYTHING))
def test_whatever_stands_in_a_file_is_noted_or_fits(content: dict[str, object]) -> None:
    notes = Notes("p.toml", Lines(""))
    table = checked(content, notes)
    assert notes.problems or table == msgspec.convert(content, PolicyTable)


# --- the file itself -----------------------------------------------------------------------


def test_a_file_is_read_whatever_its_editor_makes_of_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LITTLE.replace("\n", "\r\n").encode())
    (rule,) = read(str(file), 600.0).rules
    assert (rule.name, rule.line) == ("any", 2)
    file.write_bytes(b"\r\n\r\n[[rule]]\r\nname = 7\r\n")
    with pytest.raises(SettingsError, match=r"policy\.toml:4: name is 7"):
        read(str(file), 600.0)


def test_a_file_that_can_not_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    wrong = tmp_path / "latin.toml"
    wrong.write_bytes(b'[[rule]]\nname = "caf\xe9"\n')
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * 2_000_000)
    told = {
        str(tmp_path / "none.toml"): "can't be read (No such file or directory)",
        str(tmp_path): "can't be read (Is a directory)",
        str(tmp_path / "a\0b"): "can't be read (embedded null byte)",
        str(large): "is too large for a policy",
        str(wrong): "2: is not UTF-8; save it in that encoding",
    }
    for path, words in told.items():
        with pytest.raises(SettingsError) as refused:
            read(path, 600.0)
        (line,) = refused.value.lines
        assert line.startswith(path)
        assert words in line


def test_a_file_is_read_again_and_a_bad_one_leaves_the_earlier_in_force(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(LITTLE)
    source = PolicySource.of(People(), str(file), 600.0)
    first = source.policy

    file.write_text(LITTLE + "approvals = 7\ncolour = 1\n")
    source.reload()
    assert source.policy is first
    assert [line.partition(": ")[0] for line in source.problems] == [f"{file}:5", f"{file}:6"]

    file.unlink()
    source.reload()
    assert source.policy is first
    assert "can't be read" in source.problems[0]

    file.write_text(LITTLE.replace("any", "other"))
    source.reload()
    assert (source.policy.rules[0].name, source.policy.expiry) == ("other", 600.0)
    assert source.problems == ()


def test_the_simple_form_has_no_file_to_be_read_again() -> None:
    source = PolicySource.of(People(users=("U0BOB",)), None, 600.0)
    first = source.policy
    source.reload()
    assert source.policy is first


# --- the setting that is its simple form -----------------------------------------------------


def test_approvers_are_read_from_the_setting() -> None:
    assert approvers(" U012AB, W9,S0NET ,U012AB,") == People(
        users=("U012AB", "W9"), groups=("S0NET",)
    )


@pytest.mark.parametrize("bad", ["@alice", "u012ab", "C012AB", "<@U012AB>", "U", "U1 U2", "Ü1"])
def test_a_bad_approver_is_named(bad: str) -> None:
    with pytest.raises(ValueError, match="is no ID") as wrong:
        approvers(f"U012AB,{bad}")
    assert repr(bad) in str(wrong.value)


@pytest.mark.parametrize("nothing", ["", " ", ",", " , ,"])
def test_no_approver_at_all_is_an_error(nothing: str) -> None:
    with pytest.raises(ValueError, match="names nobody"):
        approvers(nothing)


# --- in which line everything stands -----------------------------------------------------------

Path_ = tuple[str | int, ...]


def test_every_way_to_write_a_value_has_its_line() -> None:
    text = '''# [not] = "a key"
top = 1
"quoted # key" = 'x'
'literal' . "dot\\u0074ed" = 2

[a.b]  # ] [
one = [ # "
  "]",
  [1, 2], { x = [
    3 ] },
]
many = """
[c]
x = 1 \\""" still
""""
raw = \'\'\'
y = 2
\'\'\'\'\'
after = 1979-05-27 07:32:00
[[a.list]]
x = 1
[[a.list]]
[a.list.sub]
y.z = { deep = "}", deeper = { bottom = true } }
'''
    lines = Lines(text)
    assert {
        ("top",): 2,
        ("quoted # key",): 3,
        ("literal", "dotted"): 4,
        ("a",): 6,
        ("a", "b", "one"): 7,
        ("a", "b", "one", 0): 8,
        ("a", "b", "one", 1, 1): 9,
        ("a", "b", "one", 2, "x"): 9,
        ("a", "b", "one", 2, "x", 0): 10,
        ("a", "b", "many"): 12,
        ("a", "b", "raw"): 16,
        ("a", "b", "after"): 19,
        ("a", "list", 0): 20,
        ("a", "list", 0, "x"): 21,
        ("a", "list", 1): 22,
        ("a", "list", 1, "sub", "y", "z", "deeper", "bottom"): 24,
    }.items() <= {path: lines.of(path) for path in paths(tomllib.loads(text))}.items()


def test_what_is_not_there_has_the_line_of_what_is_around_it() -> None:
    lines = Lines('\n[[rule]]\nname = "x"\n')
    assert lines.of(("rule", 0, "approve")) == 2
    assert lines.of(("rule", 7)) == 2
    assert lines.of(("other",)) == 1


def paths(value: object, here: Path_ = ()) -> list[Path_]:
    """The ways to everything in parsed TOML."""
    if isinstance(value, dict):
        inner: list[tuple[str | int, object]] = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = [*enumerate(value)]
    else:
        return []
    found = [(*here, key) for key, _ in inner]
    return found + [p for key, item in inner for p in paths(item, (*here, key))]


NOISE = ["", "# [x] = '", "   ", '# """']
SCALARS = [
    *("1", "-3.5e2", "true", "inf", "0xff_ff", "1979-05-27T07:32:00Z", "07:32:00"),
    *('"a # b"', "'c ] d'", '"\\" }"', '""', "''", '"é\\u00e9"'),
    *('"""x\n\n[y]\n"""', "'''x\n'' = ]\n'''", '"""a"""""', '"""a\\\n  b"""', "'''z'''"),
]
VALUES = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: "[" + ", ".join(found) + "]"),
        st.lists(inner, max_size=3).map(lambda found: "[\n# ]\n" + ",\n\n".join(found) + "\n]"),
        st.lists(inner.filter(lambda text: "\n" not in text), max_size=2).map(
            lambda found: "{ " + ", ".join(f"k{n} = {v}" for n, v in enumerate(found)) + " }"
        ),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(st.sampled_from(NOISE), VALUES, st.integers(0, 3)), max_size=8))
def test_whatever_stands_around_it_a_key_has_its_own_line(
    parts: list[tuple[str, str, int]],
) -> None:
    text = ""
    expected: dict[Path_, int] = {}
    prefix: Path_ = ()
    of_list = 0
    for number, (noise, value, kind) in enumerate(parts):
        text += f"{noise}\n"
        line = text.count("\n") + 1
        if kind == 0:
            text += f"[t{number} . 'u']\n"
            prefix = (f"t{number}", "u")
            expected[prefix] = line
        elif kind == 1:
            text += "[[list]] # next\n"
            prefix = ("list", of_list)
            expected[prefix] = line
            of_list += 1
        line = text.count("\n") + 1
        text += f'key{number}."of it" = {value} # end\n'
        expected[*prefix, f"key{number}", "of it"] = line
    lines = Lines(text)
    parsed = tomllib.loads(text)
    assert {path: lines.of(path) for path in expected} == expected
    assert all(1 <= lines.of(path) <= text.count("\n") + 1 for path in paths(parsed))
    # Everything that the parser found was come by, so that none has another's line.
    assert all(path in lines for path in paths(parsed))


@given(st.text())
def test_the_walk_ends_whatever_the_text(text: str) -> None:
    try:
        tomllib.loads(text)
    except ValueError:
        return
    Lines(text)
