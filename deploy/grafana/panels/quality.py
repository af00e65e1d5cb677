"""Row "Quality": how right the forecasts are, by model and by kind of request."""

from __future__ import annotations

from panel import DASHED, Panel
from promql import KIND, MODEL, crps_skill, per_answer

_TARGETS = {"50": 0.5, "80": 0.8, "95": 0.95}

QUALITY = (
    Panel(
        "Coverage of 50, 80 and 95 % intervals",
        "percentunit",
        "Share of answers whose length was inside the forecast's central interval "
        "(lengthwise_forecast_inside_total / lengthwise_forecast_scored_total). Dashed: the "
        "targets. Below them the intervals are too narrow. Answers cut at max_tokens do not count.",
        {
            **{f"{level} %": per_answer("inside", "", f'interval="{level}"') for level in _TARGETS},
            **{f"target {level} %": f"vector({share})" for level, share in _TARGETS.items()},
        },
        limits=(0, 1),
        overrides=(("^target", *DASHED),),
    ),
    Panel(
        "80 % coverage by kind",
        "percentunit",
        "Share of answers inside the forecast's 80 % interval, by kind of request "
        "(lengthwise_forecast_inside_total). A kind that is far off needs examples in training.",
        {"{{kind}}": per_answer("inside", "kind", 'interval="80"')},
        limits=(0, 1),
        thresholds=((None, "transparent"), (0.65, "red"), (0.8, "green"), (0.95, "red")),
        show_thresholds=True,
    ),
    Panel(
        "Rank correlation (tau)",
        "none",
        "Kendall's tau of forecasts and lengths over the latest 256 answers "
        "(lengthwise_forecast_tau), by model and kind: 1 orders every pair rightly, 0 is chance. "
        "The order of the queue is worth what tau is worth.",
        {
            "{{model}} {{kind}}": "max by (model, kind) "
            f"(lengthwise_forecast_tau{{{MODEL}, {KIND}}})"
        },
        limits=(None, 1),
    ),
    Panel(
        "Mean absolute error",
        "short",
        "Tokens between the forecast's median and the length, mean over answers "
        "(lengthwise_forecast_error_tokens_total), by kind of request.",
        {"{{kind}}": per_answer("error_tokens", "kind")},
    ),
    Panel(
        "CRPS skill by model",
        "percentunit",
        "How much better the whole forecast is than the model's recent lengths: 1 is perfect, 0 no "
        "better, below 0 worse (lengthwise_forecast_crps_tokens_total, "
        "lengthwise_forecast_reference_crps_tokens_total).",
        {"{{model}}": crps_skill("model")},
        limits=(None, 1),
        thresholds=((None, "red"), (0, "green")),
        show_thresholds=True,
    ),
    Panel(
        "CRPS skill by kind",
        "percentunit",
        "The same by kind of request (lengthwise_forecast_crps_tokens_total). At or below 0 the "
        "predictor knows nothing of the kind.",
        {"{{kind}}": crps_skill("kind")},
        limits=(None, 1),
        thresholds=((None, "red"), (0, "green")),
        show_thresholds=True,
    ),
)
