"""The examples of deployment name what the bot really has: settings, paths, ports, a user."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
README = (ROOT / "README.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()

Document = dict[str, Any]


def documents(path: Path) -> list[Document]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def compose() -> Document:
    [found] = documents(DEPLOY / "compose" / "compose.yml")
    return found


def deployment() -> Document:
    [found] = documents(KUBERNETES / "deployment.yaml")
    return found


def settings_in(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([A-Z_]+)=(.*)$", path.read_text(), re.MULTILINE)
    return dict(lines)


def test_the_example_of_settings_is_complete_and_each_is_in_the_readme() -> None:
    given = settings_in(DEPLOY / "compose" / "bot.env.example")
    given |= compose()["services"]["bot"]["environment"]
    assert all(f"`{name}`" in README for name in given)
    # What is to be filled in has the form that it is to have.
    settings = Settings.from_env(given)
    assert settings.socket_mode
    assert settings.warnings == ()


def test_compose_keeps_every_write_and_evicts_nothing() -> None:
    command = compose()["services"]["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"
    assert compose()["services"]["valkey"]["volumes"] == ["valkey:/data"]


def test_compose_shows_nothing_to_the_world_and_lets_a_stop_finish() -> None:
    bot = compose()["services"]["bot"]
    assert all(port.startswith("127.0.0.1:") for port in bot["ports"])
    assert "ports" not in compose()["services"]["valkey"]
    assert compose()["networks"]["inside"] == {"internal": True}
    assert int(bot["stop_grace_period"].removesuffix("s")) > 10
    assert bot["restart"] == "always"


@pytest.mark.parametrize("service", ["bot", "valkey"])
def test_a_container_of_compose_can_write_nowhere_and_gains_no_rights(service: str) -> None:
    found = compose()["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]


def test_the_pod_runs_as_the_images_user_with_no_rights() -> None:
    pod = deployment()["spec"]["template"]["spec"]
    [container] = pod["containers"]
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user is not None
    security = pod["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == tuple(map(int, user.groups()))
    assert security["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] > 10


def test_probes_ask_what_the_bot_answers() -> None:
    [container] = deployment()["spec"]["template"]["spec"]["containers"]
    [port] = container["ports"]
    assert f"PORT={port['containerPort']}" in DOCKERFILE
    probes = {name: one["httpGet"] for name, one in container.items() if name.endswith("Probe")}
    assert {name: get["port"] for name, get in probes.items()} == dict.fromkeys(probes, "http")
    # A Redis or a Slack that is away must not have the bot killed.
    assert probes["livenessProbe"]["path"] == probes["startupProbe"]["path"] == "/healthz"
    assert probes["readinessProbe"]["path"] == "/readyz"


def selectors() -> Iterator[tuple[str, Document]]:
    for path in KUBERNETES.glob("*.yaml"):
        for one in documents(path):
            spec = one.get("spec", {})
            selector = spec.get("selector") or spec.get("podSelector")
            if selector:
                yield path.name, selector.get("matchLabels", selector)


def test_everything_selects_the_bots_own_pods() -> None:
    labels = deployment()["spec"]["template"]["metadata"]["labels"]
    found = dict(selectors())
    assert set(found) == {
        *("deployment.yaml", "service.yaml", "disruption-budget.yaml"),
        *("network-policy.yaml", "service-monitor.yaml"),
    }
    assert all(selector == labels for selector in found.values())


def test_two_replicas_survive_a_node_that_is_drained() -> None:
    spec = deployment()["spec"]
    [budget] = documents(KUBERNETES / "disruption-budget.yaml")
    assert spec["replicas"] > budget["spec"]["minAvailable"] >= 1
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_kustomize_has_every_file_but_what_needs_an_operator() -> None:
    [kustomization] = documents(KUBERNETES / "kustomization.yaml")
    there = {path.name for path in KUBERNETES.glob("*.yaml")}
    assert {*kustomization["resources"]} == there - {"kustomization.yaml", "service-monitor.yaml"}


def test_an_image_compiles_nothing_at_a_start_whatever_became_of_its_files_times(
    tmp_path: Path,
) -> None:
    [arguments] = re.findall(r"python -m compileall (.*)$", DOCKERFILE, re.MULTILINE)
    [*options, libraries, ours] = arguments.split()
    assert (libraries, ours) == ("/venv/lib", "/app/bot")
    source = tmp_path / "part.py"
    source.write_text("print('as it was compiled')")
    subprocess.run([sys.executable, "-m", "compileall", *options, tmp_path], check=True)  # noqa: S603
    source.write_text("print('compiled anew')")
    os.utime(source, (1, 1))
    started = [sys.executable, "-c", "import part"]
    done = subprocess.run(started, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "as it was compiled\n"
