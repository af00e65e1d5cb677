"""How the gauges of several fronts become those of one gateway.

Counters and histograms are sums; so is each gauge that no table names.
"""

from __future__ import annotations

LARGEST = frozenset(
    {
        "lengthwise_build_info",
        "lengthwise_config_last_reload_success_timestamp_seconds",
        "lengthwise_config_settings_awaiting_restart",
        "lengthwise_forecast_tau",
        "lengthwise_paused",
        "lengthwise_predictor_created_timestamp_seconds",
        "lengthwise_predictor_drifting",
        "lengthwise_predictor_enabled",
        "lengthwise_predictor_info",
        "lengthwise_queue_oldest_wait_seconds",
        "lengthwise_refit_last_info",
        "lengthwise_refit_last_timestamp_seconds",
        "lengthwise_shadow_error_ratio",
        "lengthwise_shadow_requests",
        "lengthwise_shadow_state",
        "lengthwise_saved_high_seconds",
        "lengthwise_saved_low_seconds",
        "lengthwise_saved_preemptions",
        "lengthwise_saved_ratio",
        "lengthwise_saved_seconds",
        "lengthwise_worker_cooling",
        "lengthwise_worker_draining",
        "lengthwise_worker_kv_cache_capacity_tokens",
        "lengthwise_worker_kv_cache_usage_ratio",
        "lengthwise_worker_kv_forecast_error_ratio",
        "lengthwise_worker_kv_forecast_spread_ratio",
        "lengthwise_worker_preemptions",
        "lengthwise_worker_probe_age_seconds",
        "lengthwise_worker_running_sequences",
        "lengthwise_worker_slots",
        "lengthwise_worker_waiting_sequences",
        "lengthwise_scheduler_away",
        # Of the one scheduler, which each front shows whole.
        "lengthwise_queue_expected_tokens",
        "lengthwise_queue_length",
        "lengthwise_tenant_waiting",
        "lengthwise_worker_expected_tokens",
        "lengthwise_worker_in_flight_sequences",
        "lengthwise_worker_kv_peak_tokens",
        "lengthwise_worker_kv_used_tokens",
    }
)
"""The largest value of any front: what all see alike, or where the worst counts. Preemptions are
the engine's own count, which each front reads."""

LEAST = frozenset(
    {
        "lengthwise_background_task_up",
        "lengthwise_config_hash",
        "lengthwise_config_last_reload_successful",
        "lengthwise_healthy_workers",
        "lengthwise_predictor_answers_since_drift",
        "lengthwise_predictor_loaded",
        "lengthwise_worker_kv_forecast_trust_ratio",
        "lengthwise_worker_up",
        "process_start_time_seconds",
    }
)
"""The smallest value: one front's trouble must show. The gateway is as old as its first process."""

SUMMED = frozenset(
    {
        "lengthwise_answer_bytes",
        "lengthwise_body_bytes",
        "lengthwise_connections",
        "lengthwise_picker_streams",
        "lengthwise_requests_in_flight",
        "lengthwise_usage_at_risk",
    }
)
"""The sum: each front has its own part of it."""

APART = "process_"
"""Beginning of the other metrics of a process: each has the label ``process`` with its name."""
