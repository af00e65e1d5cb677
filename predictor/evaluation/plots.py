"""The plots of an evaluation, drawn without a display.

Colours are those of Okabe and Ito, which colour-blind people can tell apart; markers differ too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from predictor.evaluation import scores
from predictor.evaluation.metrics import coverage
from predictor.evaluation.plot_style import new_figure, png, styled
from predictor.evaluation.study import CORPUS, FORECAST, Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#6B6B6B"
_BINS = 20
_SHARES = np.arange(0.05, 1.0, 0.05)


def draw(study: Evaluation) -> dict[str, bytes]:
    """The plots as PNG files by name."""
    plots: dict[str, Callable[[Evaluation], Figure]] = {
        "reliability": _reliability,
        "predicted": _predicted,
        "skill": _skill,
        "tau": _tau,
    }
    with styled():
        return {f"{name}.png": png(plot(study)) for name, plot in plots.items()}


def _reliability(study: Evaluation) -> Figure:
    """Histogram of the PIT, and coverage of central intervals by model and on average."""
    figure, (left, right) = new_figure(10, 4.2, 2)
    values, curves = [], []
    rng = np.random.default_rng(0)
    for forecasts in study.forecasts:
        atoms, mass = forecasts.atoms[forecasts.prompt], forecasts.mass[forecasts.prompt]
        actual = forecasts.by_sample()[2]
        values.append(scores.pit(atoms, mass, actual, forecasts.censored, rng))
        curves.append([coverage(forecasts, share) for share in _SHARES])
    _pit_histogram(left, np.concatenate(values))
    for number, curve in enumerate(curves):
        label = "each model" if number == 0 else None
        right.plot(100 * _SHARES, 100 * np.array(curve), color=GREY, alpha=0.45, lw=1, label=label)
    middle = 100 * np.mean(curves, axis=0)
    right.plot(100 * _SHARES, middle, color=BLUE, lw=2, marker="o", ms=3.5, label="mean")
    right.plot([0, 100], [0, 100], color=ORANGE, lw=1.2, ls="--", label="calibrated")
    right.set(
        title="Coverage of central intervals",
        xlabel="nominal coverage (%)",
        ylabel="answers within (%)",
        xlim=(0, 100),
        ylim=(0, 100),
        aspect="equal",
    )
    right.legend(frameon=False, loc="upper left")
    return figure


def _pit_histogram(axes: Axes, values: Any) -> None:
    height, edges = np.histogram(values, bins=_BINS, range=(0, 1))
    axes.bar(
        edges[:-1],
        height / len(values) * _BINS,
        width=1 / _BINS,
        align="edge",
        color=BLUE,
        edgecolor="white",
    )
    axes.axhline(1, color=ORANGE, lw=1.2, ls="--", label="calibrated")
    axes.set(
        title="Probability integral transform",
        xlabel="forecast probability of at most the actual length",
        ylabel="density of answers (1 = uniform)",
        xlim=(0, 1),
    )
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(frameon=False, loc="upper right")


def _predicted(study: Evaluation) -> Figure:
    """Actual length against the median forecast, for all samples of all models."""
    from matplotlib import colormaps  # noqa: PLC0415
    from matplotlib.colors import ListedColormap  # noqa: PLC0415

    figure, (axes,) = new_figure(6.4, 5.4, 1)
    median = [forecasts.quantile(0.5)[forecasts.prompt] for forecasts in study.forecasts]
    forecast = np.concatenate(median)
    actual = np.concatenate([forecasts.tokens for forecasts in study.forecasts])
    low = max(1.0, float(np.quantile(actual, 0.001)) / 1.5)
    high = 1.5 * float(max(actual.max(), forecast.max()))
    cells = axes.hexbin(
        forecast,
        actual,
        xscale="log",
        yscale="log",
        bins="log",
        gridsize=55,
        mincnt=1,
        cmap=ListedColormap(colormaps["Blues"](np.linspace(0.22, 1.0, 256))),
        linewidths=0.1,
        extent=(np.log10(low), np.log10(high), np.log10(low), np.log10(high)),
    )
    axes.plot([low, high], [low, high], color=ORANGE, lw=1.4, ls="--", label="actual = forecast")
    axes.set(
        title="Forecast and actual length",
        xlabel="median forecast (tokens)",
        ylabel="actual length (tokens)",
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
    )
    axes.legend(frameon=False, loc="upper left")
    figure.colorbar(cells, ax=axes, label="answers per cell (log scale)", shrink=0.85)
    return figure


def _skill(study: Evaluation) -> Figure:
    """CRPS skill of the forecast and of the corpus x model baseline, by model."""
    names = _models_by(study, "crps_skill")
    figure, (axes,) = new_figure(8, 1.6 + 0.36 * len(names), 1)
    baseline, own = (_values(study, names, kind, "crps_skill") for kind in (CORPUS, FORECAST))
    _dots(axes, baseline, ("s", GREY, "corpus x model lengths (baseline)"))
    _dots(axes, own, ("o", BLUE, "forecast"))
    _references(axes, ((0, "the model's lengths"), (1, "other answers to the prompt")))
    axes.set(title="CRPS skill by model", xlabel="CRPS skill (higher is better)")
    lowest, highest = axes.get_xlim()
    axes.set_xlim(min(lowest, -0.08), max(highest, 1.08))
    _finish(figure, axes, names)
    return figure


def _tau(study: Evaluation) -> Figure:
    """Kendall's tau of the forecast, prompt length, corpus x model baseline and noise ceiling."""
    names = _models_by(study, "tau")
    figure, (axes,) = new_figure(8, 1.6 + 0.36 * len(names), 1)
    for kind, key, look in (
        (FORECAST, "tau_chars", ("x", GREY, "prompt length only")),
        (CORPUS, "tau", ("s", GREY, "corpus x model median (baseline)")),
        (FORECAST, "tau", ("o", BLUE, "forecast")),
        (FORECAST, "ceiling", ("|", ORANGE, "noise ceiling")),
    ):
        _dots(axes, _values(study, names, kind, key), look)
    axes.axvline(0, color=GREY, lw=1)
    axes.set(title="Ranking by model", xlabel="Kendall's tau against one answer to each prompt")
    _finish(figure, axes, names)
    return figure


def _models_by(study: Evaluation, key: str) -> list[str]:
    """The models by a metric of the forecast, best last; the last model is drawn on top."""
    values = {name: by_kind[FORECAST][key] for name, by_kind in study.models.items()}
    return sorted(values, key=lambda name: (not np.isnan(values[name]), values[name]))


def _values(study: Evaluation, names: list[str], kind: str, key: str) -> list[float]:
    return [study.models[name][kind][key] for name in names]


def _dots(axes: Axes, values: list[float], look: tuple[str, str, str]) -> None:
    marker, colour, label = look
    if not np.all(np.isnan(values)):
        axes.plot(values, range(len(values)), marker, color=colour, ms=8, mew=2, label=label)


def _references(axes: Axes, lines: tuple[tuple[float, str], ...]) -> None:
    for value, label in lines:
        axes.axvline(value, color=ORANGE, lw=1.2, ls="--")
        axes.annotate(
            label,
            (value, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4 if value == 0 else -4, -4),
            textcoords="offset points",
            ha="left" if value == 0 else "right",
            va="top",
            color=ORANGE,
            fontsize=9,
        )


def _finish(figure: Figure, axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [name.rsplit("/", 1)[-1] for name in names])
    axes.set_ylim(-0.6, len(names) + 0.2)
    axes.grid(axis="x", visible=True)
    figure.legend(frameon=False, loc="outside lower center", ncols=4)
