"""Row "Workers": state, load and KV cache of each worker."""

from __future__ import annotations

from panel import DASHED, Panel
from promql import WORKER, per_worker, rate, worker_gauge

WORKERS = (
    Panel(
        "Worker state",
        "none",
        "3: the worker gets requests. 2: the worker has refused or failed requests and gets none "
        "that another can take (lengthwise_worker_cooling). 1: the worker drains and gets no new "
        "requests (lengthwise_worker_draining). 0: the worker does not answer its probes "
        "(lengthwise_worker_up).",
        {
            "{{worker}}": f"{per_worker(worker_gauge('up'), 'max')}"
            f" * (3 - clamp_max(2 * {per_worker(worker_gauge('draining'), 'max')}"
            f" + {per_worker(worker_gauge('cooling'), 'max')}, 2))"
        },
        kind="state-timeline",
        width=6,
        thresholds=((None, "red"), (1, "orange"), (2, "yellow"), (3, "green")),
        states={
            "0": ("down", "red"),
            "1": ("draining", "orange"),
            "2": ("cooling down", "yellow"),
            "3": ("up", "green"),
        },
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
        "Failed attempts",
        "ops",
        "Solid: requests per second that the worker failed before their first byte "
        "(lengthwise_worker_failures_total). Dashed: requests per second that it answered 429, "
        "500, 502, 503 or 504 (lengthwise_worker_refusals_total). The gateway tries both on "
        "another worker.",
        {
            f"{{{{worker}}}} {word}": f"{per_worker(rate(f'worker_{kind}_total', WORKER))}"
            f" or 0 * {per_worker(worker_gauge('up'), 'max')}"
            for word, kind in (("failed", "failures"), ("refused", "refusals"))
        },
        width=6,
        overrides=((" refused$", *DASHED),),
    ),
    Panel(
        "Since the last probe",
        "s",
        "Seconds since the gateway's last probe of the worker ended "
        "(lengthwise_worker_probe_age_seconds). Below health.interval_s + health.timeout_s while "
        "the worker is watched. Steadily rising: it is not, and its state above is of long ago.",
        {"{{worker}}": per_worker(worker_gauge("probe_age_seconds"), "max")},
        width=6,
    ),
    Panel(
        "Worse than the others",
        "none",
        "Times that the worker hung, failed many requests or was several times slower while others "
        "were well (lengthwise_worker_ejections_total). It then gets none that another can take, "
        "and one at a time to show that it is well. GET /ready says why.",
        {
            "{{worker}} {{reason}}": "sum by (worker, reason) "
            f"(increase(lengthwise_worker_ejections_total{{{WORKER}}}[$__rate_interval]))"
        },
        width=6,
    ),
    Panel(
        "Attempts beyond the first",
        "ops",
        "Attempts per second beyond each request's first (lengthwise_retries_total). tried: within "
        "the budget (requests.retry_share, requests.retries_per_s). moved: from a worker that "
        "broke. denied: the budget is spent and the failure went to the client; most workers fail.",
        {"{{result}}": f"sum by (result) ({rate('retries_total')})"},
        width=6,
    ),
)
