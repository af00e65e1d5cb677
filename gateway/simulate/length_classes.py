"""Latencies by length class: the effect of a policy on short, medium and long answers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from gateway.simulate.experiment import Experiment, load_name
from gateway.simulate.study import ReportRow
from gateway.simulate.table import label
from scheduler.sim.simulator import Outcome


class LengthClasses:
    """End-to-end latencies of short, medium and long answers at the requested load nearest to 1.

    Each class holds a third of the requests. Only runs at that load are kept.
    """

    def __init__(self, experiment: Experiment) -> None:
        drawn = experiment.draw(experiment.seeds[0])
        lengths = sorted(request.output_tokens for request in drawn)
        self._bounds = [lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]]
        low, high = self._bounds
        self._titles = (
            f"Short: up to {low:,} tokens",
            f"Medium: {low + 1:,} to {high:,} tokens",
            f"Long: more than {high:,} tokens",
        )
        nearest = min(experiment.loads, key=lambda load: abs((1.0 if load is None else load) - 1.0))
        self._load_name = load_name(nearest)
        self._latencies: dict[str, dict[str, list[float]]] = {title: {} for title in self._titles}
        self.load = 1.0 if nearest is None else nearest

    @property
    def latencies(self) -> Mapping[str, Mapping[str, Sequence[float]]]:
        """Seconds, by class and by policy."""
        return self._latencies

    def add(self, row: ReportRow, outcome: Outcome) -> None:
        """Add a run; a run at another load is ignored."""
        if row["asked_load"] != self._load_name:
            return
        self.load = row["load"]
        for record in outcome.ended:
            title = self._titles[bisect_left(self._bounds, record.output_tokens)]
            assert record.e2e is not None
            self._latencies[title].setdefault(label(row), []).append(record.e2e)
