"""Spans for OpenTelemetry: the one module that imports it, and only where OTEL_* variables ask.

Where they go, how many are taken, and how they are named is said by the standard variables, which
the libraries read by themselves: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME and so on.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from bot.tracing import Attributes
from bot.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.id_generator import IdGenerator

NAME = "vco-route-bot"
_NANOSECONDS = 1_000_000_000


def context_of(request_id: str) -> tuple[int, int]:
    """The ids of a request's trace and of the span that is the whole request."""
    digest = hashlib.sha256(f"trace {request_id}".encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


class _Ids:
    """Random ids, but where a span is to have certain ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.trace: ContextVar[int] = ContextVar("trace", default=0)
        self.span: ContextVar[int] = ContextVar("span", default=0)

    def generate_trace_id(self) -> int:
        return self.trace.get() or int(self._random.generate_trace_id())

    def generate_span_id(self) -> int:
        return self.span.get() or int(self._random.generate_span_id())

    def is_trace_id_random(self) -> bool:
        return False


class OpenTelemetry:
    """Makes spans, and sends them where the environment says."""

    def __init__(self, processor: SpanProcessor | None = None) -> None:
        """Hand spans to `processor`; None: to the exporter that the environment describes."""
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=Resource.create(_resource()),
            id_generator=cast("IdGenerator", self._ids),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(NAME, VERSION)

    @contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[None]:
        """A call of somebody else, in the span that we are in; nothing outside of one."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        made = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=dict(attributes))
        with _inside(made):
            yield

    @contextmanager
    def step(self, name: str, request_id: str, *, apart: bool) -> Iterator[None]:
        """A step of a request, in its trace; `apart`: in a trace of its own that links to it."""
        whole = self._whole(request_id)
        within = Context() if apart else trace.set_span_in_context(NonRecordingSpan(whole))
        made = self._tracer.start_span(
            name,
            context=within,
            kind=SpanKind.CONSUMER,
            attributes={"vco.request": request_id},
            links=[Link(whole)] if apart else [],
        )
        with _inside(made):
            yield

    @contextmanager
    def delivery(self, name: str, request_id: str) -> Iterator[None]:
        """What came from Slack and may become a request, in the trace that this would have."""
        made = self._root(name, context_of(request_id)[0], 0, kind=SpanKind.CONSUMER)
        with _inside(made):
            yield

    def request(self, request_id: str, began: float, ended: float, state: str) -> None:
        """A request has ended: the span in which all of its steps are."""
        made = self._root("request", *context_of(request_id), began=began)
        made.set_attributes({"vco.request": request_id, "vco.state": state})
        made.end(int(ended * _NANOSECONDS))

    def close(self) -> None:
        """Send what is left; it may take as long as the exporter's time-out."""
        self._provider.shutdown()

    def _whole(self, request_id: str) -> SpanContext:
        trace_id, span_id = context_of(request_id)
        # Whether a trace is taken is for the sampler to say, of all its spans alike.
        taken = self._provider.sampler.should_sample(None, trace_id, "request").decision
        flags = TraceFlags(
            TraceFlags.SAMPLED if taken is Decision.RECORD_AND_SAMPLE else TraceFlags.DEFAULT
        )
        return SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)

    def _root(
        self,
        name: str,
        trace_id: int,
        span_id: int,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        began: float | None = None,
    ) -> Span:
        tokens = self._ids.trace.set(trace_id), self._ids.span.set(span_id)
        try:
            start = None if began is None else int(began * _NANOSECONDS)
            return self._tracer.start_span(name, context=Context(), kind=kind, start_time=start)
        finally:
            self._ids.trace.reset(tokens[0])
            self._ids.span.reset(tokens[1])


@contextmanager
def _inside(made: Span) -> Iterator[None]:
    """Be in a span until it ends. Of an error its type is told: a text can name anything."""
    with trace.use_span(
        made, end_on_exit=True, record_exception=False, set_status_on_exception=False
    ):
        try:
            yield
        except BaseException as error:
            made.set_status(Status(StatusCode.ERROR))
            made.set_attribute("error.type", type(error).__name__)
            raise


def _resource() -> dict[str, str]:
    named = "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    ours = {} if named or os.environ.get("OTEL_SERVICE_NAME") else {"service.name": NAME}
    return {"service.version": VERSION, **ours}
