"""Row "Length forecasts": how good the forecasts are, how long they take, what is learned."""

from __future__ import annotations

from panel import Panel
from promql import MODEL, counts, coverage, increase, quantiles_and_mean, rate

FORECASTS = (
    Panel(
        "Interval coverage",
        "percentunit",
        "Share of answers whose length was inside the forecast's 80 % interval, by model "
        "(lengthwise_prediction_intervals_total). Dashed green: the target, 80 %. Dashed red: the "
        "alert LengthwiseCoverageOff fires beyond. Answers cut at max_tokens do not count.",
        {"{{model}}": coverage("model")},
        width=6,
        limits=(0, 1),
        thresholds=((None, "transparent"), (0.65, "red"), (0.8, "green"), (0.95, "red")),
        show_thresholds=True,
    ),
    Panel(
        "Absolute error of the median",
        "short",
        "Tokens between the forecast's median and the length of the answer "
        "(lengthwise_prediction_absolute_error_tokens).",
        quantiles_and_mean("prediction_absolute_error_tokens", MODEL, levels=(0.5, 0.9)),
        width=6,
    ),
    Panel(
        "Prediction time",
        "s",
        "Time of a forecast by the fast tier, on a thread of its own "
        "(lengthwise_prediction_seconds). predictor.budget_ms is the limit.",
        quantiles_and_mean("prediction_seconds", levels=(0.5, 0.99)),
        width=6,
    ),
    Panel(
        "Fallbacks",
        "ops",
        "Forecasts per second made from recent lengths instead of by the predictor "
        "(lengthwise_prediction_fallbacks_total). absent: no predictor is loaded. failed: the "
        "predictor raised an error, see the log. timeout: longer than predictor.budget_ms.",
        {
            "{{reason}}": counts(
                rate("prediction_fallbacks_total"), "reason", "absent", "failed", "timeout"
            )
        },
        width=6,
    ),
    Panel(
        "Refined forecasts",
        "ops",
        "Forecasts per second by the refined tier, for requests that wait "
        "(lengthwise_refinements_total). late: longer than predictor.refine_budget_ms. failed: see "
        "the log. All 0: no request waits, or the predictor has no refined tier.",
        {"{{result}}": counts(rate("refinements_total"), "result", "done", "late", "failed")},
        width=6,
    ),
    Panel(
        "Refining time",
        "s",
        "Time of a forecast by the refined tier, including the wait for earlier forecasts "
        "(lengthwise_refine_seconds).",
        quantiles_and_mean("refine_seconds", levels=(0.5, 0.99)),
        width=6,
    ),
    Panel(
        "Predictor",
        "none",
        "loaded: 1 if a predictor is loaded (lengthwise_predictor_loaded). wanted: 1 with "
        "predictor.enabled (lengthwise_predictor_enabled). ok and refused: new "
        "models that were loaded, or refused, between two points of the graph "
        "(lengthwise_predictor_reloads_total).",
        {
            "loaded": "min(lengthwise_predictor_loaded)",
            "wanted": "max(lengthwise_predictor_enabled)",
            "{{result}}": counts(increase("predictor_reloads_total"), "result", "ok", "refused"),
        },
        width=6,
    ),
    Panel(
        "Learning",
        "none",
        "Between two points of the graph: records for the served log "
        "(lengthwise_log_records_total; dropped: the disk is too slow or full), failures to write "
        "what was learned (lengthwise_learning_write_failures_total), and refits "
        "(lengthwise_refits_total; promoted: the new model is in use; kept: the present model "
        "stays; rolled back: the previous model is in use again).",
        {
            "records {{result}}": counts(
                increase("log_records_total"), "result", "written", "dropped"
            ),
            "state not written": f"sum({increase('learning_write_failures_total')})",
            "refits {{result}}": counts(
                increase("refits_total"), "result", "promoted", "kept", "rolled back", "failed"
            ),
        },
        width=6,
    ),
)
