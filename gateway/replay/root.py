"""Root: the place where an error changes its sign, found in a few costly trials."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_STEEPNESS = 4.0
"""Growth of the error that the first step assumes. Near its capacity an engine's latencies grow
several times as fast as its costs; a step that is too short can be followed by another."""

LEAST_STEEPNESS = 1.0
"""No latency grows more slowly than the costs."""


@dataclass(slots=True)
class _End:
    """One end of the bracket; ``weight`` is the error that the interpolation takes it to have."""

    place: float
    weight: float


class Root:
    """Proposes places for an error that grows with the place: secant steps, then a bracket.

    Once errors of both signs are known, every further place lies between theirs (regula falsi with
    the Illinois rule: an end that stays counts half), so that no steep part throws it off.
    """

    def __init__(self, most_step: float) -> None:
        self._most_step = most_step
        self._last: tuple[float, float] | None = None
        self._low: _End | None = None
        self._high: _End | None = None

    def next(self, place: float, error: float) -> float:
        """The place to try after the one that had this error."""
        self._note(place, error)
        if self._low is not None and self._high is not None:
            found = self._between(self._low, self._high)
        else:
            found = place + self._step(place, error)
        self._last = (place, error)
        return found

    def _note(self, place: float, error: float) -> None:
        same_side = self._last is not None and (self._last[1] > 0) == (error > 0)
        mine, other = (self._high, self._low) if error > 0 else (self._low, self._high)
        if same_side and mine is not None and other is not None:
            other.weight /= 2
        if error > 0:
            self._high = _End(place, error)
        else:
            self._low = _End(place, error)

    @staticmethod
    def _between(low: _End, high: _End) -> float:
        share = -low.weight / max(high.weight - low.weight, 1e-12)
        return low.place + min(max(share, 0.05), 0.95) * (high.place - low.place)

    def _step(self, place: float, error: float) -> float:
        steepness = FIRST_STEEPNESS
        if self._last is not None and place != self._last[0]:
            slope = (error - self._last[1]) / (place - self._last[0])
            steepness = max(slope, LEAST_STEEPNESS)
        return min(max(-error / steepness, -self._most_step), self._most_step)
