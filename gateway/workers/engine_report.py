"""EngineReport: the figures that vLLM publishes of its engine, read from its Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_CACHE_CONFIG = "vllm:cache_config_info"

_NAMES = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:num_preemptions",
    _CACHE_CONFIG,
    "vllm:prefix_cache_queries",
    "vllm:prefix_cache_hits",
)
"""Beginnings of the lines to parse. vLLM's whole text has hundreds of lines of histograms."""


@dataclass(frozen=True, slots=True)
class EngineReport:
    """Figures of a server, over all its engines. None: the server does not publish the figure."""

    running: int | None = None
    """Sequences that run."""
    waiting: int | None = None
    """Sequences that wait in the engine."""
    kv_usage: float | None = None
    """Part of the KV cache in use, 0 to 1, of the fullest engine."""
    kv_mean_usage: float | None = None
    """Part of the KV caches in use, 0 to 1, over all engines: data-parallel engines have caches of
    one size."""
    kv_tokens: int | None = None
    """Capacity of the KV caches in tokens."""
    preemptions: float | None = None
    """Preemptions since the server started."""
    kv_block: int | None = None
    """Tokens in one KV block."""
    prefix_queries: float | None = None
    """Prompt tokens that were looked up in the prefix cache since the server started."""
    prefix_hits: float | None = None
    """Prompt tokens that were found in the prefix cache since the server started."""


def parse_report(text: str) -> EngineReport:
    """The report in vLLM's Prometheus text; empty for the text of another server.

    Raises:
        ValueError: a line of vLLM's metrics is not Prometheus text.
    """
    values: dict[str, list[float]] = {}
    caches: list[Mapping[str, str]] = []
    for sample in _samples(text):
        if sample.name == _CACHE_CONFIG:
            caches.append(sample.labels)
        else:
            values.setdefault(sample.name, []).append(sample.value)

    def total(name: str) -> float | None:
        return sum(values[name]) if name in values else None

    running, waiting = total("vllm:num_requests_running"), total("vllm:num_requests_waiting")
    usages = values.get("vllm:kv_cache_usage_perc", [])
    blocks = [block for labels in caches if (block := _number(labels, "block_size"))]
    return EngineReport(
        running=None if running is None else int(running),
        waiting=None if waiting is None else int(waiting),
        kv_usage=max(usages, default=None),
        kv_mean_usage=sum(usages) / len(usages) if usages else None,
        kv_tokens=sum(map(_kv_tokens, caches)) or None,
        preemptions=total("vllm:num_preemptions_total"),
        kv_block=blocks[-1] if blocks else None,
        prefix_queries=total("vllm:prefix_cache_queries_total"),
        prefix_hits=total("vllm:prefix_cache_hits_total"),
    )


def _samples(text: str) -> Iterable[Sample]:
    lines = [line for line in text.splitlines() if line.startswith(_NAMES)]
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        yield from family.samples


def _kv_tokens(labels: Mapping[str, str]) -> int:
    """KV capacity from ``cache_config_info``. Its labels are strings and may be "None"."""
    tokens = _number(labels, "kv_cache_size_tokens")
    return tokens or _number(labels, "num_gpu_blocks") * _number(labels, "block_size")


def _number(labels: Mapping[str, str], name: str) -> int:
    value = labels.get(name, "")
    return int(value) if value.isdigit() else 0
