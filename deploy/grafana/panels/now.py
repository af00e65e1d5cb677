"""Row "Now": one number per question that an operator asks first."""

from __future__ import annotations

from panel import GREEN, TOKENS_PER_S, Panel, Thresholds
from promql import MODEL, coverage, lost_share, or_zero, quantile, rate, slo_attainment, total


def stat(
    title: str, unit: str, description: str, query: str, thresholds: Thresholds = GREEN
) -> Panel:
    """A panel with one number: the current value."""
    return Panel(
        title, unit, description, {title: query}, kind="stat", width=3, thresholds=thresholds
    )


NOW = (
    stat(
        "Healthy workers",
        "none",
        "Workers that answer their probes (lengthwise_healthy_workers). 0: clients get 503.",
        "max(lengthwise_healthy_workers)",
        thresholds=((None, "red"), (1, "green")),
    ),
    stat(
        "Requests",
        "reqps",
        "Requests that ended per second, with any outcome (lengthwise_requests_total).",
        or_zero(total(rate("requests_total", MODEL))),
    ),
    stat(
        "Output tokens",
        TOKENS_PER_S,
        "Output tokens per second of complete answers, counted when an answer ends "
        "(lengthwise_generation_tokens_total).",
        or_zero(total(rate("generation_tokens_total", MODEL))),
    ),
    stat(
        "Waiting",
        "none",
        "Requests in the gateway's queue (lengthwise_queue_length). A queue alone is no fault: "
        "short requests go first.",
        f"sum(lengthwise_queue_length{{{MODEL}}})",
    ),
    stat(
        "TTFT p95",
        "s",
        "Time from arrival to the first token, streams only: 5 % of the streams wait longer "
        "(lengthwise_ttft_seconds).",
        quantile("ttft_seconds", 0.95, MODEL),
    ),
    stat(
        "Lost requests",
        "percentunit",
        "Share of requests that failed or were rejected (lengthwise_requests_total by outcome). "
        "Requests that the client gave up, or that were invalid, do not count.",
        lost_share(),
        thresholds=((None, "green"), (0.005, "orange"), (0.02, "red")),
    ),
    stat(
        "SLO attainment",
        "percentunit",
        "Share of requests answered within slo.ttft_s and slo.tpot_s "
        "(lengthwise_slo_requests_total). A failed or rejected request counts as missed.",
        slo_attainment(),
        thresholds=((None, "red"), (0.9, "orange"), (0.99, "green")),
    ),
    stat(
        "Interval coverage",
        "percentunit",
        "Share of answers whose length was inside the forecast's 80 % interval "
        "(lengthwise_prediction_intervals_total). Target: 80 %. Below: the intervals are too "
        "narrow. Above: too wide.",
        coverage(),
        thresholds=((None, "red"), (0.65, "green"), (0.95, "red")),
    ),
)
