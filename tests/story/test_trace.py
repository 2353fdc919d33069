"""One trace for a request, from the command to the proof, sent to where OTEL_* says."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from stage import DELETE, Stage, request_id

PROTO = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
export = pytest.importorskip("bot.service.tracing_export")

REASON = "leaking prod prefix"


@dataclass
class Collector:
    """Takes spans as a collector does."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    service: str = ""

    async def take(self, request: web.Request) -> web.Response:
        found = PROTO.ExportTraceServiceRequest.FromString(await request.read())
        for resource in found.resource_spans:
            named = {a.key: a.value.string_value for a in resource.resource.attributes}
            self.service = named["service.name"]
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(body=PROTO.ExportTraceServiceResponse().SerializeToString())

    def of(self, trace: bytes) -> list[Any]:
        return [span for span in self.spans if span.trace_id == trace]


@pytest_asyncio.fixture
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    app = web.Application(client_max_size=2**25)
    app.router.add_post("/v1/traces", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture
async def traced(hurried: Stage, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    await hurried.start_bot()
    return hurried


def named(spans: list[Any], name: str) -> list[Any]:
    return [span for span in spans if span.name == name]


async def test_a_request_is_one_trace_from_the_command_to_the_proof(
    traced: Stage, collector: Collector
) -> None:
    card = await traced.ask(
        f'delete {traced.route.vpn_connection_id} {traced.route.route_dest} --reason "{REASON}"'
    )
    await traced.approve(card)
    await traced.until_deleted(card)
    await traced.stop_bots()
    trace, whole = (
        number.to_bytes(size)
        for number, size in zip(export.context_of(request_id(card)), (16, 8), strict=True)
    )
    ours = collector.of(trace)
    [root] = named(ours, "request")
    assert root.span_id == whole
    assert {a.key: a.value.string_value for a in root.attributes} == {
        "vco.request": request_id(card),
        "vco.state": "deleted",
    }
    # The command, the click, the steps; and in them the calls.
    assert named(ours, "inbox CommandGiven")
    [click] = named(ours, "inbox DecisionClicked")
    assert click.parent_span_id == whole
    steps = named(ours, "step run")
    assert steps
    assert all(step.parent_span_id == whole for step in steps)
    assert len(named(ours, f"alibaba {DELETE}")) == 1
    assert named(ours, f"alibaba {DELETE}")[0].parent_span_id in {s.span_id for s in steps}
    for name in ("slack chat.postMessage", "slack chat.update", "redis EVALSHA"):
        assert named(ours, name), name
    assert collector.service == "vco-route-bot"


async def test_what_follows_an_end_is_linked_to_it_and_no_part_of_it(
    traced: Stage, collector: Collector
) -> None:
    card = await traced.approved(traced.route)
    await traced.until_deleted(card)
    await traced.stop_bots()
    trace = export.context_of(request_id(card))[0].to_bytes(16)
    followed = named(collector.spans, "step follow")
    assert followed
    assert all(span.trace_id != trace for span in followed)
    assert trace in {link.trace_id for span in followed for link in span.links}


async def test_no_span_bears_what_people_typed(traced: Stage, collector: Collector) -> None:
    route = traced.route
    card = await traced.ask(
        f'delete {route.vpn_connection_id} {route.route_dest} --reason "{REASON}"'
    )
    await traced.reject(card, "not on a friday")
    await traced.until_ended(card)
    await traced.stop_bots()
    assert named(collector.spans, "request")
    everything = "".join(map(str, collector.spans))
    for words in (REASON, "friday", route.route_dest, route.vpn_connection_id):
        assert words not in everything


async def test_without_a_collector_the_bot_works_and_stops_in_time(
    hurried: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    await hurried.start_bot()
    await hurried.until_deleted(await hurried.approved(hurried.route))
    await hurried.stop_bots()
