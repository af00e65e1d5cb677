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

    def check(self, runs: Sequence[Run]) -> None:
        """Fail unless it holds.

        Raises:
            AssertionError: it does not, or nothing was measured that could tell.
        """
        name = f"{self.arm} / {self.control} {self.metric}"
        found = ratios(runs, self.metric, self.arm, self.control)
        assert found, f"{name}: not measured"
        ratio = median(found)
        assert self.least <= ratio <= self.most, (
            f"{name} is {ratio:.3f}, {self.least:g} to {self.most:g} expected"
        )


def check(runs: Sequence[Run], claims: Iterable[Claim]) -> None:
    """Fail unless all hold.

    Raises:
        AssertionError: one does not; all that do not are named.
    """
    broken = []
    for claim in claims:
        try:
            claim.check(runs)
        except AssertionError as error:
            broken.append(str(error))
    assert not broken, "; ".join(broken)
