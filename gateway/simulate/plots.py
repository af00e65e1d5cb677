"""The plots of a simulation, drawn without a display.

The colours are Okabe and Ito's, which colour-blind people can tell apart. The policies also have
different markers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gateway.simulate.study import ReportRow, mean
from gateway.simulate.table import by_label, by_load
from predictor.evaluation.plot_style import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

_COLOURS = ("#6B6B6B", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")
_MARKERS = "osD^vP*X"
_PANELS = (
    ("mean_normalised_latency", "Mean normalised latency", "seconds per output token"),
    ("mean_e2e", "Mean end-to-end latency", "seconds"),
    ("p99_e2e", "p99 end-to-end latency", "seconds"),
)

Latencies = Mapping[str, Mapping[str, Sequence[float]]]
"""End-to-end latencies in seconds, by length class and by policy."""


def against_load(rows: Sequence[ReportRow]) -> Figure:
    """Mean normalised latency, mean and p99 end-to-end latency over the load.

    A line is the mean over the seeds; its band reaches from the smallest to the largest value.
    """
    drawing, panels = new_figure(13, 4.2, 3)
    for axes, (column, title, unit) in zip(panels, _PANELS, strict=True):
        for number, (label, group) in enumerate(by_label(rows).items()):
            _line_with_band(axes, number, label, group, column)
        axes.set(title=title, xlabel="load (1: stock, all requests at once)", ylabel=unit)
        _logarithmic(axes.yaxis, axes.set_yscale, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
    panels[0].legend(frameon=False)
    return drawing


def _line_with_band(
    axes: Axes, number: int, label: str, rows: Sequence[ReportRow], column: str
) -> None:
    """One policy; ``number`` chooses colour and marker."""
    by_seed = {load: [row[column] for row in at_load] for load, at_load in by_load(rows).items()}
    loads, values = [*by_seed], [*by_seed.values()]
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    means = [float(np.mean(seeds)) for seeds in values]
    axes.plot(loads, means, color=colour, marker=marker, ms=4.5, label=label)
    low, high = [min(seeds) for seeds in values], [max(seeds) for seeds in values]
    axes.fill_between(loads, low, high, color=colour, alpha=0.12, lw=0)


def _logarithmic(axis: Axis, set_scale: Callable[[str], None], subs: Sequence[float]) -> None:
    """A logarithmic axis with ticks at ``subs`` times each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415

    set_scale("log")
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def by_class(latencies: Latencies, load: float) -> Figure:
    """The distribution of end-to-end latency, one panel per length class."""
    drawing, panels = new_figure(4.4 * len(latencies), 4.2, len(latencies))
    for axes, (title, by_policy) in zip(panels, latencies.items(), strict=True):
        for number, (label, values) in enumerate(by_policy.items()):
            share = np.linspace(0, 100, len(values))
            colour = _COLOURS[number % len(_COLOURS)]
            axes.plot(np.sort(values), share, color=colour, lw=1.6, label=label)
        _logarithmic(axes.xaxis, axes.set_xscale, (1.0, 2.0, 5.0))
        axes.set(title=title, xlabel="end-to-end latency (s)", ylabel="answers within (%)")
    panels[0].legend(frameon=False)
    drawing.suptitle(f"Load {load:.2f}", x=0.01, ha="left")
    return drawing


def regimes(rows: Sequence[ReportRow], policy: str, control: str) -> Figure:
    """Mean normalised latency, ``policy`` / ``control``, by KV capacity and sequence limit.

    One panel per load, one cell per engine setup.
    """
    from matplotlib.colors import LogNorm  # noqa: PLC0415

    loads = by_load(rows)
    drawing, panels = new_figure(4.0 * len(loads) + 1.2, 4.0, len(loads))
    limits = sorted({row["max_num_seqs"] for row in rows})
    capacities = sorted({row["kv_tokens"] for row in rows})
    image = None
    for axes, (load, at_load) in zip(panels, loads.items(), strict=True):
        cells = np.array(
            [[_ratio(at_load, policy, control, kv, limit) for limit in limits] for kv in capacities]
        )
        image = axes.imshow(
            cells, cmap="RdBu_r", norm=LogNorm(0.2, 5.0), origin="lower", aspect="auto"
        )
        axes.grid(visible=False)
        axes.set_xticks(range(len(limits)), [str(limit) for limit in limits])
        axes.set_yticks(range(len(capacities)), [f"{kv:,}" for kv in capacities])
        axes.set(title=f"Load {load:.2f}", xlabel="sequence limit", ylabel="KV tokens")
        _write_cells(axes, cells)
    assert image is not None
    label = f"mean normalised latency, {policy} / {control}"
    bar = drawing.colorbar(image, ax=panels, label=label, ticks=[0.2, 0.5, 1, 2, 5], format="%g")
    bar.minorticks_off()
    return drawing


def _write_cells(axes: Axes, cells: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """Write the ratio into each cell, in black or white for contrast with the cell's colour."""
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            colour = "black" if 0.35 < value < 2.9 else "white"
            axes.text(
                column, row, f"{value:.2f}", color=colour, ha="center", va="center", fontsize=9
            )


def _ratio(
    rows: Sequence[ReportRow], policy: str, control: str, kv_tokens: int, limit: int
) -> float:
    at_setup = [
        row for row in rows if (row["kv_tokens"], row["max_num_seqs"]) == (kv_tokens, limit)
    ]
    ours, theirs = (
        mean([row for row in at_setup if row["policy"] == name], "mean_normalised_latency")
        for name in (policy, control)
    )
    return ours / theirs
