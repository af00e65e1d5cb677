"""The engine's own numbers, read from vLLM's Prometheus text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True, slots=True)
class EngineReport:
    """The engine's own numbers, from ``/metrics``. None: the server does not say."""

    running: int | None = None
    waiting: int | None = None
    kv_usage: float | None = None
    kv_tokens: int | None = None
    preemptions: float | None = None
    kv_block: int | None = None
    prefix_queries: float | None = None
    prefix_hits: float | None = None


_NAMES = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:kv_cache_usage_perc",
    "vllm:num_preemptions",
    "vllm:cache_config_info",
    "vllm:prefix_cache_queries",
    "vllm:prefix_cache_hits",
)


def parse_report(text: str) -> EngineReport:
    """The few numbers a gateway needs of vLLM's Prometheus text, over all its engines."""
    # The full text has hundreds of histogram lines: parse only what is read.
    wanted = "\n".join(line for line in text.splitlines() if line.startswith(_NAMES)) + "\n"
    values: dict[str, list[float]] = {}
    capacity: list[int] = []
    block: int | None = None
    for family in text_string_to_metric_families(wanted):
        for sample in family.samples:
            if sample.name == "vllm:cache_config_info":
                capacity.append(_kv_tokens(sample.labels))
                block = _number(sample.labels, "block_size") or block
            else:
                values.setdefault(sample.name, []).append(sample.value)

    def total(name: str) -> float | None:
        return sum(values[name]) if name in values else None

    running, waiting = total("vllm:num_requests_running"), total("vllm:num_requests_waiting")
    return EngineReport(
        running=None if running is None else int(running),
        waiting=None if waiting is None else int(waiting),
        kv_usage=max(values.get("vllm:kv_cache_usage_perc", ()), default=None),
        kv_tokens=sum(capacity) or None,
        preemptions=total("vllm:num_preemptions_total"),
        kv_block=block,
        prefix_queries=total("vllm:prefix_cache_queries_total"),
        prefix_hits=total("vllm:prefix_cache_hits_total"),
    )


def _kv_tokens(labels: Mapping[str, str]) -> int:
    """KV capacity from ``cache_config_info``, whose labels are strings and may be "None"."""
    whole = _number(labels, "kv_cache_size_tokens")
    return whole or _number(labels, "num_gpu_blocks") * _number(labels, "block_size")


def _number(labels: Mapping[str, str], name: str) -> int:
    value = labels.get(name, "")
    return int(value) if value.isdigit() else 0
