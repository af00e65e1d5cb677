"""Builds the queries of the dashboard's panels."""

from __future__ import annotations

from collections.abc import Iterable

MODEL = 'model=~"$model"'
WORKER = 'worker=~"$worker"'
INSTANCE = 'job="lengthwise", instance=~"$instance"'
KIND = 'kind=~"$kind"'
ASKED = f'{MODEL}, endpoint=~"$endpoint", outcome=~"$outcome"'
FAILED = (
    "worker_failed|worker_5xx|answer_too_large|first_token_timeout|token_timeout|internal_error"
    "|cancelled"
)
REJECTED = (
    "queue_full|queue_tokens_full|tenant_queue_full|deadline_unreachable|queue_timeout"
    "|request_timeout|no_healthy_worker|shutting_down|bodies_full"
)
"""Outcomes of requests that were owed an answer and got none."""

TURNED_AWAY = (
    ".*queue.*_full|bodies_full|too_many_connections|requests_per_min|tokens_per_min|concurrency"
    "|daily_budget|monthly_budget|too_many_failures|deadline_unreachable|shutting_down"
)
"""Outcomes of requests that a limit has refused."""

ENGINE_TOKENS = 'sum(rate(vllm:generation_tokens_total{model_name=~"$model"}[$__rate_interval]))'


def rate(metric: str, *labels: str) -> str:
    """A counter per second, over the interval that Grafana finds right for scrape and zoom."""
    return f"rate(lengthwise_{metric}{{{', '.join(labels)}}}[$__rate_interval])"


def increase(metric: str) -> str:
    """The increase of a counter between two points of the graph, for rare events."""
    return f"increase(lengthwise_{metric}[$__rate_interval])"


def total(expression: str, by: str = "") -> str:
    """The sum over all labels, or one sum per value of the label ``by``."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def or_zero(expression: str, label: str = "", *values: str) -> str:
    """The expression, with 0 for each of the label's ``values`` that has no series yet.

    A counter with labels has no series before its first event.
    """
    zeros = [f'label_replace(vector(0), "{label}", "{value}", "", "")' for value in values]
    return " or ".join((expression, *(zeros or ["vector(0)"])))


def counts(expression: str, label: str, *values: str) -> str:
    """One sum per value of ``label``; the named values are shown at 0 before their first event."""
    return or_zero(total(expression, label), label, *values)


def per_worker(expression: str, how: str = "sum") -> str:
    """One value per worker.

    What an engine reports, every gateway reports: its ``how`` is "max".
    """
    return f"{how} by (worker) ({expression})"


def worker_gauge(name: str) -> str:
    """A gauge with the label ``worker``."""
    return f"lengthwise_worker_{name}{{{WORKER}}}"


def quantile(metric: str, level: float, *labels: str) -> str:
    """A quantile of a histogram, over all its labels."""
    buckets = rate(f"{metric}_bucket", *labels)
    return f"histogram_quantile({level}, sum by (le) ({buckets}))"


def quantiles_and_mean(
    metric: str, *labels: str, levels: Iterable[float] = (0.5, 0.95, 0.99)
) -> dict[str, str]:
    """Quantiles and the mean of a histogram, by legend."""
    mean = f"{total(rate(f'{metric}_sum', *labels))} / {total(rate(f'{metric}_count', *labels))}"
    quantiles = {f"p{level * 100:.0f}": quantile(metric, level, *labels) for level in levels}
    return {**quantiles, "mean": mean}


def _owed() -> str:
    """Requests per second that were owed an answer: neither given up by the client nor invalid."""
    return total(rate("requests_total", MODEL, f'outcome=~"ok|{FAILED}|{REJECTED}"'))


def slo_attainment() -> str:
    """The share of the owed requests that were answered within the SLO."""
    met = or_zero(total(rate("slo_requests_total", MODEL, 'met="true"')))
    return f"({met}) / ({_owed()} > 0)"


def lost_share() -> str:
    """The share of the owed requests that failed or were rejected."""
    lost = total(rate("requests_total", MODEL, f'outcome=~"{FAILED}|{REJECTED}"'))
    return f"({or_zero(lost)}) / ({_owed()} > 0)"


def coverage(by: str = "") -> str:
    """The share of answers inside their forecast's 80 % interval."""
    inside = rate("prediction_intervals_total", MODEL, 'result="inside"')
    outside = rate("prediction_intervals_total", MODEL, 'result="outside"')
    answers = total(rate("prediction_intervals_total", MODEL), by)
    return f"{total(f'{inside} or 0 * {outside}', by)} / ({answers} > 0)"


def forecast(name: str, *labels: str) -> str:
    """A sum over scored forecasts per second, by what ``labels`` names."""
    return rate(f"forecast_{name}_total", MODEL, KIND, *labels)


def per_answer(name: str, by: str, *labels: str) -> str:
    """A sum over scored forecasts divided by their number, by the label ``by``."""
    return f"{total(forecast(name, *labels), by)} / ({total(forecast('scored'), by)} > 0)"


def crps_skill(by: str) -> str:
    """1 for perfect forecasts, 0 for the model's recent lengths in place of the forecast."""
    reference = total(forecast("reference_crps_tokens"), by)
    return f"1 - {total(forecast('crps_tokens'), by)} / ({reference} > 0)"
