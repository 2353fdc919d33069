"""The tests that are named on pages, for a guarantee or for a threat, exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
README = (TESTS / "README.md").read_text("utf-8")
SECURITY = (TESTS.parent / ".github" / "SECURITY.md").read_text("utf-8")


@pytest.mark.parametrize("page", [README, SECURITY], ids=["guarantees", "threats"])
def test_the_tests_named_on_a_page_exist(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", page)
    assert named
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (TESTS / file).is_file() or f"def {name}(" not in (TESTS / file).read_text("utf-8")
    ]
    assert missing == []


def test_each_guarantee_has_tests() -> None:
    _, *guarantees = re.split(r"^\*\*(?=G\d )", README, flags=re.MULTILINE)
    held = {text[:2]: text.count("::test_") for text in guarantees}
    assert sorted(held) == [f"G{number}" for number in range(1, 10)]
    assert min(held.values()) > 1


def test_each_folder_of_tests_is_explained() -> None:
    folders = {path.parent.name for path in TESTS.glob("*/test_*.py")}
    explained = set(re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE))
    assert folders <= explained
