"""Live metrics: gauges of queue, tenants, workers and engines, read at the scrape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.clients.body_bytes import BodyBytes
from gateway.clients.connections import Connections
from gateway.forecasting.learned_state import LearnedState
from gateway.metrics import NO_MODEL, Metrics
from gateway.scheduling.dispatcher import Dispatcher
from gateway.scheduling.tenants import Tenancy
from gateway.supervisor import Supervisor
from gateway.workers.fleet import Fleet
from gateway.workers.status import WorkerStatus, worker_statuses


class LiveMetrics(Collector):
    """Gauges read from the gateway's state at each scrape: no gauge can drift from the state."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        fleet: Fleet,
        tenancy: Tenancy,
        connections: Connections,
        bodies: BodyBytes,
        *,
        metrics: Metrics,
        supervisor: Supervisor,
        learned: LearnedState,
    ) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._tenancy = tenancy
        self._connections = connections
        self._bodies = bodies
        self._metrics = metrics
        self._supervisor = supervisor
        self._learned = learned

    def describe(self) -> list[Metric]:
        """No names at registration: prometheus_client checks the names at the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges. A figure that a worker does not report is left out."""
        workers = worker_statuses(self._fleet, self._dispatcher.scheduler)
        yield from self._queue()
        yield from self._tenants()
        yield from self._clients()
        yield from self._background()
        yield from self._log()
        yield from _workers(workers)
        yield from _kv_forecasts(workers)
        yield from _engines(workers)

    def _queue(self) -> Iterator[Metric]:
        length = GaugeMetricFamily(
            "lengthwise_queue_length", "Requests that wait in the gateway", labels=["model"]
        )
        oldest = GaugeMetricFamily(
            "lengthwise_queue_oldest_wait_seconds",
            "Wait so far of the request that has waited longest",
            labels=["model"],
        )
        scheduler, now = self._dispatcher.scheduler, monotonic()  # the event loop's clock
        jobs = scheduler.waiting_jobs
        waiting, arrivals = jobs.by_model(), jobs.oldest_arrivals()
        shown: dict[str, tuple[int, float]] = {}
        for model in {**self._fleet.models(), **waiting}:
            label = self._metrics.shown(model or NO_MODEL)
            count, longest = shown.get(label, (0, 0.0))
            wait = now - arrivals.get(model, now)
            shown[label] = count + waiting.get(model, 0), max(longest, wait)
        for label, (count, longest) in shown.items():
            length.add_metric([label], count)
            oldest.add_metric([label], longest)
        yield from (length, oldest)
        yield GaugeMetricFamily(
            "lengthwise_queue_expected_tokens",
            "Output tokens that the requests in the queue are expected to generate",
            value=jobs.counts.tokens,
        )
        yield GaugeMetricFamily(
            "lengthwise_paused", "1 while the queue is paused", value=scheduler.paused
        )

    def _tenants(self) -> Iterator[Metric]:
        if not self._tenancy.fair:
            return
        waiting = GaugeMetricFamily(
            "lengthwise_tenant_waiting",
            "Requests that wait, by tenant: the first configured tenants, and all others together",
            labels=["tenant"],
        )
        counts = self._dispatcher.scheduler.waiting_jobs.counts.by_tenant
        for tenant, count in self._tenancy.shown(counts).items():
            waiting.add_metric([tenant], count)
        yield waiting

    def _clients(self) -> Iterator[Metric]:
        now = GaugeMetricFamily(
            "lengthwise_connections", "Connections of clients, by state", labels=["state"]
        )
        for state, count in self._connections.by_state().items():
            now.add_metric([state], count)
        refused = CounterMetricFamily(
            "lengthwise_connections_refused",
            "Connections that were refused or cut by a bound of the section listen",
            labels=["reason"],
        )
        for reason, count in self._connections.refused.items():
            refused.add_metric([reason], count)
        yield from (now, refused)
        yield GaugeMetricFamily(
            "lengthwise_body_bytes",
            "Bytes of the bodies of all requests that are read, wait or run",
            value=self._bodies.held,
        )
        yield GaugeMetricFamily(
            "lengthwise_answer_bytes",
            "Bytes of large answers that come, and of all that clients have not taken",
            value=self._connections.answers.held,
        )

    def _background(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "lengthwise_background_task_up",
            "1 while the background task runs, 0 from a failure until it starts again",
            labels=["task"],
        )
        for name, runs in self._supervisor.tasks.items():
            up.add_metric([name], runs)
        yield up

    def _log(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "lengthwise_log_records", "Records for the served log", labels=["result"]
        )
        for result, count in self._learned.records.items():
            records.add_metric([result], count)
        yield records
        yield CounterMetricFamily(
            "lengthwise_learning_write_failures",
            "Times that the state of the forecasts could not be written to learning.folder",
            value=self._learned.write_failures,
        )


