"""The report of a simulation: report.json, the plots, and the heading of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.simulate import plots
from gateway.simulate.experiment import Experiment
from gateway.simulate.length_classes import LengthClasses
from gateway.simulate.study import ReportRow
from predictor.evaluation import plot_style
from predictor.files import write_atomically
from scheduler.sim.arms import STOCK


def heading(experiment: Experiment, rows: Sequence[ReportRow]) -> str:
    """The requests, the setup and the rate of load 1; a last line counts dropped requests."""
    setup = experiment.setup
    lines = [
        experiment.source.title,
        f"{experiment.count:,} requests per run, {experiment.arrivals.name} arrivals, "
        f"{len(experiment.seeds)} seeds; {setup.workers} x {setup.kv_tokens:,} KV tokens, "
        f"{setup.max_num_seqs} sequences",
        f"load 1: {rows[0]['rate'] / rows[0]['load']:.3g} requests/s (seed 0)",
    ]
    if dropped := max(row["dropped"] for row in rows):
        lines.append(f"dropped in every run: {dropped:,} requests that fit no engine")
    return "\n".join([*lines, ""])


@dataclass(frozen=True, slots=True)
class Report:
    """The runs of the experiment, the runs of the regime map, and latencies by length class."""

    rows: Sequence[ReportRow]
    mapped: Sequence[ReportRow]
    classes: LengthClasses

    def write(self, folder: Path) -> Path:
        """Write each file whole or not at all; returns the path of report.json.

        Raises:
            OSError: a file cannot be written.
        """
        for name, content in self._files().items():
            write_atomically(folder / name, content)
        return folder / "report.json"

    def _files(self) -> dict[str, bytes]:
        report = json.dumps([*self.rows, *self.mapped], indent=1)
        files = {"report.json": report.encode() + b"\n"}
        with plot_style.styled():
            files["latency.png"] = plot_style.png(plots.against_load(self.rows))
            by_class = plots.by_class(self.classes.latencies, self.classes.load)
            files["classes.png"] = plot_style.png(by_class)
            if self.mapped:
                policy = next(row["policy"] for row in self.mapped if row["policy"] != STOCK)
                regimes = plots.regimes(self.mapped, policy, STOCK)
                files["regimes.png"] = plot_style.png(regimes)
        return files
