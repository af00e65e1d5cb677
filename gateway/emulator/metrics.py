"""The emulated worker's metrics, under vLLM's names."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.emulator.worker import EmulatedWorker

FINISH_REASONS = ("stop", "length", "abort", "error", "repetition")
"""vLLM's finish reasons; the emulator counts only the first two."""


class WorkerMetrics:
    """A Prometheus collector that reads the worker's state at each scrape."""

    def __init__(self, worker: EmulatedWorker, model: str) -> None:
        self._worker = worker
        self._labels = {"model_name": model, "engine": "0"}

    def collect(self) -> Iterable[Metric]:
        """All metrics; the interface of a collector."""
        engine = self._worker.engine
        yield self._gauge("num_requests_running", "Requests in model execution.", engine.running)
        yield self._gauge("num_requests_waiting", "Requests waiting.", engine.waiting)
        yield self._gauge("kv_cache_usage_perc", "1 means 100 percent.", engine.kv_usage)
        yield self._counter("num_preemptions", "Preemptions.", engine.preemptions)
        yield self._counter("prompt_tokens", "Prefill tokens.", engine.prompt_tokens)
        yield self._counter("generation_tokens", "Tokens.", engine.generated_tokens)
        yield self._finished()
        yield self._cache_config()

    def _cache_config(self) -> Metric:
        config = self._worker.engine.config
        blocks = config.num_blocks + 1  # vLLM counts the block that it keeps for itself
        labels = {
            "engine": "0",
            "block_size": str(config.block_size),
            "num_gpu_blocks": str(blocks),
            "kv_cache_size_tokens": str(blocks * config.block_size),
            "enable_prefix_caching": "False",
            "sliding_window": "None",
        }
        family = GaugeMetricFamily("vllm:cache_config_info", "CacheConfig.", labels=[*labels])
        family.add_metric([*labels.values()], 1)
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"vllm:{name}", text, labels=[*self._labels])
        family.add_metric([*self._labels.values()], value)
        return family

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"vllm:{name}", text, labels=[*self._labels])
        family.add_metric([*self._labels.values()], value)
        return family

    def _finished(self) -> Metric:
        family = CounterMetricFamily(
            "vllm:request_success", "Finished requests.", labels=[*self._labels, "finished_reason"]
        )
        for reason in FINISH_REASONS:
            finished = self._worker.finished[reason]
            family.add_metric([*self._labels.values(), reason], finished)
        return family
