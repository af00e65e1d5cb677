"""Rows of the dashboard "Requests": what came of requests, by every label."""

from __future__ import annotations

from panel import TOKENS_PER_S, Panel
from promql import ASKED, or_zero, rate, total

_MODEL = 'gen_ai_request_model=~"$model"'


def _p95(metric: str) -> str:
    rates = f"rate(gen_ai_{metric}_bucket{{{_MODEL}}}[$__rate_interval])"
    return f"histogram_quantile(0.95, sum by (le, gen_ai_operation_name) ({rates}))"


OUTCOMES = (
    Panel(
        "Outcomes",
        "reqps",
        "Requests that ended per second, by outcome (lengthwise_requests_total), as chosen above. "
        "The runbook explains every outcome.",
        {"{{outcome}}": or_zero(total(rate("requests_total", ASKED), "outcome"), "outcome", "ok")},
        stacked=True,
        width=12,
    ),
    Panel(
        "Endpoints",
        "reqps",
        "Requests that ended per second, by endpoint (lengthwise_requests_total), as chosen above.",
        {"{{endpoint}}": total(rate("requests_total", ASKED), "endpoint")},
        stacked=True,
        width=6,
    ),
    Panel(
        "Models",
        "reqps",
        "Requests that ended per second, by model (lengthwise_requests_total), as chosen above. "
        "none: the request named no model, or one that no worker serves.",
        {"{{model}}": total(rate("requests_total", ASKED), "model")},
        stacked=True,
        width=6,
    ),
    Panel(
        "Requests since the start",
        "none",
        "Every outcome since the start of each gateway, by model and endpoint "
        "(lengthwise_requests_total). Sort by a column; click on a value to filter.",
        {"requests": total(f"lengthwise_requests_total{{{ASKED}}}", "model, endpoint, outcome")},
        kind="table",
        width=24,
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

GENAI = (
    Panel(
        "Duration by operation, p95",
        "s",
        "Arrival to the end of the answer, under the names of OpenTelemetry "
        "(gen_ai_server_request_duration_seconds).",
        {
            "{{gen_ai_operation_name}}": _p95("server_request_duration_seconds"),
        },
        width=6,
    ),
    Panel(
        "First token by operation, p95",
        "s",
        "Arrival to the first token of streams (gen_ai_server_time_to_first_token_seconds).",
        {"{{gen_ai_operation_name}}": _p95("server_time_to_first_token_seconds")},
        width=6,
    ),
    Panel(
        "Time per token by operation, p95",
        "s",
        "Between two tokens of streams (gen_ai_server_time_per_output_token_seconds).",
        {"{{gen_ai_operation_name}}": _p95("server_time_per_output_token_seconds")},
        width=6,
    ),
    Panel(
        "Tokens by type",
        TOKENS_PER_S,
        "Tokens of complete answers per second, input and output (gen_ai_client_token_usage).",
        {
            "{{gen_ai_token_type}}": "sum by (gen_ai_token_type) "
            f"(rate(gen_ai_client_token_usage_sum{{{_MODEL}}}[$__rate_interval]))"
        },
        width=6,
    ),
)
