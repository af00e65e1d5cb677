"""LengthDistribution: the distribution of an answer's length in tokens, as a few atoms."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from operator import lt, mul


@dataclass(frozen=True, slots=True)
class LengthDistribution:
    """A discrete distribution of output lengths.

    Every property takes time linear in the number of atoms. Sixteen to thirty-two atoms are enough.

    Args:
        tokens: positive token counts, strictly increasing.
        mass: the probability of each token count; the masses sum to 1.

    Raises:
        ValueError: the atoms do not form a distribution.
    """

    tokens: tuple[float, ...]
    mass: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.tokens or len(self.tokens) != len(self.mass):
            raise ValueError(
                f"need as many tokens as masses, got {len(self.tokens)}, {len(self.mass)}"
            )
        if not self.tokens[0] > 0:
            raise ValueError(f"token counts must be positive, got {self.tokens[0]}")
        if not (all(map(lt, self.tokens, self.tokens[1:])) and self.tokens[-1] < math.inf):
            raise ValueError(f"token counts must increase and be finite, got {self.tokens}")
        if min(self.mass) < 0 or not abs(sum(self.mass) - 1) < 1e-6:
            raise ValueError(f"masses must be probabilities that sum to 1, got {self.mass}")

    @classmethod
    def point(cls, tokens: float) -> LengthDistribution:
        """The distribution of a length known exactly."""
        return cls((float(tokens),), (1.0,))

    @classmethod
    def from_samples(cls, samples: Iterable[float], atoms: int = 20) -> LengthDistribution:
        """The empirical distribution of ``samples`` (tokens), thinned to ``atoms`` equal masses.

        Raises:
            ValueError: there are no samples.
        """
        ordered = sorted(max(1.0, float(s)) for s in samples)
        if not ordered:
            raise ValueError("need at least one sample")
        if len(ordered) <= atoms:
            return cls.weighted(ordered, [1.0] * len(ordered))
        picked = [ordered[int((i + 0.5) * len(ordered) / atoms)] for i in range(atoms)]
        return cls.weighted(picked, [1.0] * atoms)

    @classmethod
    def weighted(cls, tokens: Sequence[float], weights: Sequence[float]) -> LengthDistribution:
        """The distribution whose atoms at ``tokens`` have masses proportional to ``weights``.

        The tokens may have any order. The weights of equal tokens are added.

        Raises:
            ValueError: the weights have no positive sum, or the atoms form no distribution.
        """
        merged: dict[float, float] = {}
        for value, weight in zip(map(float, tokens), weights, strict=True):
            merged[value] = merged.get(value, 0.0) + weight
        total = sum(merged.values())
        if not total > 0:
            raise ValueError(f"weights must have a positive sum, got {total}")
        kept = sorted(value for value, weight in merged.items() if weight > 0)
        return cls(tuple(kept), tuple(merged[value] / total for value in kept))

    @property
    def mean(self) -> float:
        """Expected length in tokens."""
        return math.fsum(map(mul, self.tokens, self.mass))

    @property
    def geometric_mean(self) -> float:
        """exp(E[log length]) in tokens, with lengths below 1 counted as 1.

        A long tail moves the geometric mean less than the mean.
        """
        logs = map(math.log, map(max, self.tokens, repeat(1.0)))
        return math.exp(math.fsum(map(mul, logs, self.mass)))

    @property
    def second_moment(self) -> float:
        """Expected squared length, in tokens squared."""
        return sum(t * t * m for t, m in zip(self.tokens, self.mass, strict=True))

    def quantile(self, level: float) -> float:
        """The smallest length whose cumulative probability reaches ``level`` (0 to 1)."""
        for value, reached in zip(self.tokens, accumulate(self.mass), strict=True):
            if reached >= level - 1e-9:
                return value
        return self.tokens[-1]

    def tail_mean(self, level: float) -> float:
        """Expected length of the longest ``1 - level`` of the answers, in tokens (CVaR)."""
        wanted = left = max(1.0 - level, 1e-9)
        total = 0.0
        for value, mass in zip(reversed(self.tokens), reversed(self.mass), strict=True):
            taken = min(mass, left)
            total += taken * value
            left -= taken
            if left <= 1e-12:
                break
        return total / (wanted - max(left, 0.0))

    def capped(self, limit: float) -> LengthDistribution:
        """The distribution of ``min(length, limit)``, for answers cut at ``limit`` tokens."""
        if limit >= self.tokens[-1]:
            return self
        keep = bisect_left(self.tokens, limit)
        tail = math.fsum(self.mass[keep:])  # the numbers below stay the same objects
        tokens = (*self.tokens[:keep], max(1.0, float(limit)))
        return LengthDistribution(tokens, (*self.mass[:keep], tail))

    def survival(self, tokens: float) -> float:
        """The probability of more than so many tokens."""
        return math.fsum(self.mass[bisect_right(self.tokens, tokens) :])

    def mean_remaining(self, attained: float) -> float:
        """The expected tokens yet to come of an answer that has ``attained`` tokens and goes on.

        Past the last atom the forecast says nothing: one more token is expected.
        """
        keep = bisect_right(self.tokens, attained)
        mass = self.mass[keep:]
        alive = sum(mass)
        if not alive > 0:
            return 1.0
        return math.fsum(map(mul, self.tokens[keep:], mass)) / alive - attained
