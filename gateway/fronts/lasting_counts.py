"""LastingCounts: sums over fronts that never fall, though fronts die and start again.

Prometheus takes a sum that falls for a restart, and counts what the others have counted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.fronts.merge import Merged, is_summed_count


class LastingCounts:
    """Keeps the counts of fronts that have ended, or do not answer, with those of the others."""

    def __init__(self) -> None:
        self._last: dict[str, list[Metric]] = {}
        """By name: what the present process has counted, by its last page."""
        self._ended = Merged()
        self._lives: Counter[str] = Counter()

    def lives(self) -> Counter[str]:
        """By name, how many processes have ended."""
        return self._lives.copy()

    def ended(self, name: str, kept: Iterable[Metric]) -> None:
        """A front's process has ended: its last page counts, and what it has ``kept`` since.

        A metric that is kept is kept whole, so it takes the place of the page's.
        """
        counts = {family.name: family for family in self._last.pop(name, ())}
        counts |= {family.name: family for family in kept if is_summed_count(family)}
        self._ended.add(counts.values(), name)
        self._lives[name] += 1

    def metrics(self, pages: Mapping[str, str | None], asked: Mapping[str, int]) -> Merged:
        """The metrics of all fronts by the rules.

        Args:
            pages: by name; None for no answer.
            asked: ``lives`` when they were asked for. A process that has answered and died since
                is counted as one that has ended.
        """
        whole = Merged()
        for name, text in pages.items():
            if text is None or asked.get(name, 0) != self._lives[name]:
                whole.add(self._last.get(name, ()), name)
                continue
            families = list(text_string_to_metric_families(text))
            whole.add(families, name)
            self._last[name] = [one for one in families if is_summed_count(one)]
        whole.add(self._ended.metrics(), "")
        return whole
