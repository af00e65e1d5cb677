"""LastingCounts: sums over fronts that never fall, though fronts die and start again.

Prometheus takes a sum that falls for a restart, and counts what the others have counted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.fronts.merge import Merged, is_summed_count

_START = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class _Page:
    """What a front has counted, by the last page that came from it."""

    started: float
    """Seconds since the epoch at which the process began: tells it from its successor."""
    counts: list[Metric]


class LastingCounts:
    """Keeps the counts of fronts that have ended, or do not answer, with those of the others.

    What a front has counted after its last page is lost with it.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Page] = {}
        self._ended = Merged()

    def metrics(self, pages: Mapping[str, str | None]) -> Merged:
        """The metrics of all fronts by the rules. ``pages``: by name; None for no answer."""
        whole = Merged()
        for name, text in pages.items():
            if text is None:
                if name in self._last:
                    whole.add(self._last[name].counts, name)
                continue
            families = list(text_string_to_metric_families(text))
            whole.add(families, name)
            self._keep(name, families)
        whole.add(self._ended.metrics(), "")
        return whole

    def _keep(self, name: str, families: list[Metric]) -> None:
        started = max((s.value for f in families if f.name == _START for s in f.samples), default=0)
        before = self._last.get(name)
        if before is not None and before.started != started:
            self._ended.add(before.counts, name)
        self._last[name] = _Page(started, [one for one in families if is_summed_count(one)])
