"""Exemplars lead from a bucket of latencies to a trace, where Prometheus asks for them."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import Gateway, chat, forced, gateway
from tests.gateway.tracing.test_traces import spans

__all__ = ["spans"]  # a fixture

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
"""What a Prometheus of version 2 sends as Accept."""

LATENCIES = ("queue_wait", "ttft", "tpot", "e2e", "normalised_latency")
TRACES: dict[str, Any] = {"traces": {"endpoint": "http://127.0.0.1:9"}}


async def ask(session: aiohttp.ClientSession, running: Gateway, **headers: str) -> None:
    body = chat(vllm_xargs=forced(5), stream=True)
    url = running.url + "/v1/chat/completions"
    async with session.post(url, json=body, headers=headers) as response:
        assert response.status == 200
        await response.read()


async def page(session: aiohttp.ClientSession, running: Gateway, accept: str) -> tuple[str, str]:
    """Content type and text of the page of metrics."""
    url = running.url + "/metrics"
    async with session.get(url, headers={"accept": accept} if accept else {}) as response:
        return response.headers["content-type"], await response.text()


async def test_each_latency_has_the_trace_of_a_request(
    spans: InMemorySpanExporter, emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with gateway(emulator.url, **TRACES) as running:
        await ask(session, running)
        await running.until_idle()
        content_type, text = await page(session, running, PROMETHEUS)
        plain_type, plain_text = await page(session, running, "")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    [root] = [span for span in spans.get_finished_spans() if span.parent is None]
    ids = {
        "trace_id": f"{root.context.trace_id:032x}",
        "span_id": f"{root.context.span_id:016x}",
    }
    found = {
        sample.name: sample.exemplar
        for family in openmetrics(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.exemplar is not None
    }
    assert found.keys() == {f"lengthwise_{name}_seconds_bucket" for name in LATENCIES}
    for exemplar in found.values():
        assert exemplar.labels == ids
        assert exemplar.value >= 0
    assert plain_type == "text/plain; version=0.0.4; charset=utf-8"
    assert ids["trace_id"] not in plain_text
    assert list(plain(plain_text))


@pytest.mark.parametrize("case", ["not sampled", "no traces", "not asked for"])
async def test_others_get_no_exemplar(
    spans: InMemorySpanExporter,
    emulator: EmbeddedEmulator,
    session: aiohttp.ClientSession,
    case: str,
) -> None:
    settings: dict[str, Any] = {} if case == "no traces" else TRACES
    accept = "text/plain" if case == "not asked for" else PROMETHEUS
    async with gateway(emulator.url, **settings) as running:
        unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        await ask(session, running, **({"traceparent": unsampled} if case == "not sampled" else {}))
        await running.until_idle()
        _, text = await page(session, running, accept)
    assert "trace_id" not in text
    assert "lengthwise_e2e_seconds_bucket" in text
