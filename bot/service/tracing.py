"""Tracing: on where the standard OTEL_* variables ask for it, see `bot.tracing`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from bot import tracing
from bot.execution.worker import Handler
from bot.store import Claim

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def wanted(env: Mapping[str, str]) -> bool:
    """Whether the environment says where spans go, and does not say that none are wanted."""
    if env.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    named = any(env.get(name, "").strip() for name in ENDPOINTS)
    return exporter == "otlp" or (named and exporter in ("", "otlp"))


@contextmanager
def exporting(env: Mapping[str, str]) -> Iterator[None]:
    """Make spans in here where `env` asks for them."""
    if not wanted(env):
        yield
        return
    try:
        # Only where it is asked for: it is an extra, and costs memory and time at the start.
        from bot.service.tracing_export import OpenTelemetry  # noqa: PLC0415
    except ImportError:
        log.warning("tracing_off", problem="OTEL_… asks for it, and the extra is not installed")
        yield
        return
    exporter = OpenTelemetry()
    tracing.use(exporter)
    log.info("tracing_on")
    try:
        yield
    finally:
        tracing.use(None)
        exporter.close()


class Traced:
    """A handler whose steps are spans of the request that they are about."""

    def __init__(self, kind: str, handler: Handler, *, apart: bool = False) -> None:
        """`apart`: each step is a trace of its own that links to the request's.

        What is done after its end, for hours or days, would make a trace that never ends.
        """
        self._name = f"step {kind}"
        self._handler = handler
        self._apart = apart

    async def step(self, claim: Claim) -> float | None:
        """Do one step, in a span."""
        with tracing.step(self._name, claim.id, apart=self._apart):
            return await self._handler.step(claim)

    async def give_up(self, claim: Claim) -> float | None:
        """Settle it, in a span."""
        with tracing.step(self._name, claim.id, apart=self._apart):
            return await self._handler.give_up(claim)

    async def lost(self, claim: Claim) -> None:
        """Hand on that somebody took over."""
        await self._handler.lost(claim)