def _workers(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "lengthwise_healthy_workers",
        "Workers that answer their probes; 0 also before any worker is found",
        value=sum(worker.healthy for worker in workers),
    )
    up = _worker_gauge("up", "1 while the worker answers its probes")
    draining = _worker_gauge(
        "draining", "1 while the worker gets no new requests and its running requests end"
    )
    cooling = _worker_gauge(
        "cooling", "1 while the worker, which has refused requests, gets none that another can take"
    )
    age = _worker_gauge("probe_age_seconds", "Seconds since the last probe of the worker ended")
    slots = _worker_gauge("slots", "Sequences that the engine runs at once, configured or learned")
    sent = _worker_gauge("in_flight_sequences", "Sequences that the gateway has sent to the worker")
    work = _worker_gauge("expected_tokens", "Expected remaining output tokens")
    peak = _worker_gauge(
        "kv_peak_tokens",
        "KV tokens at the coming peak, by the forecast that admits requests",
    )
    capacity = _worker_gauge("kv_cache_capacity_tokens", "KV-cache capacity in tokens")
    used = _worker_gauge(
        "kv_used_tokens", "KV tokens that the requests sent hold now, by the gateway's count"
    )
    for worker in workers:
        _add(up, worker, worker.healthy)
        _add(draining, worker, worker.draining)
        _add(cooling, worker, worker.cooling)
        _add(age, worker, worker.probe_age)
        _add(slots, worker, worker.slots)
        _add(sent, worker, worker.sequences)
        _add(work, worker, worker.expected_tokens)
        _add(peak, worker, worker.kv_peak_tokens)
        _add(capacity, worker, worker.kv_capacity_tokens)
        _add(used, worker, worker.kv_used_tokens)
    yield from (up, draining, cooling, age, slots, sent, work, peak, capacity, used)


def _kv_forecasts(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    error = _worker_gauge(
        "kv_forecast_error_ratio",
        "Mean error of the KV forecasts, as a share of the cache; positive: more was then held",
    )
    spread = _worker_gauge(
        "kv_forecast_spread_ratio", "Standard deviation of the error of the KV forecasts"
    )
    trust = _worker_gauge(
        "kv_forecast_trust_ratio", "How far the KV forecasts may hold requests back, 0 to 1"
    )
    for worker in workers:
        _add(error, worker, worker.kv_forecast_error)
        _add(spread, worker, worker.kv_forecast_spread)
        _add(trust, worker, worker.kv_forecast_trust)
    yield from (error, spread, trust)


def _engines(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    usage = _worker_gauge("kv_cache_usage_ratio", "KV-cache use, 0 to 1, as the engine reports")
    running = _worker_gauge("running_sequences", "Sequences running, as the engine reports")
    waiting = _worker_gauge("waiting_sequences", "Sequences waiting in the engine")
    preemptions = CounterMetricFamily(
        "lengthwise_worker_preemptions", "Preemptions, as the engine counts", labels=["worker"]
    )
    for worker in workers:
        _add(usage, worker, worker.engine.kv_usage)
        _add(running, worker, worker.engine.running)
        _add(waiting, worker, worker.engine.waiting)
        _add(preemptions, worker, worker.engine.preemptions)
    yield from (usage, running, waiting, preemptions)


def _worker_gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"lengthwise_worker_{name}", text, labels=["worker"])


def _add(
    family: GaugeMetricFamily | CounterMetricFamily, worker: WorkerStatus, value: float | None
) -> None:
    if value is not None:
        family.add_metric([worker.url], value)
