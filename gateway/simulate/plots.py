"""The plots, drawn without a display.

Colours are Okabe and Ito's, which colour-blind people tell apart; markers differ as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gateway.simulate.study import Row
from gateway.simulate.table import by_label, by_load
from predictor.evaluation.plot_style import figure

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_COLOURS = ("#6B6B6B", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
_MARKERS = "osD^vP*X"


def against_load(rows: Sequence[Row]) -> Figure:
    """Mean normalised latency, mean and p99 end-to-end latency against the load.

    Lines are means over the seeds, bands reach from the least to the most.
    """
    made, panels = figure(13, 4.2, 3)
    columns = (
        ("mean_normalised_latency", "Mean normalised latency", "seconds per output token"),
        ("mean_e2e", "Mean end-to-end latency", "seconds"),
        ("p99_e2e", "p99 end-to-end latency", "seconds"),
    )
    for axes, (column, title, unit) in zip(panels, columns, strict=True):
        for at, (label, found) in enumerate(by_label(rows).items()):
            loads = by_load(found)
            values = [[row[column] for row in of_load] for of_load in loads.values()]
            colour = _COLOURS[at % len(_COLOURS)]
            middle = [float(np.mean(seeds)) for seeds in values]
            marker = _MARKERS[at % len(_MARKERS)]
            axes.plot([*loads], middle, color=colour, marker=marker, ms=4.5, label=label)
            low, high = [min(seeds) for seeds in values], [max(seeds) for seeds in values]
            axes.fill_between([*loads], low, high, color=colour, alpha=0.12, lw=0)
        axes.set(title=title, xlabel="load (1: stock, all requests at once)", ylabel=unit)
        _logarithmic(axes.yaxis, axes.set_yscale, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
    panels[0].legend(frameon=False)
    return made


def _logarithmic(axis: Axis, set_scale: Callable[[str], None], subs: Sequence[float]) -> None:
    """A logarithmic axis whose ticks read ``subs``, in every decade, rather than powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415

    set_scale("log")
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


Latencies = Mapping[str, Mapping[str, Sequence[float]]]
"""End-to-end latencies in seconds, by length class and by policy."""


def by_class(latencies: Latencies, load: float) -> Figure:
    """The distribution of end-to-end latency of short, middling and long answers."""
    made, panels = figure(4.4 * len(latencies), 4.2, len(latencies))
    for axes, (title, by_policy) in zip(panels, latencies.items(), strict=True):
        for at, (label, values) in enumerate(by_policy.items()):
            share = np.linspace(0, 100, len(values))
            axes.plot(
                np.sort(values), share, color=_COLOURS[at % len(_COLOURS)], lw=1.6, label=label
            )
        _logarithmic(axes.xaxis, axes.set_xscale, (1.0, 2.0, 5.0))
        axes.set(title=title, xlabel="end-to-end latency (s)", ylabel="answers within (%)")
    panels[0].legend(frameon=False)
    made.suptitle(f"Load {load:.2f}", x=0.01, ha="left")
    return made


def regimes(rows: Sequence[Row], policy: str, control: str) -> Figure:
    """Mean normalised latency of ``policy`` over that of ``control``: a cell for each engine."""
    from matplotlib.colors import LogNorm  # noqa: PLC0415

    loads = by_load(rows)
    made, panels = figure(4.0 * len(loads) + 1.2, 4.0, len(loads))
    seqs = sorted({row["max_num_seqs"] for row in rows})
    kv = sorted({row["kv_tokens"] for row in rows})
    image = None
    for axes, (load, of_load) in zip(panels, loads.items(), strict=True):
        cells = [[_gain(of_load, policy, control, k, s) for s in seqs] for k in kv]
        image = axes.imshow(
            cells, cmap="RdBu_r", norm=LogNorm(0.2, 5.0), origin="lower", aspect="auto"
        )
        axes.grid(visible=False)
        axes.set_xticks(range(len(seqs)), [str(s) for s in seqs])
        axes.set_yticks(range(len(kv)), [f"{k:,}" for k in kv])
        axes.set(title=f"Load {load:.2f}", xlabel="sequence limit", ylabel="KV tokens")
        for (row, column), value in np.ndenumerate(np.array(cells)):
            if np.isfinite(value):
                colour = "black" if 0.35 < value < 2.9 else "white"
                axes.text(
                    column, row, f"{value:.2f}", color=colour, ha="center", va="center", fontsize=9
                )
    assert image is not None
    label = f"mean normalised latency, {policy} / {control}"
    bar = made.colorbar(image, ax=panels, label=label, ticks=[0.2, 0.5, 1, 2, 5], format="%g")
    bar.minorticks_off()
    return made


def _gain(rows: Sequence[Row], policy: str, control: str, kv: int, seqs: int) -> float:
    def middle(name: str) -> float:
        found = [
            row["mean_normalised_latency"]
            for row in rows
            if (row["policy"], row["kv_tokens"], row["max_num_seqs"]) == (name, kv, seqs)
        ]
        return float(np.mean(found)) if found else float("nan")

    return middle(policy) / middle(control)
