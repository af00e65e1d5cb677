"""What a benchmark must show for the README to say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.report import Run, ratios


@dataclass(frozen=True, slots=True)
class Claim:
    """``arm`` over ``control`` in a metric, the median over the repeats: within these bounds."""

    arm: str
    control: str
    metric: str
    most: float = float("inf")
    least: float = 0.0

    def broken(self, runs: Sequence[Run]) -> str | None:
        """Why it does not hold, if it does not; what was not measured shows nothing."""
        name = f"{self.arm} / {self.control} {self.metric}"
        found = ratios(runs, self.metric, self.arm, self.control)
        if not found:
            return f"{name}: not measured"
        ratio = median(found)
        if self.least <= ratio <= self.most:
            return None
        return f"{name} is {ratio:.3f}, {self.least:g} to {self.most:g} expected"


def check(runs: Sequence[Run], claims: Iterable[Claim]) -> None:
    """Fail unless all hold.

    Raises:
        AssertionError: one does not; all that do not are named.
    """
    broken = [why for claim in claims if (why := claim.broken(runs)) is not None]
    assert not broken, "; ".join(broken)
