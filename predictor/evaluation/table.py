"""Metrics as tables of text: Markdown for a terminal, rows for the HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from predictor.evaluation.study import CORPUS, FORECAST, KINDS, MODEL, Evaluation, MetricsByKind

MEAN = "mean over models"

_METRICS = (
    ("prompts", "prompts", "{:.0f}"),
    ("tau", "tau", "{:.3f}"),
    ("ceiling", "tau ceiling", "{:.3f}"),
    ("mae", "MAE", "{:.0f}"),
    ("crps", "CRPS", "{:.0f}"),
    ("crps_skill", "CRPS skill", "{:.2f}"),
    ("coverage", "80 % covers", "{:.1%}"),
    ("coverage95", "95 % covers", "{:.1%}"),
    ("recall_longest", "recall longest 10 %", "{:.2f}"),
)
_BY_KIND = (
    ("prompts", "prompts", "{:.0f}"),
    ("models", "models", "{:.0f}"),
    ("tau", "tau", "{:.3f}"),
    ("tau_pooled", "tau, pooled", "{:.3f}"),
    ("factor", "actual / median", "{:.2f}"),
    ("coverage", "80 % covers", "{:.1%}"),
    ("crps_skill", "CRPS skill", "{:.2f}"),
)
_MOST_MODELS = 40
_COMPARED = (("tau", "tau", "{:.3f}"), ("mae", "MAE", "{:.0f}"), ("crps", "CRPS", "{:.0f}"))
_SHORT = {FORECAST: "forecast", MODEL: "model", CORPUS: "corpus x model"}

EXPLANATIONS = (
    (
        "tier",
        "fast = the forecast that every request gets; refined = the forecast that a text encoder "
        "improves while the request waits.",
    ),
    (
        "route",
        "how the predictor knows the model: known = trained on; related = not trained on, but "
        "models of the same family were; generic = no model of the same family was trained on.",
    ),
    ("corpus", "the data set that the prompt comes from."),
    (
        "kind",
        "the kind of traffic: CASTILLO's corpora together, or another set. Tau and CRPS skill are "
        "means over the models that were measured on at least 15 prompts of the kind.",
    ),
    ("models", "the number of models measured on."),
    ("tau, pooled", "tau over the answers of all models of a kind together."),
    (
        "actual / median",
        "median of the actual length divided by the median forecast: above 1, forecasts are too "
        "short.",
    ),
    ("prompts", "the number of prompts measured on."),
    (
        "tau",
        "how well the forecast orders prompts by length: Kendall's tau-b of the forecast's "
        "geometric mean against one random answer to each prompt. 1 is the same order, 0 is a "
        "random order.",
    ),
    (
        "tau ceiling",
        "tau of the median of the prompt's other answers, in place of the forecast.",
    ),
    ("MAE", "mean absolute error of the median forecast, in tokens."),
    (
        "CRPS",
        "continuous ranked probability score, in tokens: the error of the whole forecast "
        "distribution. Smaller is better.",
    ),
    (
        "CRPS skill",
        "CRPS on a scale. 0: the forecast is the distribution of all the model's lengths. 1: the "
        "forecast is the other answers to the same prompt.",
    ),
    (
        "80 % covers, 95 % covers",
        "share of the answers in the forecast's central 80 % and 95 % interval.",
    ),
    (
        "recall longest 10 %",
        "of the longest 10 % of the answers, the share that is among the 10 % forecast longest.",
    ),
    (
        "forecast, model, corpus x model",
        "the predictor's forecast, and two baselines that ignore the prompt. Model: the lengths of "
        "the model's answers in training. Corpus x model: the lengths of the model's answers in "
        "training to prompts of the same corpus, which a request does not state. A baseline's MAE "
        "is the MAE of the baseline's median. A baseline that is the same for all prompts has no "
        "tau.",
    ),
    ("tau, prompt length", "tau of the prompt's length in characters, in place of the forecast."),
    ("cut answers", "an answer cut by a limit scores the forecast cut at the same length."),
)
"""The terms of the tables, each with its meaning."""


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the column names, and rows of as many texts; the first text names the row."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def markdown(self) -> str:
        """The table in Markdown, with columns aligned for a terminal."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        rule = tuple("-" * width for width in widths)
        return "\n".join(_markdown(line, widths) for line in (self.columns, rule, *self.rows))


def _markdown(line: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(line, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return f"| {' | '.join(cells)} |"


def tables(study: Evaluation) -> list[Table]:
    """The metrics by kind of traffic; metrics and baselines by model and by corpus.

    Of many models, those with the most prompts have a line.
    """
    named = sorted(study.models, key=lambda name: -study.models[name][FORECAST]["prompts"])
    models = {MEAN: study.mean} | {name: study.models[name] for name in named[:_MOST_MODELS]}
    routes = {MEAN: "", **study.routes}
    return [
        kinds_table(study.kinds),
        _metrics("By model", "model", models, routes),
        _metrics("By corpus, mean over the models", "corpus", study.corpora, None),
        _baselines("Against baselines, by model", "model", models),
        _baselines("Against baselines, by corpus", "corpus", study.corpora),
    ]


def kinds_table(kinds: Mapping[str, Mapping[str, float]]) -> Table:
    """The metrics of ``metrics_by_kind``, a line for each kind of traffic."""
    rows = [
        (kind, *(_cell(m, key, form) for key, _, form in _BY_KIND)) for kind, m in kinds.items()
    ]
    columns = ("kind", *(label for _, label, _ in _BY_KIND))
    return Table("By kind of traffic, mean over the models", columns, rows)


def _metrics(
    title: str, first: str, lines: Mapping[str, MetricsByKind], routes: Mapping[str, str] | None
) -> Table:
    rows = []
    for name, line in lines.items():
        cells = [_cell(line[FORECAST], key, form) for key, _, form in _METRICS]
        rows.append((name, *([routes[name]] if routes is not None else []), *cells))
    route = ("route",) if routes is not None else ()
    return Table(title, (first, *route, *(label for _, label, _ in _METRICS)), rows)


def _baselines(title: str, first: str, lines: Mapping[str, MetricsByKind]) -> Table:
    columns = [f"{label}, {_SHORT[kind]}" for _, label, _ in _COMPARED for kind in _kinds(label)]
    rows = []
    for name, line in lines.items():
        cells = [_cell(line[k], key, form) for key, label, form in _COMPARED for k in _kinds(label)]
        rows.append((name, _cell(line[FORECAST], "tau_chars", "{:.3f}"), *cells))
    return Table(title, (first, "tau, prompt length", *columns), rows)


def _kinds(label: str) -> Sequence[str]:
    """The kinds with the metric ``label``; MODEL, the same for all prompts, has no tau."""
    return [kind for kind in KINDS if not (label == "tau" and kind == MODEL)]


def _cell(metrics: Mapping[str, float], key: str, form: str) -> str:
    value = metrics.get(key, float("nan"))
    return "-" if isnan(value) else form.format(value)
