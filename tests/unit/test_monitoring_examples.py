"""The dashboard and the alert rules ask for what the bot really exports, and for nothing else."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.execution.rate_limit import CHANGES
from bot.metrics import REGISTRY
from bot.version import VERSION

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docs" / "monitoring"
RULES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())

_SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
}


def exported() -> dict[str, tuple[str, ...]]:
    """Each series that there is or may be, and the labels of its family."""
    names = {}
    for family in REGISTRY.collect():
        collector = REGISTRY._names_to_collectors.get(family.name)  # noqa: SLF001 - it has no other way
        labels = tuple(getattr(collector, "_labelnames", ()))
        for suffix in _SUFFIXES[family.type]:
            extra = ("le",) if suffix == "_bucket" else ()
            names[f"{family.name}{suffix}"] = (*labels, *extra)
    return names


def rules() -> Iterator[dict[str, Any]]:
    for group in RULES:
        yield from group["rules"]


def expressions() -> list[str]:
    panels = [
        target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])
    ]
    return [*panels, *(rule["expr"] for rule in rules())]


def series(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:vco_route|process|python)_\w+", expression))


def test_every_series_that_is_asked_for_is_exported() -> None:
    asked = set().union(*map(series, expressions()))
    assert asked - exported().keys() == set()


def test_every_label_that_is_asked_for_belongs_to_its_series() -> None:
    there = exported()
    for expression in expressions():
        known = {label for name in series(expression) for label in there[name]}
        by = re.findall(r"\b(?:by|on) \(([\w, ]+)\)", expression)
        chosen = re.findall(r"\{(\w+)[=!]", expression)
        asked = {label.strip() for some in by for label in some.split(",")} | set(chosen)
        assert asked <= known | {"instance", "job"}, expression


def test_every_family_of_ours_is_on_the_dashboard() -> None:
    shown = set().union(*(series(e) for e in expressions()))
    families = {f.name for f in REGISTRY.collect() if f.name.startswith("vco_route_")}
    missing = {f for f in families if not any(name.startswith(f) for name in shown)}
    assert missing == set()


def test_names_follow_the_conventions_of_prometheus() -> None:
    for family in REGISTRY.collect():
        if not family.name.startswith("vco_route_"):
            continue
        assert family.documentation
        assert re.fullmatch(r"[a-z0-9_]+", family.name)
        if family.type == "histogram":
            assert family.name.endswith("_seconds")


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "action"} <= rule["annotations"].keys()


_FRESH = """
from prometheus_client import generate_latest
from bot.metrics import REGISTRY
print(generate_latest(REGISTRY).decode())
"""


def test_what_an_alert_sees_increase_is_there_before_its_first_time() -> None:
    """A series that begins at 1 has not increased: the first alarm of a process would be missed."""
    # In a process of its own: other tests have counted in this one.
    fresh = subprocess.run(  # noqa: S603 - code of ours
        [sys.executable, "-c", _FRESH], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    code = "\n".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    counted = {
        "vco_route_alarms_total": {
            f'what="{one}"' for one in re.findall(r'ALARMS\.labels\("(\w+)"', code)
        },
        "vco_route_seals_broken_total": {
            f'kind="{one}"' for one in re.findall(r'SEALS_BROKEN\.labels\("(\w+)"', code)
        },
        "vco_route_cloud_calls_total": {
            f'action="{action}",result="{result}"'
            for action in {*CHANGES.values(), *re.findall(r'Call\(\s*action="(\w+)"', code)}
            for result in ("CredentialsRejected", "PermissionDenied", "Throttled")
        },
    }
    increasing = {name for rule in rules() for name in re.findall(r"increase\((\w+)", rule["expr"])}
    assert counted.keys() == increasing
    for name, labels in counted.items():
        assert labels <= set(re.findall(rf"^{name}\{{(.*)\}} 0\.0$", fresh, re.MULTILINE))


def promtool(*arguments: str) -> None:
    """Run it; its status is 0."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("there is no promtool on this machine")
    done = subprocess.run(  # noqa: S603 - a tool and a file of ours
        [found, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", str(MONITORING / "alerts.yml"))


def test_promtool_sees_the_first_alarm_of_a_process(tmp_path: Path) -> None:
    [rule] = [one for one in rules() if one["alert"] == "VcoRouteDataLost"]
    fired = {
        "exp_labels": {"what": "went_back", **rule["labels"]},
        "exp_annotations": rule["annotations"],
    }
    series = {"series": 'vco_route_alarms_total{what="went_back"}', "values": "0 0 1 1 1 1"}
    looked_at = {"eval_time": "2m", "alertname": rule["alert"], "exp_alerts": [fired]}
    story = {"interval": "30s", "input_series": [series], "alert_rule_test": [looked_at]}
    told = tmp_path / "alarm.json"  # JSON is YAML
    told.write_text(json.dumps({"rule_files": [str(MONITORING / "alerts.yml")], "tests": [story]}))
    promtool("test", "rules", str(told))


def test_the_build_tells_its_version() -> None:
    [family] = [f for f in REGISTRY.collect() if f.name == "vco_route_build_info"]
    assert [sample.labels["version"] for sample in family.samples] == [VERSION]
