"""Reports of the benchmarks with a real vLLM: runs, ratios within a repeat, table and picture."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np

from scheduler.records import RequestRecord

METRICS = {
    "mean_normalised_latency": "mean normalised latency, ms/token",
    "p99_normalised_latency": "p99 normalised latency, ms/token",
    "mean_ttft": "mean TTFT, s",
    "p99_ttft": "p99 TTFT, s",
    "mean_e2e": "mean E2E, s",
    "p99_e2e": "p99 E2E, s",
    "throughput_tokens": "output tokens/s",
    "preemptions": "preemptions",
    "engine_cpu": "CPU of the engine, ms/token",
}

STOCK = "stock"
"""vLLM driven directly, without the gateway."""

ARMS = {STOCK: "vLLM directly", "fcfs": "gateway, fcfs", "sejf": "gateway, sejf"}
PAIRS = (("fcfs", STOCK), ("sejf", "fcfs"))
"""(arm, control) of each ratio in the table."""


@dataclass(frozen=True, slots=True)
class Run:
    """One arm in one repeat. Normalised latencies in ms/token, other latencies in s."""

    arm: str
    seed: int
    mean_normalised_latency: float
    p99_normalised_latency: float
    mean_ttft: float
    p99_ttft: float
    mean_e2e: float
    p99_e2e: float
    throughput_tokens: float
    preemptions: float = 0.0
    """By vLLM's counter."""
    engine_cpu: float = 0.0
    """CPU milliseconds per output token: steadier than throughput on a machine with other load."""

    @classmethod
    def measured(
        cls,
        arm: str,
        seed: int,
        records: Sequence[RequestRecord],
        *,
        preemptions: float = 0.0,
        cpu_seconds: float = 0.0,
    ) -> Run:
        """The run with the statistics of the clients' records."""

        def values(metric: Callable[[RequestRecord], float | None]) -> list[float]:
            return [value for record in records if (value := metric(record)) is not None]

        normalised = [1000 * v for v in values(lambda r: r.normalised_latency)]
        ttft, e2e = values(lambda r: r.ttft), values(lambda r: r.e2e)
        end = max(values(lambda r: r.finished))
        tokens = sum(record.output_tokens for record in records)
        span = end - min(record.arrival for record in records)
        return cls(
            arm=arm,
            seed=seed,
            mean_normalised_latency=mean(normalised),
            p99_normalised_latency=float(np.percentile(normalised, 99)),
            mean_ttft=mean(ttft),
            p99_ttft=float(np.percentile(ttft, 99)),
            mean_e2e=mean(e2e),
            p99_e2e=float(np.percentile(e2e, 99)),
            throughput_tokens=tokens / span,
            preemptions=preemptions,
            engine_cpu=1000 * cpu_seconds / tokens,
        )


def ratios(runs: Sequence[Run], metric: str, arm: str, control: str) -> list[float]:
    """``arm`` over ``control`` in each repeat that has both.

    A repeat in which the control is 0 is left out.
    """
    by_seed = {(run.arm, run.seed): float(getattr(run, metric)) for run in runs}
    pairs = [
        (by_seed[arm, seed], by_seed.get((control, seed), 0.0))
        for seed in sorted({run.seed for run in runs})
        if (arm, seed) in by_seed
    ]
    return [value / base for value, base in pairs if base]


def summarise(
    runs: Sequence[Run],
    setting: str,
    arms: Mapping[str, str] = ARMS,
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> str:
    """A Markdown table: medians over the repeats, with the range."""
    titles = [*arms.values(), *(f"{arm} / {control}" for arm, control in pairs)]
    rows = [
        f"{setting}. Medians over the repeats; in brackets least and greatest.",
        "",
        f"| | {' | '.join(titles)} |",
        "|---" * (len(titles) + 1) + "|",
    ]
    for metric, title in METRICS.items():
        if not any(getattr(run, metric) for run in runs):
            continue  # not measured, or 0 in every run
        cells = [title]
        for arm in arms:
            cells.append(_spread([float(getattr(r, metric)) for r in runs if r.arm == arm], _short))
        for arm, control in pairs:
            cells.append(_spread(ratios(runs, metric, arm, control), "{:.2f}".format))
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _spread(values: Sequence[float], style: Callable[[float], str]) -> str:
    if not values:
        return "-"
    return f"{style(median(values))} ({style(min(values))}..{style(max(values))})"


def _short(value: float) -> str:
    """Three significant digits; large numbers without decimals."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_report(
    folder: Path,
    name: str,
    runs: Sequence[Run],
    setting: str,
    arms: Mapping[str, str] = ARMS,
    pairs: Sequence[tuple[str, str]] = PAIRS,
) -> None:
    """Write ``name.md``, ``name.json`` and ``name.png`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(summarise(runs, setting, arms, pairs) + "\n")
    data = {"setting": setting, "runs": [asdict(run) for run in runs]}
    (folder / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
    draw(folder / f"{name}.png", runs, setting, arms)


def draw(path: Path, runs: Sequence[Run], setting: str, arms: Mapping[str, str]) -> None:
    """A bar per arm, the median, with each repeat as a dot."""
    import matplotlib as mpl  # takes half a second, so only when a picture is drawn

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), layout="constrained")
    shown = ("mean_normalised_latency", "mean_ttft", "p99_e2e", "throughput_tokens")
    for axis, metric in zip(axes, shown, strict=True):
        for x, arm in enumerate(arms):
            values = [getattr(run, metric) for run in runs if run.arm == arm]
            colour = "#d1495b" if arm == list(arms)[-1] else "#9aa5b1"
            axis.bar(x, median(values), color=colour, width=0.65)
            axis.plot([x] * len(values), values, "o", color="#22303c", markersize=3)
        labels = [title.replace(", ", "\n").replace(" ", "\n", 1) for title in arms.values()]
        axis.set_xticks(range(len(arms)), labels)
        axis.set_title(METRICS[metric], fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle("\n".join(textwrap.wrap(setting, 170)), fontsize=7, color="#52606d")
    figure.savefig(path, dpi=140)
    plt.close(figure)
