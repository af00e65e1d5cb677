"""Live metrics: gauges of queue, tenants, workers and engines, read at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.metrics import NO_MODEL
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.tenants import Tenancy
from gateway.workers.fleet import Fleet


class LiveState(Collector):
    """Queue and workers, read at the moment of the scrape: gauges that cannot drift."""

    def __init__(self, dispatcher: Dispatcher, fleet: Fleet, tenancy: Tenancy) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._tenancy = tenancy

    def describe(self) -> list[Metric]:
        """Nothing before there is a worker: names are checked at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges. What a worker has not said, or cannot say now, is left out."""
        yield from self._queue()
        yield from self._tenants()
        yield from self._workers()
        yield from self._engines()

    def _queue(self) -> Iterator[Metric]:
        length = GaugeMetricFamily(
            "lengthwise_queue_length", "Requests that wait in the gateway", labels=["model"]
        )
        oldest = GaugeMetricFamily(
            "lengthwise_queue_oldest_wait_seconds",
            "How long the request that waits longest has waited",
            labels=["model"],
        )
        scheduler, now = self._dispatcher.scheduler, monotonic()  # the event loop's clock
        waiting, arrivals = scheduler.waiting_by_model(), scheduler.oldest_arrivals()
        for model in {**self._fleet.models(), **waiting}:
            length.add_metric([model or NO_MODEL], waiting.get(model, 0))
            oldest.add_metric([model or NO_MODEL], now - arrivals.get(model, now))
        yield from (length, oldest)

    def _tenants(self) -> Iterator[Metric]:
        if not self._tenancy.fair:
            return
        waiting = GaugeMetricFamily(
            "lengthwise_tenant_waiting",
            "Requests that wait, by tenant: the first configured ones, and all others together",
            labels=["tenant"],
        )
        counts = self._dispatcher.scheduler.waiting_by_tenant()
        for tenant, count in self._tenancy.shown(counts).items():
            waiting.add_metric([tenant], count)
        yield waiting

    def _workers(self) -> Iterator[Metric]:
        healthy = GaugeMetricFamily(
            "lengthwise_healthy_workers",
            "Workers that answer their probes; 0 also while none has been found",
            value=sum(self._fleet.healthy(backend.id) for backend in self._fleet.backends),
        )
        up = _worker_gauge("up", "1 while the worker answers its probes")
        draining = _worker_gauge("draining", "1 while it gets nothing new and ends what it has")
        slots = _worker_gauge("slots", "Sequences it runs at once, configured or learned")
        sent = _worker_gauge("in_flight_sequences", "Sequences the gateway has there")
        work = _worker_gauge("expected_tokens", "Output tokens those are still expected to write")
        peak = _worker_gauge(
            "kv_peak_tokens",
            "KV tokens at the coming peak of what those hold together, by the forecast that admits",
        )
        capacity = _worker_gauge("kv_cache_capacity_tokens", "KV-cache capacity")
        for backend in self._fleet.backends:
            name = [backend.id]
            up.add_metric(name, self._fleet.healthy(backend.id))
            draining.add_metric(name, self._fleet.draining(backend.id))
            worker = self._dispatcher.scheduler.workers.get(backend.id)
            if worker is not None:
                slots.add_metric(name, worker.spec.slots)
                sent.add_metric(name, worker.sequences)
                work.add_metric(name, worker.work)
                peak.add_metric(name, worker.kv_peak)
                _add(capacity, name, worker.spec.kv_tokens)
        yield from (healthy, up, draining, slots, sent, work, peak, capacity)

    def _engines(self) -> Iterator[Metric]:
        usage = _worker_gauge("kv_cache_usage_ratio", "KV-cache use, 0 to 1, as the engine reports")
        running = _worker_gauge("running_sequences", "Sequences running, as the engine reports")
        waiting = _worker_gauge("waiting_sequences", "Sequences waiting in the engine")
        preemptions = CounterMetricFamily(
            "lengthwise_worker_preemptions", "Preemptions, as the engine counts", labels=["worker"]
        )
        for backend in self._fleet.backends:
            name, report = [backend.id], backend.report
            _add(usage, name, report.kv_usage)
            _add(running, name, report.running)
            _add(waiting, name, report.waiting)
            _add(preemptions, name, report.preemptions)
        yield from (usage, running, waiting, preemptions)


def _worker_gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"lengthwise_worker_{name}", text, labels=["worker"])


def _add(
    family: GaugeMetricFamily | CounterMetricFamily, labels: list[str], value: float | None
) -> None:
    if value is not None:
        family.add_metric(labels, value)
