"""Tables and pictures of the adaptive layer's benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Results = dict[str, Any]
Report = Callable[[Results, Path], tuple[str, Results]]

_ARMS = {
    "trained, adaptive": ("trained with the model, adaptive", "#9aa5b1", "--"),
    "trained": ("trained with the model", "#22303c", "-"),
    "unseen": ("never saw the model", "#edae49", "-"),
    "adaptive": ("never saw the model, adaptive", "#d1495b", "-"),
}
_TITLES = {
    "tau": "Kendall's tau / trained with the model",
    "coverage": "coverage of the central 80 %",
    "crps": "CRPS / trained with the model",
}


_LONG = 9
"""Windows of a curve. Models with fewer held-out prompts are in the table only."""


def _axes(count: int, height: float = 3.3) -> tuple[Any, Any]:
    import matplotlib as mpl  # takes half a second, so only when a picture is drawn

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, count, figsize=(4.0 * count, height), layout="constrained")
    for axis in np.atleast_1d(axes):
        axis.spines[["top", "right"]].set_visible(False)
    return figure, np.atleast_1d(axes)


def _saved(figure: Any, path: Path) -> None:
    from matplotlib import pyplot as plt

    figure.savefig(path, dpi=140)
    plt.close(figure)


def cold_start(results: Results, path: Path) -> tuple[str, Results]:
    """A table by left-out model; curves over its finished requests."""
    rows = results["rows"]
    names = sorted({row["model"] for row in rows})
    mean = {
        name: {arm: np.mean([r[arm] for r in rows if r["model"] == name], axis=0) for arm in _ARMS}
        for name in names
    }
    everyone = {arm: np.mean([mean[name][arm] for name in names], axis=0) for arm in _ARMS}
    seeds = len({row["seed"] for row in rows})
    lines = [
        "Requests 501 to 1,000 (or to the last) of a model that the predictor never saw, in "
        f"{seeds} random orders. judged: measured requests. tau: Kendall's tau of the mean "
        "forecast. ratio: tau, adaptive / tau, trained with it. 80 % coverage: share of answers "
        "inside the 80 % interval. CRPS in tokens.",
        "",
        "| model left out | judged | tau, adaptive | never saw it | trained with it | ratio | 80 % "
        "coverage, adaptive | never saw it | trained with it | CRPS, adaptive | never saw it | "
        "trained with it |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    judged = {row["model"]: row["judged"] for row in rows}
    for name, arms in (*mean.items(), ("mean of the models", everyone)):
        new, static, trained = (arms[arm] for arm in ("adaptive", "unseen", "trained"))
        cells = [str(judged.get(name, ""))]
        cells += [f"{new[0]:.3f}", f"{static[0]:.3f}", f"{trained[0]:.3f}"]
        cells.append(f"{new[0] / trained[0]:.2f}")
        cells += [f"{100 * arm[1]:.1f} %" for arm in (new, static, trained)]
        cells += [f"{arm[2]:.0f}" for arm in (new, static, trained)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    _draw_cold_start(results["curves"], path)
    small = {
        name: {arm: v.round(4).tolist() for arm, v in arms.items()} for name, arms in mean.items()
    }
    curves = {
        score: {arm: _mean_curve(values).round(4).tolist() for arm, values in arms.items()}
        for score, arms in results["curves"].items()
    }
    return "\n".join(lines), {"by_model": small, "curves": curves, "rows": rows}


def _mean_curve(curves: list[list[float]]) -> Any:
    return np.mean([curve[:_LONG] for curve in curves if len(curve) >= _LONG], axis=0)


def _draw_cold_start(curves: Results, path: Path) -> None:
    """Tau and CRPS relative to the predictor trained with the model; coverage absolute."""
    figure, axes = _axes(3)
    for axis, (name, title) in zip(axes, _TITLES.items(), strict=True):
        against = 1.0 if name == "coverage" else _mean_curve(curves[name]["trained"])
        for arm, (label, colour, style) in _ARMS.items():
            mean = _mean_curve(curves[name][arm]) / against
            x = 50 + 100 * np.arange(len(mean))
            axis.plot(x, mean, style, color=colour, label=label, linewidth=1.6)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("finished requests of the new model", fontsize=8)
        axis.set_xlim(0)
    axes[0].axhline(0.9, color="#52606d", linewidth=0.8, linestyle=":")
    axes[0].set_ylim(0.8, 1.05)
    axes[1].axhspan(0.75, 0.85, color="#52606d", alpha=0.08, lw=0)
    axes[1].set_ylim(0.6, 1.0)
    axes[0].legend(fontsize=7, frameon=False, loc="lower right")
    figure.suptitle(
        "a model that the predictor never saw: windows of 100 requests, mean of the left-out "
        f"models that have {100 * _LONG} held-out prompts",
        fontsize=8,
        color="#52606d",
    )
    _saved(figure, path)


def repeats(results: Results, path: Path) -> tuple[str, Results]:
    """The error by the number of earlier requests for the prompt."""
    rows = results["rows"]
    scores = ("forecast", "samples", "forecast_ended", "samples_ended", "coverage")
    mean = {
        (kind, score): np.mean([r[score] for r in rows if r["kind"] == kind], axis=0)
        for kind in ("prompt", "template")
        for score in scores
    }
    seeds = len({row["seed"] for row in rows})
    lines = [
        "MAE in tokens of the forecast's median, by the number of earlier requests for the "
        f"prompt; 13 models, 400 held-out prompts each, {seeds} random orders. earlier answers "
        "alone: the forecast is the median of the earlier answers. In brackets: without the "
        "answers that never ended.",
        "",
        "| asked before | same prompt | its coverage | same template, other values | its coverage "
        "| earlier answers alone |",
        "|---|---|---|---|---|---|",
    ]
    for visit in (0, 1, 2, 3, 5):
        cells = [str(visit)]
        for kind in ("prompt", "template"):
            cells.append(
                f"{mean[kind, 'forecast'][visit]:.0f} ({mean[kind, 'forecast_ended'][visit]:.0f})"
            )
            cells.append(f"{100 * mean[kind, 'coverage'][visit]:.1f} %")
        cells.append(
            f"{mean['prompt', 'samples'][visit - 1]:.0f} "
            f"({mean['prompt', 'samples_ended'][visit - 1]:.0f})"
            if visit
            else "-"
        )
        lines.append("| " + " | ".join(cells) + " |")
    others = results["others"]
    lines += [
        "",
        "MAE of a model's first answer to a prompt that other models answered before: "
        + ", ".join(f"{count} others {mae:.0f}" for count, mae in others.items())
        + " tokens.",
    ]
    figure, (axis,) = _axes(1)
    for kind, colour in (("prompt", "#d1495b"), ("template", "#edae49")):
        label = {"prompt": "same prompt", "template": "same template, other values"}[kind]
        axis.plot(range(6), mean[kind, "forecast_ended"], "o-", color=colour, label=label)
    axis.plot(
        range(1, 6),
        mean["prompt", "samples_ended"],
        "s--",
        color="#22303c",
        label="earlier answers alone",
    )
    axis.set_ylim(0)
    axis.set_xlabel("times asked before", fontsize=8)
    axis.set_title("MAE of the median, tokens", fontsize=10)
    axis.legend(fontsize=7, frameon=False)
    _saved(figure, path)
    small = {f"{kind} {name}": np.round(v, 3).tolist() for (kind, name), v in mean.items()}
    return "\n".join(lines), {"mean": small, "others": others, "rows": rows}


def drift(results: Results, path: Path) -> tuple[str, Results]:
    """Coverage before and after a silent replacement."""
    pairs = len(results["new prompts"]["adaptive"])
    lines = [
        "Share of answers inside the 80 % interval, before and after another model starts to "
        f"answer under the same name. All {pairs} ordered pairs with 500 prompts in common; a "
        "window holds the mean over the pairs.",
        "",
        "| traffic | forecasts | 100 before | after 1-100 | 101-200 | 201-300 | 251-350 | pairs "
        "within 5 points in 151-350 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    figure, axes = _axes(2)
    small: Results = {}
    for axis, (kind, arms) in zip(axes, results.items(), strict=True):
        for arm, colour in (("static", "#9aa5b1"), ("adaptive", "#d1495b")):
            inside = np.array(arms[arm])
            start = 150
            spans = ((-100, 0), (0, 100), (100, 200), (200, 300), (250, 350))
            means = [inside[:, start + a : start + b].mean() for a, b in spans]
            late = inside[:, start + 150 : start + 350].mean(axis=1)
            near = float(np.mean(np.abs(late - 0.8) <= 0.05))
            cells = [f"{100 * value:.1f} %" for value in means] + [f"{100 * near:.0f} %"]
            lines.append(f"| {kind} | {arm} | " + " | ".join(cells) + " |")
            curve = np.convolve(inside.mean(axis=0), np.full(100, 1 / 100), "valid")
            axis.plot(np.arange(len(curve)) + 99 - start, curve, color=colour, label=arm)
            small[f"{kind}, {arm}"] = {
                "curve": curve.round(4).tolist(),
                "windows": dict(zip(map(str, spans), np.round(means, 4).tolist(), strict=True)),
                "pairs_within_5": near,
                "pair_late": late.round(4).tolist(),
            }
        axis.axvline(0, color="#22303c", linewidth=0.8, linestyle=":")
        axis.axhspan(0.75, 0.85, color="#52606d", alpha=0.08, lw=0)
        axis.set_ylim(0.5, 1.0)
        axis.set_title(f"coverage of the central 80 %:\n{kind}", fontsize=9)
        axis.set_xlabel("requests since the replacement (mean of the last 100)", fontsize=8)
        axis.legend(fontsize=7, frameon=False)
    _saved(figure, path)
    return "\n".join(lines), small


def queue(results: Results, path: Path) -> tuple[str, Results]:
    """Latency of sejf / latency of fcfs, before and after a silent replacement."""
    rows = results["rows"]
    loads = sorted({row["load"] for row in rows})
    pairs = len({(row["old"], row["new"]) for row in rows})
    lines = [
        "Simulated: mean end-to-end latency of sejf / mean end-to-end latency of fcfs, with the "
        f"same arrivals. One worker of 16 slots, Poisson arrivals, {pairs} pairs of models. The "
        "second model replaces the first silently and answers 350 requests under the old name. "
        "Mean over the pairs; in brackets least and greatest.",
        "",
        "| load | forecasts | before | first 100 after | all 350 after | pairs above 1.02 |",
        "|---|---|---|---|---|---|",
    ]
    figure, axes = _axes(len(loads), 3.0)
    small: Results = {"rows": []}
    for axis, load in zip(axes, loads, strict=True):
        for arm, colour in (("static", "#9aa5b1"), ("adaptive", "#d1495b")):
            chosen = [row for row in rows if row["load"] == load]
            cells = []
            for first, last in ((-10_000, 0), (0, 100), (0, 350)):
                ratios = np.array([_ratio(row, arm, first, last) for row in chosen])
                cells.append(f"{ratios.mean():.3f} ({ratios.min():.3f}..{ratios.max():.3f})")
            lines.append(
                f"| {load} | {arm} | " + " | ".join(cells) + f" | {np.sum(ratios > 1.02)} |"
            )
            small["rows"].append({"load": load, "arm": arm, "after": ratios.round(4).tolist()})
            axis.plot(
                np.arange(25, 350, 25),
                [
                    np.mean([_ratio(r, arm, at - 25, at + 25) for r in chosen])
                    for at in range(25, 350, 25)
                ],
                color=colour,
                label=f"sejf, {arm}",
            )
        axis.axhline(1.0, color="#22303c", linewidth=0.8)
        axis.set_ylim(0.4, 1.1)
        axis.set_title(f"load {load}: latency, fcfs = 1", fontsize=9)
        axis.set_xlabel("requests since the replacement", fontsize=8)
        axis.legend(fontsize=7, frameon=False)
    _saved(figure, path)
    return "\n".join(lines), small


def _ratio(row: Results, arm: str, first: int, last: int) -> float:
    start, stop = max(0, row["start"] + first), row["start"] + last
    return float(np.mean(row[arm][start:stop]) / np.mean(row["fcfs"][start:stop]))


def cost(results: Results, path: Path) -> tuple[str, Results]:
    """Microseconds per request, and the size of the memory; no picture."""
    cpu = results["cpu"]
    lines = [
        f"On {results['machine']}, one thread. A full memory ({results['keys']} keys) takes "
        f"{results['megabytes']:.0f} MB, its state file {results['stored']:.0f} MB, written in "
        f"{results['save_s']:.1f} s. Mean CPU microseconds per request: adapt {cpu['adapt']:.0f}, "
        f"in batches of 64 {cpu['adapt in batches']:.0f}, learn {cpu['learn']:.0f}. "
        "Microseconds per request by the clock, with other work on the machine:",
        "",
        "| | median | p99 |",
        "|---|---|---|",
    ]
    for name in ("adapt, one", "learn"):
        lines.append(f"| {name} | {results[name][0]:.0f} | {results[name][1]:.0f} |")
    return "\n".join(lines), results


REPORTS: dict[str, Report] = {
    "cold-start": cold_start,
    "repeats": repeats,
    "drift": drift,
    "queue": queue,
    "cost": cost,
}
