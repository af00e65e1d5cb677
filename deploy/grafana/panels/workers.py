"""Row "Workers": state, load and KV cache of each worker."""

from __future__ import annotations

from panel import DASHED, Panel
from promql import WORKER, per_worker, rate, worker_gauge

WORKERS = (
    Panel(
        "Worker state",
        "none",
        "2: the worker gets requests. 1: the worker drains and gets no new requests "
        "(lengthwise_worker_draining). 0: the worker does not answer its probes "
        "(lengthwise_worker_up).",
        {
            "{{worker}}": f"{per_worker(worker_gauge('up'), 'max')}"
            f" * (2 - {per_worker(worker_gauge('draining'), 'max')})"
        },
        kind="state-timeline",
        width=6,
        thresholds=((None, "red"), (1, "orange"), (2, "green")),
    ),
    Panel(
        "Slots and sequences sent",
        "none",
        "Dashed: sequences that the worker can run at once (lengthwise_worker_slots). Solid: "
        "sequences that the gateway has sent and that have not ended "
        "(lengthwise_worker_in_flight_sequences). Solid below dashed while requests wait: KV "
        "memory limits (KV-bound).",
        {
            "{{worker}} slots": per_worker(worker_gauge("slots"), "max"),
            "{{worker}} sent": per_worker(worker_gauge("in_flight_sequences")),
        },
        width=6,
        overrides=((" slots$", *DASHED),),
    ),
    Panel(
        "In the engine",
        "none",
        "Sequences that the engine reports: running (lengthwise_worker_running_sequences) and, "
        "dashed, waiting (lengthwise_worker_waiting_sequences). More than the gateway has sent: "
        "clients reach the worker past the gateway.",
        {
            "{{worker}} running": per_worker(worker_gauge("running_sequences"), "max"),
            "{{worker}} waiting": per_worker(worker_gauge("waiting_sequences"), "max"),
        },
        width=6,
        overrides=((" waiting$", *DASHED),),
    ),
    Panel(
        "Expected work",
        "short",
        "Output tokens that the requests at the worker are still expected to generate "
        "(lengthwise_worker_expected_tokens). The next request goes to the worker with the least "
        "expected work, relative to its slots and speed.",
        {"{{worker}}": per_worker(worker_gauge("expected_tokens"))},
        width=6,
    ),
    Panel(
        "KV-cache use",
        "percentunit",
        "Solid: present use, as the engine reports (lengthwise_worker_kv_cache_usage_ratio). "
        "Dashed: the peak that the requests at the worker are expected to reach, exceeded with "
        "probability scheduling.kv_overflow (lengthwise_worker_kv_peak_tokens / "
        "lengthwise_worker_kv_cache_capacity_tokens). Above 100 % while few requests wait: the "
        "gateway then admits more.",
        {
            "{{worker}} used": per_worker(worker_gauge("kv_cache_usage_ratio"), "max"),
            "{{worker}} peak": f"{per_worker(worker_gauge('kv_peak_tokens'))}"
            f" / ({per_worker(worker_gauge('kv_cache_capacity_tokens'), 'max')} > 0)",
        },
        width=6,
        overrides=((" peak$", *DASHED),),
    ),
    Panel(
        "KV tokens",
        "short",
        "Dashed: capacity of the KV cache in tokens (lengthwise_worker_kv_cache_capacity_tokens); "
        "0: the worker does not report it, set kv_tokens. Solid: expected peak of the requests at "
        "the worker (lengthwise_worker_kv_peak_tokens).",
        {
            "{{worker}} capacity": per_worker(worker_gauge("kv_cache_capacity_tokens"), "max"),
            "{{worker}} peak": per_worker(worker_gauge("kv_peak_tokens")),
        },
        width=6,
        overrides=((" capacity$", *DASHED),),
    ),
    Panel(
        "Preemptions",
        "ops",
        "Preemptions per second, as the engine counts (lengthwise_worker_preemptions_total). Each "
        "drops the KV cache of a running request, which is computed again later. Steadily above 0: "
        "too many requests are admitted.",
        {"{{worker}}": per_worker(rate("worker_preemptions_total", WORKER), "max")},
        width=6,
    ),
    Panel(
        "Failed attempts",
        "ops",
        "Requests per second that the worker failed before their first byte "
        "(lengthwise_worker_failures_total). The gateway tries them again on another worker.",
        {
            "{{worker}}": f"{per_worker(rate('worker_failures_total', WORKER))}"
            f" or 0 * {per_worker(worker_gauge('up'), 'max')}"
        },
        width=6,
    ),
)
