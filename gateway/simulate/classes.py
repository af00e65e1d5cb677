"""Latencies by length class: whom a policy serves sooner, and whom later."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from gateway.simulate.plan import Plan
from gateway.simulate.study import Row
from gateway.simulate.table import label
from scheduler.sim.simulator import Outcome


class Classes:
    """End-to-end latencies of short, middling and long answers at the load nearest to 1."""

    def __init__(self, plan: Plan) -> None:
        drawn = plan.draw(plan.seeds[0])
        lengths = sorted(request.output_tokens for request in drawn)
        self._bounds = [lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]]
        low, high = self._bounds
        self._titles = (
            f"Short: up to {low:,} tokens",
            f"Middling: {low + 1:,} to {high:,} tokens",
            f"Long: more than {high:,} tokens",
        )
        self._nearest = min(plan.loads, key=lambda load: abs((1.0 if load is None else load) - 1.0))
        self._found: dict[str, dict[str, list[float]]] = {title: {} for title in self._titles}
        self.load = 1.0 if self._nearest is None else self._nearest

    @property
    def latencies(self) -> Mapping[str, Mapping[str, Sequence[float]]]:
        """Seconds, by class and by policy."""
        return self._found

    def add(self, row: Row, outcome: Outcome) -> None:
        """Take a run."""
        if row["asked_load"] != ("own" if self._nearest is None else f"{self._nearest:g}"):
            return
        self.load = row["load"]
        for record in outcome.ended:
            title = self._titles[bisect_left(self._bounds, record.output_tokens)]
            assert record.e2e is not None
            self._found[title].setdefault(label(row), []).append(record.e2e)
