"""Spans of what is done for a request, where somebody wants them; otherwise nothing at all.

A request is one trace, from the command to the proof, whichever replica does what. The trace's id
follows from the request's, so nothing is stored for it. Spans bear names of methods and ids, never
what people typed, nor what anything is called.

`bot.service.tracing_export` sends them out, and is the only one to know OpenTelemetry. As long as
nobody has called `use`, a span costs a look at a variable.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

Attributes = Mapping[str, str]


class Tracer(Protocol):
    """What makes spans."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[object]:
        """A call of somebody else, in the span that we are in; nothing outside of one."""
        ...

    def step(self, name: str, request_id: str, *, apart: bool) -> AbstractContextManager[object]:
        """A step of a request, in its trace; `apart`: in a trace of its own that links to it."""
        ...

    def delivery(self, name: str, request_id: str) -> AbstractContextManager[object]:
        """What came from Slack and may become a request, in the trace that this would have."""
        ...

    def request(self, request_id: str, began: float, ended: float, state: str) -> None:
        """A request has ended: the span in which all of its steps are."""
        ...


class _Held:
    """The tracer that is used, if any."""

    tracer: Tracer | None = None


_NOTHING: AbstractContextManager[object] = nullcontext()


def use(tracer: Tracer | None) -> None:
    """Make spans with `tracer` from now on; None: make none."""
    _Held.tracer = tracer


def span(name: str, **attributes: str) -> AbstractContextManager[object]:
    """A call of Slack, Alibaba Cloud or Redis; `rpc_method` stands for `rpc.method`."""
    if _Held.tracer is None:
        return _NOTHING
    named = {key.replace("_", "."): value for key, value in attributes.items()}
    return _Held.tracer.span(name, named)


def step(name: str, request_id: str, *, apart: bool = False) -> AbstractContextManager[object]:
    """A step of a request."""
    if _Held.tracer is None:
        return _NOTHING
    return _Held.tracer.step(name, request_id, apart=apart)


def delivery(name: str, request_id: str) -> AbstractContextManager[object]:
    """A command or a form that becomes the request `request_id`, if it becomes one."""
    return _NOTHING if _Held.tracer is None else _Held.tracer.delivery(name, request_id)


def request(request_id: str, began: float, ended: float, state: str) -> None:
    """A request has ended."""
    if _Held.tracer is not None:
        _Held.tracer.request(request_id, began, ended, state)
