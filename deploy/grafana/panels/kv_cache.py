"""Row "KV cache": how full it is, how full it will be, and how right the forecast was."""

from __future__ import annotations

from panel import DASHED, Panel
from promql import WORKER, per_worker, rate, worker_gauge

KV_CACHE = (
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
        "KV forecast and what came",
        "percentunit",
        "Dashed: the peak that was expected five minutes ago (lengthwise_worker_kv_peak_tokens / "
        "lengthwise_worker_kv_cache_capacity_tokens). Solid: the most that the engine has used "
        "since (lengthwise_worker_kv_cache_usage_ratio). Solid above dashed: new requests came, or "
        "answers were longer than expected.",
        {
            "{{worker}} used": "max by (worker) "
            f"(max_over_time({worker_gauge('kv_cache_usage_ratio')}[5m]))",
            "{{worker}} expected": f"sum by (worker) ({worker_gauge('kv_peak_tokens')} offset 5m)"
            f" / (max by (worker) ({worker_gauge('kv_cache_capacity_tokens')} offset 5m) > 0)",
        },
        width=8,
        overrides=((" expected$", *DASHED),),
    ),
    Panel(
        "KV tokens held",
        "short",
        "KV tokens that the requests at the worker hold now, by the gateway's count as the engine "
        "corrects it (lengthwise_worker_kv_used_tokens).",
        {"{{worker}}": per_worker(worker_gauge("kv_used_tokens"))},
        width=8,
    ),
    Panel(
        "Error of the KV forecast",
        "percentunit",
        "Solid: mean error over the latest full caches, as a share of the cache "
        "(lengthwise_worker_kv_forecast_error_ratio); above 0: more was held than expected. "
        "Dashed: its standard deviation (lengthwise_worker_kv_forecast_spread_ratio); from 20 % on "
        "the forecast loses trust.",
        {
            "{{worker}} error": per_worker(worker_gauge("kv_forecast_error_ratio"), "max"),
            "{{worker}} spread": per_worker(worker_gauge("kv_forecast_spread_ratio"), "max"),
        },
        width=8,
        limits=(None, None),
        overrides=((" spread$", *DASHED),),
    ),
    Panel(
        "Trust in the KV forecast",
        "percentunit",
        "How far the KV forecast may hold requests back "
        "(lengthwise_worker_kv_forecast_trust_ratio): at 0 a request is sent as "
        "soon as it fits now.",
        {"{{worker}}": per_worker(worker_gauge("kv_forecast_trust_ratio"), "min")},
        width=6,
        limits=(0, 1),
    ),
)
