"""The queries of the dashboard's panels, from their parts."""

from __future__ import annotations

from collections.abc import Iterable

MODEL = 'model=~"$model"'
WORKER = 'worker=~"$worker"'
FAILED = "worker_failed|worker_5xx|internal_error|cancelled"
TURNED_AWAY = "queue_full|tenant_queue_full|queue_timeout|request_timeout|no_healthy_worker"

ENGINE_TOKENS = 'sum(rate(vllm:generation_tokens_total{model_name=~"$model"}[$__rate_interval]))'


def rate(metric: str, *labels: str) -> str:
    """Per second, over what Grafana finds right for the scrape interval and the zoom."""
    return f"rate(lengthwise_{metric}{{{', '.join(labels)}}}[$__rate_interval])"


def increase(metric: str) -> str:
    """How often, from one point of the graph to the next: for what is rare."""
    return f"increase(lengthwise_{metric}[$__rate_interval])"


def total(expression: str, by: str = "") -> str:
    """The sum, by a label or over all."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def or_zero(expression: str, label: str = "", *values: str) -> str:
    """Zero for what has not happened yet: a counter with labels is absent until its first event."""
    zeros = [f'label_replace(vector(0), "{label}", "{value}", "", "")' for value in values]
    return " or ".join((expression, *(zeros or ["vector(0)"])))


def per_worker(expression: str, how: str = "sum") -> str:
    """By worker; what the engine itself reports, each gateway reports: take the maximum."""
    return f"{how} by (worker) ({expression})"


def gauge(name: str) -> str:
    """A gauge of the workers."""
    return f"lengthwise_worker_{name}{{{WORKER}}}"


def quantile(metric: str, level: float, *labels: str) -> str:
    """A quantile of a histogram, over all its labels."""
    buckets = rate(f"{metric}_bucket", *labels)
    return f"histogram_quantile({level}, sum by (le) ({buckets}))"


def spread(
    metric: str, *labels: str, levels: Iterable[float] = (0.5, 0.95, 0.99)
) -> dict[str, str]:
    """Quantiles and mean of a histogram."""
    mean = f"{total(rate(f'{metric}_sum', *labels))} / {total(rate(f'{metric}_count', *labels))}"
    shown = {f"p{level * 100:.0f}": quantile(metric, level, *labels) for level in levels}
    return {**shown, "mean": mean}


def owed() -> str:
    """Requests per second that the service owed an answer: not what clients left or got wrong."""
    return total(rate("requests_total", MODEL, f'outcome=~"ok|{FAILED}|{TURNED_AWAY}"'))


def attainment() -> str:
    """Share of the owed requests that were answered within the objective."""
    met = or_zero(total(rate("slo_requests_total", MODEL, 'met="true"')))
    return f"({met}) / ({owed()} > 0)"


def lost_share() -> str:
    """Share of the owed requests that failed or were turned away."""
    lost = total(rate("requests_total", MODEL, f'outcome=~"{FAILED}|{TURNED_AWAY}"'))
    return f"({or_zero(lost)}) / ({owed()} > 0)"


def coverage(by: str = "") -> str:
    """Share of answers inside their 80 % interval."""
    inside = rate("prediction_intervals_total", MODEL, 'result="inside"')
    outside = rate("prediction_intervals_total", MODEL, 'result="outside"')
    every = total(rate("prediction_intervals_total", MODEL), by)
    return f"{total(f'{inside} or 0 * {outside}', by)} / ({every} > 0)"
