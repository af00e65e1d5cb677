"""Row "Workers": state, load and KV cache of each worker."""

from __future__ import annotations

from panel import DASHED, Panel
from promql import WORKER, increase, per_worker, rate, worker_gauge

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
    Panel(
        "Background tasks",
        "none",
        "Solid: 1 while the task runs, 0 from a failure until it starts again "
        "(lengthwise_background_task_up). Dashed: failures (lengthwise_background_failures_total), "
        "and errors in the event loop that nothing caught (lengthwise_uncaught_errors_total): bugs "
        "of the gateway; its log has the trace. Dashed too: entries of the log that were lost "
        "(lengthwise_log_lines_dropped_total), since stderr is full, closed or not read.",
        {
            "{{task}}": "min by (task) (lengthwise_background_task_up)",
            "{{task}} failures": f"sum by (task) ({increase('background_failures_total')})",
            "event loop failures": f"sum({increase('uncaught_errors_total')})",
            "log entries lost": f"sum({increase('log_lines_dropped_total')})",
        },
        width=6,
        overrides=((" (failures|lost)$", *DASHED),),
    ),
    Panel(
        "Configuration",
        "none",
        "1 while the last reload of the configuration was used, 0 while a new one is refused "
        "(lengthwise_config_last_reload_successful). Dashed: settings whose new value needs a "
        "restart (lengthwise_config_settings_awaiting_restart).",
        {
            "last reload": "min(lengthwise_config_last_reload_successful)",
            "settings awaiting a restart": "max(lengthwise_config_settings_awaiting_restart)",
        },
        width=12,
        overrides=((" restart$", *DASHED),),
    ),
    Panel(
        "Configuration in force",
        "s",
        "Seconds since the configuration was read or confirmed "
        "(lengthwise_config_last_reload_success_timestamp_seconds). Each line has the hash of its "
        "settings (lengthwise_config_hash): gateways of the same settings share it.",
        {
            "{{instance}}": "time() - lengthwise_config_last_reload_success_timestamp_seconds"
            " + 0 * lengthwise_config_hash",
        },
        width=12,
    ),
    Panel(
        "Choices of models",
        "reqps",
        "Requests per second by the name that was asked for, the model that got them, and why "
        "(lengthwise_model_choices_total): asked, default, alias, split, or why the model before "
        "it did not answer. 0 without the section.",
        {
            "{{asked}} to {{model}} {{reason}}": "sum by (asked, model, reason) "
            f"({rate('model_choices_total')}) or vector(0)"
        },
        width=24,
    ),
)
