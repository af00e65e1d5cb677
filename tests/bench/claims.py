"""Claims of the READMEs, checked against the runs of a benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.report import Run, ratios


@dataclass(frozen=True, slots=True)
class Claim:
    """In a metric, the median over the repeats of ``arm`` / ``control`` is within bounds."""

    arm: str
    control: str
    metric: str
    most: float = float("inf")
    least: float = 0.0

    def broken(self, runs: Sequence[Run]) -> str | None:
        """Why the claim does not hold; None if it holds. A metric without runs breaks the claim."""
        name = f"{self.arm} / {self.control} {self.metric}"
        measured = ratios(runs, self.metric, self.arm, self.control)
        if not measured:
            return f"{name}: not measured"
        ratio = median(measured)
        if self.least <= ratio <= self.most:
            return None
        return f"{name} is {ratio:.3f}, {self.least:g} to {self.most:g} expected"


def check(runs: Sequence[Run], claims: Iterable[Claim]) -> None:
    """Check that every claim holds.

    Raises:
        AssertionError: some claims do not hold; the message names each of them.
    """
    broken = [reason for claim in claims if (reason := claim.broken(runs)) is not None]
    assert not broken, "; ".join(broken)
