"""Row "Model and learning": what forecasts, how old it is, how it drifts and how it learns."""

from __future__ import annotations

from panel import Panel
from promql import INSTANCE, MODEL, rate, total

ARTEFACT = (
    Panel(
        "Forecasts by tier",
        "percentunit",
        "Share of answers by the source of the last forecast (lengthwise_forecasts_total). "
        "refined, fast: the predictor's tiers. recent: the fallback, the model's recent lengths.",
        {
            "{{tier}}": f"{total(rate('forecasts_total'), 'tier')}"
            f" / on () group_left () ({total(rate('forecasts_total'))} > 0)"
        },
        limits=(0, 1),
        stacked=True,
        width=6,
    ),
    Panel(
        "Age of the model",
        "s",
        "Seconds since the model in use was made (lengthwise_predictor_created_timestamp_seconds), "
        "with its identity (lengthwise_predictor_info).",
        {
            "{{instance}} {{artefact}}": "(time() - "
            f"lengthwise_predictor_created_timestamp_seconds{{{INSTANCE}}}) * on (instance) "
            f"group_right () lengthwise_predictor_info{{{INSTANCE}}}"
        },
        width=6,
    ),
    Panel(
        "Changes of models' answers",
        "none",
        "Times that the lengths of a model's answers changed so much that what was learned before "
        "lost its weight (lengthwise_predictor_drifts_total), since the start. Solid at 1: the "
        "corrections are being learned anew (lengthwise_predictor_drifting).",
        {
            "{{model}} {{tier}} changes": "max by (model, tier) "
            f"(lengthwise_predictor_drifts_total{{{MODEL}}})",
            "{{model}} {{tier}} learns anew": "max by (model, tier) "
            f"(lengthwise_predictor_drifting{{{MODEL}}})",
        },
        width=6,
    ),
    Panel(
        "Answers since the last change",
        "short",
        "Answers that the corrections of a model rest on "
        "(lengthwise_predictor_answers_since_drift): few mean that the model as trained counts.",
        {
            "{{model}} {{tier}}": "min by (model, tier) "
            f"(lengthwise_predictor_answers_since_drift{{{MODEL}}})"
        },
        width=6,
    ),
    Panel(
        "Last refit and why",
        "dateTimeFromNow",
        "When the last refit ended (lengthwise_refit_last_timestamp_seconds), what it has done and "
        "why: a model is kept where no candidate is better by more than noise "
        "(lengthwise_refit_last_info). Empty without learning.refit_s.",
        {
            "last refit": "1000 * lengthwise_refit_last_timestamp_seconds * on (instance) "
            "group_right () lengthwise_refit_last_info"
        },
        kind="table",
        width=24,
        limits=(None, None),
    ),
)
