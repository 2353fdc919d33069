"""A release says which version it is, what is new in it, and has all that was promised."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.version import VERSION

ROOT = Path(__file__).parents[2]
CHANGELOG = (ROOT / ".github" / "CHANGELOG.md").read_text()
WORKFLOW: dict[Any, Any] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "release.yml").read_text()
)
SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def test_the_code_the_package_and_the_changelog_name_one_version() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    released = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", CHANGELOG, re.MULTILINE)
    assert SEMANTIC.fullmatch(VERSION)
    assert package["version"] == VERSION == released[0]


def test_versions_of_the_changelog_are_semantic_and_fall() -> None:
    sections = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)
    named = [one.split()[0] for one in sections if one != "Unreleased"]
    numbers = [tuple(map(int, one.split("."))) for one in named]
    assert all(SEMANTIC.fullmatch(one) for one in named)
    assert numbers == sorted(numbers, reverse=True)


def test_nothing_is_released_whose_checks_fail() -> None:
    assert WORKFLOW["jobs"]["release"]["needs"] == "check"
    assert {"run": ".ci/run"} in WORKFLOW["jobs"]["check"]["steps"]


def test_a_release_has_a_wheel_an_image_a_bill_of_materials_and_checksums() -> None:
    steps = " ".join(step.get("run", "") for step in WORKFLOW["jobs"]["release"]["steps"])
    assert "IMAGE=yes .ci/release" in steps
    for part in ("dist/*.whl", "dist/*.tar.gz", "dist/*.json", "dist/SHA256SUMS"):
        assert part in steps
    made = (ROOT / ".ci" / "release").read_text()
    for part in ("pip wheel", "docker save", "cyclonedx-py", "sha256sum"):
        assert part in made


def test_every_action_is_given_no_more_rights_than_it_needs() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in WORKFLOW["jobs"]["check"]
    assert WORKFLOW["jobs"]["release"]["permissions"] == {"contents": "write"}


WEAK = {"name": "one", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        ([WEAK], 1, "one 1.0: CVE-1, mended in 1.1"),
        ([{"name": "one", "version": "1.0", "vulns": []}], 0, "0 of 1"),
        ([{"name": "one", "skip_reason": "not there"}], 0, "nothing is known of 1 packages: one"),
    ],
)
def test_only_a_weakness_that_is_known_fails_the_audit(
    capsys: pytest.CaptureFixture[str], packages: list[object], status: int, words: str
) -> None:
    judged = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["judged"]
    assert judged({"dependencies": packages}) == status
    assert words in capsys.readouterr().out


def test_an_audit_that_can_not_be_made_fails_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a network pip-audit writes no report."""
    script = runpy.run_path(str(ROOT / ".ci" / "audit.py"))
    main = script["main"]
    main.__globals__["_tool"] = lambda: ["false"]
    assert main([]) == 0
    assert "could not be asked for" in capsys.readouterr().out
