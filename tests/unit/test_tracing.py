"""Traces are made where the standard variables ask for them, and nothing is imported otherwise."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot import tracing
from bot.service.tracing import wanted

ROOT = Path(__file__).parents[2]
HERE = "http://127.0.0.1:4318"

WITHOUT = """
import sys
import bot.cli.main, bot.service.run
from bot.service.tracing import exporting
with exporting({}):
    ours = ("bot.service.tracing_export", "opentelemetry.exporter", "opentelemetry.sdk.trace")
    print([name for name in sys.modules if name.startswith(ours)])
"""


def test_without_the_variables_nothing_of_opentelemetry_is_imported() -> None:
    """But what redis-py takes up by itself, its API of metrics, where that is installed."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("env", "asked"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "bot"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{HERE}/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": HERE}, False),
    ],
)
def test_traces_are_wanted_where_the_variables_say_where_they_go(
    env: dict[str, str], *, asked: bool
) -> None:
    assert wanted(env) is asked


def test_where_nobody_wants_spans_none_are_made() -> None:
    assert tracing.span("redis GET") is tracing.span("slack auth.test", rpc_method="auth.test")
    with tracing.step("step run", "r-1"), tracing.delivery("inbox", "r-1"):
        tracing.request("r-1", 1.0, 2.0, "deleted")


def test_an_error_passes_through_where_there_are_no_spans() -> None:
    def failing() -> None:
        with tracing.span("redis GET"):
            raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        failing()
