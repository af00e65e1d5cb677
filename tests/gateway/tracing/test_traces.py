"""Traces of requests, at an exporter in the process."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import aiohttp
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import app as application
from gateway.config.errors import ConfigError
from gateway.config.traces import TraceSettings
from gateway.emulator import EmbeddedEmulator
from gateway.tracing import quiet_log
from gateway.tracing.opening import open_traces
from gateway.tracing.traces import Traces
from tests.gateway.harness import chat, forced, gateway
from tests.gateway.scripted import ANSWER, Script, answer, scripted

CANARY = "canary-4711"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The spans of all gateways that the test starts."""
    exporter = InMemorySpanExporter()

    def opened(settings: TraceSettings) -> Traces:
        return Traces(settings, exporter, SimpleSpanProcessor)

    monkeypatch.setattr(application, "open_traces", opened)
    return exporter


def writing(data: bytes) -> Script:
    """A worker that answers so."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(data)

    return script


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_request_is_a_trace_of_its_steps(
    spans: InMemorySpanExporter, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url) as running:
        body = chat(vllm_xargs=forced(20), stream=True, user=CANARY)
        body["messages"][0]["content"] = CANARY
        headers = {"authorization": f"Bearer {CANARY}", "cookie": CANARY}
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=body, headers=headers) as response:
            await response.read()
    found = {span.name: span for span in spans.get_finished_spans()}
    assert found.keys() == {"chat emulated", "receive", "forecast", "queue", "attempt", "stream"}
    root = found.pop("chat emulated")
    assert root.parent is None
    assert root.start_time
    assert root.end_time
    for span in found.values():
        assert span.parent is not None
        assert span.parent.span_id == root.context.span_id
        assert span.start_time is not None
        assert root.start_time <= span.start_time <= (span.end_time or 0) <= root.end_time
    told = attributes(root)
    assert told["gen_ai.usage.output_tokens"] == 20
    assert told["gen_ai.request.model"] == "emulated"
    assert told["lengthwise.outcome"] == "ok"
    assert told["lengthwise.worker"] == emulator.url
    assert all(CANARY not in span.to_json() for span in spans.get_finished_spans())


async def test_no_step_ends_after_its_request() -> None:
    spans, loop = InMemorySpanExporter(), asyncio.get_running_loop()
    traces = Traces(TraceSettings(), spans, SimpleSpanProcessor)
    for _ in range(500):  # in some a millisecond, the unit of uvloop's clock, ends
        begun = loop.time()
        traces.begin({}, begun).ended("chat", {}, [("receive", begun, loop.time())])
    found = spans.get_finished_spans()
    for step, root in zip(found[::2], found[1::2], strict=True):
        assert step.start_time is not None
        assert root.start_time is not None
        assert root.start_time <= step.start_time <= (step.end_time or 0) <= (root.end_time or 0)


async def test_an_attempt_that_outlives_its_request_ends_with_it_in_the_trace() -> None:
    spans = InMemorySpanExporter()
    trace = Traces(TraceSettings(), spans, SimpleSpanProcessor).begin({}, 0.0)
    with trace.attempt({}):
        trace.ended("chat", {}, [])
    attempt, root = spans.get_finished_spans()
    assert attempt.start_time is not None
    assert attempt.start_time <= (attempt.end_time or 0) == root.end_time


async def test_the_clients_trace_goes_on_through_the_gateway_to_the_worker(
    spans: InMemorySpanExporter, session: aiohttp.ClientSession
) -> None:
    async with scripted(writing(answer(ANSWER))) as worker, gateway(worker.url) as running:
        headers = {"traceparent": PARENT, "tracestate": "a=1"}
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(), headers=headers) as response:
            assert response.status == 200
        seen = worker.requests[-1].decode().lower()
    _, trace, parent, _ = PARENT.split("-")
    attempt = next(span for span in spans.get_finished_spans() if span.name == "attempt")
    assert f"traceparent: 00-{trace}-{attempt.context.span_id:016x}-01\r\n" in seen
    assert seen.count("traceparent") == seen.count("tracestate: a=1") == 1
    root = next(span for span in spans.get_finished_spans() if span.name == "chat emulated")
    assert root.parent is not None
    assert f"{root.parent.span_id:016x}" == parent


async def test_a_failed_request_names_its_outcome_and_each_attempt(
    spans: InMemorySpanExporter, session: aiohttp.ClientSession
) -> None:
    reset = writing(b"")
    async with (
        scripted(reset) as one,
        scripted(reset) as other,
        gateway(one.url, other.url) as running,
    ):
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat()) as response:
            code = (await response.json())["error"]["code"]
    names = Counter(span.name for span in spans.get_finished_spans())
    assert names["attempt"] >= 2
    root = next(span for span in spans.get_finished_spans() if span.parent is None)
    assert attributes(root)["error.type"] == attributes(root)["lengthwise.outcome"] == code
    assert not root.status.is_ok


async def test_a_collector_that_is_down_costs_a_line_and_no_request(
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setattr(quiet_log.Retold, "_last", -quiet_log.REPEAT_S)
    monkeypatch.setattr(logging.getLogger("opentelemetry"), "handlers", [])  # of other tests
    async with gateway(emulator.url, traces={"endpoint": "http://127.0.0.1:9"}) as running:
        for _ in range(3):
            body = chat(vllm_xargs=forced(3))
            async with session.post(running.url + "/v1/chat/completions", json=body) as response:
                assert response.status == 200
    ours = [record for record in caplog.records if record.name == "lengthwise"]
    told = [record for record in ours if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert "traces are lost" in told[0].getMessage()
    assert told[0].exc_info is None
    assert not logging.getLogger("opentelemetry").propagate


@pytest.mark.parametrize(("value", "off"), [("true", True), (" True ", True), ("false", False)])
async def test_opentelemetrys_own_switch_counts(
    monkeypatch: pytest.MonkeyPatch, value: str, off: bool
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", value)
    traces = open_traces(TraceSettings.model_validate({"endpoint": "http://127.0.0.1:9"}))
    assert (traces is None) == off
    if traces is not None:
        traces.close()


def test_without_opentelemetry_the_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "gateway.tracing.traces", None)
    settings = TraceSettings.model_validate({"endpoint": "http://127.0.0.1:4318"})
    with pytest.raises(ConfigError, match=r"pip install '.\[traces\]'"):
        open_traces(settings)
    assert open_traces(TraceSettings()) is None
