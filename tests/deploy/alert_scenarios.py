"""For each alert, series under which it fires and series under which it must be silent.

Values are promtool's: `0+60x30` are 31 samples that grow by 60; there is one a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Series = Mapping[str, str]

GW = 'instance="gw:8080"'
UP = f'up{{job="lengthwise", {GW}}}'


@dataclass(frozen=True, slots=True)
class Scenario:
    """What an alert sees ``minutes`` after the start."""

    fires: Series
    silent: Series
    minutes: int = 30


def requests(**per_minute: float) -> dict[str, str]:
    """Requests that end, by outcome."""
    return {
        f'lengthwise_requests_total{{model="m", outcome="{outcome}"}}': f"0+{rate}x800"
        for outcome, rate in per_minute.items()
    }


def answers(*, met: float, missed: float) -> dict[str, str]:
    """Answers a minute that met the objective, and that did not."""
    name = 'lengthwise_slo_requests_total{model="m", met='
    return {f'{name}"true"}}': f"0+{met}x800", f'{name}"false"}}': f"0+{missed}x800"}


def worker(name: str, values: str) -> dict[str, str]:
    """A series of one worker."""
    return {f'lengthwise_{name}{{{GW}, worker="http://a:8000"}}': values}


def own(name: str, values: str, labels: str = "") -> dict[str, str]:
    """A series of the gateway."""
    return {f"lengthwise_{name}{{{GW}{labels}}}": values}


def intervals(inside: int, outside: int) -> dict[str, str]:
    """Answers a minute inside and outside the 80 % interval."""
    name = 'lengthwise_prediction_intervals_total{model="m", result='
    return {f'{name}"inside"}}': f"0+{inside}x800", f'{name}"outside"}}': f"0+{outside}x800"}


def waits(within_50_s: float) -> dict[str, str]:
    """Ten requests a minute, so many of which wait less than 50 s, the others up to 100 s."""
    name = 'lengthwise_queue_wait_seconds_bucket{model="m", le='
    rates = {"50": within_50_s, "100": 10.0, "+Inf": 10.0}
    return {f'{name}"{bound}"}}': f"0+{rate}x800" for bound, rate in rates.items()}


def skill(crps: int, reference: int) -> dict[str, str]:
    """The CRPS of two answers a minute, and of the reference."""
    values = {"crps_tokens": crps, "reference_crps_tokens": reference, "scored": 2}
    return {
        f'lengthwise_forecast_{name}_total{{model="m", kind="plain"}}': f"0+{rate}x800"
        for name, rate in values.items()
    }


def files(share: float) -> dict[str, str]:
    """Open files as a share of the most."""
    return {
        f'process_open_fds{{job="lengthwise", {GW}}}': f"{1000 * share}x60",
        f'process_max_fds{{job="lengthwise", {GW}}}': "1000x60",
    }


def predictor(loaded: int, enabled: int) -> dict[str, str]:
    """Whether a predictor is in use, and wanted."""
    return {
        **own("predictor_loaded", f"{loaded}x60"),
        **own("predictor_enabled", f"{enabled}x60"),
    }


SCENARIOS: Mapping[str, Scenario] = {
    "LengthwiseDown": Scenario({UP: "1x10 0x60"}, {UP: "1x60"}),
    "LengthwiseNoHealthyWorker": Scenario(
        own("healthy_workers", "2x10 0x60"), own("healthy_workers", "0x10 1x60")
    ),
    "LengthwiseModelUnserved": Scenario(
        requests(ok=60, no_healthy_worker=1), requests(ok=60, worker_failed=1)
    ),
    "LengthwiseWorkerDown": Scenario(
        worker("worker_up", "1x10 0x60"), worker("worker_up", "1x26 0x4")
    ),
    "LengthwiseWorkerFailures": Scenario(
        worker("worker_failures_total", "0+1x60"), worker("worker_failures_total", "0+0.4x60")
    ),
    "LengthwiseWorkerRefuses": Scenario(
        worker("worker_cooling", "1x60"), worker("worker_cooling", "0x4 1x2 0x4 1x2 0x4 1x2 0x60")
    ),
    "LengthwiseWorkerUnwatched": Scenario(
        worker("worker_probe_age_seconds", "0+60x60"), worker("worker_probe_age_seconds", "140x60")
    ),
    "LengthwiseBackgroundTaskFails": Scenario(
        own("background_failures_total", "0x20 1x60", ', task="probe workers"'),
        own("background_failures_total", "0 1x60", ', task="probe workers"'),
    ),
    "LengthwiseRequestsFail": Scenario(
        requests(ok=60, worker_5xx=3), requests(ok=60, worker_5xx=1, queue_full=9)
    ),
    "LengthwiseRequestsTurnedAway": Scenario(
        requests(ok=60, queue_tokens_full=5), requests(ok=60, queue_full=2, worker_failed=9)
    ),
    "LengthwiseQueueWaitHigh": Scenario(waits(5), waits(9.7), 40),
    "LengthwiseQueueGrows": Scenario(
        own("queue_length", "0+20x60", ', model="m"'),
        own("queue_length", "0+20x10 200-20x10 0x60", ', model="m"'),
        45,
    ),
    "LengthwiseCoverageOff": Scenario(intervals(4, 6), intervals(7, 3), 120),
    "LengthwisePredictorFails": Scenario(
        own("prediction_fallbacks_total", "0+2x60", ', reason="timeout"'),
        own("prediction_fallbacks_total", "0+9x60", ', reason="absent"'),
    ),
    "LengthwisePredictorMissing": Scenario(predictor(0, 1), predictor(0, 0)),
    "LengthwiseLogRecordsLost": Scenario(
        own("log_records_total", "0+1x60", ', result="dropped"'),
        own("log_records_total", "0+9x60", ', result="written"'),
    ),
    "LengthwisePredictorRefused": Scenario(
        own("predictor_reloads_total", "0x25 1x60", ', result="refused"'),
        own("predictor_reloads_total", "0x25 1x60", ', result="ok"'),
    ),
    "LengthwiseConfigRefused": Scenario(
        own("config_last_reload_successful", "1x10 0x60"),
        own("config_last_reload_successful", "1x10 0x3 1x60"),
    ),
    "LengthwisePreemptions": Scenario(
        worker("worker_preemptions_total", "0+12x60"), worker("worker_preemptions_total", "0+4x60")
    ),
    "LengthwiseOpenFilesNearlyUsedUp": Scenario(files(0.9), files(0.8)),
    "LengthwiseForecastsUnskilled": Scenario(skill(90, 80), skill(70, 80), 480),
    "LengthwiseRefitsFail": Scenario(
        own("refits_total", "0x10 1x60", ', result="failed"'),
        own("refits_total", "0x10 1x60", ', result="kept"'),
    ),
    "LengthwiseAvailabilityBudgetBurnsFast": Scenario(
        requests(ok=60, queue_full=6), requests(ok=60, queue_full=3, client_gone=20), 75
    ),
    "LengthwiseAvailabilityBudgetBurnsSlowly": Scenario(
        requests(ok=60, worker_failed=3), requests(ok=60, worker_failed=1), 420
    ),
    "LengthwiseLatencyBudgetBurnsFast": Scenario(
        answers(met=10, missed=40), answers(met=20, missed=40), 75
    ),
    "LengthwiseLatencyBudgetBurnsSlowly": Scenario(
        answers(met=30, missed=30), answers(met=45, missed=15), 420
    ),
}
"""The scenario of each alert."""


def promtool_tests(name: str) -> list[dict[str, Any]]:
    """Two tests of promtool for one alert."""
    scenario = SCENARIOS[name]
    firing = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    tests = []
    for series, samples in ((scenario.fires, [_ONE]), (scenario.silent, [])):
        check = {"expr": firing, "eval_time": f"{scenario.minutes}m", "exp_samples": samples}
        tests.append(
            {
                "name": f"{name} {'fires' if samples else 'is silent'}",
                "interval": "1m",
                "input_series": [{"series": s, "values": v} for s, v in series.items()],
                "promql_expr_test": [check],
            }
        )
    return tests


_ONE = {"labels": "{}", "value": 1}
